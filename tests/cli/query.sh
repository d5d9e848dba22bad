#!/bin/sh
# query.sh -- SQL over a recording: saved queries, formats, and what is refused.
. "$(dirname "$0")/lib.inc"
checkpoint window --preset window --layers 2
m=$root/build/test-models/window
cd "$work" || exit 2
"$T" trace -q -m "$m" -n 2 "The model reads" || fail "no recording to ask"

"$T" query -t none.db --functions > "$out"
is "--functions needs no recording: name, arguments, a sentence, columns, an example" "" \
	"$(awk -F'\t' 'NF != 5 || $2 !~ /^\(/ || $3 !~ /\.$/ || index($5, $1) == 0' "$out")"
is "--functions has those of values and of tables" "3" "$(grep -c -e '^t_slice	' -e '^lens	' -e '^trace_diff	' "$out")"
is "--functions --json is an object a function" '"t_dot"' \
	"$("$T" query --functions --json | grep -o '^{"name": "t_dot"' | grep -o '"t_dot"')"
is "--functions NAME is one" tok "$("$T" query --functions tok | cut -f1)"
refuses "a function that is none" 2 'no SQL function "t_slise"; did you mean "t_slice"' "$T" query --functions t_slise
refuses "two lists" 2 'exclude each other' "$T" query --functions --list
"$T" query --list > "$out"
is "at least 25 saved queries" 1 "$(awk 'END { print (NR >= 25) }' "$out")"
is "--list is a name, a question, parameters and a topic" "" "$(awk -F'\t' 'NF != 4 || $2 !~ /\?$/' "$out")"
is "--list for people is grouped, with what parameters are" "Attention
  sinks              Which heads look at the first token?  n=10 pos=-1
  run                a run of the recording; 0 is the newest" \
	"$("$T" query --list --box | grep -x -e Attention -e '  sinks  .*' -e '  run  .*')"
cut -f1 "$out" > "$work/names"
"$T" trace -q -m "$m" --capture '*.[qk]_rot' --capture '*:act_mul' -o more.db "The model reads" || fail "no second recording"
while read -r name; do
	try "$T" query -t more.db "$name"
	is "query $name" "0 " "$status $(cat "$err")"
	try "$T" query "$name"
	is "query $name of a default recording, or what to capture" "" "$([ "$status" = 0 ] || grep -v "^torchless: .*--capture " "$err")"
done < "$work/names"
is "a saved query agrees with SQL" \
	"$(sql trace.db "SELECT token_id FROM v_cand WHERE pos = (SELECT n_prompt - 1 FROM v_run) ORDER BY rank LIMIT 3" | paste -sd' ')" \
	"$("$T" query next n=3 | cut -f4 | paste -sd' ')"
is "a parameter of a saved query" 3 "$("$T" query next n=3 | wc -l | tr -d ' ')"
is "a parameter of SQL" "5 x" "$("$T" query 'SELECT :a + 1, :b' a=4 b=x | tr '\t' ' ')"
is "SQL from stdin" 7 "$(echo 'SELECT 3 + 4' | "$T" query -)"
is "two statements" "1 2" "$("$T" query 'SELECT 1; SELECT 2' | paste -sd' ')"

