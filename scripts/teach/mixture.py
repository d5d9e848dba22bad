"""How much of each kind of text the stages of the training see."""

from teach import grammar
from teach.grammar import lookup

# Shares of documents in the first part of the last stage, and in the rest of it.
EARLY = {
    "story": 0.12, "lookup": 0.22, "far": 0.05, "drill": 0.15, "giving": 0.14, "fact": 0.12,
    "capital": 0.05, "copying": 0.12, "numbers": 0.14, "syntax": 0.12,
}
TEXT = {
    "story": 0.12, "lookup": 0.14, "far": 0.05, "drill": 0.06, "giving": 0.14, "fact": 0.10,
    "capital": 0.05, "copying": 0.14, "numbers": 0.24, "syntax": 0.22,
}
EARLY_PART = 0.2


def write(rng, stage, done, level):
    """A document of a stage of which the part `done` (0 to 1) lies behind; level: how far the second
    stage has come."""
    if stage == "lookup":
        return lookup.drill(rng, level)
    return grammar.document(rng, EARLY if done < EARLY_PART else TEXT)


def repeat_rows(stage, done, rows, rng):
    """How many rows of a batch are random tokens repeated."""
    if stage == "lookup":
        return 1
    share = 0.25 if done < EARLY_PART else 0.125
    return int(share * rows + rng.random())


def fact_rows(stage, done):
    """How many rows of a batch hold bare facts, for which a head may have to stay silent."""
    return int(stage == "text" and done >= EARLY_PART)
