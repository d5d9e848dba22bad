#!/bin/sh
# graph_trace.sh -- graphs of recordings: what they say is what SQL says, what is bad is marked, and two are compared.
. "$(dirname "$0")/lib.inc"
m=$root/lessons/model
cd "$work" || exit 2
g() { "$T" graph -q "$@"; }
# node FILE ID EXPRESSION: of a node x of the JSON.
node() { python3 -c 'import json, sys; print(eval(sys.argv[3], {"x": next(n for n in json.load(open(sys.argv[1]))["nodes"] if n["id"] == sys.argv[2])}))' "$@"; }
key() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$@"; }

"$T" trace -q -m "$m" -n 4 -o t.db "Once upon a time" || fail "no recording"
"$T" trace -q -m "$m" -n 2 -o two.db --prompt-ids "1 5 9" || fail "no second recording"

# ---- every number is SQL's
for level in model module op; do
	for by in time l2 absmax bytes; do
		g --json -t t.db --level $level --color-by $by >g.json || fail "graph --level $level --color-by $by fails"
		said=$(python3 "$root/tests/support/graph_sql.py" t.db <g.json)
		is "what --level $level --color-by $by says that SQL does not" "" "$(echo "$said" | sed '$d')"
		[ "$(echo "$said" | tail -1)" -ge 30 ] || fail "--level $level --color-by $by says nothing"
	done
done
g --json -t t.db --pass 2 --expand 1 >g.json
is "of one pass" "" "$(python3 "$root/tests/support/graph_sql.py" t.db 2 <g.json | sed '$d')"
has "the subtitle says which" '"subtitle":"run 1, pass 2' g.json
g -t t.db --color-by l2 >g.dot
has "a scale with its ends" 'l2, log scale|>l2<' g.dot
has "a node with its numbers" '% of time\\nl2 [0-9.]+' g.dot
has "a series, its ends and the worst layer" '[0-9.]+ … [0-9.]+, layer [0-4]' g.dot
has "estimates are said to be that" '≈ (&lt;)?[0-9.]+ % of time' g.dot
hasnt "shares are no finer than times are" '[0-9]e-[0-9]+ (%|…)' g.dot
is "the same twice" "" "$(g -t t.db --color-by l2 | diff - g.dot)"
cp t.db half.db
python3 -c 'import sqlite3; c = sqlite3.connect("half.db"); c.execute("UPDATE run SET dtype_weight = 1"); c.execute("UPDATE model SET name = ?", ["my model"]); c.commit()'
g -t half.db >g.dot
has "weights are of the type that the recording says" 'weight f16\[' g.dot
hasnt "and no other" 'bf16' g.dot
has "and the name" 'my model · 5 layers' g.dot

# ---- a NaN, and a run that stopped at it
echo '{"point": "L2.mlp.up_proj", "select": "[pos=3]", "kind": "set", "value": "nan"}' >nan.jsonl
"$T" trace -q -m "$m" -n 1 -o nan.db --edits nan.jsonl "Once upon a time" 2>"$err"
"$T" trace -q -m "$m" -n 1 -o stop.db --edits nan.jsonl --stop-on nan "Once upon a time" 2>"$err"
is "it stopped" 1 $?
g --json -t nan.db >g.json || fail "a graph with a NaN fails"
is "numbers of a run with NaN" "" "$(python3 "$root/tests/support/graph_sql.py" nan.db <g.json | sed '$d')"
has "the first is named" 'first NaN: model.layers.2.mlp.up_proj:out in pass 0' g.json
is "its layer is open" "True True" "$(node g.json model.layers.2.mlp.up_proj:out 'x["first"]') $(node g.json model.layers.2.mlp:act_mul 'x["measures"]["holds_bad"]')"
is "what it does not come through is fine" False "$(node g.json model.layers.2.mlp.gate_proj:out 'x["measures"]["bad"]')"
is "the way there is marked" True "$(python3 -c 'import json; print({e["id"]: e["bad"] for e in json.load(open("g.json"))["edges"]}["model.layers.2.post_attention_layernorm:out->model.layers.2.mlp.up_proj:out"])')"
g -t nan.db >g.dot
has "it is red" 'fillcolor="#c1121f"|BGCOLOR="#c1121f"' g.dot
has "and said in words" 'the first bad value' g.dot
g --json -t nan.db --expand 4 >g.json
is "unless another is asked for" "[0, 3]" "$(node g.json 'model.layers.[0-3]:out' 'x["layers"]')"
g --json -t stop.db >g.json || fail "a graph of a run that stopped fails"
has "the subtitle says where" 'stopped in pass 0 behind model.layers.2.mlp.up_proj:out' g.json
hasnt "it is drawn up to there" '"id":"(model.layers.2.mlp:act_mul|model.norm:out|model.layers.[34])' g.json
is "numbers of a run that stopped" "" "$(python3 "$root/tests/support/graph_sql.py" stop.db <g.json | sed '$d')"

