#!/bin/sh
# trace_capture.sh -- what --capture keeps, by every name; what --estimate says of it beforehand;
# what --budget leaves out.
. "$(dirname "$0")/lib.inc"
checkpoint window --preset window --layers 2
m=$root/build/test-models/window
p="The model reads a text"
cd "$work" || exit 2

dumped() { # PATTERN...: the points that a recording with these rules alone keeps
	rm -f x.db
	for rule; do
		set -- "$@" --capture "$rule"
		shift
	done
	try "$T" trace -q -m "$m" "$@" --capture none -o x.db "$p"
	is "captures" 0 "$status"
	sql x.db "SELECT DISTINCT fqn FROM v_payload ORDER BY 1" | paste -sd' '
}

# One tensor by each of its names.
for name in model.layers.1.self_attn:pattern L1.attn.pattern blocks.1.attn.hook_pattern kq_soft_max-1 \
	'model.layers.1.*:pattern' 'model.layers.[1-7].self_attn:pattern' 'L[1].attn.pattern' '?1.attn.pattern'; do
	is "$name" model.layers.1.self_attn:pattern "$(dumped "$name")"
done
is "an alias" model.layers.0:out "$(rm -f x.db; "$T" trace -q -m "$m" --capture none --capture model.layers.1:resid_pre -o x.db "$p"; sql x.db "SELECT DISTINCT fqn FROM v_payload WHERE dump_from IS NULL")"
is "a module is its output" model.layers.0.mlp.down_proj:out "$(dumped model.layers.0.mlp)"
is "the set attention" "model.layers.0.self_attn:k_rot model.layers.0.self_attn:q_rot model.layers.1.self_attn:k_rot model.layers.1.self_attn:q_rot" "$(dumped attention)"
is "the last match wins" "model.layers.0.self_attn:z" "$(dumped '*.self_attn:z' 'L1.attn.z=stats')"
is "the set residual" "model.embed_tokens:out model.layers.0:out model.layers.1:out" \
	"$(rm -f x.db; "$T" trace -q -m "$m" --capture none --capture residual -o x.db "$p"; sql x.db "SELECT DISTINCT fqn FROM v_payload WHERE dump_from IS NULL ORDER BY 1" | paste -sd' ')"


# Without a rule: the last position's stream, and queries and keys where they are small.
"$T" trace -q -m "$m" -o x.db "$p"
is "the defaults" "model.layers.0.self_attn:k_rot whole model.layers.0.self_attn:q_rot whole model.layers.0:out last model.layers.1.self_attn:k_rot whole model.layers.1.self_attn:q_rot whole model.layers.1:out last" \
	"$(sql x.db "SELECT fqn || ' ' || iif(dump_from IS NULL, 'whole', 'last') FROM v_payload ORDER BY fqn" | paste -sd' ')"
is "none turns them off" "" "$(dumped)"
is "a rule goes before a default" "model.layers.0:out model.layers.1.self_attn:k_rot model.layers.1.self_attn:q_rot model.layers.1:out" \
	"$(rm -f x.db; "$T" trace -q -m "$m" --capture 'L0.attn.*=stats' -o x.db "$p"; sql x.db "SELECT DISTINCT fqn FROM v_payload ORDER BY 1" | paste -sd' ')"
try "$T" trace -m "$m" --budget 3k -o x.db "$p"
has "what does not fit in a budget is said" '^attention  not kept, .* of queries and keys: --capture attention keeps it$' "$err"
is "and not counted as left out" "" "$(grep 'leaves out' "$err")"
long=$(python3 -c "print('a text ' * 5000)")
try "$T" trace --logits last --estimate -m "$m" "$long"
has "nor is it kept of a long prompt" '^attention  .* of queries and keys, not kept: up to 8.0 MB are kept without --capture attention$' "$err"
try "$T" trace --estimate --json -m "$m" "$p"
is "--estimate: as JSON" "True 8000000" "$(python3 -c 'import json, sys; a = json.load(open(sys.argv[1]))["attention"]; print(a["kept"] and a["bytes"] > 0, a["limit"])' "$out")"

