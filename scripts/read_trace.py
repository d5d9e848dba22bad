#!/usr/bin/env python3
"""Reads arrays out of a recording by name, with nothing but sqlite3 and numpy.

    from read_trace import arrays, answer
    for fqn, number, first, array in arrays("trace.db", "*.self_attn:pattern"):
        print(fqn, number, array.shape)
    for row in answer("trace.db", "residual", pos=-1):      # a saved query
        print(*row)

It uses the public view v_payload only, so it is also how your own script would do it. A recording
may come from anybody: it is opened for reading, its SQL can read and nothing else, and an array is
believed only as far as the file has bytes for it. What is damaged is a ValueError or sqlite3.Error.
As a command it lists what a recording holds:   scripts/read_trace.py trace.db ['*:resid_mid']
"""

import itertools
import json
import os
import pathlib
import sqlite3
import stat
import sys
import time

try:
    import numpy as np
except ImportError:
    VENV = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), ".venv")
    PYTHON = os.path.join(VENV, "bin", "python")
    if __name__ == "__main__" and os.access(PYTHON, os.X_OK) and os.path.abspath(sys.prefix) != VENV:
        os.execv(PYTHON, [PYTHON, *sys.argv])
    if __name__ == "__main__" and sys.argv[1:2] in (["-h"], ["--help"]):
        print(__doc__.strip())
        sys.exit(0)
    print("read_trace.py: numpy is missing: `scripts/venv import` makes .venv/bin/python, which has it "
          "(elsewhere: pip install numpy, or Debian's python3-numpy)", file=sys.stderr)
    sys.exit(3)

QUERY = """SELECT value_id, fqn, pass, dtype, shape, dump_from, data FROM v_payload
           WHERE fqn GLOB ? AND (? IS NULL OR run_id = ?) ORDER BY value_id, chunk"""
NUMPY = {"f32": "<f4", "f16": "<f2", "bf16": "<u2", "f64": "<f8", "i32": "<i4", "u8": "u1",
         "i64": "<i8"}
MAX_DIMS = 8
# What SQL that reads consists of; all else is refused, above all ATTACH and VACUUM INTO, which write.
READS = (sqlite3.SQLITE_READ, sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION,
         sqlite3.SQLITE_RECURSIVE)
MAX_SECONDS = 60  # without a row, as in `torchless query`
OPCODES = 100_000  # of SQLite's machine between two looks at the clock
MAX_MEMORY = 1 << 30  # of SQLite, in the command


class Recording(sqlite3.Connection):
    """A connection that only reads; see open_recording()."""

    n_bytes = 1 << 62  # of the files: no array in them has more
    application_id = 0
    ends = float("inf")

    def is_late(self):
        """What SQLite asks now and then."""
        return time.monotonic() > self.ends

    def rows(self, sql, params=()):
        """The rows of a statement; ValueError when the next one does not come in time."""
        cursor = self.cursor()
        self.ends = time.monotonic() + MAX_SECONDS
        try:
            cursor.execute(sql, params)
            while (row := cursor.fetchone()) is not None:
                yield row
                self.ends = time.monotonic() + MAX_SECONDS
        except sqlite3.OperationalError:
            if not self.is_late():
                raise
            raise ValueError(f"no row came in {MAX_SECONDS} seconds") from None


def _size_beside(path, suffix):
    """The bytes of a regular file, 0 for none: SQLite would wait for a pipe with a journal's name."""
    try:
        found = os.stat(path + suffix)
    except FileNotFoundError:
        if not suffix:
            raise
        return 0
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{path}{suffix} is no regular file")
    return found.st_size


def open_recording(path):
    """The recording PATH for reading, with nothing in it trusted; OSError, ValueError, sqlite3.Error.

    Its SQL can read and nothing else; no value is longer than the files.
    """
    path = os.fspath(path)
    n_bytes = sum(_size_beside(path, suffix) for suffix in ("", "-journal", "-wal", "-shm"))
    # A URL, quoted: a name may hold a question mark.
    address = pathlib.Path(path).absolute().as_uri() + "?mode=ro"
    db = sqlite3.connect(address, uri=True, factory=Recording)
    db.n_bytes = n_bytes
    try:
        (db.application_id,) = db.execute("PRAGMA application_id").fetchone()
    except sqlite3.OperationalError as error:
        if not _size_beside(path, "-journal"):
            raise
        raise ValueError(f"{path}-journal may hold a change that was not finished: {error}") from None
    db.execute("PRAGMA trusted_schema = OFF")
    db.execute("PRAGMA temp_store = MEMORY")  # what is sorted fills no disk
    if hasattr(db, "setlimit"):  # since Python 3.11
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, min(max(n_bytes, 1 << 20), 1 << 30))
    db.set_progress_handler(db.is_late, OPCODES)
    db.set_authorizer(
        lambda action, *_: sqlite3.SQLITE_OK if action in READS else sqlite3.SQLITE_DENY)
    return db


