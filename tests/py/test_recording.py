#!/usr/bin/env python3
"""Does a recording say the truth about the numbers in it?

A random checkpoint is traced with every element dumped; numpy recomputes from the dumps whatever
the recording claims beside them: statistics, positions, hashes, probabilities, answers of the saved
queries. Run with .venv/bin/python; needs ./torchless.
"""

import contextlib
import csv
import ctypes
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))

import make_checkpoint  # noqa: E402
import numpy as np  # noqa: E402
from read_trace import arrays, decode  # noqa: E402

TORCHLESS = os.environ.get("TORCHLESS", os.path.join(ROOT, "torchless"))
IDS = [1, 17, 3, 200, 42, 9, 330, 42, 5, 111, 17]
N = 4


def torchless(*args, fails=False):
    """The standard output of a command of the checkpoint in `folder`."""
    env = os.environ | {"TORCHLESS_MODEL": os.path.join(folder, "model")}
    done = subprocess.run(
        [TORCHLESS, *args], cwd=folder, env=env, capture_output=True, check=False
    )
    if (done.returncode != 0) != fails:
        raise AssertionError(f"{args}: exit {done.returncode}: {done.stderr.decode()}")
    return (done.stderr if fails else done.stdout).decode()


def trace(name, *args):
    """A recording of the checkpoint, opened."""
    ids = " ".join(map(str, IDS))
    torchless("trace", "-q", "--prompt-ids", "-n", str(N), "-o", name, *args, ids)
    db = sqlite3.connect(os.path.join(folder, name))
    db.row_factory = sqlite3.Row
    return db


def saved(name, *args):
    """The rows of a saved query on full.db, as dictionaries."""
    answer = torchless("query", "-t", "full.db", "--csv", name, *args)
    return list(csv.DictReader(io.StringIO(answer)))


def setUpModule():
    """One checkpoint with a window and grouped heads, and one recording with everything in it."""
    global folder, full, dumps
    folder = tempfile.mkdtemp(prefix="torchless-recording-")
    with contextlib.redirect_stderr(io.StringIO()):
        make_checkpoint.main(["--preset", "window", "-q", "-o", os.path.join(folder, "model")])
    full = trace("full.db", "--capture", "*")
    dumps = {(fqn, number): array for fqn, number, _, array in arrays(full)}


def tearDownModule():
    full.close()
    shutil.rmtree(folder)


def xxh3(payload):
    """XXH3-64 by the library itself, as SQLite's signed number."""
    library = ctypes.CDLL("libxxhash.so.0")
    library.XXH3_64bits.restype = ctypes.c_int64
    return library.XXH3_64bits(payload, ctypes.c_size_t(len(payload)))


def log_softmax(logits):
    """In f64, over the last axis."""
    wide = logits.astype(np.float64)
    wide = wide - wide.max(axis=-1, keepdims=True)
    return wide - np.log(np.exp(wide).sum(axis=-1, keepdims=True))


class Values(unittest.TestCase):
    """v_value against the elements."""

    def close(self, told, true, what, scale=1.0):
        """Equal to what the order of an f64 sum may change."""
        self.assertLessEqual(abs(told - true), 1e-12 * max(scale, abs(true)), what)

    def test_every_value_is_dumped_whole(self):
        rows = full.execute("SELECT fqn, pass, shape FROM v_value").fetchall()
        self.assertEqual(len(rows), full.execute("SELECT count(*) FROM point").fetchone()[0] * N)
        for row in rows:
            shape = tuple(int(n) for n in row["shape"].split(","))
            self.assertEqual(dumps[row["fqn"], row["pass"]].shape, shape, row["fqn"])

    def test_statistics(self):
        for row in full.execute("SELECT * FROM v_value"):
            flat = dumps[row["fqn"], row["pass"]].reshape(-1)
            finite = flat[np.isfinite(flat)].astype(np.float64)
            size = np.where(np.isfinite(flat), np.abs(flat), -1)
            scale = float(np.abs(finite).max())
            self.close(row["mean"], finite.mean(), row["fqn"], scale)
            # E[x^2] - E[x]^2 loses half the digits where the values hardly differ.
            self.assertLessEqual(abs(row["std"] - finite.std()), 1e-7 * scale, row["fqn"])
            self.close(row["l2"], np.sqrt((finite * finite).sum()), row["fqn"])
            self.assertEqual((row["vmin"], row["vmax"]), (finite.min(), finite.max()))
            self.assertEqual((row["absmax"], row["absmax_at"]), (size.max(), size.argmax()))
            names = ("n_nan", "n_pinf", "n_ninf", "n_zero", "n_sub", "numel")
            counts = [row[name] for name in names]
            tiny = np.finfo(np.float32).tiny
            self.assertEqual(counts, [
                np.isnan(flat).sum(), (flat == np.inf).sum(), (flat == -np.inf).sum(),
                (flat == 0).sum(), ((size > 0) & (size < tiny)).sum(), flat.size])

    def test_hashes_are_those_of_the_bytes(self):
        for row in full.execute("SELECT fqn, pass, hash FROM v_value"):
            payload = np.ascontiguousarray(dumps[row["fqn"], row["pass"]], "<f4").tobytes()
            self.assertEqual(row["hash"], xxh3(payload), row["fqn"])

    def test_statistics_of_positions(self):
        rows = full.execute("""
            SELECT v.fqn, v.pass, p.pos - v.pos0 at, p.l2, p.absmax, p.mean, p.std
            FROM v_position p JOIN v_value v ON v.id = p.value_id""").fetchall()
        self.assertEqual(len(rows), full.execute("SELECT sum(n_tok) FROM v_value").fetchone()[0])
        for row in rows:
            array = dumps[row["fqn"], row["pass"]]
            by_head = row["fqn"].endswith((":scores", ":scores_masked", ":pattern"))
            part = (array[:, row["at"]] if by_head else array[row["at"]]).reshape(-1)
            part = part[np.isfinite(part)].astype(np.float64)
            true = [np.sqrt((part * part).sum()), np.abs(part).max(), part.mean(), part.std()]
            told = [row["l2"], row["absmax"], row["mean"], row["std"]]
            # f32 rounds to 6e-8; std loses more when there is little of it.
            np.testing.assert_allclose(told, true, rtol=1e-6, atol=1e-6 * max(true[1], 1e-30))

    def test_masked_scores_hold_what_nobody_may_see(self):
        scores = dumps["model.layers.1.self_attn:scores_masked", 0]
        pattern = dumps["model.layers.1.self_attn:pattern", 0]
        q, k = np.indices(scores.shape[1:])
        hidden = (k > q) | (k <= q - 5)
        self.assertTrue((scores[:, hidden] == -np.inf).all())
        self.assertTrue((pattern[:, hidden] == 0).all())
        np.testing.assert_allclose(pattern.sum(axis=-1), 1, rtol=1e-6)
        self.assertEqual(full.execute("SELECT count(*) FROM v_bad").fetchone()[0], 0)


