"""complete_in_shells.py WORK -- the part of tests/cli/completion.sh that types in shells.

WORK/here has the recordings, WORK/torchless.SHELL the scripts; whatever appears in WORK/ran, or in
WORK/here besides what is made here, was run by completion.
"""
import os
import pty
import select
import shutil
import sys
import time

from shells import Shell

work = sys.argv[1]
here, ran = work + "/here", work + "/ran"
failures = 0


def fail(what):
    global failures
    failures += 1
    print(f"completion.sh: {what}")


def start(kind, setup="", after="", **env):
    home = f"{work}/home.{kind}"
    os.makedirs(home, exist_ok=True)
    return Shell(kind, here, home, f"{setup}\nsource {work}/torchless.{kind}\n{after}", **env)


def completes(shell, typed, expected, what=""):
    """Tab completes the line; what torchless is asked has half a second, so a busy machine gets a few."""
    end = time.monotonic() + 30
    while (got := shell.tab(typed)) != expected and time.monotonic() < end:
        pass
    if got != expected:
        fail(f"{what or shell.kind}: {typed!r} becomes {got!r}, not {expected!r}")


# ---- what is completed -----------------------------------------------------------------------

model = os.environ["TORCHLESS_MODEL"]
for name in ("an other.db", "quo'te\"d.db", "line\nend.db", "glob[x]*.db"):
    shutil.copy(here + "/plain.db", f"{here}/{name}")
os.mkdir(here + "/a folder")
shutil.copy(here + "/plain.db", here + "/a folder/in side.db")
shutil.copy(here + "/plain.db", here + "/trace.db")
os.mkdir(here + "/a model")
for name in os.listdir(model):
    os.symlink(f"{model}/{name}", f"{here}/a model/{name}")

for name in ("only.db", "only.safetensors", "only.txt", "only.jsonl", "only.npy", "only.png", "only.csv", "two words.jsonl", "two words.npy"):
    shutil.copy(here + "/plain.db", f"{here}/{name}")

