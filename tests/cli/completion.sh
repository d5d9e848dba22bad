#!/bin/sh
# completion.sh -- Tab in a real bash, zsh and fish: what is right is completed, and nothing that a
# file says runs, however it is named: queries, parameters, descriptions, files and models.
. "$(dirname "$0")/lib.inc"
for shell in bash zsh fish; do
	command -v "$shell" >/dev/null || fail "there is no $shell: scripts/setup --tests installs it"
	"$T" completion "$shell" >"$work/torchless.$shell" || fail "no completion for $shell"
done
[ $failures = 0 ] || finish
bash -n "$work/torchless.bash" || fail "the script for bash has a syntax error"
bash --posix -n "$work/torchless.bash" || fail "the script for bash has a syntax error in POSIX mode"
zsh -n "$work/torchless.zsh" || fail "the script for zsh has a syntax error"
fish --no-execute "$work/torchless.fish" || fail "the script for fish has a syntax error"
shellcheck -s bash "$work/torchless.bash" || fail "shellcheck of the script for bash"
grep -n '@[a-z_]*@' "$work"/torchless.* && fail "a placeholder is left"

mkdir -p "$work/here" "$work/ran" "$work/bin" "$work/site"
ln -s "$T" "$work/bin/torchless"
cp "$work/torchless.zsh" "$work/site/_torchless"
cd "$work/here" || exit 2
"$T" trace -q -m "$root/lessons/model" -o plain.db Hi || fail "no recording"

# ---- what the scripts ask -------------------------------------------------------------------

cp plain.db hostile.db && python3 - hostile.db "$work/ran" <<'PY'
import json, sqlite3, sys
file, ran = sys.argv[1:]
run = f"touch {ran}/x"
names = [
    f"$({run})", f"`{run}`", f";{run};", f"&{run}&", f"|{run}", f"a b$({run})", f"next\n$({run})", f"-x$({run})",
    f"$(touch${{IFS}}{ran}/x)", f"residual$(touch${{IFS}}{ran}/x)", f"${{x:-$(touch${{IFS}}{ran}/x)}}", f"$[$(touch${{IFS}}{ran}/x)]",
    f"a[$(touch${{IFS}}{ran}/x)]", f"<({run})", f"=({run})", f"({run})", f"'$({run})", f"\"$({run})\"", f"\\$({run})", f"x'$({run})'",
    f"tab\there$({run})", f"!{run}", "!!", "*", "?", "[a-z]", "~root", "~", "{a,b}", "%F{red}", "%{\x1b[31m%}", "\x1b]0;title\x07",
    "\x1b[31mred", "\u009b31mred", "\u202eevil", "é", "", "-m", "--", "x" * 1000000, "NUL\0" + run,
]
db = sqlite3.connect(file)
for name in names:
    db.execute("INSERT INTO saved_query VALUES(?, 'SELECT 1', ?, ?, ?, ?)", (name, name, name, json.dumps({name: 1}), name))
    db.execute("INSERT INTO saved_param VALUES(?, ?, 'SELECT 1')", (name, name))
parameters = json.dumps({**{name: 1 for name in names if "\0" not in name}, "good": 1, "other.one": 1})
docs = f"$({run}) `{run}` %F{{red}} %{{\x1b[31m%}} \x1b]0;title\x07 \u009b31mred\ttab\nline ({run}) \\$({run}) " + 100 * "é"
db.execute("INSERT INTO saved_query VALUES('hostile-query', 'SELECT 1', ?, '', ?, 't')", (docs, parameters))
db.execute("INSERT INTO saved_param VALUES('good', ?, 'SELECT 1')", (docs,))
for i, data in enumerate((b"\xff$(" + run.encode() + b")", b"\x9b31mred", b"\xc3")):
    db.execute("INSERT INTO saved_query VALUES(CAST(? AS TEXT), 'SELECT 1', CAST(? AS TEXT), '', '{}', 't')", (data, data))
