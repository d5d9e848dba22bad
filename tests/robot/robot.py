#!/usr/bin/env python3
"""Takes the whole course at a terminal, from the installed tree, as a learner would who errs first.

    robot.py --torchless PREFIX/bin/torchless [--log FILE] [--only 00,05] [--as-nobody]

For every exercise: a wrong answer, a hint, the right answer; in between the program is killed (SIGKILL) while it
checks, and the terminal is closed and opened again. What the robot answers comes from lessons/ of the source tree
and from `lesson solution --give-up` in a room of its own; the tree that it plays has neither. The log holds what
stood on the screen. Exit status: 0 it went as it should, 1 it did not, with the screen.
"""
import argparse
import os
import pathlib
import pty
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import conf

ROOT = pathlib.Path(__file__).resolve().parents[2]
LESSONS = ROOT / "lessons"
END = re.compile(r"\[\[status (\d+)\]\]\r?\n")
SEQUENCE = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[()][A-B0]|[=>])")
SECONDS = 240


class Wrong(Exception):
    """The course went otherwise than it should."""


class Shell:
    """A bash at a terminal of 90 columns."""

    def __init__(self, folder, environment, log):
        self.log, self.pid, self.fd = log, *pty.fork()
        if not self.pid:
            os.chdir(folder)
            os.execvpe("bash", ["bash", "--norc", "--noprofile"], environment)
        self.run("stty cols 90 rows 40; PS1=''; bind 'set enable-bracketed-paste off' 2>/dev/null")

    def run(self, line, expect=None):
        """Type a line; its screen. `expect`: the exit status it must have."""
        os.write(self.fd, (line + "; printf '[[status %d]]\\n' $?\n").encode())
        text, deadline = "", time.monotonic() + SECONDS
        while not END.search(text):
            ready, _, _ = select.select([self.fd], [], [], max(deadline - time.monotonic(), 0))
            if not ready:
                raise Wrong(f"`{line}` does not come to an end:\n{text}")
            try:
                text += os.read(self.fd, 65536).decode(errors="replace")
            except OSError as gone:
                raise Wrong(f"`{line}`: the terminal is gone:\n{text}") from gone
        text = SEQUENCE.sub("", text).replace("\r", "")
        status = int(END.search(text)[1])
        screen = text[:END.search(text).start()].split("\n", 1)[-1]
        self.log.write(f"$ {line}\n{screen}[{status}]\n\n")
        self.log.flush()
        if expect is not None and status != expect:
            raise Wrong(f"`{line}` ended with {status}, not {expect}:\n{screen}")
        return screen

    def close(self):
        """As a terminal window is closed."""
        os.close(self.fd)
        os.kill(self.pid, signal.SIGHUP)
        os.waitpid(self.pid, 0)


def flat(text):
    """Words only: lines are broken where the terminal ends, and signs stand in front of some."""
    return " ".join(re.sub(r"[`*\\]", "", text).split())


