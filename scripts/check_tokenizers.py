#!/usr/bin/env python3
"""Holds torchless' tokenizer against the `tokenizers` library, id for id.

    scripts/check_tokenizers.py                            everything, some minutes
    scripts/check_tokenizers.py --quick                    every tokenizer on a part of the texts
    scripts/check_tokenizers.py --write docs/tokenizers.md (only when nothing differs)

Texts: every verse of the King James text, Python's and Perl's documentation line by line, strings
made to be difficult, and every character of Unicode. Tokenizers: that of lessons/model, the real
ones in models/, and others derived from them that use what these do not. Exit status: 0 no difference, 1 differences,
3 something is missing.
"""

import argparse
import ast
import collections
import copy
import glob
import gzip
import json
import os
import random
import subprocess
import sys
import sysconfig
import tempfile
import time

from lib import tokenizer_json
from lib.checkpoint import read_json
from lib.files import ROOT, BadInput, EnvironmentProblem, need, run_main, staged_file

tokenizers = need("tokenizers", kind="reference")

N_GENERATED = 3000
QUICK = 25  # one line of so many
SAMPLE = 10
DECODE_CHUNK = 15000  # ids that fit on a command line
DECODE_IDS = 200000  # of each text, at most
SHOWN = 5

# name, document (tokenizer.json), True when it is compared on whole texts
Subject = collections.namedtuple("Subject", "name document main")
Row = collections.namedtuple("Row", "name text strings tokens wrong badly_decoded ours_s library_s")


# ---- texts ----


def king_james():
    """Every verse, without its reference."""
    try:
        out = subprocess.run(
            ["bible", "-f", "gen1:1-rev22:21"], capture_output=True, text=True, check=True
        ).stdout
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise EnvironmentProblem(f"the King James text: install bible-kjv ({error})") from None
    verses = [line.split(" ", 1)[1] for line in out.splitlines() if " " in line]
    if len(verses) < 31000:
        raise EnvironmentProblem(f"bible printed {len(verses)} verses; 31,102 are expected")
    return verses


