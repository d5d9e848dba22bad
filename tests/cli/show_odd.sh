#!/bin/sh
# show_odd.sh -- `torchless show` where something is odd: narrow terminals, pipes, other locales, files
# of strangers, recordings that are damaged.
. "$(dirname "$0")/lib.inc"
cd "$work" || exit 2
m=$root/lessons/model
"$T" trace -q -m "$m" -n 2 --capture '*' -o trace.db "Once upon a time" || fail "no recording"

# ---- files of strangers --------------------------------------------------------------------------

python3 - <<'PY' || fail "no files"
import numpy as np
f = np.float32
np.save("one.npy", np.array([[3.5]], f))
np.save("none.npy", np.zeros((0, 4), f))
np.save("number.npy", f(2.5))
np.save("four.npy", np.arange(120, dtype=f).reshape(2, 3, 4, 5))
wide = np.sin(np.arange(3 * 49152, dtype=f)).reshape(3, 49152)
wide[0, 5], wide[1, 7], wide[2, 9] = np.nan, np.inf, -np.inf
np.save("wide.npy", wide)
np.save("nan.npy", np.full((3, 4), np.nan, f))
np.save("ids.npy", np.arange(12, dtype=np.int64).reshape(3, 4))
np.save("fortran.npy", np.asfortranarray(np.ones((3, 4), f)))
np.save("objects.npy", np.array([{}], dtype=object), allow_pickle=True)
np.save("seven.npy", np.zeros((1, 1, 1, 1, 1, 1, 2), f))
one = open("one.npy", "rb").read()
open("cut.npy", "wb").write(one[:80])
open("short.npy", "wb").write(one[:-2])
open("more.npy", "wb").write(one + b"123")
open("large.npy", "wb").write(one.replace(b"(1, 1), }" + b" " * 12, b"(99999999999, 9999), }"[:21]))
open("negative.npy", "wb").write(one.replace(b"(1, 1)", b"(-1,1)"))
open("junk.npy", "wb").write(b"\x93NUMPY" + bytes(range(256)))
open("text.npy", "wb").write(b"hello")
open("empty.npy", "wb")
PY
mkdir folder.npy && mkfifo pipe.npy 2>/dev/null
for file in fortran objects seven cut short more large negative junk text empty; do
	refuses "$file.npy" 2 "$file.npy" "$T" show $file.npy
done
refuses "a folder" 3 "folder.npy" "$T" show folder.npy
refuses "no file" 3 "nothing.npy" "$T" show nothing.npy
refuses "a part that is not there" 2 "outside of four.npy" "$T" show 'four.npy[7]'
ln -s trace.db link.npy
refuses "a recording instead" 2 "link.npy is no .npy" "$T" show link.npy
for how in --heat --hist --print --spark "--topk 3" "--csv -" "--npy -" --json ""; do
	for file in one none number four wide nan ids; do
		# shellcheck disable=SC2086 # an option and its value
		try "$T" show $file.npy $how
		[ "$status" = 0 ] || fail "$file.npy $how: exit status $status: $(brief "$(cat "$err")")"
		is "$file.npy $how: stderr" "" "$(cat "$err")"
	done
done
try "$T" show none.npy --heat
has "no elements is said" 'f32\[0,4\]: no elements' "$out"
try "$T" show wide.npy --heat
has "what is not finite is counted" '1 NaN !  1 \+inf \^  1 -inf v' "$out"
has "and what was pooled" 'pooled .*49152→[0-9]+ by max \|x\|' "$out"
is "a heat map of much is small" yes "$([ "$(wc -c <"$out")" -lt 4000 ] && echo yes)"
is "its numbers are all there, piped" 49152 "$("$T" show wide.npy | head -1 | cut -f2- | tr '\t' '\n' | wc -l | tr -d ' ')"
is "NaN and infinities, piped" "nan inf -inf" "$("$T" show wide.npy | tr '\t' '\n' | grep -E 'nan|inf' | paste -sd' ')"
is "of four dimensions" "i0,i1,i2,i3,value" "$("$T" show four.npy --csv - | head -1)"
is "a number" 2.5 "$("$T" show number.npy)"

# ---- streams ---------------------------------------------------------------------------------------

for locale in C POSIX C.UTF-8; do
	LC_ALL=$locale "$T" show --heat 'L0.attn.pattern[head=0]' >"heat.$locale" || fail "$locale: exit status $?"
done
LC_ALL=C grep -q '[^ -~]' heat.C && fail "a heat map in the locale C has other bytes"
grep -q "$(printf '\033')" heat.C.UTF-8 && fail "a pipe gets colours that nobody asked for"
for how in --heat --hist --print --spark "--topk 3"; do
	# shellcheck disable=SC2086
	LC_ALL=C "$T" show 'L0.mlp[pass=0]' --vs 'L1.mlp[pass=0]' $how | LC_ALL=C grep -q '[^ -~	]' &&
		fail "$how of two in the locale C has other bytes"
	# shellcheck disable=SC2086
	NO_COLOR=1 "$T" show 'L0.mlp[pass=0]' $how | grep -q "$(printf '\033')" && fail "$how: NO_COLOR is not heeded"