# One value of each type in each format.
types="SELECT 1 i, 0.1 r, 'a,\"b' t, NULL n, x'41c3a9' piece, x'00ff' blob, char(9) || char(10) || char(27) c"
is "tabs" '1	0.1	a,"b		Aé	<blob 2 bytes>	\t\n\x1B' "$("$T" query "$types")"
"$T" query --csv "$types" > "$out"
python3 - "$out" <<'PY' || fail "--csv"
import csv, sys
rows = list(csv.reader(open(sys.argv[1], newline="")))
assert rows == [["i", "r", "t", "n", "piece", "blob", "c"], ["1", "0.1", 'a,"b', "", "Aé", "X'00ff'", "\t\n\x1b"]], rows
PY
"$T" query --json "$types; SELECT 9e999 inf, 1e300 big, 0.1 + 0.2 exact" > "$out"
python3 - "$out" <<'PY' || fail "--json"
import json, sys
a, b = map(json.loads, open(sys.argv[1]))
assert a == {"i": 1, "r": 0.1, "t": 'a,"b', "n": None, "piece": "Aé", "blob": {"hex": "00ff"}, "c": "\t\n\x1b"}, a
assert b == {"inf": float("inf"), "big": 1e300, "exact": 0.1 + 0.2}, b
PY
LC_ALL=C.UTF-8 "$T" query --box "SELECT 1 one, 'x' || char(27) two UNION SELECT 20, 'yy'" > "$out"
printf '┌─────┬───────┐\n│ one │ two   │\n├─────┼───────┤\n│   1 │ x\\x1B │\n│  20 │ yy    │\n└─────┴───────┘\n' > "$work/box"
cmp -s "$out" "$work/box" || fail "--box: $(cat "$out")"
LC_ALL=C "$T" query --box "SELECT 1 one" > "$out"
printf '+-----+\n| one |\n+-----+\n|   1 |\n+-----+\n' > "$work/box"
cmp -s "$out" "$work/box" || fail "--box without UTF-8: $(cat "$out")"
is "CSV of no rows is its heading" "a,b" "$("$T" query --csv 'SELECT 1 a, 2 b WHERE 0')"
is "every double comes back" "" "$("$T" query 'SELECT l2 FROM v_value' | python3 -c '
import sqlite3, sys
want = [x for x, in sqlite3.connect("trace.db").execute("SELECT l2 FROM v_value")]
got = [float(l) if l.strip() else None for l in sys.stdin]
print("" if got == want else "differs")')"
is "tensor data is never raw" "" "$("$T" query "SELECT data FROM v_payload" | grep -v '^<blob [0-9]* bytes>$')"


# A blob that is a tensor is shown by its statistics, here held against the bytes.
payload="SELECT data, dtype, shape, chunk, hex(data) bytes FROM v_payload WHERE fqn LIKE '%:out' LIMIT 1"
LC_ALL=C.UTF-8 "$T" query --json "$payload" > "$out"
python3 - "$out" <<'PY' || fail "a payload is its statistics"
import array, json, re, statistics, sys
row = json.load(open(sys.argv[1]))
x = list(array.array("f", bytes.fromhex(row["bytes"])))
kind, mean, std, absmax, picture = re.fullmatch(r"(\S+) mean (\S+) std (\S+) absmax (\S+) ([▁-█]{8})", row["data"]["tensor"]).groups()
assert kind == f"f32[{row['shape']}]", row
for shown, value in ((mean, statistics.fmean(x)), (std, statistics.pstdev(x)), (absmax, max(map(abs, x)))):
    assert abs(float(shown) - value) <= 1e-3 * abs(value), (shown, value)
counts = [0] * 8
for v in x:
    counts[min(7, int((v - min(x)) / (max(x) - min(x)) * 8))] += 1
assert picture.index("█") == counts.index(max(counts)), (picture, counts)
PY
is "tabs and CSV show the same" "$("$T" query "$payload" | cut -f1)" \
	"$("$T" query --csv "$payload" | python3 -c 'import csv, sys; print(list(csv.reader(sys.stdin))[1][0])')"
is "few elements are shown" "f32[1,4] 1 0 -2 0.5" "$("$T" query "SELECT x'0000803f00000000000000c00000003f' pos_stats")"
npy=$(python3 -c 'import struct
head = b"{\x27descr\x27: \x27<f4\x27, \x27fortran_order\x27: False, \x27shape\x27: (2,), }\n"
print((b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + struct.pack("<2f", 1, float("nan"))).hex())')
is "a .npy is a tensor" "f32[2] 1 nan" "$("$T" query "SELECT x'$npy' t")"
for cut in 2 8 12 60; do
	is "a .npy without its last $cut digits is none" "" "$("$T" query "SELECT x'${npy%"$(printf '%s' "$npy" | tail -c $cut)"}' t" | grep 'f32\[')"
done
is "a chunk says so" "chunk 1, rows of 9: f32[2,1] 1 0" \
	"$("$T" query "SELECT 'f32' dtype, '9,1' shape, 1 chunk, x'0000803f00000000' data" | cut -f4)"
for shape in "'9'" "'-1,1'" "'3,'||char(0)" "''" "'4611686018427387904,4611686018427387904'" "'1,1,1,1,1,1'" 7 NULL; do
	is "a shape that does not fit: $shape" "<blob 3 bytes>" \
		"$("$T" query "SELECT 'f32' dtype, $shape shape, x'0000ff' data" | cut -f3)"
done
is "long bytes are not in JSON" '{"b": {"bytes": 100}}' "$("$T" query --json "SELECT CAST(zeroblob(100) AS BLOB) b")"

# Limits.
is "--limit" "1 2" "$("$T" query --limit 2 "SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3" | paste -sd' ')"
is "no limit in a pipe" 3000 "$("$T" query "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000) SELECT i FROM n" | wc -l | tr -d ' ')"
refuses "--timeout" 2 "stopped after 0.2 s" "$T" query --timeout 0.2 \
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
refuses "a time below 0" 2 "timeout" "$T" query --timeout -1 "SELECT 1"

