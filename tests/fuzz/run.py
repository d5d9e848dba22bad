#!/usr/bin/env python3
"""Runs the fuzzers, counts what they did, says what they found.

    run.py --seconds 30            every target so long, as many at a time as there are cores
    run.py --quick                 what is known of each and so many mutations, the same each time on any
                                   machine: what a commit's tests do
    run.py --long [NAME ...]       until 10,000,000 executions or 30 minutes each, going on where it was
    run.py --table                 what long runs did so far
    run.py --merge                 make tests/fuzz/corpus of what runs have found

--write FILE puts the table of long runs between the marks of a document.

A target begins with tests/fuzz/corpus/NAME and what make_corpus.py writes; what it finds stays in the
build.  The last lines are a table in Markdown; a crash is named with the command that repeats it, and
the status is 1.
"""

import argparse
import base64
import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path("tests/fuzz")
MAX_EXECUTIONS, MAX_SECONDS = 10_000_000, 1800
# What an interrupted long run loses at most; each reads the whole corpus again, where a slow target is a minute about.
SLICE_SECONDS = 300
MAX_CORPUS_FILES, MAX_CORPUS_BYTES = 64, 160_000  # of a target
# Of a finding: so many lines of the log, an input of at most so many bytes.
MAX_SAID, MAX_SHOWN_BYTES = 30, 1500
COMPLAINT = re.compile(r"==\d+==\s?(?:ERROR|libFuzzer)|.*runtime error: |broken promise: |SUMMARY: |.*Assertion")
FRAME = re.compile(r"\s*#\d+ .*(?:src|tests)/")
BEGIN, END = "<!-- fuzz:begin -->\n", "<!-- fuzz:end -->\n"

# What each reads, and how many mutations a commit is tested with: seconds of them, and none where what runs
# has times or threads in it, so that no run is another's.
# In the order of long runs: those of millions of executions in minutes, then by risk.
TARGETS = {
    "config": ("config.json, generation_config.json", 100_000),
    "prompts": ("the file of `trace --prompts`", 100_000),
    "npy": (".npy blobs, functions over tensors", 50_000),
    "recording_columns": ("a recording with changed cells", 0),
    "report": ("the report of a recording with changed cells", 0),
    "resume": ("`--resume` of a recording with changed cells", 0),
    "picture": ("`graph`, `show` and `export` of a recording with changed cells", 0),
    "recording_bytes": ("a recording and its log with changed bytes", 0),
    "expression": ("expressions over tensors", 30_000),
    "sql": ("a user's SQL with every function", 0),
    "tokenizer": ("tokenizer.json, the files beside it, texts", 15_000),
    "regex": ("regular expressions by both engines", 200),
    "safetensors": (".safetensors, packed models", 30_000),
    "gguf": (".gguf: its header, the config and the tokenizer made of its keys", 0),
    "chat": ("tokenizer_config.json, chat templates", 15_000),
    "jinja": ("chat templates: every construct", 30_000),
    "index": ("shards and their index", 30_000),
    "capture": ("`--capture`, `--zero`, selections", 300),
    "learner": ("the log of what a learner did, `lesson progress --import`", 2_500),
    "course": ("the files of a course, and its text as it is shown", 3_000),
    "answer": ("answers of a learner in words and SQL", 0),
    "debug_line": ("lines of the debugger: commands, locations, completion", 400),
    "debug_session": ("sessions of the debugger, live and recorded", 0),
    "shell": ("lines of the shell, completion", 0),
}

