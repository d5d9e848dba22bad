#!/usr/bin/env python3
"""Does the comparison with Hugging Face find bugs, and name the operation that has them?

Each test puts one realistic bug into a copy of a tiny Hugging Face model, records it as if it were
torchless, and asks for the first divergence. The clean runs (chunked, float64) ask for none.
Run with .venv/bin/python: it needs torch and transformers (scripts/venv reference).
"""

import contextlib
import copy
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))

import make_checkpoint  # noqa: E402
import numpy as np  # noqa: E402
import parity  # noqa: E402
import parity_suite  # noqa: E402
import record_hf  # noqa: E402
import torch  # noqa: E402
from lib import compare, points  # noqa: E402
from read_trace import arrays, decode  # noqa: E402
from transformers.models.mistral import modeling_mistral as mistral  # noqa: E402

TORCHLESS = os.path.abspath(os.environ.get("TORCHLESS", os.path.join(ROOT, "torchless")))
IDS = [1, 17, 3, 200, 42, 9, 330, 42, 5, 111, 17]
N = 3
LAYER = "model.layers.%d"


def setUpModule():
    """One model, its reference and its floor serve most tests."""
    global folder, window
    torch.set_num_threads(1)
    folder = tempfile.mkdtemp(prefix="torchless-parity-")
    window = Model("window")


def tearDownModule():
    shutil.rmtree(folder)


class Model:
    """A preset of make_checkpoint.py with its reference and floor recordings."""

    def __init__(self, preset):
        self.directory = os.path.join(folder, preset)
        with contextlib.redirect_stderr(io.StringIO()):
            make_checkpoint.main(["--preset", preset, "-q", "-o", self.directory])
        self.hf = record_hf.load(self.directory)
        self.reference, self.floor = self.directory + ".hf.db", self.directory + ".hf64.db"
        self.generated = record_hf.record(self.hf, self.directory, self.reference, IDS, n=N)
        record_hf.record(record_hf.widened(self.hf), self.directory, self.floor, IDS, n=N,
                         forced=self.generated)

    def candidate(self, model=None, **options):
        """The path of a recording of MODEL, a changed copy, that claims to be of the same model."""
        path = self.directory + ".candidate.db"
        options = {"n": N, "forced": self.generated, **options}
        record_hf.record(model or self.hf, self.directory, path, IDS, **options)
        with contextlib.closing(sqlite3.connect(path)) as db, db:
            db.execute("UPDATE model SET sliding_window=?", (self.hf.config.sliding_window,))
        return path

    def compared(self, path):
        """Compare a candidate; trace_diff() finds the same without a floor, or says why it does not look."""
        self.check_trace_diff(path)
        return compare.compare(self.reference, self.floor, path)

    def check_trace_diff(self, path):
        """The first divergence that the program finds, against that of lib/compare.py."""
        # By elements alone: what a test changed in a file has the hash that it had.
        mine = shutil.copy(path, self.directory + ".asked.db")
        edit(mine, "UPDATE value SET hash = NULL")
        done = subprocess.run([TORCHLESS, "query", "-t", mine, "--json", "first-divergence", f"reference={self.reference}"],
                              capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), done
        found = json.loads(done.stdout)
        if found["but"] and "the pass reads" in found["but"]:
            return
        failures = [(place, problem) for place, problem, *_ in compare.compare(self.reference, None, path).failures
                    if not place.fqn.startswith("token:") and not problem.startswith(("top-1", "the 10 likeliest"))]
        if not failures:
            assert found["point"] == "no divergence", found
            return
        (place, problem) = failures[0]
        assert (found["point"], found["pass"]) == (place.fqn, place.idx), (found, place, problem)
        # Of scores Hugging Face has numbers behind the mask, too; where logits break two limits one is told.
        if problem.startswith(("NMSE", "max-abs")) and not place.fqn.endswith(":scores"):
            assert found["problem"] == problem, (found, problem)


def edit(path, sql, *values):
    """Change a recording."""
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        done = db.execute(sql, values)
        assert done.rowcount, "the edit changed nothing"


