#!/usr/bin/env python3
"""Do the SQL functions of tensors say what numpy says?

The teaching model reads a prompt and says three tokens, everything dumped; scalar functions are
recomputed from the dumps, and from arrays with NaN, infinities and odd shapes that go in as blobs.
Every example of the table of functions is run. Run with .venv/bin/python; needs ./torchless.
"""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))

import numpy as np  # noqa: E402
from read_trace import arrays  # noqa: E402

TORCHLESS = os.environ.get("TORCHLESS", os.path.join(ROOT, "torchless"))
MODEL = os.path.join(ROOT, "lessons", "model")
PROMPT = "Lily put the ball in the box. Tom asked where the ball was."
csv.field_size_limit(1 << 30)
TOLERANCE = 2e-6  # of what comes back as f32
# A point, and the axes that numpy counts from 0.
POINTS = {"L1.resid_post": ("model.layers.1:out", "pos", "d_model"),
          "L2.attn.pattern": ("model.layers.2.self_attn:pattern", "head", "q", "k"),
          "L2.attn.scores_masked": ("model.layers.2.self_attn:scores_masked", "head", "q", "k"),
          "L3.attn.q_rot": ("model.layers.3.self_attn:q_rot", "pos", "head", "d_head"),
          "L0.ln1.rms": ("model.layers.0.input_layernorm:rms", "pos"),
          "lm_head": ("lm_head:out", "pos", "vocab")}


def setUpModule():
    """One recording with every element of every point."""
    global folder, recording, ids, dumps
    folder = tempfile.mkdtemp(prefix="torchless-functions-")
    recording = os.path.join(folder, "t.db")
    subprocess.run([TORCHLESS, "trace", "-q", "-m", MODEL, "-o", recording, "-n", "3", "--capture", "*", PROMPT],
                   check=True, capture_output=True)
    ids = {(r["fqn"], int(r["pass"])): int(r["id"]) for r in rows("SELECT fqn, pass, id FROM v_value")}
    dumps = {(fqn, number): array for fqn, number, _, array in arrays(recording)}
    record_two()


def record_two():
    """Two runs in one recording, whose prompts part at one token."""
    global pair, two, parted
    pair = os.path.join(folder, "two.db")
    with open(os.path.join(folder, "prompts.jsonl"), "w", encoding="utf-8") as file:
        file.writelines(json.dumps({"prompt": text}) + "\n" for text in (PROMPT, PROMPT.replace("box", "bag")))
    subprocess.run([TORCHLESS, "trace", "-q", "-m", MODEL, "-o", pair, "-n", "1", "--capture", "*", "--prompts",
                    file.name], check=True, capture_output=True)
    two = {run: {(fqn, number): array for fqn, number, _, array in arrays(pair, run=run)} for run in (1, 2)}
    tokens = [[row["token_id"] for row in rows2(f"SELECT token_id FROM v_token WHERE run_id = {run} ORDER BY pos")]
              for run in (1, 2)]
    parted = next(i for i, (a, b) in enumerate(zip(*tokens)) if a != b)


def tearDownModule():
    """Nothing is left."""
    shutil.rmtree(folder)


def rows2(sql):
    """Of the recording of two runs."""
    return rows(sql, pair)


def rows(sql, db=None):
    """The rows of an answer as dictionaries of text."""
    done = subprocess.run([TORCHLESS, "query", "-t", db or recording, "--csv", sql], capture_output=True, check=False)
    if done.returncode:
        raise AssertionError(f"{sql[:2000]}: {done.stderr.decode()}")
    return list(csv.DictReader(io.StringIO(done.stdout.decode(), newline="")))


def read(text):
    """What a function gave: an array, a number, None or a text."""
    if text.startswith("blob "):
        return np.load(io.BytesIO(bytes.fromhex(text[5:])))
    if text == "":
        return np.nan
    try:
        return float(text)
    except ValueError:
        return text


def ask(expressions):
    """The values of SQL expressions."""
    result = []
    for at in range(0, len(expressions), 50):
        part = expressions[at:at + 50]
        inner = ", ".join(f"{e} e{i}" for i, e in enumerate(part))
        outer = ", ".join(f"iif(typeof(e{i}) = 'blob', 'blob ' || hex(e{i}), e{i}) e{i}" for i in range(len(part)))
        row = rows(f"WITH a AS MATERIALIZED (SELECT {inner}) SELECT {outer} FROM a")[0]
        result += [read(row[f"e{i}"]) for i in range(len(part))]
    return result