# A query may have 1 GB; short stacks and a small quarantine make allocation a third faster.
ASAN = "quarantine_size_mb=32:malloc_context_size=8:allocator_may_return_null=1"
FLAGS = ["-timeout=25", "-rss_limit_mb=4096", "-print_final_stats=1", "-verbosity=1"]
# libFuzzer looks at the clock once the corpus is read: it is interrupted when it is so late, and an input that
# hangs has been reported.  Then it prints its counts and ends with that status.
LATE_SECONDS, INTERRUPTED = 30, 72
QUICK_SECONDS = 600  # which no machine should need
# What is compared is found by addresses as well: the same mutations need the same ones. A container may forbid it.
SAME_ADDRESSES = ["setarch", "--addr-no-randomize"]
if subprocess.run([*SAME_ADDRESSES, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
    SAME_ADDRESSES = []


class Target:
    """One fuzzer: its program, its folders, and what it did so far."""

    def __init__(self, name, build):
        self.name, self.build = name, build
        self.program = build / "tests/fuzz" / f"fuzz_{name}"
        self.state_file = build / "long" / f"{name}.json"
        self.log_file = build / "log" / f"{name}.log"
        self.state = {"executions": 0, "seconds": 0.0, "crashes": 0, "edges": 0, "found": []}
        self.process = None
        self.said = ""  # by the run that found something

    def load(self):
        """Go on where a long run was."""
        if self.state_file.exists():
            self.state.update(json.loads(self.state_file.read_text()))

    def save(self):
        """Remember where a long run is, in one step."""
        self.state_file.parent.mkdir(parents=True, exist_ok=True)
        new = self.state_file.with_suffix(".new")
        new.write_text(json.dumps(self.state))
        new.replace(self.state_file)

    def folders(self):
        """The corpus that grows, and those that are only read."""
        grows, seeds = self.build / "corpus" / self.name, self.build / "seeds" / self.name
        grows.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, HERE / "make_corpus.py", self.name, seeds], check=True)
        return [grows] + [f for f in (seeds, HERE / "corpus" / self.name) if f.is_dir()]

    def command(self, *flags):
        """The program with the flags that every run has."""
        words = HERE / "dict" / f"{self.name}.dict"
        return [*SAME_ADDRESSES, self.program, *FLAGS, *([f"-dict={words}"] if words.exists() else []), *flags]

    def execute(self, command, seconds=None):
        """Run it into the log, not much longer than so long: its status and the part of the log that is new."""
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        in_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        with open(self.log_file, "ab") as log, \
             tempfile.TemporaryDirectory(prefix="torchless-fuzz-", dir=in_memory) as folder:
            at = log.tell()
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=dict(os.environ, ASAN_OPTIONS=ASAN, TMPDIR=folder))
            status = self.wait(seconds)
        with open(self.log_file, "rb") as log:
            log.seek(at)
            return status, log.read().decode(errors="replace")

    def wait(self, seconds):
        """The status; an interruption at the end of the time is none of its own."""
        try:
            return self.process.wait(seconds and seconds + LATE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGINT)
            status = self.process.wait()
            return 0 if status == INTERRUPTED else status

    def run(self, seconds, executions=None, more=(), folders=None):
        """Add a run of at most so long and so many; false when it found something."""
        found = self.build / "found"
        found.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        # Some targets work in a folder of their own, and die there.
        limits = [f"-max_total_time={max(int(seconds), 1)}", f"-artifact_prefix={found.resolve()}/{self.name}-"]
        if executions:
            limits.append(f"-runs={executions}")
        status, log = self.execute(self.command(*limits, *more, *(folders or self.folders())), seconds)
        state = self.state
        state["seconds"] += time.monotonic() - began
        counts = re.findall(r"^(?:#|stat::number_of_executed_units: +)(\d+)\s", log, re.M)
        state["executions"] += max([int(n) for n in counts] + [0])
        state["edges"] = max([int(n) for n in re.findall(r" cov: (\d+) ", log)] + [state["edges"]])
        if status:
            self.said = log
            state["crashes"] += 1
            state["found"] += re.findall(r"Test unit written to (\S+)", log)[-1:] or [
                f"{self.log_file}, status {status}"]
        return not status

    def run_quick(self):
        """What is known and so many mutations. Neither a clock, an earlier run, an address nor the order of a
        directory decides what they are; where addresses cannot be kept, it is what is known alone."""
        with tempfile.TemporaryDirectory(prefix="torchless-fuzz-") as top:
            grows, known = pathlib.Path(top) / "grows", pathlib.Path(top) / "known"
            grows.mkdir()
            files = sorted(file for folder in self.folders()[1:] for file in folder.iterdir())
            known.write_text(",".join(str(file) for file in files))
            mutations = TARGETS[self.name][1] if SAME_ADDRESSES else 0
            return self.run(QUICK_SECONDS, len(files) + mutations, ["-seed=1", "-reload=0", f"-seed_inputs=@{known}"], [grows])

    def run_long(self):
        """In slices, until there are enough executions or the time is over."""
        self.load()
        while self.state["executions"] < MAX_EXECUTIONS and self.state["seconds"] < MAX_SECONDS:
            whole = self.run(min(SLICE_SECONDS, MAX_SECONDS - self.state["seconds"]),
                             MAX_EXECUTIONS - self.state["executions"])
            self.save()
            if not whole:
                break

    def merge(self):
        """Replace the corpus of the repository by few inputs that reach what all reach."""
        out, to = self.build / "merged" / self.name, HERE / "corpus" / self.name
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        grows, *others = self.folders()
        with tempfile.TemporaryDirectory() as still:  # a run that goes on would take files away
            for file in grows.iterdir():
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(file, pathlib.Path(still) / file.name)
            status, log = self.execute(self.command(
                "-set_cover_merge=1", "-use_counters=0", "-max_len=8192", out, still, *others))
        if status:
            sys.exit(f"{self.name}: cannot merge, see {self.log_file}\n{log[-2000:]}")
        shutil.rmtree(to, ignore_errors=True)
        to.mkdir(parents=True)
        left = MAX_CORPUS_BYTES
        kept = sorted(out.iterdir(), key=lambda f: f.stat().st_size)[:MAX_CORPUS_FILES]
        for number, file in enumerate(kept):
            left -= file.stat().st_size
            if left >= 0:
                shutil.copyfile(file, to / f"{number:02}")


