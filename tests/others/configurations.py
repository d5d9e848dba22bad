"""Tokenizer configurations: tokenizer_config.json and the files beside it, against AutoTokenizer.

Every case is a model's directory, made of one of the two vocabularies that the project has. What AutoTokenizer makes of it is
compared: the ids of texts, those that tokenizer.json alone gives (`--raw`), and a conversation in a template that prints the
special tokens, as text and as ids.
"""

import copy
import functools
import itertools
import json
import os
import random
import tempfile

from common import ROOT, EnvironmentProblem, Refusal, answer_of, ask, each, ids_of, judge, need, write_files

tokenizers, transformers = need("tokenizers", "transformers", kind="reference")
from transformers import AutoTokenizer  # noqa: E402

N_IDS = 3000  # of SmolLM2
N_COMBINATIONS = 150
SMOLLM2 = ROOT / "models/smollm2-135m/tokenizer.json"
TEXTS = [
    "Hello world",
    "",
    " ",
    "  two  spaces \n",
    'Lily\'s cat (1234) said: "no".',
    "日本 ß👋\r\n",
    "a<s>b</s> c <unk>",
    "a<pad>b <pad> c[PAD]",
    "<new><newer> x<new>y <NEW>",
    "<|im_start|>user\nHi<|im_end|>\n",
    "<|endoftext|>a <mask> [MASK]b <sep>",
    "<bos>x<eos> <BOS_TOKEN> <|END_OF_TURN_TOKEN|>",
    "▁<PRE> <SUF>▁<MID><EOT> Lily",
    "the Lily the",
    "  <new>  a",
]
PROBE = (
    "{{ bos_token }}|{{ eos_token }}|{{ unk_token }}|{{ pad_token }}|{{ sep_token }}|{{ cls_token }}|{{ mask_token }}|"
    "{{ additional_special_tokens }}|{% for m in messages %}{{ m.content }}{% endfor %}"
)
BASE = {"tokenizer_class": "LlamaTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
BYTE_LEVEL = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "unk_token": "<|endoftext|>"}
TRUNCATION = {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}
PADDING = {
    "strategy": {"Fixed": 20},
    "direction": "Left",
    "pad_to_multiple_of": None,
    "pad_id": 2,
    "pad_type_id": 0,
    "pad_token": "</s>",
}
FLAGS = ("lstrip", "rstrip", "single_word", "normalized", "special")


def token(content, *flags):
    """An added token as tokenizer_config.json spells it."""
    return {"content": content, **{flag: flag in flags for flag in FLAGS}}


def added(content, *flags):
    """The same with the mark that older files have."""
    return {"__type": "AddedToken", **token(content, *flags)}


def set_in(document, **fields):
    """tokenizer.json with other values: model__dropout=0.1 goes into "model"."""
    for key, value in fields.items():
        *path, last = key.split("__")
        place = document
        for name in path:
            place = place[name]
        place[last] = value
    return document


@functools.cache
def vocabulary(kind):
    """The text of one of the two tokenizer.json; of SmolLM2's the first ids, so that hundreds of models are made in no time."""
    path = SMOLLM2 if kind == "byte-level" else ROOT / "lessons/model/tokenizer.json"
    if not path.exists():
        raise EnvironmentProblem(f"{path} is missing: run scripts/setup")
    text = path.read_text(encoding="utf-8")
    return json.dumps(shortened(json.loads(text)), ensure_ascii=False) if kind == "byte-level" else text


def shortened(document):
    """tokenizer.json with the first N_IDS of its vocabulary."""
    model = document["model"]
    model["vocab"] = {piece: number for piece, number in model["vocab"].items() if number < N_IDS}
    pairs = [merge if isinstance(merge, list) else merge.split(" ") for merge in model["merges"]]
    model["merges"] = [" ".join(pair) for pair in pairs if {*pair, "".join(pair)} <= model["vocab"].keys()]
    return document


# ---- the cases: family, name, vocabulary, tokenizer_config.json, {field of tokenizer.json: value}, other files ----


