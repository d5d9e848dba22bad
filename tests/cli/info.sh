#!/bin/sh
# info.sh -- a model described, for people and for programs.
. "$(dirname "$0")/lib.inc"
checkpoint window --preset window --layers 2
m=$root/build/test-models/window

try "$T" info -m "$m"
is "status" 0 "$status"
for line in 'layers	2' 'd_model	48' 'kv_heads	2' 'sliding_window	5' 'weight_type	f32' 'kernels	(ref|avx2|avx512|neon)'; do
	has "the overview" "^$line\$" "$out"
done
is "a pipe gets two columns" "" "$(awk -F'\t' 'NF != 2' "$out")"
try "$T" info -m "$m" --json
python3 - "$out" <<'PY' || fail "info --json"
import json, sys
doc = json.load(open(sys.argv[1]))
assert doc["layers"] == 2 and doc["sliding_window"] == 5 and doc["parameters"] * 4 == doc["weights"], doc
assert 0 < doc["activations"] and doc["kv_cache_context"] <= 2 * 2 * (5 + 512) * 2 * 12 * 4, doc
PY
try "$T" info -m "$m" --config --json
python3 - "$out" "$m/config.json" <<'PY' || fail "info --config --json"
import json, sys
doc, config = (json.load(open(f)) for f in sys.argv[1:])
for key in ("num_hidden_layers", "hidden_size", "num_key_value_heads", "vocab_size", "sliding_window", "rms_norm_eps"):
    assert doc[key] == config[key], (key, doc[key], config[key])
PY

"$T" info -m "$m" --tensors --json > "$out"
python3 - "$out" "$m/model.safetensors" <<'PY' || fail "info --tensors"
import json, struct, sys
data = open(sys.argv[2], "rb").read()
header = json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])
rows = {r["name"]: r for r in map(json.loads, open(sys.argv[1]))}
assert set(rows) == set(header) - {"__metadata__"}
for name, row in rows.items():
    want = header[name]
    assert row["dtype"] == want["dtype"] and row["shape"] == ",".join(map(str, want["shape"])), row
    assert row["bytes"] == want["data_offsets"][1] - want["data_offsets"][0], row
PY
"$T" info -m "$m" --tensors --stats --json > "$out"
python3 - "$out" "$m/model.safetensors" <<'PY' || fail "info --tensors --stats"
import array, json, math, struct, sys
data = open(sys.argv[2], "rb").read()
n = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + n])
for row in map(json.loads, open(sys.argv[1])):
    a, b = header[row["name"]]["data_offsets"]
    x = array.array("f", data[8 + n + a:8 + n + b])
    mean = sum(x) / len(x)
    std = math.sqrt(sum((v - mean) ** 2 for v in x) / len(x))
    for key, want in (("min", min(x)), ("max", max(x)), ("mean", mean), ("std", std),
                      ("l2", math.sqrt(sum(v * v for v in x)))):
        assert abs(row[key] - want) <= 1e-9 + 1e-6 * abs(want), (row["name"], key, row[key], want)
    assert row["zero"] == sum(v == 0 for v in x) and row["nan"] == row["inf"] == 0
PY

"$T" info -m "$m" --points > "$out"
has "--points: names elsewhere" '^model.layers.1.self_attn:pattern	.*	head,q,k	4,T,S	.*	pattern	blocks.1.attn.hook_pattern	kq_soft_max-1	' "$out"
is "--points: bytes of a position, and of a prompt of a chunk" "16	6400" "$("$T" info -m "$m" --points --chunk 20 | grep '^model.layers.1.self_attn:pattern	' | cut -f6,7)"
is "--points: a point a line" "$("$T" info -m "$m" | sed -n 's/^points	//p')" "$(wc -l < "$out" | tr -d ' ')"
is "--points: no name twice" "" "$(cut -f1 "$out" | sort | uniq -d)"

"$T" info -m "$m" --program > "$out"
has "--program: piped, the listing that people read" '^ *[0-9]+      (input_layernorm|q_proj) ' "$out"
has "with its heading" '^ *op +module +name +output +formula +source$' "$out"
refuses "one form" 2 "exclude each other" "$T" info -m "$m" --program --tsv --json
"$T" info -m "$m" --program --tsv > "$out"
is "--program: ops are counted from 0 in order" "" "$(awk -F'\t' '$1 != NR - 1' "$out" | head -1)"
has "--program: module, op, shape, formula, source" \
	'	model.layers.1.mlp.down_proj	linear	out f32\[T, 48\]	y = x W\^T	.*mistral.c:[0-9]+$' "$out"
