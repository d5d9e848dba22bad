"""Reads the .conf files of a course as src/lesson/conf.c does: sections of `key = "value"`."""
import re

LINE = re.compile(r'\s*(?:(?P<key>[\w.-]+)\s*=\s*)?"(?P<value>(?:[^"\\]|\\.)*)"\s*$')
ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}


def unescaped(value):
    """The text between the quotes, as it is meant."""
    return re.sub(r"\\(.)", lambda m: ESCAPES[m[1]], value)


def read(path):
    """{section: {key: value}}; what stands before the first section has the name ''."""
    sections, section, last = {"": {}}, "", None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("["):
            section = line.strip()[1:-1]
            sections[section] = {}
            continue
        m = LINE.match(line)
        if not m:
            raise ValueError(f"{path}:{number}: neither a section nor a key")
        if m["key"]:
            last = m["key"]
            sections[section][last] = unescaped(m["value"])
        else:
            sections[section][last] += "\n" + unescaped(m["value"])
    return sections