def blob(array):
    """An array as an SQL literal of its .npy."""
    out = io.BytesIO()
    np.save(out, array)
    return f"x'{out.getvalue().hex()}'"


def tensors():
    """SQL arguments of every kind with their arrays and axes: points, parts, ids, blobs."""
    random = np.random.default_rng(5)
    for name, (fqn, *axes) in POINTS.items():
        yield f"'{name}'", dumps[fqn, 0], axes
        yield f"'{name}[pass=2]'", dumps[fqn, 2], axes
        yield str(ids[fqn, 1]), dumps[fqn, 1], axes
    yield "'L2.attn.pattern[head=1, q=-1]'", dumps[POINTS["L2.attn.pattern"][0], 0][1, -1], ["k"]
    yield "'L1.resid_post[run=1, pos=2:6, d_model=3:50]'", dumps[POINTS["L1.resid_post"][0], 0][2:6, 3:50], ["pos", "d_model"]
    for shape in [(7,), (3, 5), (2, 1, 4), (2, 3, 2, 5)]:
        x = random.normal(size=shape).astype("<f4")
        yield blob(x), x, [f"i{i}" for i in range(len(shape))]
        x = np.where(random.random(shape) < .3, random.choice([np.nan, np.inf, -np.inf], shape), x).astype("<f4")
        yield blob(x), x, [f"i{i}" for i in range(len(shape))]
    yield blob(random.normal(size=(4, 3))), None, None
    for dtype in ["<f2", "<f8", "<i4", "<i8", "u1"]:
        x = (random.random((3, 4)) * 100).astype(dtype)
        yield blob(x), x, ["i0", "i1"]
    x = random.normal(size=6).astype("<f4")
    yield f"x'{x.tobytes().hex()}'", x, ["i0"]
    yield blob(np.full((2, 3), np.nan, "<f4")), np.full((2, 3), np.nan), ["i0", "i1"]
    yield blob(np.zeros((2, 3), "<f4")), np.zeros((2, 3)), ["i0", "i1"]


def finite(reduce):
    """A reduction of the finite elements only, NaN where there is none."""
    def of(x, axis):
        masked = np.ma.masked_invalid(x.astype(np.float64))
        return np.ma.filled(reduce(masked, axis), np.nan)
    return of


def arg_max(x, axis):
    """The first largest; NaN is never it."""
    x = np.where(np.isnan(x), -np.inf, x)
    return np.argmax(x, axis)


def entropy(x, axis):
    """In nats; NaN where an element is no probability."""
    x = x.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(x > 0, -x * np.log(x), 0)
    return np.where((x >= 0).all(axis), terms.sum(axis), np.nan)


def softmax(x, axis):
    """exp(x) / sum exp(x)."""
    x = x.astype(np.float64)
    with np.errstate(invalid="ignore"):
        e = np.exp(x - np.max(x, axis, keepdims=True))
        return e / e.sum(axis, keepdims=True)


REDUCTIONS = {"t_mean": finite(np.ma.mean), "t_std": finite(np.ma.std), "t_min": finite(np.ma.min),
              "t_max": finite(np.ma.max), "t_sum": finite(np.ma.sum),
              "t_l2": finite(lambda x, axis: np.ma.sqrt((x * x).sum(axis))),
              "t_norm": finite(lambda x, axis: np.ma.sqrt((x * x).sum(axis))),
              "t_absmean": finite(lambda x, axis: np.ma.abs(x).mean(axis)),
              "t_absmax": finite(lambda x, axis: np.ma.abs(x).max(axis))}
COUNTS = {"t_nan": lambda x, axis: np.isnan(x).sum(axis), "t_inf": lambda x, axis: np.isinf(x).sum(axis),
          "t_count": np.count_nonzero, "t_any": lambda x, axis: np.any(x, axis).astype(int),
          "t_all": lambda x, axis: np.all(x, axis).astype(int)}
MAPS = {"t_abs": np.abs, "t_sqrt": np.sqrt, "t_exp": np.exp, "t_log": np.log}


def first_position(name, axes, axis):
    """What index 0 along an axis counts as."""
    found = re.search(r"pos=(\d+):", name)
    if axes[axis] not in ("pos", "q"):
        return 0
    if found:
        return int(found[1])
    n_prompt = len(dumps[POINTS["L0.ln1.rms"][0], 0])
    number = 1 if name[0] != "'" else 2 if "pass=2" in name else 0
    return n_prompt + number - 1 if number else 0


