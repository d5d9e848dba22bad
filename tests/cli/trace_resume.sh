#!/bin/sh
# trace_resume.sh -- a recording of many prompts that was cut off goes on where it was.
. "$(dirname "$0")/lib.inc"
checkpoint window --preset window --layers 2
checkpoint other --preset window --layers 2 --seed 7
m=$root/build/test-models/window
cd "$work" || exit 2
python3 - >prompts.jsonl <<'PY'
import json
words = "The model reads a text and says what comes next in it".split()
for i in range(40):
    print(json.dumps({"prompt": " ".join(words[(i * 7 + k * k) % 12] for k in range(3 + i % 5)), "id": f"p{i}", "n": 10 + i % 20}))
PY
set -- -j 1 --capture 'L0.attn.z' --zero 'L1.mlp.act_mul' --temp 1.2 --seed 3
try "$T" trace -q -m "$m" --prompts prompts.jsonl "$@" --resume -o whole.db
is "--resume without a recording begins one" "0 40" "$status $(sql whole.db "SELECT count(*) FROM v_run WHERE status = 'ok'")"

# Every table, with its ids, is that of the recording that was never interrupted.
cat >equal.py <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("ATTACH ? AS other", sys.argv[2:])
TIMES = {"ts", "dur", "uuid", "started_ns", "ended_ns", "opts", "created"}
def one(sql):
    return db.execute(sql).fetchone()
for table, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('meta', 'counter') AND name NOT LIKE 'sqlite%'").fetchall():
    columns = db.execute(f"PRAGMA table_info({table})").fetchall()
    keys = [name for _, name, *_, key in columns if key] or ["rowid"]
    same = " AND ".join(f"a.{k} IS b.{k}" for k in keys)
    other = " OR ".join(f"a.{name} IS NOT b.{name}" for _, name, *_ in columns if name not in TIMES)
    sizes = [one(f"SELECT count(*) FROM {schema}.{table}") for schema in ("main", "other")]
    assert sizes[0] == sizes[1], (table, sizes)
    assert one(f"SELECT count(*) FROM main.{table} a JOIN other.{table} b ON {same}") == sizes[0], (table, keys)
    found = one(f"SELECT a.*, b.* FROM main.{table} a JOIN other.{table} b ON {same} WHERE {other}")
    assert not found, (table, found)
for sql in ("SELECT run_id, name FROM %s.counter", "SELECT type, name, sql FROM %s.sqlite_schema ORDER BY 1, 2"):
    assert db.execute(sql % "main").fetchall() == db.execute(sql % "other").fetchall(), sql
assert one("PRAGMA other.integrity_check") == ("ok",) and not one("PRAGMA other.foreign_key_check")
PY
equal() { # WHAT FILE
	python3 equal.py whole.db "$2" 2>"$err" || fail "$1: $(tail -1 "$err")"
	is "$1: one portable file" "$2" "$(ls "$2"*)"
}

# Killed in the middle, three times, each time resumed.
cat >kill.py <<'PY'
import signal, subprocess, sys
from until import first, until
sig, stop, file, *command = sys.argv[1:]
child = subprocess.Popen(command, stderr=subprocess.PIPE)
# Without a pause between two looks: nobody who reads a file from its first moment on stops its writer.
until(f"{stop} runs are recorded", lambda: first(file, "SELECT count(*) FROM v_run WHERE status = 'ok'") >= int(stop), child, pause=0)
assert child.poll() is None, child.communicate()[1]
child.send_signal(getattr(signal, sig))
print(child.communicate(timeout=120)[1].decode(), end="")
assert child.returncode in (-signal.SIGKILL, 130), child.returncode
PY
for stop in 3 11 24; do
	python3 kill.py SIGKILL $stop killed.db "$T" trace -q -m "$m" --prompts prompts.jsonl "$@" --resume -o killed.db >"$out" 2>&1 ||
		fail "no recording to kill at $stop: $(brief "$(cat "$out")")"
	is "a killed recording can be read" "$((stop - 1)) <" "$((stop - 1)) $([ "$("$T" query -t killed.db "SELECT count(*) FROM v_run WHERE status = 'ok'")" -ge $stop ] && echo '<')"