# Canonical names are said and kept.
try "$T" trace -v -m "$m" --capture 'L[0-1].attn.q_rot@-2:=f16' --capture kq_soft_max-0@3 -o x.db "$p"
has "-v says what the rules mean" '"points": \["model.layers.\[0-1\].self_attn:q_rot"\], "positions": "@-2:", "keep": "f16"' "$err"
is "opts keep it" "model.layers.[0-1].self_attn:q_rot @-2: f16 model.layers.0.self_attn:pattern @3 f32" \
	"$(sql x.db "SELECT json_extract(c.value, '\$.points[0]') || ' ' || json_extract(c.value, '\$.positions') || ' ' || json_extract(c.value, '\$.keep') FROM run, json_each(json_extract(opts, '\$.capture')) c" | paste -sd' ')"

# A pattern without a match: several nearest names, of the kind that was typed, and no file.
rm -f x.db
refuses "shorthand" 2 "the nearest are L1.attn.pattern, .* and " "$T" trace -m "$m" --capture L1.attn.patern -o x.db "$p"
refuses "TransformerLens" 2 "the nearest are blocks.1.attn.hook_pattern, blocks.1.attn" "$T" trace -m "$m" --capture blocks.1.attn.hook_patern -o x.db "$p"
refuses "ggml" 2 "the nearest are kq_soft_max-1, " "$T" trace -m "$m" --capture kq_softmax-1 -o x.db "$p"
refuses "glob" 2 "the nearest are model.layers.0.self_attn:pattern, " "$T" trace -m "$m" --capture '*.self_atn:pattern' -o x.db "$p"
refuses "a layer too many" 2 "the layers are 0 to 1" "$T" trace -m "$m" --capture L7.resid_post -o x.db "$p"
refuses "a set" 2 "did you mean 'attention'" "$T" trace -m "$m" --capture atention -o x.db "$p"
[ -e x.db ] && fail "a refused pattern leaves a file"

# --estimate is what happens: rows, dumps, bytes, within 15 %.
cat > estimate.py <<'PY'
import json, os, sqlite3, subprocess, sys
torchless, model, *rest = sys.argv[1:]
tables = "run pass span value token tok_step cand event counter tensor tensor_chunk timing".split()
def run(*words):
    done = subprocess.run([torchless, "trace", "-m", model, "--json", *words], capture_output=True, check=True)
    return json.loads(done.stdout)
for captures in ([], ["*:resid*"], ["*"], ["attention", "residual=bf16"], ["L0.attn.pattern@3:7=f16", "*.mlp*=hash"]):
    words = [w for c in captures for w in ("--capture", c)] + rest
    said = run("--estimate", *words)
    told = run("-o", "e.db", *words)
    db = sqlite3.connect("e.db")
    rows = sum(db.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in tables)
    for what, a, b in (("rows", said["rows"], rows), ("file", said["file_bytes"], os.path.getsize("e.db")),
                       ("dumps", said["dump_bytes"], told["dump_bytes"])):
        assert abs(a - b) <= 0.15 * b, (captures, what, a, b)
    assert said["values"] == told["values"] and said["calls"] == told["calls"], (captures, said, told)
    assert said["dumps"] == told["dumps"], (captures, said["dumps"], told["dumps"])
    assert sum(row["bytes"] for row in said["points"]) == said["dump_bytes"], captures
    low, high = said["seconds"]
    assert 0 < low < high < 60, said["seconds"]
