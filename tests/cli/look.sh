#!/bin/sh
# look.sh -- what every command looks like on a terminal: ASCII where there is no UTF-8, lines that fit.
. "$(dirname "$0")/lib.inc"
checkpoint window --preset window --layers 2
cd "$work" || exit 2
mkdir "$work/bin" && ln -s "$T" "$work/bin/torchless"
PATH=$work/bin:$PATH # by its name, which is short: lines are measured
python3 - torchless "$root/build/test-models/window" <<'PY' || failures=1
import os, re, sqlite3, subprocess, sys
from terminal import on_terminal

torchless, model = sys.argv[1:]
failures = []

def check(what, condition, shown=""):
    if not condition:
        failures.append(what)
        print(f"look.sh: {what}: {shown!r}")

def shown(*args, **more):
    out, status = on_terminal([torchless, *args], **more)
    return re.sub(rb"\x1b\[[0-9;]*[mK]", b"", out.replace(b"\r\n", b"\n")), status

prompt = "Lily put the ball in the box.\nTom asked where the ball"
subprocess.run([torchless, "trace", "-q", "--capture", "attention", "--capture", "units", "-n", "3", "--temp", "0.7", prompt], check=True)
subprocess.run([torchless, "trace", "-q", "-o", "other.db", "-n", "2", prompt], check=True)
with sqlite3.connect("trace.db") as db:
    saved = [name for name, in db.execute("SELECT name FROM saved_query")]
commands = subprocess.run([torchless, "help"], capture_output=True, text=True, check=True).stdout
commands = re.findall(r"^  ([a-z]+)  ", commands, re.M)
looks = ["where", "list", "info program", "tokens", "lens", "logits", "attn 1", "tree", "tensors", "bt", "print L1.attn.pattern",
         "show L1.resid_post", "attrib", "info values", "display L1.resid_post", "branch", "info edits", "sql residual", "sql time",
         "set L1.attn.z[head=0] = 0", "finish", "break layers.1", "info breakpoints", "continue", "until token 2", "find absmax(out) > 1",
         "origin L1.resid_post", "status", "help", "help break", "apropos token", "diff", "logits --diff", "record on"]
runs = [["help"], *(["help", c] for c in commands), *([c, "--help"] for c in commands), ["--version"],
        ["run", "-n", "4", prompt], ["run", "-n", "4", "-v", prompt], ["trace", "-o", "a.db", prompt], ["trace", "-v", "-o", "a.db", "-n", "3", prompt],
        ["trace", "--estimate", prompt], ["tokenize", prompt], ["tokenize", "--steps", prompt],
        ["info"], ["info", "--config"], ["info", "--tensors"], ["info", "--tensors", "--stats"], ["info", "--points"], ["info", "--program"],
        ["query", "--list"], ["query", "--functions"], ["query", "--functions", "lens"], ["query", "SELECT * FROM saved_query"],
        ["query", "--csv", "SELECT * FROM v_token"], ["query", "SELECT * FROM schema_doc"], ["query", "SELECT t_spark('L1.mlp.act_mul')"],
        ["query", "-v", "residual"], ["query", "residaul"], ["query", "SELECT nothing"], *(["query", name] for name in saved),
        ["show", "L1.attn.pattern"], ["show", "--heat", "L1.mlp.act_mul"], ["show", "--hist", "L1.mlp.act_mul"], ["show", "--topk", "5", "L1.mlp.act_mul"],
        ["show", "--print", "L1.attn.pattern[head=0]"], ["show", "--spark", "L1.mlp.act_mul"], ["show", "L1.mlp.act_mul", "--vs", "other.db"],
        ["export", "--chrome", "a.json"], ["graph", "-o", "a.dot"], ["report", "-o", "a.html"], ["graph", "--module", "layers.33"],
        ["debug", "--batch", *(word for look in looks for word in ("-ex", look)), "--keep-going", prompt],
        ["debug", "-t", "trace.db", "--batch", *(word for look in looks for word in ("-ex", look)), "--keep-going"],
        ["nonsense"], ["run", "--nonsense"], ["run", "-m", "/nowhere", "x"], ["query", "-t", "/nowhere"]]
for args in runs:
    out, _ = shown(*args, env={"LC_ALL": "C"}.items(), typed=b"\x04" if args[0] == "debug" else b"")
    at = next((i for i, b in enumerate(out) if b >= 0x80), None)
    check(f"{args[:4]} without UTF-8", at is None, at is not None and out[max(0, at - 60):at + 40])

# Piped as well, but for rows, texts and drawings for programs.
def for_programs(args):
    return (args[0] in ("tokenize", "info", "graph") and len(args) < 4 and args[1:2] != ["--module"] or
            args[0] == "query" and "--list" not in args or args[0] == "run")
exact = 0
for args in [*runs, *(["query", "--box", name] for name in saved), ["query", "--box", "SELECT t_spark('L1.mlp.act_mul'), fqn FROM v_value LIMIT 1"],
             ["run", "-v", "-n", "2", prompt], ["debug", "--batch", "-ex", "sql residual", "-t", "trace.db"]]:
    done = subprocess.run([torchless, *args], env={**os.environ, "LC_ALL": "C"}, stdin=subprocess.DEVNULL, capture_output=True)
    exact += any(b >= 0x80 for b in done.stdout)
    streams = [done.stderr] if for_programs(args) and "--box" not in args else [done.stdout, done.stderr]
    for out in streams:
        at = next((i for i, b in enumerate(out) if b >= 0x80), None)
        check(f"{args[:4]} piped without UTF-8", at is None, at is not None and out[max(0, at - 60):at + 40])
