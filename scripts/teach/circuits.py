"""How circuits are measured.  Definitions only: arrays in, numbers out, whoever made them.

A pattern is an array [heads, T, T]: the attention of each head, rows are queries.  "Repeated random
tokens" are <s>, then a period of different random tokens, then the same period again.

    previous-token score   mean attention from a position to the one before it, over all positions
                           but the first two (<s> has none, and who follows <s> may only see <s>)
    induction score        mean attention from a position of the second period to the position after
                           the same token's first occurrence
    self score             mean attention from a position to itself
    sink score             mean attention to position 0, from position 8 to the end of the window
    zeroing a head         its z, the weighted sum of values before o_proj, is 0 at all positions
    lens after layer n     argmax of lm_head(norm(resid_post of layer n)); layer 0 is the embedding
    influence              the largest absolute difference of the last position's logits when one
                           token of the input is replaced by another
"""

import random

from teach.tokenizer import BOS, SPECIAL, VOCABULARY

CLEAR = 0.5  # a head is of a kind when its score is above this
PERIOD = 24


def repeated(count, period=PERIOD, seed="repeated", vocabulary=VOCABULARY):
    """`count` lists of 1 + 2 * period ids."""
    rng = random.Random(seed)
    blocks = (rng.sample(range(len(SPECIAL), vocabulary), period) for _ in range(count))
    return [[BOS] + block + block for block in blocks]


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def previous_token_score(pattern, head):
    return mean(float(pattern[head][t][t - 1]) for t in range(2, len(pattern[head])))


def induction_score(pattern, head, period=PERIOD):
    """Position t holds the token of t - period; what followed that one is at t - period + 1."""
    return mean(float(pattern[head][t][t - period + 1]) for t in range(period + 1, 2 * period + 1))


def self_score(pattern, head):
    return mean(float(pattern[head][t][t]) for t in range(2, len(pattern[head])))


def sink_score(pattern, head, window):
    return mean(float(pattern[head][t][0]) for t in range(8, min(len(pattern[head]), window)))


def of_a_kind(scores):
    """The names of the heads whose score is above CLEAR; scores: {"L0H1": score}."""
    return [name for name, score in scores.items() if score > CLEAR]


def apart(scores):
    """Whether the heads of the kind stand out: every other score is below half of their lowest."""
    chosen = of_a_kind(scores)
    rest = [score for name, score in scores.items() if name not in chosen]
    return not chosen or max(rest, default=0) < min(scores[name] for name in chosen) / 2
