#!/usr/bin/env python3
"""Is what --capture keeps what the pass computed, and are the numbers beside it right?

Three random checkpoints, one whose weights hold NaN, infinity and subnormal numbers, are traced with
every element dumped, in one prefill, in chunks and token by token. numpy recomputes every statistic of
every value from the dumps, and SQL alone explains a sampled token. Run with .venv/bin/python; needs
./torchless.
"""

import contextlib
import ctypes
import io
import json
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))

import make_checkpoint  # noqa: E402
import numpy as np  # noqa: E402
from read_trace import arrays  # noqa: E402

TORCHLESS = os.environ.get("TORCHLESS", os.path.join(ROOT, "torchless"))
LESSONS = os.path.join(ROOT, "lessons", "model")
SMOLLM2 = os.path.join(ROOT, "models", "smollm2-135m")
IDS = [1, 17, 3, 200, 42, 9, 330, 42, 5, 111, 17]
N = 3
BY_HEAD = (":scores", ":scores_masked", ":pattern")


def torchless(*args, status=0):
    """The standard output of a command; its standard error when it is to fail."""
    done = subprocess.run([TORCHLESS, *args], cwd=folder, capture_output=True, check=False)
    if done.returncode != status:
        raise AssertionError(f"{args}: exit {done.returncode}: {done.stderr.decode()}")
    return (done.stderr if status else done.stdout).decode()


def trace(model, name, *args, prompt=None, status=0):
    """A recording of the checkpoint `model`, opened."""
    ids = [] if prompt else ["--prompt-ids", " ".join(map(str, IDS))]
    torchless("trace", "-q", "-m", model, "-o", name, *args, *ids, *([prompt] if prompt else []),
              status=status)
    db = sqlite3.connect(os.path.join(folder, name))
    db.row_factory = sqlite3.Row
    return db


def dumps_of(db):
    """(fqn, pass) -> array."""
    return {(fqn, number): array for fqn, number, _, array in arrays(db)}


def poison(model):
    """Rows of the embedding and of the head with what no weight should hold."""
    path = os.path.join(folder, model, "model.safetensors")
    with open(path, "r+b") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(size))
        for name, row, values in (
                ("model.embed_tokens.weight", 111, [np.inf, -np.inf]),  # one late position
                ("model.embed_tokens.weight", 3, [1e-40, -1e-41, 0.0, -0.0]),
                ("lm_head.weight", 7, [np.nan])):
            tensor = header[name]
            assert tensor["dtype"] == "F32"
            file.seek(8 + size + tensor["data_offsets"][0] + row * tensor["shape"][1] * 4)
            file.write(np.array(values, "<f4").tobytes())


def setUpModule():
    """The checkpoints."""
    global folder
    folder = tempfile.mkdtemp(prefix="torchless-capture-")
    with contextlib.redirect_stderr(io.StringIO()):
        for name, preset in (("window", "window"), ("odd", "gqa-odd"), ("bad", "plain")):
            make_checkpoint.main(["--preset", preset, "-q", "-o", os.path.join(folder, name)])
    poison("bad")


def tearDownModule():
    shutil.rmtree(folder)


def xxh3(payload):
    """XXH3-64 by the library itself, as SQLite's signed number."""
    library = ctypes.CDLL("libxxhash.so.0")
    library.XXH3_64bits.restype = ctypes.c_int64
    return library.XXH3_64bits(payload, ctypes.c_size_t(len(payload)))


