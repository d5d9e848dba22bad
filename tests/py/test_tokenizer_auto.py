#!/usr/bin/env python3
"""Are the ids that unit/test_tokenizer_auto expects those of transformers' AutoTokenizer?

tests/data/tokenizer_auto.json has, for two small vocabularies, what lies beside tokenizer.json in each
case, the ids of some texts, and the special tokens by name. Here the reference says so again. With --write the
file is made anew from the cases below. Run with .venv/bin/python.
"""

import json
import os
import sys
import tempfile
import unittest
import warnings

os.environ["TOKENIZERS_PARALLELISM"] = "false"
warnings.simplefilter("ignore")

import transformers  # noqa: E402

transformers.logging.set_verbosity_error()

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATA = os.path.join(ROOT, "tests", "data", "tokenizer_auto.json")

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ<>/|_.,'1"
TEXTS = ["Hello world", "", "a<pad>b", " <s>x</s> y", "a <x> b<y>c <z> Foo bar FooFoo", "<bos>q"]
UNDERLINE = "\u2581"
FAST = "PreTrainedTokenizerFast"
LLAMA = "LlamaTokenizerFast"


def token(content, **flags):
    """A token as added_tokens_decoder has it."""
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"content": content} | plain | flags


def added(content, **flags):
    """A token as tokenizer_config.json has it elsewhere."""
    return {"__type": "AddedToken"} | token(content, **flags)


