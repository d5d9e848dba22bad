#!/bin/sh
# trace_prompts.sh -- many prompts in one recording: each run is what its prompt is alone.
. "$(dirname "$0")/lib.inc"
checkpoint window --preset window --layers 2
m=$root/build/test-models/window
cd "$work" || exit 2

cat >prompts.jsonl <<'EOT'
{"prompt": "The model reads a text", "id": "first"}

{"ids": [1, 5, 9, 30], "id": 7, "n": 4}
{"prompt": "A text, with \"quotes\" and é", "n": 0, "answer": "is ignored"}
{"prompt": "The model reads a text", "n": 3}
EOT

same() { # A.db RUN B.db RUN ...
	python3 "$root/tests/support/same_runs.py" "$@" 2>"$err" || fail "$(cat "$err")"
}

set -- --temp 1.5 --top-k 50 --seed 11 --zero 'L0.attn.z[head=1]' --capture 'L*.resid_post'
try "$T" trace -m "$m" --prompts prompts.jsonl -n 2 "$@" -o many.db
is "status" 0 "$status"
is "stdout that is no terminal stays empty" "" "$(cat "$out")"
for line in '2 layers' '^runs .*4 of prompts.jsonl' '^tokens .* 9 generated' '^time ' '^many.db .* values' '^try .* -t many.db runs$' 'sqlite3 many.db .*v_run'; do
	has "the summary" "$line" "$err"
done
is "one portable file" "many.db" "$(ls many.db*)"
try sh -c "$(sed -n 's/^ *sqlite3/sqlite3/p' "$err")"
is "the commands to try work" 0 "$status"
try "$T" query -t many.db runs
is "and have a row a run" 4 "$(wc -l <"$out")"
is "v_run" "1 1 first text ok 2
2 3 7 integer ok 4
3 4  null ok 0
4 5  null ok 3" "$(sql many.db "SELECT run_id || ' ' || line || ' ' || coalesce(id, '') || ' ' || typeof(id) || ' ' || status || ' ' || n_generated FROM v_run")"
is "prompts are kept" 'A text, with "quotes" and é' "$(sql many.db "SELECT prompt FROM v_run WHERE line = 4")"
is "ids are no text" 4 "$(sql many.db "SELECT n_prompt FROM v_run WHERE prompt IS NULL")"
"$T" trace -q -m "$m" -n 2 "$@" -o 1.db "The model reads a text"
"$T" trace -q -m "$m" -n 4 "$@" -o 2.db --prompt-ids "1 5 9 30"
"$T" trace -q -m "$m" -n 0 "$@" -o 3.db 'A text, with "quotes" and é'
"$T" trace -q -m "$m" -n 3 "$@" -o 4.db "The model reads a text"
same many.db 1 1.db 1 many.db 2 2.db 1 many.db 3 3.db 1 many.db 4 4.db 1
"$T" run -q -m "$m" -n 2 --temp 1.5 --top-k 50 --seed 11 "The model reads a text" >text
"$T" trace -q -m "$m" -n 2 --temp 1.5 --top-k 50 --seed 11 -o plain.db "The model reads a text"
is "completion is the text of run" "$(od -An -tx1 -v text | tr -d ' \n')" "$(sql plain.db "SELECT lower(hex(completion)) || '0a' FROM v_run")"

is "and is bytes, as pieces are" blob "$(sql plain.db "SELECT typeof(completion) FROM v_run")"

# In chunks, and from standard input.
# shellcheck disable=SC2016 # sh expands them
try sh -c 'exec "$0" "$@" <prompts.jsonl' "$T" trace -q -m "$m" --chunk 2 --prompts - -o chunks.db
is "--prompts -" "0 4" "$status $(sql chunks.db "SELECT count(*) FROM v_run WHERE status = 'ok'")"
"$T" trace -q -m "$m" --chunk 2 -o 1.db "The model reads a text"
same chunks.db 1 1.db 1
try "$T" trace -m "$m" --prompts prompts.jsonl --json -o json.db
python3 - "$out" <<'PY' || fail "--prompts --json"
import json, os, sys
doc = json.load(open(sys.argv[1]))
assert (doc["file"], doc["prompts"], doc["runs"], doc["recorded"]) == ("json.db", "prompts.jsonl", 4, 4), doc
assert doc["generated_tokens"] == 1 + 4 + 0 + 3 and doc["prompt_tokens"] > 20, doc
assert doc["file_bytes"] == os.path.getsize("json.db")
PY
grep '"ids"' prompts.jsonl >ids.jsonl
mkdir bare && cp "$m/config.json" "$m/model.safetensors" bare
try "$T" trace -q -m bare --prompts ids.jsonl -o bare.db
is "ids need no tokenizer" "0 " "$status $(cat "$err")"

