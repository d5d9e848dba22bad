#!/bin/sh
# debug_tui.sh -- the full-screen view, on a terminal that tmux draws.
. "$(dirname "$0")/lib.inc"
command -v tmux >/dev/null || { echo 'debug_tui.sh: tmux is missing'; exit 1; }
checkpoint window --preset window --layers 2

# A terminal that cannot: one sentence, before a model is looked for.
refuses 'no terminal' 3 'needs a terminal' "$T" debug --tui -m /nowhere x
refuses 'with --batch' 2 '--batch|--tui' "$T" debug --tui --batch x

python3 - "$T" "$root/build/test-models/window" "$root/lessons/model" "$work" <<'PY' || failures=1
import os, re, signal, subprocess, sys

from screen import SECONDS, Screen
from terminal import BRIEF, on_terminal
from until import until

torchless, window, teaching, work = sys.argv[1:]
os.chdir(work)
failures = []

def check(what, condition, shown=""):
    if not condition:
        failures.append(what)
        print(f"debug_tui.sh: {what}:\n{shown}")

def opened(*args, model=teaching, prompt="Lily put the ball in the box.", columns=80, rows=24, **more):
    return Screen([torchless, "debug", "--tui", "-m", model, *args, prompt], columns, rows, **more)

def ends(s, status, what):
    s.see(f"status {status}")
    text = s.text()
    check(f"{what}: the terminal is as it was", {"icanon", "echo"} <= set(text.split()), text)
    check(f"{what}: nothing of the view is left", "Program" not in text, text)

for term, word in (("dumb", "move its cursor"), ("no-such-terminal", "does not know"), ("", "does not know")):
    out, status = on_terminal([torchless, "debug", "--tui", "-m", "/nowhere", "x"], term=term, columns=200)
    check(f"TERM={term}", status == 3 and word.encode() in out and out.count(b"\n") == 1 and b"\x1b" not in out, (out, status))

# A token is shown as everywhere: a line that ends, in one sign.
with opened(prompt="Lily\nput the ball.") as s:
    s.see("not begun")
    s.send("start", "Enter")
    s.see("⏎")
    check("no escapes of a line's end", "\\n" not in s.text(), s.text())

