"""What scripts write: names from files, arguments and recordings that no terminal obeys.

guard() puts a gate before stderr and a terminal, so that whatever is printed there, by whomever (argparse
and other people's libraries too), holds neither control characters nor what turns the direction of text
around: messages are read by people, often out of the log of a pipe. The same characters count as in
src/core/utf8.c. A stdout that is no terminal gets what was written. Reports for people are broken at words
on a terminal (wrap) and are ASCII where there is no UTF-8 (shown), as those of the program are.
"""

import io
import os
import re
import shutil
import sys
import textwrap

# C0, DEL, C1, the marks of bidirectional text, separators of lines, and bytes that were no UTF-8.
_OBEYED = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_LIMIT = 1000  # characters of a sentence, as in err.h
_SHORT = {"\n": r"\n", "\t": r"\t", "\r": r"\r"}


def _escaped(match):
    character = match[0]
    number = ord(character)
    if 0xDC80 <= number < 0xDD00:  # how Python keeps a byte that is no UTF-8
        number -= 0xDC00
    form = rf"\x{number:02x}" if number < 0x100 else rf"\u{number:04x}"
    return _SHORT.get(character, form)


def harmless(text, keep=""):
    """TEXT with every character escaped that a terminal obeys, but those in KEEP."""
    return _OBEYED.sub(lambda match: match[0] if match[0] in keep else _escaped(match), str(text))


def sentence(text):
    """One line of bounded length for an error."""
    text = harmless(text)
    return text if len(text) <= _LIMIT else text[: _LIMIT - 3] + "..."


def brief(value):
    """A few words for a value out of a file, whatever it is: nothing in it is called, hashed or walked through."""
    if value is None or type(value) in (bool, float):
        return str(value)
    if type(value) is int:
        return str(value) if value.bit_length() <= 64 else f"a number of {value.bit_length()} bits"
    if type(value) is str:
        return f"'{value[:40]}'" + ("..." if len(value) > 40 else "")
    if type(value) in (list, tuple):
        if len(value) <= 8 and all(type(item) in (int, str) for item in value):
            return f"[{', '.join(map(brief, value))}]"
        return f"a list of {len(value)}"
    return "an object" if isinstance(value, dict) else f"a {type(value).__name__}"


_ASCII = str.maketrans({"\u2013": "-", "\u2014": "--", "\u2026": "..", "\u2192": "->", "\u00b1": "+-", "\u00b7": "-"})


def columns(stream=None):
    """Columns of the terminal that a stream (stdout) is; 0 when it is none."""
    return shutil.get_terminal_size().columns if (stream or sys.stdout).isatty() else 0


def _has_utf8():
    """As src/ui/ui.c asks: by the first of these variables that is set."""
    name = next((os.environ[v] for v in ("LC_ALL", "LC_CTYPE", "LANG") if os.environ.get(v)), "")
    return name.partition(".")[2].lower().startswith(("utf-8", "utf8"))


def wrap(line, width):
    """A line of text, broken between words where it is wider; 0: nowhere."""
    if not width or len(line) <= width:
        return line
    return textwrap.fill(line, width, subsequent_indent="  ", break_long_words=False,
                         break_on_hyphens=False)


def shown(text):
    """TEXT as people are shown it: ASCII where there is no UTF-8."""
    if _has_utf8():
        return text
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode()


class _Gate(io.TextIOWrapper):
    """A text stream that people read."""

    def write(self, text):
        super().write(shown(harmless(text, keep="\n\t")))
        return len(text)

    def draw(self, text):
        """Write TEXT of our own, sequences included."""
        super().write(text)


def guard():
    """Put the gate before stderr, and before stdout where it is a terminal."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if type(stream) is io.TextIOWrapper and (name == "stderr" or stream.isatty()):
            stream.flush()
            setattr(sys, name, _Gate(
                stream.buffer, encoding=stream.encoding, errors="backslashreplace",
                line_buffering=stream.line_buffering, write_through=stream.write_through,
            ))
