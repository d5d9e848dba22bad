#!/usr/bin/env python3
"""Print documents of the training text, a line each, answers between bars."""

import argparse
import os
import random
import sys

if __package__ in (None, ""):
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib.files import run_main  # noqa: E402
from teach import grammar, mixture  # noqa: E402


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", "--count", type=int, default=20, help="default: %(default)s")
    parser.add_argument("--kind", choices=sorted(grammar.KINDS), help="only documents of this kind")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    rng = random.Random(f"text {args.seed}")
    shares = {args.kind: 1} if args.kind else mixture.TEXT
    for _ in range(args.count):
        print(grammar.document(rng, shares))


if __name__ == "__main__":
    run_main(main)
