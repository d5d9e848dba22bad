#!/bin/sh
# terminal.sh -- what a person sees: on a pseudo-terminal, and when output cannot be written.
. "$(dirname "$0")/lib.inc"
checkpoint window --preset window --layers 2
cd "$work" || exit 2
python3 - "$T" "$root/build/test-models/window" <<'PY' || failures=1
import os, pathlib, pty, re, signal, subprocess, sys, time

torchless, model = sys.argv[1:]
failures = []

def check(what, condition, shown=""):
    if not condition:
        failures.append(what)
        print(f"terminal.sh: {what}: {shown!r}")

def on_terminal(*args, env=(), columns=100, interrupt_after=None):
    """The output of a command whose stdin, stdout and stderr are a terminal, and its status."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm", LC_ALL="C.UTF-8", COLUMNS=str(columns), PAGER="cat", **dict(env))
        os.execv(torchless, ["torchless", *args])
    out = b""
    while True:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        out += data
        if interrupt_after and interrupt_after in out:
            os.write(fd, b"\x03")
            interrupt_after = None
    return out.decode("utf-8", "strict").replace("\r\n", "\n"), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

plain = lambda s: re.sub(r"\x1b\[[0-9;]*m", "", s)

# Many runs: a bar with what is left, gone at the end.
N = 150  # what is left is said after half a second: a fast machine needs something to do
with open("prompts.jsonl", "w") as f:
    for i in range(N):
        f.write('{"prompt": "The model reads \\u001b[31m a text", "n": 40}\n')
many = ("trace", "-m", model, "--prompts", "prompts.jsonl", "-o", "many\x1b[31m.db")
out, status = on_terminal(*many)
check("runs on a terminal", status == 0 and f"{N} of prompts.jsonl" in plain(out), out[-900:])
bars = [b for b in plain(out.replace("\x1b[K", "")).split("\r") if b.startswith("runs       █") or b.startswith("runs        ")]
check("have a bar that counts", any(re.search(rf" \d+/{N}", b) for b in bars), out[:300])
check("says what is left", any(re.search(rf" \d+/{N}   [0-9.]+ m?s left$", b) for b in bars), bars)
check("and is cleared before the summary", "\r\x1b[K" + "window" in out, out[-1200:])
check("nothing of a file's name reaches the terminal", "\x1b[31m" not in out, out)
out, status = on_terminal(*many, "--resume")
check("nor when there is nothing to do", status == 0 and out.startswith("nothing to do: many\\x1B[31m.db"), out)
out, status = on_terminal(*many, "-n", "1", interrupt_after=f"/{N}".encode())
check("Ctrl-C leaves one sentence", status == 130 and re.search(r"\r\x1b\[Ktorchless: interrupted at prompts.jsonl:\d+; many\?\[31m.db has the \d+ runs before it, and --resume goes\s+on\n$", out), out[-300:])
os.remove("many\x1b[31m.db.old")
with open("few.jsonl", "w") as f:
    f.write('{"prompt": "The model reads"}\n' * 5)
out, status = on_terminal("trace", "-m", model, "--prompts", "few.jsonl", "-o", "few.db", "-q")
check("-q has no bar", status == 0 and out == "", out)

# run: the prompt, the text, then the speed; nothing that moves the cursor, nothing that is no UTF-8.
prompt = "The model reads \x1b[31mred"
out, status = on_terminal("run", "-m", model, "-n", "30", prompt)
check("run on a terminal", status == 0 and out.startswith(r"The model reads \x1B[31mred"), out)
check("run sends no escape of its own or the model's", "\x1b" not in out, out)
piped = subprocess.run([torchless, "run", "-q", "-m", model, "-n", "30", prompt], capture_output=True).stdout
check("the text has bytes that need care", any(b < 32 for b in piped[:-1]) or b"\x80" < piped, piped)
check("bytes that are no UTF-8 are replaced", "�" in out or piped.decode("utf-8", "ignore").encode() == piped, out)
check("a pipe gets the bytes as they are", b"\x1b[31mred" not in piped and b"\xef\xbf\xbd" not in piped, piped)
out, status = on_terminal("run", "-m", model, "-n", "100000", "x", interrupt_after=b"x")
check("Ctrl-C ends run", status == 130 and out.endswith("torchless: interrupted\n"), (status, out[-200:]))

# trace: a bar that is cleared, the summary on stdout.
out, status = on_terminal("trace", "-m", model, "-n", "2", "The model reads")
last = plain(re.split(r"\r\x1b\[K", out)[-1])
check("trace on a terminal", status == 0 and "\r\x1b[K" in out, out)
for words in ("tokens", "prefill", "next", "residual", "█", "time", "trace.db", "torchless report"):
    check(f"the summary has {words}", words in last, last)
check("the summary fits", all(len(line) <= 100 for line in last.split("\n")), last)
out, status = on_terminal("trace", "-q", "-m", model, "x")
check("trace -q is silent", (out, status) == ("", 0), out)
out, status = on_terminal("trace", "-m", model, "x", env={"LC_ALL": "C"}.items())
check("no UTF-8 locale, no blocks", all(ord(c) < 128 for c in re.sub("[^\x00-\x7f]* .s\n", "", out)), out)

# query: how to read an answer stands below it, for people only.
out, status = on_terminal("query", "residual")
check("a saved query says how to read its answer", status == 0 and "l2 is the length of the stream" in out, out)
out, status = on_terminal("query", "-q", "residual")
check("-q does not", status == 0 and "is the length" not in out, out)

# The three commands at the end work as they stand.
for command in re.findall(r"(?:try)?\s+(torchless query.*|sqlite3 .*)", last):
    if command.startswith("sqlite3") and subprocess.run(["sh", "-c", "command -v sqlite3"], capture_output=True).returncode:
        continue
    done = subprocess.run(["sh", "-c", command.replace("torchless", torchless, 1)], capture_output=True)
    check(f"`{command}` works", done.returncode == 0 and done.stdout, done)

# query: a box; wide columns are clipped to the terminal.
out, _ = on_terminal("query", "SELECT 1 one, 'x' || char(27) two")
check("query prints a box", plain(out).startswith("┌") and r"x\x1B" in out, out)
out, _ = on_terminal("query", "SELECT fqn, fqn f2, fqn f3 FROM v_value LIMIT 3", columns=60)
check("a wide table is clipped", all(len(line) <= 60 for line in plain(out).split("\n")) and "…" in out, out)
check("rows and time stand below", re.search(r"┘\n3 rows · [0-9.]+ .?s\n$", plain(out)), out)
out, _ = on_terminal("query", "-q", "SELECT 1")
check("query -q has no footer", plain(out).endswith("┘\n"), out)
out, _ = on_terminal("query", "SELECT * FROM v_value", columns=60)
check("a table too wide for the screen is records", re.match(r"── row 1 ─+\nid  +1\n", plain(out)) and
      all(len(line) <= 60 for line in plain(out).split("\n")), out[:300])
numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT %s) SELECT i FROM n"
out, _ = on_terminal("query", numbers % 2345)
check("a box has a thousand rows", re.search(r"│ 1000 │\n└─+┘\n1,000 of 2,345 rows · .* · --limit 0 shows all", plain(out)), out[-200:])
out, _ = on_terminal("query", numbers % -1)
check("rows without end are not counted", "1,000 of more than" in out, out[-200:])
out, _ = on_terminal("query", "--limit", "0", numbers % 2345)
check("--limit 0 shows all", "│ 2345 │" in out and "2,345 rows" in out, out[-200:])
out, _ = on_terminal("query", "SELECT '日本語日本語日本語' a, 'x' b", columns=25)
check("wide characters are broken in columns", "│ 日本語日本語日本  │ x │\n│ 語                │   │" in plain(out), out)

# Colour.
check("colour on a terminal", "\x1b[" in on_terminal("tokenize", "-m", model, "x")[0])
check("NO_COLOR", "\x1b[" not in on_terminal("tokenize", "-m", model, "x", env={"NO_COLOR": "1"}.items())[0])
check("--color never", "\x1b[" not in on_terminal("tokenize", "-m", model, "--color", "never", "x")[0])
check("no colour in a pipe", b"\x1b[" not in subprocess.run([torchless, "tokenize", "-m", model, "x"], capture_output=True).stdout)
out, _ = on_terminal("tokenize", "-m", model, "a\x1b]0;title\x07b")
check("tokenize escapes", "\x1b]" not in out and "\x07" not in out, out)
out, _ = on_terminal("info", "-m", model, "--program")
check("info --program fits no more than the screen", all(len(l) <= 100 for l in plain(out).split("\n")), out)

# A pager, for what is longer than the screen of 24 lines, and only where both ends are a terminal.
def paged(*args, pager, typed=b"", stdin=None, path=os.environ["PATH"]):
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM="dumb", LC_ALL="C.UTF-8", LINES="24", COLUMNS="100", PATH=path)
        os.environ.pop("PAGER", None)
        if pager is not None:
            os.environ["PAGER"] = pager
        if stdin:
            os.dup2(os.open(stdin, os.O_RDONLY), 0)
        os.execv(torchless, ["torchless", *args])
    os.write(fd, typed)
    out = b""
    while True:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        out += data
    return out.decode("utf-8", "strict").replace("\r\n", "\n"), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def program(name, text):
    os.makedirs("bin", exist_ok=True)
    with open(f"bin/{name}", "w") as f:
        f.write(f"#!/bin/sh\n{text}\n")
    os.chmod(f"bin/{name}", 0o755)

mark, cat = "sed 's/^/paged:/'", subprocess.run(["sh", "-c", "command -v cat"], capture_output=True, text=True).stdout.strip()
help = subprocess.run(["torchless", "help", "trace"], executable=torchless, capture_output=True, text=True).stdout  # as paged() calls it
marked = "".join(f"paged:{line}\n" for line in help.splitlines())
for args in (["help", "trace"], ["trace", "--help"], ["trace", "-h"]):
    check(f"{args} is paged", paged(*args, pager=mark) == (marked, 0), paged(*args, pager=mark))
check("what fits is not", paged("help", pager=mark)[0].startswith("Run a"), paged("help", pager=mark))
check("nor what is piped", subprocess.run(["torchless", "help", "trace"], executable=torchless, env={**os.environ, "PAGER": mark}, capture_output=True, text=True).stdout == help)
check("nor with a stdin that is no terminal", paged("help", "trace", pager=mark, stdin="/dev/null") == (help, 0))
check("nor what is for programs", "paged:" not in paged("help", "--man", "trace", pager=mark)[0])
program("cat", "echo cat >>called"), program("less", f'echo "less $*" >>called; exec {cat}')
fakes = os.getcwd() + "/bin:" + os.environ["PATH"]
for off in ("cat", "", " "):
    check(f"PAGER={off!r} turns it off", paged("help", "trace", pager=off, path=fakes) == (help, 0) and not os.path.exists("called"))
check("less without PAGER", paged("help", "trace", pager=None, path=fakes) == (help, 0) and open("called").read() == "less -FRX\n")
check("no pager without less", paged("help", "trace", pager=None, path="/nowhere") == (help, 0))
out, status = paged("help", "trace", pager="no-such-pager")
check("a pager that is not there", status == 0 and out.endswith(help), out[:200])
check("one that leaves early", paged("help", "trace", pager="head -n 1") == (help.split("\n")[0] + "\n", 0))

# In the shell as elsewhere: what is longer than the screen, and lists.
numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 30000) SELECT i FROM n;\n"
shell = lambda pager, text: paged("query", pager=pager, typed=text.encode() + b".quit\n")
out, status = shell(mark, numbers)
check("a thousand rows are paged", status == 0 and "paged:│ 1000 │" in out and "paged:│ 1001" not in out
      and re.search(r"paged:1,000 of 30,000 rows · .* · \.limit 0 shows all", out), out[-300:])
out, status = shell(mark, "SELECT 1;\n")
check("one row is not", status == 0 and "│ 1 │" in out and "paged:" not in out, out[-300:])
for args in (["info", "-m", model, "--points"], ["info", "-m", model, "--program"],
             ["query", "--list"], ["query", "--functions"], ["query", "SELECT fqn FROM v_value"]):
    out, status = paged(*args, pager=mark)
    check(f"{args} is paged", status == 0 and all(line.startswith("paged:") for line in plain(out).splitlines()), out[:200])
    check(f"{args} may be left", paged(*args, pager="head -n 1")[1] == 0)
out, status = paged("info", "-m", model, "--points", "--tsv", pager=mark)
check("rows for programs are not", status == 0 and "paged:" not in out and "\t" in out, out[:200])
out, status = shell(mark, ".limit 0\n" + numbers)
check("all rows are", status == 0 and "paged:│     1 │\n" in out and "paged:│ 30000 │" in out, out[-300:])
out, status = shell(mark, ".mode csv\n.limit 0\n" + numbers)
check("but not as CSV", status == 0 and "30000" in out and "paged:" not in out, out[-300:])
out, status = shell(mark, ".schema\n.saved\n")
check("lists are", status == 0 and "paged:│ v_token" in out and "paged:  residual" in out, out[-300:])
out, status = shell("head -n 4", ".limit 0\n" + numbers + "SELECT 'still ' || 'here';\n")
check("the shell outlives a pager that leaves early", status == 0 and "│     1 │" in out and "│     2 │" not in out and "still here" in out, out[-300:])

# stdout that cannot be written.
for args in (["run", "-q", "-m", model, "x"], ["info", "-m", model], ["help"], ["query", "SELECT * FROM v_value"],
             ["tokenize", "-m", model, "x"], ["tokenize", "-m", model, "--json", "x"], ["trace", "--json", "-m", model, "x"],
             ["graph", "-m", model], ["graph", "-m", model, "--json"]):
    pathlib.Path("trace.db.old").unlink(missing_ok=True)  # it would be warned of
    with open("/dev/full", "w") as full:
        done = subprocess.run([torchless, *args], stdout=full, stderr=subprocess.PIPE)
    check(f"a full disk under {args[0]}", done.returncode == 3 and
          done.stderr.startswith(b"torchless: cannot write to standard output: No space left"), done)
for args in (["export", "-q", "--chrome", "-"], ["export", "-q", "--perfetto", "-"], ["graph", "-t", "trace.db"],
             ["show", "-m", model, "weight(model.norm.weight)"], ["show", "-m", model, "--json", "weight(model.norm.weight)"]):
    with open("/dev/full", "w") as full:
        done = subprocess.run([torchless, *args], stdout=full, stderr=subprocess.PIPE)
    check(f"a full disk under {' '.join(args)}", done.returncode == 3 and
          done.stderr.startswith(b"torchless: cannot write to standard output: No space left"), done)

# A reader that goes away ends the program quietly.
done = subprocess.run(["sh", "-c", '"$0" run -m "$1" -n 100000 x | head -c 20 > /dev/null', torchless, model],
                      capture_output=True, timeout=120)
check("SIGPIPE is quiet", done.stderr == b"", done)
sys.exit(bool(failures))
PY
finish
