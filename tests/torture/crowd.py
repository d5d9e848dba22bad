"""crowd.py -- three writers and ten readers at once, and several writers that begin on one name at the same moment.

Readers see whole passes only, never fewer of a recording than before, and are never told that it is locked or
damaged; only that there is none, or that it was replaced, in the moment in which one takes the place of another.
Of writers that race for one name, each that ends with status 0 has its recording there, under the name or as .old.
"""
import os
import random
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time

import program
from injection import scratch
from program import Broken
from recording import Recording

WRITE = ["trace", "-q", "-m", "MODEL", "-j", "1"]
# Of the recording: which it is, how many passes it has, and how many numbers of values a pass has (one, if they are whole).
LOOK = """SELECT (SELECT hex(uuid) FROM run ORDER BY id LIMIT 1), (SELECT count(*) FROM pass WHERE idx IS NOT NULL),
    (SELECT count(DISTINCT n) FROM (SELECT count(*) n FROM value v JOIN pass p ON p.id = v.pass_id WHERE p.phase = 'decode' GROUP BY p.id))"""


class Reader(threading.Thread):
    """Queries one recording again and again."""

    def __init__(self, folder, name, end, table, luck):
        super().__init__()
        self.folder, self.name_, self.end, self.table = folder, name, end, table
        self.broken, self.seen, self.n, self.pause = [], {}, 0, luck.uniform(0, 0.05)

    def run(self):
        while time.monotonic() < self.end and not self.broken:
            try:
                self.look()
            except Exception as e:  # a thread has nobody else to tell
                self.table.add("readers of a crowd", "BROKEN")
                self.broken.append(f"a reader of {self.name_}: {e}")
            time.sleep(self.pause)

    def look(self):
        begun = time.monotonic()
        for _ in range(3):
            ended = program.run(["query", "-t", self.name_, LOOK], self.folder)
            # Time on a clock: a machine that stood still meanwhile says the same once, tables that never end always.
            if "do not answer within" not in ended.err:
                break
        outcome = "same"
        if ended.status == 0:
            self.check(ended.out.decode())
        else:
            program.check_sentence(ended)
            if "No such file" not in ended.err and "was replaced while it was read" not in ended.err:
                raise Broken(f"status {ended.status}: {ended.err}")
            outcome = "sentence"
        self.n += 1
        self.table.add("readers of a crowd", outcome, time.monotonic() - begun)

    def check(self, line):
        uuid, n, kinds = line.rstrip("\n").split("\t")
        if int(n) < self.seen.get(uuid, 0):
            raise Broken(f"saw {self.seen[uuid]} passes and then {n} of one recording")
        if int(kinds or 0) > 1:
            raise Broken("saw a pass that was not whole")
        self.seen[uuid] = int(n)


class Writer(threading.Thread):
    def __init__(self, folder, name, end, table):
        super().__init__()
        self.folder, self.name_, self.end, self.table, self.broken, self.n = folder, name, end, table, [], 0

    def run(self):
        while time.monotonic() < self.end and not self.broken:
            begun = time.monotonic()
            try:
                # Long enough to be read while it is written.
                ended = program.run(WRITE + ["-n", "30", "-o", self.name_, "The model"], self.folder)
                if ended.status == 0:
                    program.check_good(ended)
                    outcome = "same"
                else:
                    program.check_sentence(ended)
                    if not any(text in ended.err for text in ("being written by another process", "is open in another program")):
                        raise Broken(f"a writer's excuse: {ended.err}")
                    outcome = "sentence"
                self.table.add("writers of a crowd", outcome, time.monotonic() - begun)
                self.n += 1
            except Exception as e:
                self.table.add("writers of a crowd", "BROKEN")
                self.broken.append(f"a writer of {self.name_}: {e}")


def crowd(seconds, seed, progress, table, one_name):
    """Three writers, on a name each or all on one, and ten readers."""
    luck = random.Random(seed)
    folder = tempfile.mkdtemp(prefix="torture-crowd-", dir=scratch())
    names = ["x.db"] * 3 if one_name else ["x.db", "y.db", "z.db"]
    try:
        for name in set(names):
            program.good(WRITE + ["-n", "2", "-o", name, "Before"], folder)
        end = time.monotonic() + seconds
        people = [Writer(folder, name, end, table) for name in names]
        people += [Reader(folder, luck.choice(names), end, table, luck) for _ in range(10)]
        for p in people:
            p.start()
        for p in people:
            while p.is_alive():
                p.join(1)
                progress(f"crowd on {'one name' if one_name else 'three names'}: {sum(q.n for q in people)} programs")
        return [text for p in people for text in p.broken]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def race(i, n, table):
    """n writers begin on one new name; each that succeeds has its recording there (as far as .old reaches)."""
    folder, begun = tempfile.mkdtemp(prefix="torture-race-", dir=scratch()), time.monotonic()
    try:
        started = [subprocess.Popen(program.command(WRITE + ["-n", "3", "-o", "x.db", f"Prompt {k}"]), cwd=folder,
                                    env=program.environment(folder), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.PIPE) for k in range(n)]
        ok = []
        for k, p in enumerate(started):
            err = p.communicate(timeout=program.SECONDS)[1].decode(errors="replace")
            if p.returncode == 0:
                ok.append(f"Prompt {k}")
            else:
                program.check_sentence(program.Ended(p.returncode, b"", err))
        found = []
        for name in os.listdir(folder):
            if name in ("x.db", "x.db.old"):
                r = Recording(os.path.join(folder, name))
                if len(r.ok) != 1:
                    raise Broken(f"{name} has no finished run")
                found += r.prompts
            elif name != "home":
                raise Broken(f"{name} is left")
        # A third that begins after two have ended replaces the older one, as is said.
        lost = [text for text in ok if text not in found]
        if len(lost) > max(0, len(ok) - 2):
            raise Broken(f"{len(ok)} ended with status 0, and there is {', '.join(found) or 'nothing'}")
        table.add("writers race for a name", "same", time.monotonic() - begun)
        return []
    except (Broken, sqlite3.Error) as e:
        table.add("writers race for a name", "BROKEN", time.monotonic() - begun)
        return [f"round {i} of {n} writers on one new name: {e}"]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_all(seconds, seed, progress, table, jobs):
    broken = crowd(seconds * 0.3, seed, progress, table, False)
    broken += crowd(seconds * 0.3, seed, progress, table, True)
    end, rounds = time.monotonic() + seconds * 0.4, 0
    while time.monotonic() < end:
        broken += race(rounds, 2 + rounds % 2, table)
        rounds += 1
        progress(f"races: {rounds}, {len(broken)} broken")
    return [(f"crowd: {text}", "  repeat:  make torture TORTURE_ONLY=crowd (a matter of time: several times)") for text in broken], rounds
