#!/bin/sh
# trace_time.sh -- time has one meaning: summary, JSON and SQL say the same of a recording; --repeat changes nothing else in it.
. "$(dirname "$0")/lib.inc"
checkpoint window --preset window --layers 2
m=$root/build/test-models/window
p="The model reads a text"
cd "$work" || exit 2
printf '{"prompt": "The model"}\n{"prompt": "reads a text", "n": 3}\n' >two.jsonl

# Parts of the summary (its JSON and its line), of the query and of the views are the same numbers.
cat >agree.py <<'PY'
import csv, io, json, re, sqlite3, statistics, subprocess, sys
torchless, db, summary, line = sys.argv[1:]
doc = json.load(open(summary))
parts = list(doc["time"]["parts"])
assert parts == ["embed", "attention", "mlp", "norms", "lm_head", "other"], parts
sql = sqlite3.connect(db)
recorded = dict(sql.execute("SELECT part, sum(ns) FROM v_time GROUP BY part"))
assert recorded == doc["time_ns"], (recorded, doc["time_ns"])
assert [row[0] for row in sql.execute("SELECT name FROM part ORDER BY ord")] == parts
whole, = sql.execute("SELECT sum(dur) FROM v_span WHERE depth = 0").fetchone()
assert sum(recorded.values()) == whole
assert dict(sql.execute("SELECT m.part, sum(s.dur) FROM span s JOIN module m ON m.id = s.module_id "
    "WHERE m.path GLOB '*.mlp' OR m.path GLOB '*.self_attn' GROUP BY 1")) == {k: recorded[k] for k in ("attention", "mlp")}
n = doc["time"]["repeats"]
samples = [dict(sql.execute("SELECT part, sum(ns) FROM v_timing WHERE repeat = ? GROUP BY part", (r,))) for r in range(n)] or [recorded]
assert not n or sql.execute("SELECT count(DISTINCT repeat) FROM v_timing").fetchone()[0] == n

# One meaning: of each part of each layer in each pass the median of its repeats, or what was recorded; all else is a sum.
cells = {}
for *cell, ns in sql.execute("SELECT run_id, pass, layer, part, ns FROM v_timing" if n else "SELECT run_id, pass, layer, part, ns FROM v_time"):
    cells.setdefault(tuple(cell), []).append(ns)
cells = {cell: statistics.median(ns) for cell, ns in cells.items()}
def took(part=None, number=None, layer=None):
    return sum(ns for (_, p, l, q), ns in cells.items() if part in (None, q) and number in (None, p) and layer in (None, l))
near = lambda a, b, by=1e-6: (a is None) == (b is None) and (a is None or abs(a - b) <= by * max(abs(a), abs(b), 1))
view = {tuple(cell): ns for *cell, ns in sql.execute("SELECT run_id, pass, layer, part, ns FROM v_took")}
assert set(view) == set(cells) and all(near(view[cell], cells[cell]) for cell in cells)
assert near(doc["time"]["ns"], took())
assert near(sum(part["percent"] for part in doc["time"]["parts"].values()), 100)
def spread(x):
    q = statistics.quantiles(x, n=4, method="inclusive") if len(x) > 1 else None
    return q and (q[2] - q[0]) / 2
def ask(*args):
    told = subprocess.run([torchless, "query", "-t", db, "--csv", *args], capture_output=True, text=True, check=True).stdout
    return list(csv.DictReader(io.StringIO(told)))