class Statistics(unittest.TestCase):
    """Every statistic of every value of several kinds of run."""

    def check_value(self, row, array):
        """One row of v_value."""
        flat, what = array.reshape(-1), (row["fqn"], row["pass"])
        good = np.isfinite(flat)
        finite = flat[good].astype(np.float64)
        size = np.abs(np.where(good, flat, 0))
        tiny = np.finfo(np.float32).tiny
        counts = [row[name] for name in ("n_nan", "n_pinf", "n_ninf", "n_zero", "n_sub", "numel")]
        self.assertEqual(counts, [
            np.isnan(flat).sum(), (flat == np.inf).sum(), (flat == -np.inf).sum(),
            (flat == 0).sum(), ((size > 0) & (size < tiny)).sum(), flat.size], what)
        self.assertEqual(row["hash"], xxh3(np.ascontiguousarray(array, "<f4").tobytes()), what)
        told = [row[name] for name in ("vmin", "vmax", "mean", "std", "l2", "absmax", "absmax_at")]
        if finite.size == 0:
            self.assertEqual(told, [None] * 7, what)
            return
        largest = np.abs(finite).max()
        self.assertEqual(told[:2], [finite.min(), finite.max()], what)
        self.assertEqual(told[5:], [largest, np.where(good, np.abs(flat), -1).argmax()], what)
        self.assertLessEqual(abs(told[2] - finite.mean()), 1e-12 * largest, what)
        # E[x^2] - E[x]^2 loses half the digits where the values hardly differ.
        self.assertLessEqual(abs(told[3] - finite.std()), 1e-7 * largest, what)
        true = np.sqrt((finite * finite).sum())
        self.assertLessEqual(abs(told[4] - true), 1e-12 * true, what)

    def check_positions(self, db, dumps):
        """v_position; a position without a finite element has no numbers."""
        n = 0
        for row in db.execute("""SELECT v.fqn, v.pass, v.n_tok, v.pos0, p.pos, p.l2, p.absmax, p.mean,
                                 p.std FROM v_position p JOIN v_value v ON v.id = p.value_id"""):
            array = dumps[row["fqn"], row["pass"]]
            axis = 1 if row["fqn"].endswith(BY_HEAD) else 0
            first = row["pos0"] + row["n_tok"] - array.shape[axis]
            part = np.take(array, row["pos"] - first, axis).reshape(-1)
            part = part[np.isfinite(part)].astype(np.float64)
            told = [row[name] for name in ("l2", "absmax", "mean", "std")]
            n += 1
            if part.size == 0:
                self.assertEqual(told, [None] * 4, row["fqn"])
                continue
            true = [np.sqrt((part * part).sum()), np.abs(part).max(), part.mean(), part.std()]
            # f32 rounds to 6e-8; std loses more when there is little of it.
            np.testing.assert_allclose(told, true, rtol=1e-6, atol=1e-6 * max(true[1], 1e-37),
                                       err_msg=row["fqn"])
        self.assertEqual(n, sum(array.shape[1 if fqn.endswith(BY_HEAD) else 0]
                                for (fqn, _), array in dumps.items()))

    def check(self, model, *args):
        """A recording with everything in it."""
        db = trace(model, "all.db", "--capture", "*", "-n", str(N), *args)
        dumps = dumps_of(db)
        rows = db.execute("SELECT * FROM v_value").fetchall()
        self.assertEqual(len(rows), len(dumps))
        for row in rows:
            self.check_value(row, dumps[row["fqn"], row["pass"]])
        self.check_positions(db, dumps)
        return db, dumps

    def test_prefill_and_decode(self):
        for model, args in (("window", ()), ("odd", ("--chunk", "4")),
                            ("window", ("--logits", "last", "--chunk", "7"))):
            db, _ = self.check(model, *args)
            self.assertEqual(db.execute("SELECT count(*) FROM v_bad").fetchone()[0], 0)

    def test_a_checkpoint_with_nan_infinity_and_subnormals(self):
        db, dumps = self.check("bad")
        sums = db.execute("SELECT sum(n_nan), sum(n_pinf), sum(n_ninf), sum(n_sub) FROM v_value")
        self.assertTrue(all(n > 0 for n in sums.fetchone()))
        first = db.execute("""SELECT v.fqn FROM v_first_bad b JOIN v_value v ON v.id = b.value_id""")
        self.assertEqual(first.fetchone()[0], "model.embed_tokens:out")
        # Only the logit of the poisoned row is NaN before the poisoned position.
        logits = dumps["lm_head:out", 0]
        self.assertEqual(np.argwhere(np.isnan(logits[: IDS.index(111)]))[:, 1].tolist(),
                         [7] * IDS.index(111))

    def test_the_mask_trips_nothing(self):
        db = trace("window", "mask.db", "--stop-on", "inf", "-n", str(N))
        self.assertGreater(db.execute(
            "SELECT sum(n_ninf) FROM v_value WHERE role = 'scores_masked'").fetchone()[0], 0)
        self.assertEqual(db.execute("SELECT count(*) FROM v_bad").fetchone()[0], 0)
        self.assertEqual(db.execute("SELECT count(*) FROM v_first_bad").fetchone()[0], 0)
        self.assertEqual(db.execute(
            "SELECT count(*) FROM event WHERE kind LIKE 'first%'").fetchone()[0], 0)
        trace("window", "mask.db", "--stop-on", "nan", "-n", str(N))
        db = trace("bad", "inf.db", "--stop-on", "inf", status=1)
        self.assertEqual(db.execute("SELECT fqn FROM v_value ORDER BY id DESC LIMIT 1").fetchone()[0],
                         "model.embed_tokens:out")