def bos_and_eos():
    """Classes with and without a template of their own, over every template that tokenizer.json may have."""
    template = json.loads(vocabulary("metaspace"))["post_processor"]
    both = copy.deepcopy(template)
    both["single"].append({"SpecialToken": {"id": "</s>", "type_id": 0}})
    both["special_tokens"]["</s>"] = {"id": "</s>", "ids": [2], "tokens": ["</s>"]}
    classes = [
        "LlamaTokenizerFast",
        "LlamaTokenizer",
        "PreTrainedTokenizerFast",
        "CodeLlamaTokenizer",
        "GemmaTokenizerFast",
    ]
    keys = [
        {},
        {"add_bos_token": False},
        {"add_bos_token": True, "add_eos_token": True},
        {"add_bos_token": False, "add_eos_token": True},
        {"add_bos_token": None},
    ]
    for name, post, more in itertools.product(classes, ("bos", "none", "both"), keys):
        document = {"post_processor": {"bos": template, "none": None, "both": both}[post]}
        yield "bos and eos", f"{name}, template {post}, {more}", "metaspace", {
            **BASE,
            "tokenizer_class": name,
            **more,
        }, document, {}
    for name, more in itertools.product(
        (
            "LlamaTokenizerFast",
            "PreTrainedTokenizerFast",
            "GPT2TokenizerFast",
            "Qwen2TokenizerFast",
            "CohereTokenizerFast",
            "GPTNeoXTokenizerFast",
        ),
        ({}, {"add_bos_token": True}, {"add_bos_token": True, "add_eos_token": True}),
    ):
        yield "bos and eos", f"{name} over bytes, {more}", "byte-level", {
            **BYTE_LEVEL,
            "tokenizer_class": name,
            **more,
        }, {}, {}


def classes():
    """Which class it is: by tokenizer_config.json, by config.json, or by neither."""
    for kind in (
        "llama",
        "mistral",
        "mixtral",
        "gemma",
        "gemma2",
        "phi3",
        "cohere",
        "gpt2",
        "qwen2",
        "stablelm",
        "gpt_neox",
    ):
        config = {"config.json": {"model_type": kind}}
        yield "classes", f"{kind} over bytes", "byte-level", None, {}, config
        if kind in ("cohere", "gpt2", "qwen2", "stablelm", "gpt_neox"):
            continue
        yield "classes", f"config.json alone, {kind}", "metaspace", None, {"post_processor": None}, config
        yield "classes", f"config.json, {kind}, and a config without a class", "metaspace", {
            "add_bos_token": True
        }, {}, config
    yield "classes", "config.json names the class", "byte-level", {}, {}, {
        "config.json": {"model_type": "llama", "tokenizer_class": "GPT2Tokenizer"}
    }
    yield "classes", "tokenizer_config.json goes before config.json", "metaspace", BASE, {}, {
        "config.json": {"model_type": "gpt2"}
    }
    yield "classes", "special tokens of the class alone", "metaspace", {"tokenizer_class": "LlamaTokenizerFast"}, {
        "post_processor": None
    }, {}
    yield "classes", "no special tokens at all", "metaspace", {"tokenizer_class": "PreTrainedTokenizerFast"}, {}, {}
    yield "classes", "bos is null", "metaspace", {**BASE, "bos_token": None, "add_bos_token": False}, {}, {}
    yield "classes", "bos is null and is to be added", "metaspace", {**BASE, "bos_token": None}, {}, {}
    yield "classes", "bos is another token", "metaspace", {**BASE, "bos_token": "</s>"}, {}, {}
    yield "classes", "bos is a token that is new", "metaspace", {**BASE, "bos_token": "<new>"}, {}, {}
    yield "classes", "bos as an object", "metaspace", {**BASE, "bos_token": added("<s>", "normalized")}, {}, {}