done
cp killed.db copy.db && cp killed.db-wal copy.db-wal
try "$T" trace -m "$m" --prompts prompts.jsonl "$@" --resume -o killed.db
is "resuming" 0 "$status"
has "says how much was there" '^runs .*[0-9]+ of prompts.jsonl.*; [0-9]+ were there' "$err"
equal "killed and resumed" killed.db

# Nothing is left to do.
before=$(cksum <killed.db)
try "$T" trace -m "$m" --prompts prompts.jsonl "$@" --resume -o killed.db
is "a complete recording" "0 nothing to do: killed.db holds every run of prompts.jsonl" "$status $(cat "$err")"
try "$T" trace -m "$m" --prompts prompts.jsonl "$@" --resume -o killed.db --json
is "as JSON" "40 0" "$(python3 -c 'import json,sys; d = json.load(open(sys.argv[1])); print(d["runs"], d["recorded"])' "$out")"
is "is left as it is" "$before" "$(cksum <killed.db)"

# Killed when all runs were there, but not the indexes: they are made.
cp whole.db unclosed.db
python3 - unclosed.db <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
for name, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL").fetchall():
    db.execute(f"DROP INDEX {name}")
db.execute("DELETE FROM meta WHERE key = 'closed'")
db.commit()
PY
try "$T" trace -q -m "$m" --prompts prompts.jsonl "$@" --resume -o unclosed.db
is "a recording that was not closed" 0 "$status"
equal "is closed" unclosed.db

# Ctrl-C: the file is closed, and goes on.
python3 kill.py SIGINT 5 int.db "$T" trace -q -m "$m" --prompts prompts.jsonl "$@" -o int.db >"$out" 2>&1 || fail "Ctrl-C: $(brief "$(cat "$out")")"
has "Ctrl-C says where it was" '^torchless: interrupted at prompts.jsonl:[0-9]+; int.db has the [0-9]+ runs before it, and --resume goes on$' "$out"
is "leaves one file" "int.db" "$(ls int.db*)"
is "with its indexes" 1 "$(sql int.db "SELECT count(*) > 5 FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")"
is "and the run it was in" "stopped" "$(sql int.db "SELECT status FROM v_run ORDER BY run_id DESC LIMIT 1")"
try "$T" trace -q -m "$m" --prompts prompts.jsonl "$@" --resume -o int.db
is "resuming after Ctrl-C" 0 "$status"
equal "interrupted and resumed" int.db

# What is not the beginning of the same recording is refused and stays as it is.
refused() { # WHAT STATUS PATTERN FILE COMMAND...
	file=$4 kept=$(cksum <"$4")
	what=$1 expected=$2 pattern=$3
	shift 4
	refuses "$what" "$expected" "$pattern" "$T" trace --resume -o "$file" "$@"
	is "$what: the file" "$kept" "$(cksum <"$file")"
	is "$what: nothing beside it" "$file" "$(ls "$file"*)"
}
rm -f copy.db-shm
"$T" trace -q -m "$m" --prompts prompts.jsonl "$@" --resume -o copy.db
refused "another model" 2 'copy.db was recorded with the weights of .*/window' copy.db -m "$root/build/test-models/other" --prompts prompts.jsonl "$@"
refused "other options" 2 'copy.db was recorded with --temp 1.2, not 1.3' copy.db -m "$m" --prompts prompts.jsonl "$@" --temp 1.3
refused "another seed" 2 '--seed 3, not 4' copy.db -m "$m" --prompts prompts.jsonl "$@" --seed 4
refused "another -n" 2 '-n 1, not 5' copy.db -m "$m" --prompts prompts.jsonl "$@" -n 5
refused "another capture" 2 '--capture \["L0.attn.z"\], not \["L0.attn.z", "L1.attn.z"\]' copy.db -m "$m" --prompts prompts.jsonl "$@" --capture L1.attn.z
refused "another edit" 2 '--zero \["L1.mlp.act_mul"\], not ' copy.db -m "$m" --prompts prompts.jsonl "$@" --zero L0.attn.z
refused "--redact" 2 '--redact off, not on' copy.db -m "$m" --prompts prompts.jsonl "$@" --redact
refused "other positions" 2 '--logits all, not last' copy.db -m "$m" --prompts prompts.jsonl "$@" --logits last
refused "another chunk" 2 '--chunk 512, not 3' copy.db -m "$m" --prompts prompts.jsonl "$@" --chunk 3
TORCHLESS_KERNELS=ref; export TORCHLESS_KERNELS
[ "$("$T" info -m "$m" --json 2>/dev/null | grep -c avx)" = 0 ] && [ "$(sql whole.db "SELECT build LIKE '%avx%' FROM run LIMIT 1")" = 1 ] &&
	refused "other kernels" 2 'kernels avx2, not ref' copy.db -m "$m" --prompts prompts.jsonl "$@"
