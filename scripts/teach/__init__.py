"""How the teaching model of lessons/model comes to be: text, tokenizer, training, evaluation.

docs/teaching-model.md tells how to run it again and what was tried.
"""