def added_tokens():
    """added_tokens_decoder: new tokens with every flag, known ones with others, ids that cannot be."""
    n = 1328
    for size in range(len(FLAGS) + 1):
        for flags in itertools.combinations(FLAGS, size):
            yield "added tokens", f"a new one, {flags}", "metaspace", {
                **BASE,
                "added_tokens_decoder": {str(n): token("<new>", *flags)},
            }, {}, {}
    decoder = {"0": token("<unk>", "special"), "1": token("<s>", "special"), "2": token("</s>", "special")}
    lists = {
        "the known ones": decoder,
        "known ones, not special": {"0": token("<unk>"), "1": token("<s>"), "2": token("</s>")},
        "known ones that strip": {"1": token("<s>", "lstrip", "rstrip", "special")},
        "two new ones": {str(n): token("<new>", "special"), str(n + 1): token("<newer>")},
        "in another order": {str(n + 1): token("<newer>"), str(n): token("<new>", "special")},
        "ids that are other ones": {"5000": token("<new>", "special"), "4000": token("<newer>", "special")},
        "an id that is taken": {"7": token("<new>", "special")},
        "words of the vocabulary": {"300": token("▁Lily"), "400": token("the", "single_word")},
        "a word that is special": {str(n): token("Lily", "special")},
        "pad": {**decoder, str(n): token("<pad>", "special")},
        "one inside of another": {str(n): token("<new"), str(n + 1): token("<newer>"), str(n + 2): token("new")},
        "an empty text": {str(n): token("", "special"), str(n + 1): token("<new>")},
        "a blank before and after": {str(n): token(" <new> ", "normalized")},
        "special and not in turn": {
            str(n + i): token(t, *(["special"] if i % 2 else []))
            for i, t in enumerate(["<new>", "<pad>", "<newer>", "<sep>"])
        },
    }
    for name, entries in lists.items():
        yield "added tokens", name, "metaspace", {**BASE, "added_tokens_decoder": entries}, {}, {}
        yield "added tokens", f"{name}, PreTrainedTokenizerFast", "metaspace", {
            **BASE,
            "tokenizer_class": "PreTrainedTokenizerFast",
            "added_tokens_decoder": entries,
        }, {}, {}
    yield "added tokens", "over bytes", "byte-level", {
        "tokenizer_class": "GPT2Tokenizer",
        **BYTE_LEVEL,
        "added_tokens_decoder": {
            f"{N_IDS}": token("<new>", "lstrip"),
            f"{N_IDS + 1}": token("<mask>", "rstrip", "special"),
            f"{N_IDS + 2}": token("ß", "normalized"),
        },
    }, {}, {}
    flags = {"pad_token": "<pad>", "added_tokens_decoder": {str(n): token("<pad>", "lstrip", "rstrip", "special")}}
    yield "added tokens", "pad's flags are in the list", "metaspace", {**BASE, **flags}, {}, {}
    yield "added tokens", "pad is new, another is listed", "metaspace", {
        **BASE,
        "pad_token": "<pad>",
        "added_tokens_decoder": {str(n): token("<new>")},
    }, {}, {}


