#!/usr/bin/env python3
"""Does `torchless show` write the numbers that the recording holds?

The teaching model reads a prompt and says three tokens, everything dumped. What --npy, --csv, --json
and a pipe say is held against the payloads as numpy reads them; expressions, parts and differences
against numpy's own. Run with .venv/bin/python; needs ./torchless.
"""

import csv
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import numpy as np

TORCHLESS = os.path.abspath(os.environ.get("TORCHLESS", os.path.join(ROOT, "torchless")))
MODEL = os.path.join(ROOT, "lessons", "model")
PROMPT = "Lily put the ball in the box."


def setUpModule():
    global WORK, DB, PIECES
    WORK = tempfile.mkdtemp()
    for name, capture in (("trace.db", "*"), ("qk.db", "attention")):
        subprocess.run([TORCHLESS, "trace", "-q", "-m", MODEL, "-n", "3", "--capture", capture, "-o", os.path.join(WORK, name), PROMPT], check=True)
    DB = sqlite3.connect(os.path.join(WORK, "trace.db"))
    PIECES = [bytes(piece).decode() for (piece,) in DB.execute("SELECT piece FROM token ORDER BY pos")]


def tearDownModule():
    DB.close()
    shutil.rmtree(WORK)


def show(*args):
    return subprocess.run([TORCHLESS, "show", *args], check=True, capture_output=True, cwd=WORK).stdout


def payload(fqn, which):
    """What is dumped of a point in a pass, counted among those that have it."""
    passes = [p for (p,) in DB.execute("SELECT DISTINCT pass FROM v_payload WHERE fqn = ? ORDER BY pass", (fqn,))]
    rows = DB.execute("SELECT data, shape, dtype, dump_from FROM v_payload WHERE fqn = ? AND pass = ? ORDER BY value_id, chunk", (fqn, passes[which])).fetchall()
    shape = [int(n) for n in rows[0][1].split(",")]
    assert rows[0][2] in (0, "f32"), rows[0][2]
    return np.frombuffer(b"".join(row[0] for row in rows), "<f4").reshape(shape)


def npy(*args):
    return np.load(io.BytesIO(show(*args, "--npy", "-")))


def same(a, b):
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


