#!/usr/bin/env python3
"""How long one waits in the course, against what is promised.

    tests/bench/lessons.py [--only 05,15] [--repeat 3] [--seed N] [--json]

Plays every exercise in a fresh home as a learner would, at a terminal: the lesson is started and shown, each question
is shown, answered once wrong and once right. Every command is timed the first time and --repeat times more. What is
promised: a check that compiles answers in 1 s, everything else in 200 ms, and `watch` checks again within 300 ms of a
save. `start` leaves recordings to a process of its own; how long that takes is told, and who plays here reads as long
as that, or not at all with --hasty.

A limit counts as missed where both the wall clock and the processor time of the fastest run lie above it. Where only
the wall clock does, another program had the machine: such a number is marked as noise and fails nothing. Exit status:
0 all is kept, 1 a limit was missed.
"""
import argparse
import contextlib
import json
import os
import pathlib
import pty
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "robot"))
import conf  # noqa: E402
import robot  # noqa: E402

LESSONS = ROOT / "lessons"
TORCHLESS = os.environ.get("TORCHLESS", str(ROOT / "torchless"))
LIMITS = {"compiles": 1.0, "watch": 0.3, "watch, compiles": 1.3, "other": 0.2}


class Timed:
    """One command, as often as it was run: (wall, processor) seconds each, the first in a cold cache."""

    def __init__(self, lesson, what, limit):
        self.lesson, self.what, self.limit, self.runs = lesson, what, limit, []

    def column(self, i):
        return [run[i] for run in self.runs]

    def verdict(self, runs):
        """'' within the limit, 'noise' by the wall clock alone beyond it, 'missed'."""
        limit = LIMITS[self.limit]
        if min(run[0] for run in runs) <= limit:
            return ""
        return "missed" if min(run[1] for run in runs) > limit else "noise"

    @property
    def first(self):
        return self.verdict(self.runs[:1])

    @property
    def again(self):
        return self.verdict(self.runs[1:] or self.runs)