refuses "an unknown saved query" 2 'residul.*did you mean "residual"' "$T" query residul
refuses "an unknown parameter" 2 "next has no parameter 'x'; it has n, pos, run" "$T" query next x=1
refuses "a parameter's value" 2 "n takes a whole number, 1 or more, not 'x'" "$T" query next n=x
refuses "SQL in several words" 2 "goes in quotes" "$T" query SELECT 1
refuses "wrong SQL" 2 "syntax error" "$T" query "SELEC 1"
refuses "an unknown table" 2 "no such table: v_valu" "$T" query "SELECT * FROM v_valu"
refuses "a missing parameter" 2 ":x" "$T" query "SELECT :x"
refuses "two formats" 2 "exclude each other" "$T" query --csv --json "SELECT 1"
before=$(cksum < trace.db)
for statement in "DELETE FROM run" "DROP TABLE run" "UPDATE run SET status = 'ok'" "INSERT INTO meta VALUES ('a', 'b')" \
	"CREATE TABLE x(y)" "PRAGMA journal_mode = WAL" "ATTACH 'x.db' AS x" "VACUUM INTO 'y.db'" \
	"SELECT load_extension('x')"; do
	refuses "$statement" 2 "" "$T" query "$statement"
done
is "nothing was written" "$before $(ls)" "$(cksum < trace.db) $(ls)"
[ -e x.db ] || [ -e y.db ] && fail "query made a file"

# Runs of two files; a name that is no file is a run that is not there.
"$T" trace -q -m "$m" -o other.db --capture '*' "A cat sat" 2>"$err" || fail "other.db: $(cat "$err")"
"$T" trace -q -m "$m" -o both.db --capture '*' --prompts - 2>"$err" <<-'JSONL' || fail "both.db: $(cat "$err")"
	{"prompt": "A dog sat"}
	{"prompt": "A cat sat"}
JSONL
"$T" query -t both.db --csv differ a=1 b=2 n=5 >here
is "differ b=FILE" "$(cat here)" "$("$T" query -t both.db --csv differ a=1 b=other.db n=5)"
is "differ a=FILE[run=1]" "$(cat here)" "$("$T" query -t other.db --csv differ 'a=both.db[run=1]' n=5)"
is "in the shell" "$(cat here)" "$(echo 'differ a=1 b=other.db n=5' | "$T" query -t both.db --csv)"
is "same b=FILE" "$("$T" query -t both.db same a=1 b=2)" "$("$T" query -t both.db same a=1 b=other.db)"
is "nothing differs" "" "$("$T" query -t both.db differ b=other.db)"
refuses "no such file" 2 "b takes a run, 1 to 2, 0 for the newest, or the path of another recording \(others.db: No such file or directory\), not 'others.db'" \
	"$T" query -t both.db differ b=others.db
# What is said beside the rows: of two runs that tell nothing, of one that is alone, of what .set gives.
try "$T" query -t both.db differ a=1 b=2
has "other tokens are told" "^torchless: warning: differ: the two runs read different tokens.*: the token at position [0-9]+ is [0-9]+ in a, [0-9]+ in b$" "$err"
try "$T" query -t other.db differ 'b=both.db[run=1]'
has "of files, too" "read different tokens" "$err"
try "$T" query -q -t both.db differ a=1 b=2
is "not with -q" "0 " "$status $(cat "$err")"
try "$T" query -t both.db differ a=2 b=other.db
is "equal runs have no such word" "0 " "$status $(cat "$err")"
try "$T" query -t other.db --box same
has "one run is told, and how there come to be two" "same: there is no run before run 1 .*b=FILE .*trace --prompts FILE" "$err"
echo '{"prompt": "A dog", "id": "first", "zero": ["L0.attn.z[head=1]", "L1.mlp"]}' | "$T" trace -q -m "$m" -o edits.db --prompts - 2>"$err"
is "runs has the id and the edits" '1,first,"zero L0.attn.z[head=1], zero L1.mlp"' \
	"$("$T" query -t edits.db --csv runs | sed -n '2s/,ok,.*,"zero/,"zero/;2s/,[0-9.]*$//p')"
