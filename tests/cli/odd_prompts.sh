#!/bin/sh
# odd_prompts.sh -- the model that comes with the program, given what it was not made for.
. "$(dirname "$0")/lib.inc"
db=$work/odd.db
counted() { # how many tokens of the prompt the recording holds
	sql "$db" "SELECT count(*) FROM v_token WHERE source <> 'generated'"
}

# Nothing begins as a warning does but the one line that has WARNING, if there is any.
warns() { # WHAT WARNING
	is "$1 warns" "${2:+1}" "$(grep -c '^torchless: ' "$err" | sed 's/^0$//')"
	[ -z "$2" ] || has "$1 warns of it" "^torchless: warning: $2" "$err"
}

# Both commands take any bytes: status 0, the tokens are those of tokenize, no warning but the one that is due.
takes() { # WHAT [WARNING], the prompt on stdin
	cat >"$work/prompt"
	"$T" tokenize --ids - <"$work/prompt" >"$work/ids" 2>"$err" || fail "$1: tokenize fails"
	"$T" run -n 8 - <"$work/prompt" >"$out" 2>"$err" || fail "$1: run fails: $(cat "$err")"
	warns "$1: run" "$2"
	"$T" trace -n 2 -o "$db" - <"$work/prompt" >"$out" 2>"$err" || fail "$1: trace fails: $(cat "$err")"
	warns "$1: trace" "$2"
	is "$1: the tokens" "$(cat "$work/ids")" \
		"$(sql "$db" "SELECT token_id FROM v_token WHERE source <> 'generated' ORDER BY pos" | paste -sd' ')"
}
printf '' | takes "an empty prompt"
is "an empty prompt is <s> alone" 1 "$(counted)"
printf ' ' | takes "a space"
printf '\n\n\t\r\n' | takes "white space"
printf '\377\376Lily \303' | takes "bytes that are no UTF-8"
printf '\360\237\216' | takes "half a character"
printf 'Lily\000put' | takes "NUL"
printf '\000' | takes "NUL alone"
printf '\001\033[31m\177' | takes "control bytes"
printf '你好 🎈 é' | takes "other scripts"
printf '<s></s><unk>' | takes "the names of special tokens" "the prompt has '<s>' in it, which the tokenizer adds as well"
awk 'BEGIN { for (i = 0; i < 64; i++) printf "x" }' | takes "a word of 64 letters"

# Longer than the trained context, which config.json says: a warning with both numbers, and on it goes.
context=$("$T" info --config | sed -n 's/^max_position_embeddings	//p')
window=$("$T" info --config | sed -n 's/^sliding_window	//p')
sentences() { # COUNT
	yes 'Lily put the ball in the box.' | head -n "$1" | paste -sd' ' -
}
sentences 40 >"$work/long"
n=$("$T" tokenize --ids - <"$work/long" | wc -w)
[ "$n" -gt "$context" ] || fail "the long prompt is too short"
for command in run trace; do
	set -- "$T" $command -q -n 4
	[ $command = run ] || set -- "$@" -o "$db"
	rm -f "$db.old" # it would be warned of
	"$@" - <"$work/long" >"$out" 2>"$err"
	is "$command: a prompt beyond the context" 0 $?
	has "$command: is warned of" \
		"^torchless: warning: the prompt has $n tokens but the model's context is $context \
\(max_position_embeddings, with a sliding_window of $window\): " "$err"
	is "$command: once" 1 "$(wc -l <"$err" | tr -d ' ')"
done
is "all of it is recorded" "$n" "$(counted)"
sentences 1300 >"$work/long"
n=$("$T" tokenize --ids - <"$work/long" | wc -w)
[ "$n" -gt 10000 ] || fail "10,000 tokens are $n"
"$T" run -q -n 4 - <"$work/long" >"$out" 2>"$err" || fail "10,000 tokens: run: $(cat "$err")"
"$T" trace -q -o "$db" - <"$work/long" 2>"$err" || fail "10,000 tokens: trace: $(cat "$err")"
is "10,000 tokens: are recorded" "$n" "$(counted)"

# A file of prompts: bytes that are no UTF-8 and an empty one are prompts like others, NUL is not.
printf '{"prompt": "Lily \377\376"}\n{"prompt": ""}\n{"prompt": "\\ud83c\\udf88"}\n' >"$work/prompts.jsonl"
"$T" trace -q -n 2 -o "$db" --prompts "$work/prompts.jsonl" 2>"$err" || fail "a file of odd prompts: $(cat "$err")"
is "a file of odd prompts: what is recorded" "$(printf 'Lily \377\376' | "$T" tokenize --ids -) 1 $("$T" tokenize --ids '🎈')" \
	"$(sql "$db" "SELECT token_id FROM v_token WHERE source <> 'generated' ORDER BY run_id, pos" | paste -sd' ' -)"
printf '{"prompt": "Lily\000put"}\n' >"$work/prompts.jsonl"
refuses "a file with NUL" 2 "prompts.jsonl:1 is not valid JSON at byte" "$T" trace -q -o "$db" --prompts "$work/prompts.jsonl"
printf '{"prompt": "Lily\\ud83cput"}\n' >"$work/prompts.jsonl"
refuses "half a surrogate pair" 2 "prompts.jsonl:1 is not valid JSON" "$T" trace -q -o "$db" --prompts "$work/prompts.jsonl"
printf '{"prompt": "Lily"}\n{"prompt": "%s"}\n' "$(sentences 40)" >"$work/prompts.jsonl"
"$T" trace -q -o "$db" --prompts "$work/prompts.jsonl" >"$out" 2>"$err" || fail "a long line: $(cat "$err")"
has "a long line: is named" "^torchless: warning: .*prompts.jsonl:2: the prompt has [0-9]+ tokens but .* $context " "$err"

# As many tokens as one likes: a text ends by itself. A recording keeps every position, and says
# beforehand that so many do not fit.
"$T" run -q -n 1000000000 "Once upon a time" >"$out" 2>"$err" || fail "a huge -n: $(cat "$err")"
is "a huge -n: the same text" "$("$T" run -q -n "$context" "Once upon a time")" "$(cat "$out")"
refuses "trace with a huge -n" 3 "positions need .* of memory .* is available" \
	"$T" trace -q -n 1000000000 -o "$db" "The opposite of big is"
"$T" trace -q -n 100000 -o "$db" "The opposite of big is" 2>"$err" || fail "trace with a large -n: $(cat "$err")"
for n in 1000000001 99999999999999999999 -1 1.5; do
	refuses "-n $n" 2 "-n wants a whole number from 0 to 1000000000, not '$n'" "$T" run -q -n "$n" x
done
"$T" run -q -n $((context * 2)) --temp 1.5 --seed 1 "Once upon a time" >"$out" 2>"$err" || fail "a long text: $(cat "$err")"

# Ids that are none.
refuses "an id beyond the vocabulary" 2 "[Tt]oken" "$T" trace -q -o "$db" --prompt-ids "1 999999"
refuses "a negative id" 2 "'-5'" "$T" trace -q -o "$db" --prompt-ids "1 -5"
refuses "no ids" 2 "" "$T" trace -q -o "$db" --prompt-ids ""
finish
