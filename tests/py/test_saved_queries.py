#!/usr/bin/env python3
"""Does every saved query answer with the truth?

SmolLM2 is traced on "The capital of France is" with every element dumped, a small random model for
what wants two runs, edits or NaN. Each query's answer is compared with what numpy computes from the
dumps and Python from the base tables. A query without a check fails; so does one that scans a large
table where an index is made for it. Run with .venv/bin/python; needs ./torchless and the model
that `make smollm2` fetches.
"""

import contextlib
import csv
import io
import json
import os
import re
import shlex
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
from lib import compare  # noqa: E402
from read_trace import arrays  # noqa: E402

TORCHLESS = os.environ.get("TORCHLESS", os.path.join(ROOT, "torchless"))
SMOLLM2 = os.path.join(ROOT, "models", "smollm2-135m")
PROMPT = "The capital of France is"
N, T = 3, 5  # tokens generated, tokens of the prompt
LAYERS, WIDTH, UNITS, HEADS = 30, 576, 1536, 9
TEMP, TOP_K, TOP_P = 1.5, 40, 0.7
REPEATS = "1 17 3 200 42 17 3 9 17"
CHECKS = {}


def torchless(*args):
    """The standard output of a command, run in `folder`."""
    done = subprocess.run([TORCHLESS, *args], cwd=folder, capture_output=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{args}: exit {done.returncode}: {done.stderr.decode()}")
    return done.stdout.decode(errors="replace")  # pieces may be parts of a character


def saved(db, name, *params):
    """The rows of a saved query, as dictionaries of text."""
    answer = torchless("query", "-t", db, "--csv", name, *params)
    return list(csv.DictReader(io.StringIO(answer, newline="")))


def rows_of(db, sql, *params):
    """Rows of a recording, as dictionaries."""
    with contextlib.closing(sqlite3.connect(os.path.join(folder, db))) as handle:
        handle.row_factory = sqlite3.Row
        return [dict(row) for row in handle.execute(sql, params)]


def plain_rows(db, sql, params):
    """Rows of a saved query's own SQL, without the program."""
    with contextlib.closing(sqlite3.connect(os.path.join(folder, db))) as handle:
        handle.row_factory = sqlite3.Row
        return [dict(row) for row in handle.execute(sql, params)]


def put_nan(file):
    """Make the first element of layer 1's up_proj NaN."""
    with open(file, "r+b") as f:
        size = struct.unpack("<Q", f.read(8))[0]
        offsets = json.loads(f.read(size))["model.layers.1.mlp.up_proj.weight"]["data_offsets"]
        f.seek(8 + size + offsets[0])
        f.write(struct.pack("<f", np.nan))


def setUpModule():
    """The recordings; `dumps` holds every array of the first by name and pass."""
    global folder, dumps
    folder = tempfile.mkdtemp(prefix="torchless-saved-")
    small = os.path.join(folder, "small")
    with contextlib.redirect_stderr(io.StringIO()):
        make_checkpoint.main(["--preset", "window", "-q", "-o", small])
    shutil.copytree(small, os.path.join(folder, "nan"))
    put_nan(os.path.join(folder, "nan", "model.safetensors"))
    torchless("trace", "-q", "-m", SMOLLM2, "-n", str(N), "--temp", str(TEMP), "--top-k", str(TOP_K),
              "--top-p", str(TOP_P), "--seed", "5", "--capture", "*", "-o", "full.db", PROMPT)
    torchless("trace", "-q", "-m", "nan", "--capture", "*", "-o", "nan.db", "--prompt-ids", "1 2 3")
    with open(os.path.join(folder, "pair.jsonl"), "w", encoding="utf-8") as f:
        f.write('{"ids": [1, 17, 3, 200, 42]}\n{"ids": [1, 17, 3, 200, 43]}\n')
    torchless("trace", "-q", "-m", "small", "--capture", "*", "--prompts", "pair.jsonl",
              "--zero", "L1.attn.z[head=2]", "-o", "pair.db")
    with open(os.path.join(folder, "many.jsonl"), "w", encoding="utf-8") as f:
        f.writelines(f'{{"ids": [1, {i}, 3, 4, 5, 6, 7, 8]}}\n' for i in range(60))
    torchless("trace", "-q", "-m", "small", "-n", "4", "--prompts", "many.jsonl", "-o", "many.db")
    torchless("trace", "-q", "-m", "small", "--capture", "*", "-o", "repeats.db", "--prompt-ids", REPEATS)
    torchless("trace", "-q", "-m", "small", "--redact", "--capture", "*", "-o", "redacted.db", "--prompt-ids", REPEATS)
    torchless("trace", "-q", "-m", "small", "-o", "default.db", "--prompt-ids", REPEATS)
    torchless("trace", "-q", "-m", "small", "--capture", "none", "-o", "none.db", "--prompt-ids", REPEATS)
    dumps = {(fqn, number): a for fqn, number, _, a in arrays(os.path.join(folder, "full.db"))}


def tearDownModule():
    shutil.rmtree(folder)


def check(name):
    """Registers the check of a saved query."""
    def register(function):
        CHECKS[name] = function
        return function
    return register


# ---- telling numbers -------------------------------------------------------------------------

def near(told, true, digits, what=""):
    """A number that was rounded to so many digits after the point; statistics are f32."""
    if true is None or told == "":
        assert told == "" and true is None, f"{what}: {told!r} is not {true!r}"
        return
    bound = 0.5000001 * 10.0**-digits + 2e-5 * abs(true)
    assert abs(float(told) - true) <= bound, f"{what}: {told} is not {true}"


def column(rows, name, kind=float):
    """One column of an answer."""
    return [kind(row[name]) for row in rows]


def layers(name, number=0):
    """The dumps of a point, layer by layer: `name` follows the layer's path."""
    return [dumps[f"model.layers.{i}{name}", number] for i in range(LAYERS)]


def log_softmax(logits):
    """In f64, over the last axis."""
    wide = np.asarray(logits, np.float64)
    wide = wide - wide.max(axis=-1, keepdims=True)
    return wide - np.log(np.exp(wide).sum(axis=-1, keepdims=True))


def all_logits():
    """Logits of every position that was read."""
    return np.concatenate([dumps["lm_head:out", number] for number in range(N)])


def tokens():
    """Ids and pieces, from the base table."""
    rows = rows_of("full.db", "SELECT token_id, CAST(piece AS TEXT) piece FROM token ORDER BY pos")
    return [row["token_id"] for row in rows], [row["piece"] for row in rows]


def bits(nats):
    return nats / np.log(2)


def config():
    """config.json of SmolLM2."""
    with open(os.path.join(SMOLLM2, "config.json"), encoding="utf-8") as f:
        return json.load(f)


# ---- the stream ------------------------------------------------------------------------------

@check("residual")
def check_residual():
    for args, number, row in ((), 0, -1), (("pos=1",), 0, 1), ((f"pos={T + 1}",), 2, 0):
        rows = saved("full.db", "residual", *args)
        stream = [dumps["model.embed_tokens:out", number], *layers(":out", number)]
        assert column(rows, "layer", str) == ["embed", *map(str, range(LAYERS))]
        for told, array in zip(rows, stream):
            near(told["l2"], np.linalg.norm(array[row].astype(np.float64)), 3)
            near(told["absmax"], np.abs(array[row]).max(), 3)
        longest = max(rows, key=lambda told: float(told["l2"]))
        assert len(longest["growth"]) == 40


@check("quiet-layers")
def check_quiet_layers():
    size = [[np.linalg.norm(array[-1].astype(np.float64)) for array in layers(name)]
            for name in (".self_attn.o_proj:out", ".mlp.down_proj:out", ":out")]
    attention, mlp, stream = map(np.array, size)
    rows = saved("full.db", "quiet-layers")
    order = np.argsort((attention + mlp) / stream)
    assert column(rows, "layer", int) == order.tolist()
    for row, i in zip(rows, order):
        near(row["attention_percent"], 100 * attention[i] / stream[i], 1)
        near(row["mlp_percent"], 100 * mlp[i] / stream[i], 1)


def of_phase(name, phase):
    """The dumps of a point by layer, all positions of a phase together; and the first position."""
    if phase == "prefill":
        return layers(name), 0
    return [np.concatenate(arrays) for arrays in zip(*(layers(name, number) for number in range(1, N)))], T


def own_std(name, layer, pos):
    """The deviation of the value that a position is in: of its pass."""
    number = 0 if pos < T else 1 + pos - T
    return layers(name, number)[layer].astype(np.float64).std()


@check("massive")
def check_massive():
    _, pieces = tokens()
    for phase in "prefill", "decode":
        arrays_, begin = of_phase(":out", phase)
        rows = saved("full.db", "massive", f"phase={phase}")
        for layer, (row, array) in enumerate(zip(rows, arrays_, strict=True)):
            pos, dimension = np.unravel_index(np.abs(array).argmax(), array.shape)
            assert (int(row["pos"]), int(row["dimension"])) == (begin + pos, dimension)
            assert (int(row["layer"]), row["token"]) == (layer, pieces[begin + pos])
            near(row["value"], array[pos, dimension], 2)
            near(row["in_std"], np.abs(array).max() / own_std(":out", layer, begin + pos), 1)
    assert saved("full.db", "massive") == saved("full.db", "massive", "phase=prefill")


@check("turns")
def check_turns():
    def cosine(a, b):
        return float(a @ b / np.sqrt((a @ a) * (b @ b)))
    for args, pos in ((), T - 1), (("pos=1",), 1):
        stream = [array[pos].astype(np.float64) for array in layers(":out")]
        for layer, row in enumerate(saved("full.db", "turns", *args)):
            assert int(row["layer"]) == layer
            near(row["with_layer_before"], cosine(stream[layer - 1], stream[layer]) if layer else None, 3)
            near(row["with_last_layer"], cosine(stream[layer], stream[-1]), 3)
        assert layer == LAYERS - 1


@check("first-token")
def check_first_token():
    for row, array in zip(saved("full.db", "first-token"), layers(":out"), strict=True):
        size = np.linalg.norm(array.astype(np.float64), axis=1)
        near(row["first_l2"], size[0], 2)
        near(row["others_mean_l2"], size[1:].mean(), 2)
        near(row["times"], size[0] / size[1:].mean(), 2)


@check("norms")
def check_norms():
    rows = saved("full.db", "norms", "pos=2")
    assert column(rows, "layer", str) == [*map(str, range(LAYERS)), "final"]
    before = [*layers(":out")]
    epsilon = config()["rms_norm_eps"]
    stream = [dumps["model.embed_tokens:out", 0], *before]
    for row, x, y in zip(rows, stream, [*layers(":resid_mid"), None], strict=True):
        def rms(array):
            return np.sqrt((array[2].astype(np.float64) ** 2).mean() + epsilon)
        near(row["before_attention"], rms(x), 4)
        near(row["before_mlp"], None if y is None else rms(y), 4)


def units_of(db, run=None, phase="prefill"):
    """(layer, unit, pos, value, std) of every unit where it is loudest, the loudest first."""
    loudest = {}
    begins = {row["idx"]: row["pos0"] for row in rows_of(db, "SELECT idx, pos0 FROM pass WHERE run_id = ?", run or 1)}
    for fqn, number, _, array in arrays(os.path.join(folder, db), "*.mlp:act_mul", run):
        if phase == "all" or (number == 0) == (phase == "prefill"):
            pos0 = begins[number]
            layer, finite = int(fqn.split(".")[2]), np.where(np.isfinite(array), array, 0)
            for unit, row in enumerate(np.abs(finite).argmax(axis=0)):
                one = (layer, unit, pos0 + int(row), float(finite[row, unit]), number)
                if (layer, unit) not in loudest or abs(one[3]) > abs(loudest[layer, unit][3]):
                    loudest[layer, unit] = one
    return sorted(loudest.values(), key=lambda one: -abs(one[3]))


@check("units")
def check_units():
    _, pieces = tokens()
    for phase in "prefill", "decode", "all":
        for n in 1, 10, 50:
            rows = saved("full.db", "units", f"n={n}", f"phase={phase}")
            assert len(rows) == n
            for row, (layer, unit, pos, value, number) in zip(rows, units_of("full.db", phase=phase)):
                assert (int(row["layer"]), int(row["unit"]), int(row["pos"]), row["token"]) == (layer, unit, pos, pieces[pos])
                near(row["activation"], value, 3)
                (std,) = rows_of("full.db", "SELECT std FROM v_value WHERE role = 'mlp_post' AND layer = ? AND pass = ?",
                                 layer, number)
                near(row["in_std"], abs(value) / std["std"], 1)
                assert row["but"] == ""
    # What is not finite is no activation, and another run is another answer.
    for db, run in ("nan.db", 1), ("pair.db", 1), ("pair.db", 2):
        rows = saved(db, "units", f"run={run}")
        assert len(rows) == 10
        for row, (layer, unit, pos, value, _) in zip(rows, units_of(db, run=run)):
            assert (int(row["layer"]), int(row["unit"]), int(row["pos"])) == (layer, unit, pos), row
            near(row["activation"], value, 3)
    # Of statistics the loudest of each layer are known, as any client reads them.
    rows = saved("default.db", "units")
    assert rows and len(rows) == len({row["layer"] for row in rows})
    assert all(row["but"] == "the loudest of its layer alone: --capture units keeps all" for row in rows)
    sql, params = saved_queries()["units"]
    plain = plain_rows("default.db", f"SELECT layer, unit, pos, activation, but FROM ({sql})", params)
    assert [[row[key] for key in plain[0]] for row in rows] == [[str(cell) for cell in row.values()] for row in plain]
    # One layer's numbers: its units, and the loudest of the others.
    torchless("trace", "-q", "-m", "small", "--capture", "L1.mlp.act_mul", "-o", "one.db", "--prompt-ids", REPEATS)
    rows = saved("one.db", "units", "n=10000")
    assert [row["but"] == "" for row in rows] == [row["layer"] == "1" for row in rows] and len({row["layer"] for row in rows}) > 1
    every = [one for one in units_of("repeats.db") if one[0] == 1]
    assert [int(row["unit"]) for row in rows if row["layer"] == "1"] == [one[1] for one in every]


@check("big-values")
def check_big_values():
    found = []
    for (fqn, number), array in dumps.items():
        finite = np.where(np.isfinite(array), np.abs(array), 0).reshape(-1)
        found.append((float(finite.max()), fqn, number, int(finite.argmax())))
    found.sort(reverse=True)
    rows = saved("full.db", "big-values", "n=12")
    assert len(rows) == 12
    for row, (value, *_) in zip(rows, found):
        near(row["absmax"], value, 3)
        assert (float(np.float32(value)), row["fqn"], int(row["pass"]), int(row["at"])) in found


# ---- tokens ----------------------------------------------------------------------------------

@check("next")
def check_next():
    logits = all_logits()
    logprob = log_softmax(logits)
    for args, pos in (("pos=3", "n=4"), 3), ((f"pos={T + N - 2}", "n=2"), T + N - 2), ((), T - 1):
        rows = saved("full.db", "next", *args)
        order = np.argsort(-logits[pos], kind="stable")[: len(rows)]
        assert column(rows, "token_id", int) == order.tolist()
        for rank, (row, i) in enumerate(zip(rows, order)):
            assert (int(row["position"]), int(row["rank"])) == (pos + 1, rank)
            near(row["percent"], 100 * np.exp(logprob[pos, i]), 2)
            near(row["logit"], logits[pos, i], 3)
            near(row["drawn_percent"], 100 * drawn_with(logits[pos])[rank] if pos >= T - 1 else None, 2)
    assert {row["drawn_percent"] for row in saved("default.db", "next")} == {""}


@check("tokens")
def check_tokens():
    ids, pieces = tokens()
    logprob = log_softmax(all_logits())
    rows = saved("full.db", "tokens")
    assert column(rows, "token_id", int) == ids and column(rows, "token", str) == pieces
    assert rows[0]["surprise_bits"] == ""
    for pos, row in enumerate(rows[1:]):
        near(row["surprise_bits"], -bits(logprob[pos, ids[pos + 1]]), 2)
        near(row["entropy_bits"], -bits((np.exp(logprob[pos]) * logprob[pos]).sum()), 2)
        assert int(row["rank"]) == (logprob[pos] > logprob[pos, ids[pos + 1]]).sum()


@check("sure")
def check_sure():
    logits = all_logits()
    logprob = log_softmax(logits)
    _, pieces = tokens()
    rows = saved("full.db", "sure")
    assert column(rows, "pos", int) == list(range(T + N - 1))
    for pos, row in enumerate(rows):
        best = np.sort(logits[pos])[::-1].astype(np.float64)
        assert row["token"] == pieces[pos]
        near(row["percent"], 100 * np.exp(logprob[pos].max()), 2)
        near(row["logit_gap"], best[0] - best[1], 3)
        near(row["entropy_bits"], -bits((np.exp(logprob[pos]) * logprob[pos]).sum()), 2)


@check("perplexity")
def check_perplexity():
    ids, _ = tokens()
    logprob = log_softmax(all_logits())
    of_token = np.array([logprob[pos, ids[pos + 1]] for pos in range(len(ids) - 1)])
    first = np.array([logprob[pos].argmax() == ids[pos + 1] for pos in range(len(ids) - 1)])
    rows = saved("full.db", "perplexity")
    assert column(rows, "source", str) == ["prompt", "generated"]
    for row, part in zip(rows, (slice(0, T - 1), slice(T - 1, None))):
        assert int(row["tokens"]) == len(of_token[part])
        near(row["bits_a_token"], bits(-of_token[part].mean()), 3)
        near(row["perplexity"], np.exp(-of_token[part].mean()), 3)
        near(row["first_choice_percent"], 100 * first[part].mean(), 1)


@check("bytes")
def check_bytes():
    text = PROMPT.encode()
    rows = saved("full.db", "bytes")
    for row in rows[:T]:
        part = text[int(row["byte_start"]):int(row["byte_end"])]
        assert bytes.fromhex(row["bytes"]) == part and row["source"] == "prompt"
    assert b"".join(bytes.fromhex(row["bytes"]) for row in rows[:T]) == text
    assert [row["byte_start"] for row in rows[T:]] == [""] * N


@check("merges")
def check_merges():
    rows = saved("full.db", "merges")
    with open(os.path.join(SMOLLM2, "tokenizer.json"), encoding="utf-8") as f:
        table = json.load(f)["model"]["merges"]
    merges = [row for row in rows if row["rule"] == "merge"]
    assert len(merges) > 10
    for row in merges:
        pair = table[int(row["rank"])]
        assert (pair if isinstance(pair, str) else " ".join(pair)) == f"{row['left']} {row['right']}"
        assert row["result"] == row["left"] + row["right"]
    made = {row["result"] for row in rows}
    assert {"The", "Ġcapital", "Ġof", "ĠFrance", "Ġis"} <= made


def sampled_verdicts(logits):
    """The rule that cut each token, likeliest first: top-k, then top-p of what it left."""
    order = np.argsort(-logits, kind="stable")
    scaled = np.exp((logits[order].astype(np.float64) - logits[order[0]]) / TEMP)
    above = np.concatenate([[0], np.cumsum(scaled[:TOP_K])[:-1]])
    kept = int((above < TOP_P * scaled[:TOP_K].sum()).sum())
    return order, ["kept"] * kept + ["top_p"] * (TOP_K - kept) + ["top_k"] * 300


def drawn_with(logits):
    """What each token is drawn with, likeliest first: softmax at the temperature of what was kept."""
    order, verdicts = sampled_verdicts(logits)
    scaled = np.exp((logits[order].astype(np.float64) - logits[order[0]]) / TEMP)
    scaled[verdicts.count("kept"):] = 0
    return scaled / scaled.sum()


@check("cuts")
def check_cuts():
    logits, cut = all_logits(), 0
    for pos in range(T - 1, T + N - 1):
        order, verdicts = sampled_verdicts(logits[pos])
        rows = saved("full.db", "cuts", f"pos={pos}")
        assert column(rows, "verdict", str) == verdicts[: len(rows)]
        for row, drawn in zip(rows, drawn_with(logits[pos])):
            near(row["drawn_percent"], 100 * drawn, 2)
        shown = rows_of("full.db", "SELECT token_id FROM cand WHERE pos = ? ORDER BY rank", pos)
        assert [row["token_id"] for row in shown] == order[: len(rows)].tolist()
        cut += column(rows, "verdict", str).count("top_p")
        assert len(saved("full.db", "cuts", f"pos={pos}", "by=top-p")) == column(rows, "verdict", str).count("top_p")
    assert cut > 0
    assert saved("full.db", "cuts") == saved("full.db", "cuts", f"pos={T - 1}")
    assert saved("full.db", "cuts", "pos=1") == []


@check("explain-token")
def check_explain_token():
    ids, pieces = tokens()
    logits = all_logits()
    for pos in (0, 3, T - 1, T, T + N - 2):
        rows = saved("full.db", "explain-token", f"pos={pos}", "n=50")
        parts = {}
        for row in rows:
            parts.setdefault(row["stage"], []).append(row)
        # The bytes, the merges that joined them and the id.
        start, end = (len("".join(pieces[:i]).encode()) for i in (pos, pos + 1))
        where = f"bytes {start} to {end - 1} of the prompt" if pos < T else "generated"
        assert [(row["token"], row["note"]) for row in parts["bytes"]] == [
            (pieces[pos], f"hexadecimal {pieces[pos].encode().hex().upper()}, {where}")]
        joined = parts.get("merge", [])
        assert all(row["note"].split(" + ") == [row["token"][: -len(row["note"].split(" + ")[1])],
                                                row["note"].split(" + ")[1]] for row in joined)
        if pos < T:
            assert joined[-1]["token"].replace("Ġ", " ") == pieces[pos]
            assert [row["rank"] for row in joined] == [
                row["rank"] for row in saved("full.db", "merges")
                if row["rule"] == "merge" and start <= int(row["at_byte"]) < end]
        assert parts["id"][0]["note"] == f"{ids[pos]}, read at position {pos}"
        assert re.fullmatch(r".*, weights [0-9a-f]{32}", parts["model"][0]["note"])
        # What the model made of it, what cut each candidate, and the pick.
        logprob = log_softmax(logits[pos])
        order, verdicts = sampled_verdicts(logits[pos])
        for row, token, verdict in zip(parts["candidate"], order, verdicts):
            near(row["percent"], 100 * np.exp(logprob[token]), 2)
            cut = f", cut by {verdict}" if pos >= T - 1 and verdict != "kept" else ""
            assert re.fullmatch(rf"logit -?[0-9.]+{cut}", row["note"]), row
            near(re.findall(r"-?[0-9.]+", row["note"])[0], logits[pos][token], 3)
        rules = [(stage, parts[stage][0]["note"]) for stage in ("temp", "top_k", "top_p") if stage in parts]
        kept = verdicts.count("kept")
        assert rules == ([("temp", f"logits divided by {TEMP}"), ("top_k", f"leaves {TOP_K}"),
                          ("top_p", f"leaves {kept}")] if pos >= T - 1 else [])
        last = rows[-1]
        assert last["stage"] == ("pick" if pos >= T - 1 else "given")
        assert (last["token"], last["note"].split(",")[0]) == (pieces[pos + 1], f"id {ids[pos + 1]}")
        # The random number falls into what was picked: shares of the kept lie side by side.
        drawn = re.fullmatch(r"id \d+, drawn by (0\.\d{6}) of 1, seed 5", last["note"])
        assert bool(drawn) == (pos >= T - 1), last
        if drawn:
            ends, rank = np.cumsum(drawn_with(logits[pos])), int(last["rank"])
            assert (ends[rank - 1] if rank else 0) - 1e-5 <= float(drawn[1]) <= ends[rank] + 1e-5
        assert int(last["rank"]) == order.tolist().index(ids[pos + 1])
        near(last["percent"], 100 * np.exp(logprob[ids[pos + 1]]), 2)
    assert saved("full.db", "explain-token", "n=50") == saved("full.db", "explain-token", f"pos={T - 1}", "n=50")


@check("picks")
def check_picks():
    ids, pieces = tokens()
    logits = all_logits()
    logprob = log_softmax(logits)
    rows = saved("full.db", "picks")
    assert column(rows, "pos", int) == [T + i for i in range(N)]
    for row in rows:
        pos = int(row["pos"])
        order, verdicts = sampled_verdicts(logits[pos - 1])
        assert row["token"] == pieces[pos]
        assert int(row["rank"]) == order.tolist().index(ids[pos])
        assert int(row["kept"]) == verdicts.count("kept")
        near(row["percent"], 100 * np.exp(logprob[pos - 1, ids[pos]]), 2)


# ---- time ------------------------------------------------------------------------------------

def spans(phase):
    """Module calls as Python sees them, from the base tables."""
    return rows_of("full.db", """
        SELECT s.*, m.path, m.type, m.layer, s.bytes_w + ifnull(s.bytes_kv, 0) + ifnull(s.bytes_act, 0) moved
        FROM span s JOIN module m ON m.id = s.module_id JOIN pass p ON p.id = s.pass_id
        WHERE p.phase IN (?, ?) ORDER BY s.id""", *phase)


def part_of(path):
    """The part of the model that the own time of a module counts to."""
    for end, part in (".self_attn", "attention"), (".mlp", "mlp"):
        if path.endswith(end) or f"{end}." in path:
            return part
    fixed = {"lm_head": "lm_head", "model.embed_tokens": "embed"}
    return fixed.get(path) or ("norms" if path.endswith("norm") else "other")


def own_times(phase):
    """part -> dictionaries of what calls took without the calls in them, one a pass and layer."""
    calls = spans(phase)
    own = {s["id"]: {"dur": s["dur"], "flops": s["flops"], "moved": s["moved"]} for s in calls}
    by_id = {s["id"]: s for s in calls}
    times = {}
    for s in calls:
        for name, value in (("dur", s["dur"]), ("flops", s["flops"]), ("moved", s["moved"])):
            if s["parent_id"]:
                own[s["parent_id"]][name] -= value
    for s in calls:
        part = part_of(s["path"])
        parent = by_id.get(s["parent_id"])
        group = times.setdefault(part, {}).setdefault((s["pass_id"], s["layer"]), {"calls": 0, "dur": 0, "flops": 0, "moved": 0})
        group["calls"] += not parent or part_of(parent["path"]) != part
        for name, value in own[s["id"]].items():
            group[name] += value
    return {part: list(groups.values()) for part, groups in times.items()}


def total(groups, name):
    return sum(group[name] for group in groups)


@check("time")
def check_time():
    for phases, args in (("prefill",) * 2, ["phase=prefill"]), (("decode",) * 2, ["phase=decode"]), (("prefill", "decode"), []):
        rows = {row["part"]: row for row in saved("full.db", "time", *args)}
        times = own_times(phases)
        whole = sum(total(groups, "dur") for groups in times.values())
        assert set(rows) == {"all", "embed", "attention", "mlp", "norms", "lm_head", "other"} == {*times, "all"}
        near(rows["all"]["ms"], whole / 1e6, 3)
        assert int(rows["all"]["calls"]) == {"prefill": 1, "decode": N - 1}[phases[0]] + (N - 1) * (phases[0] != phases[1])
        for part, groups in times.items():
            row, took = rows[part], total(groups, "dur")
            assert int(row["calls"]) == total(groups, "calls")
            near(row["ms"], took / 1e6, 3)
            assert row["ms_spread"] == row["percent_spread"] == ""
            assert float(row["percent"]) == float(f"{100 * took / whole:.4g}")
            near(row["gflops"], total(groups, "flops") / took, 2)
            near(row["gb_s"], total(groups, "moved") / took, 2)


def check_roof(args, flops, bandwidth):
    rows = saved("full.db", "roofline", *args, "phase=prefill")
    times = own_times(("prefill", "prefill"))
    times["all"] = [{name: sum(total(g, name) for g in times.values()) for name in ("dur", "flops", "moved")}]
    assert len(rows) == 7
    for row in rows:
        mine = times[row["part"]]
        took = total(mine, "dur")
        least = sum(max(g["flops"] / flops, g["moved"] / bandwidth) for g in mine)
        near(row["ms"], took / 1e6, 3)
        near(row["least_ms"], least / 1e6, 3)
        work, moved = total(mine, "flops"), total(mine, "moved")
        is_arithmetic = work / flops > moved / bandwidth
        if least > took:  # out of a cache, where the limit of memory does not bind, or faster than what the roof was told by
            assert (row["bound_by"], row["percent"]) == ("roof too low" if is_arithmetic else "cache", ""), row
        else:
            near(row["percent"], 100 * least / took, 1)
        near(row["roof_gflops"], flops, 1)
        near(row["roof_gb_s"], bandwidth, 1)
        near(row["intensity"], work / moved, 2)
        assert least > took or row["bound_by"] == ("arithmetic" if is_arithmetic else "memory")


@check("roofline")
def check_roofline():
    linear = [s for s in spans(("prefill", "decode")) if s["type"] == "Linear"]
    best = [max(s["flops"] / s["dur"] for s in linear), max(s["moved"] / s["dur"] for s in linear)]
    for part, groups in own_times(("prefill", "decode")).items():  # a layer's share of a part may beat each of its products
        if part in ("attention", "mlp", "lm_head"):
            best = [max(best[0], *(g["flops"] / g["dur"] for g in groups)), max(best[1], *(g["moved"] / g["dur"] for g in groups))]
    check_roof((), *best)
    check_roof(("gflops=80", "gbps=30.5"), 80, 30.5)
    check_roof(("gflops=1e-6", "gbps=1e6"), 1e-6, 1e6)  # everything is faster
    check_roof(("gflops=1e6", "gbps=1e-9"), 1e6, 1e-9)


@check("slow")
def check_slow():
    leaves = [s for s in spans(("prefill", "decode")) if s["last_id"] == s["id"]]
    leaves.sort(key=lambda s: -s["dur"])
    rows = saved("full.db", "slow", "n=5")
    assert len(rows) == 5
    for row, span in zip(rows, leaves):
        near(row["ms"], span["dur"] / 1e6, 3)
        near(row["gflops"], span["flops"] / span["dur"], 2)
    assert rows[0]["module"] == leaves[0]["path"]


@check("slow-layers")
def check_slow_layers():
    calls = [s for s in spans(("prefill", "prefill")) if s["layer"] is not None]
    took = np.zeros((3, LAYERS))
    for s in calls:
        for i, end in enumerate((".self_attn", ".mlp", f"layers.{s['layer']}")):
            took[i, s["layer"]] += s["dur"] * s["path"].endswith(end)
    rows = saved("full.db", "slow-layers", "n=4", "phase=prefill")
    assert len(rows) == 4
    for row, layer in zip(rows, np.argsort(-took[2])):
        assert int(row["layer"]) == layer
        for name, i in ("attention_ms", 0), ("mlp_ms", 1), ("ms", 2):
            near(row[name], took[i, layer] / 1e6, 3)
        near(row["percent"], 100 * took[2, layer] / took[2].sum(), 1)


@check("passes")
def check_passes():
    rows = saved("full.db", "passes")
    whole = [s for s in spans(("prefill", "decode")) if s["path"] == ""]
    assert column(rows, "tokens", int) == [T] + [1] * (N - 1)
    assert column(rows, "first_position", int) == [0] + [T + i for i in range(N - 1)]
    for row, span in zip(rows, whole, strict=True):
        near(row["ms"], span["dur"] / 1e6, 3)
        near(row["tokens_a_second"], 1e9 * int(row["tokens"]) / span["dur"], 0 if "." not in row["tokens_a_second"] else 1)
        near(row["gflops"], span["flops"] / span["dur"], 2)


@check("cost")
def check_cost():
    rows = {row["type"]: row for row in saved("full.db", "cost")}
    calls = spans(("prefill", "prefill"))
    inside = {s["id"]: np.zeros(2, np.int64) for s in calls}
    for s in calls:
        if s["parent_id"]:
            inside[s["parent_id"]] += s["flops"], s["moved"]
    own = {}
    for s in calls:
        mine = np.array([s["flops"], s["moved"]]) - inside[s["id"]]
        own[s["type"]] = own.get(s["type"], 0) + mine
    assert set(rows) == set(own)
    for kind, (flops, moved) in own.items():
        assert (int(rows[kind]["flops"]), int(rows[kind]["bytes"])) == (flops, moved), kind
        near(rows[kind]["bytes_percent"], 100 * moved / sum(m for _, m in own.values()), 2)
        near(rows[kind]["flops_percent"], 100 * flops / sum(f for f, _ in own.values()), 2)
    # By hand: a multiply-add of every weight but the embedding's, for each of the five tokens.
    c = config()
    kv = c["num_key_value_heads"] * WIDTH // HEADS
    weights = LAYERS * (2 * WIDTH * WIDTH + 2 * WIDTH * kv + 3 * WIDTH * UNITS) + c["vocab_size"] * WIDTH
    assert int(rows["Linear"]["flops"]) == 2 * T * weights


@check("cache")
def check_cache():
    rows = saved("full.db", "cache")
    held = 0
    for number, row in enumerate(rows):
        held += sum(dumps[f"model.layers.{i}.self_attn:{name}_cache", number].nbytes
                    for i in range(LAYERS) for name in "kv")
        assert int(row["bytes"]) == held
        assert int(row["positions"]) == T + number
    assert len(rows) == N


# ---- the file --------------------------------------------------------------------------------

@check("dumps")
def check_dumps():
    rows = saved("full.db", "dumps", "n=100000")
    assert saved("full.db", "dumps") == rows[:100]
    for row in rows:
        array = dumps[row["fqn"], int(row["pass"])]
        assert int(row["bytes"]) == array.nbytes
        assert row["shape"] == ",".join(map(str, array.shape)) and row["first_position"] == ""
    assert len(rows) == len(dumps)


@check("size")
def check_size():
    for db in "full.db", "default.db", "many.db":
        told = saved(db, "size")
        rows = {row["what"]: row for row in told}
        whole = os.path.getsize(os.path.join(folder, db))
        assert len(rows) == len(told) and sum(int(row["bytes"]) for row in told) == whole
        for row in told:
            assert float(row["percent"]) == float(f"{100 * int(row['bytes']) / whole:.4g}")
        assert sum(int(row["bytes"]) for what, row in rows.items() if what.startswith("dumps of ")) == \
            rows_of(db, "SELECT sum(raw_bytes) n FROM tensor")[0]["n"]
        assert int(rows["statistics of positions"]["bytes"]) == rows_of(db, "SELECT sum(length(pos_stats)) n FROM value")[0]["n"]
        assert int(rows["indexes"]["n"]) == rows_of(db, "SELECT count(*) n FROM sqlite_schema WHERE type = 'index'")[0]["n"]
    pattern = [array for (fqn, _), array in dumps.items() if fqn.endswith(":pattern")]
    row = next(row for row in saved("full.db", "size") if row["what"] == "dumps of pattern")
    assert int(row["n"]) == len(pattern) and int(row["bytes"]) == sum(array.nbytes for array in pattern)


@check("config")
def check_config():
    facts = {row["fact"]: row["value"] for row in saved("full.db", "config")}
    assert facts["prompt"] == PROMPT and facts["status"] == "ok"
    assert f"{LAYERS} layers, d_model {WIDTH}, {HEADS} heads" in facts["model"]
    assert json.loads(facts["sampler"].split(", seed")[0])["top_k"] == TOP_K
    assert facts["sampler"].endswith("seed 5")
    words = shlex.split(facts["command"])
    assert words[1] == "trace" and words[-1] == PROMPT and words[words.index("--capture") + 1] == "*"
    assert re.fullmatch("[0-9a-f]{32}|not computed", facts["weights hash"])


@check("runs")
def check_runs():
    rows = saved("pair.db", "runs")
    assert column(rows, "run", int) == [1, 2] and column(rows, "n_prompt", int) == [5, 5]
    (row,) = saved("full.db", "runs")
    _, pieces = tokens()
    assert (row["prompt"], row["status"]) == (PROMPT, "ok")
    assert row["completion"] == "".join(pieces[T:])
    (clock,) = rows_of("full.db", "SELECT ended_ns - started_ns took FROM run")
    near(row["ms"], clock["took"] / 1e6, 1)


@check("edits")
def check_edits():
    assert saved("full.db", "edits") == []
    for run in 1, 2:
        (row,) = saved("pair.db", "edits", f"run={run}")
        assert (row["fqn"], row["kind"]) == ("model.layers.1.self_attn:z", "zero")
        assert "head=2" in row["selection"]
        z = {fqn: a for fqn, _, _, a in arrays(os.path.join(folder, "pair.db"), "*.self_attn:z", run)}
        assert (z[row["fqn"]][:, 2] == 0).all() and (z[row["fqn"]][:, 1] != 0).all()


# ---- two runs, and NaN -----------------------------------------------------------------------

def pair():
    """(fqn, role, layer, array of run 1, array of run 2), in execution order."""
    runs = [{fqn: a for fqn, _, _, a in arrays(os.path.join(folder, "pair.db"), "*", run)}
            for run in (1, 2)]
    points = {row["fqn"]: row for row in rows_of("pair.db", "SELECT fqn, role, layer FROM point")}
    return [(fqn, points[fqn]["role"], points[fqn]["layer"], a, runs[1][fqn])
            for fqn, a in runs[0].items()]


@check("same")
def check_same():
    told = {row["role"]: row for row in saved("pair.db", "same")}
    true = {}
    for _, role, layer, a, b in pair():
        one = true.setdefault(role, [0, 0, []])
        equal = a.tobytes() == b.tobytes()
        one[not equal] += 1
        if not equal:
            one[2].append(layer)
    assert set(told) == set(true)
    for role, (equal, different, where) in true.items():
        row = told[role]
        assert (int(row["equal"]), int(row["different"])) == (equal, different), role
        first = min((layer for layer in where if layer is not None), default="")
        assert row["first_layer_that_differs"] == str(first), role
    assert saved("full.db", "same") == []
    # Of two files it is counted alike.
    for beside in apart():
        assert saved(*beside[:1], "same", *beside[1:]) == saved("pair.db", "same"), beside


def apart():
    """The runs of pair.db in two files, named in every way: arguments of a query."""
    for db, i in ("one.db", 0), ("two.db", 1):
        with open(os.path.join(folder, "pair.jsonl"), encoding="utf-8") as f:
            line = f.read().splitlines()[i]
        with open(os.path.join(folder, "line.jsonl"), "w", encoding="utf-8") as f:
            f.write(line + "\n")
        torchless("trace", "-q", "-m", "small", "--capture", "*", "--prompts", "line.jsonl",
                  "--zero", "L1.attn.z[head=2]", "-o", db)
    yield "one.db", "b=two.db"
    yield "two.db", "a=one.db"
    yield "one.db", "a=1", "b=./two.db"
    yield "full.db", "a=one.db", "b=two.db"
    yield "one.db", "b=pair.db"
    yield "full.db", "a=pair.db[run=1]", f"b={folder}/pair.db[run=2]"


@check("differ")
def check_differ():
    rows = saved("pair.db", "differ", "a=1", "b=2", "n=6")
    true = [(fqn, a, b) for fqn, _, _, a, b in pair() if a.tobytes() != b.tobytes()]
    assert [row["fqn"] for row in rows] == [fqn for fqn, _, _ in true[:6]]
    for row, (_, a, b) in zip(rows, true):
        near(row["l2_a"], np.linalg.norm(a[np.isfinite(a)].astype(np.float64)), 6)
        near(row["l2_b"], np.linalg.norm(b[np.isfinite(b)].astype(np.float64)), 6)
    for n in 3, 10000:
        here = saved("pair.db", "differ", "a=1", "b=2", f"n={n}")
        for beside in apart():
            assert saved(*beside[:1], "differ", *beside[1:], f"n={n}") == here, beside
    assert saved("pair.db", "differ", "a=1", "b=pair.db[run=1]") == []
    # A value of another shape, and one that only one has.
    torchless("trace", "-q", "-m", "small", "-o", "longer.db", "--prompt-ids", REPEATS + " 5")
    row = saved("default.db", "differ", "b=longer.db")[0]
    assert (row["shape_a"], row["shape_b"]) == ("9,48", "10,48"), row


@check("first-divergence")
def check_first_divergence():
    """By the rule of scripts/parity.py, where one head of layer 1 is silent."""
    torchless("trace", "-q", "-m", "small", "--capture", "*", "-o", "silent.db", "--prompt-ids", REPEATS,
              "--zero", "L1.attn.z[head=2]")
    mine, agree, beyond = dict(keyed("silent.db")), 0, []
    for key, a in keyed("repeats.db"):
        place = compare.Place(*key, 0, a.shape[compare.position_axis(key[0])])
        measure = compare.Measure(place, a, mine[key])
        beyond += [(place, measure)] if measure.problem() else []
        agree += not beyond
    (row,) = saved("silent.db", "first-divergence", "reference=repeats.db")
    place, measure = beyond[0]
    assert row["point"] == place.fqn == "model.layers.1.self_attn:z"
    assert row["problem"] == measure.problem() and row["place"] == measure.where(), row
    near(row["reference"], measure.a, 6)
    near(row["here"], measure.b, 6)
    assert (int(row["agree"]), int(row["unknown"]), int(row["later"]), row["but"]) == (agree, 0, len(beyond) - 1, ""), row
    (row,) = saved("repeats.db", "first-divergence", "reference=repeats.db")
    assert (row["point"], int(row["agree"]), row["unknown"]) == ("no divergence", len(mine), "0"), row
    (row,) = saved("pair.db", "first-divergence", "reference=1")
    assert row["point"] == "nothing to compare" and row["but"].startswith("the token at position 4 is 42 in a, 43 in b"), row
    (row,) = saved("full.db", "first-divergence")
    assert (row["point"], row["agree"]) == ("nothing to compare", "0") and "reference=FILE.db" in row["but"], row
    (row,) = saved("default.db", "first-divergence", "reference=silent.db")
    assert row["point"] == "model.layers.1:out" and int(row["unknown"]) > 0, row


def keyed(db):
    """(name and pass, array) of a recording of one pass, in execution order."""
    return [((fqn, number), array) for fqn, number, _, array in arrays(os.path.join(folder, db))]


def bad_dumps():
    """(fqn, array) of what holds NaN or infinity unexpectedly, in execution order."""
    for fqn, _, _, array in arrays(os.path.join(folder, "nan.db")):
        expected = np.isneginf(array) if ":scores" in fqn else np.zeros(array.shape, bool)
        if (~np.isfinite(array) & ~expected).any():
            yield fqn, array


@check("first-bad")
def check_first_bad():
    fqn, array = next(bad_dumps())
    (row,) = saved("nan.db", "first-bad")
    assert row["fqn"] == fqn == "model.layers.1.mlp.up_proj:out"
    assert int(row["n_nan"]) == np.isnan(array).sum()
    assert saved("full.db", "first-bad") == []


@check("bad")
def check_bad():
    true = list(bad_dumps())
    rows = saved("nan.db", "bad", "n=1000")
    assert [row["fqn"] for row in rows] == [fqn for fqn, _ in true] and len(true) > 20
    for row, (_, array) in zip(rows, true):
        counts = [np.isnan(array).sum(), np.isposinf(array).sum(), np.isneginf(array).sum(), array.size]
        assert column([row], "n_nan", int) + column([row], "n_pinf", int) + column(
            [row], "n_ninf", int) + column([row], "numel", int) == counts
    assert len(saved("nan.db", "bad", "n=3")) == 3


# ---- what torchless computes: the lens and attention -------------------------------------------

def near_logits(told, true, digits):
    """As near(), for what went through a sum of 576 products in f32."""
    assert abs(float(told) - true) <= 0.5000001 * 10.0**-digits + 1e-3 * abs(true), f"{told} is not {true}"


def lens_logprobs(pos):
    """[1 + layers, vocabulary]: norm and LM head by numpy, of the embedding and after each layer."""
    if pos not in lenses:
        from safetensors import numpy as st
        weights = st.load_file(os.path.join(SMOLLM2, "model.safetensors"))
        stream = np.stack([array[pos] for array in (dumps["model.embed_tokens:out", 0], *layers(":out"))])
        rms = np.sqrt((stream.astype(np.float64) ** 2).mean(axis=1, keepdims=True) + config()["rms_norm_eps"])
        normed = (stream / rms).astype(np.float32) * weights["model.norm.weight"].astype(np.float32)
        head = weights.get("lm_head.weight", weights["model.embed_tokens.weight"])
        lenses[pos] = log_softmax(normed @ head.astype(np.float32).T)
    return lenses[pos]


lenses = {}


def piece(token):
    """The text of a token, from the candidates of the recording."""
    rows = rows_of("full.db", "SELECT DISTINCT CAST(piece AS TEXT) piece FROM cand WHERE token_id = ?", int(token))
    return rows[0]["piece"] if rows else None


@check("lens")
def check_lens():
    for args, pos in ((), T - 1), (("pos=2",), 2):
        rows = saved("full.db", "lens", *args)
        assert column(rows, "layer", int) == list(range(-1, LAYERS))
        for row, logprob in zip(rows, lens_logprobs(pos), strict=True):
            first, second = np.argsort(-logprob)[:2]
            near_logits(row["percent"], 100 * np.exp(logprob[first]), 2)
            near_logits(row["second_percent"], 100 * np.exp(logprob[second]), 2)
            # Of an earlier layer as of the last: what the sampler makes of the lens's logits.
            near_logits(row["drawn_percent"], 100 * drawn_with(logprob)[0], 2)
            if piece(first) is not None:
                assert row["token"] == piece(first)
    # The last layer is what the model said.
    assert int(np.argmax(lens_logprobs(T - 1)[-1])) == int(np.argmax(all_logits()[T - 1]))


@check("layer-knows")
def check_layer_knows():
    for pos in T - 1, 1, 3:
        (row,) = saved("full.db", "layer-knows", f"pos={pos}")
        logprob = lens_logprobs(pos)
        best = logprob.argmax(axis=1)
        same = np.flatnonzero(best == best[-1])
        others = np.flatnonzero(best != best[-1])
        assert row["answer"] == piece(int(best[-1])), (row, best)
        assert int(row["first_choice_at_layer"]) == same[0] - 1
        assert int(row["always_from_layer"]) == others[-1]
        near_logits(row["percent"], 100 * np.exp(logprob[-1].max()), 2)
    (row,) = saved("full.db", "layer-knows")
    assert row["answer"] == " Paris"


@check("token-layers")
def check_token_layers():
    paris = 7042
    for args in (), ("token= Paris", f"pos={T - 1}"):
        rows = saved("full.db", "token-layers", *args)
        for row, logprob in zip(rows, lens_logprobs(T - 1), strict=True):
            assert row["token"] == " Paris"
            near_logits(row["percent"], 100 * np.exp(logprob[paris]), 3)
            rank = int((logprob > logprob[paris]).sum())
            assert abs(int(row["rank"]) - rank) <= 1e-3 * rank, (row, rank)


def patterns(pos):
    """[layers, heads, keys]: what each head takes from each key at a position."""
    return np.stack([array[:, pos] for array in layers(".self_attn:pattern")]).astype(np.float64)


def check_heads(rows, weight, n):
    """The heads that have most of something, in order."""
    order = np.argsort(-weight.reshape(-1), kind="stable")
    assert len(rows) == n
    for row, i in zip(rows, order):
        near(row["percent"], 100 * weight[int(row["layer"]), int(row["head"])], 2)
        near(row["percent"], 100 * weight.reshape(-1)[i], 2)


@check("sinks")
def check_sinks():
    check_heads(saved("full.db", "sinks", "n=12"), patterns(T - 1)[:, :, 0], 12)
    check_heads(saved("full.db", "sinks", "pos=2"), patterns(2)[:, :, 0], 10)


@check("previous")
def check_previous():
    check_heads(saved("full.db", "previous", "n=12"), patterns(T - 1)[:, :, T - 2], 12)


@check("attention-entropy")
def check_attention_entropy():
    p = patterns(T - 1)
    entropy = -bits(np.where(p > 0, p * np.log(np.where(p > 0, p, 1)), 0).sum(axis=-1))
    rows = saved("full.db", "attention-entropy", "n=400")
    assert len(rows) == LAYERS * HEADS
    told = column(rows, "entropy_bits")
    assert told == sorted(told)
    for row in rows:
        layer, head = int(row["layer"]), int(row["head"])
        near(row["entropy_bits"], entropy[layer, head], 3)
        near(row["most_percent"], 100 * p[layer, head].max(), 2)


@check("head")
def check_head():
    _, pieces = tokens()
    rows = saved("full.db", "head", "layer=7", "head=4", "pos=3")
    p, scores = patterns(3)[7, 4], layers(".self_attn:scores")[7][4, 3]
    assert column(rows, "k", int) == np.argsort(-p[:4]).tolist()
    for row in rows:
        k = int(row["k"])
        near(row["percent"], 100 * p[k], 2)
        near(row["score"], float(scores[k]), 3)
        assert row["token"] == pieces[k]


@check("looked-at")
def check_looked_at():
    p = patterns(T - 1)
    rows = saved("full.db", "looked-at")
    mean = p.mean(axis=(0, 1))
    assert column(rows, "pos", int) == np.argsort(-mean).tolist()
    for row in rows:
        k = int(row["pos"])
        near(row["mean_percent"], 100 * mean[k], 2)
        near(row["most_percent"], 100 * p[:, :, k].max(), 2)
        assert int(row["heads_over_half"]) == (p[:, :, k] > 0.5).sum()


@check("induction")
def check_induction():
    """REPEATS holds 17 at 1, 5, 8 and 3 at 2, 6: what followed them last time is at 2, 6 and 3."""
    found = {fqn: a for fqn, number, _, a in arrays(os.path.join(folder, "repeats.db"), "*:pattern")
             if number == 0}
    p = np.stack([found[f"model.layers.{i}.self_attn:pattern"] for i in range(3)]).astype(np.float64)
    weight = np.mean([p[:, :, q, k] for q, k in ((5, 2), (6, 3), (8, 6))], axis=0)
    rows = saved("repeats.db", "induction")
    assert column(rows, "repeats", int) == [3] * 10
    check_heads(rows, weight, 10)
    assert saved("full.db", "induction") == []


@check("outliers")
def check_outliers():
    for args, pos in ((), T - 1), (("pos=0",), 0):
        for row, array in zip(saved("full.db", "outliers", *args), layers(":out"), strict=True):
            x = array[pos].astype(np.float64)
            centred = x - x.mean()
            near(row["kurtosis"], (centred**4).mean() / (centred**2).mean() ** 2, 2)
            assert int(row["dimension"]) == (x * x).argmax()
            near(row["percent_of_square"], 100 * (x * x).max() / (x * x).sum(), 2)


@check("silent-units")
def check_silent_units():
    for args, pos in ((), T - 1), (("pos=1",), 1):
        rows = saved("full.db", "silent-units", "below=0.02", *args)
        for row, array in zip(rows, layers(".mlp:act_mul"), strict=True):
            size = np.abs(array[pos].astype(np.float64))
            assert int(row["silent"]) == (size < 0.02 * size.max()).sum()
            assert int(row["units"]) == UNITS
            near(row["loudest"], size.max(), 3)


# ---- all of them -----------------------------------------------------------------------------

def saved_queries():
    """name -> (SQL, parameters) as the recording has them."""
    rows = rows_of("full.db", "SELECT name, sql, params FROM saved_query ORDER BY name")
    return {row["name"]: (row["sql"], json.loads(row["params"])) for row in rows}


class SavedQueries(unittest.TestCase):
    """What holds for every saved query."""

    def test_answers(self):
        for name, function in CHECKS.items():
            with self.subTest(name):
                function()

    def test_every_saved_query_has_a_check(self):
        self.assertEqual(sorted(CHECKS), sorted(saved_queries()))
        self.assertGreaterEqual(len(CHECKS), 25)

    def test_a_default_recording_is_enough_or_the_capture_is_named(self):
        attention = {"sinks", "previous", "induction", "attention-entropy", "head", "looked-at"}
        wants = {"default.db": {"silent-units"}, "none.db": {"silent-units", *attention}}
        for db, name in [(db, name) for db in wants for name in CHECKS if db == "default.db" or name in attention]:
            done = subprocess.run([TORCHLESS, "query", "-t", db, name], cwd=folder,
                                  capture_output=True, check=False)
            error = done.stderr.decode()
            with self.subTest(name, db=db):
                if name in wants[db]:
                    self.assertEqual(done.stdout, b"")
                    self.assertRegex(error, r"^torchless: .*`\S+ trace .*--capture (attention|units) '[0-9 ]+'`\n$")
                    self.assertEqual(error.count("\n"), 1)
                else:
                    self.assertEqual((done.returncode, error), (0, ""))

    def test_a_redacted_recording_answers_as_much(self):
        """The same rows, without the text."""
        for name in CHECKS:
            rows = [torchless("query", "-t", db, name).count("\n") for db in ("repeats.db", "redacted.db")]
            with self.subTest(name):
                self.assertEqual(rows[0], rows[1])

    def test_questions(self):
        for row in rows_of("full.db", "SELECT name, doc FROM saved_query"):
            self.assertRegex(row["doc"], r"^[A-Z].*\?$", row["name"])
            self.assertRegex(row["name"], r"^[a-z-]+$")

    def test_every_column_of_a_table_function_is_described(self):
        """A row of schema_doc for each, hidden ones included, and none for what is not there."""
        with contextlib.closing(sqlite3.connect(":memory:")) as stock:
            known = {row[0] for row in stock.execute("SELECT name FROM pragma_module_list")}
        modules = torchless("query", "-t", "full.db", "SELECT name FROM pragma_module_list").split()
        there = set()
        for name in set(modules) - known - {m for m in modules if m.startswith(("pragma_", "fts", "rtree"))}:
            columns = torchless("query", "-t", "full.db", f"SELECT name FROM pragma_table_xinfo('{name}')")
            there |= {(f"{name}()", column) for column in ["", *columns.split()]}
        told = rows_of("full.db", "SELECT obj, col FROM schema_doc WHERE obj LIKE '%()'")
        self.assertEqual({(row["obj"], row["col"]) for row in told}, there)
        self.assertIn(("lens()", "logprob"), there)

    def test_the_answers_in_the_documentation_are_current(self):
        script = os.path.join(ROOT, "scripts", "recording-answers")
        done = subprocess.run([sys.executable, script, "--check"], capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))

    LARGE = ("value", "span", "cand", "token", "tok_step", "tensor", "tensor_chunk", "event")

    def test_no_large_table_is_scanned(self):
        """Rewind is where SQLite begins to read a whole table or index."""
        with contextlib.closing(sqlite3.connect(os.path.join(folder, "many.db"))) as db:
            roots = dict(db.execute("SELECT rootpage, tbl_name FROM sqlite_schema WHERE rootpage"))
        for name, (sql, params) in saved_queries().items():
            program = explained("EXPLAIN " + sql, params)
            opened = {row["p1"]: roots.get(int(row["p2"])) for row in program if row["opcode"] == "OpenRead"}
            scans = {opened.get(row["p1"]) for row in program if row["opcode"] in ("Rewind", "Last")}
            with self.subTest(name):
                self.assertGreater(len(opened), 0)
                self.assertEqual(scans & set(self.LARGE), set())

    INDEXES = {
        "residual": "value_", "quiet-layers": "value_", "first-bad": "value_bad", "bad": "value_bad",
        "time": "span_pass", "roofline": "span_pass", "slow": "span_pass", "dumps": "value_",
        "differ": "value_", "size": "value_", "units": "value_", "norms": "value_", "massive": "value_",
        "silent-units": "value_", "outliers": "value_", "next": "PRIMARY KEY (run_id=? AND pos=?",
        "cuts": "PRIMARY KEY (run_id=? AND pos=?", "sinks": "SCAN a VIRTUAL TABLE INDEX",
        "lens": "SCAN l VIRTUAL TABLE INDEX",
    }

    def test_the_indexes_that_are_used(self):
        queries = saved_queries()
        for name, index in self.INDEXES.items():
            plan = [row["detail"] for row in explained("EXPLAIN QUERY PLAN " + queries[name][0], queries[name][1])]
            with self.subTest(name):
                self.assertTrue(any(index in line for line in plan), plan)
                # What a query is about is looked up; a step that reads a view's table is a scan.
                self.assertFalse([line for line in plan if line.startswith(("SCAN v", "SCAN p ", "SCAN c"))], plan)

    def test_where_it_is_asked_is_found_once(self):
        """Not for each row of attention."""
        for name, (sql, params) in saved_queries().items():
            if "WITH here" in sql:
                plan = [row["detail"] for row in explained("EXPLAIN QUERY PLAN " + sql, params)]
                with self.subTest(name):
                    self.assertIn("MATERIALIZE here", plan)

    # For each parameter what it does not take; every saved query is asked with each.
    BAD = {
        "run": ("x", "99", "-1", "1.5", ""), "pos": ("x", "99", "-6", "1.5", "7"), "phase": ("x", "1", ""),
        "layer": ("x", "30", "-1", "0.5"), "head": ("x", "9", "-1"), "token": ("qqqqzz",), "by": ("x", "1"),
        "a": ("x", "9", "no.db", "full.db[run=]", ""), "b": ("x", "9", "1.5", "."), "n": ("x", "0", "-3", "2.5", ""),
        "below": ("x", "2", "-1", ""), "gflops": ("x", "-1", ""), "gbps": ("x", "-1", ""),
        "reference": ("9", "1.5"), "times": ("x", "0", "-1", ""),
    }

    def test_a_bad_parameter_is_one_sentence(self):
        for name, (_, params) in saved_queries().items():
            for key in params:
                for value in self.BAD[key]:
                    done = subprocess.run([TORCHLESS, "query", "-t", "full.db", name, f"{key}={value}"], cwd=folder,
                                          capture_output=True, check=False)
                    with self.subTest(name, **{key: value}):
                        self.assertEqual((done.returncode, done.stdout), (2, b""))
                        self.assertRegex(done.stderr.decode(), rf"^torchless: {key} takes [^\n]+, not '{re.escape(value)}'\n$")

    def test_what_parameters_take_is_told(self):
        used = {key for _, params in saved_queries().values() for key in params}
        told = {row["name"] for row in rows_of("full.db", "SELECT name FROM saved_param")}
        self.assertEqual((told, set(self.BAD)), (used, used))

    def test_the_list_for_programs(self):
        listed = [json.loads(line) for line in torchless("query", "-t", "full.db", "--list", "--json").splitlines()]
        self.assertEqual({one["name"]: one["params"] for one in listed},
                         {name: params for name, (_, params) in saved_queries().items()})
        topics = [one["topic"] for one in listed]
        changes = sum(a != b for a, b in zip(topics, topics[1:]))
        self.assertEqual(changes + 1, len(set(topics)))
        self.assertTrue(all(one["doc"].endswith("?") for one in listed))


def explained(sql, params):
    """What SQLite says about a query, with the functions of torchless."""
    given = [f"{key}={value}" for key, value in params.items()]
    return [json.loads(line) for line in torchless("query", "-t", "many.db", "--json", sql, *given).splitlines()]


if __name__ == "__main__":
    unittest.main()
