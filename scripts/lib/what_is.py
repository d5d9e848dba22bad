"""What a file seems to be that is not what was asked for, as the program says it (src/core/what_is.c).

First bytes decide, never suffixes: what a download, a clone or a cache leaves behind often has the
right name and another content. The table is include/torchless/what_is.def, which the engine
compiles; what takes more than a look at a table stands here and there alike.
"""

import ast
import collections
import os
import re
import shlex

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "include",
                     "torchless", "what_is.def")
HEAD_BYTES = 512
FOR = ("model", "weights", "json", "recording")  # what was wanted: enum what_for

What = collections.namedtuple("What", "kind name remedy")

_MACRO = re.compile(r'^#define (\w+) +("(?:[^"\\]|\\.)*")', re.MULTILINE)
_LINE = re.compile(r"^(REMEDIES|MAGIC)\((.*)\)$", re.MULTILINE)
_FIELD = re.compile(r'((?:"(?:[^"\\]|\\.)*"\s*)+)|(\w+)')


def _bytes(literals):
    """The bytes of C's string literals, which Python reads alike."""
    raw = re.sub(r"[^\x00-\x7f]", lambda m: "".join(f"\\x{b:02x}" for b in m[0].encode()), literals)
    return b"".join(ast.literal_eval(f"b{one}") for one in re.findall(r'"(?:[^"\\]|\\.)*"', raw))


def _read():
    """({kind: a remedy or None for each of FOR}, [(at, bytes, What)])."""
    with open(TABLE, encoding="utf-8") as file:
        table = file.read()
    words = {"NULL": None} | {name: _bytes(text).decode() for name, text in _MACRO.findall(table)}
    remedies, magics = {}, []
    for macro, line in _LINE.findall(table):
        fields = [_bytes(text) if text else words.get(word, word) for text, word in _FIELD.findall(line)]
        n_texts = 4 if macro == "REMEDIES" else 2
        texts = [one.decode() if isinstance(one, bytes) else one for one in fields[-n_texts:]]
        if macro == "REMEDIES":
            remedies[fields[0]] = texts
        else:
            magics.append((int(fields[0]), fields[1], What(fields[2], *texts)))
    return remedies, magics


REMEDIES, MAGICS = _read()
FETCH_AGAIN = next(what.remedy for _, _, what in MAGICS if what.name.startswith("what a server"))


def _by_magic(head):
    return next((what for at, magic, what in MAGICS if head[at : at + len(magic)] == magic), None)


def _by_zip(head):
    """Told by its first member: PyTorch writes NAME/data.pkl, NumPy NAME.npy."""
    if head[:4] not in (b"PK\3\4", b"PK\5\6"):
        return None
    name = head[30 : 30 + int.from_bytes(head[26:28], "little")] if len(head) >= 30 else b""
    if name.endswith(b".npy"):
        return What("WEIGHTS", "an .npz file of NumPy arrays", None)
    if not name or name.endswith((b"data.pkl", b"/version")):
        return What("TORCH", "a PyTorch file or another zip archive", None)
    return What("ARCHIVE", "a zip archive", None)


def _text(head):
    """What follows the byte order mark and white space."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\n\v\f\r")


def _by_markup(head):
    text = _text(head).lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<!--")):
        return What("NOT_FETCHED", "an HTML page, which a server sent instead of the file", FETCH_AGAIN)
    if _text(head).startswith(b"<?xml"):
        return What("NOT_FETCHED", "XML, as a server says that there is no such file or no access to it",
                    FETCH_AGAIN)
    return None


def _by_safetensors(head):
    if len(head) < 9 or head[8:9] != b"{" or int.from_bytes(head[:8], "little") > 100_000_000:
        return None
    return What("SAFETENSORS", "a safetensors file", None)


def _by_json(head):
    text = _text(head)
    if text.startswith(b'{"error":'):
        return What("NOT_FETCHED", "what a server said instead of the file (an error)", FETCH_AGAIN)
    return What("TEXT_JSON", "JSON text", None) if text[:1] in (b"{", b"[") and text else None


def _by_onnx(head):
    """ModelProto: ir_version, then the producer's name, its version, or the graph."""
    if len(head) < 8 or head[0] != 8 or not 3 <= head[1] <= 20 or head[2] not in b"\x12\x1a\"*2:B":
        return None
    return What("WEIGHTS", "an ONNX model", None)


def _by_zeros(head):
    if len(head) < 64 or head.strip(b"\0"):
        return None
    return What("NOT_FETCHED", "nothing but zeros, as a download that did not finish leaves",
                "fetch the file again")


RECOGNISERS = (_by_magic, _by_zip, _by_markup, _by_safetensors, _by_json, _by_onnx, _by_zeros)


def filled_in(remedy, path):
    """The remedy with the words that stand for names in its commands filled in."""
    stem, ending = os.path.splitext(path)
    names = {"FILE": path, "FOLDER": os.path.dirname(path) or ".", "OUTPUT": stem if ending else f"{path}-hf"}
    return re.sub(r"(?<= )(FILE|FOLDER|OUTPUT)(?=[ `])", lambda word: shlex.quote(names[word[1]]), remedy)


def stranger(path, head, wanted, own=()):
    """The sentence that PATH is something else than WANTED, one of FOR; None: nothing is recognised.

    HEAD is its first HEAD_BYTES bytes. Kinds in OWN are no strangers: their reader tells more.
    """
    if not head:
        what = "a recording" if wanted == "recording" else "a file of a model"
        return f"{path}: is empty, 0 bytes, too short for {what}: a download that failed leaves such a file"
    what = next(filter(None, (recognise(head) for recognise in RECOGNISERS)), None)
    if what is None or what.kind in own:
        return None
    remedy = what.remedy or REMEDIES[what.kind][FOR.index(wanted)]
    return f"{path}: is {what.name}: {filled_in(remedy, path)}" if remedy else None