# What is wrong is said before anything runs, with file and line.
before=$(cksum <many.db; ls)
bad() { # WHAT PATTERN LINE...
	what=$1 pattern=$2
	shift 2
	printf '%s\n' "$@" >bad.jsonl
	refuses "$what" 2 "$pattern" "$T" trace -m "$m" --prompts bad.jsonl -o many.db
	rm bad.jsonl
}
ok='{"prompt": "a"}'
bad "no JSON" 'bad.jsonl:2 is not valid JSON at byte [0-9]' "$ok" '{"prompt": "a"'
bad "text after the object" 'bad.jsonl:1 is not valid JSON' '{"prompt": "a"} x'
bad "no object" 'bad.jsonl:3: an object .* is expected, not "Hello"' "$ok" "" '"Hello"'
bad "neither" 'bad.jsonl:2: there is neither "prompt" nor "ids"' "$ok" '{"Prompt": "a"}'
bad "both" 'bad.jsonl:1: a line has "prompt" or "ids"' '{"prompt": "a", "ids": [1]}'
bad "a prompt that is no text" 'bad.jsonl:1: text as "prompt" is expected, not 5' '{"prompt": 5}'
bad "a NUL" 'bad.jsonl:1: .*u0000' '{"prompt": "a\u0000b"}'
printf '{"prompt": "a\000b"}\n' >nul.jsonl
refuses "a NUL as it is" 2 'nul.jsonl:1 is not valid JSON at byte 13 of 17' "$T" trace -m "$m" --prompts nul.jsonl -o many.db
rm nul.jsonl
bad "ids that are no list" 'bad.jsonl:1: a list of token ids' '{"ids": "1 2"}'
bad "an id that is none" 'bad.jsonl:1: a token id in "ids" is expected, not 1.5' '{"ids": [1, 1.5]}'
bad "a negative id" 'bad.jsonl:1: a token id .* not -1' '{"ids": [-1]}'
bad "an id outside the vocabulary" 'bad.jsonl:2: .*99999' "$ok" '{"ids": [1, 99999]}'
bad "no ids" 'bad.jsonl:2: .*empty' "$ok" '{"ids": []}'
bad "a bad n" 'bad.jsonl:1: n is -1' '{"prompt": "a", "n": -1}'
bad "an id that is a list" 'bad.jsonl:1: text or a number as "id"' '{"prompt": "a", "id": [1]}'
bad "no lines" 'bad.jsonl holds no prompt' ''
printf '%s\n' "$ok" '{"prompt": "a", "n": 1000000000}' >bad.jsonl
refuses "n beyond memory" 3 'bad.jsonl:2: .*positions need' "$T" trace -m "$m" --prompts bad.jsonl -o many.db
rm bad.jsonl
bad "zero that is no point" 'bad.jsonl:2: "zero" L9.mlp: no point is called' "$ok" '{"prompt": "a", "zero": ["L0.mlp", "L9.mlp"]}'
bad "zero that is a number" 'bad.jsonl:1: a point .* as "zero" is expected, not 1' '{"prompt": "a", "zero": 1}'
bad "zero of a part that is not there" 'bad.jsonl:1: "zero" L0.attn.z.head=99.: ' '{"prompt": "a", "zero": "L0.attn.z[head=99]"}'
refuses "no such file" 3 "nowhere.jsonl" "$T" trace -m "$m" --prompts nowhere.jsonl
refuses "--prompts and PROMPT" 2 "exclude each other" "$T" trace -m "$m" --prompts prompts.jsonl text
refuses "--prompts and --prompt-ids" 2 "exclude each other" "$T" trace -m "$m" --prompts prompts.jsonl --prompt-ids
refuses "neither" 2 "PROMPT or --prompts FILE" "$T" trace -m "$m"
refuses "--chat with ids" 2 "prompts.jsonl:[0-9]*: " "$T" trace -m "$m" --chat --prompts prompts.jsonl
is "many.db is untouched" "$before" "$(cksum <many.db; ls)"

