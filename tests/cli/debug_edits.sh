#!/bin/sh
# debug_edits.sh -- edits that are typed, kept in a file, and run elsewhere.
. "$(dirname "$0")/lib.inc"
m=$root/lessons/model
cd "$work" || exit 2
text="Lily put the ball in the box."
d() { timeout 100 "$T" debug -m "$m" -n 3 --batch "$@" "$text"; }

# ---- a file of edits means the same in both programs
d -ex 'hook L0.attn.k_rot = out * 1.5' -ex 'hook L1.attn.z[head=2] = out * 0.5' -ex 'hook L2.mlp = 0' \
	-ex "force 11 ' ball'" -ex 'save edits e.jsonl' -ex 'advance sampler' -ex 'output absmax(L3.resid_post)' > typed || fail "typing fails"
d -ex 'load edits e.jsonl' -ex 'info edits' -ex 'save edits f.jsonl' -ex 'advance sampler' -ex 'output absmax(L3.resid_post)' > loaded || fail "loading fails"
is "what is loaded is saved as it was" "" "$(cmp e.jsonl f.jsonl 2>&1)"
is "and gives the same numbers" "$(tail -n 1 typed)" "$(tail -n 1 loaded)"
has "hooks are listed" '^ +1 +all +model.layers.0.self_attn:k_rot +hook = out \* 1.5$' loaded
"$T" trace -q -m "$m" -n 3 --edits e.jsonl -o t.db "$text" > "$out" || fail "trace --edits fails"
is "trace runs them, too" "$(tail -n 1 typed)" \
	"$("$T" query -t t.db "SELECT printf('%.8g', absmax) FROM v_value WHERE fqn = 'model.layers.3:out' AND pass = 0")"

# ---- NaN has no sign, wherever it is printed: log(-1) has one on this machine
d -ex 'break L1.resid_post' -ex run -ex 'set L1.mlp = log(-1)' -ex 'output log(-1)' -ex 'output -nan' -ex 'output L1.mlp[0,0:2]' \
	-ex 'print L1.mlp[0,0:2]' -ex 'print/f L1.mlp[0,0]' -ex 'x/2e L1.mlp' -ex 'x/2d L1.mlp' -ex 'find nan L1.mlp' -ex 'info edits' >nan 2>&1
is "NaN is nan" "0 0" "$(grep -c -e '-nan' nan) $(grep -c NaN:  nan)"
has "and is there" '\bnan\b' nan
echo '{"point": "L1.mlp", "kind": "add", "value": "nan"}' >nan.jsonl
"$T" trace -q -m "$m" --edits nan.jsonl -o nan.db "$text" 2>/dev/null
is "in the recording, too" '{"value": "nan"}' "$("$T" query -t nan.db 'SELECT args FROM edit')"

# ---- what was read already takes one back; reverting gives the bits of a run without edits
d -ex 'advance layers.4' -ex 'zero L1.mlp' -ex 'revert' -ex 'advance sampler' -ex 'output l2(logits)' > reverted || fail "revert fails"
d -ex 'advance sampler' -ex 'output l2(logits)' > plain || fail "a plain run fails"
has "one is told" '^model.layers.1.mlp.down_proj:out was read already: going back to 0.43' reverted
is "reverted is as never edited" "$(tail -n 1 plain)" "$(tail -n 1 reverted)"

# ---- branches keep their numbers
d -ex 'goto 0.30' -ex 'fork other' -ex 'zero L2.attn.z[head=1]' -ex 'scale L3.mlp 2' -ex 'revert 1' -ex 'switch main' -ex 'switch other' \
	-ex 'info edits' -ex 'info branches' > "$out" || fail "branches fail"
has "an edit keeps its number" '^ +2 +0 +model.layers.3.mlp.down_proj:out +scale L3.mlp 2' "$out"
has "both branches are there" '^\* other' "$out"

# ---- refused
refuse() {
	what=$1 pattern=$2
	shift 2
	try "$T" debug -m "$m" -n 3 --batch "$@" "$text"
	is "$what: status" 2 "$status"
	has "$what" "$pattern" "$err"
}
refuse "shapes that do not fit" 'do not fit together' -ex 'advance layers.4' -ex 'set L1.attn.z = L0.resid_mid'
refuse "a head that is none" 'head' -ex 'set L0.attn.z[head=9] = 0'
refuse "a hook made of what comes later" 'is computed by op' -ex 'hook L0.mlp = L1.mlp'
refuse "a token that is none" 'is no token' -ex start -ex 'force qqqq'
refuse "an edit that is none" 'there is no edit 7' -ex 'revert 7'
refuse "a weight by a hook" 'computed by no op' -ex 'hook model.norm.weight = 0'
finish
