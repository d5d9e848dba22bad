#!/usr/bin/env python3
"""Do attn and lens say what numpy says of the same dumps and the same weights?

SmolLM2-135M reads "The capital of France is" in passes of two tokens and says three more. The lens
is computed again from its residual streams, attention from its queries and keys, both in f64.
Run with .venv/bin/python; needs ./torchless and models/smollm2-135m.
"""

import csv
import io
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))

import numpy as np  # noqa: E402
from read_trace import arrays  # noqa: E402
from safetensors.numpy import load_file  # noqa: E402

TORCHLESS = os.environ.get("TORCHLESS", os.path.join(ROOT, "torchless"))
MODEL = os.path.join(ROOT, "models", "smollm2-135m")
PROMPT = "The capital of France is"
CAPTURE = ["L*.resid_post", "model.embed_tokens", "*:q_rot", "*:k_rot", "*:pattern", "*:scores_masked", "lm_head"]
EPS = 1e-5  # rms_norm_eps of SmolLM2


def query(sql):
    """The rows of an answer, as dictionaries of text."""
    command = [TORCHLESS, "query", "-t", recording, "--csv", sql]
    done = subprocess.run(command, capture_output=True, check=True)
    return list(csv.DictReader(io.StringIO(done.stdout.decode())))


def numbers(sql, *columns):
    """The columns of an answer as one array."""
    return np.array([[float(row[c] or "nan") for c in columns] for row in query(sql)])


def over_positions(pattern):
    """{layer: array} of a point over all passes, joined along positions."""
    layers = {}
    for fqn, _, _, array in arrays(recording, pattern):
        layer = int(fqn.split(":")[0].split(".")[2]) if "layers" in fqn else -1
        layers.setdefault(layer, []).append(array)
    return {layer: np.concatenate(parts) for layer, parts in layers.items()}


def setUpModule():
    """One recording, and the logits of every layer at every position in f64."""
    global folder, recording, logits, n_pos
    if not os.path.exists(os.path.join(MODEL, "model.safetensors")):
        raise unittest.SkipTest("models/smollm2-135m is missing: make smollm2")
    folder = tempfile.mkdtemp(prefix="torchless-lens-")
    recording = os.path.join(folder, "t.db")
    captures = [word for point in CAPTURE for word in ("--capture", point)]
    subprocess.run([TORCHLESS, "trace", "-q", "-m", MODEL, "-o", recording, "-n", "3",
                    "--chunk", "2", *captures, PROMPT], check=True, capture_output=True)
    weights = load_file(os.path.join(MODEL, "model.safetensors"))
    norm = weights["model.norm.weight"].astype(np.float64)
    head = weights["model.embed_tokens.weight"].astype(np.float64)
    streams = over_positions("model.layers.*:out") | over_positions("model.embed_tokens:out")
    logits = {}
    for layer, x in streams.items():
        x = x.astype(np.float64)
        logits[layer] = x / np.sqrt((x * x).mean(-1, keepdims=True) + EPS) * norm @ head.T
    n_pos = len(streams[0])


def tearDownModule():
    """Nothing is left."""
    shutil.rmtree(folder)


def rank(row, token):
    """How many tokens are likelier."""
    return int((row > row[token]).sum())


