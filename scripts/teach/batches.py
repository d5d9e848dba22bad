"""From documents to rows of ids.  The rows of a step depend on the seed and the step alone."""

import random

import numpy
import torch

from teach.tokenizer import BOS, EOS, SPECIAL

ANSWER_WEIGHT = 3.0  # how often the loss of an answer's token counts


class Row:
    """Ids, the weight of each id as a target, and the number of the document it belongs to."""

    def __init__(self, length):
        self.length, self.ids, self.weights, self.documents = length, [], [], []

    def full(self):
        return len(self.ids) >= self.length

    def add(self, ids, weights):
        number = self.documents[-1] + 1 if self.documents else 0
        self.ids += ids
        self.weights += weights
        self.documents += [number] * len(ids)

    def cut(self):
        return (x[: self.length] for x in (self.ids, self.weights, self.documents))


def fill(length, document):
    """A row of documents, the last one cut off."""
    row = Row(length)
    while not row.full():
        row.add(*document())
    return row


def text_row(rng, encoder, write, length, other_weight=1.0):
    """write: a function of the generator that gives a document with its answers between bars;
    other_weight: what tokens count that are no answers."""
    def document():
        ids, answers = encoder.marked(write(rng))
        weights = [ANSWER_WEIGHT if answer else other_weight for answer in answers]
        return [BOS, *ids, EOS], [0.0, *weights, other_weight]
    return fill(length, document)


def repeat_row(rng, vocabulary, length, longest=59):
    """Random tokens, then the same again, twice or three times; no loss on the first period."""
    def document():
        period = rng.randint(4, longest)
        block = [rng.randrange(len(SPECIAL), vocabulary) for _ in range(period)]
        again = rng.choice((1, 1, 2))
        # Where the second period begins nobody can know.
        weights = [0.0] * (period + 2) + [1.0] * (period - 1) + [1.0] * period * (again - 1)
        return [BOS] + block * (again + 1), weights
    return fill(length, document)


def chunk_row(rng, vocabulary, length):
    """Random tokens among which chunks of what came before come again, at varying distances."""
    ids, weights = [BOS], [0.0]
    while len(ids) < length:
        if len(ids) > 6 and rng.random() < 0.6:
            start = rng.randrange(1, max(2, len(ids) - 3))
            new = ids[start: start + rng.randrange(4, 20)]
            ids, weights = ids + new, weights + [0.0] + [1.0] * (len(new) - 1)
        else:
            size = rng.randrange(3, 14)
            ids = ids + [rng.randrange(3, 3 + vocabulary) for _ in range(size)]
            weights = weights + [0.0] * size
    row = Row(length)
    row.add(ids, weights)
    return row


def tensors(rows):
    """(ids, weights, documents), each [rows, length]."""
    ids, weights, documents = zip(*(row.cut() for row in rows))
    return (torch.from_numpy(numpy.array(ids, dtype=numpy.int64)),
            torch.from_numpy(numpy.array(weights, dtype=numpy.float32)),
            torch.from_numpy(numpy.array(documents, dtype=numpy.int64)))


def generator(seed, stage, step):
    return random.Random(f"{seed} {stage} {step}")