def change_dumps(path, pattern, change):
    """Replace the dumps of points whose name matches: CHANGE gets a writable array."""
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        found = db.execute(
            "SELECT c.rowid, t.shape, c.data FROM value v JOIN point p ON p.id=v.point_id "
            "JOIN tensor t ON t.id=v.tensor_id JOIN tensor_chunk c ON c.tensor_id=t.id "
            "WHERE p.fqn GLOB ? ORDER BY v.id", (pattern,)
        ).fetchall()
        assert found, "no dump matches"
        for number, shape, data in found:
            array = decode(data, "f32", shape).copy()
            change(array)
            db.execute(
                "UPDATE tensor_chunk SET data=? WHERE rowid=?", (array.tobytes(), number))


def patched_record(name, function, **options):
    """A candidate whose modeling code has another NAME, in the model and in the recorder alike."""
    with mock.patch.object(mistral, name, function):
        return window.candidate(**options)


class Clean(unittest.TestCase):
    """Runs that must pass."""

    def check(self, path):
        result = window.compared(path)
        self.assertTrue(result.ok, parity.report(result))
        return result

    def test_same_run_is_equal_to_the_last_bit(self):
        result = self.check(window.candidate(forced=None))
        self.assertEqual(set(result.kinds), set(compare.AXES))
        self.assertEqual(0, max(kind.worst("max_abs").max_abs for kind in result.kinds.values()))
        self.assertEqual(len(IDS) + N - 1, result.logits.rows)

    def test_float64_is_within_tolerance_and_not_equal(self):
        result = self.check(window.floor)
        self.assertGreater(result.kinds["model.norm:out"].worst("max_abs").max_abs, 0)

    def test_prefill_in_several_passes_is_aligned(self):
        for chunk in (1, 4, 7):
            with self.subTest(chunk=chunk):
                path = window.candidate(chunk=chunk)
                passes = {number for _, number, _, _ in arrays(path)}
                self.assertEqual(-(-len(IDS) // chunk) + N - 1, len(passes))
                self.check(path)

    def test_masked_scores_are_not_compared(self):
        def mask(scores):
            _, n_q, n_k = scores.shape
            scores[:, ~record_hf.allowed_keys(n_k - n_q, n_q, 5).numpy()] = -np.inf

        path = window.candidate()
        change_dumps(path, "*:scores", mask)
        self.check(path)


class Bugs(unittest.TestCase):
    """Bugs whose first divergence must be the operation that has them."""

    def first(self, path, fqn, number=0, of=None):
        result = (of or window).compared(path)
        self.assertIsNotNone(result.first, "no divergence found")
        place = result.first[0]
        self.assertEqual((fqn, number), (place.fqn, place.idx), parity.failure_text(result.first))
        return result

    def test_eps(self):
        tiny = Model("tiny-norm")
        model = copy.deepcopy(tiny.hf)
        model.model.layers[1].post_attention_layernorm.variance_epsilon = 1e-6
        self.first(tiny.candidate(model), LAYER % 1 + ".post_attention_layernorm:rms", of=tiny)

    def test_eps_is_invisible_at_ordinary_activations(self):
        """Why the suite has tiny activations: this bug passes without them."""
        model = copy.deepcopy(window.hf)
        model.model.norm.variance_epsilon *= 1.00001
        self.assertTrue(window.compared(window.candidate(model)).ok)

    def test_window_is_off_by_one(self):
        for size in (4, 6, None):
            with self.subTest(size=size):
                model = copy.deepcopy(window.hf)
                model.config.sliding_window = size
                self.first(window.candidate(model), LAYER % 0 + ".self_attn:scores_masked")

    def test_window_off_by_one_in_decode_only(self):
        def mask(pos0, n_tok, size):
            return allowed(pos0, n_tok, size + 1 if n_tok == 1 else size)

        def update(model, *args):
            model.config.sliding_window = 6 if args[1].shape[1] == 1 else 5
            return causal(model, *args)

        allowed, causal = record_hf.allowed_keys, mistral.MistralModel._update_causal_mask
        with mock.patch.object(record_hf, "allowed_keys", mask), \
                mock.patch.object(mistral.MistralModel, "_update_causal_mask", update):
            path = window.candidate(copy.deepcopy(window.hf))
        self.first(path, LAYER % 0 + ".self_attn:scores_masked", 1)

    def test_recorder_refuses_another_mask_than_it_believes_in(self):
        with mock.patch.object(record_hf, "allowed_keys", causal_mask):
            with self.assertRaisesRegex(RuntimeError, "self_attn:z differs"):
                window.candidate()

    def test_heads_mapped_to_kv_heads_by_modulo(self):
        path = patched_record("repeat_kv", lambda x, n: x.repeat(1, n, 1, 1))
        self.first(path, LAYER % 0 + ".self_attn:scores")

    def test_rope_rotates_adjacent_pairs(self):
        def rotate(x):
            return torch.stack((-x[..., 1::2], x[..., ::2]), dim=-1).flatten(-2)

        self.first(patched_record("rotate_half", rotate), LAYER % 0 + ".self_attn:q_rot")

    def test_rope_turns_the_other_way(self):
        def rotate(x):
            return torch.cat((x[..., x.shape[-1] // 2 :], -x[..., : x.shape[-1] // 2]), dim=-1)

        self.first(patched_record("rotate_half", rotate), LAYER % 0 + ".self_attn:q_rot")

    def test_rope_theta(self):
        model = copy.deepcopy(window.hf)
        for layer in model.model.layers:
            layer.self_attn.rotary_emb.inv_freq *= 0.999
        self.first(window.candidate(model), "model.rotary_emb:cos")

    def test_positions_restart_in_decode(self):
        forward = mistral.MistralRotaryEmbedding.forward

        def restarted(module, x, position_ids):
            return forward(module, x, position_ids - (1 if position_ids.shape[1] == 1 else 0))

        with mock.patch.object(mistral.MistralRotaryEmbedding, "forward", restarted):
            path = window.candidate()
        self.first(path, "model.rotary_emb:cos", 1)

    def test_weight_of_the_last_layer(self):
        model = copy.deepcopy(window.hf)
        model.model.layers[2].self_attn.q_proj.weight.data *= 1.001
        self.first(window.candidate(model), LAYER % 2 + ".self_attn.q_proj:out")

    def test_activation(self):
        model = copy.deepcopy(window.hf)
        model.model.layers[1].mlp.act_fn = torch.nn.GELU()
        self.first(window.candidate(model), LAYER % 1 + ".mlp.act_fn:out")

    def test_gate_and_up_swapped(self):
        model = copy.deepcopy(window.hf)
        mlp = model.model.layers[0].mlp
        mlp.gate_proj, mlp.up_proj = mlp.up_proj, mlp.gate_proj
        self.first(window.candidate(model), LAYER % 0 + ".mlp.gate_proj:out")

    def test_cache_rounded_to_f16(self):
        update = record_hf.transformers.DynamicCache.update

        def rounded(cache, keys, values, *rest):
            return update(cache, keys, values.half().float(), *rest)

        with mock.patch.object(record_hf.transformers.DynamicCache, "update", rounded), \
                mock.patch.object(record_hf.Tap, "_same", lambda *_: None):
            path = window.candidate()
        self.first(path, LAYER % 0 + ".self_attn:v_cache")

    def test_one_element(self):
        def change(array):
            if len(array) == len(IDS):
                array[3, 7] += 1e-3

        path = window.candidate()
        change_dumps(path, "model.layers.1:resid_mid", change)
        result = self.first(path, "model.layers.1:resid_mid")
        self.assertEqual("pos=3, d_model=7", result.first[2].where())
        self.assertEqual(1, len(result.failures))

    def test_an_outlier_position_hides_nothing(self):
        """Trained models have one position a thousand times larger than the rest."""
        a = np.ones((4, 8), np.float32)
        a[0] *= 20000
        b = a.copy()
        b[2] += 1e-4
        place = compare.Place("model.layers.0:out", 0, 10, 14)
        self.assertLess(((a - b) ** 2).sum() / (a * a).sum(), 1e-16)
        self.assertIn("NMSE 1e-08 > 1e-09 at pos=12", compare.Measure(place, a, b).problem())

    def test_nan(self):
        model = copy.deepcopy(window.hf)
        model.model.layers[1].mlp.down_proj.weight.data[5] = float("nan")
        self.first(window.candidate(model), LAYER % 1 + ".mlp.down_proj:out")

    def test_missing_point_is_named(self):
        path = window.candidate()
        edit(path, "UPDATE value SET tensor_id=NULL WHERE point_id="
             "(SELECT id FROM point WHERE fqn='model.layers.1.self_attn:z')")
        result = window.compared(path)
        self.assertFalse(result.ok)
        self.assertIn("model.layers.1.self_attn:z pass 0", result.missing)
        self.assertIn("missing: model.layers.1.self_attn:z", parity.report(result))

    def test_other_choice_than_the_logits_say(self):
        path = window.candidate(forced=[window.generated[0], 77, 78])
        result = self.first(path, "token:token_id", None)
        self.assertIn(f"pos={len(IDS) + 1}", result.first[1])

    def test_logprob(self):
        path = window.candidate()
        edit(path, "UPDATE token SET logprob=logprob+0.01 WHERE pos=4")
        self.first(path, "token:logprob", None)


def causal_mask(pos0, n_tok, _window):
    """allowed_keys() as if there were no window."""
    return torch.ones(n_tok, pos0 + n_tok, dtype=torch.bool).tril(pos0)


class Command(unittest.TestCase):
    """Exit statuses and forms of scripts/parity.py."""

    def run_parity(self, *args):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            with mock.patch.object(sys, "argv", ["parity.py", *args]):
                with self.assertRaises(SystemExit) as end:
                    parity.run_main(parity.main)
        return end.exception.code, out.getvalue(), err.getvalue()

    def test_equal(self):
        path = window.candidate()
        status, out, _ = self.run_parity(window.reference, window.floor, path)
        self.assertEqual(0, status)
        self.assertIn("equal within tolerance", out)
        status, out, _ = self.run_parity(window.reference, "-", path, "--markdown")
        self.assertEqual(0, status)
        self.assertIn("| `layers.*.self_attn:z` |", out)

    def test_diverged(self):
        model = copy.deepcopy(window.hf)
        model.model.layers[1].self_attn.o_proj.weight.data *= 1.001
        status, out, _ = self.run_parity(window.reference, window.floor, window.candidate(model))
        self.assertEqual(1, status)
        fqn = "model.layers.1.self_attn.o_proj:out"
        self.assertTrue(out.startswith(f"first divergence: {fqn}"), out)
        status, out, _ = self.run_parity(
            window.reference, window.floor, window.candidate(model), "--json")
        report = json.loads(out)
        self.assertEqual((1, False), (status, report["ok"]))
        self.assertEqual(fqn, report["failures"][0]["fqn"])

    def test_not_the_same_thing(self):
        path = window.candidate()
        edit(path, "UPDATE token SET token_id=8 WHERE pos=2")
        status, _, err = self.run_parity(window.reference, window.floor, path)
        self.assertEqual(2, status)
        self.assertIn("the prompt is", err)
        edit(path, "UPDATE model SET weights_xxh3=zeroblob(16)")
        status, _, err = self.run_parity(window.reference, window.floor, path)
        self.assertEqual(2, status)
        self.assertIn("the weights of", err)
        edit(path, "UPDATE model SET n_kv_heads=4")
        status, _, err = self.run_parity(window.reference, window.floor, path)
        self.assertEqual(2, status)
        self.assertIn("n_kv_heads is 2", err)

    def test_no_recording(self):
        for path in ("/nonexistent.db", __file__):
            status, _, err = self.run_parity(window.reference, window.floor, path)
            self.assertEqual(2, status)
            self.assertIn(path, err)
        status, _, err = self.run_parity(window.floor, window.floor, window.reference)
        self.assertEqual(2, status)
        self.assertIn("computed in f64, not f32", err)


class StandIn:
    """Hugging Face in torchless's place, for the suite: its MODEL may be changed."""

    def __init__(self, change=lambda model: None, text=None):
        self.change, self.text = change, text

    def kernels(self):
        return ["torch"]

    def trace(self, directory, out, ids, n, options, kernels):
        assert kernels == "torch"
        model = record_hf.load(directory)
        self.change(model)
        chunk = int(options[1]) if "--chunk" in options else None
        record_hf.record(model, directory, out, ids, n=n, chunk=chunk)

    def run(self, *args):
        return b"torchless 0.1.0\n" if args == ("--version",) else self.text


class Suite(unittest.TestCase):
    """scripts/parity_suite.py with a stand-in for torchless."""

    def run_suite(self, engine, *args):
        out, err = io.StringIO(), io.StringIO()
        with mock.patch.object(parity_suite, "WORK", os.path.join(folder, "work")), \
                mock.patch.object(parity_suite, "Engine", lambda path: engine), \
                contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = parity_suite.main(["--quick", *args])
        return status, out.getvalue() + err.getvalue()

    def test_equal(self):
        path = os.path.join(folder, "parity.md")
        status, said = self.run_suite(
            StandIn(), "--only", "window-chunk", "--only", "linear-rope", "--write", path)
        self.assertEqual(0, status, said)
        self.assertIn("2 cases", said)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.assertIn("| `layers.*.self_attn:pattern` | 24 |", text)
        self.assertIn("| window-chunk | that window, read four", text)

    def test_diverged(self):
        def change(model):
            model.model.layers[1].mlp.up_proj.weight.data *= 1.001

        status, said = self.run_suite(StandIn(change), "--only", "plain")
        self.assertEqual(1, status)
        self.assertIn("first divergence: model.layers.1.mlp.up_proj:out", said)
        self.assertIn("FAILED: plain", said)
        kept = os.path.join(folder, "work", "plain")
        self.assertEqual(["hf.db", "hf64.db", "torchless.db"], sorted(os.listdir(kept)))

    def test_fast(self):
        path = os.path.join(folder, "fast.md")
        status, said = self.run_suite(StandIn(), "--only", "fast-bf16", "--write", path)
        self.assertEqual(0, status, said)
        with open(path, encoding="utf-8") as file:
            self.assertIn("| fast-bf16 | weights in bf16 | 13 + 3 |", file.read())

    def test_fast_product(self):
        def change(model):
            model.model.layers[1].mlp.up_proj.weight.data *= 1.01

        status, said = self.run_suite(StandIn(change), "--only", "fast-bf16")
        self.assertEqual(1, status)
        self.assertIn("a product by itself has NMSE 0.0001 > 1e-09", said)

    def test_fast_logits(self):
        def change(model):
            model.model.norm.weight.data *= 1.05

        status, said = self.run_suite(StandIn(change), "--only", "fast-bf16")
        self.assertEqual(1, status)
        self.assertIn("the logits have NMSE 0.0025 > 1e-04", said)

    def test_text_differs(self):
        with mock.patch.object(parity_suite, "OF_SMOLLM2", parity_suite.OF_SMOLLM2[:1]):
            status, said = self.run_suite(
                StandIn(text=b" nothing\n"), "--only", "capital", "-m", window.directory)
        self.assertEqual(1, status)
        self.assertIn("greedy text differs", said)


class Recording(unittest.TestCase):
    """What record_hf.py writes, beside the numbers."""

    def setUp(self):
        self.db = sqlite3.connect(window.reference)
        self.addCleanup(self.db.close)

    def one(self, sql, *values):
        return self.db.execute(sql, values).fetchone()[0]

    def test_every_point_of_every_layer(self):
        table, _ = points.read()
        expected = [f"{p.module}:{p.name}" for _, p in points.expand(table, 3)]
        first = [fqn for fqn, number, _, _ in arrays(window.reference) if number == 0]
        self.assertEqual(sorted(expected), sorted(first))

    def test_aliases_point_at_what_they_name(self):
        alias = "SELECT p.fqn FROM point_alias a JOIN point p ON p.id=a.point_id WHERE alias=?"
        for name, fqn in (
            ("model.layers.0:in", "model.embed_tokens:out"),
            ("model.layers.2:resid_pre", "model.layers.1:out"),
            ("blocks.2.hook_resid_pre", "model.layers.1:out"),
            ("model.layers.1.self_attn:out", "model.layers.1.self_attn.o_proj:out"),
            ("model.layers.1.mlp:out", "model.layers.1.mlp.down_proj:out"),
            ("L1.attn.pattern", "model.layers.1.self_attn:pattern"),
            ("L2.ln1", "model.layers.2.input_layernorm:out"),
            ("norm.rms", "model.norm:rms"),
        ):
            self.assertEqual(fqn, self.one(alias, name))

    def test_spans_are_intervals(self):
        layer = self.db.execute(
            "SELECT id, last_id FROM v_span WHERE module='model.layers.1' AND pass=1").fetchone()
        inside = self.db.execute(
            "SELECT DISTINCT module FROM v_span WHERE id>? AND id<=?", layer).fetchall()
        self.assertIn(("model.layers.1.mlp.down_proj",), inside)
        expected = ("model.layers.1.", "model.rotary_emb")
        self.assertTrue(all(path.startswith(expected) for path, in inside), inside)
        unended = "SELECT count(*) FROM span WHERE last_id IS NULL OR dur IS NULL"
        self.assertEqual(0, self.one(unended))

    def test_statistics_are_those_of_the_dump(self):
        for fqn, number, _, array in arrays(window.reference, "model.layers.2*"):
            row = self.db.execute(
                "SELECT vmin, vmax, mean, std, l2, absmax, absmax_at, n_ninf, numel FROM v_value "
                "WHERE fqn=? AND pass=?", (fqn, number)).fetchone()
            finite = array[np.isfinite(array)].astype(np.float64)
            expected = (finite.min(), finite.max(), finite.mean(), finite.std(),
                        np.linalg.norm(finite), np.abs(finite).max())
            np.testing.assert_allclose(row[:6], expected, rtol=1e-9, atol=1e-12, err_msg=fqn)
            self.assertEqual(row[5], abs(array.flat[row[6]]))
            self.assertEqual((np.isneginf(array).sum(), array.size), row[7:])

    def test_shapes_follow_the_axes(self):
        shape = {
            fqn: array.shape for fqn, number, _, array in arrays(window.reference) if number == 1
        }
        config, total = window.hf.config, len(IDS) + 1
        attention = LAYER % 0 + ".self_attn"
        self.assertEqual((1, config.num_attention_heads, 12), shape[attention + ".q_proj:out"])
        self.assertEqual((1, config.num_key_value_heads, 12), shape[attention + ":k_cache"])
        self.assertEqual((config.num_attention_heads, 1, total), shape[attention + ":pattern"])
        self.assertEqual((1, config.vocab_size), shape["lm_head:out"])

    def test_candidates_and_tokens(self):
        self.assertEqual(20 * (len(IDS) + N - 1), self.one("SELECT count(*) FROM v_cand"))
        last = len(IDS) - 1
        best = self.one("SELECT token_id FROM v_cand WHERE pos=? AND rank=0", last)
        chosen = self.db.execute(
            "SELECT token_id, rank, source FROM v_token WHERE pos=?", (last + 1,)).fetchone()
        self.assertEqual((best, 0, "generated"), chosen)
        self.assertEqual(len(IDS) + N, self.one("SELECT count(*) FROM v_token"))
        self.assertEqual("bos", self.one("SELECT source FROM v_token WHERE pos=0"))

    def test_database_is_sound(self):
        self.assertEqual("ok", self.one("PRAGMA integrity_check"))
        self.assertEqual([], self.db.execute("PRAGMA foreign_key_check").fetchall())

    def test_nothing_is_left_of_a_failed_recording(self):
        path = os.path.join(folder, "never.db")
        with self.assertRaises(IndexError):
            record_hf.record(window.hf, window.directory, path, [1, 99999])
        self.assertEqual([], [name for name in os.listdir(folder) if "never" in name])


if __name__ == "__main__":
    unittest.main()