def special_tokens():
    """Special tokens by their keys: known and new, as texts and with flags."""
    keys = {
        "pad is known": {"pad_token": "</s>"},
        "pad is new": {"pad_token": "<pad>"},
        "pad is null": {"pad_token": None},
        "pad with flags": {"pad_token": added("<pad>", "lstrip", "rstrip")},
        "pad with a flag": {"pad_token": added("<pad>", "normalized", "special")},
        "mask strips": {"mask_token": added("<mask>", "lstrip")},
        "all of them": {"sep_token": "<sep>", "cls_token": "<new>", "mask_token": "<mask>", "pad_token": "<pad>"},
        "further ones": {"additional_special_tokens": ["<new>", "<newer>"]},
        "further, known": {"additional_special_tokens": ["</s>", "Lily"]},
        "further, with flags": {"additional_special_tokens": [added("<new>", "lstrip"), "<newer>"]},
        "further, twice": {"additional_special_tokens": ["<new>", "<new>"]},
        "further, none": {"additional_special_tokens": []},
        "further, and pad": {"pad_token": "<pad>", "additional_special_tokens": ["<new>", "<pad>"]},
        "unk is new": {"unk_token": "<new>"},
        "eos is new": {"eos_token": "<new>", "add_eos_token": True},
        "eos is a word": {"eos_token": "the"},
        "a word of the vocabulary": {"additional_special_tokens": ["▁the"]},
        "empty": {"pad_token": ""},
        "keys that are no tokens": {"extra_special_tokens": {"image_token": "<new>"}, "image_token": "<newer>"},
        "Code Llama's": {"prefix_token": "<new>", "tokenizer_class": "CodeLlamaTokenizerFast"},
    }
    for name, more in keys.items():
        yield "special tokens", name, "metaspace", {**BASE, **more}, {}, {}
        if "tokenizer_class" not in more:
            yield "special tokens", f"{name}, over bytes", "byte-level", {
                "tokenizer_class": "PreTrainedTokenizerFast",
                **BYTE_LEVEL,
                **more,
            }, {}, {}


def older_files():
    """special_tokens_map.json and added_tokens.json, alone, beside a config, and beside a config that makes them void."""
    maps = {
        "texts": {
            "bos_token": "<s>",
            "eos_token": "</s>",
            "pad_token": "<pad>",
            "additional_special_tokens": ["<new>"],
        },
        "objects": {
            "bos_token": token("<s>"),
            "pad_token": token("<pad>", "lstrip"),
            "additional_special_tokens": [token("<new>", "rstrip")],
        },
        "other bos": {"bos_token": "</s>"},
    }
    for name, content in maps.items():
        files = {"special_tokens_map.json": content}
        yield "older files", f"special_tokens_map.json, {name}", "metaspace", BASE, {}, files
        yield "older files", f"special_tokens_map.json, {name}, further ones", "metaspace", {
            **BASE,
            "additional_special_tokens": ["<newer>"],
        }, {}, files
        yield "older files", f"special_tokens_map.json, {name}, void", "metaspace", {
            **BASE,
            "added_tokens_decoder": {"1": token("<s>", "special")},
        }, {}, files
        yield "older files", f"special_tokens_map.json, {name}, llama", "metaspace", None, {}, {
            **files,
            "config.json": {"model_type": "llama"},
        }
    counts = {
        "one": {"<new>": 1328},
        "two": {"<newer>": 1329, "<new>": 1328},
        "known": {"<s>": 1, "</s>": 2},
        "other ids": {"<new>": 5000},
        "pad": {"<pad>": 1328},
    }
    for name, content in counts.items():
        files = {"added_tokens.json": content}
        yield "older files", f"added_tokens.json, {name}", "metaspace", BASE, {}, files
        yield "older files", f"added_tokens.json, {name}, pad", "metaspace", {
            **BASE,
            "pad_token": "<pad>",
            "additional_special_tokens": ["<newer>"],
        }, {}, files
        yield "older files", f"added_tokens.json, {name}, void", "metaspace", {
            **BASE,
            "added_tokens_decoder": {},
        }, {}, files
    yield "older files", "both", "metaspace", BASE, {}, {
        "special_tokens_map.json": maps["objects"],
        "added_tokens.json": counts["two"],
    }