ms = lambda told, ns: abs(float(told) - ns / 1e6) <= 6e-4
if sql.execute("SELECT count(*) FROM run").fetchone()[0] == 1:
    rows = {row["part"]: row for row in ask("time")}
    assert set(rows) == {*parts, "all"}
    assert ms(rows["all"]["ms"], doc["time"]["ns"])
    assert abs(sum(float(rows[p]["percent"]) for p in parts) - 100) < 0.1
    # Whoever speaks of the same thing says the same.
    for row in ask("roofline"):
        assert row["ms"] == rows[row["part"]]["ms"], row
        assert row["percent"] == "" if row["bound_by"] in ("cache", "roof too low") else 0 <= float(row["percent"]) <= 100, row
    for row in ask("roofline", "gbps=1e-9", "gflops=1e6"):
        assert (row["bound_by"], row["percent"]) == ("cache", ""), row
    for row in ask("roofline", "gflops=1e-6", "gbps=1e6"):
        assert row["part"] == "embed" or (row["bound_by"], row["percent"]) == ("roof too low", ""), row
    told = ask("slow-layers", "n=1000")
    assert len(told) == 2 and abs(sum(float(row["percent"]) for row in told) - 100) < 0.1
    for row in told:
        for name, part in ("attention_ms", "attention"), ("mlp_ms", "mlp"), ("ms", None):
            assert ms(row[name], took(part, layer=int(row["layer"]))), row
    told = ask("passes", "n=1000")
    for row in told:
        assert ms(row["ms"], took(number=int(row["pass"]))), row
    assert sum(map(float, (row["ms"] for row in told))) - float(rows["all"]["ms"]) < 6e-4 * len(told) + 6e-4
    phases = {phase: {row["part"]: row for row in ask("time", f"phase={phase}")} for phase in ("prefill", "decode")}
    for part in rows:
        assert near(float(rows[part]["ms"]), sum(float(phase[part]["ms"]) for phase in phases.values() if part in phase), 2e-3), part
else:
    rows = None
for part in parts:
    said = doc["time"]["parts"][part]
    assert near(said["ns"], took(part)) and near(said["percent"], 100 * took(part) / took()), (part, said, took(part))
    for name, x in (("ns", [s.get(part, 0) for s in samples]), ("percent", [100 * s.get(part, 0) / sum(s.values()) for s in samples])):
        assert near(said[name + "_spread"], spread(x)), (part, name, said, spread(x))
    if rows:
        assert ms(rows[part]["ms"], said["ns"])
        assert float(rows[part]["percent"]) == float(f"{said['percent']:.4g}"), (part, rows[part], said)
        assert (rows[part]["percent_spread"] == "") == (n < 2)
        assert n < 2 or float(rows[part]["percent_spread"]) == float(f"{said['percent_spread']:.4g}")
text = open(line).read()
for part, about, number, _, spread in re.findall(r"(\w+) (~?)([0-9.e-]+)( (?:±|\+-) ([0-9.e-]+))? %", text[text.index("\ntime "):text.index("calls")]):
    if part in parts:
        assert not spread or not about
        parts.remove(part)
assert not parts, (parts, text)
PY
agree() { # WHAT OPTION...
	what=$1
	shift
	try "$T" trace -m "$m" "$@" -o a.db --json
	is "$what" 0 "$status"
	"$T" trace -m "$m" "$@" -o b.db 2>"$err"
	python3 agree.py "$T" a.db "$out" "$err" || fail "$what: summary and queries do not agree"
}
agree "one pass" "$p"
agree "one pass, repeated" --repeat 7 "$p"
agree "passes" -n 4 "$p"
agree "passes, repeated" -n 4 --repeat 5 --chunk 3 "$p"
agree "repeated once" --repeat 1 "$p"
agree "prompts, repeated" --prompts two.jsonl --repeat 4
has "what it computed is told from what it took with recording" '^time +computing [0-9]' "$err"
"$T" trace -m "$m" -n 3 -o c.db "$p" 2>"$err"
has "the clock of the prefill" '^prefill .* 2/2 layers +[0-9.]+ (ms|µs|us|s) with recording$' "$err"
has "the clock of the decode" '^decode +3 tokens, [0-9.]+ (ms|µs|us|s) with recording' "$err"
"$T" trace -m "$m" --prompts two.jsonl --repeat 4 -o c.db 2>"$err"
has "the summary says the spread" '[0-9] (±|\+-) [0-9.]+ %' "$err"
has "and what it is" 'median of 4, (±|\+-) half of what lies between the quartiles' "$err"
LC_ALL=C "$T" trace -m "$m" --repeat 3 -o c.db "$p" 2>"$err"
is "in ASCII" 0 "$(grep -c '±' "$err")"

