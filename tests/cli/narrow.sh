#!/bin/sh
# narrow.sh -- on a terminal of 80 columns every saved query is a row a line, and on any nothing breaks.
. "$(dirname "$0")/lib.inc"
cd "$work" || exit 2
mkdir "$work/bin" && ln -s "$T" "$work/bin/torchless"
PATH=$work/bin:$PATH # by its name, which is short: lines are measured
python3 - torchless "$root/README.md" <<'PY' || failures=1
import json, os, re, subprocess, sys
from terminal import on_terminal

torchless, readme = sys.argv[1:]
failures = []

def check(what, condition, shown=""):
    if not condition:
        failures.append(what)
        print(f"narrow.sh: {what}: {shown!r}")

def shown(*args, **more):
    out, status = on_terminal([torchless, *args], **more)
    return re.sub(r"\x1b\[[0-9;]*[mK]", "", out.decode().replace("\r\n", "\n")), status

# The recording that the README makes; one of many tokens that were drawn, with what it can do without; and
# one that was repeated, whose times have a spread, beside which another differs.
prompt = re.search(r'^\$ ./torchless trace ("Lily put.*")$', open(readme).read(), re.M)[1].strip('"')
for args in ([prompt], ["-o", "drawn.db", "-n", "40", "--temp", "0.9", "--top-p", "0.9", "--capture", "units", "--zero", "L1.attn.z[head=2]", prompt],
             ["-o", "repeated.db", "--repeat", "3", "--capture", "report", "--capture", "units", prompt]):
    subprocess.run([torchless, "trace", "-q", *args], check=True)
saved = [json.loads(line)["name"] for line in subprocess.run([torchless, "query", "--list", "--json"], capture_output=True, check=True, text=True).stdout.splitlines()]
check("there are saved queries", len(saved) > 40, saved)
given = {"differ": ["b=drawn.db"], "same": ["b=drawn.db"], "first-divergence": ["reference=repeated.db"]}
empty = not_shown = 0
for file in ("trace.db", "drawn.db", "repeated.db"):
    for name in saved:
        args = ["query", "-t", file, name, *given.get(name, [])]
        out, status = shown(*args, columns=80)
        lines = out.split("\n")
        what = f"{file} {name}"
        if status:  # what was not kept is said in a sentence
            check(f"{what}: a sentence", name in ("silent-units", "units", "head"), out)
            continue
        check(f"{what}: a table", lines[0].startswith("┌") and lines[2].startswith("├"), lines[:3])
        wide = [line for line in lines if len(line) > 80 and not re.fullmatch(r"[(]?`[^`]+`[).,;]*", line)]  # a command is not cut
        check(f"{what}: lines fit", not wide, wide)
        check(f"{what}: no text is cut at its end", not re.search("… *│", out), re.findall("[^│]*… *│", out)[:3])
        # What is not in the heading is named below, and empty columns are empty.
        rows = [json.loads(line) for line in subprocess.run([torchless, *args, "--json", "--limit", "1000"], capture_output=True, check=True, text=True).stdout.splitlines()]
        if not rows:
            continue
        heading = [cell.strip() for cell in lines[1].strip("│").split("│")]
        below = " ".join(lines[next(i for i, line in enumerate(lines) if line.startswith("└")) + 1:])
        said = re.search(r"not shown(?: at this width: ([^;]*?)(?:; empty: ([^;]*?))?; wider or piped shows all|, for they are empty: (.*?)) +\d+ rows? ·", below)
        gone = [group and group.split(", ") or [] for group in (said.groups() if said else (None, None, None))]
        check(f"{what}: every column is there or named", sorted(heading + gone[0] + gone[1] + gone[2]) == sorted(rows[0]), (heading, gone))
        for column in gone[1] + gone[2]:
            check(f"{what}: {column} is empty", all(row[column] in (None, "") for row in rows))
        empty += len(gone[1] + gone[2])
        not_shown += len(gone[0])
check("columns that are empty went", empty > 3, empty)
check("and others that may", not_shown > 3, not_shown)
out, _ = shown("query", "-q", "passes", columns=300)
check("a wide terminal has all", "first_position" in out and "not shown" not in out, out)
out, _ = shown("debug", "-t", "trace.db", "--batch", "-ex", "sql time", columns=80)
check("the debugger asks them as well", "┌" in out and "not shown, for they are empty: ms_spread" in out, out)

# Widths that nobody has: no command fails or sends a line that could be broken.
many = [["help"], ["help", "trace"], ["help", "debug"], ["trace", "-o", "a.db", prompt], ["trace", "--estimate", prompt], ["info"], ["info", "--points"], ["info", "--config"],
        ["tokenize", prompt], ["tokenize", "--steps", prompt], ["query", "--list"], ["query", "residual"], ["query", "config"], ["query", "merges"], ["query", "SELECT * FROM v_value"],
        ["show", "L1.attn.pattern"], ["show", "L1.attn.pattern", "--vs", "repeated.db"], ["report", "-o", "a.html"], ["export", "--perfetto", "a.pb"],
        ["export", "--chrome", "a.json"], ["graph", "-o", "a.dot"], ["run", "-v", "-n", "3", "Lily"],
        ["debug", "--batch", "-ex", "run", "-ex", "list", "-ex", "lens", "-ex", "sql config", "-t", "trace.db"]]
for columns in (1, 20, 60, 300):
    for args in many:
        out, status = shown(*args, columns=columns)
        check(f"{args} at {columns} columns", status == 0 and (out or args[0] == "graph"), out[-300:])
        if columns < 60:
            continue
        # A word, a command and a path stay whole; so does a picture.
        wide = [line for line in re.sub(r"[^\n]*\r", "", out).split("\n") if len(line) > columns and " " in line.strip() and not re.search(r'^ *\S*torchless |^ +"|^try |/', line)]
        check(f"{args} at {columns} columns fits", not wide, wide[:3])

# A command that is broken in two is one: what a terminal shows of the examples is what a pipe gets.
piped = subprocess.run([torchless, "help", "debug"], capture_output=True, check=True, text=True).stdout.split("examples:\n")[1]
out, _ = shown("help", "debug", columns=50)
out = out.split("examples:\n")[1]
check("a broken command can be pasted", re.sub(r" \\\n +", " ", out) == piped and " \\\n" in out and all(len(line) <= 50 for line in out.split("\n")), out)

# COLUMNS stands in for a terminal that does not tell its width; what is piped has none.
out = subprocess.run([torchless, "query", "--box", "config"], env={**os.environ, "COLUMNS": "30", "LC_ALL": "C.UTF-8"}, capture_output=True, check=True, text=True).stdout
check("a pipe is as wide as it needs", prompt in out, out)
sys.exit(bool(failures))
PY
finish