class Points(unittest.TestCase):
    """info --points is what recordings hold."""

    def test_every_point_with_its_axes_in_every_pass(self):
        listed = [json.loads(line) for line in
                  torchless("info", "-m", "window", "--points", "--json").splitlines()]
        db = trace("window", "points.db", "-n", str(N))
        sizes = {"T": {0: len(IDS)}, "S": {n: len(IDS) + n for n in range(N)}}
        for point in listed:
            axes = db.execute("SELECT axes, role, tl_name, ggml_name FROM point WHERE fqn = ?",
                              (point["name"],)).fetchone()
            self.assertEqual(tuple(axes), (point["axes"], point["role"], point["transformer_lens"],
                                           point["ggml"]))
            rows = db.execute("SELECT pass, phase, shape FROM v_value WHERE fqn = ? ORDER BY pass",
                              (point["name"],)).fetchall()
            self.assertEqual([row["phase"] for row in rows], ["prefill"] + ["decode"] * (N - 1))
            for row in rows:
                bind = {"T": sizes["T"].get(row["pass"], 1), "R": sizes["T"].get(row["pass"], 1),
                        "S": sizes["S"][row["pass"]]}
                # A cache shows the rows that the pass appended.
                if point["axes"].startswith("kv_pos"):
                    bind["S"] = bind["T"]
                shape = [str(bind.get(size, size)) for size in point["shape"].split(",")]
                self.assertEqual(row["shape"], ",".join(shape), point["name"])
                self.assertEqual(len(shape), point["axes"].count(",") + 1)
        n = db.execute("SELECT count(DISTINCT fqn) FROM v_value").fetchone()[0]
        self.assertEqual(n, len(listed))

    def test_bytes(self):
        for line in torchless("info", "-m", "odd", "--points", "--json", "--chunk", "7").splitlines():
            point = json.loads(line)
            sizes = dict.fromkeys("TSR", 7)
            factors = [sizes.get(size) or int(size) for size in point["shape"].split(",")]
            self.assertEqual(point["chunk_bytes"], 4 * int(np.prod(factors)))


