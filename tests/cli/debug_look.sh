#!/bin/sh
# debug: the commands that look, as text, of a session and of its recording.
. "$(dirname "$0")/lib.inc"
# The reference kernels give the same bits, so the same text, everywhere.
export TORCHLESS_KERNELS=ref LC_ALL=C.UTF-8
prompt="Lily put the ball in the box. Tom opened the"

# look COMMAND...: what the commands say at the end of the prefill.
look() {
	for c in "$@"; do
		set -- "$@" -ex "$c"
		shift
	done
	"$T" debug --batch -ex start -ex 'goto 0.110' "$@" "$prompt" 2>&1 | tail -n +3
}

# shows WHAT COMMAND: exactly what stands on standard input.
shows() {
	cat >"$work/want"
	look "$2" >"$out"
	cmp -s "$work/want" "$out" || {
		fail "$1: \`$2\` shows something else"
		diff "$work/want" "$out" | head -n 20
	}
}

shows "the lens of all layers" "lens" <<'END'
position 11 ' the', answer ' sun'
layer    likeliest next tokens                                          rank
embed    ' the'      100.0%  ' a'         <0.1%  ' they'      <0.1%      552
L0       ' best'      20.7%  ' time'      12.4%  ' loud'       7.3%      325
L1       ' ball'      20.1%  ' book'      15.7%  ' shell'      7.6%       16
L2       ' box'       21.4%  ' ball'      18.3%  ' book'       9.5%        7
L3       ' box'       24.7%  ' sun'       10.3%  ' birds'      8.8%        2
L4       ' sun'        6.6%  ' ball'       6.4%  ' box'        5.4%        1
END

shows "the lens of one" "lens 3 4" <<'END'
L3, position 11, where the final answer ' sun' has rank 2
rank     id  token                  logit    prob
   1    574  ' box'                 9.885   24.7%  █████░░░░░░░░░░░░░░
   2    642  ' sun'                 9.007   10.3%  ██░░░░░░░░░░░░░░░░░
   3    856  ' birds'               8.858    8.8%  ██░░░░░░░░░░░░░░░░░
   4    560  ' ball'                8.427    5.7%  █░░░░░░░░░░░░░░░░░░
… 1324 more tokens share 50.5%
END

shows "logits" "logits 5" <<'END'
position 11 ' the'
rank     id  token                  logit    prob
   1    642  ' sun'                 10.92    6.6%  █░░░░░░░░░░░░░░░░░░
   2    560  ' ball'                10.89    6.4%  █░░░░░░░░░░░░░░░░░░
   3    574  ' box'                 10.72    5.4%  █░░░░░░░░░░░░░░░░░░
   4    451  ' book'                10.57    4.6%  █░░░░░░░░░░░░░░░░░░
   5    654  ' ring'                10.52    4.4%  █░░░░░░░░░░░░░░░░░░
… 1323 more tokens share 72.5%
END

shows "logits of a position that has a next token" "logits 2 3" <<'END'
position 3 ' the'
rank     id  token                  logit    prob
   1    571  ' doll'                9.526    4.2%  █░░░░░░░░░░░░░░░░░░
   2    654  ' ring'                9.419    3.8%  █░░░░░░░░░░░░░░░░░░
  13    560  ' ball'                9.297    3.4%  █░░░░░░░░░░░░░░░░░░ ← next
… 1326 more tokens share 92.0%
END

shows "a head" "attn 3.2" <<'END'
layer 3, head 2
          <s>  Lily   put   the  ball    in   the   box     .   Tom open…   the
   <s>    1.0
  Lily    .04   .96
   put    .01   .21   .78
   the    .00   .00   .97   .02
  ball    .00   .03   .00   .96   .00
    in    .03   .26   .48   .02   .02   .20
   the    .00   .00   .05   .01   .00   .94   .00
   box    .00   .04   .00   .02   .02   .00   .91   .00
     .    .00   .92   .01   .01   .01   .01   .01   .03   .01
   Tom    .00   .00   .00   .00   .00   .00   .00   .00   .00   1.0
