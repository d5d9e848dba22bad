"""Regular expressions: how torchless splits and replaces by them, against the tokenizers library, which asks Oniguruma.

expressions/KIND.txt has one a line, each tried on every text: what tokenizers publish, and what Oniguruma reads otherwise
than other engines, PCRE2, Python, or one's memory. Those of every-character.txt are tried on all of Unicode.

The vocabulary has every piece of the texts up to PIECE bytes as one token, and every pair of neighbours merges: where a
text is split shows in its ids.
"""

import functools
import json
import os
import tempfile
import threading

from common import ROOT, Refusal, answer_of, ask, each, ids_of, judge, need, tokenizer_json, write_files

tokenizers = need("tokenizers", kind="reference")
from tokenizers import normalizers, pre_tokenizers  # noqa: E402

FOLDER = ROOT / "tests/others/expressions"
EVERY = "every-character"
TEXTS = [
    "Hello world", "hallo  HELLO\nllll\n", "a aa aaa aaaaaa b abab abc aab", "", "\n\na\r\n\r\nb\n", " \t x\u00a0y\u3000z  ",
    "Straße STRASSE ẞ ſs ßß", "ﬁ fi FI ﬆ st ſt", "K k K İ i ı I i̇ é É é", "日本語 2024-01-02 12345",
    "foo(a(b)c)d [x] {2} l{,2} l{a}", "don't we'LL I'M 'S", "a_b-c.d|e\\f/g `h' <i>", "/* l o */ l */ # two",
    "👋🏽👩‍👩‍👧🇫🇷 ☃️ ½Ⅷ٣", "Ωσς Жж ǆǅǄ ŉ µμ æ Æ", "bcd ad xd llo lllo lo", "\x01\x07\x1b\x00\x7f~AFaf09",
]
# What is assigned, and a little more; surrogates are no characters.
CHARACTERS = [*range(0xD800), *range(0xE000, 0x32400), *range(0xE0000, 0xE0200)]
PIECE = 6


@functools.cache
def model():
    """The BPE model of the texts."""
    symbol = tokenizer_json.byte_symbols()
    spelled = ["".join(symbol[byte] for byte in text.encode()) for text in TEXTS]
    pieces = {text[i:i + n] for text in spelled for n in range(2, PIECE + 1) for i in range(len(text) - n + 1)}
    ordered = sorted(pieces, key=lambda piece: (len(piece), piece))
    merges = [f"{piece[:i]} {piece[i:]}" for piece in ordered for i in range(1, len(piece))]
    vocab = {piece: number for number, piece in enumerate([*sorted(symbol.values()), *ordered])}
    return {"type": "BPE", "vocab": vocab, "merges": merges}


LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


def split(behavior, expression):
    """How tokenizer.json says that text is split by it, and the library's object for the same."""
    rule = {"type": "Split", "pattern": {"Regex": expression}, "behavior": behavior, "invert": False}
    return ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [rule, LEVEL]}},
            lambda: pre_tokenizers.Split(tokenizers.Regex(expression), behavior.lower()))


def replace(expression):
    """The same for text in which it is replaced."""
    rule = {"type": "Replace", "pattern": {"Regex": expression}, "content": "_"}
    return ({"normalizer": rule, "pre_tokenizer": LEVEL}, lambda: normalizers.Replace(tokenizers.Regex(expression), "_"))


WAYS = {"isolated": functools.partial(split, "Isolated"), "removed": functools.partial(split, "Removed"), "replaced": replace}
# The library breaks off where it is to replace what is empty: expressions of other kinds are not tried.
REPLACED = ("published", "case", "sets", "properties")


def document(stages):
    """A tokenizer.json as bytes."""
    rest = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "post_processor": None,
            "decoder": {**LEVEL, "use_regex": True}}
    return json.dumps({**rest, **stages, "model": model()}, ensure_ascii=False).encode()


threads = threading.local()


