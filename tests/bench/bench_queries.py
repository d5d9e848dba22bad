#!/usr/bin/env python3
"""How long saved queries take on a recording of 100 prompts.

    tests/bench/bench_queries.py [--prompts N] [--json] [NAME...]
    tests/bench/bench_queries.py --tabs > docs/recording_times.txt      make docs then shows the times

Each is asked of the newest and of the first run, by a process of its own; what is printed is the
best of three: time on the clock and, less dependent on what else the machine does, time of the CPU,
both less those of `SELECT 1`. SmolLM2 is traced if it is there (make smollm2), else the model that
comes with torchless. Queries are to stay under 200 ms, the lens within the time of its LM-head rows.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TORCHLESS = os.environ.get("TORCHLESS", os.path.join(ROOT, "torchless"))
SMOLLM2 = os.path.join(ROOT, "models", "smollm2-135m")
CAPTURE = ["--capture", "*.q_rot", "--capture", "*.k_rot", "--capture", "*.act_mul"]


def torchless(*args):
    """Run a command; its standard output."""
    return subprocess.run([TORCHLESS, *args], check=True, capture_output=True).stdout.decode(errors="replace")


def milliseconds(*args):
    """Time and time of the CPU: the best of three."""
    best = [float("inf")] * 2
    for _ in range(3):
        before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        torchless(*args)
        took, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        best = [min(best[0], 1e3 * took), min(best[1], 1e3 * cpu)]
    return best


def record(folder, n):
    """A recording of n prompts."""
    prompts, db = os.path.join(folder, "prompts.jsonl"), os.path.join(folder, "many.db")
    with open(prompts, "w", encoding="utf-8") as f:
        for i in range(n):
            f.write(json.dumps({"prompt": f"The capital of country number {i} is the city of"}) + "\n")
    model = ["-m", SMOLLM2] if os.path.exists(os.path.join(SMOLLM2, "config.json")) else []
    torchless("trace", "-q", *model, "-n", "1", "--prompts", prompts, *CAPTURE, "-o", db)
    return db


def main():
    """Measure and print."""
    options = argparse.ArgumentParser(description="time of saved queries on a recording of many prompts")
    options.add_argument("--prompts", type=int, default=100)
    form = options.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one object a line")
    form.add_argument("--tabs", action="store_true", help="name, ms and ms of the CPU, as in docs/recording_times.txt")
    options.add_argument("names", nargs="*", help="saved queries; all when left out")
    args = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="torchless-bench-") as folder:
        db = record(folder, args.prompts)
        known = [json.loads(line) for line in torchless("query", "-t", db, "--list", "--json").splitlines()]
        idle = milliseconds("query", "-t", db, "SELECT 1")
        if not args.json and not args.tabs:
            print(f"{args.prompts} prompts, {os.path.getsize(db) / 1e6:.0f} MB; SELECT 1 takes "
                  f"{idle[0]:.0f} ms, {idle[1]:.0f} ms CPU")
        for one in known:
            name = one["name"]
            if args.names and name not in args.names:
                continue
            runs = [["run=0"], ["run=1"]] if "run" in one["params"] else [[]]
            took = [milliseconds("query", "-t", db, name, *run) for run in runs]
            clock, cpu = (max(0.0, max(times[i] for times in took) - idle[i]) for i in (0, 1))
            if args.json:
                print(json.dumps({"query": name, "ms": round(clock, 1), "cpu_ms": round(cpu, 1)}))
            elif args.tabs:
                print(f"{name}\t{clock:.0f}\t{cpu:.0f}", flush=True)
            else:
                print(f"{name:20} {clock:7.1f} ms  {cpu:7.1f} ms CPU", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
