#!/bin/sh
# show.sh -- `torchless show`: what a text finds, how it looks, what is written, exit codes.
. "$(dirname "$0")/lib.inc"
cd "$work" || exit 2
m=$root/lessons/model
"$T" trace -q -m "$m" -n 3 --capture '*' -o trace.db "Once upon a time" || fail "no recording"
"$T" trace -q -m "$m" -n 3 --capture attention -o qk.db "Once upon a time" || fail "no recording of queries and keys"
"$T" trace -q -m "$m" --capture none -o stats.db "Once upon a time" || fail "no recording of statistics"
"$T" trace -q -m "$m" --capture '*' -o other.db "Once upon a day" || fail "no other recording"

# ---- what is found ------------------------------------------------------------------------------

titled() { # TITLE TEXT OPTION...: what is shown is called so
	title=$1
	shift
	try "$T" show --heat "$@"
	is "$1: status" 0 "$status"
	is "what '$1' is" "$title" "$(head -1 "$out")"
}
titled 'model.layers.3.self_attn:pattern of positions 0 to 6' L3.attn.pattern
titled 'model.layers.3.self_attn:pattern of positions 0 to 6' model.layers.3.self_attn:pattern
titled 'model.layers.3.self_attn:pattern of positions 0 to 6' blocks.3.attn.hook_pattern
titled 'layers[3].self_attn.pattern[...] of positions 0 to 6' 'layers[3].self_attn.pattern[...]'
titled 'model.layers.3.self_attn:pattern[head=2,q=-1] of positions 0 to 6' 'L3.attn.pattern[head=2, q=-1]'
titled 'model.layers.3.self_attn:pattern[head=2] in pass 1' 'L3.attn.pattern[pass=1, head=2]'
titled 'model.layers.3:out in pass 0' L3.resid_post
titled 'model.layers.3:out[pos=2] in pass 0' 'L3.resid_post[pos=2]'
titled 'L3.resid_post - L2.resid_post in pass 0' 'L3.resid_post - L2.resid_post'
titled 'L3.resid_post[pass=0] - L3.resid_mid[pass=0] in pass 0' 'L3.resid_post[pass=0] - L3.resid_mid[pass=0]'
titled 'L3.resid_post[pass=1] - L3.resid_post[pass=2]' 'L3.resid_post[pass=1] - L3.resid_post[pass=2]'
titled 'softmax(L0.attn.scores[head=0]) in pass 0' 'softmax(L0.attn.scores[head=0])'
titled 'lm_head.weight' lm_head.weight
titled 'weight(lm_head)' 'weight(lm_head)'
titled 'weight("lm_head.weight")[0:2, ::8]' 'weight("lm_head.weight")[0:2, ::8]'
titled 'tokens' tokens
titled 'mean(L0.attn.z, head) in pass 0' 'mean(L0.attn.z, head)'
is "a weight by both its names" "$("$T" show 'lm_head.weight[0:2]')" "$("$T" show 'weight(lm_head)[0:2]')"
is "the tokens" "$("$T" tokenize -m "$m" --ids "Once upon a time")" "$("$T" show tokens | cut -f1-5 | tr '\t' ' ')"
is "a text" "$(sql trace.db 'SELECT CAST(piece AS TEXT) FROM token WHERE pos = 1')" "$("$T" show 'tok(tokens[1])')"

# Attention that was not recorded is computed; its numbers are those that the pass computed.
"$T" show 'L2.attn.pattern' >"$work/stored" && "$T" show -t qk.db 'L2.attn.pattern' >"$work/computed"
cmp -s "$work/stored" "$work/computed" || fail "the pattern computed from queries and keys differs from that of the pass"
is "rows of a pattern" 28 "$(wc -l <"$work/stored" | tr -d ' ')"
"$T" show -t qk.db 'L2.attn.pattern[pass=0]' >"$work/computed" && "$T" show 'L2.attn.pattern[pass=0]' >"$work/stored"
cmp -s "$work/stored" "$work/computed" || fail "the pattern of pass 0 differs"

# ---- what is not ---------------------------------------------------------------------------------