# Point, axes, TransformerLens, ggml, as these projects name them; %d is the layer.
LAYER = "model.layers.%d"
TABLE = (
    ("model.embed_tokens:out", "pos,d_model", "hook_embed", "inp_embd"),
    ("model.rotary_emb:cos", "pos,d_head", None, None),
    ("model.rotary_emb:sin", "pos,d_head", None, None),
    (LAYER + ".input_layernorm:rms", "pos", "blocks.%d.ln1.hook_scale", None),
    (LAYER + ".input_layernorm:normed", "pos,d_model", "blocks.%d.ln1.hook_normalized", "norm-%d"),
    (LAYER + ".input_layernorm:out", "pos,d_model", None, "attn_norm-%d"),
    (LAYER + ".self_attn.q_proj:out", "pos,head,d_head", "blocks.%d.attn.hook_q", "Qcur-%d"),
    (LAYER + ".self_attn.k_proj:out", "pos,head,d_head", "blocks.%d.attn.hook_k", "Kcur-%d"),
    (LAYER + ".self_attn.v_proj:out", "pos,head,d_head", "blocks.%d.attn.hook_v", "Vcur-%d"),
    (LAYER + ".self_attn:q_rot", "pos,head,d_head", "blocks.%d.attn.hook_rot_q", None),
    (LAYER + ".self_attn:k_rot", "pos,head,d_head", "blocks.%d.attn.hook_rot_k", None),
    (LAYER + ".self_attn:k_cache", "kv_pos,kv_head,d_head", None, None),
    (LAYER + ".self_attn:v_cache", "kv_pos,kv_head,d_head", None, None),
    (LAYER + ".self_attn:scores", "head,q,k", None, "kq-%d"),
    (LAYER + ".self_attn:scores_masked", "head,q,k", "blocks.%d.attn.hook_attn_scores", None),
    (LAYER + ".self_attn:pattern", "head,q,k", "blocks.%d.attn.hook_pattern", "kq_soft_max-%d"),
    (LAYER + ".self_attn:z", "pos,head,d_head", "blocks.%d.attn.hook_z", "kqv_out-%d"),
    (LAYER + ".self_attn.o_proj:out", "pos,d_model", "blocks.%d.hook_attn_out", "attn_out-%d"),
    (LAYER + ":resid_mid", "pos,d_model", "blocks.%d.hook_resid_mid", "ffn_inp-%d"),
    (LAYER + ".post_attention_layernorm:rms", "pos", "blocks.%d.ln2.hook_scale", None),
    (LAYER + ".post_attention_layernorm:normed", "pos,d_model", "blocks.%d.ln2.hook_normalized", None),
    (LAYER + ".post_attention_layernorm:out", "pos,d_model", None, "ffn_norm-%d"),
    (LAYER + ".mlp.gate_proj:out", "pos,d_ff", "blocks.%d.mlp.hook_pre", "ffn_gate-%d"),
    (LAYER + ".mlp.up_proj:out", "pos,d_ff", "blocks.%d.mlp.hook_pre_linear", "ffn_up-%d"),
    (LAYER + ".mlp.act_fn:out", "pos,d_ff", None, "ffn_silu-%d"),
    (LAYER + ".mlp:act_mul", "pos,d_ff", "blocks.%d.mlp.hook_post", "ffn_gate_par-%d"),
    (LAYER + ".mlp.down_proj:out", "pos,d_model", "blocks.%d.hook_mlp_out", "ffn_out-%d"),
    (LAYER + ":out", "pos,d_model", "blocks.%d.hook_resid_post", "l_out-%d"),
    ("model.norm:rms", "pos", "ln_final.hook_scale", None),
    ("model.norm:normed", "pos,d_model", "ln_final.hook_normalized", "norm"),
    ("model.norm:out", "pos,d_model", None, "result_norm"),
    ("lm_head:out", "pos,vocab", None, "result_output"),
)


