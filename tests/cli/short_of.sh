#!/bin/sh
# short_of.sh -- a machine that is short of something: each command does its work or says in one
# sentence, with status 3, what there was too little of.  Never a signal, never another reason.
. "$(dirname "$0")/lib.inc"
cd "$work" || exit 2
# A sanitizer reserves terabytes of addresses and enlarges every frame.
case $TORCHLESS in *asan* | *tsan*) sanitized=yes ;; *) sanitized= ;; esac

"$T" trace -q -n 2 --capture attention --capture residual -o r.db "Once upon a time there was" ||
	fail "no recording to ask"
printf '{"prompt": "Once"}\n{"prompt": "There was a"}\n' >prompts.jsonl
awk 'BEGIN { for (i = 0; i < 150; i++) print "Once upon a time there was a little girl." }' >long.txt

# under LIMIT COMMAND...: its status in $status; LIMIT is an option of ulimit and its value.
under() {
	limit=$1
	shift
	(
		exec >"$out" 2>"$err" <"$work/long.txt"
		# shellcheck disable=SC2086
		ulimit $limit || exit 99
		exec "$@"
	)
	status=$?
}

# ends LIMIT COMMAND...: it does its work, or one sentence says that something was short.
ends() {
	under "$@"
	case $status in
	0) ;;
	3)
		is "$*: one sentence" 1 "$(grep -cv '^torchless: warning: ' "$err")"
		grep -qE 'out of memory|no memory|annot allocate|memory but|cannot grow|for its values|bytes for|Too many open files|cannot start thread|unable to open' \
			"$err" || fail "$*: another reason: $(brief "$(cat "$err")")"
		;;
	*) fail "$*: status $status, $(brief "$(cat "$err")")" ;;
	esac
}

each_command() {
	ends "$1" "$T" run -n 2 -q Once
	ends "$1" "$T" run -n 2 -q -j 8 -
	ends "$1" "$T" trace -n 2 -q -o t.db --capture '*' Once
	ends "$1" "$T" trace -n 1 -q -o t.db --prompts prompts.jsonl
	ends "$1" "$T" trace -n 1 --estimate --prompts prompts.jsonl
	ends "$1" "$T" info --points
	ends "$1" "$T" tokenize Once
	ends "$1" "$T" query -t r.db "SELECT count(*) FROM v_value"
	ends "$1" "$T" query -t r.db "SELECT layer, token, logit FROM lens WHERE rank < 3"
	ends "$1" "$T" query -t r.db "SELECT sum(p) FROM attn"
	ends "$1" "$T" query -t r.db "SELECT t_absmax(weight('lm_head')), tok(5)"
	ends "$1" "$T" query -t r.db "SELECT count(*) FROM trace_diff(1, 'r.db')"
}

# ---- descriptors: three are open already ---------------------------------------------------------

for n in 4 5 6 7 8 12; do
	each_command "-n $n"
done
for question in "SELECT * FROM lens" "SELECT weight('lm_head')" "SELECT tok(5)" \
	"SELECT * FROM trace_diff(1, 'r.db')"; do
	under "-n 4" "$T" query -t r.db "$question"
	is "no descriptor for $question" 3 "$status"
	has "no descriptor for $question" "Too many open files" "$err"
done

# ---- the stack -----------------------------------------------------------------------------------

if [ -z "$sanitized" ]; then
	for kb in 128 64; do
		each_command "-s $kb"
		is "nothing needs more than $kb kB of stack" 0 "$status"
		under "-s $kb" "$T" query -t r.db "SELECT count(*) FROM lens WHERE rank = 0"
		is "the lens in $kb kB of stack" 0 "$status"
		under "-s $kb" "$T" run -n 1 -q -
		is "a chunk in $kb kB of stack" 0 "$status"
	done
	cp -r "$root/lessons/model" deep
	for file in config.json tokenizer.json tokenizer_config.json; do
		cp "$root/lessons/model/$file" saved
		awk 'BEGIN { for (i = 0; i < 900; i++) printf "["; for (i = 0; i < 900; i++) printf "]" }' >deep/$file
		under "-s 64" "$T" run -m deep Once
		is "a deep $file" 2 "$status"
		has "a deep $file" "deep/$file is nested deeper than 200 levels" "$err"
		cp saved deep/$file
	done
fi

# ---- memory --------------------------------------------------------------------------------------

if [ -z "$sanitized" ]; then
	# From what it takes to begin, where the linker speaks for itself, to more than enough.
	kb=8000
	# shellcheck disable=SC3045
	until (ulimit -v $kb && "$T" --version >"$out" 2>&1) || [ $kb -gt 200000 ]; do
		kb=$((kb + 500))
	done
	for step in 1 2 3 4 5 6 8 10 12 15 20 25 30 40; do
		each_command "-v $((kb + step * 800))"
	done
	# A tokenizer.json that is whole is never told to be broken.
	awk 'BEGIN { printf "{\"model\": [0"; for (i = 0; i < 300000; i++) printf ",\n%d", i; printf "]}" }' \
		>deep/tokenizer.json
	for step in 4 6 8 10 12 14 16; do
		under "-v $((kb + step * 1000))" "$T" tokenize -m deep Once
		[ "$status" = 3 ] || continue
		has "a large tokenizer.json" "out of memory" "$err"
		told=yes
	done
	is "memory is short for a large tokenizer.json" yes "${told:-no}"
	hasnt "what is whole" "not valid JSON" "$err"
fi

# ---- files that are broken are called by their own names -------------------------------------------

cp -r "$root/lessons/model" broken
for file in config.json generation_config.json tokenizer.json tokenizer_config.json; do
	printf '{ x' >broken/$file
	refuses "a broken $file" 2 "broken/$file is not valid JSON" "$T" run -m broken Once
	cp "$root/lessons/model/$file" broken/$file
done
finish
