#!/bin/sh
# pasted.sh -- every command that the program tells one to type, in backquotes, behind "try" or below
# "examples", runs as it stands: a shell takes it, and it is no usage error.  By PATH, by a path, by one
# with spaces and by a link.
. "$(dirname "$0")/lib.inc"
export T root work
"$python" - <<'EOF'
import os, pty, re, shlex, subprocess, sys

T, ROOT, WORK = (os.environ[name] for name in ("T", "root", "work"))
failures = 0


def fail(text):
    global failures
    failures += 1
    print(f"pasted.sh: {text}"[:600])


def run(argv, where, typed="", **more):
    """What it writes to both streams, as a person sees it: lines as wide as they are."""
    done = subprocess.run(argv, cwd=where, input=typed, capture_output=True, text=True, timeout=200, errors="replace", **more)
    return done.returncode, done.stdout + "\n" + done.stderr


def on_terminal(argv, where, typed=b"", columns=60):
    """The same, of a narrow terminal: what is broken there is another command."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(where)
        os.environ.update(TERM="xterm", LC_ALL="C.UTF-8", NO_COLOR="1", PAGER="cat")
        subprocess.run(["stty", "cols", str(columns), "-echo"], check=False)
        os.execvp(argv[0], argv)
    os.write(terminal, typed) if typed else None
    out = b""
    try:
        while data := os.read(terminal, 65536):
            out += data
    except OSError:
        pass
    os.waitpid(pid, 0)
    os.close(terminal)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.decode("utf-8", "replace").replace("\r", ""))


def commands(text, name):
    """The commands that a text tells one to type."""
    found = set()
    begins = re.compile(rf"(?:.*(?:\| |\(|&& |; ))?(?:{re.escape(name)}|(?:\S*/)?scripts/\S+|'[^']*/scripts/\S+)(?: |$)")
    for span in re.findall(r"`([^`]+)`", text):
        if begins.match(span):
            found.add(span)
    for line in text.split("\n"):
        line = re.sub(r"^try ", "", line)
        if line[:1] == " " and begins.match(line.strip()) and not re.search(r"[`…]|\.\.\.", line):
            found.add(line.strip())
    return found


def situations(name, where):
    """Texts of the program in as many situations as one gets into."""
    t = shlex.split(name)
    say = lambda *args, **more: run([*t, *args], where, **more)[1]
    yield say("trace", "-n", "2", "Tom has it's \"own\" $HOME")
    yield say("trace", "-n", "1", "--capture", "none", "-o", "a b.db", "Tom has")
    yield say("trace", "-v", "-n", "1", "--redact", "-o", "secret.db", "Tom has")
    yield say("trace", "-", "-n", "1", "-o", "lines.db", typed="Tom has\ntwo\tlines \\ and 100 %")
    yield say("trace", "-", "-n", "1", "-o", "dash.db", typed="-m two\nlines")
    yield say("trace", "-n", "1", "-o", "nothing.db", "")
    yield say("trace", "--prompts", os.path.join(ROOT, "lessons/prompts.jsonl"), "-o", "many.db")
    yield say("trace", "--prompts", "-", "-o", "typed.db", typed='{"prompt": "One"}\n{"prompt": "Two"}\n')
    yield say("trace", "--prompt-ids", "-n", "1", "-o", "ids.db", "1 5 6")
    yield say("trace", "--zero", "L1.attn.z[head=0]", "--temp", "0.5", "--seed", "3", "-o", "zero.db", "-n", "1", "--", "-5 degrees")
    yield say("debug", "--batch", "-ex", "record on debugged.db", "-ex", "run", "-ex", "set layers.0.mlp = 0", "-ex", "save edits e.jsonl", "-ex", "record off",
              "Tom has")
    yield say("trace", "--estimate", "Tom has")
    for command in ("run", "trace", "debug", "query", "graph", "show", "report", "export", "tokenize", "info", "completion", "help"):
        yield say(command, "--help")
        yield say(command, "--no-such-option")
    yield say("info")
    yield say("info", "--points")
    yield say("--help")
    yield say("nope")
    yield say("-Z")
    for args in (["trace"], ["query", "nope"], ["show", "--capture", "x"], ["query", "-t", "none/x.db", "time"], ["tokenize"], ["show", "nope"],
                 ["graph", "--diff", "a b.db"], ["run", "--system", "x", "y"], ["report", "-t", "none.db"], ["export"]):
        yield say(*args)
    for bad in ("gguf", "torch", "lfs", "text", "empty", "pickles", "bins"):
        path = os.path.join(where, f"a {bad}")
        for what in (["info", "-m", path], ["query", "-t", path, "time"], ["run", "-m", path, "x"]):
            yield say(*what)
    empty = os.path.join(where, "empty folder")
    for args in (["query"], ["query", "time"], ["report"], ["show", "L0.attn.q"], ["export", "--chrome", "-"], ["graph", "-t", "trace.db"]):
        yield run([*absolute(t, where), *args], empty)[1]
    names = [line.split("\t")[0] for line in say("query", "--list").splitlines() if line]
    recordings = ["trace.db", "a b.db", "secret.db", "many.db", "typed.db", "ids.db", "zero.db", "lines.db", "dash.db", "nothing.db", "debugged.db"]
    for recording in recordings if name == "./torchless" else recordings[:2]:
        yield say("report", "-t", recording)
        yield say("show", "-t", recording, "L0.mlp.up")
        yield say("debug", "-t", recording, "--batch", "-ex", "sql SELECT * FROM attn", "-ex", "attrib")
        for sql in ("SELECT t_max('L1.mlp.act_mul')", "SELECT * FROM lens", "SELECT * FROM attn", "SELECT doc FROM schema_doc", "SELECT * FROM lens WHERE layer = 1"):
            yield say("query", "-t", recording, "--box", sql)
        yield say("query", "-t", recording, *(["units"] if recording != "trace.db" else ["--list"]))
        if recording in ("trace.db", "a b.db", "secret.db"):
            yield on_terminal([*t, "query", "-t", recording, "units"], where)
    if name == "./torchless":
        for query in names:
            yield on_terminal([*t, "query", query], where)
        shell = "".join(f".schema {query}\n" for query in names) + ".help\n.saved\n.schema\n.schema saved_query\n.functions\n.nope\nunits\n.quit\n"
        yield on_terminal([*t, "query"], where, shell.encode(), 200)
        yield say("query", "--functions")
        lines = ["help all", "help save edits", "attach 1", "core", "exec-file x", "file x", "target x", "symbol-file x", "query", "record on empty.db"]
        yield say("debug", "--batch", "--keep-going", *(word for line in lines for word in ("-ex", line)), "Tom has")


def absolute(t, where):
    return [os.path.join(where, t[0])] if "/" in t[0] else t


def files(where):
    """What people give by mistake."""
    def write(name, data):
        path = os.path.join(where, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
    write("a gguf", b"GGUF" + bytes(60))
    write("a torch", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + bytes(60))
    write("a lfs", b"version https://git-lfs.github.com/spec/v1\n")
    write("a text", b"hello\n")
    write("a empty", b"")
    write("a pickles/model.gguf", b"GGUF" + bytes(60))
    write("a bins/pytorch_model.bin", b"PK\3\4" + bytes(60))
    write("a bins/config.json", b"{}")
    os.makedirs(os.path.join(where, "empty folder"))


# What is a name and not an order to type, and why it may end with 2 all the same.
NAMES = {
    "query NAME": "NAME stands for a question",
    "debug -t FILE": "FILE stands for a recording",
    "query --functions nope": "asked for by the test itself",
    "COMMAND --help": "COMMAND stands for one",
    "COMMAND [OPTIONS] [ARGUMENTS]": "a usage line",
}
# What is said of a recording that another sentence beside it has one make.
BEFORE = {"torchless query differ a=1 b=2": ["trace", "-q", "--prompts", "lessons/prompts.jsonl"]}
tried = set()


def paste(command, name, where):
    """Run it as it stands; where it needs a person or a minute, ask whether it would be taken."""
    plain = command.replace(name, "torchless")
    if plain in tried:
        return
    tried.add(plain)
    if any(plain == f"torchless {part}" for part in NAMES):
        return
    if plain in BEFORE:
        run([T, *BEFORE[plain]], where)
    more = {"HOME": WORK, "PATH": os.environ["PATH"]}
    # git, less and gzip are others' business; a terminal would show a view or a shell until it is left.
    status, out = run(["bash", "-c", "git() { echo Tom; }; " + command], where, env={**os.environ, **more})
    # A file that is none, by mistake, is no model either; that the script took its arguments is all.
    is_script = "scripts/" in command and "usage:" not in out
    if (status == 2 and not is_script and "were not recorded" not in out) or status in (126, 127) or status > 128:
        fail(f"`{command}` ends with {status}: {out.strip()[-300:]}")


def check(name, where):
    before = len(tried)
    found = set()
    for text in situations(name, where):
        found |= commands(text, name)
        for broken in re.findall(rf"`{re.escape(name)}[^`]*\n", text):
            if "│" not in broken:
                fail(f"a command is broken over lines: {broken!r}")
        if name != "torchless":
            for other in re.findall(r"`torchless [^`]*`", text):
                fail(f"called {name}, it names another program: {other}")
    for command in sorted(found):
        paste(command, name, where)
    return found, len(tried) - before


os.environ.pop("PYTHONPATH", None)
os.makedirs(f"{WORK}/bin")
os.makedirs(f"{WORK}/.config/fish/completions")
os.symlink(T, f"{WORK}/bin/torchless")
os.environ["PATH"] = f"{WORK}/bin:{os.environ['PATH']}"
n = {}
for number, name in enumerate(("./torchless", "torchless", "'../a bin/torchless'", T, "./link")):
    where = f"{WORK}/it {number}"
    files(where)
    os.makedirs(f"{WORK}/a bin", exist_ok=True)
    for link in (f"{where}/torchless", f"{where}/link", f"{WORK}/a bin/torchless"):
        if not os.path.lexists(link):
            os.symlink(T, link)
    for folder in ("lessons", "models"):
        os.symlink(f"{ROOT}/{folder}", f"{where}/{folder}")
    found, ran = check(name, where)
    n[name] = len(found)
    if os.environ.get("PASTED_LIST"):
        print(name, *sorted(found), sep="\n  ")
# Each name is asked in the same situations, the first of them in more.
if n["./torchless"] < 70 or min(n.values()) < 45:
    fail(f"too few commands were found: {n}")
sys.exit(failures > 0)
EOF
status=$?
is "commands of the program" 0 "$status"
finish
