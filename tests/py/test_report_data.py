#!/usr/bin/env python3
"""Is every number of a report the one that SQL gives?

The teaching model reads a prompt and says some tokens, once as it is and once with a head that is
zeroed; each part of the data is held against the answer of a query that a reader could have asked,
by the extension of SQLite where it takes attn() or lens(). Then prompts that are HTML, and the size
that a page may have. Run with .venv/bin/python; needs ./torchless and build/release/torchless.so.
"""

import base64
import json
import os
import re
import shutil
import sqlite3
import struct
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TORCHLESS = os.environ.get("TORCHLESS", os.path.join(ROOT, "torchless"))
EXTENSION = os.path.join(ROOT, "build", "release", "torchless")
MODEL = os.path.join(ROOT, "lessons", "model")
SMOLLM2 = os.path.join(ROOT, "models", "smollm2-135m")
PROMPT = "Once upon a time, there was a little girl named Lily"
SAMPLING = ["--temp", "0.8", "--top-k", "20", "--top-p", "0.95", "--seed", "1"]


def trace(name, *arguments, model=MODEL):
    """A recording in the folder of this test."""
    path = os.path.join(folder, name)
    subprocess.run([TORCHLESS, "trace", "-q", "-m", model, "-o", path, *arguments], check=True, capture_output=True)
    return path


def report(*arguments):
    """The data of a report."""
    done = subprocess.run([TORCHLESS, "report", "--json", *arguments], check=True, capture_output=True)
    assert not done.stderr, done.stderr
    return json.loads(done.stdout)


