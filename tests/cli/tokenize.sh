#!/bin/sh
# tokenize.sh -- every form of `torchless tokenize` says the same, and bytes are bytes.
. "$(dirname "$0")/lib.inc"
checkpoint plain --preset plain --layers 2
m=$root/build/test-models/plain

text=$(printf 'The model reads \303\251\ttwo')
ids=$("$T" tokenize -m "$m" --ids "$text")
is "the table has the ids" "$ids" "$("$T" tokenize -m "$m" "$text" | cut -f1 | paste -sd' ')"
is "--json has the ids" "$ids" "$("$T" tokenize -m "$m" --json "$text" |
	python3 -c 'import json,sys; print(*[t["id"] for t in json.load(sys.stdin)])')"
is "stdin is the same" "$ids" "$(printf '%s' "$text" | "$T" tokenize -m "$m" --ids -)"
is "BOS comes first, once" 1 "${ids%% *}"
is "--no-bos" "${ids#* }" "$("$T" tokenize -m "$m" --ids --no-bos "$text")"
is "--decode of ids" "<s> $text" "$(echo "$ids" | xargs "$T" tokenize -m "$m" --decode)"
is "--decode of one argument" "$text" "$("$T" tokenize -m "$m" --decode "${ids#* }")"
is "--decode -" "$text" "$(echo "${ids#* }" | "$T" tokenize -m "$m" --decode -)"
is "an empty text is BOS alone" 1 "$("$T" tokenize -m "$m" --ids '')"
is "no token is an empty line" "" "$("$T" tokenize -m "$m" --ids --no-bos '')"
is "and an empty array" "[]" "$("$T" tokenize -m "$m" --json --no-bos '')"

"$T" tokenize -m "$m" --json "$text" | python3 -c '
import json, sys
text = sys.argv[1].encode()
tokens = json.load(sys.stdin)
assert all(list(t) == ["id", "piece", "start", "end"] for t in tokens), tokens[0]
assert tokens[0]["start"] == tokens[0]["end"] == 0
assert b"".join(text[t["start"]:t["end"]] for t in tokens) == text, tokens
' "$text" || fail "the offsets of --json do not cover the text"

# Any bytes: NUL, no UTF-8, half a character.
printf 'a\000b\377\303' > "$work/bytes"
"$T" tokenize -m "$m" --no-bos --ids - < "$work/bytes" > "$work/ids"
"$T" tokenize -m "$m" --decode - < "$work/ids" > "$work/back"
printf '\n' >> "$work/bytes"
cmp -s "$work/bytes" "$work/back" || fail "bytes do not come back: $(od -c "$work/back" | head -2)"

# Bulk checks: one JSON string a line.
printf '"The model"\n"a\\u0000b"\n  "" \r\n' | "$T" tokenize -m "$m" --jsonl > "$out"
is "--jsonl: lines" 3 "$(wc -l < "$out" | tr -d ' ')"
is "--jsonl: a line is a JSON array" "$("$T" tokenize -m "$m" --ids 'The model')" \
	"$(head -1 "$out" | tr -d '[]' | tr ',' ' ')"
is "--jsonl: NUL is a character" "$(printf 'a\000b' | "$T" tokenize -m "$m" --ids -)" \
	"$(sed -n 2p "$out" | tr -d '[]' | tr ',' ' ')"
is "--jsonl: an empty string" "[1]" "$(sed -n 3p "$out")"
is "--jsonl --no-bos" "[]" "$(echo '""' | "$T" tokenize -m "$m" --jsonl --no-bos)"
printf '"fine"\nnot json\n"never"\n' | "$T" tokenize -m "$m" --jsonl > "$out" 2> "$err"
is "--jsonl: a bad line's status" 2 $?
has "--jsonl: the line is named" '^torchless: standard input, line 2: ' "$err"
is "--jsonl: lines before it are printed" 1 "$(wc -l < "$out" | tr -d ' ')"

# Steps end in the same pieces.
"$T" tokenize -m "$m" --steps "The model" > "$out"
has "--steps names merges" '	merge	' "$out"
is "--steps counts from 0" 0 "$(head -1 "$out" | cut -f1)"
is "--steps: every merge joins its parts" 0 "$(awk -F'\t' '$2=="merge" && $3 $4 != $5' "$out" | wc -l | tr -d ' ')"

refuses "no text" 2 "TEXT" "$T" tokenize -m "$m"
refuses "two texts" 2 "'b' is one more" "$T" tokenize -m "$m" a b
refuses "--jsonl with a text" 2 "--jsonl reads stdin" "$T" tokenize -m "$m" --jsonl a
refuses "an id that is none" 2 "not 'x1'" "$T" tokenize -m "$m" --decode x1
refuses "an id out of range" 2 "no token 384: ids go from 0 to 383" "$T" tokenize -m "$m" --decode 384
refuses "a negative id" 2 "no token -1" "$T" tokenize -m "$m" --decode -1
refuses "no model there" 3 "nowhere" "$T" tokenize -m "$work/nowhere" x

# A directory with a tokenizer and nothing else is enough.
mkdir "$work/only" && cp "$m/tokenizer.json" "$work/only"
is "tokenizer.json alone" "$ids" "$("$T" tokenize -m "$work/only" --ids "$text")"

# What tokenizer_config.json adds is added; --raw leaves it out; -v says what does not count.
with() {
	rm -rf "$work/with" && mkdir "$work/with"
	python3 - "$m/tokenizer.json" "$work/with/tokenizer.json" "$2" <<-'END'
		import json, sys
		document = json.load(open(sys.argv[1]))
		document.update(json.loads(sys.argv[3]))
		json.dump(document, open(sys.argv[2], "w"))
	END
	printf '%s' "$1" > "$work/with/tokenizer_config.json"
}
tokens() {
	"$T" tokenize -m "$work/with" --ids "$@"
}
with '{"tokenizer_class": "LlamaTokenizer", "add_bos_token": false, "add_eos_token": true}' '{}'
is "the template of the class" "${ids#* } 2" "$(tokens "$text")"
is "--raw" "$ids" "$(tokens --raw "$text")"
is "--raw --no-bos" "${ids#* }" "$(tokens --raw --no-bos "$text")"
with '{"tokenizer_class": "LlamaTokenizer", "model_max_length": Infinity, "x": NaN}' '{"post_processor": null}'
is "a BOS that the class adds" "$ids" "$(tokens "$text")"
is "--raw adds none" "${ids#* }" "$(tokens --raw "$text")"
with '{"pad_token": "<pad>", "added_tokens_decoder": {"384": {"content": "<x>", "lstrip": true, "special": true}}}' '{}'
is "added tokens" "1 384 385" "$(tokens ' <x><pad>')"
is "added tokens: --decode" "<x><pad>" "$("$T" tokenize -m "$work/with" --decode 384 385)"
is "added tokens: --json" '[{"id":1,"piece":"<s>","start":0,"end":0},{"id":384,"piece":"<x>","start":0,"end":4},{"id":385,"piece":"<pad>","start":4,"end":9}]' \
	"$("$T" tokenize -m "$work/with" --json ' <x><pad>')"
"$T" tokenize -m "$work/with" --steps ' <x><pad>' > "$out"
has "added tokens: --steps" '	added	<pad>		<pad>		4	385$' "$out"
refuses "--raw does not know them" 2 "no token 384" "$T" tokenize -m "$work/with" --raw --decode 384
with '{"tokenizer_class": "PreTrainedTokenizerFast"}' \
	'{"truncation": {"max_length": 3}, "padding": {"strategy": {"Fixed": 20}, "pad_token": "<s>"}}'
is "training state does not count" "$ids" "$(tokens -v "$text" 2> "$err")"
has "-v: truncation" 'with/tokenizer.json: truncation is ignored$' "$err"
has "-v: padding" 'with/tokenizer.json: padding is ignored$' "$err"
tokens "$text" > /dev/null 2> "$err"
is "without -v nothing is said" "" "$(cat "$err")"
with '{"tokenizer_class": "OddTokenizer"}' '{}'
is "an unknown class adds nothing" "$ids" "$(tokens "$text" 2> "$err")"
has "an unknown class is warned of" "^torchless: warning: .*tokenizer_config.json: .*'OddTokenizer'" "$err"
with '{"tokenizer_class": "LlamaTokenizer", "bos_token": null}' '{}'
refuses "a BOS that is not there" 2 "add_bos_token is true but there is no bos_token" "$T" tokenize -m "$work/with" x

if [ -d models/smollm2-135m ]; then
	is "SmolLM2" "81 256 33" "$("$T" tokenize -m models/smollm2-135m --ids 'a  1')"
fi
if [ -d models/tokenizers/mistral-v1 ]; then
	v1=models/tokenizers/mistral-v1
	is "Mistral v1" "1 28705 264" "$("$T" tokenize -m $v1 --ids ' a')"
	is "Mistral v1: --decode prints special tokens" "<s> Hello" "$("$T" tokenize -m $v1 --decode 1 22557)"
	is "Mistral v1: and strips the first space" "Hello" "$("$T" tokenize -m $v1 --decode 22557)"
fi
finish
