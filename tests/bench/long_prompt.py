#!/usr/bin/env python3
"""What a long prompt costs to record: the residual stream and attention queryable, against no trace.

    tests/bench/long_prompt.py [--model DIR] [--tokens 4096] [--rounds 1] [--capture RULE]...

The text is this repository's own documents. `run -n 1` and `trace -n 1 --capture residual --capture
attention` take turns; the ratio of their processor times is what a machine with other users can say,
the ratio of their wall times what an idle one adds. Exit status 1 when the recording is not below 1 GB
or costs twice the run.
"""

import argparse
import glob
import os
import resource
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
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


def timed(*args, text):
    """(wall, processor) seconds of a command that reads `text`."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([TORCHLESS, *args, "-"], input=text, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (time.monotonic() - start,
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


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
    rules = [word for rule in options.capture or ["residual", "attention"]
             for word in ("--capture", rule)]
    plain, traced = [], []
    with tempfile.TemporaryDirectory(prefix="torchless-long-") as folder:
        path = os.path.join(folder, "long.db")
        for _ in range(options.rounds):
            plain.append(timed("run", "-q", "-n", "1", "-m", options.model, text=text))
            traced.append(timed("trace", "-q", "-n", "1", "-m", options.model, "-o", path, *rules,
                                text=text))
        size = os.path.getsize(path)
    ratios = []
    for i, what in enumerate(("wall", "processor")):
        run, trace = min(t[i] for t in plain), min(t[i] for t in traced)
        ratios.append(trace / run)
        print(f"{what:<10} run {run:7.1f} s   trace {trace:7.1f} s   {trace / run:.2f} x")
    print(f"{'file':<10} {size / 1e6:.0f} MB for {options.tokens} tokens, {' '.join(rules[1::2])}")
    return 0 if size < 1e9 and min(ratios) < 2 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