def json_texts():
    """Texts of the files that are JSON to some: what Python's module refuses is refused."""
    base = json.dumps(BASE)[:-1]
    texts = {
        "a byte order mark": "\ufeff{}",
        "a leading zero": '{"a": 01}',
        "a leading minus and zero": '{"a": -01}',
        "a tab in a text": '{"a": "\t"}',
        "a vertical tab before": "\v{}",
        "a form feed between": '{"a": 1,\f"b": 2}',
        "a point at the end": '{"a": 1.}',
        "a point at the beginning": '{"a": .5}',
        "a plus": '{"a": +1}',
        "an exponent of nothing": '{"a": 1e}',
        "hexadecimal": '{"a": 0x1}',
        "a comma at the end": '{"a": 1,}',
        "a comment": "/* x */ {}",
        "single quotes": "{'a': 1}",
        "something behind": "{} x",
        "a list": "[]",
        "nothing": "",
        "numbers of all kinds": '{"a": [0, -0, 0.0, -1.5, 1e5, 1E+5, 2e-05, 12, 1e999, NaN, Infinity, -Infinity]}',
        "blanks of all kinds": ' \t\r\n{ \t\r\n"a" \t: \n[ \r] } \n',
        "a key twice": '{"a": 1, "a": 2}',
        "a rubout": '{"a": "\x7f"}',
        "a solidus": '{"a": "\\/"}',
        "an escape that is none": '{"a": "\\a"}',
    }
    for name, text in texts.items():
        config = (base + ", " + text[1:] if text.startswith("{") and text != "{}" else text).encode()
        yield "texts of the files", f"tokenizer_config.json has {name}", "metaspace", config, {}, {
            "config.json": {"model_type": "mistral"}
        }
        yield "texts of the files", f"special_tokens_map.json has {name}", "metaspace", BASE, {}, {
            "special_tokens_map.json": text.encode()
        }
    yield "texts of the files", "U+0000 in a key that nobody reads", "metaspace", {**BASE, "a": "b\0c"}, {}, {}
    yield "texts of the files", "backslashes before u0000", "metaspace", {**BASE, "pad_token": "<new>\\u0000"}, {}, {}


def leftovers():
    """What training leaves in tokenizer.json, and keys that change nothing."""
    for name, more in (
        ("truncation", {"truncation": TRUNCATION}),
        ("padding", {"padding": PADDING}),
        ("padding to the longest", {"padding": {**PADDING, "strategy": "BatchLongest"}}),
        ("both", {"truncation": TRUNCATION, "padding": PADDING}),
        ("dropout", {"model__dropout": 0.1}),
    ):
        yield "leftovers", name, "metaspace", BASE, more, {}
        yield "leftovers", f"{name}, over bytes", "byte-level", {
            "tokenizer_class": "GPT2Tokenizer",
            **BYTE_LEVEL,
        }, more, {}
    keys = [
        {"clean_up_tokenization_spaces": True},
        {"legacy": True},
        {"legacy": None},
        {"legacy": False},
        {"model_max_length": 2},
        {"model_max_length": 1e30},
        {"padding_side": "left", "truncation_side": "left"},
        {"use_default_system_prompt": True},
        {"sp_model_kwargs": {}},
        {"spaces_between_special_tokens": False},
        {"split_special_tokens": True},
        {"split_special_tokens": False},
        {"name_or_path": "a/b"},
        {"do_lower_case": True},
        {"errors": "replace"},
        {"no_such_key": [1, {"a": None}]},
        {"max_length": 2, "stride": 0, "truncation_strategy": "longest_first"},
        {"model_input_names": ["input_ids"]},
        {"use_fast": True},
        {"return_token_type_ids": False},
    ]
    for more in keys:
        yield "keys", f"{more}", "metaspace", {**BASE, **more}, {}, {}
        yield "keys", f"{more}, over bytes", "byte-level", {
            "tokenizer_class": "PreTrainedTokenizerFast",
            **BYTE_LEVEL,
            **more,
        }, {}, {}
    for name, value in itertools.product(
        (
            "GPT2TokenizerFast",
            "Qwen2TokenizerFast",
            "PreTrainedTokenizerFast",
            "GPTNeoXTokenizerFast",
            "CohereTokenizerFast",
            "BloomTokenizerFast",
        ),
        (True, False),
    ):
        level = {
            "pre_tokenizer": {
                "type": "ByteLevel",
                "add_prefix_space": not value,
                "trim_offsets": True,
                "use_regex": True,
            }
        }
        yield "keys", f"add_prefix_space {value}, {name}", "byte-level", {
            "tokenizer_class": name,
            **BYTE_LEVEL,
            "add_prefix_space": value,
        }, level, {}
        yield "keys", f"add_prefix_space {value}, {name}, in a sequence", "byte-level", {
            "tokenizer_class": name,
            **BYTE_LEVEL,
            "add_prefix_space": value,
        }, {}, {}


