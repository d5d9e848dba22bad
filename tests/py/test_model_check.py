#!/usr/bin/env python3
"""Tests scripts/model_check.py: torchless in the place of Hugging Face gives the same arrays, and
what differs is found."""

import contextlib
import io
import os
import sys
import tempfile
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "scripts"))

import model_check  # noqa: E402  first: it finds the environment
import make_checkpoint  # noqa: E402
import torch  # noqa: E402
from lib import recorded_runs  # noqa: E402
from lib.engine_subject import EngineSubject  # noqa: E402
from teach import evaluate  # noqa: E402

TORCHLESS = os.environ.get("TORCHLESS", os.path.join(ROOT, "torchless"))
IDS = [[1, 9, 40, 7, 300, 9, 40, 12], [1, 8, 8, 8, 8, 77, 78, 79]]


class TestSubject(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = cls.enterClassContext(tempfile.TemporaryDirectory())
        model = os.path.join(cls.directory, "model")
        with contextlib.redirect_stderr(io.StringIO()):
            make_checkpoint.main(["--preset", "window", "--layers", "3", "-q", "-o", model])
        engine = cls.enterClassContext(recorded_runs.Engine(TORCHLESS, model))
        cls.ours, cls.theirs = EngineSubject(model, engine), evaluate.Subject(model)

    def same(self, ours, theirs):
        self.assertEqual(theirs.shape, ours.shape)
        self.assertLess(float((ours - theirs).abs().max()), 1e-4)
        self.assertGreater(float(theirs.abs().max()), 1e-3)

    def test_logits(self):
        self.same(self.ours.logits(IDS), self.theirs.logits(IDS))

    def test_silent_heads(self):
        whole = self.ours.logits(IDS)
        with self.ours.without(["L0H1", "L2H3"]), self.theirs.without(["L0H1", "L2H3"]):
            silent = self.ours.logits(IDS)
            self.same(silent, self.theirs.logits(IDS))
        self.assertGreater(float((silent - whole).abs().max()), 1e-2)
        self.same(self.ours.logits(IDS), whole)

    def test_residual_streams_and_lens(self):
        ours, theirs = self.ours.residuals(IDS), self.theirs.residuals(IDS)
        self.assertEqual(4, len(ours))
        for a, b in zip(ours, theirs):
            self.same(a, b)
        read = lambda subject, x: subject.model.lm_head(subject.model.model.norm(x))  # noqa: E731
        with torch.no_grad():
            self.same(read(self.ours, ours[2]), read(self.theirs, theirs[2]))
        self.same(read(self.ours, ours[-1]), self.ours.logits(IDS))

    def test_patterns(self):
        for ours, theirs in zip(self.ours.patterns(IDS), self.theirs.patterns(IDS), strict=True):
            for a, b in zip(ours, theirs, strict=True):
                self.same(torch.from_numpy(a.copy()), torch.from_numpy(b))

    def test_answers(self):
        logits = self.theirs.logits(IDS)
        best, other = int(logits[0, 6].argmax()), int(logits[0, 6].argmin())
        items = []
        for name, last, against in (("free", best, None), ("wrong", other, None),
                                    ("forced", other, best), ("forced right", best, other)):
            ids = IDS[0][:7] + [last]
            items.append({"id": name, "ids": ids, "predict": [6], "against": against})
        answers = self.ours.answers(items)
        self.assertEqual({"free": True, "wrong": False, "forced": False, "forced right": True},
                         answers)
        for item in items:
            self.assertEqual(answers[item["id"]],
                             evaluate.is_right(item, self.theirs.logits([item["ids"]])[0]))


class TestDifferences(unittest.TestCase):
    def test_what_counts(self):
        a = {"x": [1.0, 2.0], "n": {"heads": ["L0H1"], "far": 0.0}, "t": "yes"}
        b = {"x": [1.0005, 2.1], "n": {"heads": ["L0H2"], "far": 1e-9}, "t": "yes"}
        self.assertEqual(["x[1]", "n.heads[0]"],
                         [path for path, _, _ in model_check.differences(a, b)])
        self.assertEqual([], list(model_check.differences(a, a)))
        self.assertEqual([""], [path for path, _, _ in model_check.differences({"a": 1}, {})])

    def test_by_behaviour(self):
        items = [{"id": 1, "behaviour": "a"}, {"id": 2, "behaviour": "a"},
                 {"id": 3, "behaviour": "b"}]
        self.assertEqual({"a": 0.5, "b": 1.0},
                         model_check.by_behaviour(items, {1: True, 2: False, 3: True}))


if __name__ == "__main__":
    unittest.main()
