#!/usr/bin/env python3
"""Does the comparison of edits with Hugging Face see an edit that is made a little otherwise?

Run with .venv/bin/python: it needs torch and transformers (scripts/venv reference).
"""

import os
import sys
import tempfile
import unittest
from unittest import mock

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))

import make_checkpoint  # noqa: E402
import parity_edits  # noqa: E402
import parity_suite  # noqa: E402
from lib.hf_edits import Patched  # noqa: E402

ENGINE = os.environ.get("TORCHLESS", os.path.join(ROOT, "torchless"))
LAYER = "model.layers.1"


class ParityOfEdits(unittest.TestCase):
    """One small model with a window and odd sizes."""

    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.work.cleanup)
        cls.enterClassContext(mock.patch.object(parity_edits, "WORK", cls.work.name))
        path = os.path.join(cls.work.name, "model")
        make_checkpoint.main(["--preset", "gqa-odd", "--window", "5", "-q", "-o", path])
        cls.subject = parity_edits.Subject(parity_suite.Engine(ENGINE), "test", path)
        cls.edits = list(cls.subject.edits((1,)))

    def find(self, point, kind):
        """The edit of that kind at that point."""
        return next(e for e in self.edits if (e.point, e.kind) == (point, kind))

    def test_every_point_and_weight_has_its_edits(self):
        kinds = {}
        for edit in self.edits:
            kinds.setdefault(edit.point, set()).add(edit.kind)
        self.assertEqual(len(kinds), 32 + 12)
        for point, has in kinds.items():
            missing = set(parity_edits.KINDS) - has
            if point.endswith(".weight"):
                self.assertEqual(missing, {"mean"}, point)
            elif point.endswith(":rms"):
                self.assertEqual(missing, {"zero"}, point)
            elif ":scores" in point:
                self.assertEqual(missing, {"mean"}, point)
            else:
                self.assertEqual(missing, set(), point)

    def test_without_an_edit_the_patched_model_is_the_model(self):
        import torch

        values = Patched(self.subject.model).run(self.subject.passes)
        with torch.no_grad():
            plain = self.subject.model(torch.tensor([self.subject.passes[0]])).logits[0].numpy()
        self.assertEqual(values["lm_head:out", 0].tobytes(), plain.tobytes())

    def test_edits_that_are_made_alike_are_equal(self):
        for point, kind in ((f"{LAYER}.self_attn:pattern", "copy"),
                            (f"{LAYER}.input_layernorm:rms", "mean"),
                            (f"{LAYER}.self_attn:k_cache", "add"),
                            (f"{LAYER}.mlp.up_proj.weight", "replace")):
            self.assertLess(self.subject.check(self.find(point, kind)), 1e-9)

    def test_a_little_otherwise_is_seen_where_it_was_made(self):
        otherwise = {
            "scale": lambda line: line | {"value": 1.501},
            "set": lambda line: line | {"select": line["select"].replace("=2", "=1")},
            "copy": lambda line: line | {"from": line["from"].replace("=2:4", "=1:3")},
            "add": lambda line: {key: x for key, x in line.items() if key != "passes"},
            "mean": lambda line: line | {"kind": "zero"},
        }
        plain = parity_edits.recipe
        for point in (f"{LAYER}.mlp:act_mul", f"{LAYER}.self_attn:v_cache"):
            for kind, change in otherwise.items():
                with mock.patch.object(parity_edits, "recipe",
                                       lambda edit, change=change: change(plain(edit))), \
                        self.assertRaisesRegex(parity_edits.Failed, point):
                    self.subject.check(self.find(point, kind))


if __name__ == "__main__":
    unittest.main()