class Names(unittest.TestCase):
    """Every point by every name, on the model that comes with the program."""

    def setUp(self):
        with open(os.path.join(LESSONS, "config.json"), encoding="utf-8") as file:
            self.n_layers = json.load(file)["num_hidden_layers"]

    def layers(self, row):
        """A row of TABLE for each layer it is there for."""
        for i in range(self.n_layers if "%d" in row[0] else 1):
            yield [name and name.replace("%d", str(i)) for name in row]

    def meant(self, *patterns):
        """The canonical names that each pattern stands for, as the recording of a run keeps them."""
        rules = [word for pattern in patterns for word in ("--capture", pattern + "=stats")]
        db = trace(LESSONS, "names.db", *rules, "-n", "0")
        kept = json.loads(db.execute("SELECT opts FROM run").fetchone()[0])["capture"]
        self.assertEqual([rule["keep"] for rule in kept], ["stats"] * len(patterns))
        return db, [rule["points"] for rule in kept]

    def test_the_table_is_what_there_is(self):
        listed = {point["name"]: (point["axes"], point["transformer_lens"], point["ggml"])
                  for point in map(json.loads, torchless("info", "-m", LESSONS, "--points",
                                                         "--json").splitlines())}
        self.assertEqual(listed, {name: tuple(names) for row in TABLE
                                  for name, *names in self.layers(row)})

    def test_each_name_is_one_tensor(self):
        pairs = [(name, row[0]) for layered in TABLE for row in self.layers(layered)
                 for name in (row[0], row[2], row[3]) if name and name != "norm"]
        pairs.append(("norm", "model.norm:out"))  # ggml calls another one that: ours comes first
        for i in range(self.n_layers):
            before = f"model.layers.{i - 1}:out" if i else "model.embed_tokens:out"
            at = f"model.layers.{i}"
            pairs += [(f"{at}:in", before), (f"{at}:resid_pre", before), (at, f"{at}:out"),
                      (f"blocks.{i}.hook_resid_pre", before), (f"{at}:resid_post", f"{at}:out"),
                      (f"{at}.self_attn:out", f"{at}.self_attn.o_proj:out"),
                      (f"{at}.self_attn", f"{at}.self_attn.o_proj:out"),
                      (f"{at}.mlp:out", f"{at}.mlp.down_proj:out"), (f"L{i}", f"{at}:out"),
                      (f"L{i}.attn.pattern", f"{at}.self_attn:pattern"),
                      (f"L{i}.attn.q_proj", f"{at}.self_attn.q_proj:out"),
                      (f"L{i}.mlp.act_mul", f"{at}.mlp:act_mul"),
                      (f"L{i}.ln2.rms", f"{at}.post_attention_layernorm:rms")]
        db, found = self.meant(*[name for name, _ in pairs])
        for (name, point), points in zip(pairs, found, strict=True):
            self.assertEqual(points, [point], name)
        # And every other name that the recording itself knows.
        pairs = db.execute("SELECT alias, fqn FROM point_alias JOIN point ON id = point_id").fetchall()
        self.assertGreater(len(pairs), 25 * self.n_layers)
        _, found = self.meant(*[alias for alias, _ in pairs])
        for (alias, fqn), points in zip(pairs, found, strict=True):
            self.assertEqual(points, [fqn], alias)

    def test_globs_and_ranges(self):
        last = self.n_layers - 1
        self.assertGreater(last, 2)
        every = {"*.self_attn:pattern": [f"model.layers.[0-{last}].self_attn:pattern"],
                 "L*.attn.pattern": [f"model.layers.[0-{last}].self_attn:pattern"],
                 "blocks.*.attn.hook_pattern": [f"model.layers.[0-{last}].self_attn:pattern"],
                 "kq_soft_max-[1-2]": ["model.layers.[1-2].self_attn:pattern"],
                 "L[1-2].attn.pattern": ["model.layers.[1-2].self_attn:pattern"],
                 "model.layers.[1-99].mlp": [f"model.layers.[1-{last}].mlp.down_proj:out"],
                 "model.layers.?:resid_mid": [f"model.layers.[0-{last}]:resid_mid"],
                 "*:resid_pre": ["model.embed_tokens:out", f"model.layers.[0-{last - 1}]:out"],
                 "model.rotary_emb:*": ["model.rotary_emb:cos", "model.rotary_emb:sin"],
                 "*_head": ["lm_head:out"]}
        _, found = self.meant(*every)
        self.assertEqual(dict(zip(every, found, strict=True)), every)

    def test_a_name_of_nothing_ends_before_the_run(self):
        for name, near in (("model.layers.1.self_attn:patern", "model.layers.1.self_attn:pattern"),
                           ("L1.attn.q_rott", "L1.attn.q_rot"), ("l_outt-1", "l_out-1"),
                           ("blocks.1.attn.hook_pattrn", "blocks.1.attn.hook_pattern"),
                           (f"L{self.n_layers}.attn.pattern", f"the layers are 0 to {self.n_layers - 1}"),
                           ("model.layers.[90-99].mlp", "model.layers.")):
            said = torchless("trace", "-m", LESSONS, "-o", "nothing.db", "--capture", name, "Once",
                             status=2)
            self.assertIn(near, said)
            self.assertEqual(said.count("\n"), 1)
            self.assertFalse(os.path.exists(os.path.join(folder, "nothing.db")))