printf 'sinks n=2\n.set pos=1 x=4\nsinks n=2\nsinks n=2 pos=0\ntokens run=1\n' | "$T" query -t other.db --csv >"$out" 2>"$err"
is ".set counts for saved queries" "1 1 0 0" "$(sed -n 's/^[0-9]*,[0-9]*,\([01]\),.*/\1/p' "$out" | paste -sd' ')"
is "and is said not to" "torchless: warning: tokens has no parameter pos: pos=1, which is set, does not count" "$(cat "$err")"
is "columns that are empty are there where there is room" 1 "$("$T" query -t other.db --csv time | grep -c ms_spread,percent,percent_spread)"
is "which head at which position" "layer,head,pos,k,token,score,percent 1,0,2" \
	"$("$T" query -t other.db --csv head layer=1 pos=2 n=1 | sed '2s/\(1,0,2\).*/\1/' | paste -sd' ')"
cat >screen.py <<'PY'
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.environ.update(PAGER="cat", NO_COLOR="1")
    os.execv(sys.argv[1], sys.argv[1:])
out = b""
while True:
    try:
        piece = os.read(fd, 65536)
    except OSError:
        break
    if not piece:
        break
    out += piece
print(" ".join(out.decode().split()))
PY
python3 screen.py "$T" query -t other.db head layer=1 n=2 >"$out"
has "what was asked about, and what was cut off" "Asked: layer 1; head 0; position [0-9]+, '[^']*'\. 2 of [0-9]+ rows: n=[0-9]+ shows all\." "$out"
python3 screen.py "$T" query -t both.db differ b=2 n=1 >"$out"
has "which runs, and of how many" "Asked: runs 1 \(a\) and 2 \(b\)\. The two runs read different tokens.* 1 of [0-9]+ rows" "$out"
python3 screen.py "$T" query -t both.db differ b=other.db n=1 >"$out"
has "which recording" "Asked: runs 2 \(a\) and other\.db \(b\)\. " "$out"
python3 screen.py "$T" query -t other.db explain-token n=1 >"$out"
has "rows that n bounds a part of" " ([0-9]+) rows · .* \1 of [0-9]+ rows: n=20 shows all\." "$out"
python3 screen.py "$T" query -t other.db time phase=decode >"$out"
has "a phase that the run has not" " 0 rows .* Asked: phase decode\. The run has no such pass\." "$out"

# What a newcomer types.
refuses "a saved query in quotes" 2 'query next. is a saved query, and each KEY=VALUE a word of its own' "$T" query -t other.db "next n=3"
refuses "a saved query with a comma" 2 'query explain-token. is a saved query' "$T" query -t other.db "explain-token,3"
refuses "a recording in place of the question" 2 "'other.db' is a file: -t other.db asks the recording that it is" "$T" query other.db next
refuses "a recording as an argument" 2 "'other.db' is no argument of report: -t other.db reads a recording" "$T" report other.db
refuses "and of graph, which has arguments with --diff" 2 "'other.db' is no argument of graph: -t other.db draws a recording" "$T" graph other.db
mkdir -p named
refuses "a model as an argument" 2 "'named' is no argument of info: -m named names a model" "$T" info named
cp other.db moved.db
sqlite3 moved.db "UPDATE model SET file = 'user/name'"
refuses "a model that is not there is not looked for on a hub" 3 "the model of the recording, user/name, is not there; if the checkpoint has moved, name it with -m PATH$" \
	"$T" query -t moved.db lens
refuses "a layer that there is not" 2 "no point is called 'L9.attn.z': the layers are 0 to 1" "$T" trace -m "$m" --zero L9.attn.z -o no.db x
refuses "by its name elsewhere" 2 "no point is called 'blocks.7.hook_resid_post': the layers are 0 to 1" "$T" trace -m "$m" --capture blocks.7.hook_resid_post -o no.db x

