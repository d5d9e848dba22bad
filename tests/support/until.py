"""until.py -- waiting in tests: for a condition, and not without an end."""
import sqlite3
import time


def until(what, holds, child=None, seconds=60, pause=0.01):
    """Wait until holds() is true; fail when it is not in time, or when the child that brings it about has ended."""
    end = time.monotonic() + seconds
    while not holds():
        assert child is None or child.poll() is None, f"the program ended ({child.returncode}) before {what}"
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(pause)


def first(file, sql):
    """The first value of an answer of a recording that another process writes; 0 while it cannot be read."""
    try:
        db = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    except sqlite3.OperationalError:
        return 0
    try:
        return db.execute(sql).fetchone()[0]
    except sqlite3.OperationalError:
        return 0
    finally:
        db.close()
