"""learner.py -- what a learner has: files of a lesson, and the log of what was done.

A log is read as the program writes it: a line is an event and ends with its checksum.  What is promised: a line that was
there stays, an event that was reported as kept is there, a file is as it was or whole as it was to be.
"""
import os
import shutil

from program import Broken, good

HOME = ["--home", "class", "--course", "COURSE"]
LOG, FILES = "class/.torchless/course.log", ("class/00-first", "class/01-second", "class/AGENTS.md", "class/torchless")
QUERY = "SELECT pos, piece FROM v_token WHERE run_id = 1 ORDER BY pos;\n"
CACHE = ".torchless/cache"
N_FIELDS = 11


def make_seeds(folder, sanitized):
    """class: a lesson that was begun, whose recordings are made by both programs, with a query that is right; and another's log."""
    good(["lesson", "start", "00", *HOME], folder)
    query = os.path.join(folder, "class/00-first/positions.sql")
    with open(query, "w", encoding="utf-8") as f:
        f.write(QUERY)
    good(["lesson", "check", "positions", *HOME], folder)
    if sanitized:
        # Each program keeps its own; that they are made is the matter of a lesson that is begun.
        shutil.copytree(os.path.join(folder, "class"), os.path.join(folder, "sanitized"))
        good(["lesson", "check", "positions", "--home", "sanitized", "--course", "COURSE"], folder, program=sanitized)
        shutil.copytree(os.path.join(folder, "sanitized", CACHE), os.path.join(folder, "class", CACHE), dirs_exist_ok=True)
    good(["lesson", "answer", "heads-guess", "b", "--home", "other", "--course", "COURSE"], folder)
    os.replace(os.path.join(folder, "other/.torchless/course.log"), os.path.join(folder, "other.log"))


class Learner:
    """What lies in a folder: whole lines of the log without time and checksum, and the files by their names."""

    def __init__(self, folder):
        self.lines, self.rest, self.files = [], b"", {}
        path = os.path.join(folder, LOG)
        if os.path.exists(path):
            with open(path, "rb") as f:
                *self.lines, self.rest = f.read().split(b"\n")
        for top in FILES:
            top = os.path.join(folder, top)
            names = [top] if os.path.isfile(top) else [os.path.join(at, n) for at, _, found in os.walk(top) for n in found]
            for name in names:
                with open(name, "rb") as f:
                    self.files[os.path.relpath(name, folder)] = f.read()

    def events(self):
        """Of each whole event what it says, but not when, nor a seed that was drawn for it."""
        fields = [line.split(b"\t") for line in self.lines]
        return [f[2:-1] for f in fields if len(f) == N_FIELDS and f[0] == b"1" and f[2] != b"seed"]

    def check(self, before, whole, ended, killed):
        """Against what was there before, and what is there where nothing fails."""
        if self.lines[:len(before.lines)] != before.lines:
            raise Broken("the log has lost a line")
        if ended.status == 0 and self.events() != whole.events():
            raise Broken("status 0, and the log has other events")
        new, wanted = self.events()[len(before.events()):], whole.events()[len(before.events()):]
        if any(event not in wanted for event in new if event[0] != b"void"):
            raise Broken(f"the log has an event that did not happen: {new}")
        for name, data in self.files.items():
            if ".new-" in name:
                if not killed:
                    raise Broken(f"leaves {name}")
            elif data not in (before.files.get(name), whole.files.get(name)) and not name.endswith(".db"):
                raise Broken(f"{name} is neither whole nor what it was")
        for name, data in before.files.items():
            if data not in (self.files.get(name), self.files.get(name + ".~1~")):
                raise Broken(f"{name} is lost")
        if ended.status == 0 and set(whole.files) - set(self.files):
            raise Broken(f"status 0, and {min(set(whole.files) - set(self.files))} is not there")


def check_again(folder):
    """Whatever was begun, the next command sweeps what is left of it and loses nothing."""
    before = Learner(folder)
    good(["lesson", "list", *HOME], folder)
    after = Learner(folder)
    left = [name for name in after.files if ".new-" in name]
    if left:
        raise Broken(f"afterwards {', '.join(left)} is left")
    if after.lines != before.lines or {n: d for n, d in before.files.items() if ".new-" not in n} != after.files:
        raise Broken("afterwards `torchless lesson list` changes what is there")
