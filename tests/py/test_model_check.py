#!/usr/bin/env python3
"""Tests scripts/model_check.py: what it calls a good story, a head of its kind, a settled fact."""

import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts"))

import numpy as np  # noqa: E402

import model_check  # noqa: E402
from lib import findings  # noqa: E402
from teach import grammar, mixture  # noqa: E402


class TestStories(unittest.TestCase):
    known = {"One", "day", "Lily", "was", "happy"}

    def problem(self, text, stop="eos"):
        return model_check.story_problem({"text": text, "stop": stop}, "One day", self.known)

    def test_a_good_one(self):
        self.assertIsNone(self.problem(" Lily was happy. Lily was happy."))

    def test_what_is_wrong(self):
        self.assertEqual("does not end", self.problem(" Lily was happy.", "length"))
        self.assertIn("3 times: Lily was happy", self.problem(". Lily was happy." * 3))
        self.assertEqual("unknown word Lilly", self.problem(" Lilly was happy."))

    def test_the_text_of_the_training_is_known(self):
        known = model_check.known_words()
        rng = random.Random(7)
        for kind in mixture.TEXT:
            if kind != "copying":
                text = grammar.KINDS[kind](rng).replace("|", "")
                self.assertEqual([], [w for w in model_check.words_of(text) if w not in known])


class TestFindings(unittest.TestCase):
    def test_groups(self):
        scores = np.array([[0.1, 0.9, 0.05], [0.2, 0.7, 0.0]])
        self.assertEqual(([(0, 1), (1, 1)], 0.7, 0.2), findings.groups(scores))

    def test_mean_attention(self):
        pattern = np.zeros((1, 1, 6, 6))
        for t in range(2, 6):
            pattern[0, 0, t, t - 2] = t / 10
        self.assertAlmostEqual(0.45, findings.mean_attention(pattern, 2, 4)[0, 0])

    def test_lens(self):
        # The stream itself is the logits; answers 1 and 2, first after layers {1, 2} and {0, 2}.
        streams = {"a": np.eye(3)[[0, 1, 1]], "b": np.eye(3)[[2, 0, 2]]}

        class Model:
            n_layers = 3
            items = [{"id": "a", "behaviour": "facts", "ids": [0, 1]},
                     {"id": "b", "behaviour": "facts", "ids": [0, 2]}]

            def lens(self, x):
                return x

        class Runs:
            def residual(self, n_layers):
                return streams

            def rows(self, pattern):
                return {name: x[-1] + 0.25 for name, x in streams.items()}

        found = findings.lens(Model(), Runs())
        self.assertEqual([0.5, 0.5, 1], found["share"].tolist())
        self.assertEqual([0, 0.5, 0.5], found["settles"])
        self.assertEqual(0.25, found["worst"])


if __name__ == "__main__":
    unittest.main()