class Tokens(unittest.TestCase):
    """v_token and v_cand against the dumped logits."""

    def setUp(self):
        rows = [dumps["lm_head:out", number] for number in range(N)]
        self.logits = np.concatenate(rows)
        self.logprobs = log_softmax(self.logits)

    def test_what_the_model_thought_of_each_token(self):
        rows = full.execute("SELECT * FROM v_token ORDER BY pos").fetchall()
        self.assertEqual([row["token_id"] for row in rows[: len(IDS)]], IDS)
        self.assertEqual(len(rows), len(IDS) + N)
        self.assertIsNone(rows[0]["logprob"])
        for row in rows[1:]:
            before = self.logprobs[row["pos"] - 1]
            logit = self.logits[row["pos"] - 1]
            self.assertAlmostEqual(row["logprob"], before[row["token_id"]], places=5)
            self.assertEqual(row["rank"], (logit > logit[row["token_id"]]).sum())
            self.assertAlmostEqual(row["entropy"], -(np.exp(before) * before).sum(), places=5)

    def test_candidates_are_the_likeliest(self):
        for pos, logits in enumerate(self.logits):
            query = "SELECT * FROM v_cand WHERE pos = ? ORDER BY rank"
            rows = full.execute(query, (pos,)).fetchall()
            self.assertGreaterEqual(len(rows), 20)
            order = np.argsort(-logits, kind="stable")[: len(rows)]
            self.assertEqual([row["token_id"] for row in rows], order.tolist())
            np.testing.assert_array_equal([row["logit"] for row in rows], logits[order])
            np.testing.assert_allclose([row["logprob"] for row in rows], self.logprobs[pos][order],
                                       atol=1e-5)


class Saved(unittest.TestCase):
    """Saved queries against numpy."""

    def test_residual(self):
        rows = saved("residual")
        self.assertEqual([row["layer"] for row in rows], ["embed", "0", "1", "2"])
        names = ["model.embed_tokens:out"] + [f"model.layers.{i}:out" for i in range(3)]
        for row, name in zip(rows, names):
            self.assertAlmostEqual(float(row["l2"]), np.linalg.norm(dumps[name, 0][-1]), places=2)

    def test_quiet_layers(self):
        share = [(np.linalg.norm(dumps[f"model.layers.{i}.self_attn.o_proj:out", 0][-1]) +
                  np.linalg.norm(dumps[f"model.layers.{i}.mlp.down_proj:out", 0][-1])) /
                 np.linalg.norm(dumps[f"model.layers.{i}:out", 0][-1]) for i in range(3)]
        rows = saved("quiet-layers")
        self.assertEqual([int(row["layer"]) for row in rows], np.argsort(share).tolist())

    def test_next(self):
        probability = np.exp(log_softmax(dumps["lm_head:out", 0][3]))
        rows = saved("next", "pos=3", "n=4")
        likeliest = np.argsort(-probability)[:4].tolist()
        self.assertEqual([int(row["token_id"]) for row in rows], likeliest)
        for row in rows:
            self.assertAlmostEqual(float(row["percent"]), 100 * probability[int(row["token_id"])],
                                   delta=0.01)

    def test_big_values(self):
        largest = max(np.abs(array[np.isfinite(array)]).max() for array in dumps.values())
        self.assertAlmostEqual(float(saved("big-values", "n=1")[0]["absmax"]), largest, places=2)

    def test_time_is_spent_inside_the_pass(self):
        rows = {row["part"]: float(row["ms"]) for row in saved("time")}
        self.assertGreater(rows["all"], 0)
        rounding = 0.0005 * len(rows)  # each is printed to three digits
        self.assertLessEqual(sum(rows.values()) - rows["all"], rows["all"] + rounding)

    def test_dumps(self):
        total = sum(int(row["bytes"]) for row in saved("dumps", "n=1000000"))
        self.assertEqual(total, sum(array.nbytes for array in dumps.values()))

    def test_first_bad_is_nowhere(self):
        self.assertEqual(saved("first-bad"), [])