def connect(path):
    """The recording for SQL, with what torchless adds to it."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    db.enable_load_extension(True)
    db.load_extension(EXTENSION)
    return db


def setUpModule():
    """Two recordings and their data."""
    global folder, path, other, rec, db, two
    folder = tempfile.mkdtemp(prefix="torchless-report-")
    path = trace("a.db", "-n", "12", "--capture", "report", *SAMPLING, PROMPT)
    other = trace("b.db", "-n", "12", "--capture", "report", *SAMPLING, "--zero", "L2.attn.z[head=1]", PROMPT)
    (rec,) = report("-t", path)["recordings"]
    two = report("-t", path, "-t", other)
    db = connect(path)


def tearDownModule():
    """Nothing is left."""
    db.close()
    shutil.rmtree(folder)


def text(piece):
    """A piece as a page has it."""
    return None if piece is None else piece.decode("utf-8", "replace") if isinstance(piece, bytes) else piece


def rows(sql, *values):
    """The answer as lists."""
    return [list(row) for row in db.execute(sql, values)]


class Tables(unittest.TestCase):
    """What stands in tables."""

    def test_run(self):
        status, prompt, completion, started, dur = rows(
            "SELECT status, prompt, completion, started_ns, dur FROM v_run")[0]
        self.assertEqual([rec["status"], rec["prompt"], rec["completion"], rec["duration_ns"]],
                         [status, prompt, text(completion), dur])
        self.assertEqual(rec["started"], rows("SELECT strftime('%Y-%m-%dT%H:%M:%SZ', ?, 'unixepoch')", started // 10**9)[0][0])

    def test_model(self):
        names = ["name", "arch", "n_layers", "d_model", "n_heads", "n_kv_heads", "d_head", "d_ff", "n_vocab", "rope_theta", "file_bytes"]
        model = rec["model"]
        self.assertEqual([model[n] for n in names], rows(f"SELECT {', '.join(names)} FROM model")[0])
        self.assertEqual(model["config"], json.loads(rows("SELECT config FROM model")[0][0]))
        self.assertEqual(model["n_params"], rows("SELECT sum(n_params) FROM module")[0][0])

    def test_settings(self):
        said = dict(rec["settings"])
        engine, threads, seed, sampler, options = rows("SELECT engine, n_threads, seed, sampler, opts FROM run")[0]
        self.assertEqual([said["engine"], said["threads"], said["seed"]], [engine, threads, seed])
        self.assertEqual([said["sampler"], said["options"]], [json.loads(sampler), json.loads(options)])

    def test_tokens(self):
        keys = ["pos", "id", "piece", "source", "logprob", "rank", "entropy", "start", "end"]
        expected = rows("SELECT pos, token_id, piece, source, logprob, rank, entropy, byte_start, byte_end FROM v_token ORDER BY pos")
        self.assertEqual([[t[k] for k in keys] for t in rec["tokens"]], [[text(c) for c in row] for row in expected])

    def test_merges(self):
        keys = ["seq", "rule", "left", "right", "merged", "rank", "at"]
        expected = rows("SELECT seq, rule, left_piece, right_piece, merged, rank, at_byte FROM v_tok_step ORDER BY seq")
        self.assertGreater(len(expected), 10)
        self.assertEqual([[t[k] for k in keys] for t in rec["merges"]], [[text(c) for c in row] for row in expected])

    def test_candidates(self):
        keys = ["rank", "id", "piece", "logit", "logprob", "kept", "cut_by"]
        expected = rows("SELECT pos, rank, token_id, piece, logit, logprob, kept, cut_by FROM v_cand ORDER BY pos, rank")
        got = [[int(pos), *(c[k] for k in keys)] for pos, list_ in rec["candidates"].items() for c in list_]
        self.assertEqual(got, [[text(c) for c in row] for row in expected])
        self.assertEqual({row[-1] for row in expected}, {None, "top_k", "top_p"})

    def test_sampler(self):
        expected = rows("SELECT json_extract(data, '$.pos'), json_extract(data, '$.rule'), json_extract(data, '$.rank'), "
                        "json_extract(data, '$.token_id') FROM event WHERE kind = 'sampler' ORDER BY id")
        got = [[int(pos), s["rule"], s["rank"], s["token_id"]] for pos, steps in rec["sampler"].items() for s in steps]
        self.assertEqual(got, expected)

    def test_passes(self):
        keys = ["idx", "phase", "pos0", "n_tok", "kv_len", "ts", "dur"]
        expected = rows("SELECT idx, phase, pos0, n_tok, kv_len, ts, dur FROM pass WHERE idx IS NOT NULL ORDER BY idx")
        self.assertEqual([[p[k] for k in keys] for p in rec["passes"]], expected)

    def test_values(self):
        expected = rows("SELECT pass, fqn, shape, l2, absmax, mean, std, vmin, vmax, absmax_at, n_nan, n_inf FROM v_value ORDER BY id")
        got = []
        for number, columns in rec["values"].items():
            stats = struct.iter_unpack("<6d", base64.b64decode(columns["stats"]))
            bad = {row: counts for row, *counts in columns["bad"]}
            for row, (point, shape, at, six) in enumerate(zip(columns["point"], columns["shape"], columns["absmax_at"], stats, strict=True)):
                six = [None if x != x else x for x in six]
                got.append([int(number), rec["points"][point]["fqn"], rec["shapes"][shape], *six, at, *bad.get(row, [0, 0])])
        self.assertEqual(got, expected)

    def test_spans(self):
        got = []
        for number, spans in rec["spans"].items():
            for module, depth, parent, ts, *rest in spans:
                path_, type_, layer = rec["modules"][module]
                above = None if parent < 0 else rec["modules"][spans[parent][0]][0]
                got.append([int(number), path_, type_, layer, depth, above, ts, *rest])
        self.assertEqual(got, rows("SELECT s.pass, s.module, s.type, s.layer, s.depth, m.path, s.ts - p.ts, s.dur, s.bytes, s.flops "
                                   "FROM v_span s JOIN pass p ON p.idx = s.pass LEFT JOIN span x ON x.id = (SELECT parent_id FROM span "
                                   "WHERE id = s.id) LEFT JOIN module m ON m.id = x.module_id ORDER BY s.id"))

    def test_residual(self):
        expected = {}
        for fqn, pos, l2 in rows("SELECT v.fqn, p.pos, p.l2 FROM v_position p JOIN v_value v ON v.id = p.value_id "
                                 "WHERE v.role IN ('embed', 'resid_post')"):
            expected.setdefault(fqn, {})[pos] = l2
        got = {fqn: dict(enumerate(row)) for fqn, row in zip(rec["residual"]["points"], rec["residual"]["l2"], strict=True)}
        self.assertEqual(got, expected)
        self.assertEqual(len(got), rec["model"]["n_layers"] + 1)

    def test_points_and_ops(self):
        expected = rows("SELECT fqn, layer, role, axes, doc FROM point ORDER BY ord")
        self.assertEqual([[p[k] for k in ("fqn", "layer", "role", "axes", "doc")] for p in rec["points"]], expected)
        for point in rec["points"]:
            names = [point["fqn"]] + [a for (a,) in db.execute("SELECT alias FROM point_alias JOIN point p ON p.id = point_id "
                                                               "WHERE p.fqn = ?", (point["fqn"],))]
            self.assertIn(point["short"], names)
        # The addresses of moments are in the order in which values were computed.
        in_ops = [p for op in rec["ops"] for p in op["points"]]
        self.assertEqual(in_ops, sorted(in_ops))
        self.assertEqual(len(in_ops), len(rec["points"]))
        file, _, line = rec["ops"][0]["line"].rpartition(":")
        with open(os.path.join(ROOT, file), encoding="utf-8") as source:
            self.assertIn("EMBEDDING", source.readlines()[int(line) - 1])


class Functions(unittest.TestCase):
    """What is computed."""

    def test_lens(self):
        lens = rec["lens"]
        self.assertIsNone(lens["missing"])
        fqns = {layer: fqn for fqn, layer in rows("SELECT fqn, coalesce(layer, -1) FROM point WHERE role IN ('embed', 'resid_post')")}
        tokens = {t["pos"]: t["id"] for t in rec["tokens"]}
        self.assertEqual(lens["points"], [fqns[layer] for layer in sorted(fqns)])
        for pos in range(lens["first"], rec["passes"][-1]["kv_len"]):
            top = rows("SELECT layer, token_id, logprob, piece FROM lens(1, ?) WHERE rank < 3 ORDER BY layer, rank", pos)
            came = {layer: r for layer, *r in rows("SELECT layer, rank, logprob FROM lens(1, ?) WHERE token_id = ?", pos, tokens[pos + 1])}
            for layer, row in zip(sorted(fqns), lens["cells"], strict=True):
                cell = row[pos - lens["first"]]
                self.assertEqual(cell["top"], [r[1:3] for r in top if r[0] == layer])
                self.assertEqual([cell["rank"], cell["logprob"]], came[layer])
            for _, token, _, piece in top:
                self.assertEqual(rec["pieces"][str(token)], text(piece))

    def test_attention(self):
        a = rec["attention"]
        self.assertEqual([a["encoding"], a["first"], a["missing"]], ["f32", 0, None])
        n = a["positions"]
        numbers = struct.unpack(f"<{len(a['layers']) * a['heads'] * n * (n + 1) // 2}f", base64.b64decode(a["data"]))
        at = 0
        for layer in a["layers"]:
            expected = {(h, q, k): p for h, q, k, p in rows("SELECT head, q, k, p FROM attn(1, ?)", layer)}
            for head in range(a["heads"]):
                for q in range(n):
                    for k in range(q + 1):
                        self.assertEqual(numbers[at], expected.get((head, q, k), 0.0))
                        at += 1
        self.assertEqual(at, len(numbers))

    def test_attention_that_is_too_much_is_cut_and_said(self):
        long = trace("long.db", "-n", "1", "--capture", "report", " ".join([PROMPT] * 40))
        (r,) = report("-t", long)["recordings"]
        a = r["attention"]
        self.assertEqual(a["encoding"], "u8")
        self.assertGreater(a["first"], 0)
        n, first = a["positions"], a["first"]
        data = base64.b64decode(a["data"])
        self.assertEqual(len(data), len(a["layers"]) * a["heads"] * sum(q + 1 for q in range(first, n)))
        self.assertTrue(any(f"from the query at position {first} on" in s for s in r["left_out"]), r["left_out"])
        with connect(long) as longer:
            row = [0] * n
            for k, p in longer.execute("SELECT k, p FROM attn(1, 0) WHERE head = 0 AND q = ?", (first,)):
                row[k] = p
        for k in range(first + 1):
            self.assertLessEqual(abs(data[k] / 254 - row[k]), 0.5 / 254 + 1e-9)

    def test_attribution(self):
        a = rec["attribution"]
        pos = rows("SELECT min(pos) - 1 FROM v_token WHERE source = 'generated'")[0][0]
        token, logit = rows("SELECT t.token_id, c.logit FROM v_token t JOIN v_cand c ON c.pos = t.pos - 1 "
                            "AND c.token_id = t.token_id WHERE t.pos = ?", pos + 1)[0]
        self.assertEqual([a["pos"], a["token"], a["logit"]], [pos, token, logit])
        self.assertAlmostEqual(sum(p["logit"] for p in a["parts"]) + a["rest"], logit, places=9)
        self.assertLess(abs(a["rest"]), 1e-4)
        # The end of the model is linear: each part is a product with the row of the head.
        (rms,) = rows("SELECT sqrt(avg(value * value) + 1e-5) FROM tensor_each('L4.resid_post') WHERE i0 = ?", pos)[0]
        self.assertAlmostEqual(a["rms"], rms, places=4)
        for part in a["parts"]:
            if part["kind"] in ("embedding", "module"):
                (share,) = rows(
                    "SELECT sum(x.value * w.value * u.value) / ? FROM tensor_each(?) x JOIN tensor_each(weight('model.norm')) w "
                    "ON w.i0 = x.i1 JOIN (SELECT * FROM tensor_each(weight('lm_head')) WHERE i0 = ?) u ON u.i1 = x.i1 WHERE x.i0 = ?",
                    a["rms"], part["name"], token, pos)[0]
                self.assertAlmostEqual(part["logit"], share, places=4)

    def test_bad(self):
        with open(os.path.join(folder, "nan.jsonl"), "w", encoding="utf-8") as file:
            file.write('{"point": "L2.mlp", "kind": "expr", "expr": "out * 0 / 0", "select": "[pos=0]"}\n')
        broken = trace("nan.db", "-n", "2", "--edits", os.path.join(folder, "nan.jsonl"), "Once")
        (r,) = report("-t", broken)["recordings"]
        with sqlite3.connect(broken) as other_db:
            expected = other_db.execute("SELECT fqn, pass, id, n_nan, n_inf FROM v_value WHERE id = (SELECT value_id FROM v_first_bad)").fetchone()
        self.assertEqual([r["bad"][k] for k in ("fqn", "pass", "value_id", "n_nan", "n_inf")], list(expected))
        self.assertIn("first_nan", {e["kind"] for e in r["events"]})
        self.assertEqual([e["point"] for e in r["edits"]], ["model.layers.2.mlp.down_proj:out"])


class Two(unittest.TestCase):
    """What differs between two recordings."""

    def test_values(self):
        d = two["difference"]
        with connect(other) as b:
            expected = b.execute("SELECT fqn, pass, verdict, l2_a, l2_b, nmse, max_abs FROM trace_diff(?, 1) WHERE pass IS NOT NULL "
                                 "ORDER BY ord", (path,)).fetchall()
        got = [tuple(v[k] for k in ("fqn", "pass", "l2_a", "l2_b", "nmse", "max_abs")) for v in d["values"]]
        self.assertEqual(got, [(*row[:2], *row[3:]) for row in expected])
        for v, row in zip(d["values"], expected):
            self.assertEqual(v["verdict"] == "equal", row[2] == "equal")
        self.assertEqual(d["values"][d["first"]]["fqn"], "model.layers.2.self_attn:z")

    def test_absmax(self):
        for side, name in (("a", path), ("b", other)):
            with sqlite3.connect(name) as one:
                expected = {(f, p): x for f, p, x in one.execute("SELECT fqn, pass, absmax FROM v_value")}
            for v in two["difference"]["values"]:
                self.assertEqual(v[f"absmax_{side}"], expected.get((v["fqn"], v["pass"])))

    def test_tokens_time_and_settings(self):
        d = two["difference"]
        sides = [sqlite3.connect(name) for name in (path, other)]
        a, b = ([i for (i,) in s.execute("SELECT token_id FROM v_token ORDER BY pos")] for s in sides)
        self.assertEqual(d["tokens_equal_until"], next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b))))
        for key, side in zip(("a_ns", "b_ns"), sides):
            expected = dict(side.execute("SELECT module, sum(dur) FROM v_span GROUP BY module"))
            self.assertEqual({t["module"]: t[key] for t in d["time"]}, expected)
            side.close()
        self.assertIn("edits", {name for name, *_ in d["settings"]})
        self.assertNotIn("seed", {name for name, *_ in d["settings"]})


class Hostile(unittest.TestCase):
    """A prompt that is HTML stays a prompt."""

    def test_prompts(self):
        for n, prompt in enumerate(("</script><img src=x onerror=alert(1)>", "<!--<script>", "a\u2028b\u2029c", "]]>&lt;&amp;{{data}}",
                                    "\x1b[31mred\x07", "${x}`'\"\\", "\u202eevil")):
            name = trace(f"hostile{n}.db", "-n", "1", prompt)
            html = os.path.join(folder, "hostile.html")
            subprocess.run([TORCHLESS, "report", "-q", "-t", name, "-o", html], check=True)
            with open(html, encoding="utf-8", newline="") as file:
                page = file.read()
            (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
            self.assertFalse(set(data.strip()) & set("<>&\u2028\u2029\x1b\u202e"), prompt)
            r = json.loads(data)["recordings"][0]
            self.assertEqual(r["prompt"], prompt)
            self.assertEqual(len(re.findall("<script", page)), 2)

    def test_bytes_that_are_no_text(self):
        name = os.path.join(folder, "bytes.db")
        subprocess.run([TORCHLESS, "trace", "-q", "-m", MODEL, "-n", "0", "-o", name, "-"], input=b"a\xff\xfe\x00b", check=True)
        (r,) = report("-t", name)["recordings"]
        self.assertIn("prompt", r)
        with sqlite3.connect(name) as one:
            pieces = [p for (p,) in one.execute("SELECT piece FROM v_token ORDER BY pos")]
        for token, piece in zip(r["tokens"], pieces, strict=True):
            self.assertEqual(token["piece"], piece.decode("utf-8", "replace"))
            self.assertEqual(token.get("bytes"), None if piece.decode("utf-8", "ignore").encode() == piece else piece.hex())


class Size(unittest.TestCase):
    """A page can be mailed."""

    @unittest.skipUnless(os.path.exists(os.path.join(SMOLLM2, "config.json")), "models/smollm2-135m is not there")
    def test_thirty_tokens_of_smollm2(self):
        name = trace("s.db", "-n", "12", "--capture", "report", *SAMPLING,
                     "The capital of France is Paris. The capital of Italy is Rome. The capital of Spain is", model=SMOLLM2)
        html = os.path.join(folder, "s.html")
        subprocess.run([TORCHLESS, "report", "-q", "-t", name, "-o", html], check=True)
        (r,) = report("-t", name)["recordings"]
        self.assertGreaterEqual(len(r["tokens"]), 30)
        self.assertEqual([r["attention"]["encoding"], len(r["attention"]["layers"]), r["left_out"]], ["f32", 30, []])
        self.assertLess(os.path.getsize(html), 3_000_000)


if __name__ == "__main__":
    unittest.main()