class Learner:
    """Plays, and keeps the times."""

    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.home, self.answers = folder / "home", folder / "answers"
        self.timed = []
        self.lesson, self.prepared = "", {}
        self.environment = {**os.environ, "TORCHLESS_LESSON_HOME": str(self.home), "PAGER": "cat", "TERM": "dumb"}
        for name in ("TORCHLESS_COURSE", "TORCHLESS_MODEL"):
            self.environment.pop(name, None)

    def once(self, args, expect=None):
        """(wall, processor) seconds of a command."""
        start = time.monotonic()
        ours, theirs = pty.openpty()
        with subprocess.Popen([TORCHLESS, *args], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=theirs, stderr=theirs) as child:
            os.close(theirs)
            said = read_all(ours)
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - start
        if expect is not None and child.returncode != expect:
            sys.exit(f"lessons.py: torchless {' '.join(args)}: status {child.returncode}, not {expect}: {said.decode()}")
        return wall, used.ru_utime + used.ru_stime

    def time(self, what, args, limit="other", expect=0, once=False):
        t = Timed(self.lesson, what, limit)
        for _ in range(1 if once else 1 + self.options.repeat):
            t.runs.append(self.once(args, expect))
        self.timed.append(t)

    def read(self, n):
        """Until the recordings of n lessons are made: how long that was."""
        begun = time.monotonic()
        while time.monotonic() < begun + 120:
            locks = list((self.home / ".torchless/cache/ahead").glob("*"))
            if len(locks) >= n and all(p.stat().st_size for p in locks):
                return time.monotonic() - begun
            time.sleep(0.01)
        sys.exit(f"lessons.py: nothing has made the recordings of {self.lesson}")

    def right(self, exercise):
        """The right answer in words, asked for in another home by who has the same seed."""
        (self.answers / ".torchless").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.home / ".torchless/course.log", self.answers / ".torchless/course.log")
        done = subprocess.run([TORCHLESS, "lesson", "solution", "--give-up", "--home", self.answers, exercise],
                              capture_output=True, text=True, check=True, cwd=self.folder, env=self.environment)
        return done.stdout.split("\n")[1].strip()

    # ---- exercises -----------------------------------------------------------------------------

    def in_words(self, exercise, kind, section):
        right = self.right(exercise)
        wrong = robot.Robot.wrong_words(kind, section, right)
        self.time(f"answer {exercise}, wrong", ["lesson", "answer", exercise, wrong], expect=1)
        self.time(f"answer {exercise}, right", ["lesson", "answer", exercise, right])

    def query(self, exercise, section):
        file = self.home / self.lesson / f"{exercise}.sql"
        wrong = [v for k, v in section.items() if k.startswith("wrong.") and not k.endswith(".says")] or ["SELECT 42"]
        file.write_text(wrong[-1] + ";\n", encoding="utf-8")
        self.time(f"check {exercise}, wrong", ["lesson", "check", exercise], expect=1)
        file.write_text(section["answer"] + "\n", encoding="utf-8")
        self.time(f"check {exercise}, right", ["lesson", "check", exercise])
        self.watch(exercise, file, "watch")

    def kernel(self, exercise, lesson, section):
        """Each run compiles: a function that was compiled before is another by a comment."""
        file = self.home / self.lesson / section["file"]
        wrong = [w for w in sorted((lesson / "wrong").glob("*.c"))
                 if f"exercise: {exercise}\n" in w.read_text(encoding="utf-8")]
        for name, source, expect in (("wrong", wrong[-1], 1), ("right", lesson / section["file"], 0)):
            t = Timed(self.lesson, f"check {exercise}, {name}", "compiles")
            for i in range(1 + self.options.repeat):
                file.write_text(f"{source.read_text(encoding='utf-8')}/* {i} */\n", encoding="utf-8")
                t.runs.append(self.once(["lesson", "check", exercise], expect))
            self.timed.append(t)
        self.watch(exercise, file, "watch, compiles")
        self.time(f"diff {exercise}", ["lesson", "diff", exercise], "compiles")

    def watch(self, exercise, file, limit):
        """From a save to the verdict."""
        t = Timed(self.lesson, f"watch {exercise}", limit)
        with subprocess.Popen([TORCHLESS, "lesson", "watch", exercise], cwd=self.folder, env=self.environment,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
            self.until_keys(child)
            for i in range(1 + self.options.repeat):
                time.sleep(0.2)
                before, used = time.monotonic(), processor(child.pid)
                file.write_text(file.read_text(encoding="utf-8") + ("\n" if limit == "watch" else f"/* w{i} */\n"),
                                encoding="utf-8")
                self.until_keys(child)
                t.runs.append((time.monotonic() - before, processor(child.pid) - used))
            child.stdin.write(b"q")
            child.stdin.close()
            child.stdout.read()
            child.wait()
        self.timed.append(t)

    @staticmethod
    def until_keys(child):
        for line in child.stdout:
            if b"q quit" in line:
                return
        sys.exit("lessons.py: watch ended by itself")

    def play_exercise(self, lesson, exercise, section):
        kind = section["kind"]
        self.time(f"show {exercise}", ["lesson", "show", exercise])
        if kind == "kernel":
            self.kernel(exercise, lesson, section)
        elif kind == "sql":
            self.query(exercise, section)
        elif kind == "milestone":
            # It needs the functions of lessons that --only may leave out.
            self.time(f"check {exercise}", ["lesson", "check", exercise], "compiles", expect=None)
        elif kind == "bench":
            self.time(f"answer {exercise}", ["lesson", "answer", exercise, "1000"], expect=None)
        else:
            self.in_words(exercise, kind, section)
        self.time(f"hint {exercise}", ["lesson", "hint", exercise])
        self.time(f"solution {exercise}", ["lesson", "solution", "--give-up", exercise], expect=None)
        self.time(f"why {exercise}", ["lesson", "why", exercise], expect=None)

    # ---- lessons -------------------------------------------------------------------------------

    def play_lesson(self, lesson):
        sections = conf.read(lesson / "checks.conf")
        number, text = lesson.name[:2], (lesson / "lesson.md").read_text(encoding="utf-8")
        self.lesson = lesson.name
        self.time(f"start {number}", ["lesson", "start", number])
        self.prepared[lesson.name] = 0 if self.options.hasty else self.read(1 + len(self.prepared))
        self.time(f"show {number}", ["lesson", "show", number])
        for exercise in robot.re.findall(r"^### Exercise ([\w-]+):", text, robot.re.M):
            self.play_exercise(lesson, exercise, sections[exercise])
            self.time("next", ["lesson", "next"])
        self.time(f"list {number}", ["lesson", "list", number])

    def play(self):
        self.time("(no words)", ["lesson"])
        for name in conf.read(LESSONS / "course.conf")[""]["order"].split():
            if not self.options.only or name[:2] in self.options.only.split(","):
                self.play_lesson(LESSONS / name)
        for words in ("list", "progress", "doctor"):
            self.time(words, ["lesson", words])
        self.read(0)


def read_all(fd):
    """What comes of a terminal until nobody has it any more."""
    said = b""
    with contextlib.suppress(OSError):
        while chunk := os.read(fd, 65536):
            said += chunk
    os.close(fd)
    return said


def processor(pid):
    """Seconds of processor that a process and the children it has waited for took."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


# ---- what is printed -----------------------------------------------------------------------------

def ms(seconds):
    return f"{1e3 * seconds:6.0f}"


def row(t):
    again = t.runs[1:] or t.runs
    return (f"{t.what:34}{ms(t.runs[0][0])}{ms(t.runs[0][1])} {t.first:7}"
            f"{ms(statistics.median(r[0] for r in again))}{ms(statistics.median(r[1] for r in again))} {t.again:7}"
            f"{ms(LIMITS[t.limit])}").rstrip()


def say_slowest(timed):
    """Of each word, and of what compiles, the command that took longest at its fastest."""
    slowest = {}
    for t in timed:
        key = ("" if t.what == "(no words)" else t.what.split()[0]) + (", compiles" if "compiles" in t.limit else "")
        if key not in slowest or min(t.column(0)) > min(slowest[key].column(0)):
            slowest[key] = t
    print(f"\n{'the slowest of each, at its fastest':50}{'wall':>6}{'limit':>6}")
    for key, t in slowest.items():
        print(f"{key:18}{t.what:32}{ms(min(t.column(0)))}{ms(LIMITS[t.limit])}")


def as_json(t):
    return json.dumps({"lesson": t.lesson, "command": t.what, "limit": LIMITS[t.limit], "runs": t.runs, "first": t.first,
                       "again": t.again})


def say(learner, floor, bare):
    """The table, and what follows from it."""
    print(f"ms; the program starts and ends in {1e3 * floor:.0f}, and `lesson` says where one is in {1e3 * bare:.0f}\n")
    print(f"{'torchless lesson':34}{'first time':>20}{'median again':>20}{'limit':>6}\n"
          f"{'':34}{'wall':>6}{'cpu':>6} {'':7}{'wall':>6}{'cpu':>6}")
    for i, t in enumerate(learner.timed):
        if t.lesson and (not i or learner.timed[i - 1].lesson != t.lesson):
            made = learner.prepared[t.lesson]
            print(f"\n{t.lesson}" + (f" (recordings made {made:.1f} s after `start`)" if made > 0.05 else ""))
        print(row(t))
    say_slowest(learner.timed)
    noise = sum(t.first == "noise" or t.again == "noise" for t in learner.timed)
    kept = sum(not t.first and not t.again for t in learner.timed)
    print(f"\n{len(learner.timed)} commands: {kept} within their limits"
          + (f", {noise} beyond them by the wall clock alone: the machine was busy, so these say nothing" if noise else ""))
    return [t for t in learner.timed if "missed" in (t.first, t.again)]


def main():
    """Play, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--only", help="numbers of lessons, with commas")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--hasty", action="store_true", help="answer before the recordings are made")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="torchless-bench-") as folder:
        learner = Learner(options, pathlib.Path(folder))
        floor = statistics.median(learner.once(["--version"])[0] for _ in range(9))
        learner.play()
    if options.json:
        print("\n".join(as_json(t) for t in learner.timed))
        sys.exit(any("missed" in (t.first, t.again) for t in learner.timed))
    missed = say(learner, floor, statistics.median(learner.timed[0].column(0)))
    for t in missed:
        print(f"missed: {row(t)}")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