class Scalars(unittest.TestCase):
    """Every scalar function that gives numbers."""

    def same(self, cases, tolerance=TOLERANCE):
        """SQL expressions with what numpy says of each."""
        for (sql, expected), got in zip(cases, ask([sql for sql, _ in cases])):
            self.assertEqual(np.shape(got), np.shape(expected), sql[:300])
            self.assertTrue(np.allclose(got, expected, tolerance, tolerance * 1e-2, equal_nan=True),
                            f"{sql[:300]}: {got}, numpy says {expected}")

    def over_axes(self, function, of, axes_too=True, whole=True):
        """A function of all elements, then along each axis by number, from the end and by name."""
        cases = []
        for sql, x, axes in tensors():
            if x is None:
                continue
            cases += [(f"{function}({sql})", of(x.reshape(-1), 0))] if whole else []
            for i, axis in enumerate(axes if axes_too else []):
                expected = of(x, i)
                cases += [(f"{function}({sql}, {spelled})", expected) for spelled in (i, i - x.ndim, f"'{axis}'")]
        self.same(cases)

    def test_reductions_are_numpys(self):
        """All elements and every axis, of the finite ones."""
        for function, of in REDUCTIONS.items():
            with self.subTest(function):
                self.over_axes(function, of)

    def test_counts_are_numpys(self):
        """All elements and every axis; what is not finite counts."""
        for function, of in COUNTS.items():
            with self.subTest(function):
                self.over_axes(function, of)

    def test_elements_are_numpys(self):
        """One by one."""
        for function, of in MAPS.items():
            with self.subTest(function), np.errstate(all="ignore"):
                self.same([(f"{function}({sql})", of(x.astype("<f4"))) for sql, x, _ in tensors() if x is not None])

    def test_orders_are_numpys(self):
        """Sorted along each axis, NaN last; axes reversed."""
        self.over_axes("t_sort", np.sort, whole=False)
        self.same([(f"t_sort({sql})", np.sort(x)) for sql, x, _ in tensors() if x is not None])
        self.same([(f"t_transpose({sql})", x.T) for sql, x, _ in tensors() if x is not None])

    def test_argmin_counts_positions(self):
        """As argmax of the negative."""
        cases = []
        for sql, x, axes in tensors():
            if x is None or np.isnan(x).any():
                continue
            if x.ndim > 1:
                cases.append((f"t_argmin({sql})", float(arg_max(-x.astype(float).reshape(-1), 0))))
            for i in range(x.ndim):
                cases.append((f"t_argmin({sql}, {i})", arg_max(-x.astype(float), i) + first_position(sql, axes, i)))
        self.same(cases)

    def test_argmax_counts_positions(self):
        """A flat index over all, an absolute one along an axis of positions."""
        cases = []
        for sql, x, axes in tensors():
            if x is None or np.isnan(x).any():
                continue
            if x.ndim > 1:
                cases.append((f"t_argmax({sql})", float(arg_max(x.reshape(-1), 0))))
            for i in range(x.ndim):
                cases.append((f"t_argmax({sql}, {i})", arg_max(x, i) + first_position(sql, axes, i)))
        self.same(cases)
        x = np.array([[np.nan, 3, 3], [np.nan, -np.inf, np.nan]], "<f4")
        self.same([(f"t_argmax({blob(x)})", 1.0), (f"t_argmax({blob(x)}, 0)", np.array([np.nan, 0, 0])),
                   (f"t_argmax({blob(x)}, 1)", np.array([1.0, 1.0]))])

    def test_entropy_and_softmax_are_numpys(self):
        """Along the last axis when none is said."""
        cases = []
        for sql, x, _ in tensors():
            if x is None:
                continue
            for axis in range(x.ndim):
                cases += [(f"t_entropy({sql}, {axis})", entropy(x, axis)), (f"t_softmax({sql}, {axis})", softmax(x, axis))]
            cases += [(f"t_entropy({sql})", entropy(x, -1)), (f"t_softmax({sql})", softmax(x, -1))]
        self.same(cases)

    def test_a_row_of_attention_has_the_entropy_of_its_softmax(self):
        """The masked scores' softmax is the pattern."""
        self.same([("t_entropy(t_softmax('L2.attn.scores_masked'))", entropy(dumps[POINTS["L2.attn.pattern"][0], 0], -1))], 1e-4)

    def test_comparisons_are_numpys(self):
        """Two points, a point and itself, arrays with NaN and infinities."""
        a, b = dumps[POINTS["L1.resid_post"][0], 0], dumps["model.layers.2:out", 0]
        pairs = [("'L1.resid_post'", "'L2.resid_post'", a, b), ("'L1.resid_post'", "'L1.resid_post'", a, a),
                 ("'L1.resid_post[pos=2]'", "t_slice('L2.resid_post', '[2:3]')", a[2], b[2])]
        x, y = np.array([1, np.inf, -2, 0], "<f4"), np.array([1.5, np.inf, 2, 0], "<f4")
        cases = []
        for left, right, p, q in pairs:
            p, q = p.astype(np.float64), q.astype(np.float64)
            cases += [(f"t_dot({left}, {right})", float((p * q).sum())),
                      (f"t_cos({left}, {right})", float((p * q).sum() / np.linalg.norm(p) / np.linalg.norm(q))),
                      (f"t_nmse({left}, {right})", float(((q - p) ** 2).sum() / (p * p).sum())),
                      (f"t_maxabs({left}, {right})", float(np.abs(p - q).max()))]
        same = {"t_dot": 1.5 - 4, "t_nmse": (.25 + 16) / 5, "t_maxabs": 4.0, "t_cos": -2.5 / np.sqrt(5 * 6.25)}
        cases += [(f"{name}({blob(x)}, {blob(y)})", value) for name, value in same.items()]
        x = np.array([1, np.nan], "<f4")
        cases += [(f"{name}({blob(x)}, {blob(x)})", np.nan) for name in same]
        self.same(cases)

    def test_divergence_is_numpys(self):
        """A row each; infinite where q excludes what p allows."""
        p, q = (dumps[f"model.layers.{i}.self_attn:pattern", 0].astype(np.float64) for i in (2, 3))
        with np.errstate(divide="ignore", invalid="ignore"):
            expected = np.where(p > 0, p * np.log(p / q), 0).sum(-1)
        self.same([("t_kl('L2.attn.pattern', 'L3.attn.pattern')", expected),
                   ("t_kl('L2.attn.pattern[head=0, q=3]', 'L3.attn.pattern[head=0, q=3]')", float(expected[0, 3]))], 1e-4)
        one, other = blob(np.array([.5, .5], "<f4")), blob(np.array([1, 0], "<f4"))
        self.same([(f"t_kl({one}, {other})", np.inf), (f"t_kl({other}, {one})", float(np.log(2)))])

    def test_parts_are_numpys(self):
        """Slices by place and by name, elements by index."""
        x, first = dumps[POINTS["L3.attn.q_rot"][0], 2], first_position("'[pass=2]'", ["pos"], 0)
        t = "'L3.attn.q_rot[pass=2]'"
        full = dumps[POINTS["L3.attn.q_rot"][0], 0]
        self.same([(f"t_slice({t}, '[{first}, 1:3, ::]')".replace("::", ":"), x[0, 1:3]),
                   (f"t_slice({t}, '[-1, -1, 5]')", float(x[-1, -1, 5])),
                   (f"t_slice('L3.attn.q_rot', '[d_head=-4:, head=2]')", full[:, 2, -4:]),
                   (f"t_slice('L3.attn.q_rot', '[3:5]')", full[3:5]), ("t_slice('L3.attn.q_rot', '')", full),
                   (f"t_at({t}, {first}, 3, 7)", float(x[0, 3, 7])), (f"t_at({t}, -1, -1, -1)", float(x[-1, -1, -1])),
                   (f"'x' || t_at('L3.attn.q_rot[head=1]', 4, 0) = 'x' || t_at('L3.attn.q_rot', 4, 1, 0)", 1.0),
                   ("t_npy('L3.attn.q_rot')", full)])

    def test_shapes_and_types(self):
        """Of points, ids, blobs and weights."""
        for sql, x, _ in tensors():
            if x is not None:
                shape, = rows(f"SELECT t_shape({sql}) s, t_dtype({sql}) d")
                self.assertEqual(shape["s"], ",".join(map(str, x.shape)))
        (weight,) = rows("SELECT t_shape(weight('lm_head')) s, t_dtype(weight('lm_head')) d")
        self.assertEqual(weight["d"], "bf16")
        self.assertEqual(weight["s"].split(",")[0], str(dumps["lm_head:out", 0].shape[1]))