def sizes_of(shape):
    """"2,3" -> [2, 3]; ValueError when it is no shape."""
    sizes = shape.split(",", MAX_DIMS) if isinstance(shape, str) and shape else []
    is_shape = isinstance(shape, str) and len(sizes) <= MAX_DIMS and all(
        size.isascii() and size.isdigit() and len(size) <= 18 for size in sizes)
    if not is_shape:
        raise ValueError("its shape is no list of sizes")
    return [int(size) for size in sizes]


def bytes_in(dtype, shape):
    """How many bytes an array has; ValueError when there is no such type or shape."""
    if not isinstance(dtype, str) or dtype not in NUMPY:
        raise ValueError(f"its type is none of {', '.join(NUMPY)}")
    size = np.dtype(NUMPY[dtype]).itemsize
    for one in sizes_of(shape):
        size *= one
    return size


def decode(data, dtype, shape):
    """Bytes of a dump -> numpy array; bf16, which numpy lacks, becomes f32. ValueError: they do not fit."""
    if not isinstance(data, bytes) or len(data) != bytes_in(dtype, shape):
        raise ValueError("its bytes do not fit its type and shape")
    array = np.frombuffer(data, NUMPY[dtype])
    if dtype == "bf16":
        array = (array.astype("<u4") << 16).view("<f4")
    return array.reshape(sizes_of(shape))


def _join(chunks, size):
    """The bytes of rows that end in them, of which SIZE are wanted; nothing is kept that is too much."""
    parts, n_bytes = [], 0
    for *_, data in chunks:
        if not isinstance(data, bytes):
            raise ValueError("a chunk holds no bytes")
        n_bytes += len(data)
        if n_bytes > size:
            raise ValueError(f"its chunks hold more than the {size} bytes of its type and shape")
        parts.append(data)
    if n_bytes != size:
        raise ValueError(f"its chunks hold {n_bytes} bytes, its type and shape take {size}")
    return b"".join(parts)


def _array(row, chunks, available):
    """The array whose first row is ROW, of CHUNKS, its rows; AVAILABLE bytes can be there."""
    _, fqn, _, dtype, shape, first, _ = row
    if not isinstance(fqn, str):
        raise ValueError("a dump has no name")
    if not isinstance(first, (int, type(None))):
        raise ValueError(f"{fqn}: the position where it begins is no number")
    try:
        size = bytes_in(dtype, shape)
        if size > available:
            raise ValueError(f"it is said to have {size} bytes, more than the file")
        return decode(_join(chunks, size), dtype, shape)
    except ValueError as error:
        raise ValueError(f"{fqn}: {error}") from None


def arrays(db, pattern="*", run=None):
    """(fqn, pass, first dumped position or None, array) of every dump whose name matches.

    DB is a path, what open_recording() gave, or a connection of your own. ValueError names a dump
    whose type, shape and bytes do not agree.
    """
    if not isinstance(db, sqlite3.Connection):
        db = open_recording(db)
    read = db.rows if isinstance(db, Recording) else db.execute
    available = getattr(db, "n_bytes", Recording.n_bytes)
    rows = read(QUERY, (pattern, run, run))
    for _, chunks in itertools.groupby(rows, key=lambda row: row[0]):
        row = next(chunks)
        yield row[1], row[2], row[5], _array(row, itertools.chain([row], chunks), available)


def answer(db, name, **params):
    """The rows of the saved query NAME, as `torchless query NAME KEY=VALUE` gives them.

    Of those that want neither weights nor torchless's functions. ValueError: there is no such
    query, or it has no such parameter.
    """
    if not isinstance(db, sqlite3.Connection):
        db = open_recording(db)
    found = list(db.rows("SELECT sql, params FROM saved_query WHERE name = ?", (name,)))
    if not found or not all(isinstance(text, str) for text in found[0]):
        raise ValueError(f"there is no saved query {name}")
    sql, defaults = found[0][0], json.loads(found[0][1])
    if not isinstance(defaults, dict) or not params.keys() <= defaults.keys():
        raise ValueError(f"{name} has other parameters: {', '.join(defaults)}")
    yield from db.rows(sql, defaults | params)


def main(argv):
    """List the dumps of a recording."""
    from lib.files import BadInput, explain  # what the functions above do without
    from lib.terminal import harmless

    explain(__doc__, argv, 1 <= len(argv) <= 2 and not argv[0].startswith("-"))
    try:
        # Of the whole process, so it is not a matter of those who import this.
        sqlite3.connect(":memory:").execute(f"PRAGMA hard_heap_limit = {MAX_MEMORY}")
        for fqn, number, _, array in arrays(*argv):
            print(f"{number}\t{harmless(fqn)}\t{array.dtype}\t{','.join(map(str, array.shape))}")
    except (ValueError, sqlite3.Error) as error:
        raise BadInput(f"{argv[0]}: {error}") from None
    return 0


if __name__ == "__main__":
    from lib.files import run_main

    run_main(main)
