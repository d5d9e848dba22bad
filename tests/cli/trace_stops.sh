#!/bin/sh
# trace_stops.sh -- refused, stopped, interrupted and killed recordings: readable, or not there.
. "$(dirname "$0")/lib.inc"
checkpoint window --preset window --layers 2
m=$root/build/test-models/window
p="The model reads a text"
mkdir "$work/here" && cd "$work/here" || exit 2
"$T" trace -q -m "$m" "$p" || fail "no recording to begin with"

# What can be refused is refused before a file is touched.
before=$(cksum < trace.db; ls)
refuses "a pattern without a match" 2 "L0.attn.pattrn" "$T" trace -m "$m" --capture L0.attn.pattrn "$p"
refuses "an edit without a match" 2 "nothing.here" "$T" trace -m "$m" --zero nothing.here "$p"
refuses "an edit beyond the heads" 2 "head" "$T" trace -m "$m" --zero 'L0.attn.z[head=99]' "$p"
refuses "a kind that is none" 2 "f99" "$T" trace -m "$m" --capture 'L0.attn.z=f99' "$p"
refuses "ids that are none" 2 "--prompt-ids wants token ids" "$T" trace -m "$m" --prompt-ids "1 two"
refuses "ids outside the vocabulary" 2 "99999" "$T" trace -m "$m" --prompt-ids "1 99999"
refuses "no ids" 2 "empty" "$T" trace -m "$m" --prompt-ids ""
refuses "--chat with ids" 2 "exclude each other" "$T" trace -m "$m" --prompt-ids --chat "1"
is "trace.db is untouched" "$before" "$(cksum < trace.db; ls)"
refuses "a folder that is not there" 3 "nowhere/x.db" "$T" trace -m "$m" -o nowhere/x.db "$p"

# --stop-on: the answer is no, and the recording is readable up to it.
cp -r "$m" nan
python3 - nan/model.safetensors <<'PY'
import json, struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
n = struct.unpack("<Q", data[:8])[0]
at = json.loads(data[8:8 + n])["model.layers.1.mlp.up_proj.weight"]["data_offsets"][0]
data[8 + n + at:8 + n + at + 4] = struct.pack("<f", float("nan"))
open(sys.argv[1], "wb").write(data)
PY
refuses "--stop-on nan" 1 "model.layers.1.mlp.up_proj:out of pass 0 holds NaN" "$T" trace -m nan --stop-on nan -o stop.db "$p"
is "is a stopped run" stopped "$(sql stop.db "SELECT status FROM run")"
is "whose last value is the bad one" model.layers.1.mlp.up_proj:out "$(sql stop.db "SELECT fqn FROM v_value ORDER BY id DESC LIMIT 1")"
try "$T" trace -q -m nan -o through.db "$p"
is "a model full of NaN is recorded to the end" "0 ok" "$status $(sql through.db "SELECT status FROM run")"
has "with a warning that names the weight" '^torchless: warning: .*model.layers.1.mlp.up_proj.weight' "$err"
has "and one that names the logits" '^torchless: warning: no token can be picked' "$err"
is "first_bad finds it" model.layers.1.mlp.up_proj:out "$("$T" query -t through.db first-bad | cut -f1)"
try "$T" trace -q -m "$m" --stop-on nan -o through.db "$p"
is "--stop-on without one" 0 "$status"

# Interrupted: readable, and the exit status says so.
python3 - "$T" "$m" "$p" <<'PY' || fail "Ctrl-C while recording"
import os, signal, sqlite3, subprocess, sys
from until import first, until
torchless, model, prompt = sys.argv[1:]
child = subprocess.Popen([torchless, "trace", "-q", "-m", model, "-n", "100000", "-o", "int.db", prompt],
                         stderr=subprocess.PIPE, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
until("a generated token is recorded", lambda: first("int.db", "SELECT count(*) FROM v_token WHERE source = 'generated'"), child)
child.send_signal(signal.SIGINT)
err = child.communicate(timeout=120)[1].decode()
assert child.returncode == 130, (child.returncode, err)
assert err == "torchless: interrupted\n", err
db = sqlite3.connect("int.db")
assert db.execute("SELECT status FROM run").fetchone() == ("stopped",)
assert db.execute("SELECT count(*) FROM v_token WHERE source='generated'").fetchone()[0] > 0
assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
assert not os.path.exists("int.db-wal")
PY

# Killed: every finished pass is readable.
python3 - "$T" "$m" "$p" <<'PY' || fail "kill -9 while recording"
import sqlite3, subprocess, sys
from until import first, until
torchless, model, prompt = sys.argv[1:]
child = subprocess.Popen([torchless, "trace", "-q", "-m", model, "-n", "100000", "-o", "kill.db", prompt], stderr=subprocess.DEVNULL)
finished = "SELECT count(*) FROM pass WHERE idx IS NOT NULL AND dur IS NOT NULL"
until("three passes are recorded", lambda: first("kill.db", finished) > 2, child)
child.kill()
child.wait()
db = sqlite3.connect("kill.db")
done = db.execute(finished).fetchone()[0]
assert done > 2, done
assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
PY
finish
