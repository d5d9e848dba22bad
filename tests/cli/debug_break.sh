#!/bin/sh
# debug_break.sh -- breakpoints, watchpoints and catchpoints as a user sets, hits, lists and keeps them.
. "$(dirname "$0")/lib.inc"

# says WHAT EXPECTED COMMAND...: all that these commands print but for how things look where it stopped.
says() {
	what=$1
	expected=$2
	shift 2
	n=$#
	for command; do
		set -- "$@" -ex "$command"
	done
	shift "$n"
	try "$T" debug --batch --color never -m lessons/model -n 3 "$@" "Once upon a"
	is "$what: exit status" 0 "$status"
	printf '%s\n' "$expected" >"$work/expected"
	sed -E '/^[0-9]+\.[0-9]+  /s/  .*//; / → f32/d; /^  in\[/d; /^Running pass/d' "$out" >"$work/said"
	diff "$work/expected" "$work/said" >"$work/diff" || fail "$what: $(cat "$work/diff")"
}

says "breakpoints" "Breakpoint 1 at op 38: model.layers.1.mlp at mistral.c:132.
Breakpoint 2 at layers.*.mlp, 5 places.
Will ignore next 2 crossings of breakpoint 2.
Breakpoint 1
0.38
Num  Type          Disp Enb Address    What
1    breakpoint    keep y   op 38      model.layers.1.mlp at mistral.c:132
        breakpoint already hit 1 time
2    breakpoint    keep y   <MULTIPLE> layers.*.mlp, 5 places
2.1
2.2
2.3
2.4
2.5
        breakpoint already hit 2 times
Breakpoint 2
0.59
Deleted breakpoint 1, 2." \
	'break layers.1.mlp' 'b layers.*.mlp' 'ignore 2 2' 'run' 'info b' 'c' 'delete 1-2'

says "a condition on what comes out, asked behind it" "Breakpoint 1 at layers.*.mlp, 5 places.
Breakpoint 1
0.64
Breakpoint 1
0.85
Breakpoint 1
0.64" 'b layers.*.mlp if absmax(out) > 7' 'run' 'c' 'rc'

says "a temporary one, and lines that are printed" 'Temporary breakpoint 1 at sampler.
Dprintf 2 at op 38: model.layers.1.mlp at mistral.c:132 "layer %d: %.1f\n",layer,absmax(in).
layer 1: 3.2
Temporary breakpoint 1
0.110
layer 1: 2.6
layer 1: 1.9
2.110+1  the end of the generation' 'tb sampler' 'dprintf L1.mlp,"layer %d: %.1f\n",layer,absmax(in)' 'run' 'c'

says "a watch, forward and back" "Watchpoint 1: argmax(logits)
Watchpoint 1: argmax(logits)
Old value = 4582
New value = 565
1.110
Watchpoint 1: argmax(logits)
Old value = 565
New value = 328
2.110
Watchpoint 1: argmax(logits)
Old value = 4582
New value = 565
1.110" 'watch argmax(logits)' 'run' 'continue' 'reverse-continue'

says "a NaN stops by itself" "0.0
Edit 1: set model.layers.1.mlp.up_proj.weight[0,0] = nan.
Catchpoint 0 (nan), linear
  model.layers.1.mlp.up_proj:out: 4 of 1280 are NaN, the first at pos 0, d_ff 0: nan
0.41" 'start' 'set model.layers.1.mlp.up_proj.weight[0,0] = nan' 'run'

says "commands" "Breakpoint 1 at op 38: model.layers.1.mlp at mistral.c:132.
No watchpoints.
Breakpoint 1 now unconditional." 'b L1.mlp if 1 > 0' 'commands' 'silent' 'info watch' 'condition 1' 'end' 'run'

says "hits so far and to come" "0.0
AT    WHERE               argmax(in[-1])
0.38
1.38
2.38
0.0" 'start' 'hits -a layers.1.mlp argmax(in[-1])' 'goto 0.0'

refuses "a location that is none" 2 "the nearest are .*layers.1.self_attn" \
	"$T" debug --batch -m lessons/model -ex 'b layers.1.slf_attn' "Once"
refuses "a layer that is none" 2 "the layers are 0 to 4" \
	"$T" debug --batch -m lessons/model -ex 'b layers.5' "Once"

# What is saved is written whole, and sets the same again.
try "$T" debug --batch -m lessons/model -ex 'b layers.*.mlp if absmax(out) > 7' -ex 'ignore 1 2' -ex 'tb token 2' \
	-ex "save breakpoints $work/kept" -ex 'info b' "Once"
sed '1,/^Saved/d' "$out" >"$work/before"
try "$T" debug --batch -m lessons/model -ex "source $work/kept" -ex 'info b' "Once"
sed '1,/^Num/{/^Num/!d}' "$out" | diff - "$work/before" >"$work/diff" || fail "save and source: $(cat "$work/diff")"
finish