class Estimate(unittest.TestCase):
    """--estimate beside what then happens."""

    TABLES = ("run", "pass", "span", "value", "token", "tok_step", "cand", "event", "counter", "tensor",
              "tensor_chunk")

    def check(self, model, *words):
        """Rows and bytes within 15 %; what can be counted, to the number."""
        said = json.loads(torchless("trace", "-m", model, "--json", "--estimate", *words))
        told = json.loads(torchless("trace", "-m", model, "--json", "-o", "real.db", *words))
        path = os.path.join(folder, "real.db")
        db = sqlite3.connect(path)
        rows = sum(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in self.TABLES)
        for what, guess, true in (("rows", said["rows"], rows),
                                  ("bytes", said["file_bytes"], os.path.getsize(path)),
                                  ("dumps", said["dump_bytes"], told["dump_bytes"])):
            ratio = guess / true
            self.assertTrue(0.85 <= ratio <= 1.15, f"{what}: {guess} for {true} of {words}")
        for what in ("values", "calls", "dumps"):
            self.assertEqual(said[what], told[what], (what, words))
        low, high = said["seconds"]
        self.assertTrue(0 < low < high, said["seconds"])

    def check_all(self, model):
        """The cases that differ in what they write."""
        with open(os.path.join(folder, "prompts.jsonl"), "w", encoding="utf-8") as file:
            for i, text in enumerate(("Once upon a time", "The capital of France is", "Tom said it",
                                      "Once upon a time", "The ball was in the box.")):
                file.write(json.dumps({"prompt": text, "n": 1 + i % 3}) + "\n")
            # Twice the same: its dumps are stored once.
            file.write(json.dumps({"prompt": "Once upon a time", "n": 1}) + "\n")
        text = "Lily put the ball in the box. Tom asked where the ball was."
        self.check(model, text)
        self.check(model, "--capture", "*", "-n", "2", text)
        self.check(model, "--capture", "*.self_attn:pattern@-2:=f16", "--capture",
                   "L[0-2].attn.q_rot@3:9=f16", "-n", "4", text)
        self.check(model, "--prompts", "prompts.jsonl")
        self.check(model, "--prompts", "prompts.jsonl", "--capture", "residual")

    def test_the_model_that_comes_with_the_program(self):
        self.check_all(LESSONS)

    @unittest.skipUnless(os.path.exists(os.path.join(SMOLLM2, "config.json")), "make smollm2")
    def test_smollm2(self):
        self.check_all(SMOLLM2)


