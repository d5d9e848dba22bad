#!/bin/sh
# graph_output.sh -- where a graph goes: files whole or as they were, no Graphviz, no room, a screen.
. "$(dirname "$0")/lib.inc"
cd "$work" || exit 2
graph() {
	try "$T" graph "$@"
}

# Files, by their names.
try "$T" graph
is "on stdout" 0 "$status"
has "dot" '^digraph' "$out"
cp "$out" stdout.dot
graph -o g.dot
is "-o .dot" 0 "$status"
cmp -s g.dot stdout.dot || fail "the text of -o is not that of stdout"
for kind in svg:'<?xml' png:PNG pdf:%PDF; do
	graph -o "g.${kind%%:*}"
	is "-o g.${kind%%:*}" 0 "$status"
	is "nothing is said of g.${kind%%:*}" "" "$(cat "$out" "$err")"
	head -c 8 "g.${kind%%:*}" | grep -qa -- "${kind#*:}" || fail "g.${kind%%:*} is none"
done
cp g.svg good.svg
graph -o G.SVG
cmp -s G.SVG good.svg || fail "two pictures of one graph differ"

# A name that says no format.
for name in g.jpg g svg .svg 'g.svg ' g.svg/ "$(printf 'g.\033[31m')"; do
	refuses "-o '$name'" 2 'graph writes \.svg, \.png, \.pdf and \.dot, and .* ends in none' "$T" graph -o "$name"
done

# No Graphviz: the text is kept beside, and nothing that was there is lost.
rm -f g.dot
TORCHLESS_DOT=/nowhere/dot refuses "no dot" 3 \
	'g\.svg: TORCHLESS_DOT names /nowhere/dot, which cannot be run: .*; its dot text is in g\.dot$' "$T" graph -o g.svg
cmp -s g.dot stdout.dot || fail "the text that was kept is another"
cmp -s g.svg good.svg || fail "the good picture was replaced"
mkdir empty
refuses "no Graphviz" 3 'g\.svg: there is no dot: install Graphviz \(apt-get install graphviz, .*; its dot text is in g\.dot$' \
	/usr/bin/env "PATH=$work/empty" "$T" graph -o g.svg
is "the same text is kept once" "g.dot" "$(echo g*.dot)"
echo mine >g.dot
TORCHLESS_DOT=false refuses "dot fails" 3 'g\.svg: dot failed with exit status 1; its dot text is in g-2\.dot$' "$T" graph -o g.svg
is "a file that was there stays" mine "$(cat g.dot)"
cmp -s g-2.dot stdout.dot || fail "the text beside it is another"
rm g.dot g-2.dot && mkfifo g.dot && ln -s /nowhere g-2.dot
TORCHLESS_DOT=false refuses "what is no file stays, too" 3 'its dot text is in g-3\.dot$' "$T" graph -o g.svg
rm g.dot g-2.dot g-3.dot
cmp -s g.svg good.svg || fail "the good picture was replaced"

# dot ends in the middle; dot complains.
printf '#!/bin/sh\ncat >/dev/null\nhead -c 500 "%s"\n' "$work/good.svg" >half
printf '#!/bin/sh\ncat >/dev/null\nprintf "Warning: evil\\033[31m\\nWarning: two\\n" >&2\ncat "%s"\n' "$work/good.svg" >complains
chmod +x half complains
TORCHLESS_DOT=$work/half refuses "half a picture" 3 'g\.svg: dot ended before the svg was whole; its dot text is in g\.dot$' "$T" graph -o g.svg
cmp -s g.svg good.svg || fail "half a picture replaced a good one"
TORCHLESS_DOT=$work/complains graph -o h.svg
is "one that complains" 0 "$status"
is "is heard" 'torchless: warning: dot says: Warning: evil\x1B[31m
torchless: warning: dot says: Warning: two' "$(cat "$err")"
cmp -s h.svg good.svg || fail "a picture that was complained of is another"

# Nowhere to write.
refuses "no such folder" 3 'nowhere/g\.svg: No such file' "$T" graph -o nowhere/g.svg
refuses "no such folder, dot" 3 'nowhere/g\.dot: No such file' "$T" graph -o nowhere/g.dot
TORCHLESS_DOT=false refuses "nor for the text" 3 'dot failed .*; nor can its dot text be kept: nowhere/g\.dot: No such' "$T" graph -o nowhere/g.svg
mkdir folder.svg
refuses "a folder" 3 'folder\.svg: ' "$T" graph -o folder.svg
# A limit on the size of files is a full disk.
for name in g.svg g.png g.pdf; do
	cp "$name" before
	refuses "no room for $name" 3 "$name: File too large" sh -c 'ulimit -f 1 && exec "$@"' sh "$T" graph -o "$name"
	cmp -s "$name" before || fail "$name was replaced by a part of it"