opened    .00   .12   .00   .00   .00   .00   .00   .01   .01   .80   .05
   the    .02   .08   .08   .00   .00   .01   .00   .05   .08   .26   .31   .10
rows q, columns k  min 4.008e-06 max 1
END

shows "a query" "attn 3.2 -1" <<'END'
layer 3, head 2, query 11 ' the'
    10  ' opened'           31.3%  █████████░░░░░░░░░░░░░░░░░░░░░
     9  ' Tom'              25.9%  ████████░░░░░░░░░░░░░░░░░░░░░░
    11  ' the'               9.6%  ███░░░░░░░░░░░░░░░░░░░░░░░░░░░
     8  '.'                  8.3%  ██░░░░░░░░░░░░░░░░░░░░░░░░░░░░
     2  ' put'               8.3%  ██░░░░░░░░░░░░░░░░░░░░░░░░░░░░
     1  ' Lily'              7.6%  ██░░░░░░░░░░░░░░░░░░░░░░░░░░░░
     7  ' box'               5.0%  ██░░░░░░░░░░░░░░░░░░░░░░░░░░░░
     0  '<s>'                1.7%  █░░░░░░░░░░░░░░░░░░░░░░░░░░░░░
     5  ' in'                1.4%  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░
     4  ' ball'              0.4%  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░
… 2 other keys share 0.4%
END

shows "queries" "attn 1.1 --keys" <<'END'
layer 1, head 1: a query a line, and the keys that it takes most from
     0 '<s>'       100.0% 0 '<s>'
     1 ' Lily'     96.6% 0 '<s>'       3.4% 1 ' Lily'
     2 ' put'      96.9% 2 ' put'      3.0% 0 '<s>'
     3 ' the'      96.4% 3 ' the'      3.4% 2 ' put'
     4 ' ball'     62.3% 3 ' the'      29.0% 2 ' put'
     5 ' in'       86.7% 0 '<s>'       6.8% 5 ' in'
     6 ' the'      58.1% 4 ' ball'     26.0% 6 ' the'
     7 ' box'      92.1% 0 '<s>'       7.3% 5 ' in'
     8 '.'         99.5% 1 ' Lily'     0.4% 0 '<s>'
     9 ' Tom'      94.8% 3 ' the'      2.4% 8 '.'
    10 ' opened'   37.5% 4 ' ball'     26.2% 3 ' the'
    11 ' the'      37.5% 4 ' ball'     36.3% 3 ' the'
END

shows "all heads" "attn 0" <<'END'
layer 0
       head 0                    head 1
                           o                         o
                           p                         p
         L     b           e       L     b           e
       < i p t a   t b   T n t   < i p t a   t b   T n t
       s l u h l i h o   o e h   s l u h l i h o   o e h
       > y t e l n e x . m d e   > y t e l n e x . m d e
   <s> ██                        ██
  Lily ██··                      ██··
   put ██····                    ··██··
   the ····██··                  ····██··
  ball ····██····                ······██··
    in ········██··              ········██··
   the ········██····            ··········██··
   box ········██······          ············██··
     . ············██····        ············░░▓▓··
   Tom ··············██····      ················██··
opened ················██····    ··················██··
   the ··················░░▒▒··  ····················██··
       head 2                    head 3
                           o                         o
                           p                         p
         L     b           e       L     b           e
       < i p t a   t b   T n t   < i p t a   t b   T n t
       s l u h l i h o   o e h   s l u h l i h o   o e h
       > y t e l n e x . m d e   > y t e l n e x . m d e
   <s> ██                        ██
  Lily ██··                      ··██
   put ██····                    ····██
   the ······██                  ······██
  ball ····██····                ········██
    in ····▓▓······              ··········██
   the ············▓▓            ············██
   box ········██······          ··············██
     . ····██············        ················██
   Tom ················██··      ··················██
opened ················▒▒····    ····················██
   the ······················▓▓  ······················██
rows q, columns k  0 ·░▒▓█ 1  min 2.521e-21 max 1
END

