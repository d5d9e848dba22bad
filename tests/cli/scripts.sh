#!/bin/sh
# scripts.sh -- what people run of scripts/ explains itself: --help, a sentence for wrong arguments, for
# a file and for a package that is not there; never a traceback.
. "$(dirname "$0")/lib.inc"

tree="$work/a tree"
mkdir -p "$tree" "$work/lacks" "$work/it"
cp -r scripts include "$tree"
for package in numpy torch transformers tokenizers gguf safetensors; do
	printf 'raise ImportError("none", name="%s")\n' $package >"$work/lacks/$package.py"
done
cd "$work/it" || exit 2

# sane WHAT STATUS COMMAND...: it ends so, without a traceback.
sane() {
	what=$1 expected=$2
	shift 2
	timeout 100 "$@" >"$out" 2>"$err" </dev/null
	is "$what: status" "$expected" "$?"
	hasnt "$what: a traceback" '^Traceback' "$err"
}

list='check_tokenizers.py debugger-doc export_mistral.py fetch-smollm2 import_gguf.py import_npy.py make_checkpoint.py
	make_model.py mistral_tokenizers.py node-modules parity.py parity_edits.py parity_suite.py pictures plant race read_trace.py record_hf.py
	recording-answers recording-doc screen-svg setup shown try-fresh tui-capture venv model_check.py
	teach/again teach/card.py teach/evaluate.py teach/export.py teach/items.py teach/text.py teach/tokenizer.py teach/train.py'
for name in $list; do
	sane "$name without packages: --help" 0 env PYTHONPATH="$work/lacks" "$tree/scripts/$name" --help
	is "$name without packages: help" 1 "$(awk 'NF { n = 1 } END { print n + 0 }' "$out")"
	is "$name without packages: nothing on stderr" "" "$(cat "$err")"
done

# Those that stand on nothing but Python, or a shell, know what they take wherever they are.
for name in debugger-doc node-modules pictures plant recording-answers recording-doc screen-svg setup shown stories \
	try-fresh tui-capture venv teach/again export_mistral.py fetch-smollm2; do
	sane "$name: an option that is none" 2 "$root/scripts/$name" --no-such-option
	has "$name: a sentence" "${name##*/}|usage" "$err"
done

# What a package is needed for says which command makes them, as it is typed from here.
for name in import_gguf.py import_npy.py make_checkpoint.py make_model.py parity.py race read_trace.py record_hf.py check_tokenizers.py \
	model_check.py parity_suite.py parity_edits.py teach/train.py teach/evaluate.py teach/export.py teach/card.py; do
	sane "$name without packages" 3 env PYTHONPATH="$work/lacks" "$tree/scripts/$name" x
	is "$name without packages: lines" 1 "$(wc -l <"$err" | tr -d ' ')"
	has "$name without packages: what to run" 'is missing: .*scripts/venv.? (import|reference)' "$err"
done
PYTHONPATH=$work/lacks "$tree/scripts/import_gguf.py" x -o y 2>"$err"
has "elsewhere: the path" "run '$tree/scripts/venv' import" "$err"
(cd "$tree" && PYTHONPATH=$work/lacks scripts/import_gguf.py x -o y) 2>"$err"
has "in the tree: as it is typed there" "run scripts/venv import" "$err"

# Files that are not there.
sane "plant: no model" 1 "$root/scripts/plant" nope y a=1
is "plant: a sentence" "plant: nope: No such file or directory" "$(cat "$err")"
mkdir empty && : >empty/config.json && : >empty/model.safetensors
sane "plant: an empty config" 1 "$root/scripts/plant" empty y a=1
sane "plant: empty weights" 1 "$root/scripts/plant" empty y 'a.b[1]=1'
[ ! -e y ] || fail "plant left a copy"
sane "shown: no document" 2 "$root/scripts/shown" nope.md
sane "export: no directory" 2 "$root/scripts/export_mistral.py" nope -o x

# In a tree with its environment the scripts find it, whichever python3 is called.
if [ -x "$root/.venv/bin/python" ] && "$root/.venv/bin/python" -c 'import numpy' 2>/dev/null; then
	"$T" trace -q -n 1 -o t.db "Tom has" || fail "no recording"
	sane "read_trace.py" 0 "$root/scripts/read_trace.py" t.db '*:q_rot'
	sane "read_trace.py by the system's Python" 0 python3 -S "$root/scripts/read_trace.py" t.db '*:q_rot'
	is "read_trace.py: lines" 5 "$(wc -l <"$out" | tr -d ' ')"
	sane "read_trace.py: no file" 2 "$root/scripts/read_trace.py" nope.db
	sane "read_trace.py: two too many" 2 "$root/scripts/read_trace.py" a b c
	sane "import_gguf.py: no file" 2 "$root/scripts/import_gguf.py" nope -o x
	sane "import_npy.py: no file" 2 "$root/scripts/import_npy.py" --like nope -o x nope
	sane "parity.py: no file" 2 "$root/scripts/parity.py" a b c
fi
finish
