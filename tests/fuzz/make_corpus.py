#!/usr/bin/env python3
"""Writes the seeds and the dictionary of a fuzzer: make_corpus.py FUZZER DIR.

Seeds show the fuzzer every construct once; kept as a program they stay readable and small.
"""

import json
import os
import sys


def tensor(dtype="F32", shape=(1,), offsets=(0, 4), **more):
    """One entry of a safetensors header."""
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


CONFIG = {
    "model_type": "mistral", "architectures": ["MistralForCausalLM"], "hidden_size": 8,
    "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4, "rope_theta": 1e4,
    "sliding_window": None, "tie_word_embeddings": True, "eos_token_id": [1, 2],
    "rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
                     "high_freq_factor": 4, "original_max_position_embeddings": 8192},
}
LINEAR = {"model_type": "llama", "rope_parameters": {"type": "linear", "factor": 2}}


def packed(config):
    """The metadata of a file that holds a whole model."""
    return {"torchless.format": "1", "config.json": json.dumps(config), "tokenizer.json": "{}",
            "generation_config.json": '{"eos_token_id": 3}'}


def safetensors_seeds():
    """Headers with the number of data bytes that follow, and one whole file."""
    headers = [
        ({}, 0),
        ({"a": tensor()}, 4),
        ({"a": tensor(), "b": tensor("BF16", (2, 2), (4, 12))}, 12),
        ({"z": tensor("F16", (0, 5), (0, 0)), "a": tensor("U8", (), (0, 1))}, 1),
        ({"a": tensor("I8", (1, 1, 1, 1, 1, 2), (0, 2), x=[{"y": [None, True, -1.5e3]}])}, 2),
        ({"a": tensor("F4", (2,), (0, 1)), "\u00e9\U0001f600": tensor("F8_E5M2", (1,), (1, 2))}, 2),
        ({"__metadata__": {"k": "v\n\"\\"}, "a": tensor()}, 4),
        ({"__metadata__": packed(CONFIG), "model.norm.weight": tensor()}, 4),
        ({"__metadata__": packed(LINEAR), "lm_head.weight": tensor()}, 4),
    ]
    for header, n_data in headers:
        yield bytes([n_data]) + json.dumps(header).encode()
    header = json.dumps({"a": tensor()}).encode()
    yield b"\xff" + len(header).to_bytes(8, "little") + header + bytes(4)


SAFETENSORS_WORDS = [
    '"dtype":', '"shape":', '"data_offsets":', '"__metadata__":', '"BF16"', '"F6_E2M3"', "null",
    "18446744073709551615", "18446744073709551616", "9007199254740993", "\\ud83d", "\\u0000",
    "[[[[[[[[", "1e308", "hidden_size", "rope_type", "head_dim", "partial_rotary_factor",
]


def tokenizer(vocab, merges=(), added=(), stages=None, **model):
    """A tokenizer.json; pieces get the ids of their order."""
    flags = ("single_word", "lstrip", "rstrip", "normalized")
    tokens = [{"id": len(vocab) + n, "content": content, "special": n % 2 == 0,
               **{flag: bool(n >> bit & 1) for bit, flag in enumerate(flags)}}
              for n, content in enumerate(added)]
    return {"added_tokens": tokens, **(stages or {}),
            "model": {"type": "BPE", "vocab": {piece: n for n, piece in enumerate(vocab)},
                      "merges": list(merges), **model}}


def sequence(key, *members):
    """A Sequence of stages."""
    return {"type": "Sequence", key: list(members)}


BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
REPLACE = {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}
BACK = {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}
STRIP = {"type": "Strip", "content": " ", "start": 1, "stop": 1}
METASPACE = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": True}
TEMPLATE = {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}],
            "special_tokens": {"<s>": {"ids": [0]}}}


def split(pattern, behavior, invert=False):
    """A Split pre-tokenizer."""
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}


def tokenizer_seeds():
    """Documents that use every stage, each with a text behind a form feed."""
    letters = ["<s>", "\u2581", "a", "b", "ab", "\u2581a", "<0xC3>", "<0xA9>", "\u00e9"]
    merges = ["a b", ["\u2581", "a"]]
    legacy = {"normalizer": sequence("normalizers", {"type": "Prepend", "prepend": "\u2581"}, REPLACE),
              "post_processor": TEMPLATE,
              "decoder": sequence("decoders", BACK, {"type": "ByteFallback"}, {"type": "Fuse"}, STRIP)}
    new = {"pre_tokenizer": METASPACE, "decoder": METASPACE}
    regex = r"'s|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\w]+[\r\n]*|\s+(?!\S)|\s"
    bytes_ = {"pre_tokenizer": sequence("pretokenizers", {"type": "Digits", "individual_digits": True},
                                        split({"Regex": regex}, "MergedWithPrevious"),
                                        split({"String": "b"}, "Contiguous", True), BYTE_LEVEL),
              "post_processor": sequence("processors", BYTE_LEVEL, TEMPLATE), "decoder": BYTE_LEVEL}
    texts = [b"ab <s>a \xc3\xa9\xff", "a b<x> \u20ac1 12\n".encode(), b"\0 \xe2\x96\x81<y>", b""]
    documents = [
        tokenizer(letters, merges, ["<x>", "a b"], legacy, byte_fallback=True),
        tokenizer(letters, merges, ["<x>", "<y>", "<z>"], new, unk_token="<s>", fuse_unk=True),
        tokenizer(["<s>", "\u0120", "a", "b", "ab", "\u0120a", "1"], ["a b", "\u0120 a"], ["<x>"],
                  bytes_, ignore_merges=True),
        tokenizer(["a"]),
    ]
    for document in documents:
        for text in texts:
            yield json.dumps(document).encode() + b"\f" + text


TOKENIZER_WORDS = [
    '"type":', '"pattern":', '"Regex":', '"String":', '"content":', '"id":', '"normalized":true',
    '"Removed"', '"Isolated"', "\\u2581", "\\\\s", "\\\\p{L}", "[^", "(?!", "(?i:", "{1,3}", "<0x00>",
    "null", "\\u0000", "16777215", "byte_fallback",
]

FUZZERS = {
    "fuzz_safetensors": (safetensors_seeds, SAFETENSORS_WORDS),
    "fuzz_tokenizer": (tokenizer_seeds, TOKENIZER_WORDS),
}


def main():
    """Write DIR/<number> for every seed and DIR.dict."""
    fuzzer, directory = sys.argv[1:]
    seeds, words = FUZZERS[fuzzer]
    os.makedirs(directory, exist_ok=True)
    for number, seed in enumerate(seeds()):
        with open(os.path.join(directory, f"seed-{number:02}"), "wb") as file:
            file.write(seed)
    with open(directory + ".dict", "w", encoding="utf-8") as file:
        for word in words:
            escaped = word.replace("\\", "\\\\").replace('"', '\\"')
            file.write(f'"{escaped}"\n')


if __name__ == "__main__":
    main()
