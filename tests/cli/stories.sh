#!/bin/sh
# stories.sh -- the debugger's stories show at 80 columns what docs/debugger.md says, docs/images what its full-screen
# view does, and the pages made of its help are those that it gives.  `make stories` plays them in every kind of terminal.
. "$(dirname "$0")/lib.inc"
for page in commands:debugger-commands expressions:expressions; do
	TORCHLESS=$T python3 scripts/debugger-doc "${page%:*}" >"$out" 2>&1
	cmp -s "$out" "docs/${page#*:}.md" || fail "docs/${page#*:}.md is another: run make docs"
done

# A fault is planted where it is said, and nowhere else.
try python3 scripts/plant lessons/model "$work/bad" 'model.layers.2.mlp.up_proj.weight[17,40]=nan'
is "plant: status" 0 "$status"
is "plant: bytes that differ" 2 "$(cmp -l lessons/model/model.safetensors "$work/bad/model.safetensors" | wc -l | tr -d ' ')"
for planted in 'model.norm.weight[128]=0' 'model.norm.weight[x]=0' rope=1 'lm_head.weight[0,0]=much'; do
	try python3 scripts/plant lessons/model "$work/no" "$planted"
	is "plant $planted: status" 1 "$status"
	is "plant $planted: lines" 1 "$(wc -l <"$err" | tr -d ' ')"
	[ ! -e "$work/no" ] || fail "plant $planted leaves a copy"
done

# A sanitizer is too slow for a terminal, and says so elsewhere.
if ! command -v tmux >/dev/null || [ "${T%/asan/*}" != "$T" ]; then finish; fi
TORCHLESS=$T python3 scripts/tui-capture "$work/debug-tui.svg" >"$out" 2>&1 || fail "no picture of the full-screen view: $(brief "$(cat "$out")")"
for picture in debug-tui.txt debug-tui.svg; do
	cmp -s "$work/$picture" "docs/images/$picture" || fail "docs/images/$picture shows another screen: run make tui-capture"
done
TORCHLESS=$T python3 scripts/stories --quick >"$out" 2>&1 || fail "a story goes otherwise: make stories: $(brief "$(cat "$out")")"
finish
