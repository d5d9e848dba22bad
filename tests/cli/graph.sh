#!/bin/sh
# graph.sh -- graphs as dot and JSON: levels, parts, ids, what is refused, and a real dot over them.
. "$(dirname "$0")/lib.inc"
checkpoint window4 --preset window --layers 4
m=$root/build/test-models/window4

# agrees WHAT ARGUMENT...: dot, its SVG and JSON are one graph; "WIDTH NODES" is in $size.
agrees() {
	what=$1
	shift
	"$T" graph "$@" >"$work/g.dot" 2>"$err" || fail "$what: $(brief "$(cat "$err")")"
	is "$what: stderr" "" "$(cat "$err")"
	"$T" graph "$@" --json >"$work/g.json" 2>"$err" || fail "$what --json: $(brief "$(cat "$err")")"
	"$T" graph "$@" >"$work/again.dot"
	cmp -s "$work/g.dot" "$work/again.dot" || fail "$what: two runs give two texts"
	size='0 0'
	python3 -m json.tool "$work/g.json" >/dev/null || fail "$what: no JSON"
	command -v dot >/dev/null || return
	size=$(python3 tests/support/graph_svg.py "$work/g.dot" "$work/g.json" 2>"$err") || fail "$what: $(tail -n 1 "$err")"
}

# json EXPRESSION: of the last graph, as `g`.
json() {
	python3 - "$work/g.json" "$1" <<'PY'
import json, sys
g = json.load(open(sys.argv[1]))
n = {x["id"]: x for x in g["nodes"]}
c = {x["id"]: x for x in g["clusters"]}
e = {x["id"]: x for x in g["edges"]}
print(eval(sys.argv[2]))
PY
}

# The model that comes with torchless, at each level.
agrees "module"
is "a run is one frame" "[0, 4] ×5 · same shape, own weights" \
	"$(json "'%s %s' % (c['model.layers.[0-4]']['layers'], c['model.layers.[0-4]']['note'])")"
is "an attention window is shown" "window 64" "$(json "n['model.layers.[0-4].self_attn:z']['note']")"
agrees "--level model" --level model
is "layers are a box" "layers" "$(json "n['model.layers.[0-4]:out']['kind']")"
agrees "--level op" --level op
is "formulas are those of the ops" "y = x W^T" "$(json "n['model.layers.[0-4].mlp.up_proj:out']['formula']")"
agrees "--level op --expand all" --level op --expand all
is "every op is a node" "$("$T" info --program --tsv | wc -l | tr -d ' ')" "$(json "sum(len(x['ops']) for x in n.values())")"
is "each op once" True "$(json "sorted(o for x in n.values() for o in x['ops']) == list(range(max(o for x in n.values() for o in x['ops']) + 1))")"
agrees "--expand" --expand 1 --expand 3-4
is "the rest are boxes" "['model.layers.0:out', 'model.layers.2:out']" "$(json "[i for i in n if n[i]['kind'] == 'layers']")"
agrees "--collapse" --collapse '*.mlp' --collapse L2.attn
is "an unequal layer splits the run" "['model.layers.[0-1]', 'model.layers.2', 'model.layers.[3-4]']" \
	"$(json "[i for i in c if i.split('.')[-1][-1] in ']2']")"
agrees "--module" --module L3.attn
is "stubs" "['model.layers.3.input_layernorm:out@stub', 'model.layers.3:resid_mid@stub', 'model.rotary_emb:sin@stub']" \
	"$(json "sorted(i for i in n if n[i]['kind'] == 'stub')")"

# Names are those of points, modules, weights and inputs.
"$T" info --points | cut -f1 >"$work/points"
agrees "names" --level op --expand all
json "'\n'.join(x['point'] for x in n.values() if x['ops'] and x['point'] != ':last')" | while read -r name; do
	grep -qx -- "$name" "$work/points" || echo "$name"
done >"$work/unknown"
is "every id is a point" "" "$(head -n 3 "$work/unknown")"

# Another window, another dtype: a layer's own lines.
agrees "a window" -m "$m"
if [ -d models/smollm2-135m ] && [ "${T%/asan/*}" = "$T" ]; then
	agrees "SmolLM2" -m models/smollm2-135m
	[ "${size% *}" -le 595 ] || fail "SmolLM2 is $size wide: A4 is 595"
	[ "${size#* }" -le 40 ] || fail "SmolLM2 has $size nodes: 40 at most"
	is "all layers are one" "[0, 29]" "$(json "c['model.layers.[0-29]']['layers']")"
fi

# A name that a stranger gave.
name='a"b\N <i>&amp;&bogus; javascript:x'
mkdir "$work/$name"
cp "$m"/* "$work/$name"
agrees "a stranger's name" -m "$work/$name"
is "the title" True "$(json "g['title'].startswith(r'''$name''')")"

# With -t no model is opened; the graph is that of what was recorded.
"$T" trace -q -m "$m" --prompt-ids -n 2 -o "$work/t.db" "1 2 3" >/dev/null 2>&1 || fail "no recording"
TORCHLESS_MODEL=/nowhere agrees "-t" -t "$work/t.db"
is "its layers" "[0, 3]" "$(json "c['model.layers.[0-3]']['layers']")"

# Where it goes.
"$T" graph >"$work/stdout.dot"
try "$T" graph -o "$work/file.dot"
is "-o" 0 "$status"
is "-o says nothing" "" "$(cat "$out" "$err")"
cmp -s "$work/stdout.dot" "$work/file.dot" || fail "-o writes another text than stdout"
is "one statement a line" 0 "$(sed '1d;$d' "$work/file.dot" | grep -cvE '^	+(graph|node|edge|subgraph|"|\{|\})')"

# Refused, with the nearest.
refuses "no such level" 2 "one of model\|module\|op" "$T" graph --level ops
refuses "no such module" 2 "the nearest is model\.layers\.3\.self_attn" "$T" graph --module model.layers.3.self_atn
refuses "no such layer" 2 "there is no layer 5: the model has 0 to 4" "$T" graph --expand 5
refuses "no layer" 2 "'a' is no layer: 3, 3-7 or all" "$T" graph --expand a
refuses "layers the wrong way round" 2 "'4-2' is no layer" "$T" graph --expand 4-2
refuses "a glob of nothing" 2 "no module is called '\*\.mpl'; the nearest is model\.layers\.[0-9]\.mlp" "$T" graph --collapse '*.mpl'
refuses "an empty module" 2 "--module wants PATH, not ''" "$T" graph --module ''
refuses "no recording" 3 "nowhere\.db" "$T" graph -t "$work/nowhere.db"
refuses "a recording that is none" 2 "g\.dot" "$T" graph -t "$work/g.dot"
refuses "no folder to write to" 3 "nowhere/g\.dot" "$T" graph -o "$work/nowhere/g.dot"
is "nothing half-written" "" "$(find "$work" -name 'g.dot?*' | head -n 1)"
finish
