#!/bin/sh
# trace_race.sh -- several writers of one name at once: whoever exits 0 is found, the others say why.
. "$(dirname "$0")/lib.inc"
checkpoint window --preset window --layers 2
m=$root/build/test-models/window
cd "$work" || exit 2
printf '{"prompt": "Prompt %s", "n": 2}\n' 1 2 >prompts.jsonl
"$T" trace -q -m "$m" -n 1 -o first.db "Prompt 0" || fail "no recording to begin with"

holds() { # PROMPT: a sound file has it, whole
	for file in x.db x.db.old; do
		[ -e $file ] && [ "$(sql $file "SELECT count(*) FROM run WHERE prompt = '$1' AND status = 'ok'; PRAGMA integrity_check" 2>/dev/null | paste -sd' ')" = "1 ok" ] && return 0
	done
	return 1
}
# race ROUND WHAT...: each WHAT is a number, of a prompt, or "resume"
race() {
	round=$1
	shift
	rm -f ok.*
	for k in "$@"; do
		case $k in
		resume*) set -- --prompts prompts.jsonl --resume ;;
		*) set -- -n 4 "Prompt $k" ;;
		esac
		{ "$T" trace -q -m "$m" -o x.db "$@" 2>"err.$k" && : >"ok.$k"; } &
	done
	wait
	won=0
	for f in err.*; do
		k=${f#err.}
		if [ -e "ok.$k" ]; then
			won=$((won + 1))
			case $k in resume*) prompt=1 ;; *) prompt=$k ;; esac
			holds "Prompt $prompt" || fail "$round: the recording of \"Prompt $prompt\" is lost"
		else
			has "$round: $k is refused" '^torchless: x.db (is being written by another process|is open in another program|is a recording of one prompt)' "err.$k"
			is "$round: $k is refused with one sentence" 1 "$(wc -l <"err.$k")"
		fi
		rm "$f"
	done
	[ $won -ge 1 ] || fail "$round: nobody won"
	is "$round: nothing is left over" "" "$(find . -name 'x.db*' ! -name x.db ! -name x.db.old)"
}
for i in 1 2 3; do
	rm -f x.db*
	race "a new name, $i" 1 2
	rm -f x.db*
	race "a new name of four, $i" 1 2 3 4
	rm -f x.db*
	cp first.db x.db
	race "an old name, $i" 1 2 3
	holds "Prompt 0" || fail "an old name, $i: what it was is lost"
	rm -f x.db*
	race "two that resume, $i" resume1 resume2
	rm -f x.db*
	race "one that resumes and one that begins, $i" resume1 2
done

# Turn by turn the last two are there, and a word says that the one before is not.
rm -f x.db*
for k in 1 2 3; do
	try "$T" trace -m "$m" -n 1 -o x.db "Prompt $k"
done
is "in turn" 0 "$status"
has "says what it takes the place of" '^kept +x.db.old, in place of what it was$' "$err"
{ holds "Prompt 2" && holds "Prompt 3"; } || fail "in turn: one of the last two is lost"
finish
