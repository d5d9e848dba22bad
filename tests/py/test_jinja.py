#!/usr/bin/env python3
"""Does torchless print what jinja2 prints, as transformers sets it up?

First the table of tests/data/jinja.json, which unit/test_jinja holds torchless to, is held against
jinja2.  Then templates that are made at random (jinja_grammar.py) go through both: where torchless
prints something, it is what jinja2 prints.  It may refuse what jinja2 can do, but not often.
JINJA_CASES says how many, JINJA_SEED where they begin.  Run with .venv/bin/python; needs ./torchless.
"""

import datetime
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import warnings

import jinja2
from jinja2 import nodes
from jinja2.exceptions import TemplateError
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))
from jinja_grammar import Grammar  # noqa: E402

TORCHLESS = os.environ.get("TORCHLESS", str(ROOT / "torchless"))
TABLE = json.loads((ROOT / "tests/data/jinja.json").read_text(encoding="utf-8"))
CASES, SEED = int(os.environ.get("JINJA_CASES", "300")), int(os.environ.get("JINJA_SEED", "1"))


class Generation(Extension):
    """{% generation %}, which marks the assistant's part and prints it."""

    tags = {"generation"}

    def parse(self, parser):
        """The block as a call of what prints its body."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_print"), [], [], body).set_lineno(line)

    @staticmethod
    def _print(caller):
        return caller()


def raise_exception(message):
    """As transformers defines it."""
    raise TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    """As transformers defines it."""
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


environment = ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols"])
environment.filters["tojson"] = tojson
environment.globals["raise_exception"] = raise_exception
# Later versions of transformers have it, in these words.
environment.globals["strftime_now"] = lambda format: datetime.datetime.now().strftime(format)


def by_jinja2(template, variables):
    """What it prints, None when it fails."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return environment.from_string(template).render(**variables)
    except Exception:  # whatever Python raises
        return None


class Model:
    """A folder with a tokenizer whose template can be anything."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="torchless-jinja-"))
        for name in ("config.json", "tokenizer.json"):
            shutil.copy(ROOT / "lessons/model" / name, self.folder)

    def render(self, template, message, system):
        """What torchless prints, or its sentence."""
        config = {"bos_token": "<s>", "eos_token": "</s>", "chat_template": template}
        (self.folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
        done = subprocess.run(
            [TORCHLESS, "tokenize", "-m", self.folder, "--chat", "--text", "--system", system, message],
            capture_output=True, check=False)
        if done.returncode == 0:
            return done.stdout.decode(), None
        if done.returncode != 2:
            raise AssertionError(f"status {done.returncode} for {template!r}: {done.stderr}")
        return None, done.stderr.decode()

    def close(self):
        """Remove the folder."""
        shutil.rmtree(self.folder)


class TestTable(unittest.TestCase):
    """The table says what jinja2 says."""

    def test_prints(self):
        """The left prints the right."""
        for template, expected in TABLE["prints"]:
            self.assertEqual(by_jinja2(template, TABLE["variables"]), expected, template)


class TestRandom(unittest.TestCase):
    """Templates that nobody wrote."""

    def test_same(self):
        """Both print the same, or torchless says why not."""
        message, system = " Hi there\n", "Be brief."
        # The variables of the grammar, said by the template itself.
        given = {k: v for k, v in TABLE["variables"].items() if k not in ("messages", "bos_token")}
        begin = "".join(f"{{%- set {name} = {value!r} -%}}" for name, value in given.items())
        variables = {"messages": [{"role": "system", "content": system}, {"role": "user", "content": message}],
                     "tools": None, "documents": None, "add_generation_prompt": True,
                     "bos_token": "<s>", "eos_token": "</s>"}
        model, printed, refused = Model(), 0, []
        for seed in range(SEED, SEED + CASES):
            template = begin + Grammar(random.Random(seed)).template(seed % 2)
            expected = by_jinja2(template, variables)
            if expected is None or re.search(" at 0x", expected):
                continue
            found, sentence = model.render(template, message, system)
            if found is None:
                self.assertRegex(sentence, r"^torchless: .*tokenizer_config.json.*, line \d+, column \d+: ")
                refused.append(sentence)
                continue
            self.assertEqual(found, expected, f"seed {seed}: {template!r}")
            printed += 1
        model.close()
        self.assertGreater(printed, CASES // 5)
        self.assertLess(len(refused), CASES // 10, "\n".join(refused))


if __name__ == "__main__":
    unittest.main()