shows "attribution" "attrib --top 6" <<'END'
position 11 ' the': the logit of ' sun', 10.920, in 26 parts
  L4 MLP                   +7.215                       │█████████████████████
  L4 head 3                +0.676                       │██
  L1 head 2                +0.539                       │██
  L0 MLP                   +0.337                       │█
  L1 head 1                +0.330                       │█
  L3 head 2                +0.320                       │█
… more parts               +1.502  up +2.086, down -0.584
  rounding                 +0.000
  sum                     +10.920  the logit of the pass; the rms is 15.41
END

shows "attribution of two tokens by layers" "attrib ' box' vs ' ball' --layers" <<'END'
position 11 ' the': the logit of ' box' above that of ' ball', -0.177, in 11 parts
  L1 attention             -0.832  █████████████████████│
  L4 MLP                   -0.723     ██████████████████│
  L2 MLP                   +0.407                       │██████████
  L1 MLP                   +0.246                       │██████
  L2 attention             +0.240                       │██████
  L3 MLP                   +0.227                       │██████
  L3 attention             +0.183                       │█████
  L0 MLP                   -0.173                   ████│
  L0 attention             +0.165                       │████
  L4 attention             +0.095                       │██
  embedding                -0.013                       │
  rounding                 +0.000
  sum                      -0.177  the logit of the pass; the rms is 15.41
END

shows "tokens" "tokens" <<'END'
     pos      id  token
▸      0       1  '<s>'                                               prompt
▸      1     532  ' Lily'                                             prompt
▸      2     450  ' put'                                              prompt
▸      3     284  ' the'                                              prompt
▸      4     560  ' ball'                                             prompt
▸      5     405  ' in'                                               prompt
▸      6     284  ' the'                                              prompt
▸      7     574  ' box'                                              prompt
▸      8    1257  '.'                                                 prompt
▸      9     440  ' Tom'                                              prompt
▸     10     940  ' opened'                                           prompt
▸     11     284  ' the'                                              prompt
END

shows "the cache" "kv" <<'END'
L0   positions 0 to 11, 2 heads of 32, 6.1 kB; room for 256, 131.1 kB
L1   positions 0 to 11, 2 heads of 32, 6.1 kB; room for 256, 131.1 kB
L2   positions 0 to 11, 2 heads of 32, 6.1 kB; room for 256, 131.1 kB
L3   positions 0 to 11, 2 heads of 32, 6.1 kB; room for 256, 131.1 kB
L4   positions 0 to 11, 2 heads of 32, 6.1 kB; room for 256, 131.1 kB
30.7 kB are held in all; `kv LAYER` shows the norms of a layer's positions
END

shows "the cache of a layer" "kv 1" <<'END'
L1   positions 0 to 11, 2 heads of 32, 6.1 kB; room for 256, 131.1 kB
   pos  token                  |key|   |value|
     0  '<s>'                  13.53     12.07
     1  ' Lily'                11.38      19.4
     2  ' put'                 11.68     17.06
     3  ' the'                 12.53     12.26
     4  ' ball'                11.48     18.17
     5  ' in'                  11.29     17.21
     6  ' the'                 10.77     12.77
     7  ' box'                 11.11     18.19
     8  '.'                    11.64      14.5
     9  ' Tom'                 12.53        18
    10  ' opened'              10.71     15.51
    11  ' the'                 12.07      13.7
END

shows "a list" "tensors -n resid -s absmax" <<'END'
5 values of this pass, 30.7 kB
   op  value                    shape                 mean       std    absmax
   99  L4.resid_mid             [12, 128]          -0.2835     11.78     96.05
   78  L3.resid_mid             [12, 128]          -0.3111     7.317     31.09
   57  L2.resid_mid             [12, 128]          -0.2734      5.16     24.26
   36  L1.resid_mid             [12, 128]          -0.1611     3.928     23.17
   15  L0.resid_mid             [12, 128]          -0.0861      2.05     8.415
END