def docstrings(path):
    """Every documentation string of a Python file, line by line."""
    try:
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
    except (SyntaxError, UnicodeDecodeError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            yield from (ast.get_docstring(node, clean=False) or "").splitlines()


def python_documentation():
    """The language reference that `help()` prints, and the standard library's docstrings."""
    from pydoc_data.topics import topics

    lines = [line for text in topics.values() for line in text.splitlines()]
    for path in sorted(glob.glob(os.path.join(sysconfig.get_paths()["stdlib"], "*.py"))):
        lines += docstrings(path)
    return lines


def perl_documentation():
    """Every line of perl-doc's pod files."""
    lines = []
    found = glob.glob("/usr/share/perl/5*/pod/**/*.pod", recursive=True)
    for path in sorted(set(map(os.path.realpath, found))):
        with open(path, encoding="utf-8", errors="replace") as file:
            lines += file.read().splitlines()
    for path in sorted(glob.glob("/usr/share/doc/perl/*.pod.gz")):
        with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
            lines += file.read().splitlines()
    if len(lines) < 50000:
        raise EnvironmentProblem("Perl's documentation: install perl-doc")
    return lines


BUILDING_BLOCKS = [
    *" \n\t\r\0\x1b\x1c\x7f\x85\xa0_.,!?-'\"", "  ", "   ", "\r\n", "\n\n\n", " " * 15, " " * 17,
    *"\u1680\u180e\u2003\u2028\u200b\u200c\u200d\u2060\u3000\ufeff\ufffd\ue000\U0010ffff",
    *"aAbzéßſǅʰªƒﬁ", "e\u0301", "the", "Hello", " world", "don't", "'S", "'ll", "'Re", "'ſ", "''s",
    *"1٣²½Ⅷ〇", "12", "123", "1234", "3.14", "日本", "語です", "中文", "한국어", "नमस्ते", "שלום",
    "مرحبا", "Привет", "Ελλάδα", "ไทย", "ქართული", "𝔘𝔫𝔦", "👍", "👍🏽", "👩‍👩‍👧", "🇫🇷", "☃️",
    "▁", "▁▁", "▁a", "Ġ", "Ġthe", "<s>", "</s>", "<unk>", "[INST]", "[/INST]", "<|im_start|>",
    "<|im_end|>", "<|endoftext|>", "<0x0A>", "<0xFF>", "<s", "|>", "[control_8]", "http://x.y/z?q=1",
    "    return x", "{\"k\": [1, 2]}", "+=", "!=", "...", "---", "\\n",
    *(f"<x{number:x}>" for number in range(16)),
]
RUNS = ["a", " ", "\n", "\t", "é", "👍", "ab", "0", "!", "▁", "日", "\0", "<", "<s>", " a"]


def generated():
    """Strings that are difficult on purpose, the same ones every time."""
    rng = random.Random(20240229)
    alphabets = [(0x20, 0x7F), (0, 0x250), (0x370, 0x700), (0x900, 0xE80), (0x2000, 0x2E00),
                 (0x3000, 0xA000), (0xAC00, 0xD7B0), (0xF900, 0x10000), (0x1F000, 0x20000)]
    strings = [block * count for block in RUNS for count in (*range(1, 20), 63, 64, 257)]
    strings += ["", *BUILDING_BLOCKS]
    while len(strings) < N_GENERATED:
        if rng.random() < 0.7:
            parts = [rng.choice(BUILDING_BLOCKS) for _ in range(rng.randint(1, 14))]
        else:
            low, high = rng.choice(alphabets)
            parts = [chr(rng.randrange(low, high)) for _ in range(rng.randint(1, 60))]
        strings.append("".join(parts))
    return strings


def every_character():
    """Every code point alone, doubled, between letters, behind a space and before a digit."""
    def around(code):
        char = chr(code)
        return f"a{char}b {char} {char}{char}1"

    codes = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    return ["\n".join(map(around, codes[i:i + 64])) for i in range(0, len(codes), 64)]


# ---- tokenizers ----


def load(models, name):
    """The tokenizer.json of a directory in models/."""
    path = os.path.join(models, name, "tokenizer.json")
    try:
        return read_json(path)
    except FileNotFoundError:
        raise EnvironmentProblem(f"{path} is missing: run scripts/setup") from None


def with_added_tokens(document):
    """Added tokens with every combination of flags, some inside others and inside words."""
    document = copy.deepcopy(document)
    flags = ("single_word", "lstrip", "rstrip", "normalized")
    contents = [f"<x{number:x}>" for number in range(16)]
    for number, content in enumerate([*contents, "<x1><x2>", "the", " a", "é", "don", "▁▁a"]):
        added = tokenizer_json.added_token(0, content, number % 3 == 0)
        added |= {flag: bool(number >> bit & 1) for bit, flag in enumerate(flags)}
        document["added_tokens"].append(added)
    assign_ids(document)
    return document


def assign_ids(document):
    """Give added tokens the ids that the library gives them."""
    vocab = document["model"]["vocab"]
    free = len(vocab)
    for token in document["added_tokens"]:
        token["id"] = vocab.get(token["content"], free)
        free += token["id"] == free
    document["added_tokens"].sort(key=lambda token: token["id"])


def with_pre_tokenizer(document, stages, **model):
    """The same vocabulary behind other pre-tokenizers."""
    document = copy.deepcopy(document)
    document["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": stages}
    document["model"].update(model)
    return document


def derived(smollm2, mistral):
    """Tokenizers that use what the real ones do not."""
    byte_level = {
        "type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False,
    }

    def split(pattern, behavior="Isolated", invert=False):
        return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}

    llama3, qwen2 = tokenizer_json.LLAMA3_PATTERN, tokenizer_json.QWEN2_PATTERN
    yield "smollm2, Llama 3's split", with_pre_tokenizer(
        smollm2, [split({"Regex": llama3}), byte_level], ignore_merges=True)
    yield "smollm2, Qwen 2's split", with_pre_tokenizer(
        smollm2, [split({"Regex": qwen2}), byte_level])
    for behavior in ("Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"):
        for invert in (False, True):
            yield f"smollm2, {behavior}{', inverted' if invert else ''}", with_pre_tokenizer(
                smollm2, [split({"Regex": r"\s|\p{P}+|\d"}, behavior, invert), byte_level])
    yield "smollm2, literal split, prefix", with_pre_tokenizer(
        smollm2, [split({"String": "an"}, "MergedWithNext"),
                  {"type": "Digits", "individual_digits": False},
                  {**byte_level, "add_prefix_space": True, "use_regex": True}])
    yield "smollm2, added tokens", with_added_tokens(smollm2)
    yield "mistral-v1, added tokens", with_added_tokens(mistral)
    no_fallback = copy.deepcopy(mistral)
    no_fallback["model"]["byte_fallback"] = False
    yield "mistral-v1, unknown fused", no_fallback
    alone = copy.deepcopy(no_fallback)
    alone["model"]["fuse_unk"] = False
    yield "mistral-v1, unknown alone", alone
    regex = copy.deepcopy(mistral)
    regex["normalizer"] = {"type": "Sequence", "normalizers": [
        {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": "▁"},
        {"type": "Replace", "pattern": {"String": "ll"}, "content": "L"},
        {"type": "Prepend", "prepend": "▁"}]}
    yield "mistral-v1, regex normalizer", regex


def subjects(models):
    """What is compared."""
    main = ["mistral-v1", "mistral-v3", "tekken"]
    documents = {name: load(models, os.path.join("tokenizers", name)) for name in main}
    documents["smollm2"] = load(models, "smollm2-135m")
    yield Subject("teaching-model", load(os.path.join(ROOT, "lessons"), "model"), True)
    for name, document in documents.items():
        yield Subject(name, document, True)
    for path in sorted(glob.glob(os.path.join(models, "tokenizers", "mistral-v1-*"))):
        name = os.path.basename(path)
        yield Subject(name, load(models, os.path.join("tokenizers", name)), False)
    for name, document in derived(documents["smollm2"], documents["mistral-v1"]):
        yield Subject(name, document, False)


def library_tokenizer(document):
    """The library's tokenizer; before 0.20 it knows merges as strings only."""
    merges = document["model"]["merges"]
    if merges and isinstance(merges[0], list):
        joined = [" ".join(pair) for pair in merges]
        document = {**document, "model": {**document["model"], "merges": joined}}
    return tokenizers.Tokenizer.from_str(json.dumps(document))


# ---- comparing ----


def torchless(program, arguments, stdin=None):
    """What torchless prints; its own sentence when it fails."""
    done = subprocess.run([program, "tokenize", *arguments], input=stdin, capture_output=True)
    if done.returncode:
        raise BadInput(done.stderr.decode(errors="replace").strip())
    return done.stdout


def chunks_of(id_lists):
    """The ids of whole strings, so that no character is cut, as many as fit on a command line."""
    chunk, total = [], 0
    for ids in id_lists:
        if chunk and len(chunk) + len(ids) > DECODE_CHUNK:
            yield chunk
            total += len(chunk)
            chunk = []
        if total > DECODE_IDS:
            return
        chunk = chunk + ids
    if chunk:
        yield chunk


def decodes_badly(program, directory, library, id_lists):
    """How many stretches of ids decode to another text than the library's."""
    bad = 0
    for chunk in chunks_of(id_lists):
        out = torchless(program, ["-m", directory, "--decode", *map(str, chunk)])
        text = out.removesuffix(b"\n").decode(errors="replace")
        bad += text != library.decode(chunk, skip_special_tokens=False)
    return bad


def compare(program, directory, subject, library, text, strings):
    """One row of the table: every string through both."""
    begin = time.monotonic()
    expected = [library.encode(string).ids for string in strings]
    library_s = time.monotonic() - begin
    lines = "".join(json.dumps(string) + "\n" for string in strings).encode()
    begin = time.monotonic()
    out = torchless(program, ["-m", directory, "--jsonl"], lines)
    ours_s = time.monotonic() - begin
    found = [json.loads(line) for line in out.splitlines()]
    if len(found) != len(strings):
        raise BadInput(f"torchless printed {len(found)} lines for {len(strings)} strings")
    wrong = [i for i, ids in enumerate(found) if ids != expected[i]]
    for i in wrong[:SHOWN]:
        print(f"{subject.name}, {text}: {strings[i]!r}\n  torchless  {found[i]}\n"
              f"  tokenizers {expected[i]}", file=sys.stderr)
    return Row(subject.name, text, len(strings), sum(map(len, expected)), len(wrong),
               decodes_badly(program, directory, library, expected), ours_s, library_s)


def part_of(name, strings, subject, quick):
    """The strings of a text that a tokenizer is compared on."""
    if name == "generated":
        return strings
    if quick and not subject.main:
        return []
    return strings[::QUICK if quick else 1 if subject.main else SAMPLE]


def sum_of(rows):
    """One row for a tokenizer that is not shown text by text."""
    counts = [sum(column) for column in zip(*(row[2:] for row in rows))]
    return Row(rows[0].name, "all of them", *counts)


def compare_subject(options, texts, subject):
    """The rows of one tokenizer."""
    library = library_tokenizer(subject.document)
    with tempfile.TemporaryDirectory() as directory:
        tokenizer_json.write(os.path.join(directory, "tokenizer.json"), subject.document)
        parts = {name: part_of(name, strings, subject, options.quick) for name, strings in texts.items()}
        rows = [compare(options.torchless, directory, subject, library, name, part)
                for name, part in parts.items() if part]
    return rows if subject.main else [sum_of(rows)]


def compare_all(options, texts):
    """Every row, printed as it is made."""
    for subject in subjects(options.models):
        for row in compare_subject(options, texts, subject):
            print(f"{row.name:38} {row.text:15} {row.strings:8,} {row.tokens:11,} {row.wrong:6} "
                  f"{row.badly_decoded:6} {row.ours_s:8.2f} {row.library_s:8.2f}", flush=True)
            yield row


PAGE = """# Tokenizers: the same ids as the `tokenizers` library

Made by

    scripts/check_tokenizers.py --write docs/tokenizers.md

with tokenizers {version}. *different* counts the strings whose ids are not exactly the library's, *decoded*
the stretches of 15,000 ids that decode to another text. Times are seconds: of `torchless tokenize --jsonl` from
start to end, JSON in and out included, and of the library's `encode` alone, called from Python.

| tokenizer | text | strings | tokens | different | decoded | torchless | tokenizers |
|---|---|---:|---:|---:|---:|---:|---:|
{rows}

The texts: every verse of the King James text; Python's language reference and docstrings, line by line; Perl's
documentation, line by line; {generated:,} seeded strings (spaces, control characters, emoji sequences, scripts, the text
of special tokens, long runs, U+0000); every code point of Unicode in five surroundings. Tokenizers named after
another one have its vocabulary and something that it does not use; they see the generated strings and a tenth of the
other texts.

## What lies beside tokenizer.json

A model's ids are those of transformers' `AutoTokenizer` (4.44), which adds to `tokenizer.json`; `tokenize --raw` shows that file
alone. `-v` says what of the files does not count.

- **The class** is the `tokenizer_class` of tokenizer_config.json, else that of config.json, else follows from its `model_type`.
  `LlamaTokenizer`, `CodeLlamaTokenizer`, `GemmaTokenizer`, `CohereTokenizer` and `GPTNeoXTokenizer` put a template of their own, of
  `add_bos_token` and `add_eos_token`, in place of the `post_processor`, whatever that says; for the others it stays.
  `GPT2Tokenizer`, `CodeGenTokenizer` and `GPTNeoXTokenizer` set the `add_prefix_space` of a `ByteLevel`, `BloomTokenizer` and
  `CohereTokenizer` can switch it on. `Qwen2Tokenizer` and `PreTrainedTokenizer` have nothing of that kind. A class that is not known adds
  nothing, with a warning, also where it follows from `model_type`; what the files name is added all the same.
- **Tokens** are added in this order: those of `added_tokens_decoder` by their ids, then special tokens (`bos_token`, `eos_token`,
  `unk_token`, `sep_token`, `pad_token`, `cls_token`, `mask_token`, `additional_special_tokens`; the class's own where the config names
  none). What `tokenizer.json` has keeps its id and may get other flags, what it lacks gets the next id: the number in
  `added_tokens_decoder` only sorts. Models without `added_tokens_decoder` have special_tokens_map.json and added_tokens.json read.
  Such ids may lie beyond the model's `vocab_size`; a prompt that has one is refused by name.
- **`split_special_tokens`** makes the text of special tokens text. **`add_prefix_space`** (or `from_slow`) of a `LlamaTokenizer` has
  transformers convert tokenizer.model; its vocabulary is taken to be that of `tokenizer.json`, and normalizer, pre-tokenizer and decoder
  are those that the conversion makes by `legacy` and `add_prefix_space`. `extra_special_tokens` are of later versions.
- **Left over from a training**: `truncation` and `padding` do not count, as in transformers (the `pad_token` of `padding` is the special
  token, where nothing else names one). `dropout` does not count either, though transformers keeps it: ids would be random.
- **Text** is what the `decoder` of `tokenizer.json` makes of ids. `clean_up_tokenization_spaces`, by which transformers' `decode` takes the
  space before a full stop away, does not count: a stream would have to take back what it has printed.

## Other people's files

Made by

    make others OTHERS_WRITE=docs/tokenizers.md

*Equal* counts the cases in which torchless says what the library says, byte for byte or id for id; *refused alike* those
that both refuse, torchless with one sentence. What is expected is asked of the libraries each time and stored nowhere.

<!-- others:begin -->
{others}<!-- others:end -->

- **Chat templates** are written here after what models publish; *others* are families of one template, *language* is
  what Jinja is made of. Each is asked for one user message, of six texts, without and with two system messages. The
  environment is that of transformers, with `break`, `continue` and `strftime_now`, which later versions have.
- **Tokenizer configurations** are directories with one of the project's two vocabularies: `tokenizer_config.json`,
  `special_tokens_map.json`, `added_tokens.json`, `config.json`, and what is left in `tokenizer.json`, against `AutoTokenizer`;
  *tokenizer.json alone* is `tokenize --raw`. *Texts of the files* are JSON that some read and Python does not. *As a template sees it*
  counts the prompt of a template that prints every special token, as text and as ids.
- **Regular expressions** split the same texts by `Split`, isolated and removed, and replace in them where the library can;
  *every character* counts expressions tried on every character of Unicode.

## Speed

Made by

    make bench-tokenizer BENCHFLAGS="--write docs/tokenizers.md"

which encodes pieces of text by both, one thread each, taking turns, and compares the ids. *New* text neither has seen
before; the same *again*: the library remembers the ids of whole texts that it merges as one, torchless those of words.
Megabytes are of a second of processor time in the median round; the ratio is the median of the rounds', *quarters* say how far they
lie apart.

<!-- tokenizer:begin -->
{speed}<!-- tokenizer:end -->

What makes it fast: words and their ids are remembered (`word_cache.c`), a text of ▁ is cut where no merge can cross
(`metaspace.c`), and expressions are automata (`dfa.h`). Whoever asks for steps gets every one, the long way
(`unit/test_tokenizer_fast` holds both against each other).

## What the library does not define

- **Bytes that are no UTF-8** cannot be given to the library. Here each becomes the token of its byte (byte-level: of
  its symbol) and decodes to the same byte. A regular expression sees the text end where such bytes begin, and a run of
  them is a piece of its own. A byte for which a byte-level vocabulary has no token vanishes with a warning; a Metaspace
  vocabulary with neither byte tokens nor an unknown token refuses.
- **Offsets** are bytes, the library's are characters. A token that begins or ends inside a character says so here; the
  library gives it the whole character. A ▁ that was put before the text has no width. A `ByteLevel` post-processor with
  `trim_offsets` takes the spaces off, as in the library.
- **Decoding** gives bytes: where they are no UTF-8 the library puts U+FFFD, torchless what they are.
- **Regular expressions** are Oniguruma's, which the library uses. Those that PCRE2 is known to share, all published
  patterns among them, run as automata or in its JIT; all others in Oniguruma itself, many times as slow
  ([decision 0026](decisions/0026-two-engines-for-regular-expressions.md)). The library (0.19.1) has Oniguruma 6.9.8, as has
  Debian 12; a newer one on your system may have a newer Unicode. Where Oniguruma gives up on a text (ten million steps
  back in one match, or here, some hundred million in a search) the library panics, and torchless says so in a sentence.
- Every kind of normalizer, pre-tokenizer, post-processor and decoder that is not known is refused: `stages.c` of
  `src/model/tokenizer` lists them.
"""


def kept_table(path, name):
    """What another command wrote between its marks, which stays."""
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as file:
        _, _, rest = file.read().partition(f"<!-- {name}:begin -->\n")
    return rest.partition(f"<!-- {name}:end -->")[0]


def write_page(path, rows):
    """docs/tokenizers.md."""
    lines = [
        f"| {r.name} | {r.text} | {r.strings:,} | {r.tokens:,} | {r.wrong} | {r.badly_decoded} "
        f"| {r.ours_s:.2f} | {r.library_s:.2f} |" for r in rows
    ]
    page = PAGE.format(version=tokenizers.__version__, rows="\n".join(lines), generated=N_GENERATED,
                       others=kept_table(path, "others"), speed=kept_table(path, "tokenizer"))
    with staged_file(path) as file:
        file.write(page.encode())


def main(argv):
    """Parse the command line, compare, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="a part of the long texts")
    parser.add_argument("--write", metavar="FILE", help="write the table here")
    parser.add_argument("--models", default=os.path.join(ROOT, "models"), metavar="DIR")
    parser.add_argument("--torchless", default=os.path.join(ROOT, "torchless"), metavar="PROGRAM")
    options = parser.parse_args(argv)
    if not os.access(options.torchless, os.X_OK):
        raise EnvironmentProblem(f"{options.torchless} is missing: run make")
    texts = {
        "King James": king_james(),
        "Python's": python_documentation(),
        "Perl's": perl_documentation(),
        "generated": generated(),
        "every character": every_character(),
    }
    print(f"{'tokenizer':38} {'text':15} {'strings':>8} {'tokens':>11} {'wrong':>6} {'decode':>6} "
          f"{'ours s':>8} {'lib. s':>8}")
    rows = list(compare_all(options, texts))
    failed = any(row.wrong or row.badly_decoded for row in rows)
    if options.write and not failed:
        write_page(options.write, rows)
    return 1 if failed else 0


if __name__ == "__main__":
    run_main(main)
