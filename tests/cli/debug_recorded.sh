#!/bin/sh
# debug_recorded.sh -- a session that writes a recording, and one that steps through it.
. "$(dirname "$0")/lib.inc"
m=$root/lessons/model
py=$root/.venv/bin/python
[ -x "$py" ] || py=python3
cd "$work" || exit 2

# says WHAT STATUS PATTERN COMMAND...: it fails so, after what it printed.
says() {
	what=$1 expected=$2 pattern=$3
	shift 3
	"$@" > "$out" 2> "$err" < /dev/null
	is "$what: status" "$expected" $?
	has "$what" "$pattern" "$err"
}
d() { "$T" debug -m "$m" -n 3 --batch "$@" "Once upon a"; }
r() { "$T" debug -t "$@"; }

# ---- the session writes
"$T" trace -q -m "$m" -n 3 -o straight.db "Once upon a" || fail "no recording to compare with"
d -ex start -ex 'goto 1.20' -ex 'record on way.db' -ex 'reverse-stepi 5' -ex 'goto 0.30' -ex 'token 5' \
	-ex 'goto 0.7' -ex run -ex 'goto tokenizer.3' -ex continue -ex 'record off' > "$out" || fail "a recorded session fails"
is "what happened before is run again, and that is said" 1 "$(grep -c '^Running again what happened before 1.20' "$out")"
is "it closes with what it holds" 1 "$(grep -c '^way.db  .* calls · .* values$' "$out")"
is "the recording is that of the straight way" "" "$("$py" "$root/tests/support/same_runs.py" way.db 1 straight.db 1)"
d -ex start -ex 'record on left.db' -ex 'goto 1.20' > "$out" || fail "leaving fails"
is "leaving closes it: stopped" "stopped" "$("$T" query -t left.db "SELECT status FROM run")"
is "without a log beside it" "left.db" "$(echo left.db*)"
d -ex 'record L0.attn.pattern' -ex 'record on kept.db' -ex run -ex 'record off' > "$out" || fail "record POINT fails"
is "a point that is to be kept is" "4,4,4" \
	"$("$T" query -t kept.db "SELECT shape FROM v_payload WHERE fqn = 'model.layers.0.self_attn:pattern' AND pass = 0")"
d -ex 'record on late.db' -ex run -ex 'record L0.attn.pattern@last' -ex 'record off' > "$out" || fail "a late record POINT fails"
is "also where all has happened" "3" \
	"$("$T" query -t late.db "SELECT count(*) FROM v_payload WHERE fqn = 'model.layers.0.self_attn:pattern'")"
says "a point that is none" 2 "no point is called" d -ex 'record L0.nothing'
says "a second recording" 2 'being written already' d -ex 'record on a.db' -ex 'record on b.db'
says "off where nothing is on" 2 'nothing is recorded' d -ex 'record off'
says "a folder that is not there" 3 'No such file' d -ex 'record on nowhere/a.db'

# ---- and is stepped through
walk='-ex start -ex step -ex next -ex finish -ex advance:layers.2.mlp -ex rs -ex rn -ex rsi -ex token:5 -ex run -ex rs -ex rs'
set --
for w in $walk; do set -- "$@" "$(echo "$w" | tr : ' ')"; done
d "$@" | grep -v -e '^Running pass' -e '→ f32.*▁' > live.txt
r straight.db --batch "$@" | grep -v '→ f32.*mean' > recorded.txt
is "the same places as in the session" "" "$(diff live.txt recorded.txt)"
is "more than a few" 1 "$(awk 'END { print (NR > 10) }' recorded.txt)"
says "what was not captured" 2 "record with .[^ ]*torchless trace .*--capture 'model.layers.1.mlp.down_proj:out'" \
	r straight.db --batch -ex 'goto 1.60' -ex "sql SELECT t_absmax('L1.mlp')"
says "what has not happened" 2 "not computed yet" r straight.db --batch -ex 'goto 0.5' -ex "sql SELECT t_absmax('L1.mlp')"
is "a dump is read" "1,128" "$(r straight.db --batch -ex 'goto 0.60' -ex "sql SELECT t_shape('L1.resid_post')" | tail -1)"
says "a model is wanted" 2 "wants a model" r straight.db --batch -ex 'record on x.db'
says "a run that is none" 2 "has no run 7" r straight.db --batch -ex 'runs 7'
says "no recording" 3 "nothing.db" r nothing.db --batch -ex start
says "another database" 2 "not an SQLite database" r "$root/README.md" --batch -ex start

# ---- against a reference
is "the same run agrees" 1 "$(d -ex 'goto 1.90' -ex 'diff -t straight.db' | grep -c 'agree within nmse 1e-05')"
"$T" trace -q -m "$m" -n 1 --zero 'L1.attn.q_rot[head=1]' --capture 'L*.attn.*' -o wrong.db "Once upon a" || fail "no other recording"
d -ex 'goto 0.110' -ex 'diff -t wrong.db' > "$out"
is "the first point that differs is named" "model.layers.1.self_attn:q_rot is the first that differs, op 27; 34 before it agree." \
	"$(grep 'is the first' "$out")"
is "and shown" 1 "$(grep -c -e '--> .*q_rot .*elements' "$out")"
says "of another text" 2 "tokens differ first at position 3" \
	"$T" debug -m "$m" --batch -ex start -ex 'diff -t straight.db' "Once upon the"
finish
