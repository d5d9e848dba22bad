#!/bin/sh
# schema_filled.sh -- a column that no recording fills says so in schema_doc, and one that says so is filled by none.
. "$(dirname "$0")/lib.inc"
cd "$work" || exit 2

# What there is to record: every kind of value, drawn tokens, edits, a NaN, many prompts, repeats, branches.
prompt='Lily put the ball in the box. Lily put the'
printf '%s\n' '{"prompt": "Lily put", "n": 2, "id": "one"}' '{"prompt": "Lily put", "zero": ["L0.attn.z[head=1]"]}' '{"ids": [1, 2, 3], "n": 1}' >prompts.jsonl
try "$T" trace -q -n 2 --capture '*' --repeat 2 -o all.db "$prompt"
is "all.db" 0 "$status"
try "$T" trace -q -n 4 --temp 1 --top-k 9 --top-p 0.9 --min-p 0.01 --seed 3 --zero 'L0.attn.z[head=1]' -o drawn.db "$prompt"
is "drawn.db" 0 "$status"
try "$T" trace -q --prompts prompts.jsonl -o many.db
is "many.db" 0 "$status"
try "$T" debug --batch -n 3 -ex 'record on edits.db' -ex 'record L3.attn.z' -ex start -ex 'advance layers.3.self_attn' -ex finish \
	-ex 'patch .z[pos=2] from .z[pos=1]' -ex 'set lm_head.weight[0, 0] = 0' -ex 'break layers.4 if pass == 1' -ex run \
	-ex 'set layers.3.self_attn.z[:, 0, 0] = inf' -ex 'fork other' -ex finish "$prompt"
is "edits.db" 0 "$status"

python3 - "$T" <<'PY' || fail "schema_doc and the recordings differ"
import json, subprocess, sys
torchless, = sys.argv[1:]
FILES = "all.db", "drawn.db", "many.db", "edits.db"
def ask(file, sql):
    return [json.loads(line) for line in subprocess.run([torchless, "query", "-t", file, "--json", sql], capture_output=True, check=True).stdout.splitlines()]
columns = ask(FILES[0], "SELECT s.name obj, p.name col FROM sqlite_schema s, pragma_table_info(s.name) p "
              "WHERE s.type IN ('table', 'view') AND s.name NOT LIKE 'sqlite%'")
says = {(r["obj"], r["col"]): r["doc"] for r in ask(FILES[0], "SELECT obj, col, doc FROM schema_doc")}
filled = {}
for file in FILES:
    for obj in sorted({c["obj"] for c in columns}):
        counts = ", ".join('count("{col}") "{col}"'.format(**c) for c in columns if c["obj"] == obj)
        for col, n in ask(file, f'SELECT {counts} FROM "{obj}"')[0].items():
            filled[obj, col] = filled.get((obj, col), 0) + n
# By a recorder that is told of a place which the other run has left behind: tests/unit/test_debug_recorded.c.
SELDOM = {("run", "fork_value_id")}
empty = lambda text: "othing fills it yet" in text
wrong = [f"{obj}.{col}: {n} cells, and schema_doc says: {says[obj, col]}" for (obj, col), n in filled.items()
         if (obj, col) not in SELDOM and (n == 0) != (empty(says[obj, col]) or empty(says[obj, ""]))]
print("\n".join(wrong), end="\n" if wrong else "")
sys.exit(bool(wrong))
PY
finish
