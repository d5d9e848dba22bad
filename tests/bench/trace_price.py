#!/usr/bin/env python3
"""What a trace costs, as a ratio to its run, against what is promised.

    tests/bench/trace_price.py [--model DIR] [--rounds 5] [--all]

`run -n 1` and `trace -n 1` of 512 and of 1,024 tokens take turns: a ratio is that of a round, what
is printed their median. On a busy machine wall time says little and processor time is what compares.
A decode pass is measured by bench_trace (one thread). --all records with --capture '*', too, which
writes 1.5 GB a round. Exit status 1 when a limit is missed by wall and by processor time.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile

from long_prompt import ROOT, cut, documents, timed

BENCH = os.path.join(ROOT, "build/release/tests/bench/bench_trace")
# What is recorded, the options, and the most times as long as its run that it may take.
KINDS = (("the last logits", ("--logits", "last"), 1.3), ("all logits", (), 1.4))
EVERYTHING = ("everything dumped", ("--capture", "*"), 3)


def missed(limit, *ratios):
    """A word behind a line whose every ratio lies above the limit."""
    return "  missed" if min(ratios) > limit else ""


def decode(model):
    """(milliseconds without, with, ratio) of a pass of one token."""
    out = subprocess.run([BENCH, model, "16", "61"], capture_output=True, check=True, text=True).stdout
    return [float(x) for x in re.search(r"decode (\S+) -> (\S+) ms, (\S+) times\n$", out).groups()]


def rounds(model, text, kinds, n, folder):
    """Ratios (wall, processor) to the run of a round, n a kind."""
    path = os.path.join(folder, "price.db")
    ratios = {name: [] for name, _, _ in kinds}
    for _ in range(n):
        plain = timed("run", "-q", "-n", "1", "-m", model, "-", text=text)
        for name, words, _ in kinds:
            if os.path.exists(path):
                os.unlink(path)
            traced = timed("trace", "-q", "-n", "1", "-m", model, "-o", path, *words, "-", text=text)
            ratios[name].append((traced[0] / plain[0], traced[1] / plain[1]))
    return ratios


def main(argv):
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=os.path.join(ROOT, "models/smollm2-135m"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args(argv)
    if not os.path.exists(options.model):
        print(f"trace_price.py: no model at {options.model} (make smollm2)")
        return 0
    print("times as long as its run              wall  processor   at most")
    _, _, ratio = decode(options.model)
    lines = [missed(1.15, ratio)]
    print(f"a pass of one token                      –       {ratio:4.2f}      1.15{lines[0]}")
    with tempfile.TemporaryDirectory(prefix="torchless-price-") as folder:
        for tokens in (512, 1024):
            text = cut(documents(), options.model, tokens)
            kinds = (*KINDS, EVERYTHING) if options.all and tokens == 512 else KINDS
            ratios = rounds(options.model, text, kinds, options.rounds, folder)
            for name, _, limit in kinds:
                wall, processor = (statistics.median(r[i] for r in ratios[name]) for i in (0, 1))
                lines.append(missed(limit, wall, processor))
                what = f"{tokens:,} tokens, {name}"
                print(f"{what:<36}  {wall:4.2f}       {processor:4.2f}      {limit:4.2f}{lines[-1]}")
    return 1 if any(lines) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