def table(targets):
    """The counts of the targets that ran, in Markdown."""
    lines = ["| target | reads | executions | seconds | crashes | edges |", "|---|---|---:|---:|---:|---:|"]
    for t in targets:
        s = t.state
        if s["executions"] or s["crashes"]:
            lines.append(f"| `{t.name}` | {TARGETS[t.name][0]} | {s['executions']:,} | {s['seconds']:.0f} | "
                         f"{s['crashes']} | {s['edges']:,} |")
    return "\n".join(lines) + "\n"


def write(path, rows):
    """Put the table between the marks of a document."""
    text = path.read_text()
    head, rest = text.split(BEGIN)
    new = path.with_suffix(".new")
    new.write_text(head + BEGIN + rows + END + rest.split(END)[1])
    new.replace(path)


def what_it_said(target):
    """The lines of the log that tell where it ended: the complaint and the frames that are ours."""
    lines = target.said.splitlines()
    return [line for line in lines if COMPLAINT.match(line) or FRAME.match(line)][:MAX_SAID] or lines[-MAX_SAID:]


def as_a_command(path):
    """A line for a shell that makes the input again, where it is short: the machine that found it may be gone."""
    try:
        data = path.read_bytes()
    except OSError:
        return ""
    return f"echo {base64.b64encode(data).decode()} | base64 -d > input" if len(data) <= MAX_SHOWN_BYTES else ""


def report(targets):
    """Say what was found, what it looked like and how to see it again; the status."""
    found = [(t, f) for t in targets for f in t.state["found"]]
    for t, artifact in found:
        path = artifact.split(",")[0]
        lines = [*what_it_said(t), f"again: {t.program} {path}", as_a_command(pathlib.Path(path))]
        print(f"{t.name}: {artifact}\n" + "\n".join(f"    {line}" for line in lines if line), file=sys.stderr)
    return 1 if found else 0


def run_all(targets, jobs, task):
    """The task of each target, `jobs` at a time; Ctrl-C ends those that run."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        running = [pool.submit(task, t) for t in targets]
        try:
            for r in running:
                r.result()
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for t in targets:
                if t.process and t.process.poll() is None:
                    t.process.terminate()
            sys.exit(130)


def main():
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="a target; none: all of them")
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/fuzz"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--merge", action="store_true")
    parser.add_argument("--write", type=pathlib.Path, help="the document that gets the table")
    args = parser.parse_args()
    unknown = set(args.names) - set(TARGETS)
    if unknown:
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    everything = [Target(name, args.build) for name in TARGETS]
    targets = [t for t in everything if not args.names or t.name in args.names]
    lock = threading.Lock()

    def show_long():
        with lock:
            for target in everything:
                target.load()
            if args.write:
                write(args.write, table(everything))

    def long_task(target):
        target.run_long()
        show_long()

    if args.merge:
        run_all(targets, args.jobs, Target.merge)
        return 0
    if args.table:
        show_long()
    else:
        run_all(targets, args.jobs, long_task if args.long else Target.run_quick if args.quick else
                lambda t: t.run(args.seconds))
    print(table(targets), end="", flush=True)
    return report(targets)


if __name__ == "__main__":
    sys.exit(main())
