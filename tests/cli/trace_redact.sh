#!/bin/sh
# trace_redact.sh -- with --redact no text and no piece of a token is in any byte of the file.
. "$(dirname "$0")/lib.inc"
checkpoint window --preset window --layers 2
m=$root/build/test-models/window
cd "$work" || exit 2
python3 - >prompts.jsonl <<'PY'
import json
words = "Xylophone quartz reading secretly, jumbled waveforms: what vexes a text model?".split()
for i in range(30):
    print(json.dumps({"prompt": " ".join(words[(i * 5 + k * k) % 11] for k in range(4 + i % 7)), "id": f"label-{i}", "n": 12}))
PY
text="Xylophone quartz reading secretly, jumbled waveforms: what vexes a text model?"

# Words of the prompts, and every piece that an open recording holds, must not occur more often
# than in a recording of something else, whose bytes (names, documentation) are the same otherwise.
cat >search.py <<'PY'
import glob, sqlite3, sys
opened, other, *files = sys.argv[1:]
db = sqlite3.connect(opened)
db.text_factory = bytes
needles = {w for p, in db.execute("SELECT prompt FROM run") for w in p.split()}
for table, columns in (("token", ["piece"]), ("cand", ["piece"]), ("tok_step", ["left_piece", "right_piece", "merged"])):
    for column in columns:
        needles |= {bytes(x).strip() for x, in db.execute(f"SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL")}
needles |= {x for x, in db.execute("SELECT completion FROM v_run")}
needles = {n for n in needles if len(n) > 2}
assert len(needles) > 30, needles
base = open(other, "rb").read()
for name in files:
    data = open(name, "rb").read()
    assert len(data) > 50000, (name, len(data))
    found = [n for n in needles if n in data and n not in base]
    assert not found, (name, found)
open_bytes = b"".join(open(f, "rb").read() for f in glob.glob(opened + "*"))
assert sum(n in open_bytes and n not in base for n in needles) > 20, "the search finds nothing where there is something"
PY
search() { # WHAT OPEN.db FILE...
	what=$1
	shift
	python3 search.py "$1" other.db "$2" ${3:+"$3"} 2>"$err" || fail "$what: $(tail -1 "$err")"
}
# Few numbers, lest three bytes among them are a piece by chance.
set -- --temp 1.3 --top-k 40 --capture none --capture 'L0.attn.z'
"$T" trace -q -m "$m" --redact -n 3 "$@" --prompt-ids -o other.db "1 2 3"
"$T" trace -q -m "$m" "$@" -n 12 -o open.db "$text"
"$T" trace -q -m "$m" "$@" -n 12 --redact -o closed.db "$text"
search "a prompt on the command line" open.db closed.db
echo "$text" | "$T" trace -q -m "$m" "$@" -n 12 --redact -o closed.db -
search "a prompt on standard input" open.db closed.db
"$T" trace -q -m "$m" "$@" --redact -o ids.db --prompt-ids "301 302 303"
is "ids on the command line are no option" "0" "$(sql ids.db "SELECT instr(opts, '301') FROM run")"
is "ids, numbers and offsets stay" 1 "$(sql closed.db "SELECT count(*) > 20 AND count(piece) = 0 AND count(byte_end) > 10 FROM token")"
is "candidates too" 1 "$(sql closed.db "SELECT count(*) > 200 AND count(piece) = 0 AND min(logit) < max(logit) FROM cand")"
is "and the steps of the tokenizer, without bytes" 1 "$(sql closed.db "SELECT count(*) > 20 AND count(merged) + count(left_piece) + count(right_piece) = 0 AND count(rank) > 5 FROM tok_step")"

# While it is written, after a kill and when it went on.
"$T" trace -q -m "$m" "$@" --prompts prompts.jsonl -o opened.db
python3 - "$T" trace -q -m "$m" -j 1 "$@" --prompts prompts.jsonl --redact -o many.db <<'PY' || fail "no recording to kill"
import os, subprocess, sys
from until import until
child = subprocess.Popen(sys.argv[1:])
until("the log has four megabytes", lambda: os.path.exists("many.db-wal") and os.path.getsize("many.db-wal") > 4_000_000, child)
child.kill()
child.wait()
PY
search "a killed recording and its log" opened.db many.db many.db-wal
"$T" trace -q -m "$m" "$@" --prompts prompts.jsonl --redact --resume -o many.db
search "a recording that went on" opened.db many.db
is "labels stay" "30 label-0" "$(sql many.db "SELECT count(id) || ' ' || min(id) FROM v_run")"
is "nothing else of v_run" 0 "$(sql many.db "SELECT count(prompt) + count(completion) FROM v_run")"

# A stop and a failure say no text either.
cp -r "$m" nan
python3 - nan/model.safetensors <<'PY'
import json, struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
n = struct.unpack("<Q", data[:8])[0]
at = json.loads(data[8:8 + n])["model.layers.1.mlp.up_proj.weight"]["data_offsets"][0]
data[8 + n + at:8 + n + at + 4] = struct.pack("<f", float("nan"))
open(sys.argv[1], "wb").write(data)
PY
try "$T" trace -q -m nan "$@" --prompts prompts.jsonl --redact --stop-on nan -o stop.db
is "--stop-on" 1 "$status"
search "a stopped recording" opened.db stop.db
finish
