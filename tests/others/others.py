#!/usr/bin/env python3
"""others.py -- other people's files, held against the libraries that they were made with.

    make others [OTHERS_ONLY=templates|configurations|regexes] [OTHERS_VERBOSE=1]
    make others OTHERS_WRITE=docs/tokenizers.md     the table, between its marks (only when nothing differs)

Chat templates against jinja2 as transformers sets it up, tokenizer configurations against AutoTokenizer, regular expressions
against the tokenizers library. What is expected is asked of them each time and stored nowhere. Exit status: 0 nothing
differs, 1 something does, 3 something is missing.
"""

import argparse
import collections
import importlib
import importlib.metadata
import pathlib
import time

from common import DIFFERENT, EQUAL, REFUSED, ROOT
from lib.files import BadInput, run_main, staged_file

BEGIN, END = "<!-- others:begin -->\n", "<!-- others:end -->\n"
PARTS = {"templates": "chat templates", "configurations": "tokenizer configurations", "regexes": "regular expressions"}
OUTCOMES = (EQUAL, REFUSED, DIFFERENT)
SHOWN = 3  # differences of a family


def compare(part, program, verbose):
    """{family: counts of outcomes} of a part; what differs is printed as it is found."""
    table = collections.defaultdict(collections.Counter)
    for family, outcome, why in importlib.import_module(part).results(program):
        table[family][outcome] += 1
        if verbose or (outcome == DIFFERENT and table[family][outcome] <= SHOWN):
            print(f"{outcome}: {why}", flush=True)
    return table


def lines_of(tables):
    """The counts as a table in Markdown, and what they were counted with."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("transformers", "jinja2", "tokenizers")]
    yield f"With {', '.join(versions)}:"
    yield ""
    yield f"| kind | family | cases | {' | '.join(OUTCOMES)} |"
    yield "|---|---|" + "---:|" * (1 + len(OUTCOMES))
    for part, table in tables.items():
        for family, counts in sorted(table.items()):
            yield row(PARTS[part], family, counts)
    yield row("all of them", "", sum((sum(table.values(), collections.Counter()) for table in tables.values()), collections.Counter()))


def row(kind, family, counts):
    """One line of the table."""
    numbers = " | ".join(f"{counts[outcome]:,}" for outcome in OUTCOMES)
    return f"| {kind} | {family} | {sum(counts.values()):,} | {numbers} |"


def write(path, lines):
    """Put the table between its marks in a document."""
    text = pathlib.Path(path).read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise BadInput(f"{path}: there are no lines {BEGIN.strip()} and {END.strip()}")
    head, rest = text.split(BEGIN)
    with staged_file(path) as file:
        file.write((head + BEGIN + "\n".join(lines) + "\n" + END + rest.split(END)[1]).encode())


def main(argv):
    """Compare and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torchless", default=ROOT / "torchless", metavar="PROGRAM")
    parser.add_argument("--only", choices=PARTS, metavar="PART", help="one of " + ", ".join(PARTS))
    parser.add_argument("--write", metavar="FILE", help="put the table into this document")
    parser.add_argument("-v", "--verbose", action="store_true", help="show every case")
    options = parser.parse_args(argv)
    if options.write and options.only:
        raise BadInput("--write needs every part: leave --only away")
    begun = time.monotonic()
    program = pathlib.Path(options.torchless).resolve()
    tables = {part: compare(part, program, options.verbose) for part in PARTS if options.only in (None, part)}
    lines = list(lines_of(tables))
    print("\n".join(lines))
    n_different = sum(counts[DIFFERENT] for table in tables.values() for counts in table.values())
    print(f"{n_different} differences, {time.monotonic() - begun:.0f} s")
    if options.write and not n_different:
        write(options.write, lines)
    return 1 if n_different else 0


if __name__ == "__main__":
    run_main(main)