db.commit()
PY
# shellcheck disable=SC2317 # `becomes` calls it
names() { # FILE: the saved queries that completion tells
	"$T" completion queries -- "$1" 2>"$err" | cut -f1
}
# One call may find the machine asleep for its half a second.
told() { # PATTERN COMMAND...: ask until a line matches
	pattern=$1
	shift
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		try "$@"
		grep -qE -- "$pattern" "$out" && return
	done
	fail "$*: no line matches '$pattern'"
}
becomes() { # WHAT EXPECTED COMMAND...: ask until that is what it says
	what=$1 expected=$2
	shift 2
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		got=$("$@")
		[ "$got" = "$expected" ] && return
	done
	is "$what" "$expected" "$got"
}
told '^layer-knows	At which layer' "$T" completion queries -- plain.db
becomes "every saved query has a name that is told" "$(sql plain.db 'SELECT name FROM saved_query ORDER BY rowid')" names plain.db
told '^hostile-query	' "$T" completion queries -- hostile.db
is "no other is" hostile-query "$(cut -f1 "$out" | grep -vxF "$(sql plain.db 'SELECT name FROM saved_query ORDER BY rowid')")"
is "what is told of them has no control characters" "" "$(tr -d '\n\t[:print:]\200-\377' <"$out")"
LC_ALL=C grep -q "$(printf '\302\233')" "$out" && fail "a C1 control character is told"
iconv -f utf-8 -t utf-8 "$out" >/dev/null || fail "what is told ends inside a character"
told '^good	' "$T" completion parameters -- hostile.db hostile-query
is "and no other parameter" "good other.one" "$(cut -f1 "$out" | paste -sd' ')"
told '^L0\.attn\.pattern	how much' "$T" completion points
has "and by its whole name" '^model\.layers\.0\.self_attn:pattern	' "$out"
has "and what else it is called" '^L0\.resid_post	' "$out"
told '^L0\.attn\.pattern	' "$T" completion points -- "$root/lessons/model"

# Nobody waits, nothing is said, whatever stands there.
mkfifo fifo && mkdir -p model && mkfifo model/config.json
cp plain.db endless.db && sql endless.db "DROP TABLE saved_query; CREATE VIEW saved_query AS WITH RECURSIVE
	n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i rowid, i || '$' name, '' doc, '' sql, '' note, '{}' params, '' topic FROM n"
cp plain.db wide.db && sql wide.db "DROP TABLE saved_query; CREATE VIEW saved_query AS WITH RECURSIVE n(i) AS
	(SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i rowid, hex(zeroblob(50000000)) name, '' doc, '' sql, '' note, '{}' params, '' topic FROM n"
cp plain.db many.db && sql many.db "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000)
	INSERT INTO saved_query SELECT 'many-' || i, '', '', '', '{}', '' FROM n"
head -c 3000000 plain.db >short.db && : >empty.db
for file in fifo endless.db wide.db short.db empty.db /dev/zero /dev/null . "" - :memory: nothing; do
	for what in "queries" "parameters" "points"; do
		[ $what = parameters ] && name=next || name=
		try "$T" completion "$what" -- "$file" ${name:+"$name"}
		[ "$status" = 0 ] || [ "$status" = 3 ] || fail "$what of '$file': exit status $status"
		is "$what of '$file' says nothing" "" "$(cat "$err")"
	done
done
try "$T" completion points -- model
is "a model that is a pipe: stderr" "" "$(cat "$err")"
is "and stdout" "" "$(cat "$out")"
# shellcheck disable=SC2317
how_many() { names many.db | wc -l | tr -d ' '; }
becomes "a thousand names are enough" 1000 how_many
refuses "one shell more" 2 "takes 1 argument but 'zsh'" "$T" completion bash zsh
refuses "names without a file" 2 "there is no completion for 'queries'" "$T" completion queries

# ---- in the shells --------------------------------------------------------------------------

env PATH="$work/bin:$PATH" TORCHLESS_MODEL="$root/lessons/model" python3 "$root/tests/support/complete_in_shells.py" "$work" || failures=1
is "nothing ran" "" "$(ls "$work/ran")"
finish
