#!/bin/sh
# query_limits.sh -- whatever lies in a recording, a query of it ends: in time, within memory, and at Ctrl-C.
. "$(dirname "$0")/lib.inc"
checkpoint window --preset window --layers 2
m=$root/build/test-models/window
cd "$work" || exit 2
"$T" trace -q -m "$m" --capture '*' "The model reads" -o good.db || fail "no recording to ask"

# hostile NAME SQL: a recording with other tables under the names of ours.
hostile() {
	cp good.db "$1.db"
	sqlite3 -batch "$1.db" "$2" || fail "$1 was not made"
}
n="WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
saved="'q' || i name, 'SELECT 1' sql, 'd' doc, 'n' note, '{}' params, 't' topic, i rowid"
hostile silent "DROP TABLE saved_query; CREATE VIEW saved_query AS $n SELECT $saved FROM n WHERE i < 0"
hostile endless "DROP TABLE saved_query; CREATE VIEW saved_query AS $n SELECT $saved FROM n"
hostile check "UPDATE saved_param SET refuse = '$n SELECT max(i) FROM n WHERE :value IS NOT NULL'"
hostile generated "CREATE TABLE x AS SELECT name FROM saved_query; DROP TABLE saved_param; DROP TABLE saved_query;
	CREATE TABLE saved_query(name, sql TEXT AS (hex(zeroblob(100000000))), doc TEXT AS (hex(zeroblob(100000000))),
	params TEXT AS (hex(zeroblob(100000000)))); INSERT INTO saved_query(name) SELECT name FROM x"
hostile large "UPDATE saved_query SET doc = hex(zeroblob(5000000)), sql = hex(zeroblob(5000000))"
hostile runs "DROP TABLE run; CREATE VIEW run AS $n SELECT i id, 1 model_id, 'x' prompt, 0 prompt_redacted FROM n WHERE i < 0"
hostile points "DROP TABLE point; CREATE VIEW point AS $n SELECT i id, 'p' || i fqn, 'x' axes, 'r' role, 1 layer, 'a' tl_name, 'b' ggml_name FROM n"
hostile other "DROP TABLE value; CREATE TABLE value(id INTEGER PRIMARY KEY, pass_id INT, point_id INT, hash INT, mean REAL, tensor_id INT, d0 INT,
	d1 INT, d2 INT, d3 INT); INSERT INTO value(id, pass_id, point_id) WITH RECURSIVE
	k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k LIMIT 5000) SELECT i, (SELECT min(id) FROM pass), (SELECT min(id) FROM point) FROM k;
	ALTER TABLE value ADD COLUMN l2 REAL AS (length(hex(zeroblob(10000000 + id))))"
hostile module "DROP TABLE saved_query; CREATE VIRTUAL TABLE saved_query USING fts5(name, sql, doc, note, params, topic)"
hostile topics "CREATE TABLE x AS SELECT * FROM saved_query; DROP TABLE saved_query; ALTER TABLE x RENAME TO saved_query;
	UPDATE saved_query SET topic = X'5B41'"
hostile size "UPDATE tensor SET shape = '3000,100000', raw_bytes = 1200000000"

late="stopped after 1 s, the time limit$"
# RECORDING|what is asked|status|sentence
while IFS='|' read -r name what status sentence; do
	# shellcheck disable=SC2086
	refuses "$name: $what" "$status" "$sentence" timeout 30 "$T" query --timeout 1 -t "$name.db" $what
done <<CASES
silent|--list|2|$late
silent|--list --json|2|$late
silent|--list --box|2|$late
silent|residual|2|$late
silent|nothing|2|$late
check|residual pos=0|2|$late
generated|--list|2|larger than the 4 MB
generated|--list --json|2|larger than the 4 MB
generated|residual|2|larger than the 4 MB
large|--list --json|2|larger than the 4 MB
large|residual|2|larger than the 4 MB
module|--list|2|no such module: fts5
CASES
refuses "names without end" 2 "(more than the 64 MB that they may|stopped after 1 s)" timeout 30 "$T" query --timeout 1 -t endless.db --list --json
for sql in "SELECT t_l2('L0.attn.z')" "SELECT * FROM lens" "SELECT * FROM attn" "SELECT value_id('L0.attn.z')"; do
	refuses "functions and an endless run: $sql" 2 "$late" timeout 30 "$T" query --timeout 1 -t runs.db "$sql"