def newer_metaspace():
    """Fields of a tokenizer.json as later conversions write it: a pre-tokenizer in place of the normalizer."""
    return {
        "normalizer": None,
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False},
    }


# What combinations are made of: the ids that are free, classes, and texts of tokens.
FREE = {"metaspace": 1328, "byte-level": N_IDS}
CLASSES = {
    "metaspace": [
        "LlamaTokenizerFast",
        "LlamaTokenizer",
        "PreTrainedTokenizerFast",
        "CodeLlamaTokenizerFast",
        "GemmaTokenizer",
    ],
    "byte-level": [
        "PreTrainedTokenizerFast",
        "GPT2Tokenizer",
        "Qwen2Tokenizer",
        "GPTNeoXTokenizerFast",
        "CohereTokenizerFast",
        "LlamaTokenizerFast",
    ],
}
PREFIXED = ("GPT2Tokenizer", "GPTNeoXTokenizerFast", "Qwen2Tokenizer")  # the others want tokenizer.model for it
CONTENTS = [
    "<new>",
    "<newer>",
    "<pad>",
    "<mask>",
    "<sep>",
    "[PAD]",
    "Lily",
    "the",
    "▁",
    "ß",
    "é<",
    "</s>",
    "<s>",
    "<|im_end|>",
    "<|endoftext|>",
]
SPECIAL = ("pad_token", "mask_token", "sep_token", "cls_token", "bos_token", "eos_token")


def some_flags(rng):
    """Some of the flags of an added token."""
    return [flag for flag in FLAGS if rng.random() < 0.35]


def some_token(rng):
    """A special token as a text or with flags."""
    content = rng.choice(CONTENTS)
    return content if rng.random() < 0.5 else added(content, *some_flags(rng))


def some_config(rng, kind):
    """A tokenizer_config.json."""
    config = {**(BASE if kind == "metaspace" else BYTE_LEVEL), "tokenizer_class": rng.choice(CLASSES[kind])}
    config.update({key: some_token(rng) for key in SPECIAL if rng.random() < 0.25})
    if rng.random() < 0.4:
        config["additional_special_tokens"] = [some_token(rng) for _ in range(rng.randint(0, 3))]
    config.update({key: rng.random() < 0.5 for key in ("add_bos_token", "add_eos_token") if rng.random() < 0.4})
    config.update({key: True for key in ("split_special_tokens", "legacy") if rng.random() < 0.1})
    if config["tokenizer_class"] in PREFIXED and rng.random() < 0.3:
        config["add_prefix_space"] = True
    if rng.random() < 0.5:
        listed = rng.sample(CONTENTS, rng.randint(1, 4))
        config["added_tokens_decoder"] = {
            str(FREE[kind] + i): token(text, *some_flags(rng)) for i, text in enumerate(listed)
        }
    return config


def some_files(rng, kind):
    """The files of older models beside it."""
    files = {}
    if rng.random() < 0.3:
        files["special_tokens_map.json"] = {
            key: rng.choice([rng.choice(CONTENTS), token(rng.choice(CONTENTS), "lstrip")])
            for key in SPECIAL
            if rng.random() < 0.3
        }
    if rng.random() < 0.3:
        texts = rng.sample(CONTENTS[:9], rng.randint(1, 3))
        files["added_tokens.json"] = {text: FREE[kind] + i for i, text in enumerate(texts)}
    return files


def combinations():
    """Several of the above at once, the same ones every time."""
    rng = random.Random(20261130)
    for number in range(N_COMBINATIONS):
        kind = rng.choice(sorted(CLASSES))
        config, files = some_config(rng, kind), some_files(rng, kind)
        fields = newer_metaspace() if kind == "metaspace" and rng.random() < 0.5 else {}
        if rng.random() < 0.3:
            fields["post_processor"] = None
        made_of = json.dumps([config, sorted(fields), files], ensure_ascii=False)
        yield "combinations", f"number {number}, {made_of}", kind, config, fields, files