# What is recorded is what is recorded without: tokens, draws, edits, values, dumps, events.
cat >same.py <<'PY'
import sqlite3, sys
a, b = map(sqlite3.connect, sys.argv[1:])
for sql in ("SELECT run_id, pos, token_id, source, logprob, rank, entropy FROM v_token ORDER BY 1, 2", "SELECT * FROM v_cand ORDER BY 1, 2, 3",
            "SELECT id, run_id, pass, fqn, shape, hash, edit_id, tensor_id FROM v_value ORDER BY id", "SELECT id, hash FROM tensor ORDER BY id",
            "SELECT id, last_id, pass, module, flops, bytes FROM v_span ORDER BY id", "SELECT id, run_id, kind, value_id, data FROM event ORDER BY id",
            "SELECT id, point_id, sel, kind FROM edit ORDER BY id", "SELECT id, idx, phase, pos0, n_tok FROM pass ORDER BY id",
            "SELECT run_id, status, completion FROM v_run ORDER BY run_id"):
    x, y = a.execute(sql).fetchall(), b.execute(sql).fetchall()
    assert x and x == y, (sql, [r for r in zip(x, y) if r[0] != r[1]][:2])
PY
set -- -n 5 --temp 1.3 --top-k 9 --seed 4 --zero 'L0.attn.z[head=1]' --chunk 3 --capture 'L1.mlp'
"$T" trace -q -m "$m" "$@" -o plain.db "$p"
try "$T" trace -q -m "$m" "$@" --repeat 3 -o again.db "$p"
is "--repeat" "0 3" "$status $(sql again.db "SELECT count(DISTINCT repeat) FROM v_timing")"
python3 same.py plain.db again.db || fail "--repeat changed what is recorded"
is "every pass is timed, in every layer" 1 "$(sql again.db "SELECT (SELECT count(DISTINCT pass) FROM v_timing) = (SELECT count(*) FROM pass WHERE idx NOT NULL) AND (SELECT count(DISTINCT layer) FROM v_timing) = 2")"
is "the order of the sampler's events" "temp top_k pick" "$(sql again.db "SELECT group_concat(rule, ' ') FROM (SELECT json_extract(data, '\$.rule') rule FROM event WHERE kind = 'sampler' ORDER BY id LIMIT 3)")"

# With what ends a run early there is nothing to repeat.
python3 "$root/scripts/plant" "$m" nan 'model.layers.1.mlp.down_proj.weight[0,0]=nan' >/dev/null 2>&1 || fail "no model with NaN"
try "$T" trace -m nan --repeat 3 --stop-on nan -o nan.db "$p"
is "--stop-on" "1 0" "$status $(sql nan.db "SELECT count(*) FROM v_timing")"
try "$T" trace -m nan --repeat 3 -o nan.db "$p"
is "NaN that nobody stops at is timed" "0 3" "$status $(sql nan.db "SELECT count(DISTINCT repeat) FROM v_timing")"
has "and what to try is where it begins" '^try +[^ ]*torchless query -t nan.db first-bad$' "$err"
refuses "a number" 2 "--repeat" "$T" trace -m "$m" --repeat -1 "$p"

# Resuming: a run is timed when it is recorded.
"$T" trace -q -m "$m" --prompts two.jsonl --repeat 2 -o r.db
sqlite3 r.db "UPDATE run SET status = 'running', ended_ns = NULL WHERE id = 2; DELETE FROM meta WHERE key = 'closed'"
try "$T" trace -q -m "$m" --prompts two.jsonl --repeat 3 --resume -o r.db
is "--resume" "0 1:2 2:3" "$status $(sql r.db "SELECT group_concat(run_id || ':' || n, ' ') FROM (SELECT run_id, count(DISTINCT repeat) n FROM v_timing GROUP BY run_id)")"
finish
