#!/bin/sh
# export.sh -- a recording as a timeline: files that are whole or not there, what is refused, what is said.
. "$(dirname "$0")/lib.inc"
checkpoint window --preset window --layers 2
m=$root/build/test-models/window
cd "$work" || exit 2
"$T" trace -q -m "$m" -n 2 "The model reads" || fail "no recording to export"

try "$T" export --perfetto a.pftrace --chrome a.json
is "both: status" 0 "$status"
is "both: nothing on stdout" "" "$(cat "$out")"
is "both: a line each" "a.pftrace a.json" "$(cut -d' ' -f1 "$err" | paste -sd' ')"
has "the line says size, spans, passes and where to open it" '^a\.pftrace  [0-9.]+ kB .* [0-9]+ spans .* 2 passes .* https://ui\.perfetto\.dev$' "$err"
"$T" trace -q -m "$m" -o single.db "The" && try "$T" export -t single.db --chrome single.json
has "one pass has its noun" ' 1 pass ' "$err"
is "JSON" ok "$(python3 -c 'import json; print("ok" if json.load(open("a.json"))["traceEvents"] else "")')"
is "a file is 0644" "644 644" "$(stat -c %a a.pftrace a.json | paste -sd' ')"
is "spans as the recording has them" "$(sql trace.db 'SELECT count(*) FROM span')" "$(grep -c '"cat":"module"' a.json)"
try "$T" export -q --chrome b.json
is "-q says nothing" "0 " "$status $(cat "$err")"
cmp -s a.json b.json || fail "the same recording is the same file"

# Standard output, and what is no regular file.
try "$T" export -q --chrome -
cmp -s "$out" a.json || fail "- is standard output"
try "$T" export -q --perfetto -
cmp -s "$out" a.pftrace || fail "- for bytes, into a pipe"
ln -s /dev/null null
try "$T" export -q --chrome null
is "a device is written to, not replaced" "0 character special file" "$status $(stat -Lc %F null)"
mkfifo pipe
cat pipe > from-pipe &
try "$T" export -q --chrome pipe
wait
cmp -s from-pipe a.json || fail "a FIFO gets the bytes"
is "a FIFO stays one" fifo "$(stat -c %F pipe)"
mkdir other && echo old > other/target && ln -s other/target link
try "$T" export -q --chrome link
is "a link stays one, and what it means is replaced" "other/target $(wc -c < a.json)" "$(readlink link) $(wc -c < other/target)"
is "nothing lies beside it" target "$(ls other)"

# Refused, and nothing is left or changed.
refuses "no format" 2 'say what to write: --perfetto FILE or --chrome FILE' "$T" export
refuses "an argument" 2 '' "$T" export trace.db --chrome c.json
refuses "an empty name" 2 '--chrome wants FILE' "$T" export --chrome ""
refuses "one file for both" 2 'would both write c\.json' "$T" export --perfetto c.json --chrome c.json
refuses "one file under two names" 2 'would both write' "$T" export --perfetto a.json --chrome ./a.json
refuses "standard output for both" 2 'would both write standard output' "$T" export --perfetto - --chrome -
cp trace.db before.db
refuses "the recording itself" 2 'trace\.db is the recording itself' "$T" export --chrome ./trace.db
cmp -s trace.db before.db || fail "the recording is as it was"
refuses "no recording" 3 'none\.db' "$T" export -t none.db --chrome c.json
(mkdir empty && cd empty && refuses "no recording by default" 3 'there is no recording here' "$T" export --chrome c.json && finish) || failures=1
refuses "not a recording" 2 'a\.json' "$T" export -t a.json --chrome c.json
refuses "no such folder" 3 'nowhere/c\.json: No such file or directory' "$T" export --chrome nowhere/c.json
refuses "a folder" 3 'other: Is a directory' "$T" export --chrome other
is "nothing was left" "" "$(find . -name 'c.json*')"
echo good > kept
refuses "a full disk" 3 '/dev/full: No space left' "$T" export -q --perfetto /dev/full
refuses "a limit on files" 3 'kept: File too large' sh -c 'ulimit -f 2; exec "$@"' sh "$T" export -q --chrome kept
is "what was there before stays" good "$(cat kept)"
is "and nothing lies beside it" kept "$(ls kept*)"

# Ctrl-C: a recording that takes long, stopped while its file grows.
sqlite3 -batch trace.db "PRAGMA foreign_keys = OFF; CREATE TEMP TABLE n AS WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c
	WHERE i < 3000) SELECT * FROM c; INSERT INTO span SELECT s.id + 1000 * i, s.last_id + 1000 * i, s.pass_id + 1000 * i, s.parent_id + 1000 * i,
	module_id, op, depth, tid, s.ts + 1000000000 * i, dur, flops, bytes_w, bytes_kv, bytes_act, cycles, instr, llc_miss, status FROM span s, n;
	INSERT INTO pass SELECT id + 1000 * i, run_id, idx + 1000 * i, phase, pos0, n_tok, kv_len, ts + 1000000000 * i, dur FROM pass, n;" || fail "no long recording"
"$T" export -q --chrome kept 2> "$err" &
pid=$!
python3 - "$work" "$pid" <<'PY' || fail "it did not begin to write"
import glob, os, signal, sys
from until import until
until("a file that grows", lambda: any(os.path.getsize(f) > 100000 for f in glob.glob(sys.argv[1] + "/kept.*")))
os.kill(int(sys.argv[2]), signal.SIGINT)
PY
wait "$pid"
is "Ctrl-C: status, and one sentence" "130 1" "$? $(grep -c '^torchless: ' "$err")"
is "Ctrl-C: what was there before stays" good "$(cat kept)"
is "Ctrl-C: nothing lies beside it" kept "$(ls kept*)"
finish