LINES = [  # typed, what follows when Tab was pressed; "{sp}" is the space that some shells leave out
    ("torchless tok", "enize "),
    ("torchless trace --temp 1 --estim", "ate "),
    ("torchless run --color al", "ways "),
    ("torchless run --color=ne", "ver "),
    ("torchless trace --logits la", "st "),
    ("torchless completion z", "sh "),
    ("torchless query -t pla", "in.db "),
    ("torchless query --trace=pla", "in.db "),
    ("torchless query --trace pla", "in.db "),
    ("torchless trace -o pla", "in.db "),
    ("torchless query -t 'an ", "other.db' "),
    ("torchless query -t a\\ fol", "der/"),
    ("torchless query -t a\\ folder/", "in\\ side.db "),
    ("torchless info -m a\\ mo", "del/"),
    ("torchless query -t plain.db layer-k", "nows "),
    ("torchless query --limit 3 -t 'an other.db' layer-k", "nows "),
    ("torchless query -t an\\ other.db layer-k", "nows "),
    ("torchless query --trace='an other.db' layer-k", "nows "),
    ("torchless query --trace=an\\ other.db layer-k", "nows "),
    ("torchless query -t 'a folder/in side.db' layer-k", "nows "),
    ("torchless query -t quo\\'te\\\"d.db layer-k", "nows "),
    ("torchless query -t 'glob[x]*.db' layer-k", "nows "),
    ("torchless query -t ~/own.db layer-k", "nows "),
    ("torchless query -t ~/ow", "n.db "),
    ("torchless query layer-k", "nows "),
    ("torchless query next po", "s="),
    ("torchless query -t 'an other.db' next n=1 po", "s="),
    ("torchless query -t nothing.db layer-k", ""),
    ("torchless trace --capture L0.attn.patt", "ern{sp}"),
    ("torchless trace --capture=L0.attn.patt", "ern{sp}"),
    ("torchless trace --zero L1.resid_m", "id{sp}"),
    ("torchless trace --zero model.layers.1:resid_m", "id{sp}"),
    ("torchless trace -m 'a model' --capture L0.attn.patt", "ern{sp}"),
    ("torchless trace -m nothing --capture L0.attn.patt", ""),
    ("torchless trace --capture resid", "ual{sp}"),
    ("torchless trace --capture uni", "ts{sp}"),
    ("torchless trace --capture non", "e{sp}"),
    ("torchless trace -m nothing --capture uni", "ts{sp}"),
    ("torchless graph --module model.layers.2.self_attn.o_pr", "oj{sp}"),
    ("torchless graph --collapse model.layers.2.mlp.ga", "te_proj{sp}"),
    ("torchless query --functions t_absma", "x "),
    ("torchless help tok", "enize "),
    ("torchless show L0.attn.patt", "ern{sp}"),
    ("torchless show -m 'a model' --hist L0.attn.patt", "ern{sp}"),
    ("torchless show L0.attn.pattern --csv pla", "in.db "),
    ("torchless show L0.attn.pattern --csv plain.db --spa", "rk "),
    ("torchless show --csv plain.db L0.attn.patt", "ern{sp}"),
    ("torchless query --csv layer-k", "nows "),
    # Only files that fit, in every shell: each of only.* is beside the others.
    ("torchless info -m onl", "y.safetensors "),
    ("torchless info --model=onl", "y.safetensors "),
    ("torchless query -t onl", "y.db "),
    ("torchless query --trace=onl", "y.db "),
    ("torchless trace --prompts onl", "y.jsonl "),
    ("torchless trace --prompts two", "\\ words.jsonl "),
    ("torchless trace --prompts 'two", " words.jsonl' "),
    ("torchless run --edits onl", "y.jsonl "),
    ("torchless show L0.attn.pattern --npy onl", "y.npy "),
    ("torchless show L0.attn.pattern --png onl", "y.png "),
    ("torchless show L0.attn.pattern --csv onl", "y.csv "),
    ("torchless show L0.attn.pattern --vs onl", "y.db "),
    ("torchless show L0.attn.pattern --vs L1.attn.patt", "ern{sp}"),
    ("torchless query -t only.t", "xt "),
    ("torchless debug -x only.t", "xt "),
    ("torchless graph --diff plain.db plai", "n.db "),
    ("torchless graph --expand al", "l{sp}"),
    ("torchless debug -ex fini", "sh{sp}"),
    # Parameters, and what stands behind their =.
    ("torchless query differ b=onl", "y.db "),
    ("torchless query -t plain.db differ a=1 b=onl", "y.db "),
    ("torchless query -t plain.db first-divergence reference=onl", "y.db "),
    ("torchless query -t plain.db units phase=pref", "ill "),
    ("torchless query -t plain.db cuts by=top_", ""),
    ("torchless query -t plain.db next --param po", "s="),
    ("torchless query -t plain.db --param x=@onl", "y.npy "),
    ("torchless query -t plain.db --param=x=@onl", "y.npy "),
    ("torchless query -t plain.db next pos=@onl", "y.npy "),
]
for kind in ("bash", "zsh", "fish"):
    shell = start(kind)
    shutil.copy(here + "/plain.db", f"{work}/home.{kind}/own.db")
    for typed, follows in LINES:
        expected = typed + follows.format(sp="" if kind == "zsh" else " ")
        # bash quotes an @ that begins what it completes; to it that is the same word.
        completes(shell, typed, expected.replace("=@", "=\\@") if kind == "bash" else expected)
    for listed in ("residual", "layer-knows", "roofline"):
        shell.shown = b""
        end = time.monotonic() + 30
        while listed.encode() not in shell.shown and time.monotonic() < end:
            shell.tab("torchless query " + listed[0], 2)
        if listed.encode() not in shell.shown:
            fail(f"{kind} does not list {listed}: {shell.shown!r}")
    shell.close()

# As `make install` puts it, and however somebody has set up a shell.
shell = start("zsh", f"fpath=({work}/site $fpath); compinit -D; unfunction _torchless 2>/dev/null; torchless() {{ : >{ran}/x }}")
completes(shell, "torchless query layer-k", "torchless query layer-knows ", "zsh from its fpath")
shell.close()
functions = "; ".join(f"{name}() {{ : >{ran}/{name}; }}" for name in ("cut", "awk", "grep", "sed", "torchless", "cat"))
for setting in ("set -u", "set -e", "set -f", "set -C", "set -o posix", "IFS=:/a", "IFS=", "CDPATH=/:..", "COMP_WORDBREAKS=\" '\"", "set -o vi; bind -m vi-insert -x '\"\\C-xp\": dump'; bind -m vi-insert '\"\\C-xq\": unix-line-discard'",
                "GLOBIGNORE='*'",
                "shopt -s nullglob", "shopt -s failglob", "shopt -s nocaseglob nocasematch", "shopt -s extglob globstar dotglob",
                "alias " + " ".join(f"{name}='touch {ran}/{name};'" for name in ("cut", "awk", "grep", "sed", "cat", "ls")), functions, "set -- a b; i=7; words=x; names=y"):
    for shell in (start("bash", setting), start("bash", after=setting)):
        for typed, follows in (("torchless query -t 'an other.db' layer-k", "nows "), ("torchless query next po", "s="),
                               ("torchless query -t an", "\\ other.db "), ("torchless run --color=al", "ways ")):
            completes(shell, typed, typed + follows, f"bash, {setting}")
        shell.close()
