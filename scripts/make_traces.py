#!/usr/bin/env python3
"""Makes traces/: recordings of Hugging Face that every build is held against, without Python.

    scripts/make_traces.py             all of them, where `make traces` puts them

Each is scripts/record_hf.py's, in float32, of the teaching model or of a small random one that lies
in traces/models. tests/unit/test_traces.c runs the engine on the same tokens, compares every value,
and expects each bug that can be planted to be found at its point in one of them.
"""

import argparse
import contextlib
import io
import os
import shutil
import sqlite3
import sys

from lib.files import ROOT, need, run_main

need("numpy", "torch", "transformers", kind="reference")

import make_checkpoint  # noqa: E402
import record_hf  # noqa: E402

FOLDER = os.path.join(ROOT, "traces")
LIMIT = 4 << 20  # bytes, models and recordings
# Thirteen tokens: more than twice a window of 5; one repeats, token 3 is all zeros in tiny-norm.
LONG = "1 17 3 250 99 31 200 77 17 5 111 300 42"
SHORT = "1 17 3 250 99 17"

# name: what is made of make_checkpoint.py (none: the teaching model), tokens, record_hf.py's options
CASES = {
    "teaching": ((), "1 433 263 701", ("-n", "2")),
    # Passes of six: the second begins behind the window of the first.
    "window": (("--preset", "tiny-norm", "--window", "5", "--layers", "2", "--dtype", "bf16"), LONG,
               ("-n", "3", "--chunk", "6")),
    "big-logits": (("--preset", "big-logits", "--dtype", "bf16"), LONG, ("-n", "1")),
    "llama3-rope": (("--preset", "llama3-rope", "--layers", "2", "--dtype", "f16"), SHORT,
                    ("-n", "2")),
}


def make_portable(path, model):
    """Nothing of the machine it was made on stays in a recording that ships."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE model SET file = ?", (model,))
        db.execute("UPDATE run SET host = NULL, opts = json_remove(opts, '$.argv')")
        db.commit()
        db.execute("VACUUM")


def make(name, folder):
    """One recording, and the model where it has its own."""
    checkpoint, ids, options = CASES[name]
    model, path = os.path.join("lessons", "model"), os.path.join(folder, f"{name}.db")
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        if checkpoint:
            model = os.path.join(folder, "models", name)
            make_checkpoint.main([*checkpoint, "-q", "-o", model])
        record_hf.main(["-j", "1", "-m", model, "-o", path, "--logits", "last",
                        *options, "--prompt-ids", ids])
    make_portable(path, model.replace(folder, "traces"))


def size_of(folder):
    """Bytes of all files."""
    return sum(os.path.getsize(os.path.join(place, file))
               for place, _, files in os.walk(folder) for file in files)


def main(argv):
    """Make them all beside what is there, then take its place."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", metavar="DIR", default=FOLDER)
    folder = os.path.abspath(parser.parse_args(argv).output)
    # Paths are recorded: those from the project's root are the same on every machine.
    os.chdir(ROOT)
    folder = os.path.relpath(folder)
    new = f"{folder}.new"
    shutil.rmtree(new, ignore_errors=True)
    os.makedirs(os.path.join(new, "models"))
    for name in CASES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        make(name, new)
    size = size_of(new)
    if size > LIMIT:
        shutil.rmtree(new)
        sys.exit(f"make_traces: {size} bytes are more than the {LIMIT} that a repository should carry")
    for kept in ("README.md",):
        if os.path.exists(os.path.join(folder, kept)):
            shutil.copy(os.path.join(folder, kept), new)
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(new, folder)
    print(f"{folder}: {len(CASES)} recordings, {size / 1e6:.1f} MB with their models", file=sys.stderr)
    return 0


if __name__ == "__main__":
    run_main(main)