shows "a filtered list" "tensors -f 'absmax(x) > 40' -k 4" <<'END'
8 values of this pass, 61.5 kB
   op  value                    shape                 mean       std    absmax
   83  L3.mlp.act_mul           [12, 320]        -0.008181     1.704     41.21
   84  L3.mlp.down_proj         [12, 128]         0.009586     5.778     63.53
   85  L3                       [12, 128]          -0.3015     11.14     88.36
   99  L4.resid_mid             [12, 128]          -0.2835     11.78     96.05
… 4 more: `-k 8` shows them, `-n RE` and `-f FILTER` choose
END

shows "a tree" "inputs -r L0.attn.z" <<'END'
L0.attn.z f32[12, 4, 32]  13 mix
├─ L0.attn.pattern f32[4, 12, 12]  12 softmax
│  └─ L0.attn.scores_masked f32[4, 12, 12]  11 mask
│     └─ L0.attn.scores f32[4, 12, 12]  10 scores
│        ├─ L0.attn.q_rot f32[12, 4, 32]  6 rope
│        │  ├─ L0.attn.q_proj f32[12, 4, 32]  3 linear
│        │  │  ├─ L0.ln1 f32[12, 128]  2 rmsnorm
│        │  │  │  ├─ embed_tokens f32[12, 128]  0 embedding
│        │  │  │  │  ├─ embed_tokens.weight bf16[1328, 128]  weight
│        │  │  │  │  └─ input_ids i32[12]  input
│        │  │  │  └─ L0.ln1.weight bf16[128]  weight
│        │  │  └─ L0.attn.q_proj.weight bf16[128, 128]  weight
│        │  ├─ rotary_emb.cos f32[12, 32]  1 rotary
│        │  │  ├─ inv_freq f32[16]  input
│        │  │  └─ position_ids i32[12]  input
│        │  └─ rotary_emb.sin f32[12, 32]  1 rotary
│        │     ├─ inv_freq f32[16]  input
│        │     └─ position_ids i32[12]  input
│        └─ L0.attn.k_cache f32[12, 2, 32]  8 append
│           └─ L0.attn.k_rot f32[12, 2, 32]  7 rope
│              ├─ L0.attn.k_proj f32[12, 2, 32]  4 linear
│              │  ├─ L0.ln1 f32[12, 128]  2 rmsnorm  (above)
│              │  └─ L0.attn.k_proj.weight bf16[64, 128]  weight
│              ├─ rotary_emb.cos f32[12, 32]  1 rotary  (above)
│              └─ rotary_emb.sin f32[12, 32]  1 rotary  (above)
└─ L0.attn.v_cache f32[12, 2, 32]  9 append
   └─ L0.attn.v_proj f32[12, 2, 32]  5 linear
      ├─ L0.ln1 f32[12, 128]  2 rmsnorm  (above)
      └─ L0.attn.v_proj.weight bf16[64, 128]  weight
END

shows "readers" "outputs L1.resid_mid" <<'END'
L1.resid_mid f32[12, 128]  36 add
├─ L1.ln2 f32[12, 128]  37 rmsnorm
└─ L1 f32[12, 128]  43 add
END

shows "an origin" "origin L1.resid_post[pos=-1]" <<'END'
0.43     L1[pos=-1] = add
         L1.resid_mid              norm 37.46     share   85.6%  cos 0.971   ←
         L1.mlp.down_proj          norm 10.89     share   14.4%  cos 0.563
0.36     L1.resid_mid[pos=-1] = add
         L0                        norm 27.21     share   56.0%  cos 0.771   ←
         L1.attn.o_proj            norm 23.92     share   44.0%  cos 0.689
0.22     L0[pos=-1] = add
         L0.resid_mid              norm 18.84     share   52.6%  cos 0.760   ←
         L0.mlp.down_proj          norm 17.79     share   47.4%  cos 0.725
0.15     L0.resid_mid[pos=-1] = add
         embed_tokens              norm 2.218     share    0.6%  cos 0.049
         L0.attn.o_proj            norm 18.86     share   99.4%  cos 0.993   ←