# ---- at 80x24: panes, keys, the command line --------------------------------------------------
with opened() as s:
    s.see("not begun")
    for pane in ("Program", "Tensor", "Next token", "Output", "tokenizer", "(tl)"):
        s.see(pane)
    check("every line fits", all(len(line) <= 80 for line in s.lines()), s.text())
    s.send("start", "Enter")
    s.see("embed_tokens  embedding")
    s.see("─▶ ~  embed_tokens")
    s.send("s")
    s.see("✓  embed_tokens")
    s.see("by the embedding alone")
    s.send("S")
    s.see("─▶ ~  embed_tokens")
    # A breakpoint at the cursor, on and off and on; a command that is pasted.
    s.send("/")
    s.see("back to keys")
    s.send("self_attn", "Enter")
    s.see("7 of 128")
    s.send("b")
    s.see("Breakpoint 1 at op 3: model.layers.0.self_attn")
    s.see("●   ~   self_attn")
    s.send("b")
    s.see("(tl 0.0) delete 1")
    s.see("gone", lambda text: "●" not in text)
    s.send("break layers.1.self_attn.o_proj", "Enter")
    s.see("Breakpoint 2 at")
    s.send("c")
    s.see("●─▶ ~    o_proj")
    s.see("by layer 0 so far")
    check("tokens are shown", "<s>│ Lily│ put│ the│ ball" in s.text(), s.text())
    # Back, over the same stops.
    place = s.text().split("\n")[0]
    s.send("n")
    s.see("op 36/110")
    s.send("N")
    s.see("the same place", lambda text: text.split("\n")[0] == place)
    for _ in range(2):  # out of o_proj, over what is before it
        s.send("Enter")
    s.see("an empty line repeats", lambda text: "op 34/110" in text)
    # Errors and unknown words are told, the session stands.
    s.send(":")
    s.see("back to keys")
    s.send("print nothing_of_this", "Enter")
    s.see("nothing_of_this")
    # Completion and history.
    s.send(":")
    s.send("info breakp", "Tab")
    s.see(") info breakpoints")
    s.send("Enter")
    s.see("Num")
    s.send(":", "Up")
    s.see(") info breakpoints")
    s.send("Up")
    s.see(") print nothing_of_this")
    s.send("Escape")
    s.see("step n next")
    # The tensor of a row, other pictures, another head.
    s.send("g")
    s.see("1 of 128")
    s.send("/")
    s.see("back to keys")
    s.send("pattern", "Enter")
    s.see("17 of 128")
    s.send("h")
    s.see("Chosen tensor 1 of 4  layers.0.self_attn:")
    s.send("+")
    s.see("2 of 4")
    s.send("-")
    s.see("1 of 4")
    s.send("h")
    s.see("histogram")
    s.send("h")
    s.see("numbers")
    s.send(".")
    s.see("Tensor layers", lambda text: "Chosen" not in text)
    # The modeling source, help, the next pane.
    s.send("v")
    s.see("mistral.c")
    s.send("v")
    s.see("━ Program")
    s.send("?")
    s.see("any key goes back")
    s.send("x")
    s.see("━ Program")
    s.send("Tab")
    s.see("━━ Tensor")
    s.send("BTab")
    s.see("━ Program")
    # Another size while it stands.
    s.resize(200, 50)
    s.see("wide", lambda text: len(text.split("\n")[1]) > 190)
    check("two columns", "MistralAttention, 12 ops" in s.text(), s.text())
    s.resize(39, 9)
    s.see("too small")
    s.resize(48, 14)
    s.see("━ Program")
    check("one column, its lines fit", "Tensor" not in s.text() and all(len(line) <= 48 for line in s.lines()), s.text())
    s.resize(80, 24)
    s.see("━ Program")
    s.see("Tensor")
    s.send(":")
    s.send("quit 5", "Enter")
    s.see("asked or gone", lambda text: "(y or n)" in text or "status 5" in text)
    if "(y or n)" in s.text():
        s.send("y")
    ends(s, 5, "quit")

# ---- colours ------------------------------------------------------------------------------------
def painted(holds=lambda shown: True, **more):
    with opened("-ex", "break layers.1.self_attn", "-ex", "run", **more) as s:
        s.see("Breakpoint 1")
        s.see("─▶" if "LC_ALL" not in dict(more.get("env", ())) else "-->")
        s.see("by layer 0")
        # What is finer than curses' colours comes after the rest.
        try:
            until("the colours", lambda: holds(s.painted()), seconds=SECONDS)
        except AssertionError:
            pass
        return s.painted()

fine = lambda shown: shown.count("38;2;") + shown.count("48;2;") > 100
shown = painted(fine, env={"COLORTERM": "truecolor"}.items(), columns=200, rows=50)
check("24-bit", fine(shown), shown[:500])
shown = painted()
check("256", "38;5;" in shown and "8;2;" not in shown, shown[:500])
shown = painted(env={"NO_COLOR": "1"}.items())
check("no colour", not re.search(r"\x1b\[[0-9;]*[34][0-8]", shown) and "░" in shown, shown[:500])
shown = painted(env={"LC_ALL": "C", "NO_COLOR": "1"}.items())
check("ASCII", all(ord(c) < 128 for c in shown), shown[:500])

# ---- what ends it -------------------------------------------------------------------------------
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
    with opened() as s:
        s.see("not begun")
        os.kill(s.pid(), number)
        ends(s, 128 + number, number.name)