done
is "nothing is left over" "" "$(find . -name '*.??????' ! -name '*.*.*' -o -name 'g.*.??????')"

# The screen.
refuses "--view without a terminal" 3 '--view needs a terminal that shows pictures.*-o FILE\.png' "$T" graph --view
python3 - "$T" <<'PY' || failures=1
import os, signal, subprocess, sys
from pictures import ASK_DA1, ASK_KITTY, from_kitty, from_sixel, make_png, on_screen
from until import until

torchless = sys.argv[1]
failures = []
def check(what, condition, shown=""):
    if not condition:
        failures.append(what)
        print(f"graph_output.sh: {what}: {shown!r}"[:1500])

view = [torchless, "graph", "--view"]
png = open("g.png", "rb").read()
wide = (50, 500, 20000, 10000)
kitty = [(ASK_KITTY, b"\x1b_Gi=31;OK\x1b\\"), (ASK_DA1, b"\x1b[?62;c")]
sixel = [(ASK_KITTY, b""), (ASK_DA1, b"\x1b[?62;1;4;22c")]

# By its name, without a question; by asking.
for env in ({"TERM": "xterm-kitty"}, {"KITTY_WINDOW_ID": "1"}, {"TERM_PROGRAM": "WezTerm"}, {"TERM": "xterm-ghostty"}):
    s = on_screen(view, [(ASK_DA1, b"")], env, wide)
    check(f"{env} shows the picture", s.status == 0 and s.unasked and from_kitty(s.out)[0] == png, s.out[:300])
for term in ("foot", "foot-extra", "mlterm"):
    s = on_screen(view, [(ASK_DA1, b"")], {"TERM": term}, (50, 100, 400, 900))
    check(f"{term} shows sixels", s.status == 0 and s.unasked and from_sixel(s.out), s.out[:300])
s = on_screen(view, kitty, size=wide)
shown, keys = from_kitty(s.out)
check("one that answers as kitty does", s.status == 0 and shown == png and not s.unasked, s.out[:300])
check("is told what it is", keys == {b"a": b"T", b"f": b"100", b"q": b"2", b"m": keys[b"m"]}, keys)
check("is left as it was", s.restored and s.left == b"", s.left)

# Sixels of a picture that is known: more colours than 256, transparency, no multiple of six.
def fake(width, height, rgba):
    with open("known.png", "wb") as f:
        f.write(make_png(width, height, rgba))
    with open("cats", "w") as f:
        f.write(f"#!/bin/sh\ncat >/dev/null\ncat {os.getcwd()}/known.png\n")
    os.chmod("cats", 0o755)

def compared(what, s, width, height, rgba, bound):
    check(f"{what}: shown", s.status == 0 and s.out.startswith(b"\x1bP"), s.out[:300])
    rows = from_sixel(s.out)
    check(f"{what}: its size", (len(rows[0]), len(rows)) == (width, height), (len(rows[0]), len(rows)))
    check(f"{what}: every pixel", all(p is not None for row in rows for p in row))
    worst = 0
    for y, row in enumerate(rows):
        for x, p in enumerate(row):
            r, g, b, a = rgba(x, y)
            seen = [(c * a + 255 * (255 - a)) / 255 for c in (r, g, b)]
            worst = max(worst, *(abs(i - j) for i, j in zip(seen, p)))
    check(f"{what}: its colours", worst <= bound, worst)