unset TORCHLESS_KERNELS
sed 's/"p3"/"P3"/' prompts.jsonl >changed.jsonl
refused "a file of prompts that changed" 2 '--prompts 40 lines of hash' copy.db -m "$m" --prompts changed.jsonl "$@"
cp -r "$m" tokenizer && python3 - tokenizer/tokenizer.json <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
json.dump(d, open(sys.argv[1], "w"), indent=1)
PY
refused "another tokenizer" 2 'the tokenizer of' copy.db -m tokenizer --prompts prompts.jsonl "$@"
"$T" trace -q -m "$m" -o one.db text
refused "a recording of one prompt" 2 'one.db is a recording of one prompt' one.db -m "$m" --prompts prompts.jsonl
echo "some notes" >notes.txt
refused "a file that is no recording" 2 'notes.txt is not a recording' notes.txt -m "$m" --prompts prompts.jsonl
: >empty.db
refused "an empty file" 2 'empty.db is empty' empty.db -m "$m" --prompts prompts.jsonl
python3 -c 'import sqlite3; d = sqlite3.connect("foreign.db"); d.execute("CREATE TABLE t(x)")'
refused "another database" 2 'not a recording of torchless' foreign.db -m "$m" --prompts prompts.jsonl
cp copy.db newer.db
python3 -c 'import sqlite3; sqlite3.connect("newer.db").execute("PRAGMA user_version = 20000")'
refused "a newer major version" 2 'newer.db has schema version 2.0' newer.db -m "$m" --prompts prompts.jsonl "$@"
head -c 20000 copy.db >cut.db
refused "half a file" 2 'cut.db is damaged' cut.db -m "$m" --prompts prompts.jsonl "$@"
refuses "--resume alone" 2 "--prompts FILE" "$T" trace -m "$m" --resume text

# While another process writes it, reading is fine and writing is not.
python3 - "$T" "$m" <<'PY' || fail "two processes"
import sqlite3, subprocess, sys
from until import until
torchless, model = sys.argv[1:]
def trace(*args):
    return [torchless, "trace", "-q", "-m", model, "-j", "1", "--prompts", "prompts.jsonl", "-o", "busy.db", *args]
writer = subprocess.Popen(trace("-n", "3", "--capture", "*"))
def runs():
    found = subprocess.run([torchless, "query", "-t", "busy.db", "SELECT count(*) FROM v_run"], capture_output=True, text=True)
    return 0 if found.returncode else int(found.stdout)
until("three runs are recorded", lambda: runs() > 2, writer)
for args in (["--resume", "-n", "3", "--capture", "*"], []):
    second = subprocess.run(trace(*args), capture_output=True, text=True)
    assert writer.poll() is None, "too short to be found at it"
    assert second.returncode == 3 and second.stderr.count("\n") == 1 and "another p" in second.stderr, second
assert writer.wait(timeout=60) == 0
assert sqlite3.connect("busy.db").execute("SELECT count(*), max(status) FROM v_run").fetchone() == (40, "ok")
PY
is "nothing of the second is left" "busy.db" "$(ls busy.db*)"
finish
