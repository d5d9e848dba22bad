#!/usr/bin/env python3
"""What many short prompts cost to record in one go, and to ask afterwards.

    tests/bench/many_prompts.py [--model DIR] [--prompts 1000]

Sentences of three words that vary, all different, go through `trace --prompts`; then questions about
one run and about all of them are asked of the recording. Without --model the one that comes with
torchless is recorded.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TORCHLESS = os.environ.get("TORCHLESS", os.path.join(ROOT, "torchless"))
NAMES = "Lily Tom Anna Ben Mia Sam Max Zoe Leo Ida Tim Eva".split()
THINGS = "ball box cup hat key toy book cake coin shoe kite bell".split()
PLACES = "box bag chair garden kitchen car tree house bed boat barn shop".split()


def timed(*args):
    """(wall seconds, processor seconds) of a command."""
    start = time.monotonic()
    with subprocess.Popen([TORCHLESS, *args], stdout=subprocess.DEVNULL) as child:
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"many_prompts.py: torchless {args[0]} failed with status {child.returncode}")
    return time.monotonic() - start, used.ru_utime + used.ru_stime


def main(argv):
    """Record, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model")
    parser.add_argument("--prompts", type=int, default=1000)
    options = parser.parse_args(argv)
    model = ["-m", options.model] if options.model else []
    with tempfile.TemporaryDirectory(prefix="torchless-many-") as folder:
        db, prompts = os.path.join(folder, "many.db"), os.path.join(folder, "prompts.jsonl")
        with open(prompts, "w", encoding="utf-8") as file:
            for i, (name, thing, place) in enumerate(itertools.product(NAMES, THINGS, PLACES)):
                if i < options.prompts:
                    file.write(json.dumps({"prompt": f"{name} put the {thing} in the {place}. "
                                                     f"The {thing} was in the"}) + "\n")
        wall, processor = timed("trace", "-q", *model, "-o", db, "--prompts", prompts)
        with open(prompts, encoding="utf-8") as file:
            n = len(file.readlines())
        print(f"{n:,} prompts: {wall:.1f} s, {processor:.1f} s of processor, {1e3 * processor / n:.1f} ms "
              f"each; {os.path.getsize(db) / 1e6:.0f} MB")
        for question in (f"residual run={n // 2}", f"next run={n // 2}", "runs",
                         "SELECT layer, avg(l2) FROM v_value WHERE role = 'resid_post' GROUP BY layer",
                         "SELECT avg(logprob) FROM v_token WHERE source = 'generated'"):
            words = [question] if question.startswith("SELECT") else question.split()
            wall, processor = min(timed("query", *model, "-t", db, *words) for _ in range(3))
            print(f"{1e3 * wall:6.0f} ms, {1e3 * processor:4.0f} of processor   {question}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