env = {"TORCHLESS_DOT": os.getcwd() + "/cats"}
few = lambda x, y: [(200, 30, 40, 255), (0, 0, 0, 255), (255, 255, 255, 255), (9, 200, 255, 0)][(x // 7 + y // 5) % 4]
fake(61, 31, few)
compared("few colours", on_screen(view, sixel, env), 61, 31, few, 2)
many = lambda x, y: (x * 255 // 119, y * 255 // 99, (x + y) * 255 // 218, 255)
fake(120, 100, many)
compared("many colours", on_screen(view, sixel, env), 120, 100, many, 40)
one = lambda x, y: (12, 34, 56, 255)
fake(1, 1, one)
compared("one pixel", on_screen(view, sixel, env), 1, 1, one, 2)
fake(2000, 20, one)
s = on_screen(view, sixel, env, (50, 100, 0, 0))
check("no wider than the screen by columns", len(from_sixel(s.out)[0]) == 800 and len(from_sixel(s.out)) == 8, s.out[:100])
s = on_screen(view, sixel, env, (50, 100, 1500, 900))
check("no wider than the screen by pixels", len(from_sixel(s.out)[0]) == 1500, s.out[:100])
s = on_screen(view, kitty, env, (50, 100, 1500, 900))
check("kitty scales what is wider", from_kitty(s.out)[1].get(b"c") == b"100", s.out[:100])
s = on_screen(view, sixel, (), (50, 100, 400, 900))
check("dot draws for the screen", s.status == 0 and 100 < len(from_sixel(s.out)[0]) <= 400, s.out[:100])

# A terminal that cannot, says nothing, or has said so already.
for what, answers, env in (("cannot", [(ASK_KITTY, b""), (ASK_DA1, b"\x1b[?62;1;22c")], {}),
                           ("says nothing", [(ASK_DA1, b"")], {}), ("is dumb", [], {"TERM": "dumb"}), ("is the console", [], {"TERM": "linux"}),
                           ("is of class 4", [(ASK_DA1, b"\x1b[?4;1c")], {}), ("says 14", [(ASK_DA1, b"\x1b[?62;14;40c")], {})):
    s = on_screen(view, answers, env)
    text = s.out.replace(ASK_KITTY, b"")
    check(f"one that {what}", s.status == 3 and text.startswith(b"torchless: --view needs a terminal") and b"-o FILE.png" in text and
          text.count(b"torchless: ") == 1 and text.endswith(b"\n") and max(map(len, text.split(b"\r\n"))) <= 100, s.out)
    check(f"one that {what} is left as it was", s.restored)
# An answer that comes late, in pieces, or with keys that were typed.
s = on_screen(view, [(ASK_DA1, b"xyz\x1b[?62;4c")], size=wide)
check("keys before the answer", s.status == 0 and b"\x1bPq" not in s.out and b"\x1bP" in s.out, s.out[:100])
# Inside tmux only what tmux shows counts, and kitty's question would be a title there.
for answer, status in ((b"\x1b[?1;2c", 3), (b"\x1b[?1;2;4c", 0)):
    s = on_screen(view, [(ASK_DA1, answer), (ASK_KITTY, b"")], {"TMUX": "x,1,0", "TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"})
    check("tmux", s.status == status and s.unasked == [ASK_KITTY], s.out[:100])
# A signal while it waits for an answer: the terminal is put back first.
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    s = on_screen(view, [], signal_at=(ASK_DA1, number))
    check(f"signal {number}", s.restored and s.status == (130 if number == signal.SIGINT else -number), (s.status, s.out))
# In a file at once.
s = on_screen([*view, "-o", "both.svg"], kitty, size=wide)
check("-o and --view", s.status == 0 and from_kitty(s.out)[0] == png and open("both.svg").read() == open("good.svg").read(), s.out[:100])
s = on_screen(view, kitty, {"TORCHLESS_DOT": "false"})
check("a dot that fails", s.status == 3 and s.out == b"torchless: dot failed with exit status 1\r\n", s.out)

# Ctrl-C while dot works: it ends too, and nothing is written.
with open("slow", "w") as f:
    f.write(f"#!/bin/sh\necho $$ >{os.getcwd()}/slow.tmp\nmv {os.getcwd()}/slow.tmp {os.getcwd()}/slow.pid\nexec sleep 1000\n")
os.chmod("slow", 0o755)
child = subprocess.Popen([torchless, "graph", "-o", "interrupted.svg"], env={**os.environ, "TORCHLESS_DOT": os.getcwd() + "/slow"},
                         stderr=subprocess.PIPE, text=True)
until("dot runs", lambda: os.path.exists("slow.pid"), child)
child.send_signal(signal.SIGINT)
said = child.communicate(timeout=60)[1]
check("Ctrl-C", child.returncode == 130 and said == "torchless: interrupted\n", (child.returncode, said))
check("leaves no file", not [f for f in os.listdir() if f.startswith("interrupted")], os.listdir())
def ended(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
until("dot has ended", lambda: ended(int(open("slow.pid").read())))
sys.exit(bool(failures))
PY
finish