check("rows for programs stay as they are", exact > 2, exact)
for args in (["query", "--csv", "SELECT 'd\u00e9j\u00e0' a"], ["query", "--json", "SELECT 'd\u00e9j\u00e0' a"], ["tokenize", "--decode", "$ids"]):
    if args[0] == "tokenize":
        ids = subprocess.run([torchless, "tokenize", "--ids", "--no-bos", "d\u00e9j\u00e0"], capture_output=True, text=True, check=True).stdout.split()
        args = [*args[:2], *ids]
    done = subprocess.run([torchless, *args], env={**os.environ, "LC_ALL": "C"}, capture_output=True, check=True).stdout
    check(f"{args} is exact", "d\u00e9j\u00e0".encode() in done, done)

# The shell: its tables, its tree, and its help.
out, status = shown("query", typed=b".help\n.saved\n.schema\n.explain residual\n.points\nresidual\ntime\nSELECT nothing;\n.quit\n",
                    env={"LC_ALL": "C", "TERM": "dumb"}.items())
check("the shell without UTF-8", status == 0 and all(b < 0x80 for b in out), bytes(b for b in out if b >= 0x80)[:20])

# A user's own text is shown by its bytes, and is exact where a program reads it.
out, _ = shown("query", "-q", "SELECT 'd\u00e9j\u00e0 \u2192 vu' a", env={"LC_ALL": "C"}.items())
check("text without UTF-8", rb"d\xC3\xA9j\xC3\xA0 -> vu" in out, out)
piped = subprocess.run([torchless, "query", "SELECT 'd\u00e9j\u00e0 \u2192 vu' a"], env={**os.environ, "LC_ALL": "C"}, capture_output=True, check=True).stdout
check("and where it is piped", piped == "d\u00e9j\u00e0 \u2192 vu\n".encode(), piped)

# A line end in a token or a prompt is one sign, in a pipe its escape.
for args in (["tokenize", "a\nb"], ["query", "tokens"], ["query", "SELECT 'a' || char(10) || 'b' x"]):
    out, _ = shown(*args)
    check(f"{args} has a sign for a line end", "\u23ce".encode() in out and b"\\n" not in out, out[:400])
# What is said beneath an answer is running text, whatever lines it was written in.
for name in saved:
    out, _ = shown("query", name)
    out = re.sub(rb"`[^`]+`", b"", out)  # of a command it is part
    check(f"query {name} shows no escape of a line end", b"\\n" not in out, out[-400:])
out = subprocess.run([torchless, "query", "SELECT 'a' || char(10) || 'b'"], capture_output=True, check=True).stdout
check("an escape where it is piped", out == b"a\\nb\n", out)

# Lines that fit, whatever they are of; commands in backquotes and words of others stay whole, to be copied.
whole = re.compile(r"""^ *[(]?`[^`]+`[).,;]*$|^(try |card ) *|^ +\S*torchless |^  (echo|printf|source|git) |/|^  [.]mode |^ {6,}(["'].*["']|~/\S+)( \\)?$""")
for columns in (40, 60, 80, 120):
    for args in (["help"], *(["help", c] for c in commands), ["info"], ["info", "--points"], ["info", "--tensors", "--stats"], ["info", "--tensors"],
                 ["info", "--program"], ["trace", "--estimate", prompt], ["query", "--list"], ["query", "lens"], ["query", "residual"], ["query", "--functions"],
                 ["trace", "-o", "a.db", prompt], ["query", "nonsense-name"], ["query", "--functions", "lens"]):
        out, _ = shown(*args, columns=columns)
        text = re.sub(r"[^\n]*\r", "", out.decode())
        wide = [line for line in text.split("\n") if len(line) > columns and not whole.match(line)]
        check(f"{args} at {columns} columns", not wide, wide[:3])

# A row a line, names that still differ, and what is left out is said.
for args, most in ((["info", "--points"], 132), (["info", "--tensors", "--stats"], None), (["trace", "--estimate", "x"], None)):
    out, _ = shown(*args, columns=80)
    lines = out.decode().split("\n")
    rows = [line for line in lines[1:] if re.match(r"(model|lm_head)\S* ", line)]
    names = [line.split()[0] for line in rows]
    check(f"{args}: names differ", len(set(names)) == len(names), sorted(n for n in names if names.count(n) > 1)[:4])
    check(f"{args}: are cut in their middle", all(not n.endswith("…") for n in names), names)
    end = lines.index(rows[-1]) + 1
    check(f"{args}: a row a line", len(rows) > 10 and lines[1:end] == rows and (most is None or len(rows) == most), lines[:end])
out, _ = shown("info", "--points", columns=80)
check("columns that are left out are said", re.search(r"^not shown at this width: short, [a-z_, \n]*doc; wider or\s+piped shows all$|^not shown at this width: short", out.decode(), re.M), out[-300:])
wide, _ = shown("info", "--points", columns=400)
check("a wide terminal has all", b"not shown" not in wide and b" doc" in wide.split(b"\n")[0], wide[:300])
sys.exit(bool(failures))
PY
finish