shell = start("zsh", after=f"setopt ksharrays shwordsplit globsubst extendedglob cshnullglob; IFS=:; alias -g layer-k='$(touch {ran}/x)'")
completes(shell, "torchless query -t 'an other.db' next po", "torchless query -t 'an other.db' next pos=", "zsh with options")
shell.close()

# ---- what must not run -----------------------------------------------------------------------

PAYLOADS = ["$(touch x1)z.db", "`touch x2`z.db", ";touch x3;z.db", "a&touch x4&.db", "n\n$(touch x5)\n.db", "-x$(touch x6).db", "*z.db",
            "~root.db", "'$(touch x7).db", '"$(touch x8).db', "!!z.db", "!touch x9", "tab\t$(touch xa).db", "\x1b[31mred.db",
            "\x1b]0;title\x07.db", "\u009b31mred.db", "<(touch xb).db", "=(touch xc).db", "(touch xd).db", "{a,b}.db", "$HOME.db",
            "${x:-$(touch xe)}.db", "[$(touch xf)].db", "|touch xg", "=z.db", ":z.db", "#z.db", "\\$(touch xh).db"]
for name in PAYLOADS:
    shutil.copy(here + "/plain.db", f"{here}/{name}")
with open(os.fsencode(here) + b"/\xff\xfe$(touch xi).db", "wb"), open(os.fsencode(here) + b"/\x9b31mred.db", "wb"):
    pass
for name in ("$(touch xj)", "`touch xk`", "m o;touch xl"):
    os.symlink(model, f"{here}/{name}")
there = sorted(os.listdir(os.fsencode(here)))

HOSTILE = [
    "torchless query -t hostile.db ", "torchless query -t hostile.db \\$", "torchless query -t hostile.db '$", "torchless query -t hostile.db residual",
    "torchless query -t hostile.db -", "torchless query -t hostile.db next", "torchless query -t hostile.db \\*", "torchless query -t hostile.db ~",
    "torchless query -t hostile.db hostile-query ", "torchless query -t hostile.db '$(touch x)' ", "torchless query -t hostile.db hostile-query '$",
    "torchless query -t hostile.db x", "torchless query -t ", "torchless query -t '", "torchless query -t \"", "torchless query -t \\$", "torchless query -t '$(",
    "torchless query -t -", "torchless query -t \\*", "torchless query --trace=", "torchless query --trace='$", "torchless query --trace=\\`",
    "torchless trace -o '!", "torchless trace -o \\;", "torchless info -m ", "torchless info -m \\$", "torchless info --model='`",
    "torchless trace -m '$(touch xj)' --capture L", "torchless trace -m '`touch xk`' --zero L0", "torchless trace --model='m o;touch xl' --capture=",
    "torchless query -t '$(touch x1)z.db' ", "torchless query -t '`touch x2`z.db' lay", "torchless query -t \\$\\(touch\\ x1\\)z.db ",
    "torchless query --trace='$(touch x1)z.db' next ", "torchless query -t \"\\$(touch x1)z.db\" lay", "torchless query -t \"\\`touch x2\\`z.db\" ",
    "torchless query -t '-x$(touch x6).db' ", "torchless query -t \\'\\$\\(touch\\ x7\\).db lay", "torchless query -t ~/'$(touch x)' lay",
    "torchless query -t many.db ", "torchless query -t endless.db ", "torchless query -t wide.db ", "torchless query -t fifo ", "torchless query -t /dev/zero ",
    "torchless trace -m model --capture ", "torchless trace -m fifo --zero ",
    # What stands on the line already is not run by pressing Tab behind it.
    "torchless query -t \"$(touch x)\" lay", "torchless query -t `touch x` lay", "torchless trace -m $(touch x) --capture L",
    "\"$(touch x)\"/torchless query lay", "torchless query $(touch x) ",
]
RAW = [b"\x1b]0;title\x07", b"\x1b[31mred", b"\xc2\x9b31mred", b"\xff$(", b"\xff\xfe$("]
for kind in ("bash", "zsh", "fish"):
    shell = start(kind)
    for typed in HOSTILE:
        if kind == "fish" and "`" in typed and "'`" not in typed:
            continue
        shell.tab(typed, 2)
        # File names are shown by the shell, as in every other place; names of a recording by us.
        if "hostile.db" in typed:
            for raw in RAW:
                if raw in shell.shown:
                    fail(f"{kind}: {typed!r} shows {raw!r}: {shell.shown!r}")
        if os.listdir(ran) or sorted(os.listdir(os.fsencode(here))) != there:
            fail(f"{kind}: Tab behind {typed!r} has run {os.listdir(ran)} {set(os.listdir(here)) - set(map(os.fsdecode, there))}")
            sys.exit(1)
    # And beside all that the good ones are completed, with what they are.
    completes(shell, "torchless query -t hostile.db hostile-q", "torchless query -t hostile.db hostile-query ")
    completes(shell, "torchless query -t hostile.db layer-k", "torchless query -t hostile.db layer-knows ")
    completes(shell, "torchless query -t hostile.db hostile-query goo", "torchless query -t hostile.db hostile-query good=")
    completes(shell, "torchless query -t hostile.db next po", "torchless query -t hostile.db next pos=")
    completes(shell, "torchless query -t '$(touch x1)z.db' layer-k", "torchless query -t '$(touch x1)z.db' layer-knows ")
    completes(shell, "torchless trace -m 'm o;touch xl' --capture L0.attn.patt", "torchless trace -m 'm o;touch xl' --capture L0.attn.pattern" + " " * (kind != "zsh"))
    completes(shell, "torchless query -t many.db layer-k", "torchless query -t many.db layer-knows ")
    # What was completed is a word for that file.
    for begins, i in (("\\$\\(touch\\ x1", 0), ("\\`touch\\ x2", 1), ("\\;touch\\ x3", 2), ("a\\&", 3), ("n", 4), ("\\*", 6), ("\\'", 8), ("\\\"", 9),
                      ("\\{", 19), ("\\$\\{", 21), ("\\[", 22), ("\\|", 23)):
        name = PAYLOADS[i]
        line = shell.tab(f"torchless query -t {begins}")
        line = line.replace("torchless query -t", "printf '%s'" if kind != "fish" else "printf %s", 1) + f" >{work}/said"
        shell.send("\x18q")
        shell.run(line)
        with open(work + "/said") as f:
            said = f.read()
        if said != name:
            fail(f"{kind}: {begins!r} is completed to {line!r}, which is {said!r}, not {name!r}")
    shell.close()