refuses "a point that is none" 2 "nearest are L0.attn.pattern" "$T" show L0.attn.patern
refuses "a layer that is none" 2 "there are 5, 0 to 4" "$T" show L99.mlp
refuses "several" 2 "is one of 5: L0.attn.pattern" "$T" show pattern
refuses "a head that is none" 2 "outside of what is recorded" "$T" show 'L0.attn.pattern[head=9]'
refuses "an axis that is none" 2 "names no axis of .head,q,k." "$T" show 'L0.attn.pattern[hed=1]'
refuses "nothing of an axis" 2 "outside of what is recorded" "$T" show 'L0.attn.pattern[q=3:3]'
refuses "nothing of an axis in an expression" 2 "nothing of .* is in this range" "$T" show 'L0.attn.pattern[q=3:3] * 2'
refuses "a position beyond" 2 "pos=99" "$T" show 'L0.mlp[pos=99]'
refuses "a pass that is none" 2 "not recorded in pass 9" "$T" show 'L0.mlp[pass=9]'
refuses "a run that is none" 2 "run 3" "$T" show 'L0.mlp[run=3]'
refuses "numbers that were not kept" 2 "only its statistics: record with .[^ ]*torchless trace .*--capture units" "$T" show -t stats.db L0.mlp.act_mul
refuses "a pattern that was not" 2 "only its statistics: record with .[^ ]*torchless trace .*--capture" "$T" show -t stats.db L0.attn.pattern
refuses "in an expression" 2 "record with .[^ ]*torchless trace .*--capture units" "$T" show -t stats.db 'L0.mlp.act_mul * 2'
refuses "no expression" 2 "column 4" "$T" show '1 +'
refuses "an input" 2 "\`tokens\` are the ids" "$T" show input_ids
refuses "a weight that is none" 2 "has no tensor 'lm_hed'; the nearest is lm_head.weight" "$T" show 'weight(lm_hed)'
(cd "$root" && checkpoint tied --layers 1 --tied) || exit 2
refuses "a head that is tied" 2 "no tensor .lm_head.: its head reads the embeddings, model.embed_tokens.weight" "$T" show -m "$root/build/test-models/tied" "weight(lm_head)"
refuses "two pictures" 2 "" "$T" show --heat --hist L0.mlp
refuses "no recording of that name" 3 "nothing.db" "$T" show -t nothing.db L0.mlp
mkdir -p empty
(cd empty && refuses "no recording here" 3 "trace.db: there is no recording here; .[^ ]*torchless trace PROMPT. makes one" "$T" show L0.mlp && exit $failures) || failures=1
(cd empty && refuses "an unknown name without a recording" 3 "there is no recording here" "$T" show nonsense && exit $failures) || failures=1
(cd empty && try "$T" show -m "$m" 'lm_head.weight[0]' && is "a weight needs no recording" 0 "$status" && exit $failures) || failures=1

# ---- two ------------------------------------------------------------------------------------------

try "$T" show --heat 'L0.attn.pattern[head=0]' --vs 'L1.attn.pattern[head=0]'
has "a pair: the first" '^a: model.layers.0.self_attn:pattern\[head=0\] of positions 0 to 6$' "$out"
has "a pair: the other" '^b: model.layers.1.self_attn:pattern\[head=0\] of positions 0 to 6$' "$out"
has "a pair: the difference" '^difference b - a: largest [0-9.]+ at \[[0-9]+,[0-9]+\], nmse [0-9.e-]+, cosine [0-9.]+$' "$out"
try "$T" show --heat L0.mlp --vs L0.mlp
has "one and the same" '^difference b - a: none, all elements are equal$' "$out"
try "$T" show --heat 'L0.mlp[pass=0]' --vs other.db
has "another recording" '^b: model.layers.0.mlp.down_proj:out in pass 0 of other.db$' "$out"
"$T" show L0.mlp --npy mlp.npy && try "$T" show --heat L0.mlp --vs mlp.npy
has "a file" '^b: mlp.npy$' "$out"
has "a file that was written is equal" '^difference b - a: none' "$out"
is "piped: a line an element" "$(sql trace.db "SELECT 5 * d_model FROM model")" "$("$T" show L0.mlp --vs L1.mlp | wc -l | tr -d ' ')"
refuses "other axes" 2 "is f32\[5,128\] and .* is f32\[128\]: only equal shapes" "$T" show L0.mlp --vs 'L0.mlp[-1]'
refuses "shapes that do not fit" 2 "is f32\[5,128\] and .* is f32\[1,128\]: only equal shapes" "$T" show L0.mlp --vs 'L0.mlp[pass=1]'
refuses "the other one is not there" 2 "nearest" "$T" show L0.mlp --vs L0.mpl
refuses "a file that is not there" 3 "nothing.db" "$T" show L0.mlp --vs nothing.db
echo hello >other.txt
refuses "a file that is none" 2 "other.txt" "$T" show L0.mlp --vs other.txt