def template(content, at):
    """A post_processor that puts one token before every text."""
    single = [{"SpecialToken": {"id": content, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    return {"type": "TemplateProcessing", "single": single, "pair": single + [{"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {content: {"id": content, "ids": [at], "tokens": [content]}}}


def document(pieces, merges, **parts):
    """A tokenizer.json."""
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
             "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
             "vocab": {piece: at for at, piece in enumerate(pieces)}, "merges": merges}
    whole = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
             "pre_tokenizer": None, "post_processor": None, "decoder": None, "model": model}
    model.update(parts.pop("model", {}))
    return whole | parts


def metaspace():
    """Mistral's kind: spaces become U+2581, what has no piece its bytes."""
    pieces = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)] + [UNDERLINE, *LETTERS]
    pieces += [UNDERLINE + "a", "ll", "oo", "Hell", "He", UNDERLINE + "w"]
    merges = [UNDERLINE + " a", UNDERLINE + " w", "l l", "o o", "H e", "He ll"]
    special = [token(content) | {"id": at} for at, content in enumerate(pieces[:3])]
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": UNDERLINE}
    return document(pieces, merges, added_tokens=special, model={"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True},
                    normalizer={"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": UNDERLINE}, replace]},
                    post_processor=template("<s>", 1))


def byte_level():
    """SmolLM2's kind: a symbol a byte, cut by GPT-2's expression."""
    pieces = ["<|endoftext|>", *LETTERS, "\u0120", "\u0120a", "ll", "\u0120w"]
    special = [token("<|endoftext|>") | {"id": 0}]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return document(pieces, ["\u0120 a", "l l", "\u0120 w"], added_tokens=special, pre_tokenizer=level,
                    post_processor=level, decoder=level)


BASES = {"metaspace": metaspace(), "byte level": byte_level()}
LEVEL = BASES["byte level"]["pre_tokenizer"]
PADDING = {"strategy": {"Fixed": 20}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
           "pad_type_id": 0, "pad_token": "<pad>"}
TRUNCATION = {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}


def config(class_name=LLAMA, **keys):
    """A tokenizer_config.json."""
    return {"tokenizer_class": class_name} | keys


# Name, vocabulary, what the files beside tokenizer.json hold, what of it is otherwise.
CASES = [
    ("Llama's template for none", "metaspace", {"config": config(add_bos_token=True)}, {"post_processor": None}),
    ("no BOS by the config", "metaspace", {"config": config(add_bos_token=False)}, {}),
    ("neither", "metaspace", {"config": config(add_bos_token=False)}, {"post_processor": None}),
    ("null is false", "metaspace", {"config": config(add_bos_token=None)}, {}),
    ("EOS", "metaspace", {"config": config("LlamaTokenizer", add_eos_token=True)}, {}),
    ("other BOS and EOS", "metaspace", {"config": config(bos_token="</s>", eos_token="<s>", add_eos_token=True)}, {}),
    ("a BOS that is new", "metaspace", {"config": config(bos_token="<bos>")}, {}),
    ("an empty BOS", "metaspace", {"config": config(bos_token="")}, {}),
    ("no BOS to add", "metaspace", {"config": config(bos_token=None, add_bos_token=False)}, {}),
    ("a class that adds nothing", "metaspace", {"config": config(FAST, add_bos_token=True, bos_token="<s>")}, {"post_processor": None}),
    ("a template that stays", "metaspace", {"config": config(FAST, add_bos_token=False, bos_token="<s>")}, {}),
    ("added_tokens_decoder", "metaspace", {"config": config(added_tokens_decoder={"326": token("<pad>")})}, {}),
    ("ids go by order", "metaspace", {"config": config(FAST, added_tokens_decoder={
        "900": token("<pad>"), "800": token("<x>", lstrip=True), "850": token("<y>", rstrip=True, special=False)})}, {}),
    ("negative ids", "metaspace", {"config": config(FAST, added_tokens_decoder={"-4": token("<x>"), "-5": token("<y>")})}, {}),
    ("one id twice", "metaspace", {"config": config(FAST, added_tokens_decoder={
        "0900": token("<x>"), "800": token("<z>"), "900": token("<y>")})}, {}),
    ("pad_token, a text", "metaspace", {"config": config(pad_token="<pad>")}, {}),
    ("pad_token with flags", "metaspace", {"config": config(pad_token=added("<pad>", lstrip=True, rstrip=True))}, {}),
    ("a whole word", "metaspace", {"config": config(pad_token=added("Foo", single_word=True))}, {}),
    ("normalized", "metaspace", {"config": config(pad_token=added("Foo", normalized=True))}, {}),
    ("flags left out", "metaspace", {"config": config(pad_token={"__type": "AddedToken", "content": "Foo"})}, {}),
    ("additional_special_tokens", "metaspace", {"config": config(additional_special_tokens=[
        "<x>", "<y>", added("<z>", lstrip=True), "<x>"])}, {}),
    ("all at once", "metaspace", {"config": config(
        pad_token="<pad>", additional_special_tokens=["<x>", "<y>", added("<z>", lstrip=True)], added_tokens_decoder={
            "5": token("<y>", rstrip=True), "900": token("<x>", special=False, normalized=True), "0": token("<unk>"),
            "1": token("<s>", lstrip=True)})}, {}),
    ("a special token stays special", "metaspace", {"config": config(FAST, bos_token="<s>", added_tokens_decoder={
        "1": token("<s>", lstrip=True, special=False, normalized=True)})}, {}),
    ("a piece becomes a token", "metaspace", {"config": config(FAST, additional_special_tokens=["Hell"], added_tokens_decoder={
        "320": token(UNDERLINE + "a", special=False)})}, {}),
    ("one text twice", "metaspace", {"config": config(FAST, bos_token="Foo", added_tokens_decoder={
        "9": token("Foo", lstrip=True, special=False, normalized=True), "3": token("Foo", rstrip=True, special=False)})}, {}),
    ("special_tokens_map.json", "metaspace", {"config": config(), "special_tokens_map": {
        "bos_token": "<bos>", "pad_token": token("<pad>", lstrip=True),
        "additional_special_tokens": ["<x>", token("<y>", rstrip=True)]}}, {}),
    ("both lists", "metaspace", {"config": config(additional_special_tokens=["<x>", added("<z>")]),
                                 "special_tokens_map": {"additional_special_tokens": ["<x>", token("<y>", rstrip=True)]}}, {}),
    ("old files do not count", "metaspace", {
        "config": config(added_tokens_decoder={}), "special_tokens_map": {"bos_token": "<bos>", "pad_token": "<pad>"},
        "added_tokens": {"<z>": 326}}, {}),
    ("added_tokens.json", "metaspace", {"config": config(pad_token="<z>"), "added_tokens": {
        "<z>": 328, "<y>": 327, "<s>": 1, "Foo": 326}}, {}),
    ("added_tokens.json, objects", "metaspace", {
        "config": config("CodeLlamaTokenizerFast", eos_token="Foo", pad_token=added("<z>", normalized=True)),
        "added_tokens": {"<z>": 327, "Foo": 326}}, {}),
    ("added_tokens.json, defaults", "metaspace", {
        "config": config("GemmaTokenizer", additional_special_tokens=["<x>", added("<y>")]),
        "added_tokens": {"<pad>": 328, "<y>": 327, "<x>": 326}}, {}),
    ("added_tokens.json, negative ids", "metaspace", {"config": config(), "added_tokens": {"<z>": 5, "<x>": -1, "<y>": -2}}, {}),
    ("added_tokens.json, one id twice", "metaspace", {"config": config(), "added_tokens": {"<z>": 400, "<x>": 400}}, {}),
    ("code_llama is Llama's", "metaspace", {"model_config": {"model_type": "code_llama"}}, {"post_processor": None}),
    ("Jamba's, too", "metaspace", {"model_config": {"model_type": "jamba"}}, {"post_processor": None}),
    ("no tokenizer_config.json", "metaspace", {"model_config": {"model_type": "mistral"}, "added_tokens": {"<y>": 326},
                                               "special_tokens_map": {"eos_token": "<x>"}}, {"post_processor": None}),
    ("a class in config.json", "metaspace", {"model_config": {"model_type": "llama", "tokenizer_class": FAST}},
     {"post_processor": None}),
    ("padding and truncation", "metaspace", {"config": config(FAST)}, {"padding": PADDING, "truncation": TRUNCATION}),
    ("padding, no pad_token", "metaspace", {"config": config(FAST, pad_token=None)}, {"padding": PADDING}),
    ("Gemma", "metaspace", {"config": config("GemmaTokenizer")}, {"padding": PADDING | {"pad_token": "<x>"}}),
    ("Code Llama", "metaspace", {"config": config("CodeLlamaTokenizer", suffix_token=None, eot_token="<x>",
                                                  additional_special_tokens=["<y>"])}, {}),
    ("special tokens are text", "metaspace", {"config": config(split_special_tokens=True, pad_token="<pad>")}, {}),
    ("keys of later versions", "metaspace", {"config": config(FAST, extra_special_tokens={"image_token": "<x>"})}, {}),
    ("GPT-2 adds no space", "byte level", {"config": config("GPT2Tokenizer")},
     {"pre_tokenizer": LEVEL | {"add_prefix_space": True}}),
    ("GPT-2 adds a space", "byte level", {"config": config("GPT2Tokenizer", add_prefix_space=True)}, {}),
    ("not in a Sequence", "byte level", {"config": config("GPT2Tokenizer", add_prefix_space=True)},
     {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [LEVEL]}}),
    ("but Cohere", "byte level", {"config": config("CohereTokenizerFast", add_prefix_space=True)},
     {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [LEVEL]}}),
    ("GPT-NeoX", "byte level", {"config": config("GPTNeoXTokenizerFast", add_bos_token=True, add_eos_token=True)}, {}),
    ("Qwen 2", "byte level", {"config": config("Qwen2Tokenizer", bos_token="<bos>")}, {}),
    ("Llama 3's way", "byte level", {"config": config(FAST, bos_token="<bos>", eos_token="<|endoftext|>")},
     {"post_processor": None}),
    ("Llama's, by bytes", "byte level", {"config": config(bos_token="<|endoftext|>")}, {}),
]