0.14     L0.attn.o_proj[pos=-1] = linear of L0.attn.z, L0.attn.o_proj.weight
0.13     L0.attn.z[-1] = mix of L0.attn.pattern, L0.attn.v_cache
0.9      L0.attn.v_cache = append of L0.attn.v_proj
0.5      L0.attn.v_proj = linear of L0.ln1, L0.attn.v_proj.weight
0.2      L0.ln1 = rmsnorm of embed_tokens, L0.ln1.weight
0.0      embed_tokens = embedding of embed_tokens.weight, input_ids
END

shows "statistics" "stats L2.resid_post" <<'END'
f32[12,128] mean -0.2514 std 6.375 absmax 28.6 at [7,24] ▁▁▅█▅▁▁▁
  min -23.12   max 28.6   mean -0.2514   std 6.375
  l2 250   absmax 28.6 at [7,24]
  1,536 elements, all finite
END

shows "a histogram" "hist L2.resid_post 4 -2:2" <<'END'
[-2, -1)  105  █████████████████████████████████████████████████████▉
[-1,  0)   99  ██████████████████████████████████████████████████▊
[ 0,  1)  104  █████████████████████████████████████████████████████▍
[ 1,  2]  117  ████████████████████████████████████████████████████████████
1,536 elements  min -23.12 max 28.6 mean -0.2514 std 6.375  577 below  534 above
END

shows "the largest" "topk 3 lm_head[pos=-1]" <<'END'
[642]  ' sun'   10.92  ██████████████████████████████
[560]  ' ball'  10.89  ██████████████████████████████
[574]  ' box'   10.72  █████████████████████████████
3 of 1,328
END


# ---- a recording shows what the session did --------------------------------------------------

set -- 'lens all 2 mid' 'lens 2 4 pos 3' 'logits 4' 'attn 3.2' 'attn 1 -1' 'attrib' 'attrib box vs ball --layers' \
	'tokens' 'tensors -n attn -s absmax' 'inputs -r L0.resid_mid' 'outputs embed_tokens' 'stats L2.resid_post' \
	'hist L2.resid_post 5' 'topk 3 L4.resid_post[pos=-1]' 'origin L3.resid_post[pos=-1]' 'last L2.resid_mid'
look "$@" >"$work/live"
try "$T" trace -o "$work/t.db" --capture '*' "$prompt"
is "trace" 0 "$status"
for c in "$@"; do
	set -- "$@" -ex "$c"
	shift
done
"$T" debug --batch -t "$work/t.db" -ex start -ex 'goto 0.110' "$@" 2>&1 | tail -n +3 >"$work/recorded"
# It holds the texts of the tokens that it met: of others it shows the ids.
for f in live recorded; do
	sed "s/'[^']*' *//g" "$work/$f" >"$work/$f.plain"
done
cmp -s "$work/live.plain" "$work/recorded.plain" || {
	fail "a recording shows something else than its session"
	diff "$work/live.plain" "$work/recorded.plain" | head -n 20
}

# What was not captured names what would have kept it.
try "$T" trace -q -o "$work/few.db" --capture L1.resid_post "$prompt"
try "$T" debug --batch -t "$work/few.db" -ex start -ex 'goto 0.110' -ex lens
has "a layer that is there" "^L1 .*%" "$out"
has "a state that is not" "^embed .*not recorded" "$out"
try "$T" debug --batch -t "$work/few.db" -ex 'goto 0.110' -ex "attrib 5"
is "attrib of what is not recorded" 2 "$status"
has "attrib of what is not recorded" "record with .[^ ]*torchless trace --capture" "$err"

# ---- without UTF-8, wide, in colour --------------------------------------------------------

LC_ALL=C look 'attrib --top 3' 'logits 3' 'inputs L0.resid_mid' 'lens' | tail -n +3 >"$out"
LC_ALL=C grep -q '[^ -~]' "$out" && fail "in ASCII something is none: $(LC_ALL=C grep '[^ -~]' "$out" | head -n 1)"
look 'set width 200' 'lens all 8' 'tensors -n L1.mlp' >"$out"
has "a wide lens" "^L4( +'[^%]*%){8}" "$out"
has "a wide list" "absmax +bytes +op$" "$out"

finish