# ---- two recordings
"$T" trace -q -m "$m" -n 4 -o z.db --zero 'L3.attn.z[head=2]' "Once upon a time" || fail "no recording with a zero"
g --json --diff t.db z.db >g.json || fail "--diff fails"
has "the first that differs" 'first that differs: model.layers.3.self_attn:z in pass 0' g.json
is "before it all is equal" "equal equal" "$(node g.json 'model.layers.[0-2]:out' 'x["verdict"]') $(node g.json model.layers.3.self_attn:v_cache 'x["verdict"]')"
is "from it on not" "differs True differs" "$(node g.json model.layers.3.self_attn:z 'x["verdict"]') $(node g.json model.layers.3.self_attn:z 'x["first"]') $(node g.json lm_head:out 'x["verdict"]')"
is "numbers say how far" "True" "$(node g.json model.layers.3:out '"nmse" in x["difference"]')"
g --json --diff t.db z.db --expand all --level module >g.json
is "equal layers do not fold with others" "differs" "$(node g.json 'model.layers.[0-4].self_attn:z' 'x["verdict"]' 2>/dev/null || node g.json model.layers.3.self_attn:z 'x["verdict"]')"
g --json --diff t.db t.db >g.json
is "a recording and itself" "4 passes compared · nothing differs" "$(key g.json subtitle)"
g --json --diff t.db two.db >g.json
has "another prompt" 'what is read differs: token [0-9]+: [0-9]+ and [0-9]+' g.json

# ---- two models, or one of each
python3 "$root/scripts/plant" "$m" other sliding_window=32 || fail "no other model"
g --json --diff "$m" "$m" >g.json
is "a model and itself" "the same modules, shapes and types" "$(key g.json subtitle)"
g --json --diff "$m" t.db >g.json
is "a model and its recording" "the same modules, shapes and types" "$(key g.json subtitle)"
g --json --diff t.db other >g.json || fail "a recording and another model fail"
has "another window is another structure" '"id":"model.layers.\[0-4\].self_attn:z@b"' g.json
g --json --diff "$m" other >g.json
is "both columns say what the other has" "True" "$(node g.json model.layers.[0-4].self_attn:z@b '"window" in str(x)')"
g --diff "$m" other >g.dot
has "two clusters" 'subgraph "cluster_@b"' g.dot

# ---- usage
refuses "--diff of one" 2 'takes two' "$T" graph --diff t.db
refuses "two without --diff" 2 'no argument of graph' "$T" graph t.db
refuses "--color-by without a recording" 2 'about a recording' "$T" graph --color-by time
refuses "--pass without a recording" 2 'about a recording' "$T" graph --pass 0
refuses "a pass that is none" 2 'no pass 9' "$T" graph -t t.db --pass 9
refuses "a run that is none" 2 'no run 9' "$T" graph -t t.db --run 9
refuses "--diff with -t" 2 'exclude each other' "$T" graph -t t.db --diff t.db t.db
refuses "a side that is not there" 3 'nothing.db' "$T" graph --diff t.db nothing.db
refuses "a side that is neither" 2 'README' "$T" graph --diff t.db "$root/README.md"
refuses "a folder that is no model" 2 'config.json' "$T" graph --diff t.db "$work"

# ---- strangers' files
sqlite3 t.db "VACUUM INTO 'empty.db'" && sqlite3 empty.db "DELETE FROM pass"
refuses "a run without passes" 2 'has no pass' "$T" graph -t empty.db
sqlite3 t.db "VACUUM INTO 'wild.db'"
sqlite3 wild.db "UPDATE value SET point_id = -point_id * 4000000000, l2 = -1; UPDATE span SET parent_id = id, dur = -dur; UPDATE point SET fqn = fqn || char(27) || '<script>'"
try "$T" graph --json -t wild.db
is "a wild one is a graph without numbers" 0 "$status"
hasnt "names of the file are not shown" 'script' "$out"
head -c 100000 t.db >short.db
refuses "a short one" 2 'short.db' "$T" graph -t short.db

finish