class Show(unittest.TestCase):
    POINTS = {"L1.resid_post": "model.layers.1:out", "L3.attn.q_rot": "model.layers.3.self_attn:q_rot", "L0.ln1.rms": "model.layers.0.input_layernorm:rms",
              "lm_head": "lm_head:out", "L2.mlp.act_mul": "model.layers.2.mlp:act_mul"}

    def test_npy(self):
        for name, fqn in self.POINTS.items():
            for text, which in ((name, 0), (name + "[pass=1]", 1)):
                self.assertTrue(same(npy(text), payload(fqn, which)), text)

    def test_text(self):
        """A number that is written is read as the same f32."""
        for name, fqn in self.POINTS.items():
            x = payload(fqn, 0)
            rows = [row.split("\t") for row in show(name + "[pass=0]").decode().split("\n")[:-1]]
            wide = x.reshape(-1, x.shape[-1])
            self.assertEqual(len(rows), len(wide), name)
            for row, expected in zip(rows, wide):
                self.assertTrue(np.array_equal(np.array(row[-x.shape[-1]:], "f4"), expected), name)
            lines = list(csv.DictReader(io.StringIO(show(name + "[pass=0]", "--csv", "-").decode())))
            self.assertEqual(len(lines), x.size)
            axes = [key for key in lines[0] if key != "value" and not key.endswith("_token")]
            for line in lines:
                at = tuple(int(line[axis]) for axis in axes)
                self.assertEqual(np.float32(line["value"]), x[at], (name, at))
                if "pos" in axes:
                    self.assertEqual(line["pos_token"], PIECES[int(line["pos"])])
            document = json.loads(show(name + "[pass=0]", "--json"))
            self.assertEqual(document["shape"], list(x.shape))
            self.assertEqual(document["axes"], axes)
            self.assertTrue(np.array_equal(np.array(document["values"], "f4"), x), name)
            stats = document["stats"]
            self.assertTrue(np.allclose([stats["min"], stats["max"], stats["mean"], stats["std"], stats["l2"]],
                                        [x.min(), x.max(), x.mean(dtype="f8"), x.std(dtype="f8"), np.linalg.norm(x.astype("f8"))], rtol=1e-6), name)

    def test_positions_are_absolute(self):
        last = "L1.resid_post[pass=%d]" % DB.execute("SELECT max(pass) FROM v_payload WHERE fqn = 'model.layers.1:out'").fetchone()
        document = json.loads(show(last, "--json"))
        self.assertEqual(document["base"], [len(PIECES) - 2, 0])
        self.assertEqual(document["labels"]["pos"], [PIECES[-2]])
        line = next(csv.DictReader(io.StringIO(show(last, "--csv", "-").decode())))
        self.assertEqual((line["pos"], line["pos_token"]), (str(len(PIECES) - 2), PIECES[-2]))
        self.assertTrue(same(npy("L1.resid_post[pos=4]"), payload("model.layers.1:out", 0)[4]))

    def test_attention(self):
        """All queries of the run, from the patterns of its passes and from queries and keys."""
        parts = [payload("model.layers.2.self_attn:pattern", i) for i in range(3)]
        n = parts[-1].shape[-1]
        whole = np.concatenate([np.pad(p, ((0, 0), (0, 0), (0, n - p.shape[-1]))) for p in parts], axis=1)
        for file in ("trace.db", "qk.db"):
            self.assertTrue(np.allclose(npy("L2.attn.pattern", "-t", file), whole, atol=1e-6), file)
            self.assertTrue(np.allclose(npy("L2.attn.pattern[head=1, q=-3:]", "-t", file), whole[1, -3:], atol=1e-6), file)
            for i, part in enumerate(parts):
                self.assertTrue(np.allclose(npy(f"L2.attn.pattern[pass={i}]", "-t", file), part, atol=1e-6), (file, i))
        self.assertTrue(same(npy("L2.attn.pattern[pass=0]"), parts[0]))
        masked = npy("L2.attn.scores_masked[pass=0]", "-t", "qk.db")
        self.assertTrue(np.allclose(masked, payload("model.layers.2.self_attn:scores_masked", 0), atol=1e-4))

    def test_expressions(self):
        a, b = payload("model.layers.3:out", 0), payload("model.layers.2:out", 0)
        self.assertTrue(same(npy("L3.resid_post[pass=0] - L2.resid_post[pass=0]"), a - b))
        self.assertTrue(same(npy("L3.resid_post[pass=0, 1:3, ::5]"), a[1:3, ::5]))
        self.assertTrue(np.allclose(npy("mean(L3.resid_post[pass=0], pos)"), a.mean(axis=0), atol=1e-5))
        x = payload("model.layers.0.self_attn:scores", 0)[0].astype("f8")
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        self.assertTrue(np.allclose(npy("softmax(L0.attn.scores[pass=0, head=0])"), e / e.sum(axis=-1, keepdims=True), atol=1e-6))

    def test_pairs(self):
        a, b = payload("model.layers.2:out", 0), payload("model.layers.3:out", 0)
        pair = ("L2.resid_post[pass=0]", "--vs", "L3.resid_post[pass=0]")
        self.assertTrue(same(npy(*pair), b - a))
        d = json.loads(show(*pair, "--json"))["difference"]
        x, y = a.astype("f8"), b.astype("f8")
        self.assertAlmostEqual(d["max_abs"], np.abs(y - x).max(), places=5)
        self.assertEqual(tuple(d["max_at"]), np.unravel_index(np.abs(y - x).argmax(), a.shape))
        self.assertAlmostEqual(d["nmse"], ((y - x) ** 2).sum() / (x ** 2).sum(), places=6)
        self.assertAlmostEqual(d["cosine"], (x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum()), places=6)
        np.save(os.path.join(WORK, "b.npy"), b)
        self.assertTrue(same(npy(pair[0], "--vs", "b.npy"), b - a))

    def test_files(self):
        rng = np.random.default_rng(0)
        for dtype in ("f2", "f4", "f8", "i4", "i8", "u1"):
            x = (100 * rng.random((3, 4, 5))).astype(dtype)
            np.save(os.path.join(WORK, "x.npy"), x)
            self.assertTrue(same(npy("x.npy"), x.astype("f4")), dtype)
            self.assertTrue(same(npy("x.npy[1, -1]"), x.astype("f4")[1, -1]), dtype)
        x = np.array([[np.nan, np.inf, -np.inf, 0.1, 1e-45, 3e38]], "f4")
        np.save(os.path.join(WORK, "x.npy"), x)
        self.assertTrue(np.array_equal(np.array(show("x.npy").decode().split()[1:], "f4"), x[0], equal_nan=True))
        values = json.loads(show("x.npy", "--json"))["values"]
        self.assertEqual([values[0][0], values[0][1], values[0][2]], [None, float("inf"), float("-inf")])
        self.assertTrue(np.array_equal(np.array(values[0][3:], "f4"), x[0, 3:]))

    def test_weights(self):
        file = next(f for f in os.listdir(MODEL) if f.endswith(".safetensors"))
        with open(os.path.join(MODEL, file), "rb") as f:
            data = f.read()
        start = 8 + int.from_bytes(data[:8], "little")
        header = json.loads(data[8:start])
        for name in ("model.layers.1.mlp.up_proj.weight", "model.norm.weight"):
            self.assertEqual(header[name]["dtype"], "BF16")
            first, end = header[name]["data_offsets"]
            bits = np.frombuffer(data[start + first:start + end], "<u2").astype("u4") << 16
            x = bits.view("f4").reshape(header[name]["shape"])
            self.assertTrue(same(npy(name), x), name)
            self.assertTrue(same(npy(f"weight({name})"), x), name)
            self.assertTrue(same(npy(name + "[3:5]"), x[3:5]), name)


if __name__ == "__main__":
    unittest.main()