done
"$T" show --color=always --heat L0.attn.pattern | grep -q "$(printf '\033')" || fail "--color=always has no colours"
"$T" show L0.attn.pattern | head -1 >"$out" || fail "a pipe that ends early: $?"
# ---- recordings that are damaged ---------------------------------------------------------------------

damaged() { # WHAT SQL TEXT PATTERN
	cp trace.db damaged.db && sql damaged.db "$2"
	refuses "$1" 2 "$4" "$T" show -t damaged.db "$3"
}
damaged "a shape that is none" "UPDATE tensor SET shape = '9,x'" L0.mlp "damaged"
damaged "more elements than bytes" "UPDATE tensor SET shape = '100000,100000'" L0.mlp "damaged"
damaged "a dump without its chunks" "DELETE FROM tensor_chunk" L0.mlp "damaged"
damaged "a pass far away" "UPDATE pass SET pos0 = 1 << 60" L0.mlp "damaged"
damaged "no run" "DELETE FROM run" L0.mlp "no run"
damaged "a config that is none" "UPDATE model SET config = '[]'" 'L0.mlpp' "nearest"
cp trace.db damaged.db && sql damaged.db "UPDATE model SET config = '{}'"
try "$T" show -t damaged.db L0.attn.pattern
is "a model that torchless does not run is shown by the names of its recording" 0 "$status"
cp trace.db damaged.db && sql damaged.db "UPDATE token SET piece = x'1b5d303b7469746c65071b5b33316d0a222c'"
for how in --heat --print "--csv -" --json --hist; do
	# shellcheck disable=SC2086
	"$T" show -t damaged.db L0.attn.pattern $how --color=always | grep -q "$(printf '\033]0')" && fail "$how lets a token set the title"
done
"$T" show -t damaged.db L0.attn.pattern --json | python3 -c "import json, sys; json.load(sys.stdin)" || fail "--json with such tokens"
"$T" show -t damaged.db L0.attn.pattern --csv - | python3 -c "
import csv, sys
rows = list(csv.reader(sys.stdin))
assert all(len(row) == 6 for row in rows), rows[1]" || fail "--csv with such tokens"
cp trace.db damaged.db && sql damaged.db "DELETE FROM token"
try "$T" show -t damaged.db L0.attn.pattern --heat
is "without tokens there are indices" 0 "$status"
: >zero.db
refuses "an empty file" 2 "zero.db" "$T" show -t zero.db L0.mlp
refuses "a text file" 2 "one.npy" "$T" show -t one.npy L0.mlp
refuses "a folder" 3 "folder.npy" "$T" show -t folder.npy L0.mlp

# ---- on a terminal ----------------------------------------------------------------------------------

command -v tmux >/dev/null || finish
python3 - "$T" <<'PY' || fail "on a terminal"
import re, sys
from tmux import Tmux
T = sys.argv[1]
SHOWN = ["L0.attn.pattern", "'logits[-1]'", "'L0.mlp[pass=0]'", "'L0.mlp[pass=0]' --vs 'L1.mlp[pass=0]'", "wide.npy", "four.npy", "tokens",
         "'L0.mlp[pass=0]' --spark", "'L0.mlp[pass=0]' --hist", "'L0.mlp[pass=1]' --print", "none.npy", "one.npy"]
def on(columns, **env):
    line = "; ".join(f"echo + {what}; {T} show {what}; echo = $?" for what in SHOWN) + "; echo the end; read x"
    with_colour = {"TERM": "xterm-256color", "COLORTERM": "truecolor", **env}
    terminal = Tmux(line, columns, env=with_colour.items())
    screen = terminal.wait(lambda s: "the end" in s)
    painted = terminal.screen("-e")
    assert len(re.findall(r"^= 0$", screen, re.M)) == len(SHOWN), screen
    terminal.type("")
    return screen, painted
wide, painted = on(200)
assert "\x1b[48;2;" in painted or "48;2;" in painted, painted[:2000]
assert "difference b - a" in wide and re.search(r"^a +b +b - a$", wide, re.M), wide
narrow, _ = on(20)
assert "head 0" in narrow and re.search(r"^b - a$", narrow, re.M), narrow
plain, painted = on(80, NO_COLOR="1", LC_ALL="C")
assert plain.isascii() and "48;" not in painted and "38;" not in painted, painted
few, painted = on(80, TERM="vt100", COLORTERM="")
assert "48;2;" not in painted
PY
finish
