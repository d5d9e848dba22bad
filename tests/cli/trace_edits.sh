#!/bin/sh
# trace_edits.sh -- files of edits: trace --edits and run --edits, what a recording keeps of them.
. "$(dirname "$0")/lib.inc"
checkpoint window --preset window --layers 2
m=$root/build/test-models/window
p="The model reads a text"
cd "$work" || exit 2
mkdir recipes

# One edit by a file is what --zero does.
echo '{"point": "L0.attn.z", "select": "[head=1]", "kind": "zero"}' > zero.jsonl
try "$T" trace -q -m "$m" --capture '*' -n 3 --zero 'L0.attn.z[head=1]' -o zero.db "$p"
try "$T" trace -q -m "$m" --capture '*' -n 3 --edits zero.jsonl -o edits.db "$p"
is "--edits" 0 "$status"
sum="SELECT group_concat(coalesce(hash, '') || '/' || coalesce(edit_id, ''), ' ') FROM (SELECT hash, edit_id FROM value ORDER BY id)"
is "is --zero by another name" "$(sql zero.db "$sum")" "$(sql edits.db "$sum")"

# Each kind is in the recording, with its range, its argument and where it comes from.
python3 - <<'PY'
import base64, json, struct
f32 = lambda *x: base64.b64encode(struct.pack(f"<{len(x)}f", *x)).decode()
lines = [
    {"point": "blocks.1.attn.hook_z", "select": "[head=2]", "kind": "scale", "value": 0.5, "passes": [1, None], "source": "a paper"},
    {"point": "L*.mlp", "kind": "add", "value": 0.25, "passes": [0, 1]},
    {"point": "L1.resid_mid", "select": "[pos=2, 0:3]", "kind": "set", "value": -1},
    {"point": "L0.attn.pattern", "select": "[head=0]", "kind": "mean"},
    {"point": "L0.resid_post", "select": "[pos=3]", "kind": "copy", "from": "[pos=1]"},
    {"point": "L1.ln1.rms", "select": "[pos=1:3]", "kind": "replace", "data": {"shape": [2], "f32": f32(1, 2)}},
    {"point": "L1.attn.q_rot", "select": "[pos=1, head=0, 0:2]", "kind": "replace", "npy": "q.npy"},
    {"point": "model.layers.0.mlp.up_proj.weight", "select": "[row=3]", "kind": "scale", "value": 2},
    {"kind": "force", "pos": 7, "id": 42},
    {"kind": "ban", "id": 7}, {"kind": "ban", "id": 8, "pos": 8},
]
with open("recipes/all.jsonl", "w") as file:
    file.writelines(json.dumps(line) + "\n" for line in lines)
header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }".ljust(117) + "\n"
with open("recipes/q.npy", "wb") as file:
    file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + struct.pack("<2f", 3, 4))