class Robot:
    """A learner: what it knows, where it is, and what it has passed."""

    def __init__(self, options, folder, log):
        self.options, self.folder, self.log = options, folder, log
        self.random = random.Random(options.seed)
        self.home = folder / "home"
        self.home.mkdir()
        self.passed = set()
        self.counted = {"commands": 0, "wrong": 0, "hints": 0, "killed": 0}
        self.shell = self.open_shell()

    def environment(self):
        """As of a login: nothing of the source tree."""
        return {"HOME": str(self.home), "PATH": f"{self.options.torchless.parent}:/usr/local/bin:/usr/bin:/bin",
                "TERM": "xterm-256color", "LANG": "C.UTF-8", "PAGER": "cat", "TMPDIR": str(self.folder),
                "HISTFILE": "/dev/null"}

    def open_shell(self):
        return Shell(self.home, self.environment(), self.log)

    def run(self, words, expect=None):
        self.counted["commands"] += 1
        return self.shell.run(f"torchless lesson {words}", expect)

    # ---- what is right, and what is wrong ------------------------------------------------------

    def told(self, exercise):
        """The right answer in words, asked for in another home by who has the same log: patients are drawn by it."""
        room = self.folder / "answers"
        (room / ".torchless").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.home / ".local/state/torchless/lessons/course.log", room / ".torchless/course.log")
        done = subprocess.run(
            [self.options.torchless, "lesson", "solution", "--give-up", "--home", room, exercise],
            capture_output=True, text=True, check=False, cwd=self.folder, env=self.environment(), timeout=SECONDS)
        if done.returncode:
            raise Wrong(f"no solution of {exercise}: {done.stderr}")
        return done.stdout.split("\n")[1].strip()

    @staticmethod
    def wrong_words(kind, section, right):
        """An answer of the form that is asked for, and not right."""
        if kind == "locate":
            if "=" in right:
                first, *rest = right.split()
                return " ".join([first.split("=")[0] + "=" + rest[-1].split("=")[1],
                                 *rest[:-1], rest[-1].split("=")[0] + "=" + first.split("=")[1]])
            return "model.norm " + section["choices"].split()[-1] if right != "noise" else \
                "L0.attn.q_proj " + section.get("choices", "rope_pairs").split()[0]
        if "choices" in section:
            return next(c for c in section["choices"].split() if c != right.split()[0])
        if section.get("form") == "order":
            return " ".join(reversed(right.split()))
        return {"ids": "1 2 3", "set": "977 978", "text": "no-such-thing"}.get(section.get("form", "number"), "-12345.5")

    # ---- exercises ------------------------------------------------------------------------------

    def in_words(self, exercise, kind, section):
        right = self.told(exercise)
        screen = self.run(f"answer {exercise} '{self.wrong_words(kind, section, right)}'", 1)
        self.counted["wrong"] += 1
        self.names(screen, exercise)
        self.hint(exercise)
        self.kill_while(f"answer {exercise} '{right}'")
        self.run(f"answer {exercise} '{right}'", 0)

    def file_of(self, exercise, lesson, name):
        path = self.home / "torchless-lessons" / lesson.name / name
        if not path.exists():
            raise Wrong(f"{exercise}: {path} was not made")
        return path

    def query(self, exercise, lesson, section):
        file = self.file_of(exercise, lesson, f"{exercise}.sql")
        self.names(self.run(f"check {exercise}", 1), exercise)  # unedited
        file.write_text("SELECT 42\n", encoding="utf-8")
        self.run(f"check {exercise}", 1)
        for key, text in section.items():
            if key.startswith("wrong.") and not key.endswith(".says"):
                file.write_text(text + ";\n", encoding="utf-8")
                self.says(self.run(f"check {exercise}", 1), section.get(key + ".says"), exercise, key)
                break
        self.hint(exercise)
        file.write_text(section["answer"] + "\n", encoding="utf-8")
        self.kill_while(f"check {exercise}")
        self.run(f"check {exercise}", 0)

    def kernel(self, exercise, lesson, section):
        file = self.file_of(exercise, lesson, section["file"])
        self.names(self.run(f"check {exercise}", 1), exercise)
        wrong = [w for w in sorted((lesson / "wrong").glob("*.c")) if f"exercise: {exercise}\n" in w.read_text(encoding="utf-8")]
        choice = self.random.choice(wrong)
        shutil.copyfile(choice, file)
        says = re.search(r"says: (.*?)\n \* \w+: ", choice.read_text(encoding="utf-8"), re.S)[1].replace("\n *", " ")
        self.says(self.run(f"check {exercise}", 1), says, exercise, choice.stem)
        self.hint(exercise)
        shutil.copyfile(lesson / section["file"], file)
        self.kill_while(f"check {exercise}")
        self.run(f"check {exercise}", 0)

    def play_exercise(self, lesson, exercise, section):
        kind = section["kind"]
        if kind == "kernel":
            self.kernel(exercise, lesson, section)
        elif kind == "sql":
            self.query(exercise, lesson, section)
        elif kind == "milestone":
            self.run(f"check {exercise}", 0)
        elif kind == "bench":
            self.run(f"answer {exercise} 1000")
            return
        else:
            self.in_words(exercise, kind, section)
        self.passed.add(exercise)

    # ---- what is seen ---------------------------------------------------------------------------

    @staticmethod
    def names(screen, exercise):
        """The first line says which exercise it is about."""
        if exercise not in screen.split("\n")[0]:
            raise Wrong(f"the first line does not name {exercise}:\n{screen}")

    def says(self, screen, words, exercise, key):
        self.counted["wrong"] += 1
        if words and flat(words) not in flat(screen):
            raise Wrong(f"{exercise}: {key} is not told by what it means ({flat(words)}):\n{screen}")

    def hint(self, exercise):
        self.counted["hints"] += 1
        if "hint 1 of 3" not in self.run(f"hint {exercise}", 0):
            raise Wrong(f"no hint of {exercise}")

    def kill_while(self, words):
        """SIGKILL somewhere in it: nothing that was passed is lost, and it can be done again."""
        if self.random.random() > 0.4:
            return
        self.counted["killed"] += 1
        child = subprocess.Popen(["/bin/sh", "-c", f"exec torchless lesson {words}"], cwd=self.home,
                                 env=self.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(self.random.random() * 0.12)
        child.kill()
        child.wait()
        self.log.write(f"$ torchless lesson {words}    [killed]\n\n")
        self.still_passed()

    def still_passed(self):
        screen = self.run("progress", 0)
        done = int(re.search(r"\b(\d+)/\d+\s*$", [line for line in screen.split("\n") if line.startswith("all ")][0])[1])
        if done < len(self.passed):
            raise Wrong(f"{len(self.passed)} exercises were passed, now they are {done}")

    def interrupt(self):
        """The window is closed and another opened: it goes on where it was."""
        self.shell.close()
        self.shell = self.open_shell()
        self.still_passed()

    # ---- lessons --------------------------------------------------------------------------------

    def play_lesson(self, lesson):
        sections = conf.read(lesson / "checks.conf")
        number, text = lesson.name[:2], (lesson / "lesson.md").read_text(encoding="utf-8")
        self.run(f"start {number}", 0)
        shown = self.run(f"show {number}", 0)
        for heading in re.findall(r"^## (.*)$", text, re.M):
            if flat(heading) not in flat(shown):
                raise Wrong(f"{number}: `show` has no heading {heading}")
        for step, smollm2 in re.findall(r"^```sh step=(\S+)( smollm2)?$", text, re.M):
            if not smollm2:
                self.run(f"run {number} {step}", 0)
        for exercise in re.findall(r"^### Exercise ([\w-]+):", text, re.M):
            screen = self.shell.run("torchless lesson", 0)
            if f" {exercise} " not in screen.rpartition("\nnext ")[2].replace("\n", " "):
                raise Wrong(f"without words it does not lead to {exercise}:\n{screen}")
            self.play_exercise(lesson, exercise, sections[exercise])
            self.run("next", 0)
            if self.random.random() < 0.15:
                self.interrupt()

    def play(self):
        order = conf.read(LESSONS / "course.conf")[""]["order"].split()
        if "torchless lesson start" not in self.shell.run("torchless lesson", 0):
            raise Wrong("the first screen does not say how to begin")
        self.run("doctor", 0)
        for name in order:
            if not self.options.only or name[:2] in self.options.only.split(","):
                self.play_lesson(LESSONS / name)
        self.run("progress", 0)
        self.run("grade ~/torchless-lessons --json")
        return " ".join(f"{n} {what}," for what, n in self.counted.items()) + f" {len(self.passed)} exercises passed"


def as_nobody(argv):
    """The same by another user than root, who owns nothing here."""
    os.execvp("setpriv", ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", sys.executable, *argv])


def main():
    """Play."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--torchless", type=pathlib.Path, required=True)
    parser.add_argument("--log", type=pathlib.Path)
    parser.add_argument("--only", help="numbers of lessons, with commas")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--as-nobody", action="store_true")
    options = parser.parse_args()
    options.torchless = options.torchless.resolve()
    if options.as_nobody and os.getuid() == 0:
        as_nobody([a for a in sys.argv if a != "--as-nobody"])
    with tempfile.TemporaryDirectory(prefix="torchless-robot-") as folder, \
         open(options.log or os.devnull, "w", encoding="utf-8") as log:
        try:
            print(Robot(options, pathlib.Path(folder), log).play())
        except Wrong as wrong:
            sys.exit(f"robot: {wrong}")


if __name__ == "__main__":
    main()