is "--program --json: an object a line" "$(wc -l < "$out" | tr -d ' ')" \
	"$("$T" info -m "$m" --program --json | python3 -c 'import json,sys; print(len([json.loads(l) for l in sys.stdin]))')"

cp -r "$m" "$work/broken" && echo '{' > "$work/broken/tokenizer.json"
try "$T" info -m "$work/broken"
is "a broken tokenizer does not hide the model" 0 "$status"
has "but is named" '^torchless: warning: .*tokenizer.json' "$err"
cp -r "$m" "$work/cut" && head -c 1000 "$m/model.safetensors" > "$work/cut/model.safetensors"
refuses "cut weights" 2 "model.safetensors" "$T" info -m "$work/cut"
refuses "two views at once" 2 "exclude each other" "$T" info -m "$m" --points --program

# Without --model: the environment, then the model that came with the program, found from anywhere.
named() { # PROGRAM [DIRECTORY]: the path of the model it opens there
	(cd "${2:-.}" && "$1" info -q) | sed -n 's/^path	//p'
}
is "TORCHLESS_MODEL" "$m" "$(TORCHLESS_MODEL=$m "$T" info | sed -n 's/^path	//p')"
tree=$work/tree prefix=$work/prefix
mkdir -p "$tree/build/release" "$tree/lessons" "$prefix/bin" "$prefix/share/torchless"
cp "$T" "$tree/torchless" && cp "$T" "$tree/build/release/" && cp "$T" "$prefix/bin/"
refuses "no model anywhere" 3 \
	"in none of $prefix/bin/lessons/model, .*$prefix/share/torchless/model.*--model" \
	"$prefix/bin/torchless" info
cp -r "$m" "$tree/lessons/model" && cp -r "$m" "$prefix/share/torchless/model"
is "of a source tree" "$tree/lessons/model" "$(named "$tree/torchless" /)"
is "of a build in it" "$tree/lessons/model" "$(named "$tree/build/release/torchless" /)"
is "of a prefix" "$prefix/share/torchless/model" "$(named "$prefix/bin/torchless" /)"
ln -s "$prefix/bin/torchless" "$work/linked"
is "of a prefix, through a link" "$prefix/share/torchless/model" "$(named "$work/linked" /)"
mv "$prefix" "$work/moved"
is "of a prefix that was moved" "$work/moved/share/torchless/model" \
	"$(named "$work/moved/bin/torchless" "$work/moved/bin")"
# Tensors that the model has no place for, and weights that were quantized once: both are said.
cp -r "$m" "$work/odd"
python3 - "$work/odd" <<'PY' || fail "a checkpoint with biases could not be made"
import json, struct, sys
path = sys.argv[1] + "/model.safetensors"
data = open(path, "rb").read()
length = struct.unpack("<Q", data[:8])[0]
header, body = json.loads(data[8:8 + length]), data[8 + length:]
for name in ("model.layers.1.self_attn.q_proj.bias", "model.layers.0.self_attn.q_proj.bias",
             "model.layers.0.self_attn.rotary_emb.inv_freq"):
    header[name] = {"dtype": "F32", "shape": [4], "data_offsets": [len(body), len(body) + 16]}
    body += b"\0" * 16
text = json.dumps(header).encode()
open(path, "wb").write(struct.pack("<Q", len(text)) + text + body)
path = sys.argv[1] + "/config.json"
config = json.load(open(path))
json.dump({**config, "torchless_source_types": "Q4_1, Q8_0"}, open(path, "w"))
PY
biases='2 tensors are not used, the first is model.layers.0.self_attn.q_proj.bias'
for command in info "run -n 1" "trace -o $work/odd.db"; do
	# shellcheck disable=SC2046,SC2086
	try "$T" $command -m "$work/odd" $([ "$command" = info ] || echo x)
	is "$command warns once" 1 "$(grep -c "^torchless: warning: .*$biases" "$err")"
done
has "what they were" '^dequantized_from	Q4_1, Q8_0$' "$("$T" info -m "$work/odd" >"$out" 2>"$err"; echo "$out")"
try "$T" info -m "$m"
hasnt "others say nothing" 'dequantized_from' "$out"
hasnt "and are not warned of" 'warning' "$err"
finish
