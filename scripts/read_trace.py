#!/usr/bin/env python3
"""Reads arrays out of a recording by name, with nothing but sqlite3 and numpy.

    from read_trace import arrays
    for fqn, number, first, array in arrays("trace.db", "*.self_attn:pattern"):
        print(fqn, number, array.shape)

It uses the public view v_payload only, so it is also how your own script would do it.
As a command it lists what a recording holds:   scripts/read_trace.py trace.db ['*:resid_mid']
"""

import itertools
import signal
import sqlite3
import sys

try:
    import numpy as np
except ImportError:
    sys.exit("read_trace.py: numpy is missing: pip install numpy, or Debian's python3-numpy")

QUERY = """SELECT value_id, fqn, pass, dtype, shape, dump_from, data FROM v_payload
           WHERE fqn GLOB ? AND (? IS NULL OR run_id = ?) ORDER BY value_id, chunk"""
NUMPY = {"f32": "<f4", "f16": "<f2", "bf16": "<u2", "f64": "<f8", "i32": "<i4", "u8": "u1",
         "i64": "<i8"}


def decode(data, dtype, shape):
    """Bytes of a dump -> numpy array; bf16, which numpy lacks, becomes f32."""
    array = np.frombuffer(data, NUMPY[dtype])
    if dtype == "bf16":
        array = (array.astype("<u4") << 16).view("<f4")
    return array.reshape([int(size) for size in shape.split(",") if size])


def arrays(db, pattern="*", run=None):
    """(fqn, pass, first dumped position or None, array) of every dump whose name matches."""
    if isinstance(db, str):
        db = sqlite3.connect(f"file:{db}?mode=ro", uri=True)
    rows = db.execute(QUERY, (pattern, run, run))
    for _, chunks in itertools.groupby(rows, key=lambda row: row[0]):
        chunks = list(chunks)
        _, fqn, number, dtype, shape, first, _ = chunks[0]
        yield fqn, number, first, decode(b"".join(row[-1] for row in chunks), dtype, shape)


def main(argv):
    """List the dumps of a recording."""
    if not 1 <= len(argv) <= 2 or argv[0].startswith("-"):
        print("usage: scripts/read_trace.py FILE.db [GLOB]", file=sys.stderr)
        return 2
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        for fqn, number, _, array in arrays(*argv):
            print(f"{number}\t{fqn}\t{array.dtype}\t{','.join(map(str, array.shape))}")
    except sqlite3.Error as error:
        print(f"read_trace.py: {argv[0]}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
