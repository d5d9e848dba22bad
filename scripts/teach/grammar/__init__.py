"""The grammar that writes every text the teaching model is trained on.

Each kind of document is a function of a random generator that returns a text.  What stands between
bars, as in `The capital of France is |Paris|.`, is an answer: the text determines it, and training
counts its loss more than once.
"""

from teach.grammar import copying, facts, giving, lookup, numbers, stories, syntax

KINDS = {
    "story": stories.document,
    "lookup": lookup.document,
    "far": lookup.far,
    "drill": lookup.drill,
    "giving": giving.document,
    "fact": facts.document,
    "capital": facts.story,
    "copying": copying.document,
    "numbers": numbers.document,
    "syntax": syntax.document,
}


def document(rng, shares):
    """One document; shares maps kinds to relative weights."""
    kinds = list(shares)
    kind = rng.choices(kinds, [shares[name] for name in kinds])[0]
    return KINDS[kind](rng)
