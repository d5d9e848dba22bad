#!/usr/bin/env python3
"""How fast text becomes ids, against the `tokenizers` library, both on one thread.

    make bench-tokenizer                                        a table, some minutes
    make bench-tokenizer BENCHFLAGS="--only mistral-v1 --rounds 5"
    make bench-tokenizer BENCHFLAGS="--write docs/tokenizers.md"

Prose is the King James text, code the C and Python of this repository. Both are cut into pieces; a
round encodes about 250 kB of them, or one that is longer, by the library and by torchless, taking
turns, and gives one ratio. "New" rounds take pieces that neither has seen (words of them it may have);
then the first round's pieces come again: the library keeps the ids of texts that it has seen, which
is how it can be fast on pieces of a Metaspace model. The ids of the first and the last round are
compared. A rate is that of the median round; the ratio is the median of the rounds' ratios, with the
quarters below and above. The library is called through Python with a list of pieces, or with one
after another where that takes it less. Time is the processor's, of the thread.
"""

import argparse
import glob
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))

import check_tokenizers  # noqa: E402
from lib.files import BadInput, EnvironmentProblem, run_main, staged_file  # noqa: E402

BYTES_A_ROUND = 250_000
PIECES = {"64 B": 64, "4 kB": 4096, "2 MB": 2 << 20}
BEGIN, END = "<!-- tokenizer:begin -->\n", "<!-- tokenizer:end -->\n"


# ---- texts ----


def prose():
    """The King James text, verse by verse."""
    return "\n".join(check_tokenizers.king_james())


def code():
    """The C and Python of this repository."""
    paths = [path for folder in ("src", "include", "tests", "scripts") for kind in ("c", "h", "py")
             for path in glob.glob(os.path.join(ROOT, folder, "**", f"*.{kind}"), recursive=True)]
    parts = []
    for path in sorted(paths):
        with open(path, encoding="utf-8", errors="replace") as file:
            parts.append(file.read())
    return "".join(parts)


