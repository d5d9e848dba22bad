#!/usr/bin/env python3
"""Tests scripts/model_check.py: torchless in the place of Hugging Face gives the same arrays, what
differs is found, no bound can be missed in silence, and a model with a part taken out fails."""

import contextlib
import copy
import io
import json
import os
import re
import shutil
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
from safetensors.torch import load_file, save_file  # noqa: E402
from teach import evaluate, items as teach_items  # noqa: E402
from teach.model import Config  # noqa: E402

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

    def test_last_logits(self):
        lists = [IDS[0], IDS[1][:5]]
        for ours, theirs in zip(self.ours.last_logits(lists), self.theirs.last_logits(lists),
                                strict=True):
            self.same(ours, theirs)


class TestBounds(unittest.TestCase):
    """Whatever the record of the model that ships says, made a little worse, is a miss."""

    def setUp(self):
        with open(os.path.join(model_check.MODEL, "evaluation.json"), encoding="utf-8") as file:
            self.record = json.load(file)
        # Keys of JSON are text.
        self.record["influence"] = {int(d): x for d, x in self.record["influence"].items()}

    def misses(self, change):
        result = copy.deepcopy(self.record)
        change(result)
        return evaluate.misses(result)

    def test_as_it_is(self):
        self.assertEqual([], evaluate.misses(self.record))

    def test_every_behaviour(self):
        self.assertEqual(set(teach_items.BOUNDS), set(self.record["accuracy"]))
        for name, bound in teach_items.BOUNDS.items():
            def worse(result, name=name, bound=bound):
                result["accuracy"][name] = bound - 0.01
            self.assertEqual([f"{name}: {bound - 0.01:.3f}, promised {bound}"], self.misses(worse))

    def test_everything_inside(self):
        window, reach = Config().window, Config().layers * (Config().window - 1)
        previous, inductive = (self.record["kinds"][kind]["heads"]
                               for kind in ("previous", "induction"))

        def set_to(value, *path):
            def change(result):
                for key in path[:-1]:
                    result = result[key]
                result[path[-1]] = value
            return change
        first, *others = self.record["lens"]["facts"]
        changes = {
            "fluent stories": set_to(teach_items.FLUENT_BOUND - 1, "stories", "fluent"),
            "no single previous-token head": set_to(previous * 2, "kinds", "previous", "heads"),
            "induction heads": set_to(["L0H0"] * 4, "kinds", "induction", "heads"),
            "previous-token scores are not apart": set_to(False, "kinds", "previous", "apart"),
            "induction scores are not apart": set_to(False, "kinds", "induction", "apart"),
            "without the previous-token head":
                set_to(0.2, "ablations", "previous-token head", "induction"),
            "without the induction heads": set_to(0.2, "ablations", "induction heads", "induction"),
            "needs the control head": set_to(0.9, "ablations", "control", "induction"),
            "facts need the previous-token head":
                set_to(0.9, "ablations", "previous-token head", "facts"),
            "facts need the induction heads": set_to(0.9, "ablations", "induction heads", "facts"),
            "facts need the control head": set_to(0.9, "ablations", "control", "facts"),
            "settle in one layer": set_to([first] + others[-1:] * len(others), "lens", "facts"),
            "fails inside": set_to(0.89, "window", f"window-{window - 1}"),
            "reaches beyond": set_to(0.51, "window", f"window-{window}"),
            "influence beyond": set_to(1e-9, "influence", reach + 1),
            "no influence at": set_to(0.0, "influence", reach),
            "does not grow": set_to(self.record["residual"][::-1], "residual"),
            "believed with confidence":
                set_to([c for c in self.record["contradictions"] if c["answer"] != c["lie"]],
                       "contradictions"),
        }
        self.assertTrue(inductive)
        for part, change in changes.items():
            with self.subTest(part):
                found = self.misses(change)
                self.assertEqual(1, len(found), found)
                self.assertIn(part, found[0])


class TestBrokenModel(unittest.TestCase):
    """The model that ships, without one of its heads."""

    @classmethod
    def setUpClass(cls):
        cls.directory = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.broken = os.path.join(cls.directory, "broken")
        with open(os.path.join(model_check.MODEL, "evaluation.json"), encoding="utf-8") as file:
            layer, head = map(int, re.findall(
                r"\d+", json.load(file)["kinds"]["induction"]["heads"][0]))
        shutil.copytree(model_check.MODEL, cls.broken)
        path = os.path.join(cls.broken, "model.safetensors")
        tensors, size = load_file(path), Config().head_dim
        o_proj = tensors[f"model.layers.{layer}.self_attn.o_proj.weight"]
        o_proj[:, head * size: (head + 1) * size] = 0
        save_file(tensors, path, {"format": "pt"})

    def check(self, *args):
        """Exit status and output of model_check."""
        with contextlib.redirect_stderr(io.StringIO()), \
                contextlib.redirect_stdout(io.StringIO()) as out:
            status = model_check.main(["--torchless", TORCHLESS, *args])
        return status, out.getvalue()

    def test_is_found(self):
        status, said = self.check("-m", self.broken, "--quick", "1")
        self.assertEqual(1, status, said)
        self.assertRegex(said, "MISSED +(induction|no or too many|influence|facts)")

    def test_differs_from_hugging_face(self):
        args = model_check.parse(["--torchless", TORCHLESS, "-m", self.broken, "--quick", "4"])
        with contextlib.redirect_stderr(io.StringIO()), \
                recorded_runs.Engine(TORCHLESS, self.broken) as engine:
            check = model_check.Check(args, engine)
            check.right = check.subject.answers(check.items)
            check.window_right = check.subject.answers(check.window)
            check.compare_items(evaluate.Subject(model_check.MODEL))
        self.assertRegex("\n".join(check.problems), "answers [0-9]+ items otherwise")
        self.assertRegex("\n".join(check.problems), "log-probabilities differ by")


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