# Ctrl-C ends the command that runs, and what is being typed.
with opened("-n", "1000000", "-ex", "break layers.0 if absmax(out) > 1e30", model=window, prompt="x") as s:
    s.see("Breakpoint 1")
    s.send("c")
    s.see(") continue", lambda text: ") continue" in text)
    s.send("C-c")
    s.see("where it was stopped", lambda text: re.search(r"^\(tl \d+\.\d+\S*\) *$", text, re.M))
    check("the session stands", "status" not in s.text(), s.text())
    s.send("S")
    s.see(") reverse-step")
    s.send(":")
    s.see("back to keys")
    s.send("half a command")
    s.see("half a command")
    s.send("C-c")
    s.see("gone", lambda text: "half a command" not in text and "step n next" in text)
    s.send("C-c")
    s.see("q quits")

# Ctrl-Z and back.
with Screen(["bash", "--norc", "-i"], env={"HISTFILE": "/dev/null"}.items()) as s:
    s.send(f"{torchless} debug --tui -m {teaching} x", "Enter")
    s.see("━ Program")
    s.send("C-z")
    s.see("Stopped")
    check("the shell has its terminal", "Program" not in s.text(), s.text())
    s.send("fg", "Enter")
    s.see("━ Program")
    s.send("s")
    s.see(") step")
    s.send("q")
    s.see("left", lambda text: "━ Program" not in text or "(y or n)" in text)

# ---- bytes of strangers ---------------------------------------------------------------------------
with opened("-ex", "start", prompt=BRIEF) as s:
    s.see("embed_tokens")
    s.see(r"\x7F")
    check("the prompt moves nothing", s.text().split("\n")[1].startswith("━ Program"), s.text())
    s.send("tokens", "Enter")
    s.see("Output", lambda text: r"'\x1B'" in text or r"\xE2" in text)
    check("nor do its tokens", s.text().split("\n")[1].startswith("━ Program"), s.text())

# ---- from the plain prompt and back; a list of commands -------------------------------------------
with Screen([torchless, "debug", "-m", teaching, "Once"]) as s:
    s.see("(tl)")
    s.send("tui", "Enter")
    s.see("━ Program")
    s.send(":break layers.1", "Enter")
    s.see("Breakpoint 1")
    s.send(":commands", "Enter")
    s.see(">", lambda text: re.search(r"^> *$", text, re.M))
    s.send("s")
    s.send("t")
    s.send("BSpace", "BSpace")
    s.send("echo seen\\n", "Enter")
    s.send("e", "nd", "Enter")  # "end" is a key to tmux
    s.see("(tl) ", lambda text: re.search(r"^\(tl\) *$", text, re.M))
    s.send("c")
    s.see("seen", lambda text: re.search(r"^seen *$", text, re.M))
    s.send("tui disable", "Enter")
    s.see("the plain prompt", lambda text: "━ Program" not in text and "(tl 0." in text)
    s.send("info breakpoints", "Enter")
    s.see("Num")

# ---- a recording ----------------------------------------------------------------------------------
subprocess.run([torchless, "trace", "-q", "-m", teaching, "-n", "2", "-o", "t.db", "Once upon"], check=True)
with Screen([torchless, "debug", "--tui", "-t", "t.db"]) as s:
    s.see("recording")
    s.send("n")
    s.see("embed_tokens")
    s.send("n")
    s.see("✓  embed_tokens")
    s.send("C")
    s.see("reverse-continue")
    s.send("q")
    ends(s, 0, "q")

# ---- output without end, a NaN --------------------------------------------------------------------
with opened("-ex", "start", "-ex", "set var model.layers.0.input_layernorm.out[pos=2] = nan") as s:
    s.see("━ Program")
    s.send("c")
    s.see("!", lambda text: re.search(r" !  +input_layernorm", text))
    s.send("list ops 0,109", "Enter")
    s.see("109")
    s.send("Tab")
    s.see("━ Tensor")
    s.send("Tab")
    s.send("Tab")
    s.see("━ Output")
    s.send("PPage")
    s.see("rows below")
    s.send("g")
    s.see("Single keys run commands")
    s.send("G")
    s.see("the end", lambda text: "rows below" not in text)

print(f"{len(failures)} failures") if failures else None
sys.exit(bool(failures))
PY
finish
