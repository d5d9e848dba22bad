#!/usr/bin/env python3
"""torture.py -- failing calls, kills, full disks and crowds, against what is promised of a recording.

    make torture [TORTURE_SECONDS=420] [TORTURE_SEED=1] [TORTURE_ONLY=faults|kills|disks|crowd] [REPEAT=CASE]
    make torture TORTURE_WRITE=docs/robustness.md

Without TORTURE_SECONDS so many faults are injected, the same for one seed, and fewer where the time is over
before.  Ends with a table, and with status 1 when a promise was broken; each broken one is printed with a way to meet it
again.  docs/robustness.md says what is promised.
"""
import collections
import os
import re
import sys
import tempfile
import time

import crowd
import disks
import injection
import kills

FAULTS = 3500  # what two cores that do nothing else can do in the time that there is
BEGIN, END = "<!-- torture:begin -->\n", "<!-- torture:end -->\n"
COLUMNS = {"sentence": "a sentence", "same": "no difference", "fewer": "names missing", "killed": "killed", "not reached": "not reached", "BROKEN": "broken"}


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


def lines_of(table, seed, seconds):
    """The counts in Markdown; a program and its sanitized build are one row."""
    rows = {}
    for name, row in table.rows.items():
        name = name.removesuffix(" (sanitized)")
        rows[name] = rows.get(name, collections.Counter()) + row
    shown = [c for c in COLUMNS if any(row[c] for row in rows.values()) or c == "BROKEN"]
    lines = [f"| what | faults | {' | '.join(COLUMNS[c] for c in shown)} |", "|---|" + "---:|" * (len(shown) + 1)]
    lines += [f"| {name} | {sum(row.values()):,} | {' | '.join(f'{row[c]:,}' for c in shown)} |" for name, row in sorted(rows.items(), key=order)]
    sums = [sum(row[c] for row in rows.values()) for c in shown]
    lines += [f"| all | {sum(sums):,} | {' | '.join(f'{n:,}' for n in sums)} |", "", f"Seed {seed}, {seconds:.0f} seconds."]
    return "\n".join(lines) + "\n"


def order(item):
    """What is not a command comes first."""
    return item[0].startswith("`"), item[0]


def write(path, text):
    """Put the table between the marks of a document."""
    with open(path, encoding="utf-8") as f:
        head, rest = f.read().split(BEGIN)
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(head + BEGIN + text + END + rest.split(END)[1])
    os.replace(path + ".new", path)


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
        more = {}
        if name == "faults":
            allowed = max(seconds / 3, seconds - progress.seconds())
            more["most"] = None if os.environ.get("TORTURE_SECONDS") else FAULTS
        found, _ = run(allowed, seed, progress, table, jobs, *only[1:], **more)
        broken += found
    print("\r\033[K" if sys.stdout.isatty() else "")
    kinds = {}
    for text, again in broken:
        kinds.setdefault(kind_of(text), []).append((text, again))
    for same in kinds.values():
        print(f"BROKEN {same[0][0]}\n{same[0][1]}" + (f"\n  and {len(same) - 1} more of this kind" if same[1:] else ""))
    text = lines_of(table, seed, progress.seconds())
    print(text, end="")
    if "--write" in sys.argv:
        write(sys.argv[sys.argv.index("--write") + 1], text)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