class Captures(unittest.TestCase):
    """--capture keeps what it names, and the numbers do not depend on it."""

    def test_default(self):
        db = trace("default.db")
        got = {(fqn, number): (first, array) for fqn, number, first, array in arrays(db)}
        kept = (":out", ".self_attn:q_rot", ".self_attn:k_rot")
        names = {(f"model.layers.{i}{name}", n) for i in range(3) for name in kept for n in range(N)}
        self.assertEqual(set(got), names)
        for (fqn, number), (first, array) in got.items():
            last = fqn.endswith(":out")  # attention needs all of its queries and keys
            self.assertEqual(first, len(IDS) - 1 + number if last else None)
            np.testing.assert_array_equal(array, dumps[fqn, number][-1 if last else 0:])
        hashes = "SELECT group_concat(hash) FROM v_value"
        self.assertEqual(*(one.execute(hashes).fetchone()[0] for one in (db, full)))

    def test_selected_positions_and_types(self):
        rules = ["*.self_attn:pattern@2:6=f16", "*:resid_mid@-1", "L0.resid_post=bf16",
                 "L1.resid_post=hash"]
        db = trace("some.db", *(word for rule in rules for word in ("--capture", rule)))
        got = {(fqn, number): (first, array) for fqn, number, first, array in arrays(db)}
        first, array = got["model.layers.2.self_attn:pattern", 0]
        self.assertEqual(first, 2)
        np.testing.assert_array_equal(
            array, dumps["model.layers.2.self_attn:pattern", 0][:, 2:6].astype(np.float16))
        self.assertNotIn(("model.layers.2.self_attn:pattern", 1), got)
        np.testing.assert_array_equal(got["model.layers.1:resid_mid", 0][1],
                                      dumps["model.layers.1:resid_mid", 0][-1:])
        first, array = got["model.layers.0:out", 0]
        self.assertIsNone(first)
        np.testing.assert_allclose(array, dumps["model.layers.0:out", 0], rtol=2**-8)
        self.assertNotIn(("model.layers.1:out", 0), got)
        row = db.execute("SELECT l2, hash FROM v_value WHERE fqn = 'model.layers.1:out'").fetchone()
        self.assertIsNone(row["l2"])
        self.assertIsNotNone(row["hash"])

    def test_a_wrong_name_stops_before_the_run(self):
        error = torchless("trace", "--prompt-ids", "-o", "none.db", "--capture", "L0.patern", "1 2",
                          fails=True)
        self.assertIn("L0.patern", error)
        self.assertFalse(os.path.exists(os.path.join(folder, "none.db")))


class File(unittest.TestCase):
    """The file itself."""

    def test_it_is_sound_and_describes_the_run(self):
        self.assertEqual(full.execute("PRAGMA integrity_check").fetchone()[0], "ok")
        self.assertEqual(full.execute("PRAGMA foreign_key_check").fetchall(), [])
        run = full.execute("SELECT * FROM run").fetchone()
        self.assertEqual((run["status"], run["role"]), ("ok", "engine"))
        self.assertIn("--capture", json.loads(run["opts"])["argv"])
        passes = full.execute("SELECT phase, pos0, n_tok FROM pass WHERE idx NOT NULL ORDER BY idx")
        self.assertEqual([tuple(row) for row in passes], [("prefill", 0, len(IDS))] + [
            ("decode", len(IDS) + i, 1) for i in range(N - 1)])

    def test_equal_payloads_are_stored_once(self):
        stored = full.execute(
            "SELECT count(*), count(DISTINCT hash || '/' || shape) FROM tensor").fetchone()
        self.assertEqual(stored[0], stored[1])
        values = full.execute("SELECT count(*) FROM v_value").fetchone()[0]
        self.assertLess(stored[0], values)  # without edits, masked scores are the scores

    def test_v_payload_is_read_by_frombuffer(self):
        row = full.execute(
            "SELECT * FROM v_payload WHERE fqn = 'model.norm:out' AND pass = 1").fetchone()
        np.testing.assert_array_equal(decode(row["data"], row["dtype"], row["shape"]),
                                      dumps["model.norm:out", 1])


if __name__ == "__main__":
    unittest.main()
