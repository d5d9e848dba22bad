"""What the three corpora share: running torchless, and what became of a case."""

import collections
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import warnings

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from lib import tokenizer_json  # noqa: E402
from lib.files import EnvironmentProblem, need  # noqa: E402

warnings.simplefilter("ignore")  # transformers' advice on what later versions of it will do
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

SECONDS = 60  # a run ends in milliseconds: this tells an end from a hang
SENTENCE = re.compile(rb"torchless: [^\n]+\n\Z")

# The outcome of one comparison; `why` is for people, where they differ.
EQUAL, REFUSED, DIFFERENT = "equal", "refused alike", "different"
Result = collections.namedtuple("Result", "family outcome why")


class Refusal:
    """What a reference says instead of an answer."""

    def __init__(self, why):
        self.why = " ".join(str(why).split())[:200]

    def __repr__(self):
        return f"refuses: {self.why}"


def answer_of(function, *arguments):
    """What a reference answers; whatever it raises is a refusal."""
    try:
        return function(*arguments)
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:  # pyo3's PanicException is no Exception
        return Refusal(f"{type(error).__name__}: {error}")


def ask(program, *arguments, stdin=b""):
    """What torchless prints, or a Refusal; anything but status 0, or 2 and one sentence, is a text of its own."""
    try:
        done = subprocess.run([program, *arguments], input=stdin, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return f"does not end in {SECONDS} s"
    if done.returncode == 0:
        return done.stdout
    errors = b"".join(line for line in done.stderr.splitlines(True) if not line.startswith(b"torchless: warning: "))
    if done.returncode == 2 and SENTENCE.match(errors):
        return Refusal(errors.decode(errors="replace"))
    return f"ends with status {done.returncode} and {done.stderr[-300:]!r}"


def judge(family, what, want, found):
    """The Result of a comparison: both say the same, both refuse, or they differ."""
    if isinstance(want, Refusal) and isinstance(found, Refusal):
        return Result(family, REFUSED, f"{what}\n  reference  {want!r}\n  torchless  {found!r}")
    if not isinstance(want, Refusal) and want == found:
        return Result(family, EQUAL, what)
    return Result(family, DIFFERENT, f"{what}\n  reference  {want!r}\n  torchless  {found!r}")


def ids_of(lines):
    """The lists of ids that `tokenize --jsonl` printed."""
    return [json.loads(line) for line in lines.splitlines()] if isinstance(lines, bytes) else lines


def write_files(directory, files):
    """Write the files of a model: text as it is, anything else as JSON."""
    directory = pathlib.Path(directory)
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def each(function, items):
    """FUNCTION of every item, as many at a time as there are CPUs, in their order."""
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        yield from pool.map(function, items)


__all__ = ["ROOT", "EQUAL", "REFUSED", "DIFFERENT", "Result", "Refusal", "EnvironmentProblem", "answer_of", "ask", "each",
           "ids_of", "judge", "need", "tokenizer_json", "write_files"]
