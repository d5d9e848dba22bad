"""lesson_ahead.py -- what `lesson start` leaves to a process of its own at a terminal.

    lesson_ahead.py TORCHLESS FOLDER

Files appear whole, whoever else makes them, whoever is killed; nothing is left running and no half of a file; in a
pipe everything is there when `start` ends. The recordings that such a process makes are those that would be made.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys

from terminal import on_terminal
from until import until

TORCHLESS, WORK = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])
GIVEN = ["letter", "healthy", "broken-a", "broken-b", "broken-c"]  # of lesson 01


class Home:
    """A learner's folder, and the processes that work for it."""

    def __init__(self, name):
        self.path = WORK / name
        self.cache = self.path / ".torchless/cache"

    def lesson(self, *words, status=0):
        out, got = on_terminal([TORCHLESS, "lesson", *words, "--home", str(self.path), "--seed", "1"], cwd=WORK)
        assert got == status, (words, got, out)
        return " ".join(out.decode().split())

    def given(self):
        return [self.path / "01-tokens" / f"{name}.db" for name in GIVEN]

    def preparing(self):
        """The processes that make something for it."""
        found = []
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if b"prepare" in words and str(self.path).encode() in words and state != "Z":
                found.append(int(folder.name))
        return found

    def is_done(self):
        locks = list((self.cache / "ahead").glob("*"))
        return bool(locks) and all(lock.read_bytes() == b"done\n" for lock in locks) and not self.preparing()

    def check_whole(self, is_over=True):
        assert all(path.stat().st_size > 4096 for path in self.given())
        if not is_over:
            return
        halves = [p for p in self.path.rglob("*") if p.name.startswith(".new-") or p.name.endswith(("-wal", "-journal"))]
        assert not halves, halves


def usual():
    """Start, read, answer: what was prepared is found, and nothing of it made again."""
    home = Home("usual")
    said = home.lesson("start", "01")
    assert "Recordings are being made while you read" in said and "01-tokens/broken-c.db" in said, said
    until("the recordings of lesson 01", home.is_done)
    home.check_whole()
    before = {p: p.stat().st_mtime_ns for p in (home.cache / "recordings").iterdir()}
    answers = sorted((home.cache / "answers").iterdir())
    assert len(before) >= len(GIVEN) and answers
    home.lesson("show", "01")
    said = home.lesson("next")
    assert "being made" not in said and "missing" not in said, said
    assert home.is_done()
    words = subprocess.run([TORCHLESS, "lesson", "list", "01", "--home", home.path], capture_output=True, text=True,
                           check=True, cwd=WORK).stdout
    for name in (line.split()[0] for line in words.splitlines() if "value" in line or "locate" in line):
        subprocess.run([TORCHLESS, "lesson", "solution", "--give-up", name, "--home", home.path, "--seed", "1"],
                       check=False, capture_output=True, cwd=WORK)
    assert {p: p.stat().st_mtime_ns for p in (home.cache / "recordings").iterdir()} == before
    # A script reads nothing, and finds all of it there: the same bytes.
    piped = Home("piped")
    subprocess.run([TORCHLESS, "lesson", "start", "01", "--home", piped.path, "--seed", "1"], check=True,
                   stdout=subprocess.DEVNULL, cwd=WORK)
    piped.check_whole()
    assert not piped.preparing() and not (piped.cache / "ahead").exists()
    for one, other in zip(home.given(), piped.given()):
        assert ask(one) == ask(other), one


def ask(recording):
    """What was computed, without the clock."""
    return subprocess.run([TORCHLESS, "query", "--csv", "-t", recording, "SELECT point_id, hash, l2 FROM value ORDER BY id"],
                          capture_output=True, check=True).stdout


def lost():
    """A recording that is gone is made again, and this is said."""
    home = Home("usual")
    home.given()[0].unlink()
    assert "01-tokens/letter.db was missing and is being made again" in home.lesson("next")
    until("letter.db", lambda: home.given()[0].exists() and not home.preparing())
    home.check_whole()


def together():
    """Two terminals at once, and a command in a pipe that needs the files now."""
    home = Home("together")
    home.lesson("start", "01")
    home.lesson("start", "01")
    assert len(home.preparing()) <= 1
    subprocess.run([TORCHLESS, "lesson", "test-out", "01", "--home", home.path, "--seed", "1"], check=True,
                   stdout=subprocess.DEVNULL, cwd=WORK)
    home.check_whole(is_over=False)
    until("the recordings", home.is_done)
    home.check_whole()


def killed():
    """SIGKILL of the process: the next command has it done."""
    home = Home("killed")
    home.lesson("start", "01")
    for pid in home.preparing():
        os.kill(pid, signal.SIGKILL)
    until("its end", lambda: not home.preparing())
    for half in home.path.rglob(".new-*"):
        half.unlink()  # is swept after a day
    home.lesson("next")
    until("the recordings", home.is_done)
    home.check_whole()


def no_room():
    """A cache that cannot be: the command makes the files itself, or says why not."""
    home = Home("none")
    home.path.mkdir()
    (home.path / ".torchless").mkdir()
    (home.path / ".torchless/cache").write_text("")
    said = home.lesson("start", "01", status=3)
    assert "cannot make the folder" in said and "Recordings are being" not in said, said
    assert not home.preparing()


def main():
    """All of it."""
    for part in (usual, lost, together, killed, no_room):
        part()
    for name in ("usual", "piped", "together", "killed"):
        assert not Home(name).preparing()
        shutil.rmtree(WORK / name)


if __name__ == "__main__":
    main()