class Attention(unittest.TestCase):
    """attn beside what was dumped, beyond the window of the model that comes with the program."""

    def test_a_prompt_longer_than_the_window(self):
        with open(os.path.join(LESSONS, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
        window, n_layers = config["sliding_window"], config["num_hidden_layers"]
        ids = " ".join(str(3 + 7 * i % 900) for i in range(2 * window + 30))
        torchless("trace", "-q", "-m", LESSONS, "-o", "window.db", "--chunk", "50", "-n", "4", "--prompt-ids",
                  "--capture", "attention", "--capture", "*:pattern", "--capture", "*:scores_masked", ids)
        db = sqlite3.connect(os.path.join(folder, "window.db"))
        starts = dict(db.execute("SELECT idx, pos0 FROM pass WHERE idx IS NOT NULL"))
        self.assertGreater(len(starts), 5)
        n = max(starts.values()) + 1
        # What attn says, as a matrix of each layer and head; what it does not mention stays.
        told = {"pattern": np.zeros((n_layers, config["num_attention_heads"], n, n)),
                "scores_masked": np.full((n_layers, config["num_attention_heads"], n, n), -np.inf)}
        rows = torchless("query", "-t", "window.db", "SELECT layer, head, q, k, p, score FROM attn")
        rows = np.array([line.split() for line in rows.splitlines()], dtype=np.float64)
        at = tuple(rows[:, :4].astype(int).T)
        told["pattern"][at], told["scores_masked"][at] = rows[:, 4], rows[:, 5]
        pairs = sum(min(q + 1, window) for q in range(n))
        self.assertEqual(len(rows), pairs * n_layers * config["num_attention_heads"])
        compared = 0
        for fqn, number, _, array in arrays(db, "*.self_attn:*"):
            role = fqn.split(":")[1]
            if role in told:
                part = told[role][int(fqn.split(".")[2]), :, starts[number]:, :array.shape[2]]
                part = part[:, :array.shape[1]]
                np.testing.assert_array_equal(np.isfinite(part), np.isfinite(array), fqn)
                np.testing.assert_allclose(part, array, rtol=0, atol=1e-6 if role == "pattern" else 1e-5)
                compared += array.size
        self.assertGreater(compared, 2 * pairs)


class Payloads(unittest.TestCase):
    """What v_payload gives to numpy.frombuffer."""

    def test_types(self):
        full = dumps_of(trace("odd", "f32.db", "--capture", "*:q_rot"))
        name = ("model.layers.1.self_attn:q_rot", 0)
        for kind, dtype in (("f32", "<f4"), ("f16", "<f2"), ("bf16", "<u2")):
            db = trace("odd", "kind.db", "--capture", f"L1.attn.q_rot={kind}")
            rows = db.execute("SELECT dtype, shape, data FROM v_payload WHERE fqn = ? ORDER BY chunk",
                              (name[0],)).fetchall()
            self.assertEqual({row["dtype"] for row in rows}, {kind})
            array = np.frombuffer(b"".join(row["data"] for row in rows), dtype)
            if kind == "bf16":  # numpy has none: the upper half of an f32
                array = (array.astype("<u4") << 16).view("<f4")
            array = array.reshape([int(n) for n in rows[0]["shape"].split(",")])
            if kind == "f16":
                np.testing.assert_array_equal(array, full[name].astype(np.float16))
            elif kind == "bf16":
                bits = full[name].view("<u4")
                near = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16 << 16).view("<f4")
                np.testing.assert_array_equal(array, near)
            else:
                np.testing.assert_array_equal(array, full[name])

    def test_equal_payloads_are_stored_once(self):
        db = trace("window", "once.db", "--capture", "*", "-n", str(N))
        pairs = db.execute("""
            SELECT a.fqn, b.fqn FROM v_value a JOIN v_value b ON b.tensor_id = a.tensor_id AND b.id > a.id
            WHERE a.pass = 0 AND b.pass = 0 AND a.layer = 0 AND b.layer = 0""").fetchall()
        at = "model.layers.0.self_attn:"
        self.assertLessEqual({(at + "k_rot", at + "k_cache"), (at + "scores", at + "scores_masked"),
                              ("model.layers.0.self_attn.v_proj:out", at + "v_cache")},
                             {tuple(pair) for pair in pairs})
        distinct = db.execute("SELECT count(*), count(DISTINCT hash || shape || dtype) FROM tensor")
        self.assertEqual(*distinct.fetchone())

    def test_large_tensors_come_in_chunks(self):
        ids = " ".join(str(i % 300) for i in range(600))
        torchless("trace", "-q", "-m", "window", "-o", "large.db", "--prompt-ids", "--chunk", "600",
                  "--capture", "L0.attn.pattern", ids)
        db = sqlite3.connect(os.path.join(folder, "large.db"))
        name = "model.layers.0.self_attn:pattern"
        sizes = [n for n, in db.execute(
            "SELECT length(data) FROM v_payload WHERE fqn = ? ORDER BY chunk", (name,))]
        self.assertGreater(len(sizes), 1)
        self.assertLessEqual(max(sizes), 4 << 20)
        pattern = dumps_of(db)[name, 0]
        self.assertEqual(pattern.shape, (4, 600, 600))
        np.testing.assert_allclose(pattern.sum(axis=-1), 1, rtol=1e-5)


class Everything(unittest.TestCase):
    """The file explains itself."""

    def setUp(self):
        self.db = trace("window", "sampled.db", "-n", "3", "--temp", "1.3", "--top-k", "9", "--top-p",
                        "0.9", "--seed", "7", prompt="The model reads a text")

    def one(self, sql, *values):
        """The first row."""
        return self.db.execute(sql, values).fetchone()

    def test_a_sampled_token_from_its_bytes_to_its_pick(self):
        """SQL only: bytes -> merges -> ids -> logits -> cuts -> pick."""
        run = self.one("SELECT prompt, seed, sampler FROM run")
        prompt = run["prompt"].encode() if isinstance(run["prompt"], str) else run["prompt"]
        # Bytes: each token of the prompt covers some, together they are the prompt.
        covered = self.db.execute("""SELECT byte_start, byte_end FROM v_token
                                     WHERE source = 'prompt' ORDER BY pos""").fetchall()
        self.assertEqual(b"".join(prompt[a:b] for a, b in covered), prompt)
        # Merges: what a merge yields is its parts, and every token of more than one piece was made.
        merges = self.db.execute("""SELECT left_piece l, right_piece r, merged m, rank FROM v_tok_step
                                    WHERE rule = 'merge' ORDER BY seq""").fetchall()
        self.assertTrue(merges)
        for merge in merges:
            self.assertEqual(merge["l"] + merge["r"], merge["m"])
            self.assertIsNotNone(merge["rank"])
        made = {merge["m"] for merge in merges}
        for row in self.db.execute("SELECT piece FROM v_token WHERE source = 'prompt'"):
            piece = row["piece"].replace(b" ", "▁".encode())
            self.assertTrue(len(piece.decode()) == 1 or piece in made or
                            "▁".encode() + piece in made, piece)
        # The pick: temperature, then each cut, then one of what was kept.
        pick = self.one("""SELECT pos, token_id, piece, logprob FROM v_token
                           WHERE source = 'generated' ORDER BY pos LIMIT 1""")
        cands = self.db.execute("""SELECT token_id, piece, logit, logprob, kept, cut_by FROM v_cand
                                   WHERE pos = ? ORDER BY rank""", (pick["pos"] - 1,)).fetchall()
        chosen = [cand for cand in cands if cand["token_id"] == pick["token_id"]]
        self.assertEqual(len(chosen), 1)
        self.assertTrue(chosen[0]["kept"])
        self.assertEqual(chosen[0]["piece"], pick["piece"])
        self.assertAlmostEqual(chosen[0]["logprob"], pick["logprob"], places=5)
        self.assertEqual([cand["cut_by"] for cand in cands if not cand["kept"]][-1], "top_k")
        self.assertLessEqual({cand["cut_by"] for cand in cands}, {None, "top_k", "top_p"})
        # What top-p kept is what holds 0.9 of the probability after temperature and top-k.
        sampler = json.loads(run["sampler"])
        logits = np.array([cand["logit"] for cand in cands[: sampler["top_k"]]]) / sampler["temp"]
        p = np.exp(logits - logits.max())
        p /= p.sum()
        n_kept = int((p.cumsum() - p < sampler["top_p"]).sum())
        self.assertEqual(sum(cand["kept"] for cand in cands), n_kept)
        steps = self.db.execute("""SELECT data FROM event WHERE kind = 'sampler' ORDER BY id""")
        rules = [json.loads(step["data"]) for step in steps]
        rules = [step for step in rules if step["pos"] == pick["pos"] - 1]
        self.assertEqual([step["rule"] for step in rules], ["temp", "top_k", "top_p", "pick"])
        self.assertEqual(rules[1]["rank"], sampler["top_k"])
        self.assertEqual(rules[2]["rank"], n_kept)
        self.assertEqual(rules[3]["token_id"], pick["token_id"])
        # The logits: those of the last position that was read.
        last = self.one("""SELECT v.vmax, v.numel FROM v_value v WHERE v.fqn = 'lm_head:out'
                           AND v.pos0 + v.n_tok = ? ORDER BY v.id LIMIT 1""", pick["pos"])
        self.assertGreaterEqual(last["vmax"], cands[0]["logit"])

    def test_configuration_hash_tier_threads_seed_and_command(self):
        run = self.one("SELECT * FROM run")
        self.assertEqual(run["seed"], 7)
        self.assertRegex(run["build"], "(ref|avx2|avx512|neon)$")
        self.assertGreaterEqual(run["n_threads"], 1)
        options = json.loads(run["opts"])
        self.assertIn("--seed", options["argv"])
        self.assertEqual((options["n"], options["logits"], options["capture"]), (3, "all", []))
        model = self.one("SELECT * FROM model")
        self.assertEqual(len(model["weights_xxh3"]), 16)
        self.assertEqual(len(model["tokenizer_xxh3"]), 16)
        with open(os.path.join(folder, "window", "config.json"), encoding="utf-8") as file:
            self.assertEqual(json.loads(model["config"]), json.load(file))


if __name__ == "__main__":
    unittest.main()