if os.listdir(ran) or sorted(os.listdir(os.fsencode(here))) != there:
    fail(f"something ran: {os.listdir(ran)} {set(os.listdir(here)) - set(map(os.fsdecode, there))}")

# The program that the line names is asked, and no other: one in a folder, but none that would have to be expanded.
os.mkdir(here + "/tool")
with open(here + "/tool/torchless", "w") as f:
    f.write(f"#!/bin/sh\necho tool-$0 >>{work}/asked\nprintf 'from-tool\\n'\n")
os.chmod(here + "/tool/torchless", 0o755)
for kind in ("bash", "zsh", "fish"):
    shell = start(kind)
    completes(shell, "tool/torchless query from", "tool/torchless query from-tool ")
    os.remove(work + "/asked")
    shell.tab("torchless query lay")
    shell.tab("$(echo tool)/torchless query lay" if kind != "fish" else "(echo tool)/torchless query lay")
    if os.path.exists(work + "/asked"):
        fail(f"{kind} asked a program that the line does not name")
    shell.close()
    shell = start(kind, PATH="/usr/bin:/bin")
    shell.tab("torchless query lay")
    completes(shell, "torchless tok", "torchless tokenize ", f"{kind} without torchless in PATH")
    shell.close()

# ---- the program's own shell -----------------------------------------------------------------

os.environ.update(TERM="xterm", LC_ALL="C.UTF-8", HOME=work)
for file, begins in (("hostile.db", "hostile-q"), ("many.db", "many-")):
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(here)
        os.execvp("torchless", ["torchless", "query", "-t", file])
    shown = b""
    # A Tab behind which more keys wait would be indentation of what somebody pastes.
    for keys, awaited in (("", f"{file}> ".encode()), (f"{begins}\t", b"uery" if file == "hostile.db" else b"many-"), ("\x15\t", b"more"), ("\x15r\t", b"roofline"), ("\x15hostile-query \t", b"hostile-query"),
                          ("\x15SELECT 40 + 2 AS answer;\r", b" 42 ")):
        os.write(fd, keys.encode())
        end = time.monotonic() + 30
        part = b""
        while awaited not in part and time.monotonic() < end:
            if select.select([fd], [], [], 0.1)[0]:
                part += os.read(fd, 65536)
        if awaited not in part:
            fail(f"query -t {file}: {keys!r} shows {part[-500:]!r}, not {awaited!r}")
        shown += part
    for raw in RAW:
        if raw in shown:
            fail(f"query -t {file} shows {raw!r}")
    os.kill(pid, 9)
    os.waitpid(pid, 0)
if os.listdir(ran):
    fail(f"the shell of torchless ran {os.listdir(ran)}")
sys.exit(failures > 0)