done
refuses "another recording without end" 2 "$late" timeout 30 "$T" query --timeout 1 -t good.db "SELECT count(*) FROM trace_diff(1, 'other.db')"
refuses "points without end" 2 "(rows of the recording take more|stopped after)" timeout 30 "$T" query --timeout 1 -t points.db "SELECT t_l2('L0.attn.z')"
refuses "a dump larger than its file" 2 "damaged: the dump of .* has 1200000000 bytes, its file" "$T" query -t size.db "SELECT t_l2(v.id) FROM v_value v WHERE tensor_id IS NOT NULL LIMIT 1"
is "topics that no NUL ends" 1 "$("$T" query -t topics.db --box --list | grep -c '^\[A$')"
# shellcheck disable=SC3045
is "opening takes little memory" 0 "$(
	ulimit -v 600000
	timeout 30 "$T" query -t generated.db "SELECT 1" >/dev/null 2>&1
	echo $?
)"

# Without --timeout the program's own questions end all the same.
refuses "a look-up has a limit of its own" 2 "own tables do not answer within 10 s" timeout 50 "$T" query -t silent.db residual
# The shell goes on behind a name that nobody can look up, and its own lists end.
printf '.timeout 0.5\nresidual\n' >in
timeout 50 "$T" query -t silent.db <in >"$out" 2>"$err"
is "the shell's statements have its limit" "2 torchless: stopped after 0.5 s, the time limit" "$? $(cat "$err")"

# One call that SQLite cannot stop.  B: 32 MB of zeros.
B="hex(zeroblob(16000000))"
while IFS= read -r sql; do
	try timeout 30 "$T" query --timeout 1 -t good.db "SELECT $sql"
	case $status in
	0) is "$sql: what it says" "" "$(cat "$err")" ;;
	2) has "$sql" "(^torchless: stopped after 1 s|takes too long$|too complex$|larger than the 64 MB)" "$err" ;;
	*) fail "$sql: status $status: $(brief "$(cat "$err")")" ;;
	esac
done <<CALLS
instr($B, hex(zeroblob(8000000)) || '1')
instr(zeroblob(60000000), zeroblob(30000000) || x'01')
length(replace($B, hex(zeroblob(2000)) || '1', '1'))
length(trim($B, replace(hex(zeroblob(1000000)), '00', 'ä')))
length(trim(replace($B, '00', 'é'), replace(hex(zeroblob(100000)), '00', 'ü')))
$B LIKE '%' || replace(hex(zeroblob(200)), '0', '0_') || '1'
$B GLOB '*' || replace(hex(zeroblob(150)), '0', '[0]') || '1'
length(printf('%.*c', 500000000, 'x'))
length(hex($B)), length(quote($B)), length(upper($B))
length(json('[' || replace($B, '00', '1,') || '1]'))
length(json_patch('{' || replace(hex(zeroblob(400000)), '00', '"a":1,') || '"b":1}', '{' || replace(hex(zeroblob(400000)), '00', '"c":1,') || '"b":1}'))
strftime(replace($B, '00', '%f'), 'now') IS NULL
length(group_concat($B)) FROM v_value
count(*) FROM v_value a, v_value b WHERE $B || a.id = $B || b.id COLLATE NOCASE
length(t_json(zeroblob(60000000)))
length(t_topk(zeroblob(60000000), 10000000))
CALLS

# Ctrl-C, once, when it computes: at a look-up, in a function, in one call.
cat >interrupt.py <<'PY'
import os, signal, subprocess, sys
from until import until
p = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
busy = lambda: sum(map(int, open(f"/proc/{p.pid}/stat").read().rsplit(")", 1)[1].split()[11:13])) > 0.5 * os.sysconf("SC_CLK_TCK")
until("it computes", busy, p)
p.send_signal(signal.SIGINT)
out, err = p.communicate(timeout=120)
print(p.returncode, err.decode().strip())
PY
while IFS='|' read -r name what; do
	is "Ctrl-C at $name: $what" "130 torchless: interrupted" "$(python3 interrupt.py "$T" query -t "$name.db" "$what" 2>&1)"
done <<CASES
silent|residual
silent|--list
runs|SELECT t_l2('L0.attn.z')
good|SELECT $B GLOB '*' || replace(hex(zeroblob(150)), '0', '[0]') || '1'
CASES

# Memory that is not there is not the limit.
# shellcheck disable=SC2016
refuses "little memory" 3 "out of memory$" sh -c 'ulimit -v 400000; "$1" query -t good.db "SELECT length(hex(zeroblob(200000000)))"' - "$T"
refuses "a box of everything" 3 "a box of more than 256 MB is not kept" timeout 50 "$T" query -t good.db --box "$n SELECT i, hex(zeroblob(10000)) FROM n"
finish