def library():
    """The library's tokenizer, one a thread, whose stages are exchanged."""
    if not hasattr(threads, "library"):
        threads.library = tokenizers.Tokenizer.from_str(document({}).decode())
    return threads.library


def reference(way, make):
    """The library's ids of every text."""
    level, stage = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False), make()
    library().normalizer = stage if way == "replaced" else normalizers.Sequence([])
    library().pre_tokenizer = level if way == "replaced" else pre_tokenizers.Sequence([stage, level])
    return [library().encode(text).ids for text in TEXTS]


def compare_expression(program, item):
    """The Results of an expression in every way of using it."""
    family, expression = item
    lines = "".join(json.dumps(text) + "\n" for text in TEXTS).encode()
    found = []
    for way, stages in WAYS.items():
        if way == "replaced" and family not in REPLACED:
            continue
        fields, make = stages(expression)
        with tempfile.TemporaryDirectory() as directory:
            write_files(directory, {"tokenizer.json": document(fields)})
            out = ids_of(ask(program, "tokenize", "-m", directory, "--jsonl", stdin=lines))
        found.append(result(family, f"{expression}, {way}", answer_of(reference, way, make), out))
    return found


def result(family, what, want, found):
    """One Result, with the first text that differs."""
    if isinstance(want, Refusal) or not isinstance(found, list) or want == found:
        return judge(family, what, want, found)
    i = next(i for i, ids in enumerate(want) if ids != found[i])
    n = sum(a != b for a, b in zip(want, found))
    return judge(family, f"{what}: {n} texts, first {TEXTS[i]!r}", spelled(want[i]), spelled(found[i]))


def spelled(ids):
    """Ids as their pieces, for people."""
    pieces = {number: piece for piece, number in model()["vocab"].items()}
    return " ".join(pieces.get(number, f"<{number}>") for number in ids)


def removed_characters(program, expression, texts):
    """What torchless leaves of the texts, in which the expression's matches are removed."""
    symbols = tokenizer_json.byte_symbols()
    bytes_alone = {"type": "BPE", "vocab": {symbol: byte for byte, symbol in symbols.items()}, "merges": []}
    lines = "".join(json.dumps(text) + "\n" for text in texts).encode()
    with tempfile.TemporaryDirectory() as directory:
        write_files(directory, {"tokenizer.json": {"model": bytes_alone, **split("Removed", expression)[0]}})
        found = ask(program, "tokenize", "-m", directory, "--jsonl", stdin=lines)
    return [bytes(ids).decode() for ids in ids_of(found)] if isinstance(found, bytes) else found


def compare_class(program, expression):
    """The Result of one expression on every character."""
    texts = ["".join(map(chr, CHARACTERS[i:i + 256])) for i in range(0, len(CHARACTERS), 256)]
    found = removed_characters(program, expression, texts)
    stage = split("Removed", expression)[1]()
    want = ["".join(piece for piece, _ in stage.pre_tokenize_str(text)) for text in texts]
    if not isinstance(found, list):
        return judge(EVERY, expression, want[0], found)
    differ = [f"U+{ord(char):04X}" for text, a, b in zip(texts, want, found) for char in text if (char in a) != (char in b)]
    return judge(EVERY, f"{expression}: {' '.join(differ[:20])}", 0, len(differ))


def expressions(kind):
    """Those of a file."""
    return (FOLDER / f"{kind}.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")


def results(program):
    """Every Result of the corpus."""
    yield from each(functools.partial(compare_class, os.fspath(program)), expressions(EVERY))
    kinds = [path.stem for path in sorted(FOLDER.glob("*.txt")) if path.stem != EVERY]
    items = [(kind, expression) for kind in kinds for expression in expressions(kind)]
    assert len(items) >= 120, f"{FOLDER} has {len(items)} expressions"
    for found in each(functools.partial(compare_expression, os.fspath(program)), items):
        yield from found
