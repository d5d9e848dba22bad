#!/usr/bin/env python3
"""torture.py -- failing calls, kills, full disks and crowds, against what is promised of a recording.

    make torture [TORTURE_SECONDS=420] [TORTURE_SEED=1] [TORTURE_ONLY=faults|kills|disks|crowd] [REPEAT=CASE]

Ends with a table, and with status 1 when a promise was broken; each broken one is printed with a way to meet
it again.  docs/robustness.md says what is promised.
"""
import os
import re
import sys
import tempfile
import time

import crowd
import disks
import injection
import kills



def kind_of(text):
    """Broken promises that read alike but for the surface, numbers and quoted names are of one kind."""
    what, why = text.split(": ", 1)
    return re.sub(r"[\w./-]*\d[\w./-]*|'[^']*'|\"[^\"]*\"", "N", why)[:160]


class Progress:
    """A line that is written over on a terminal, and one every ten seconds elsewhere."""

    def __init__(self):
        self.begun, self.last = time.monotonic(), -10.0

    def seconds(self):
        return time.monotonic() - self.begun

    def __call__(self, text):
        if sys.stdout.isatty():
            print(f"\r\033[K{text} ({self.seconds():.0f} s)", end="", flush=True)
        elif self.seconds() - self.last >= 10:
            self.last = self.seconds()
            print(f"{text} ({self.last:.0f} s)", flush=True)


def print_table(table):
    columns = [c for c in ("sentence", "same", "killed", "not reached", "BROKEN") if any(row[c] for row in table.rows.values())]
    print(f"| what | faults | {' | '.join(columns)} | seconds |")
    print("|---|" + "--:|" * (len(columns) + 2))
    for name, row in table.rows.items():
        print(f"| {name} | {sum(row.values())} | {' | '.join(str(row[c]) for c in columns)} | {table.seconds[name]:.0f} |")
    sums = [sum(row[c] for row in table.rows.values()) for c in columns]
    print(f"| all | {sum(sums)} | {' | '.join(map(str, sums))} | {sum(table.seconds.values()):.0f} |")


def main():
    if os.environ.get("REPEAT"):
        return injection.run_one(os.environ["REPEAT"], tempfile.mkdtemp(prefix="torture-"))
    seconds = float(os.environ.get("TORTURE_SECONDS", "420"))
    seed = int(os.environ.get("TORTURE_SEED", "1"))
    # The shares of the time; what runs last has what the others left, and on a busy machine a third at least.
    parts = [("kills", 0.1, kills.run_all), ("disks", 0.1, disks.run_all), ("crowd", 0.1, crowd.run_all), ("faults", 0.7, injection.run_all)]
    only = os.environ.get("TORTURE_ONLY", "").split("/")
    jobs = len(os.sched_getaffinity(0))
    progress, table, broken = Progress(), injection.Table(), []
    print(f"seed {seed}, {seconds:.0f} s, {jobs} at once", flush=True)
    for name, part, run in parts:
        if only[0] and only[0] != name:
            continue
        allowed = seconds * (1 if only[0] else part)
        if name == "faults":
            allowed = max(seconds / 3, seconds - progress.seconds())
        found, _ = run(allowed, seed, progress, table, jobs, *only[1:])
        broken += found
    print("\r\033[K" if sys.stdout.isatty() else "")
    kinds = {}
    for text, again in broken:
        kinds.setdefault(kind_of(text), []).append((text, again))
    for same in kinds.values():
        print(f"BROKEN {same[0][0]}\n{same[0][1]}" + (f"\n  and {len(same) - 1} more of this kind" if same[1:] else ""))
    print_table(table)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