# Where numbers are NaN there is no answer, and it is said why.
echo '{"point": "L0.mlp", "kind": "set", "value": "nan"}' >nan.jsonl
"$T" trace -q -m "$m" --capture '*' --edits nan.jsonl -o nan.db "A cat sat" 2>/dev/null
is "no answer is known" "" "$("$T" query -t nan.db layer-knows)"
is "and no choice" "1		" "$("$T" query -t nan.db lens | tail -n 1 | cut -f 1-3)"
is "no share of attention is 0" "" "$("$T" query -t nan.db head layer=1 | cut -f 7 | tr -d '\n')"
is "no dimension rules" "1	|1	" "$("$T" query -t nan.db outliers | cut -f 1,3 | tail -n 1)|$("$T" query -t nan.db outliers | cut -f 1,4 | tail -n 1)"
is "what is quiet comes before what is NaN" "" "$("$T" query -t nan.db quiet-layers | tail -n 1 | cut -f 4)"
python3 screen.py "$T" query -t nan.db next >"$out"
has "where NaN begins" " 0 rows .* NaN begins at model\.layers\.0\.mlp\.down_proj:out in pass 0, see first-bad\." "$out"
python3 screen.py "$T" query -t nan.db tokens >"$out"
hasnt "which tells nothing of tokens" "NaN begins" "$out"
python3 screen.py "$T" query -t other.db passes >"$out"
has "times are of the recorded pass" "1 row .* Times are those of the recorded pass, once\. ms is" "$out"
"$T" trace -q -m "$m" --repeat 1 -o again.db "A cat"
python3 screen.py "$T" query -t again.db slow-layers >"$out"
has "or of its repeats" "Times are medians of 1 repeat\." "$out"
python3 screen.py "$T" query -t again.db slow >"$out"
has "or not of them" "Times are those of the recorded pass, not of its repeats\." "$out"
refuses "no recording" 2 "here" "$T" query -t both.db differ b=here
refuses "no such run of it" 2 "has no run 7" "$T" query -t both.db differ 'b=other.db[run=7]'
refuses "a run is a run elsewhere" 2 "query has no parameter|has no parameter 'b'" "$T" query -t both.db residual b=other.db

cd "$work/" && mkdir -p empty && cd empty || exit 2
refuses "no recording here" 3 "trace.db: .*torchless trace" "$T" query residual
refuses "no recording there" 3 "there.db" "$T" query -t there.db residual
echo "not a database, but long enough to look like one: $(seq 1 400)" > text.db
refuses "a file that is no recording" 2 "text.db" "$T" query -t text.db residual
python3 -c 'import sqlite3; sqlite3.connect("other.db").execute("CREATE TABLE t(x)")'
refuses "another database" 2 "other.db" "$T" query -t other.db "SELECT 1"
: > zero.db
refuses "an empty file" 2 "zero.db" "$T" query -t zero.db "SELECT 1"
cp ../trace.db new.db
python3 -c 'import sqlite3; sqlite3.connect("new.db").execute("PRAGMA user_version = 20000")'
refuses "a newer major version" 2 "new.db.*version" "$T" query -t new.db "SELECT 1"

# Recordings of the first versions had saved queries without topics, notes and checked parameters.
cp ../trace.db old.db
python3 - <<'PY'
import sqlite3
db = sqlite3.connect("old.db")
rows = db.execute("SELECT name, sql, doc, params FROM saved_query").fetchall()
db.executescript("DROP TABLE saved_param; DROP TABLE saved_query; CREATE TABLE saved_query("
                 "name TEXT PRIMARY KEY, sql TEXT NOT NULL, doc TEXT, params TEXT NOT NULL) STRICT, WITHOUT ROWID")
db.executemany("INSERT INTO saved_query VALUES (?, ?, ?, ?)", rows)
db.commit()
PY
before=$(cksum < old.db)
is "an old recording answers" "$("$T" query -t ../trace.db residual pos=0)" "$("$T" query -t old.db residual pos=0)"
is "and lists what it has" "$("$T" query -t ../trace.db --list | wc -l)" "$("$T" query -t old.db --list | wc -l)"
is "and stays as it is" "$before" "$(cksum < old.db)"

head -c 20000 ../trace.db > cut.db
try "$T" query -t cut.db "SELECT * FROM v_value"
is "a cut file is refused with a sentence" "2 1" "$status $(wc -l < "$err" | tr -d ' ')"
finish