class Texts(unittest.TestCase):
    """Functions that give JSON and bars."""

    def test_topk_is_numpys(self):
        """Values in order, with absolute indices; NaN left out."""
        x = dumps[POINTS["L1.resid_post"][0], 2][0]
        first = first_position("'[pass=2]'", ["pos"], 0)
        order = np.argsort(-x, kind="stable")[:5]
        (row,) = rows("SELECT t_topk('L1.resid_post[pass=2]', 5) one, t_topk('L1.resid_post', 4) two, "
                      f"t_topk({blob(np.array([2, np.nan, np.inf, 3, 3, -np.inf], '<f4'))}) three")
        self.assertEqual([e["i"] for e in json.loads(row["one"])], order.tolist())
        self.assertTrue(np.allclose([e["value"] for e in json.loads(row["one"])], x[order], TOLERANCE))
        x = dumps[POINTS["L1.resid_post"][0], 0]
        order = np.argsort(-x.reshape(-1), kind="stable")[:4]
        self.assertEqual([e["i"] for e in json.loads(row["two"])], [[int(i) for i in np.unravel_index(o, x.shape)] for o in order])
        self.assertEqual([e["i"] for e in json.loads(row["three"])], [2, 3, 4, 0, 5])
        del first

    def test_histograms_are_numpys(self):
        """Counts between the extremes, and in a given range with what lies outside."""
        x = dumps[POINTS["L1.resid_post"][0], 0].astype(np.float64).reshape(-1)
        (row,) = rows("SELECT t_hist('L1.resid_post') a, t_hist('L1.resid_post', 7, -0.5, 1) b")
        a, b = json.loads(row["a"]), json.loads(row["b"])
        self.assertEqual(a["counts"], np.histogram(x, 20)[0].tolist())
        self.assertEqual(b["counts"], np.histogram(x, 7, (-.5, 1))[0].tolist())
        self.assertEqual((b["below"], b["above"]), ((x < -.5).sum(), (x > 1).sum()))

    def test_differences_are_numpys(self):
        """The numbers of trace_diff, and where the largest difference is."""
        a, b = (dumps[f"model.layers.{i}:out", 0].astype(np.float64) for i in (1, 2))
        (row,) = rows("SELECT t_diff('L1.resid_post', 'L2.resid_post') d")
        got = json.loads(row["d"])
        self.assertAlmostEqual(got["nmse"], ((b - a) ** 2).sum() / (a * a).sum(), 7)
        self.assertAlmostEqual(got["cosine"], (a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b), 7)
        at = np.unravel_index(np.abs(a - b).argmax(), a.shape)
        self.assertEqual(got["max_at"], ",".join(map(str, at)))
        self.assertAlmostEqual(got["max_abs"], abs(a - b)[at], 6)

    def test_statistics_are_numpys(self):
        """A line of them, and what is not finite."""
        x = np.array([[np.nan, np.inf, -np.inf], [0, 3, -4]], "<f4")
        (row,) = rows(f"SELECT t_stats({blob(x)}) s, t_stats({blob(x[0])}) none")
        self.assertEqual(row["s"], "f32[2,3] min -4 max 3 mean -0.3333 std 2.867 l2 5 absmax 4 at 1,2, 1 NaN, 1 +inf, "
                         "1 -inf \u2588\u2581\u2581\u2581\u2588\u2581\u2581\u2588")
        self.assertEqual(row["none"], "f32[3], 1 NaN, 1 +inf, 1 -inf")
        x = dumps[POINTS["L1.resid_post"][0], 0]
        (row,) = rows("SELECT t_stats('L1.resid_post') s")
        self.assertTrue(row["s"].startswith(f"f32[{x.shape[0]},{x.shape[1]}] min {x.min():.4g} max {x.max():.4g} "), row)

    def test_json_is_the_array(self):
        """Digits enough to read the same f32 again."""
        for sql, x, _ in tensors():
            if x is None or x.size > 5000:
                continue
            (row,) = rows(f"SELECT t_json({sql}) j")
            got = np.array(json.loads(row["j"], parse_constant=None), dtype=object)
            got = np.where(got == None, np.nan, got).astype(np.float32)  # noqa: E711
            self.assertTrue(np.array_equal(got, x.astype(np.float32), equal_nan=True), sql[:200])

    def test_bars_follow_the_means(self):
        """Eight heights."""
        x = dumps[POINTS["L1.resid_post"][0], 0][-1].astype(np.float64)
        (row,) = rows("SELECT t_spark('L1.resid_post[pos=-1]', 16) s")
        means = x.reshape(16, -1).mean(1)
        share = (means - means.min()) / (means.max() - means.min())
        self.assertEqual(row["s"], "".join("▁▂▃▄▅▆▇█"[min(7, int(s * 8))] for s in share))


