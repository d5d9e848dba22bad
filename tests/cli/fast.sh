#!/bin/sh
# fast.sh -- --fast: near, never the default, the same bits for any number of threads, and recorded.
. "$(dirname "$0")/lib.inc"
checkpoint plain --preset plain --layers 2
lessons=$root/lessons/model
p="Once upon a time, Lily and Tom went to the park"
cd "$work" || exit 2
for type in q8_0 q4_0; do
	python3 "$root/scripts/quantize.py" -q --type $type "$lessons" -o $type.gguf 2>"$err" || fail "quantize $type"
done

# near WHAT MODEL LEAST MOST: the worst position's NMSE of the logits against those without it, in prefill and decode.
near() {
	rm -f exact.db fast.db
	"$T" trace -q -m "$2" -n 4 --capture lm_head:out -o exact.db "$p"
	"$T" trace -q -m "$2" -n 4 --capture lm_head:out -o fast.db --fast "$p" 2>"$err"
	"$T" query -t fast.db --csv "SELECT min(nmse) BETWEEN $3 AND $4, max(nmse) BETWEEN $3 AND $4, count(*), max(nmse) worst
		FROM trace_diff('exact.db', 'fast.db') WHERE role = 'logits'" | tail -n 1 >"$out"
	is "$1: NMSE from $3 to $4" 1,1,4 "$(cut -d, -f1-3 "$out")$(grep -q '^1,1,4' "$out" || cat "$out")"
}
# how FILE: weights, arithmetic and cache of the newest run, and what of each type.
how() {
	"$T" query -t "$1" --csv "SELECT w.name || ' ' || c.name || ' ' || k.name || coalesce(' ' || json_extract(opts, '\$.fast'), '')
		FROM run JOIN dtype w ON w.id = dtype_weight JOIN dtype c ON c.id = dtype_compute JOIN dtype k ON k.id = dtype_kv
		ORDER BY run.id DESC LIMIT 1" | tail -n 1 | tr -d '"'
}
near bf16 "$lessons" 1e-12 1e-4
bf16=$(how fast.db)
case $bf16 in
"bf16 bf16 f16 {linear:{bf16:bf16},kv:f16}" | "bf16 f32 f16 {linear:{bf16:f32},kv:f16}") ;;
*) fail "what a bf16 model computes in: $bf16" ;;
esac
is "the default is as it was" "bf16 f32 f32" "$(how exact.db)"
"$T" query -t fast.db config >"$out"
has "config says it" '^types	weights bf16, arithmetic (bf16|f32), cache f16$' "$out"
is "bytes of the cache" "$("$T" query -t exact.db "SELECT $("$T" query -t exact.db cache | head -n 1 | cut -f5) / 2")" \
	"$("$T" query -t fast.db cache | head -n 1 | cut -f5)"
is "keys are recorded as what they are" "f16 f32" \
	"$("$T" query -t fast.db "SELECT (SELECT max(dtype) FROM v_value WHERE fqn LIKE '%:k_cache'), (SELECT max(dtype) FROM v_value WHERE fqn LIKE '%:k_rot')" | tr '\t' ' ')"

# Patterns that are computed from stored queries and keys are those of the cache.
"$T" trace -q -m "$lessons" -n 2 -o rot.db --fast "$p"
"$T" trace -q -m "$lessons" -n 2 --capture 'L*.attn.pattern' --capture none -o pattern.db --fast "$p"
for f in rot pattern; do
	"$T" query -t $f.db "SELECT head, q, k, printf('%.9g', p) FROM attn(0, 1) WHERE q < 9 ORDER BY 1, 2, 3" >$f.txt || fail "attn() of $f"
done
[ "$(wc -l <rot.txt)" -gt 20 ] || fail "attn() has few rows: $(wc -l <rot.txt)"
cmp -s rot.txt pattern.txt || fail "attn() of stored keys is not the pattern: $(diff rot.txt pattern.txt | head -n 4)"

# Two results that are not meant to be equal say so.
"$T" query -t fast.db first-divergence reference=exact.db >"$out"
has "first-divergence" 'b was made with --fast, a without it' "$out"
"$T" query -t exact.db --box differ b=fast.db >"$out" 2>&1
has "differ" 'b was made with --fast, a without it' "$out"
"$T" query -t exact.db --box differ b=exact.db >"$out" 2>&1
hasnt "differ of equal ones" 'fast' "$out"