def merged(base, changes):
    """The tokenizer.json of a case."""
    return BASES[base] | changes


NAMES = {"config": "tokenizer_config.json", "special_tokens_map": "special_tokens_map.json",
         "added_tokens": "added_tokens.json", "model_config": "config.json"}


def answer(base, files, changes):
    """The ids of the texts and the special tokens, by the reference."""
    with tempfile.TemporaryDirectory() as folder:
        for name, value in {"tokenizer.json": merged(base, changes), **{NAMES[key]: value for key, value in files.items()}}.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                json.dump(value, file)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        return [tokenizer(text)["input_ids"] for text in TEXTS], tokenizer.special_tokens_map


def whole():
    """What the file holds."""
    cases = []
    for name, base, files, changes in CASES:
        ids, specials = answer(base, files, changes)
        cases.append({"name": name, "base": base, "files": files, "changes": changes, "ids": ids, "specials": specials})
    return {"texts": TEXTS, "bases": BASES, "cases": cases}


def write(value):
    """One case a line, so that a change shows."""
    with open(DATA, "w", encoding="utf-8") as file:
        file.write('{"texts": ' + json.dumps(value["texts"]) + ',\n"bases": {\n')
        file.write(",\n".join(f"{json.dumps(name)}: {json.dumps(base)}" for name, base in value["bases"].items()))
        file.write('},\n"cases": [\n' + ",\n".join(json.dumps(case) for case in value["cases"]) + "\n]}\n")


class Reference(unittest.TestCase):
    def test_what_is_expected_is_what_the_reference_says(self):
        with open(DATA, encoding="utf-8") as file:
            stored = json.load(file)
        self.assertEqual(stored["bases"], BASES)
        for case, now in zip(stored["cases"], whole()["cases"], strict=True):
            self.assertEqual(case, now, case["name"])


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write(whole())
    else:
        unittest.main()
