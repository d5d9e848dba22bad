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

FUZZERS = {"fuzz_safetensors": (safetensors_seeds, SAFETENSORS_WORDS)}


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
