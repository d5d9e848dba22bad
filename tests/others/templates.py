"""Chat templates: every file of templates/ against transformers' own Jinja environment.

FAMILY-what.jinja is one model's template; STEM.NAME.jinja are the named templates of one model. In turn a template lies in
tokenizer_config.json, alone or as the one called "default", or in chat_template.jinja beside it.
"""

import datetime
import functools
import itertools
import os
import re
import tempfile

from common import ROOT, answer_of, ask, each, judge, need, write_files

need("transformers", "jinja2", kind="reference")
from transformers import AutoTokenizer, PreTrainedTokenizerBase  # noqa: E402

FOLDER = ROOT / "tests/others/templates"
TEXTS = [
    "Hi",
    "  How do I say \"it's\"\nin 日本語 – ça va? 👋  ",
    "<think>\nwell\n</think>\n\nHello <|im_end|> [/INST] {{ 7 * 7 }} {% raw %} \\n & <b>",
    "one\r\ntwo\n\n\tthree\n",
    "\u00a0\u3000ends in odd blanks\u2028\x1f",
    "",
]
SYSTEMS = [None, "You are terse.", " Ünïcode \"quotes\"\nand lines /no_think\n\n"]
# Families of several templates; "language" are no models, but what Jinja is made of.
LARGE = ("alpaca chatml command deepseek falcon gemma glm granite hermes internlm language llama mistral olmo openchat phi "
         "qwen smollm stablelm vicuna").split()
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "</s>"}


def families():
    """{name: {template's name or '': bytes}} of every model's templates."""
    models = {}
    for path in sorted(FOLDER.glob("*.jinja")):
        stem = path.name.removesuffix(".jinja")
        named = re.fullmatch(r"(.*)\.([a-z_]+)", stem)
        model, name = (named[1], named[2]) if named else (stem, "")
        models.setdefault(model, {})[name] = path.read_bytes()
    return models


def family_of(model):
    """The word that a model's name begins with, without its version; those of one model go together."""
    word = re.match("[a-z]+", model)[0]
    return word if word in LARGE else "others"


def compile_template(_tokenizer, text):
    """transformers' environment, and what later versions than that of the project add to it."""
    environment = original(_tokenizer, "").environment
    environment.add_extension("jinja2.ext.loopcontrols")
    environment.globals["strftime_now"] = lambda form: datetime.datetime.now().strftime(form)
    return environment.from_string(text)


original = PreTrainedTokenizerBase._compile_jinja_template
PreTrainedTokenizerBase._compile_jinja_template = functools.lru_cache(compile_template)


def model_files(templates, turn):
    """The files of a model, and whether transformers finds the template in them by itself."""
    config = {"tokenizer_class": "PreTrainedTokenizerFast", **SPECIAL}
    files = {"tokenizer.json": (ROOT / "lessons/model/tokenizer.json").read_bytes(), "tokenizer_config.json": config}
    if "" not in templates:
        config["chat_template"] = [{"name": name, "template": text.decode()} for name, text in templates.items()]
    elif turn % 3 == 0:
        config["chat_template"] = templates[""].decode()
    elif turn % 3 == 1:
        config["chat_template"] = [{"name": "rag", "template": "no"}, {"name": "default", "template": templates[""].decode()}]
    else:
        config["chat_template"] = "this one does not count"
        files["chat_template.jinja"] = templates[""]
    return files, "chat_template.jinja" not in files


def expected(tokenizer, template, system, text):
    """What transformers makes of a conversation, as bytes."""
    messages = [{"role": "system", "content": system}] if system is not None else []
    messages.append({"role": "user", "content": text})
    return tokenizer.apply_chat_template(
        messages, chat_template=template, tokenize=False, add_generation_prompt=True).encode()


def compare_one(program, family, what, directory, tokenizer, template, system, text):
    """The Result of one conversation."""
    arguments = ["tokenize", "-m", directory, "--chat", "--text"]
    arguments += ["--system", system] if system is not None else []
    found = ask(program, *arguments, "--", text)
    want = answer_of(expected, tokenizer, template, system, text)
    result = judge(family, f"{what}, system {system!r}, text {text!r}", want, found)
    if result.outcome == "different":  # midnight may have passed
        again = answer_of(expected, tokenizer, template, system, text)
        result = judge(family, result.why.split("\n")[0], again, found)
    return result


def compare_model(program, turn, model, templates):
    """The Results of a model's template: every text with every system message."""
    files, finds_it = model_files(templates, turn)
    with tempfile.TemporaryDirectory() as directory:
        write_files(directory, files)
        tokenizer = AutoTokenizer.from_pretrained(directory)
        template = None if finds_it else templates[""].decode()
        ask_it = functools.partial(compare_one, program, family_of(model), model, directory, tokenizer, template)
        return list(itertools.starmap(ask_it, itertools.product(SYSTEMS, TEXTS)))


def results(program):
    """Every Result of the corpus."""
    models = families()
    assert len(models) >= 60, f"{FOLDER} has {len(models)} templates"
    numbered = [(turn, *item) for turn, item in enumerate(models.items())]
    for part in each(lambda item: compare_model(os.fspath(program), *item), numbered):
        yield from part