# ---- data -----------------------------------------------------------------------------------------

try "$T" show 'L0.attn.pattern[head=1]' --csv p.csv
is "--csv says nothing" "" "$(cat "$out" "$err")"
is "--csv: the heading" q,k,value,q_token,k_token "$(head -1 p.csv)"
is "--csv: lines" 50 "$(wc -l <p.csv | tr -d ' ')"
is "--csv -" "$(cat p.csv)" "$("$T" show 'L0.attn.pattern[head=1]' --csv -)"
is "--csv of two" "pos,d_model,value,other,difference,pos_token" "$("$T" show L0.mlp --vs L1.mlp --csv - | head -1)"
is "--npy -" "$(cksum <mlp.npy)" "$("$T" show L0.mlp --npy - | cksum)"
"$T" show L0.attn.pattern --json | python3 -c "
import json, sys
d = json.load(sys.stdin)
assert d['shape'] == [4, 7, 7] and d['axes'] == ['head', 'q', 'k'] and d['dtype'] == 'f32' and d['base'] == [0, 0, 0], d
assert d['labels']['q'] == d['labels']['k'] and len(d['labels']['q']) == 7 and d['stats']['numel'] == 196
assert abs(sum(d['values'][3][6]) - 1) < 1e-5
" || fail "--json"
"$T" show L0.mlp --vs L1.mlp --json | python3 -c "
import json, sys
d = json.load(sys.stdin)
a, b, c = d['values'][0], d['vs']['values'][0], d['difference']['values'][0]
assert all(abs(y - x - z) < 1e-5 for x, y, z in zip(a, b, c)) and abs(max(map(abs, c)) - d['difference']['max_abs']) < 1e-6, d['difference']
" || fail "--json of two"
is "--print, piped, is a row a line" 5 "$("$T" show 'L0.mlp[pass=0]' --print | wc -l | tr -d ' ')"
is "and all of it" "$(sql trace.db "SELECT d_model FROM model")" "$("$T" show 'L0.mlp[pass=0]' | head -1 | cut -f3- | tr '\t' '\n' | wc -l | tr -d ' ')"
if "$T" show L0.attn.pattern --png p.png 2>"$err"; then
	is "--png is one" 89504e470d0a1a0a "$(head -c 8 p.png | od -An -tx1 | tr -d ' \n')"
	"$T" show L0.mlp --vs L1.mlp --png pair.png || fail "--png of two"
else
	has "no cairo" "cairo" "$err"
fi

# A file that was there stays as it is unless all of the new one is written.
echo keep >keep && cp keep there.csv
refuses "nothing is written of what is not found" 2 "nearest" "$T" show L0.mpl --csv there.csv
cmp -s keep there.csv || fail "a file was changed by a command that failed"
refuses "no folder" 3 "nowhere/x.npy" "$T" show L0.mlp --npy nowhere/x.npy
if [ -w /dev/full ]; then
	"$T" show L0.mlp --csv - >/dev/full 2>"$err"
	is "a full disk: status" 3 $?
	is "a full disk: lines" 1 "$(wc -l <"$err" | tr -d ' ')"
fi
refuses "two on standard output" 2 "standard output takes one" "$T" show L0.mlp --csv - --json
refuses "a text is no data" 2 "is a text and no tensor" "$T" show 'tok(5)' --npy x.npy

# ---- how it looks ----------------------------------------------------------------------------------

try "$T" show --heat L0.attn.pattern
has "statistics come second" '^f32\[4,7,7\] mean ' "$out"
has "tokens beside queries" '^ upon ' "$out"
try "$T" show --hist L0.mlp
has "a histogram" '[0-9]' "$out"
try "$T" show --topk 3 'logits[-1]'
has "the largest have their tokens" "^\[[0-9]+\] +'" "$out"
is "so many" 6 "$(wc -l <"$out" | tr -d ' ')"
try "$T" show --spark 'L0.mlp[pass=0]'
has "a sparkline a position" '^upon ' "$out"
finish