# A line may zero what the others leave: with and without in one file.
printf '%s\n' '{"ids": [1, 5, 9]}' '{"ids": [1, 5, 9], "zero": ["L0.attn.z[head=1]", "L1.mlp"]}' '{"ids": [1, 5, 9], "zero": "L1.mlp"}' \
	'{"ids": [1, 5, 9]}' >zero.jsonl
try "$T" trace -m "$m" -n 2 --prompts zero.jsonl -o zero.db
has "the summary says how many" '^zeroed .*2 of 4 lines' "$err"
is "each run has its edits" "2|2 3|1" "$(sql zero.db "SELECT run_id, count(*) FROM edit GROUP BY 1" | paste -sd' ')"
is "and the values they change" "2|4 3|2" "$(sql zero.db "SELECT run_id, count(*) FROM v_value WHERE edit_id NOT NULL GROUP BY 1" | paste -sd' ')"
is "differ says where" "model.layers.0.self_attn:z" "$("$T" query -t zero.db differ a=1 b=2 n=1 | cut -f2)"
is "a later line is as if nothing had been" "" "$("$T" query -t zero.db differ a=1 b=4)"
try "$T" trace -q -m "$m" -n 2 --prompt-ids --zero 'L0.attn.z[head=1]' --zero L1.mlp -o alone.db "1 5 9"
is "and a run is that of --zero" "" "$("$T" query -t zero.db "SELECT hash FROM v_value WHERE run_id = 2 ORDER BY id" >a; "$T" query -t alone.db "SELECT hash FROM v_value ORDER BY id" | cmp - a)"
try "$T" trace -q -m "$m" -n 4 --zero L0.mlp --zero L1.mlp -o alone.db "The model reads"
is "run has it too" "$(sql alone.db "SELECT group_concat(token_id, ', ') FROM v_token WHERE source = 'generated'")" \
	"$("$T" run -q -m "$m" -n 4 --json --zero L0.mlp --zero L1.mlp "The model reads" | sed 's/.*"tokens": .//; s/].*//')"
[ "$("$T" run -q -m "$m" -n 4 "The model reads")" != "$("$T" run -q -m "$m" -n 4 --zero L0.mlp --zero L1.mlp "The model reads")" ] ||
	fail "zeroing two layers changes nothing"
refuses "run --zero of no point" 2 "--zero L9.mlp: no point is called" "$T" run -m "$m" --zero L9.mlp x
try "$T" trace -q -m "$m" --prompts "$root/lessons/prompts.jsonl" -n 1 -o sample.db
is "the sample runs" "0 5" "$status $(sql sample.db "SELECT count(*) FROM run")"

# Doubtful prompts are told of once.
printf '{"prompt": "a\\u2603b"}\n%.0s' 1 2 3 >doubtful.jsonl
try "$T" trace -q -m "$m" --prompts doubtful.jsonl -o doubtful.db
is "doubtful prompts run" 0 "$status"
is "and are told of at most once" 1 "$([ "$(wc -l <"$err")" -le 2 ] && echo 1)"

# --stop-on: the answer is no; the runs before it and the beginning of that one are there.
cp -r "$m" nan
python3 - nan/model.safetensors <<'PY'
import json, struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
n = struct.unpack("<Q", data[:8])[0]
begin, end = json.loads(data[8:8 + n])["model.embed_tokens.weight"]["data_offsets"]
row = (end - begin) // 384
data[8 + n + begin + 30 * row:8 + n + begin + 30 * row + 4] = struct.pack("<f", float("nan"))
open(sys.argv[1], "wb").write(data)
PY
printf '%s\n' '{"ids": [1, 5]}' '{"ids": [1, 30]}' '{"ids": [1, 6]}' >nan.jsonl
refuses "--stop-on" 1 "nan.jsonl:2: stopped: model.embed_tokens:out of pass 0 holds NaN; stop.db has everything up to it; of 3 prompts 2 are not done" \
	"$T" trace -m nan --stop-on nan --prompts nan.jsonl -n 0 -o stop.db
is "is a stopped run" "ok stopped" "$(sql stop.db "SELECT status FROM v_run" | paste -sd' ')"
is "in one file" "stop.db" "$(ls stop.db*)"
refuses "--resume stops there again" 1 "nan.jsonl:2: stopped: " "$T" trace -m nan --stop-on nan --prompts nan.jsonl -n 0 -o stop.db --resume
try "$T" trace -q -m nan --prompts nan.jsonl -n 0 -o stop.db --resume
is "--resume without --stop-on goes on" "0 ok ok ok" "$status $(sql stop.db "SELECT status FROM v_run" | paste -sd' ')"
finish
