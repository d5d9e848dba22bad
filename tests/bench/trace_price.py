#!/usr/bin/env python3
"""What a trace costs, as a ratio to its run, against what is promised.

    tests/bench/trace_price.py [--model DIR] [--rounds 5] [--all [--models DIR]]

`run -n 1` and `trace -n 1` of 512 and of 1,024 tokens take turns: a ratio is that of a round, what
is printed their median. On a busy machine wall time says little and processor time is what compares.
A decode pass is measured by bench_trace (one thread). --all records with --capture '*', too, which
writes 1.5 GB a round, and measures decode passes at the shapes of 1.1B and, with few of its layers,
of 7B: random weights that scripts/make_model.py writes into DIR (--models), 3.6 GB, where they are
not there yet. Exit status 1 when a limit is missed by wall and by processor time.
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
# Decode passes of others: what is printed, the shape, its layers, and the most it may take.
SHAPES = (
    ("a pass of one token, 1.1B", "tinyllama", 22, 1.05),
    ("a pass of one token, 7B, 2 layers", "mistral-7b", 2, 1.02),
)
EVERYTHING = ("everything dumped", ("--capture", "*"), 3)


def missed(limit, *ratios):
    """A word behind a line whose every ratio lies above the limit."""
    return "  missed" if min(ratios) > limit else ""


def decode(model, n=61):
    """(milliseconds without, with, ratio) of a pass of one token."""
    out = subprocess.run([BENCH, model, "16", str(n)], capture_output=True, check=True, text=True).stdout
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


def made(shape, layers, folder):
    """A model of the shape in the folder, made when it is not there."""
    path = os.path.join(folder, f"{shape}-{layers}")
    if not os.path.exists(path):
        script = os.path.join(ROOT, "scripts/make_model.py")
        words = ("--shape", shape, "--layers", str(layers), "--output", path, "-q")
        subprocess.run([sys.executable, script, *words], check=True)
    return path


def tell(what, ratios, limit):
    """Print a line; whether its limit is missed."""
    word = missed(limit, *ratios)
    wall = f"{ratios[0]:4.2f}" if len(ratios) > 1 else "   –"
    print(f"{what:<36}  {wall}       {ratios[-1]:4.2f}      {limit:4.2f}{word}", flush=True)
    return bool(word)


def main(argv):
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=os.path.join(ROOT, "models/smollm2-135m"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--models", default=os.path.join(ROOT, "build/models"))
    options = parser.parse_args(argv)
    if not os.path.exists(options.model):
        print(f"trace_price.py: no model at {options.model} (make smollm2)")
        return 0
    print("times as long as its run              wall  processor   at most")
    lines = [tell("a pass of one token", decode(options.model)[2:], 1.15)]
    for what, shape, layers, limit in SHAPES if options.all else ():
        os.makedirs(options.models, exist_ok=True)
        lines.append(tell(what, decode(made(shape, layers, options.models), 8)[2:], limit))
    with tempfile.TemporaryDirectory(prefix="torchless-price-") as folder:
        for tokens in (512, 1024):
            text = cut(documents(), options.model, tokens)
            kinds = (*KINDS, EVERYTHING) if options.all and tokens == 512 else KINDS
            ratios = rounds(options.model, text, kinds, options.rounds, folder)
            for name, _, limit in kinds:
                medians = [statistics.median(r[i] for r in ratios[name]) for i in (0, 1)]
                lines.append(tell(f"{tokens:,} tokens, {name}", medians, limit))
    return 1 if any(lines) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