def cases():
    """All of them."""
    yield from itertools.chain(
        bos_and_eos(), classes(), added_tokens(), special_tokens(), older_files(), json_texts(), leftovers(), combinations()
    )


# ---- comparing ----


def tokenizer_document(kind, fields):
    """tokenizer.json of a case; the merges as strings, which every version reads."""
    text = vocabulary(kind)
    if not fields:
        return text.encode()
    document = set_in(json.loads(text), **fields)
    return json.dumps(document, ensure_ascii=False).encode()


def load(directory):
    """AutoTokenizer; dropout, which would make ids of chance, is off."""
    tokenizer = AutoTokenizer.from_pretrained(directory)
    if tokenizer.backend_tokenizer.model.dropout:
        tokenizer.backend_tokenizer.model.dropout = None
    return tokenizer


def raw_ids(directory):
    """The ids of tokenizer.json alone."""
    library = tokenizers.Tokenizer.from_file(os.path.join(directory, "tokenizer.json"))
    library.no_truncation()
    library.no_padding()
    if library.model.dropout:
        library.model.dropout = None
    return [library.encode(text).ids for text in TEXTS]


def chat(tokenizer, tokenize):
    """The conversation of one message, as text or as ids."""
    return tokenizer.apply_chat_template(
        [{"role": "user", "content": TEXTS[9]}], chat_template=PROBE, tokenize=tokenize, add_generation_prompt=True
    )


def compare_case(program, case):
    """The Results of one directory."""
    family, name, kind, config, fields, files = case
    lines = "".join(json.dumps(text) + "\n" for text in TEXTS).encode()
    with tempfile.TemporaryDirectory() as directory:
        write_files(
            directory,
            {
                "tokenizer.json": tokenizer_document(kind, fields),
                "chat_template.jinja": PROBE.encode(),
                **files,
                **({} if config is None else {"tokenizer_config.json": config}),
            },
        )
        run = functools.partial(ask, program, "tokenize", "-m", directory)
        tokenizer = answer_of(load, directory)
        if isinstance(tokenizer, Refusal):
            yield judge(family, f"{name}: ids", tokenizer, run("--jsonl", stdin=lines))
        else:
            yield from compare_texts(
                family,
                name,
                answer_of(lambda: [tokenizer(text)["input_ids"] for text in TEXTS]),
                ids_of(run("--jsonl", stdin=lines)),
            )
            yield judge(
                "as a template sees it",
                f"{name}: text",
                answer_of(lambda: chat(tokenizer, False).encode()),
                run("--chat", "--text", "--", TEXTS[9]),
            )
            ids = run("--chat", "--ids", "--", TEXTS[9])
            yield judge(
                "as a template sees it",
                f"{name}: ids",
                answer_of(chat, tokenizer, True),
                [int(i) for i in ids.split()] if isinstance(ids, bytes) else ids,
            )
        yield from compare_texts(
            "tokenizer.json alone", name, answer_of(raw_ids, directory), ids_of(run("--raw", "--jsonl", stdin=lines))
        )


def compare_texts(family, name, want, found):
    """One Result: which texts have other ids is said."""
    if isinstance(want, list) and isinstance(found, list) and len(want) == len(found) and want != found:
        i = next(i for i, ids in enumerate(want) if found[i] != ids)
        n = sum(a != b for a, b in zip(want, found))
        yield judge(family, f"{name}: {n} of {len(want)} texts, first {TEXTS[i]!r}", want[i], found[i])
    else:
        yield judge(family, f"{name}: ids", want, found)


def results(program):
    """Every Result of the corpus."""
    for found in each(lambda case: list(compare_case(os.fspath(program), case)), cases()):
        yield from found