class Rows(unittest.TestCase):
    """Table functions over one value and over two runs."""

    def test_statistics_of_positions_are_numpys(self):
        """Packed by the recorder, and recomputed from parts and blobs."""
        for name, (fqn, *axes) in POINTS.items():
            for number in (0, 2):
                array = dumps[fqn, number]
                axis = next(i for i, axis in enumerate(axes) if axis in ("pos", "q"))
                x = np.ma.masked_invalid(np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1).astype(np.float64))
                expected = np.stack([np.ma.sqrt((x * x).sum(1)), np.abs(x).max(1), x.mean(1), x.std(1)], 1)
                for argument in (f"'{name}[pass={number}]'", f"t_npy('{name}[pass={number}]')" if axis == 0 else None):
                    if not argument:
                        continue
                    got = rows(f"SELECT * FROM pos_stats({argument})")
                    first = 0 if "npy" in argument else first_position(f"'[pass={number}]'" if number else "''", axes, axis)
                    self.assertEqual([int(row["pos"]) for row in got], list(range(first, first + len(x))), argument)
                    got = np.array([[float(row[c]) for c in ("l2", "absmax", "mean", "std")] for row in got])
                    self.assertTrue(np.allclose(got, expected, 1e-5, 1e-6), argument)

    def test_the_first_difference_of_two_prompts(self):
        """Two prompts that part at one token: every value of them, held against numpy."""
        got = rows2("SELECT * FROM trace_diff")
        pairs = {key: (a, two[2][key]) for key, a in two[1].items()}
        self.assertEqual(len(got), len(pairs))
        first = next(row for row in got if row["verdict"] != "equal")
        self.assertEqual((first["fqn"], first["pass"]), ("model.embed_tokens:out", "0"))
        self.assertEqual(first["max_at"].split(",")[0], str(parted))
        for row in got:
            a, b = (x.astype(np.float64).reshape(-1) for x in pairs[row["fqn"], int(row["pass"])])
            keep = ~(np.isinf(a) & (a == b))
            a, b = a[keep], b[keep]
            self.assertEqual(row["verdict"], "equal" if np.array_equal(a, b) else "differs", row)
            self.assertAlmostEqual(float(row["nmse"]), ((a - b) ** 2).sum() / (a * a).sum(), 9)
            self.assertAlmostEqual(float(row["max_abs"]), np.abs(a - b).max(), 9)
            cosine = a @ b / np.sqrt((a @ a) * (b @ b))
            self.assertAlmostEqual(float(row["cosine"]), cosine, 9)

    def test_another_recording(self):
        """The same run of the same prompt, in two files."""
        (row,) = rows(f"SELECT count(*) n, sum(verdict = 'equal') equal, sum(verdict = 'missing') missing "
                      f"FROM trace_diff(1, '{recording}')")
        self.assertEqual(row["n"], row["equal"])
        (row,) = rows(f"SELECT sum(verdict = 'missing') n FROM trace_diff(1, '{pair}[run=1]')")
        self.assertEqual(int(row["n"]), len(dumps) * 2 // 3)


class Table(unittest.TestCase):
    """The table of functions."""

    def test_every_example_runs(self):
        """Each gives a row on a recording of the teaching model."""
        text = ""
        for path in ("src/inspect/functions.def", "include/torchless/array_functions.def"):
            with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                text += file.read()
        entries = re.findall(r"^(?:SCALAR|TABLE|ARRAY)\((\w+),(.*?)\)\n(?=SCALAR|TABLE|ARRAY|#|/|\Z)",
                             text, re.S | re.M)
        self.assertGreater(len(entries), 28)
        for name, body in entries:
            example = re.findall(r'"((?:[^"\\]|\\.)*)"', body)[-1].replace('\\"', '"')
            with self.subTest(name):
                self.assertIn(name, example)
                self.assertGreater(len(rows2(example)), 0, example)


if __name__ == "__main__":
    unittest.main()
