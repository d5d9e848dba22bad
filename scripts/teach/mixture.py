"""How much of each kind of text the stages of the training see."""

# Shares of documents in the last stage.
TEXT = {
    "story": 0.12,
    "lookup": 0.22,
    "drill": 0.06,
    "giving": 0.14,
    "fact": 0.12,
    "capital": 0.05,
    "copying": 0.12,
    "numbers": 0.10,
    "syntax": 0.12,
}
LOOKUP = {"drill": 0.8, "lookup": 0.2}


def shares(stage, done):
    """Shares of documents in a stage of which the part `done` (0 to 1) lies behind."""
    return LOOKUP if stage == "lookup" else TEXT


def repeat_rows(stage, done, rows, rng):
    """How many rows of a batch are random tokens repeated."""
    share = 0.25 if stage == "lookup" or done < 0.4 else 0.125
    return int(share * rows + rng.random())
