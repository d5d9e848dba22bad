#!/bin/sh
# debug_print.sh -- printing, examining and displaying values, as one does it: golden text of the
# teaching model, by the kernels that give the same bits everywhere.
# $ is a value here and none of the shell.
# shellcheck disable=SC2016
. "$(dirname "$0")/lib.inc"
export TORCHLESS_KERNELS=ref LC_ALL=C.UTF-8

# session WHAT LINE...: run the lines; what they say goes to $out, what fails to $err.
session() {
	what=$1
	shift
	for line; do
		set -- "$@" -ex "$line"
		shift
	done
	try "$T" debug -m lessons/model -n 3 --batch --keep-going "$@" "Lily put the ball in the box."
	[ "$status" -lt 126 ] || fail "$what: exit $status"
}

# shows WHAT: $out is the lines on stdin.
shows() {
	cat >"$work/expected"
	diff -u "$work/expected" "$out" >"$work/diff" || {
		cat "$work/diff"
		fail "$1"
	}
}

session "what the issue promises" 'break model.layers.3.self_attn' run 'print stats(in[0])' \
	'finish' 'print .pattern[head=1, q=-1]' 'print/2k .pattern[head=1, q=-1]' 'print shape(.)'
is "its status" 0 "$status"
has "the breakpoint is met" '^Breakpoint 1' "$out"
has "the input has statistics" '^\$1 = f32\[9,128\] min -3\.13[0-9]* max 3\.2.* at 0,121' "$out"
has "a pattern is that of what was left" '^\$2 = f32\[9\] mean 0\.1111' "$out"
has "its keys are tokens" '^.* <s> ' "$out"
has "a shape is a text" '^\$4 = 9,128$' "$out"

session "numbers" 'print 1 + 2 * 3' 'p $ / 2.0' 'p 7 % 4 == 3' 'p/x 255' 'p/t 5' 'output 2 @ 3' 'p tok(284)' \
	"p tok_id(' the')" 'set $x = 5' 'p $x * $x' 'info values'
shows "numbers" <<'END'
$1 = 7
$2 = 3.5
$3 = 1
$4 = 0xff
$5 = 00000101
  2 @ 3
      ^
$6 = ' the'
$7 = 284
$8 = 25
$1 = 7
$2 = 3.5
$3 = 1
$4 = 255
$5 = 5
$6 = ' the'
$7 = 284
$8 = 25
$x = 5
END
has "a product of numbers is none" 'output|@' "$err"

session "types" start 'whatis layers[0].self_attn.pattern' 'ptype L0.attn.pattern'
shows "types" <<'END'
0.0  model.embed_tokens  embedding → out[9,128]   prefill · op 0 of 110 · mistral.c:172
type = f32[4, 9, 9]  head, q, k
type = f32[4, 9, 9]  head, q, k
  name            model.layers.0.self_attn:pattern
  short           L0.attn.pattern
  is              how much each query takes from each key
  Hugging Face    softmax(attn_weights)
  TransformerLens blocks.0.attn.hook_pattern
  ggml            kq_soft_max-0
  computed by     op 12, softmax in model.layers.0.self_attn, mistral.c:117
  as              y = exp(s - max(s)) / sum(exp(s - max(s)))
  read by         op 13 in model.layers.0.self_attn
  now             model.layers.0.self_attn:pattern was not computed yet: it is op 12, `advance 0.13` runs it
END

session "carets" start 'print pattern' 'p in[0][99]' 'p 1/0' 'p foo(1)' 'p layers[7]' 'p L3.attn.pattern' 'p tok('
shows "carets" <<'END'
0.0  model.embed_tokens  embedding → out[9,128]   prefill · op 0 of 110 · mistral.c:172
  pattern
  ^
  in[0][99]
        ^
  1/0
    ^
  foo(1)
  ^
  layers[7]
  ^
  L3.attn.pattern
  ^
  tok(
      ^
END
has "ambiguity lists the candidates" "'pattern' is one of 5: L0.attn.pattern, L1.attn.pattern" "$err"
has "a layer that is not there" 'there are 5, 0 to 4' "$err"
has "what is not computed says how" 'was not computed yet: it is op 75, `advance 0.76` runs it' "$err"

session "displays" 'display op' start 'stepi 2' 'display in[0][op]' 'goto 0.9' 'info display' 'undisplay 1' \
	stepi
has "shown at the start" '^1: op = 0$' "$out"
has "and behind it" '^1: op = 2$' "$out"
has "one that fails is disabled" '^2: in\[0\]\[op\]  \(disabled\)$' "$out"
has "and says why" 'display 2, which is disabled now: ' "$err"

session "examine" 'x/6x model.norm.weight[1]' x 'x/4gf model.norm.weight[-1]' 'print model.norm.weight[1]'
has "bf16 has 16 bits" '^\[1\]:  0x[0-9a-f]{4}  0x[0-9a-f]{4}  ' "$out"
has "x goes on" '^\[7\]:  0x' "$out"
has "it ends where the tensor ends" '^\[127\]: ' "$out"

# What nobody would type.
{
	printf 'print '
	head -c 1000000 /dev/zero | tr '\0' '('
	printf '\nprint '
	head -c 10000000 /dev/zero | tr '\0' '1'
	printf '\nprint "\377\376"\nprint in[0][9999999999999999999999]\nprint in[0][5:2]\nprint 3 %% 0\nprint 2 + 2\n'
} >"$work/odd"
try "$T" debug -m lessons/model --batch --keep-going -x "$work/odd" Once
is "odd lines fail" 2 "$status"
has "and the session stands" '^\$1 = 4$' "$out"
hasnt "no raw byte is shown" "$(printf '\377')" "$out"
[ "$(wc -c <"$out")" -lt 5000 ] || fail "odd lines are shown in full"

finish