PY
n=$("$T" tokenize --ids -m "$m" "$p" | wc -w)
sed -i "s/\"pos\": 7/\"pos\": $n/; s/\"pos\": 8/\"pos\": $((n + 1))/" recipes/all.jsonl
try "$T" trace -q -m "$m" -n 3 --capture '*' --edits recipes/all.jsonl --edits zero.jsonl -o all.db "$p"
is "a file of every kind" 0 "$status"
is "is in the table edit" "scale 1- [head=2] {\"value\": 0.5, \"source\": \"a paper\"}
add -1 - {\"value\": 0.25}
add -1 - {\"value\": 0.25}
set - [pos=2, d_model=0:3] {\"value\": -1}
mean - [head=0] {}
graft - [pos=3] {\"from\": \"[pos=1]\"}
replace - [pos=1:3] {\"n\": 2}
replace - [pos=1, head=0, d_head=0:2] {\"n\": 2}
scale - [row=3] {\"value\": 2}
set - [pos=-1, vocab=7] {\"value\": \"-inf\", \"source\": \"ban 7\"}
set - [pos=$n, vocab=8] {\"value\": \"-inf\", \"source\": \"ban 8 at $((n + 1))\"}
zero - [head=1] {}" "$(sql all.db "SELECT kind || ' ' || coalesce(pass_from, '') || '-' || coalesce(pass_to, '') || ' ' || CASE sel WHEN '' THEN '' ELSE sel || ' ' END || args FROM edit ORDER BY id" | sed 's/^add -1 /add -1 - /')"
is "the forced token is one" "$n|42|forced" "$(sql all.db "SELECT pos, token_id, source FROM token WHERE source = 'forced'")"
is "the file beside the recipe was read" "3 4" "$("$T" query -t all.db "SELECT t_min('L1.attn.q_rot[pass=0, pos=1, head=0, d_head=0]'), t_min('L1.attn.q_rot[pass=0, pos=1, head=0, d_head=1]')" | tr '\t' ' ')"
is "an edited rms has its effect" 1 "$("$T" query -t all.db "SELECT abs(t_min('L1.ln1.normed[pass=0, pos=2, d_model=5]') - t_min('L0.resid_post[pass=0, pos=2, d_model=5]') / 2) < 1e-6")"
is "rows that were changed name their edit" 1 "$(sql all.db "SELECT count(DISTINCT edit_id) FROM v_value WHERE fqn = 'model.layers.0:out' AND pass = 0 AND edit_id IS NOT NULL")"

# run takes the same file.
"$T" query -t all.db "SELECT group_concat(token_id, ', ') FROM (SELECT token_id FROM v_token WHERE source IN ('generated', 'forced') ORDER BY pos)" > tokens
try "$T" run -q -m "$m" -n 3 --json --edits recipes/all.jsonl --edits zero.jsonl "$p"
is "run --edits" 0 "$status"
has "picks what trace picks" "\"tokens\": \[$(cat tokens)\]" "$out"

# An expression is evaluated where the value is computed, of what is there by then.
echo '{"point": "L1.resid_post", "select": "[d_model=0:4]", "kind": "expr", "expr": "L0.resid_post[d_model=0:4] * 2 + out * 0"}' > expr.jsonl
try "$T" trace -q -m "$m" -n 2 --capture '*' --edits expr.jsonl -o expr.db "$p"
is "an expression" 0 "$status"
is "is what the value becomes, in each pass" "1|1" "$("$T" query -t expr.db "SELECT t_nmse('L0.resid_post[pass=0, d_model=0:4]', 'L1.resid_post[pass=0, d_model=0:4]') || '|' || t_nmse('L0.resid_post[pass=1, d_model=0:4]', 'L1.resid_post[pass=1, d_model=0:4]')" | sed 's/\.0//g')"
is "and says so" 'replace|{"computed": true, "source": "L0.resid_post[d_model=0:4] * 2 + out * 0"}' "$(sql expr.db "SELECT kind, args FROM edit")"
echo '{"point": "L1.resid_post", "kind": "expr", "expr": "L0.resid_post *"}' > bad.jsonl
refuses "an expression that is none" 2 'bad.jsonl:1: column 16: ' "$T" trace -m "$m" -o expr.db --edits bad.jsonl "$p"

# A file that is wrong is refused with its line, and nothing is touched.
before=$(cksum < all.db)
printf '\n{"point": "L0.attn.z", "kind": "zro"}\n' > bad.jsonl
refuses "a kind that is none" 2 'bad.jsonl:2: there is no kind "zro"' "$T" trace -m "$m" -o all.db --edits bad.jsonl "$p"
refuses "and by run" 2 'bad.jsonl:2: there is no kind "zro"' "$T" run -m "$m" --edits bad.jsonl "$p"
printf '{"point": "L0.attn.zz", "kind": "zero"}\n' > bad.jsonl
refuses "a point that is none" 2 "bad.jsonl:1: no point is called 'L0.attn.zz'" "$T" trace -m "$m" -o all.db --edits bad.jsonl "$p"
printf '{"kind": "force", "pos": 1, "id": 4}\n' > bad.jsonl
refuses "a token forced in the prompt" 2 "bad.jsonl:1: position 1 lies in the prompt" "$T" trace -m "$m" -o all.db --edits bad.jsonl "$p"
printf '{"point": "L0.resid_post", "kind": "copy", "select": "[pos=1]", "from": "[pos=900]"}\n' > bad.jsonl
refuses "a copy of what is not there" 2 'L.* is to be copied in a pass that has positions|model.layers.0:out\[pos=900\] is to be copied' "$T" run -q -m "$m" --edits bad.jsonl "$p"
: > bad.jsonl
refuses "an empty file" 2 "bad.jsonl holds no edit" "$T" trace -m "$m" -o all.db --edits bad.jsonl "$p"
refuses "no file" 3 "nowhere.jsonl" "$T" trace -m "$m" -o all.db --edits nowhere.jsonl "$p"
refuses "a folder" 3 "recipes" "$T" trace -m "$m" -o all.db --edits recipes "$p"
is "all.db is untouched" "$before" "$(cksum < all.db)"
is "and nothing was put aside" 0 "$(find . -name 'all.db.old*' | wc -l)"

# Many prompts: the edits hold in each, and a recording goes on with the same edits only.
printf '{"prompt": "One"}\n{"prompt": "Two words"}\n' > prompts.jsonl
try "$T" trace -q -m "$m" --prompts prompts.jsonl --edits zero.jsonl -o many.db
is "--prompts with --edits" "0 2" "$status $(sql many.db "SELECT count(DISTINCT run_id) FROM edit")"
refuses "--resume without them" 2 "was recorded with --zero" "$T" trace -m "$m" --prompts prompts.jsonl --resume -o many.db
echo '{"point": "L0.attn.z", "select": "[head=2]", "kind": "zero"}' > other.jsonl
refuses "--resume with others" 2 "was recorded with --zero" "$T" trace -m "$m" --prompts prompts.jsonl --edits other.jsonl --resume -o many.db
try "$T" trace -q -m "$m" --prompts prompts.jsonl --edits zero.jsonl --resume -o many.db
is "--resume with the same" 0 "$status"
finish