class Lens(unittest.TestCase):
    """lens against numpy."""

    def test_every_layer_was_recorded(self):
        self.assertEqual(sorted(logits), list(range(-1, 30)))
        self.assertEqual(n_pos, 7)

    def test_the_logits_of_a_layer(self):
        for layer in (-1, 0, 13, 28, 29):
            told = numbers(f"SELECT token_id, logit, logprob FROM lens WHERE pos = 4 AND layer = {layer}",
                           "token_id", "logit", "logprob")
            true = logits[layer][4]
            self.assertEqual(len(told), len(true))
            ids = told[:, 0].astype(int)
            np.testing.assert_allclose(told[:, 1], true[ids], rtol=1e-6, atol=5e-5)
            log_sum = np.log(np.exp(true - true.max()).sum()) + true.max()
            np.testing.assert_allclose(told[:, 2], true[ids] - log_sum, rtol=1e-6, atol=5e-5)
            self.assertTrue((np.diff(told[:, 1]) <= 0).all())

    def test_the_best_token_of_every_layer_and_position(self):
        told = numbers("SELECT t.pos, l.layer, l.token_id FROM v_token t, lens(1, t.pos) l "
                       "WHERE l.rank = 0", "pos", "layer", "token_id").astype(int)
        self.assertEqual(len(told), n_pos * len(logits))
        for pos, layer, token in told:
            row = logits[layer][pos]
            self.assertLessEqual(row.max() - row[token], 5e-5, (pos, layer))

    def test_when_the_model_knows(self):
        [paris] = {int(row["token_id"]) for row in query("SELECT tok_id(' Paris') token_id")}
        told = query("SELECT min(layer) first FROM lens WHERE pos=4 AND rank=0 AND token=' Paris'")
        true = min(layer for layer in logits if logits[layer][4].argmax() == paris)
        self.assertEqual(int(told[0]["first"]), true)
        ranks = numbers("SELECT layer, rank FROM lens WHERE pos=4 AND token=' Paris'",
                        "layer", "rank").astype(int)
        self.assertEqual(len(ranks), len(logits))
        for layer, told_rank in ranks:
            row = logits[layer][4]
            unsure = int((abs(row - row[paris]) < 5e-5).sum()) - 1
            self.assertLessEqual(abs(told_rank - rank(row, paris)), unsure, layer)

    def test_the_last_layer_is_what_was_sampled_from(self):
        rows = query("SELECT count(*) n, sum(l.logit <> c.logit) other, sum(l.rank <> c.rank) moved, "
                     "max(abs(l.logprob - c.logprob)) < 1e-5 near, sum(l.token <> tok(c.token_id)) "
                     "spelt FROM v_cand c, lens(1, c.pos) l WHERE l.layer = 29 "
                     "AND l.token_id = c.token_id AND l.rank < 1000")
        self.assertEqual(list(rows[0].values())[1:], ["0", "0", "1", "0"])
        self.assertGreaterEqual(int(rows[0]["n"]), 60)

    def test_the_text_of_tokens(self):
        for row in query("SELECT hex(piece) piece, hex(tok(token_id)) told FROM cand"):
            self.assertEqual(row["told"], row["piece"])


class Attention(unittest.TestCase):
    """attn against the dumps and against numpy."""

    def test_it_is_the_dumped_pattern(self):
        rows = query(
            "SELECT count(*) n, max(abs(a.p - e.value)) < 1e-6 near FROM attn a "
            "JOIN v_value v ON v.role = 'pattern' AND v.layer = a.layer "
            "AND a.q >= v.pos0 AND a.q < v.pos0 + v.n_tok JOIN tensor_each(v.id) e "
            "ON e.i0 = a.head AND e.i1 = a.q AND e.i2 = a.k WHERE a.layer IN (0, 17, 29)")
        self.assertEqual(rows, [{"n": str(3 * 9 * n_pos * (n_pos + 1) // 2), "near": "1"}])

    def test_it_is_numpys(self):
        queries, keys = over_positions("*:q_rot"), over_positions("*:k_rot")
        for layer in range(30):
            q, k = queries[layer].astype(np.float64), keys[layer].astype(np.float64)
            k = k.repeat(q.shape[1] // k.shape[1], axis=1)
            scores = np.einsum("qhe,khe->hqk", q, k) / np.sqrt(q.shape[2])
            scores[:, np.triu_indices(n_pos, 1)[0], np.triu_indices(n_pos, 1)[1]] = -np.inf
            pattern = np.exp(scores - scores.max(-1, keepdims=True))
            pattern /= pattern.sum(-1, keepdims=True)
            told = numbers(f"SELECT head, q, k, score, p FROM attn(1, {layer})",
                           "head", "q", "k", "score", "p")
            self.assertEqual(len(told), 9 * n_pos * (n_pos + 1) // 2)
            at = tuple(told[:, :3].astype(int).T)
            np.testing.assert_allclose(told[:, 3], scores[at], rtol=1e-6, atol=2e-5)
            np.testing.assert_allclose(told[:, 4], pattern[at], rtol=0, atol=1e-5)


if __name__ == "__main__":
    unittest.main()