def cut(text, size):
    """Pieces of about SIZE bytes, cut between characters."""
    data, pieces, at = text.encode(), [], 0
    while at < len(data):
        end = min(at + size, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(data[at:end])
        at = end
    return pieces


def rounds_of(pieces, n):
    """(from, to) of N rounds of about BYTES_A_ROUND, or all pieces at once where one is larger."""
    ranges, begin, size = [], 0, 0
    for i, piece in enumerate(pieces):
        size += len(piece)
        if size >= BYTES_A_ROUND:
            ranges.append((begin, i + 1))
            begin, size = i + 1, 0
    return (ranges or [(0, len(pieces))])[:n]


# ---- the two ----


class Torchless:
    """bench_tokenizer --serve."""

    def __init__(self, program, directory):
        self.child = subprocess.Popen([program, "--serve", directory], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)

    def ask(self, command):
        """The answer to one command."""
        self.child.stdin.write(command + "\n")
        self.child.stdin.flush()
        answer = self.child.stdout.readline()
        if not answer:
            raise BadInput(f"bench_tokenizer ended at {command!r}")
        return int(answer)

    def seconds(self, begin, end):
        """What it takes to encode pieces."""
        return self.ask(f"encode {begin} {end}") / 1e9

    def ids(self, begin, end, path):
        """The ids of each of some pieces."""
        self.ask(f"ids {begin} {end} {path}")
        with open(path, "rb") as file:
            data = file.read()
        lists, at = [], 0
        while at < len(data):
            n, = struct.unpack_from("<I", data, at)
            lists.append(list(struct.unpack_from(f"<{n}i", data, at + 4)))
            at += 4 + 4 * n
        return lists

    def close(self):
        """End it."""
        self.child.stdin.close()
        self.child.wait()


def library_batch(library, texts):
    """Seconds by a list."""
    start = time.thread_time()
    library.encode_batch(texts, add_special_tokens=False)
    return time.thread_time() - start


def library_single(library, texts):
    """Seconds one after another."""
    start = time.thread_time()
    for text in texts:
        library.encode(text, add_special_tokens=False)
    return time.thread_time() - start


# ---- measuring ----


def compare(ours, library, pieces, ranges, path):
    """The ids of all that is measured."""
    for begin, end in {ranges[0], ranges[-1]}:
        texts = [piece.decode() for piece in pieces[begin:end]]
        expected = [one.ids for one in library.encode_batch(texts, add_special_tokens=False)]
        if ours.ids(begin, end, path) != expected:
            raise BadInput("the ids differ from the library's: run make tokenizers")


def summary(name, kind, size, when, samples):
    """One row of (bytes, our seconds, the library's seconds)."""
    ratios = [library / ours for _, ours, library in samples]
    quarters = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else [ratios[0]] * 3
    ours = statistics.median(n / 1e6 / ours for n, ours, _ in samples)
    library = statistics.median(n / 1e6 / library for n, _, library in samples)
    return (name, kind, size, when, f"{ours:.1f}", f"{library:.2f}", f"{statistics.median(ratios):.1f}",
            f"{quarters[0]:.1f}–{quarters[2]:.1f}")


def measure(options, name, library, ours, text, kind, size, directory):
    """The rows of one tokenizer, text and size: new text, and the same again."""
    pieces = cut(text, PIECES[size])
    ranges = rounds_of(pieces, options.rounds)
    file = os.path.join(directory, "pieces")
    with open(file, "wb") as out:
        out.writelines(struct.pack("<I", len(piece)) + piece for piece in pieces)
    ours.ask(f"load {file}")
    texts = {pair: [piece.decode() for piece in pieces[slice(*pair)]] for pair in ranges}
    way, new = library_batch, ranges
    if len(ranges) > 4:
        new = ranges[2:]
        if library_single(library, texts[ranges[0]]) < library_batch(library, texts[ranges[1]]):
            way = library_single

    def sample(pair):
        n_bytes = sum(len(piece) for piece in pieces[slice(*pair)])
        return n_bytes, ours.seconds(*pair), way(library, texts[pair])

    yield summary(name, kind, size, "new", [sample(pair) for pair in new])
    rounds = min(options.rounds, 5 if PIECES[size] > BYTES_A_ROUND else options.rounds)
    yield summary(name, kind, size, "again", [sample(new[0]) for _ in range(rounds)])
    compare(ours, library, pieces, ranges, os.path.join(directory, "ids"))


def rows_of(options):
    """Every row, printed as it is measured."""
    texts = {"prose": prose(), "code": code()}
    for subject in check_tokenizers.subjects(options.models):
        if (subject.name not in options.only) if options.only else not subject.main:
            continue
        for kind, text in texts.items():
            for size in options.pieces:
                library = check_tokenizers.library_tokenizer(subject.document)
                with tempfile.TemporaryDirectory() as directory:
                    check_tokenizers.tokenizer_json.write(
                        os.path.join(directory, "tokenizer.json"), subject.document)
                    ours = Torchless(options.bench, directory)
                    for row in measure(options, subject.name, library, ours, text, kind, size, directory):
                        print("{:34} {:6} {:6} {:6} {:>8} {:>8} {:>6}  {}".format(*row), flush=True)
                        yield row
                    ours.close()


def machine():
    """The processor's name."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return names[0] if names else "unknown"


def write_table(path, rows):
    """Put the table between its marks, which must be there."""
    with open(path, encoding="utf-8") as file:
        before, begin, rest = file.read().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise BadInput(f"{path}: there is no {BEGIN.strip()} … {END.strip()}")
    lines = [f"tokenizers {check_tokenizers.tokenizers.__version__}, {machine()}, one thread each.", "",
             "| tokenizer | text | pieces | text is | torchless MB/s | tokenizers MB/s | ratio | quarters |",
             "|---|---|---|---|---:|---:|---:|---|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    with staged_file(path) as file:
        file.write((before + BEGIN + "\n".join(lines) + "\n" + END + after).encode())


def main(argv):
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", action="append", metavar="NAME", help="this tokenizer (may be given again)")
    parser.add_argument("--pieces", action="append", choices=list(PIECES), help="this size (may be given again)")
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="at most so many (default 9)")
    parser.add_argument("--write", metavar="FILE", help="put the table here, between its marks")
    parser.add_argument("--models", default=os.path.join(ROOT, "models"), metavar="DIR")
    parser.add_argument("--bench", default=os.path.join(ROOT, "build/release/tests/bench/bench_tokenizer"),
                        metavar="PROGRAM")
    options = parser.parse_args(argv)
    options.pieces = options.pieces or list(PIECES)
    if not os.access(options.bench, os.X_OK):
        raise EnvironmentProblem(f"{options.bench} is missing: run make bench-tokenizer")
    print(f"{'tokenizer':34} {'text':6} {'pieces':6} {'is':6} {'ours':>8} {'library':>8} {'ratio':>6}  quarters")
    rows = list(rows_of(options))
    if options.write:
        write_table(options.write, rows)
    return 0


if __name__ == "__main__":
    run_main(main)
