#!/bin/sh
# pasted_docs.sh -- what stands in a block of the documents, to be typed in the project's folder, is taken by
# a shell: one line after the other, in a folder that has what the project's has.
. "$(dirname "$0")/lib.inc"
export T root work
"$python" - <<'EOF'
import glob, os, re, shutil, subprocess, sys

T, ROOT, WORK = (os.environ[name] for name in ("T", "root", "work"))
BLOCK = re.compile(r"^```(?:sh|console)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TYPED = re.compile(r"^(?:\./torchless|torchless|scripts/|make\b|\.venv/|PYTHONPATH|sqlite3|datasette|duckdb|python3|tests/|build/|printf|echo|git |cp |source )")
# What other tests run and compare, line by line: tests/cli/examples.sh, compare.sh, stories.sh and lesson_docs.sh.
COMPARED = {"README.md", "docs/compare.md", "docs/debugger.md", "docs/lessons.md"}
# What takes minutes, the network or another program: only whether it would be taken is asked, and how.
PARSED = (
    (re.compile(r"^scripts/setup\b"), "it installs packages", lambda c: "scripts/setup --help"),
    (re.compile(r"^make\b"), "it builds, fetches or runs for minutes", lambda c: re.sub(r"\bmake\b", 'make -n -C "$ROOT"', c.split("#")[0])),
    (re.compile(r"^scripts/(parity\w*|model_check|check_tokenizers|record_hf)\.py|^\S*python scripts/teach/"), "it runs PyTorch for minutes",
     lambda c: re.sub(r"(\.py)\b.*", r"\1 --help", c)),
    (re.compile(r"^(build|tests)/"), "it is built for measurements, and measures for minutes", lambda c: "true"),
    (re.compile(r"^(\.venv/bin/)?datasette"), "it serves until it is ended", lambda c: "true"),
    (re.compile(r"^duckdb|^source "), "it is another program's", lambda c: "true"),
    (re.compile(r'^sqlite3 trace.db "\.load '), "it wants an extension that is built for the release alone", lambda c: "true"),
    (re.compile(r"models/smollm2-135m"), "the model is fetched", lambda c: c if os.path.exists(f"{ROOT}/models/smollm2-135m/config.json") else "true"),
)
failures, n, parsed = 0, 0, 0


def fail(text):
    global failures
    failures += 1
    print(f"pasted_docs.sh: {text}"[:500])


def lines_of(document):
    """The commands of each block: behind "$ ", or, where nothing is, all lines of a block that begins with one."""
    for block in BLOCK.findall(document):
        lines = block.splitlines()
        asked = [line[2:] for line in lines if line.startswith("$ ")]
        yield from asked or (line for line in lines if TYPED.match(line) and TYPED.match(lines[0]))


def folder():
    where = f"{WORK}/folder"
    shutil.rmtree(where, ignore_errors=True)
    os.makedirs(where)
    for name in os.listdir(ROOT):
        if name in ("build", "lessons", "docs", "scripts", "src", "include", "models", "tests", ".venv", "README.md", "Makefile"):
            os.symlink(f"{ROOT}/{name}", f"{where}/{name}")
    os.symlink(T, f"{where}/torchless")
    return where


def paste(document, command, where):
    global n, parsed
    n += 1
    shown = command
    for begins, _, instead in PARSED:
        if begins.search(command):
            command = instead(command)
            parsed += command != shown
            break
    if re.match(r"torchless ", shown):
        fail(f"{document}: a block says `{shown}` without the path")
    done = subprocess.run(["timeout", "60", "bash", "-c", command], cwd=where, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
                          errors="replace", env={**os.environ, "HOME": WORK, "ROOT": ROOT})
    if done.returncode:
        fail(f"{document}: `{shown}` ends with {done.returncode}: {(done.stderr or done.stdout).strip()[-250:]}")


os.environ.pop("PYTHONPATH", None)
os.environ["PATH"] = os.environ["PATH"].replace(f"{ROOT}/.venv/bin:", "", 1)
has_python = not subprocess.run([f"{ROOT}/.venv/bin/python", "-c", "import numpy, pandas"], capture_output=True, check=False).returncode
documents = ["CONTRIBUTING.md", "ARCHITECTURE.md", "README.md", *sorted(glob.glob("docs/*.md") + glob.glob("docs/howto/*.md")), "lessons/model/README.md"]
for document in documents:
    with open(document, encoding="utf-8") as file:
        text = file.read()
    where = folder()
    if document == "docs/cli.md":  # of an installed program
        os.makedirs(f"{WORK}/bin", exist_ok=True)
        continue
    for command in lines_of(text):
        if document in COMPARED and not re.match(r"make|scripts/setup", command):
            continue
        if ".venv/" in command and not has_python:
            continue
        if command.startswith("./torchless ") and document == "docs/recording-answers.md":
            # Of SmolLM2's recordings, which scripts/recording-answers --check makes: here only that the question is taken.
            command = re.sub(r"-t \S+ ", "", command)
            command = re.sub(r" (layer|head)=\d+", "", command).replace("token=' Paris'", "token=' box'")
            if "reference=trace.db" in command or command.endswith(("differ", "same")):
                continue
            subprocess.run([f"{where}/torchless", "trace", "-q", "-n", "3", "--temp", "1.5", "--top-k", "12", "--zero", "L1.attn.z[head=0]", "--capture", "report",
                            "--capture", "units", "The ball is in the box. The ball is"], cwd=where, check=True) if not os.path.exists(f"{where}/trace.db") else None
        paste(document, command, where)
if n < 70:
    fail(f"too few commands: {n}")
if os.environ.get("PASTED_LIST"):
    print(f"{n} commands, of which {parsed} are only parsed")
sys.exit(failures > 0)
EOF
is "commands of the documents" 0 "$?"
finish
