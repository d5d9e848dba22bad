#!/usr/bin/env python3
"""What a long prompt costs to record: the residual stream and attention queryable, against no trace.

    tests/bench/long_prompt.py [--model DIR] [--tokens 4096] [--rounds 1] [--capture RULE]...

The text is this repository's own documents. `run -n 1` and `trace -n 1 --capture residual --capture
attention` take turns; the ratio of their processor times is what a machine with other users can say,
the ratio of their wall times what an idle one adds. Attention is then asked of the recording, with the
time and memory of each question. One pattern is dumped where each pass ends, and attn has to equal it.
Exit status 1 when the recording is not below 1 GB, costs twice the run, or attn differs by 1e-6.
"""

import argparse
import glob
import os
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))

import numpy as np  # noqa: E402
from read_trace import arrays  # noqa: E402

TORCHLESS = os.environ.get("TORCHLESS", os.path.join(ROOT, "torchless"))


def documents():
    """Enough English and code, the same for everybody."""
    text = b""
    for name in ["LICENSE", "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md",
                 *sorted(glob.glob("docs/*.md", root_dir=ROOT))]:
        with open(os.path.join(ROOT, name), "rb") as file:
            text += file.read()
    return text


def cut(text, model, n_tokens):
    """The longest beginning of at most n_tokens tokens."""
    low, high = 0, min(len(text), 8 * n_tokens)
    while low < high:
        middle = (low + high + 1) // 2
        ids = subprocess.run([TORCHLESS, "tokenize", "-m", model, "--ids", "-"],
                             input=text[:middle], capture_output=True, check=True).stdout.split()
        low, high = (middle, high) if len(ids) <= n_tokens else (low, middle - 1)
    return text[:low]


def timed(*args, text=b""):
    """(wall seconds, processor seconds, peak bytes of memory, standard output) of a command."""
    start = time.monotonic()
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as out:
        source.write(text)
        source.seek(0)
        with subprocess.Popen([TORCHLESS, *args], stdin=source, stdout=out) as child:
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            sys.exit(f"long_prompt.py: torchless {args[0]} failed with status {child.returncode}")
        out.seek(0)
        return (time.monotonic() - start, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024,
                out.read().decode())


def ask(path):
    """Print what questions about attention cost."""
    layers, heads, last = sqlite3.connect(path).execute(
        "SELECT n_layers, n_heads, (SELECT max(pos0 + n_tok) - 1 FROM pass) FROM model").fetchone()
    for what, sql in (
            ("one row of every head", f"SELECT count(*) FROM attn WHERE q = {last}"),
            ("every pair of one head",
             f"SELECT count(*) FROM attn(1, {layers // 2}) WHERE head = {heads // 2}"),
            ("the first key, every head", "SELECT count(*) FROM attn WHERE k = 0 AND p >= 0")):
        wall, processor, memory, out = timed("query", "-t", path, "--timeout", "0", sql)
        print(f"{what}: {int(out):,} rows, {wall:.1f} s ({processor:.1f} s of processor), "
              f"{memory / 1e6:.0f} MB")


def difference(path):
    """The largest difference of attn to the patterns that were dumped, and how many numbers."""
    db = sqlite3.connect(path)
    worst, n = 0.0, 0
    for fqn, number, first, array in arrays(db, "*:pattern"):
        layer = int(fqn.split(".")[2])
        pos0, = db.execute("SELECT pos0 FROM pass WHERE idx = ?", (number,)).fetchone()
        for row in range(array.shape[1]):
            q = (pos0 if first is None else first) + row
            out = timed("query", "-t", path, f"SELECT head, k, p FROM attn(1, {layer}) WHERE q = {q}")[3]
            told = np.zeros((array.shape[0], array.shape[2]))
            for head, k, p in (line.split() for line in out.splitlines()):
                told[int(head), int(k)] = float(p)
            worst = max(worst, np.abs(told - array[:, row]).max())
            n += told.size
    return worst, n


def main(argv):
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=os.path.join(ROOT, "models/smollm2-135m"))
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--capture", action="append")
    options = parser.parse_args(argv)
    if not os.path.exists(options.model):
        print(f"long_prompt.py: no model at {options.model} (make smollm2)")
        return 0
    text = cut(documents(), options.model, options.tokens)
    rules = [word for rule in options.capture or ["residual", "attention", "L0.attn.pattern@last"]
             for word in ("--capture", rule)]
    plain, traced = [], []
    with tempfile.TemporaryDirectory(prefix="torchless-long-") as folder:
        path = os.path.join(folder, "long.db")
        for _ in range(options.rounds):
            plain.append(timed("run", "-q", "-n", "1", "-m", options.model, "-", text=text))
            traced.append(timed("trace", "-q", "-n", "1", "-m", options.model, "-o", path, *rules,
                                "-", text=text))
        size = os.path.getsize(path)
        ask(path)
        worst, n_compared = difference(path)
        print(f"attn against {n_compared:,} dumped numbers: they differ by at most {worst:.1e}")
    ratios = []
    for i, what in enumerate(("wall", "processor")):
        run, trace = min(t[i] for t in plain), min(t[i] for t in traced)
        ratios.append(trace / run)
        print(f"{what:<10} run {run:7.1f} s   trace {trace:7.1f} s   {trace / run:.2f} x")
    print(f"{'file':<10} {size / 1e6:.0f} MB for {options.tokens} tokens, {' '.join(rules[1::2])}")
    return 0 if size < 1e9 and min(ratios) < 2 and worst < 1e-6 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