PY
python3 estimate.py "$T" "$m" "$p" || fail "--estimate of a prefill"
python3 estimate.py "$T" "$m" -n 30 --chunk 3 "$p" || fail "--estimate of chunks and decode passes"
python3 estimate.py "$T" "$m" -n 9 --logits last --temp 1 --top-k 12 --seed 3 "$p" || fail "--estimate of sampling"
printf '%s\n' '{"prompt": "The model reads"}' '{"ids": [1, 2, 3, 4, 5], "n": 4}' > prompts.jsonl
python3 estimate.py "$T" "$m" --prompts prompts.jsonl || fail "--estimate of many prompts"
python3 estimate.py "$T" "$m" -n 3 --repeat 40 "$p" || fail "--estimate of repeats"
python3 estimate.py "$T" "$m" --repeat 25 --prompts prompts.jsonl || fail "--estimate of many prompts that are repeated"
rm -f e.db e.db.old
try "$T" trace -m "$m" --estimate -o e.db --capture L1.attn.pattern@last=f16 "$p"
is "--estimate: status" 0 "$status"
has "--estimate: a row a kind of point" '^model.layers.1.self_attn:pattern	f16	@last	1	1	' "$out"
has "--estimate: a range of time" 'time .*between .* and ' "$err"
[ -e e.db ] && fail "--estimate makes a file"
refuses "--estimate and --resume" 2 "exclude each other" "$T" trace -m "$m" --estimate --resume --prompts prompts.jsonl

# --budget bounds what is written, keeps the most asked for, and says what it left out.
try "$T" trace -m "$m" -n 5 --budget 20K --capture '*' --capture L1.attn.pattern -o x.db "$p"
is "--budget: status" 0 "$status"
is "at most so much is written" 1 "$(sql x.db "SELECT sum(raw_bytes) <= 20480 FROM tensor")"
is "the rule that names least is kept" 5 "$(sql x.db "SELECT count(*) FROM v_value WHERE fqn='model.layers.1.self_attn:pattern' AND tensor_id NOT NULL")"
is "a kind is kept in every pass or in none" "" "$(sql x.db "SELECT fqn FROM v_value GROUP BY fqn HAVING count(tensor_id) NOT IN (0, count(*))")"
is "what was left out keeps its statistics" 0 "$(sql x.db "SELECT count(*) FROM v_value WHERE l2 IS NULL")"
has "one sentence says so" '^torchless: warning: --budget 20K leaves out [0-9]+ dumps of .* more: statistics are kept$' "$err"
is "the recording says so" 1 "$(sql x.db "SELECT json_extract(data, '\$.budget') = 20480 AND json_extract(data, '\$.dumps') > 0 AND json_array_length(data, '\$.points') > 3 FROM event WHERE kind='budget'")"
is "and they are what is not there" "$(sql x.db "SELECT count(*) FROM v_value WHERE tensor_id IS NULL")" "$(sql x.db "SELECT json_extract(data, '\$.dumps') FROM event WHERE kind='budget'")"
try "$T" trace -m "$m" -n 5 --budget 1G --capture '*' -o x.db "$p"
is "nothing is left out when all fits" "0 0" "$(grep -c budget "$err") $(sql x.db "SELECT count(*) FROM event WHERE kind='budget'")"
"$T" trace -q -m "$m" --budget 3K --capture 'L0.attn.q_rot' --capture 'L1.attn.q_rot' -o x.db "$p"
is "of two alike the later one" "model.layers.1.self_attn:q_rot" "$(sql x.db "SELECT DISTINCT fqn FROM v_payload WHERE fqn LIKE '%q_rot'")"
try "$T" trace -m "$m" --prompts prompts.jsonl --budget 6K --capture '*' -o x.db
is "--budget holds for all runs together" 1 "$(sql x.db "SELECT sum(raw_bytes) <= 6144 AND sum(raw_bytes) > 1000 FROM tensor")"
is "said of each run" 2 "$(sql x.db "SELECT count(*) FROM event WHERE kind='budget'")"
try "$T" trace -m "$m" --estimate --json --budget 20K --capture '*' -n 5 "$p"
is "--estimate knows the budget" 1 "$(python3 -c 'import json,sys; d = json.load(open(sys.argv[1])); print(int(d["dump_bytes"] <= 20480 and sum(r["dropped_bytes"] for r in d["points"]) > 20480))' "$out")"
refuses "no size" 2 "--budget wants a size such as" "$T" trace -m "$m" --budget lots "$p"
finish