# Blocks: eight bits of both.
near q8_0 q8_0.gguf 1e-10 1e-5
is "q8_0 times int16" "q8_0 int16 f16 {linear:{q8_0:int16},kv:f16}" "$(how fast.db)"
near q4_0 q4_0.gguf 1e-10 1e-5
case $(how fast.db) in
"q4_0 int16 f16 {linear:{"*"q4_0:int16"*"},kv:f16}") ;;
*) fail "q4_0 times int16: $(how fast.db)" ;;
esac

# The same bits for any number of threads, chunks of a prompt, and every set with the same bits.
for model in "$lessons" q8_0.gguf q4_0.gguf; do
	rm -f one.db
	"$T" trace -q -m "$model" -n 3 --capture '*=hash' -o one.db --fast -j1 "$p"
	for j in 2 3; do # of as many CPUs as there are
		rm -f many.db
		"$T" trace -q -m "$model" -n 3 --capture '*=hash' -o many.db --fast -j$j "$p" 2>"$err"
		is "$model: -j1 and -j$j" "" "$("$T" query -t one.db differ b=many.db)"
	done
	for isa in $("$T" info --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["kernels_available"].replace("ref", ""))'); do
		rm -f set.db
		TORCHLESS_KERNELS=$isa "$T" trace -q -m "$model" -n 3 --capture '*=hash' -o set.db --fast "$p"
		is "$model: $isa" "" "$("$T" query -t one.db differ b=set.db)"
	done
	"$T" run -q -m "$model" -n 20 --fast -j1 "$p" >one.txt
	"$T" run -q -m "$model" -n 20 --fast -j3 "$p" >many.txt 2>"$err"
	cmp -s one.txt many.txt || fail "$model: run -j1 and -j3"
done

# What is said.
try "$T" run -m "$lessons" -n 2 -v --fast "$p"
has "-v says what is multiplied with what" '--fast: bf16 weights times (bf16|f32), keys and values f16' "$err"
try "$T" run -m q8_0.gguf -n 2 --json --fast "$p"
python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); assert d["fast"] == {"linear": {"q8_0": "int16"}, "kv": "f16"}, d' "$out" || fail "run --json"
try "$T" trace -m q8_0.gguf -n 1 --fast -o said.db "$p"
has "the summary of trace" '^--fast: q8_0 weights times int16, keys and values f16$' "$err"
try "$T" trace -m q8_0.gguf -n 1 --json --fast -o said.db "$p"
python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); assert d["fast"]["kv"] == "f16", d' "$out" || fail "trace --json"
m=$root/build/test-models/plain
try "$T" run -m "$m" -n 2 --fast "$p"
has "f32 weights: only the cache" 'warning: --fast changes only keys and values, which are f16: weights of f32 ' "$err"
is "and that is all" 1 "$(grep -c warning "$err")"
near f32 "$m" 1e-12 1e-6
is "f32" "f32 f32 f16 {linear:{f32:f32},kv:f16}" "$(how fast.db)"

# Debugged as it runs, back and forth, and edited; the keys are shown as those numbers that they are.
"$T" trace -q -m q8_0.gguf -n 3 --capture '*=hash' -o one.db --fast "$p"
cat >go.dbg <<'X'
record on again.db
break L1.attn.z
run
reverse-step
continue
delete
continue
info session
kv
X
try "$T" debug -m q8_0.gguf -n 3 --fast --batch -x go.dbg "$p"
is "debug --fast" 0 "$status"
has "info session" '^--fast +q8_0 weights times int16, keys and values f16' "$out"
has "kv" 'L0 .* in f16, ' "$out"
is "debugged: the same bits" "" "$("$T" query -t one.db differ b=again.db)"
try "$T" debug -m q8_0.gguf -n 3 --fast --batch -ex 'break L1.attn.k_cache' -ex run -ex next -ex 'set L1.attn.k_cache[kv_pos=2] = 1.0001' \
	-ex 'print absmax(L1.attn.k_cache[kv_pos=2])' -ex 'print sum(L1.attn.k_cache[kv_pos=2] - 1)' "$p"
has "an edit of keys, rounded" '= 1$' "$out"
has "and no more than that" '= 0$' "$out"

# Many prompts: it goes on as it began.
printf '{"prompt": "one"}\n{"prompt": "two"}\n' >prompts.jsonl
"$T" trace -q -m q8_0.gguf -n 1 --fast --prompts prompts.jsonl -o many.db
refuses "resumed without it" 2 'was recorded with kernels [a-z0-9]+ --fast, not ' "$T" trace -q -m q8_0.gguf -n 1 --prompts prompts.jsonl --resume -o many.db
try "$T" trace -q -m q8_0.gguf -n 1 --fast --prompts prompts.jsonl --resume -o many.db
is "resumed with it" 0 "$status"

refuses "info has no use for it" 2 "--fast" "$T" info --fast
finish
