#!/usr/bin/env python3
"""Writes the seeds of a fuzzer: make_corpus.py TARGET DIR.

Seeds show the fuzzer every construct once; kept as a program, or taken from what the program ships, they
stay readable.  What runs have found besides lies in tests/fuzz/corpus.
"""

import json
import os
import pathlib
import re
import struct
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


def gguf_value(value, kind=None):
    """A value with its type: GGUF's numbers for types, 4 u32, 5 i32, 6 f32, 7 bool, 8 string, 9 array."""
    if isinstance(value, list):
        element = kind or (8 if isinstance(value[0], str) else 6 if isinstance(value[0], float) else 5)
        return struct.pack("<IIQ", 9, element, len(value)) + b"".join(gguf_value(v, element)[4:] for v in value)
    kind = kind or (7 if isinstance(value, bool) else 4 if isinstance(value, int) else 6 if isinstance(value, float) else 8)
    if kind == 8:
        return struct.pack("<IQ", 8, len(value.encode())) + value.encode()
    form = {0: "B", 2: "H", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}[kind]
    return struct.pack("<I" + form, kind, value)


def gguf_file(keys, tensors, version=3):
    """A file without its data: keys are values, tensors (shape, type, bytes)."""
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys))
    for key, value in keys.items():
        out += struct.pack("<Q", len(key)) + key.encode() + gguf_value(value)
    at = 0
    for name, (shape, kind, size) in tensors.items():
        out += struct.pack("<Q", len(name)) + name.encode() + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, at)
        at += size + -size % 32
    out += bytes(-len(out) % 32)
    return bytes([min(255, at // 64 + 1)]) + out


def gguf_seeds():
    """Models of one layer of each kind, tokenizers of both, and a part of a model."""
    keys = {
        "general.architecture": "llama", "general.name": "x", "llama.block_count": 1, "llama.context_length": 16,
        "llama.embedding_length": 8, "llama.feed_forward_length": 8, "llama.attention.head_count": 2,
        "llama.attention.head_count_kv": 1, "llama.attention.layer_norm_rms_epsilon": 1e-5, "llama.rope.freq_base": 1e4,
        "llama.rope.dimension_count": 4, "tokenizer.ggml.bos_token_id": 0, "tokenizer.ggml.eos_token_id": 1,
        "tokenizer.chat_template": "{{ messages }}",
    }
    byte_level = {
        "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": ["<s>", "</s>", "a", "b", "ab", "c"], "tokenizer.ggml.merges": ["a b"],
        "tokenizer.ggml.token_type": [3, 3, 1, 1, 1, 4], "tokenizer.ggml.add_bos_token": True,
    }
    sentencepiece = {
        "tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": ["<unk>", "<s>", "</s>", "<0x0A>", "\u2581", "a", "b", "\u2581a", "\u2581ab"],
        "tokenizer.ggml.scores": [0.0, 0.0, 0.0, 0.0, -3.0, -4.0, -5.0, -1.0, -2.0],
        "tokenizer.ggml.token_type": [2, 3, 3, 6, 1, 1, 1, 1, 1], "tokenizer.ggml.add_eos_token": True,
    }

    def tensors(kind=0, wide=8, n_tokens=6, width=4, per=1):
        size = lambda *shape: (shape, kind, shape[0] // per * width * (shape[1] if len(shape) > 1 else 1))  # noqa: E731
        norm = ((wide,), 0, 4 * wide)
        layer = {"attn_norm": norm, "attn_q": size(wide, wide), "attn_k": size(wide, wide // 2), "attn_v": size(wide, wide // 2),
                 "attn_output": size(wide, wide), "ffn_norm": norm, "ffn_gate": size(wide, wide), "ffn_up": size(wide, wide),
                 "ffn_down": size(wide, wide)}
        return {"token_embd.weight": size(wide, n_tokens), "output_norm.weight": norm,
                **{f"blk.0.{name}.weight": entry for name, entry in layer.items()}}

    yield gguf_file(keys | byte_level, tensors())
    yield gguf_file(keys | byte_level, tensors() | {"output.weight": ((8, 6), 0, 192)}, version=2)
    yield gguf_file(keys | sentencepiece, tensors(n_tokens=9))
    yield gguf_file(keys | byte_level, tensors(kind=1, width=2))
    wide = {"llama.embedding_length": 32, "llama.feed_forward_length": 32, "llama.rope.dimension_count": 16}
    for kind, width in ((2, 18), (8, 34), (20, 18)):
        yield gguf_file(keys | byte_level | wide, tensors(kind, 32, 6, width, 32))
    yield gguf_file(keys | byte_level | {"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 2.0}, tensors())
    yield gguf_file(keys | byte_level, tensors() | {"rope_freqs.weight": ((2,), 0, 8)})
    yield gguf_file(keys | byte_level | {"split.count": 3, "split.no": 0, "split.tensors.count": 11}, tensors())
    yield gguf_file(keys | byte_level | {"llama.attention.head_count_kv": [1, 1], "llama.attention.sliding_window": 4}, tensors())
    for pre in ("llama-bpe", "refact", "tekken", "gpt-2"):
        yield gguf_file(keys | byte_level | {"tokenizer.ggml.pre": pre}, {})
    yield gguf_file(keys | sentencepiece | {"tokenizer.ggml.add_space_prefix": False}, {})
    yield gguf_file({"general.alignment": 64, "deep": [1]}, {"output_norm.weight": ((8,), 0, 32)})



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
    pad = {"__type": "AddedToken", "content": "<pad>", "lstrip": True}
    listed = {"9": {"content": "<y>", "normalized": True}, "8": {"content": "<s>", "special": True}}
    beside = [
        [{"tokenizer_class": "LlamaTokenizer", "pad_token": pad, "added_tokens_decoder": listed, "x": float("nan"),
          "add_eos_token": True, "additional_special_tokens": ["<z>"]}],
        [{"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True, "split_special_tokens": True}],
        [{"tokenizer_class": "LlamaTokenizerFast", "legacy": False, "add_prefix_space": False}],
        [{}, {"bos_token": "<b>", "additional_special_tokens": [pad, "<y>"]}, {"<q>": 12, "<b>": 11},
         {"model_type": "mistral"}],
        [{"tokenizer_class": "CodeLlamaTokenizer", "suffix_token": None}],
    ]
    for document in documents[:3]:
        for files in beside:
            yield b"\f".join([json.dumps(document).encode(), b"a<pad> b<y><s><q>", *(json.dumps(f).encode() for f in files)])



def config_seeds():
    """Configs that are read, with and without the other file."""
    whole = {"num_hidden_layers": 2, "intermediate_size": 16, "vocab_size": 32, "rms_norm_eps": 1e-5,
             "max_position_embeddings": 64, "hidden_act": "silu", "_name_or_path": "a/b"}
    for config in (CONFIG, LINEAR, {**CONFIG, **whole}, {**CONFIG, **whole, "head_dim": None},
                   {**whole, **CONFIG, "sliding_window": 8, "rope_scaling": None}):
        text = json.dumps(config).encode()
        yield text
        yield text + b'\f{"eos_token_id": [3, 4], "bos_token_id": 1}'
    yield pathlib.Path("lessons/model/config.json").read_bytes()


def index_seeds():
    """Two shards, one, a name outside, a tensor twice."""
    a, b = ({name: tensor(shape=(2,), offsets=(0, 8)), "pad": tensor("U8", (56,), (8, 64))}
            for name in ("model.norm.weight", "lm_head.weight"))
    one = {"model.norm.weight": tensor(shape=(16,), offsets=(0, 64))}
    two = {"lm_head.weight": tensor("BF16", (4, 8), (0, 64))}
    for files in (("a", "b"), ("a", "a"), ("a", "../b"), ("a", "c")):
        names = {"model.norm.weight": f"{files[0]}.safetensors", "lm_head.weight": f"{files[1]}.safetensors"}
        index = json.dumps({"metadata": {"total_size": 16}, "weight_map": names}).encode()
        for first, second in ((one, two), (a, b), (one, one)):
            yield index + b"\f" + json.dumps(first).encode() + b"\f" + json.dumps(second).encode()


def chat_seeds():
    """A template of each family, plain and as tokenizer_config.json."""
    loop = "{% for message in messages %}%s{% endfor %}%s"
    templates = [
        loop.replace("%s", "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>'}}", 1)
        .replace("%s", "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"),
        "{{ bos_token }}" + loop.replace("%s", "{{ '[INST] ' + message['content'] | trim + ' [/INST]' }}", 1)
        .replace("%s", ""),
        loop.replace("%s", "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'"
                     " + message['content'] | trim + '<|eot_id|>' %}{{- content }}", 1).replace("%s", ""),
        "{#- a comment -#}\n{{- '<|im_start|>system\\nBe kind.<|im_end|>' -}}\n{{ '<|im_start|>user' +"
        " message.content.strip() }}",
    ]
    for template in templates:
        for text in ("hello", " a b\n", ""):
            yield template.encode() + b"\f" + text.encode()
        yield json.dumps({"bos_token": "<s>", "chat_template": template}).encode() + b"\fhello"
    yield pathlib.Path("lessons/model/tokenizer_config.json").read_bytes() + b"\fhello"


def jinja_seeds():
    """The table of templates, the short ones of the corpus, and a message of odd bytes."""
    table = json.loads(pathlib.Path("tests/data/jinja.json").read_text(encoding="utf-8"))
    templates = [template.encode() for template, _ in table["prints"] + table["refused"]]
    corpus = [file.read_bytes() for file in sorted(pathlib.Path("tests/others/templates").glob("*.jinja"))]
    for template in templates + sorted(corpus, key=len)[:50]:
        yield template + b"\fHi \xff\xc3 there\n\fBe brief."


def prompts_seeds():
    """Lines that are read and lines that are not."""
    lines = ['{"prompt": "Once", "id": "a", "n": 3}', '{"ids": [1, 2, 3], "id": 7}', "", '{"prompt": ""}',
             '{"prompt": "\\u00e9\\ud83d\\ude00", "n": null}', '{"ids": [], "x": [{}]}',
             '{"prompt": "a", "system": "Be brief."}', '{"ids": [1], "zero": ["L0.attn.z[head=1]", "L*.mlp"]}']
    yield "\n".join(lines).encode()
    for line in lines + ['{"prompt": "a", "ids": [1]}', '{"n": 1}', '{"ids": [-1]}', '{"prompt": "\\u0000"}', "[1]",
                         '{"ids": [1], "system": "a"}', '{"prompt": "a", "system": "\\u0000"}',
                         '{"prompt": "a", "zero": "L0.mlp"}', '{"prompt": "a", "zero": [1]}']:
        yield line.encode() + b"\r\n"


def npy(shape, data, descr="<f4", version=1):
    """A .npy as numpy writes it."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return (b"\x93NUMPY" + bytes([version, 0]) + len(header).to_bytes(2 * version, "little") + header + data)


def npy_seeds():
    """Every function with a matrix, and every type."""
    floats = struct.pack("<6f", 1, -2, 3.5, 0, float("inf"), float("nan"))
    names = re.findall(r"^ARRAY\((\w+)", pathlib.Path("include/torchless/array_functions.def").read_text(), re.M)
    for number, _ in enumerate(names):
        for kinds, text in ((1, b"[-1, 0:2]"), (0xff, b"i1")):
            yield bytes([number, kinds]) + text + b"\f1\f" + npy("(2, 3)", floats)
    for descr, size in (("<f2", 2), ("<f8", 8), ("<i4", 4), ("<i8", 8), ("|u1", 1)):
        yield b"\4\1\f0\f" + npy("(1, 3, 1)", bytes(range(3 * size)), descr, 2)
    yield b"\4\1\f0\f" + floats
    yield b"\4\1\f0\f" + npy("()", bytes(4))


def capture_seeds():
    """Patterns, positions, kinds, selections."""
    captures = ["*", "L*.resid_post@last=f16", "L[0-1].attn.q_rot@0:3=bf16", "logits=hash", "*.self_attn:pattern@-2:",
                "blocks.0.attn.hook_z=stats", "kq_soft_max-1@3", "model.layers.1.mlp:out"]
    yield "\n".join(["c" + c for c in captures] + ["e", ""]).encode()
    for c in captures:
        yield f"c{c}\ne\n".encode()
    for z in ("L0.attn.z[head=1]", "L1.mlp[pos=3:7]", "L*.resid_post", "L0.attn.pattern[2, -1, :]"):
        yield f"z{z}\nn{z}\n".encode()
    for s in ("[head=1, q=-1]", "[pos=3:7]", "[0, 1:, :]", "[:-1]", "[]", "[ head = 0 ]"):
        yield f"s{s}\n".encode()
    yield b"nL0.attn.z[run=1, pass=0, head=1]\n"


def sql_seeds():
    """The example of every function, and every saved query."""
    for file in ("include/torchless/array_functions.def", "src/inspect/functions.def"):
        for example in re.findall(r'"(SELECT [^\n]*)"\)$', pathlib.Path(file).read_text(), re.M):
            yield json.loads(f'"{example}"').encode()
    text = pathlib.Path("src/trace/saved_queries.sql").read_text()
    for sql, params in re.findall(r"^'((?:SELECT|WITH)\b(?:[^']|'')*)',\n'(\{.*\})'", text, re.M):
        values = [f"{key}={value}" for key, value in json.loads(params).items()]
        yield "\f".join([sql.replace("''", "'"), *values]).encode()
    for sql in ("SELECT :pos\fpos=4.5e1", "SELECT 1; SELECT 2", "PRAGMA table_info(value)", "DELETE FROM run",
                "WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) SELECT x FROM t LIMIT 9",
                "SELECT t_mean(zeroblob(64)), t_shape(t_slice(id, '[0]')) FROM v_value",
                "SELECT a.fqn FROM v_value a JOIN v_value b USING (fqn) WHERE a.id < b.id"):
        yield sql.encode()


def shell_seeds():
    """Dot commands with arguments, names with parameters, statements over lines."""
    for line in (".help", ".help schema", ".schema", ".schema v_value", ".saved", ".functions", ".functions t_topk",
                 ".points L0", ".explain SELECT * FROM v_value", ".explain residual pos=0", ".mode csv\n.mode box",
                 ".limit 3", ".set pos=1\nSELECT :pos;", "residual", "next n=3 pos=1;", "lens run=1", "SELECT 1\n;",
                 "SELECT 'a;\nb' --c\n, /* ; */ 2;", "resdiual", ".nope", "quit", "heads layer=0 head=9",
                 ".timer on", ".width 10", ".width", ".headers off\nSELECT 1;", ".timer maybe", ".param", ".param t=1", ".clear t",
                 ".set t=@none.npy", "first-divergence reference=none.db", "diff", "SELECT * FROM v_", "SELECT t_", "SELECT v. FROM v_value v", ".sql lens"):
        yield line.encode() + b"\n"
        yield line.encode()


def expression_seeds():
    """What the unit test gives values to and refuses, and every function."""
    text = pathlib.Path("tests/unit/test_expression.c").read_text()
    for expression in re.findall(r'^\t\{ "((?:[^"\\]|\\.)*)",', text, re.M):
        yield re.sub(r"\\(.)", r"\1", expression).encode()
    for name, params in re.findall(r'^ARRAY\((\w+), "[^"]*", \d, "(\w+)"',
                                   pathlib.Path("include/torchless/array_functions.def").read_text(), re.M):
        values = {"t": "out", "h": "out", "e": "out", "s": '"[5]"', "x": "pos"}
        for n in range(1, len(params) + 1):
            yield f"{name}({', '.join(values.get(p, '1') for p in params[:n])})".encode()


def debug_examples():
    """The example of every command of the debugger: lines of a session."""
    text = pathlib.Path("src/debug/commands.def").read_text()
    for command in re.split(r"^DEBUG_COMMAND", text, flags=re.M)[1:]:
        example = re.search(r',\s*"((?:[^"\\]|\\.)*)"\)\s*(?:/\*.*)?$', command.strip().split("\n\n")[0])
        if example and example[1]:
            yield example[1].replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\")


def debug_lines():
    """What unit tests give a debugger to do."""
    for path in sorted(pathlib.Path("tests/unit").glob("test_debug_*.c")):
        for call in re.findall(r'stopped_(?:do|fail)\(&?\w+, "((?:[^"\\]|\\.)*)"\)', path.read_text()):
            yield re.sub(r"\\(.)", r"\1", call)


def debug_seeds():
    """Examples after a byte that chooses what is debugged, and lines of tests, some at a time."""
    for number, example in enumerate(debug_examples()):
        yield bytes([number * 37 % 256]) + example.replace("layers.3", "layers.1").encode() + b"\n"
    lines = list(debug_lines())
    for first in range(0, len(lines), 6):
        yield bytes([first % 256 & ~1]) + "\n".join(["start", *lines[first:first + 6]]).encode() + b"\n"


def regex_seeds():
    """Expressions of both engines with a text, those of the corpus, and bytes to make such of."""
    text = "It's 12 \u00e9\u0301, \u4f60\u597d  ss\u00df\n\n aab".encode()
    for regex in (r"'s| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", r"(?i:'s|[sdmt])|\p{N}{1,3}", r"l{2}?|a{,2}",
                  r"(?i:ss)+", r"[a-z&&[^b]]+|\h\K\X", r"(?<n>a|b\g<n>c)\k<n>", r"(?~ab)|\R", r"(?<=a+)b|\Ga",
                  r"(a+)+$", r"(?x: a # b\n)", r"\p{Han}+|[[:alpha:]]", r"(?(?=a)a|b)", r"(*FAIL)|(?{x})a"):
        yield b"\0" + regex.encode() + b"\0" + text
    for file in sorted(pathlib.Path("tests/others/expressions").glob("*.txt")):
        for regex in file.read_text(encoding="utf-8").splitlines()[::5]:
            yield b"\0" + regex.encode() + b"\0" + text
    for first in range(0, 256, 16):
        yield bytes([1]) + bytes((first + n * n * 7) % 256 for n in range(120))


def edits_seeds():
    """A question each, with two cells that change."""
    for question in range(0, 240, 2):
        cells = bytes((question * 37 + n * 11) % 256 for n in range(16))
        yield bytes([question]) + cells


def bytes_seeds():
    """Both states of the recording, a question each, with a byte that changes."""
    for question in range(0, 240, 3):
        where = (question * 2713 % 560000).to_bytes(3, "little")
        yield bytes([question % 4, question]) + where + bytes([1, 0xff, question])


def course_seeds():
    """The small course of the tests, and a file with a construct that a lesson may have instead of one of its own."""
    kernel = "/* A sum. */\nint f(int n)\n{\n\t/* BEGIN SOLUTION: add */\n\t/* STARTER: return n; */\n\treturn n + 1;\n\t/* END SOLUTION */\n}\n"
    files = {"course": 'format = "1"\ntitle = "A course"\norder = "00-first 01-second"\n',
             "checks": 'title = "First"\nminutes = "5"\n[trace main]\nprompt = "Once"\n[one]\nkind = "value"\nanswer = "SELECT 1"\n',
             "text": "# 00 First\n\n### Exercise one: How many?\n\nSay it.\n",
             "hints": "## one\n\n1. There.\n2. So.\n3. Nearly.\n", "kernel": kernel}

    def with_files(**other):
        return "\f".join({**files, **other}.values()).encode()

    yield with_files()
    for name in ("00-first", "01-second"):
        folder = pathlib.Path("tests/support/course") / name
        checks, text, hints = [(folder / file).read_text(encoding="utf-8") for file in ("checks.conf", "lesson.md", "hints.md")]
        yield with_files(checks=checks.replace("softmax.c", "fast.c"), text=text, hints=hints)
    for kind, keys in (("predict", 'choices = "a b"\nwrong.a = "So."\nreveal = "SELECT 1"'), ("sql", 'ordered = "yes"\ncolumns = "a b"'),
                       ("kernel", 'kernel = "tl_rope"\nfile = "fast.c"'), ("locate", 'patients = "main"\nchoice.x = "X"\nchoices = "x y"'),
                       ("bench", 'what = "decode"\nfile = "fast.c"'), ("milestone", 'kernels = "one"')):
        answer = 'answer = "SELECT 1"\n          "FROM \\"a\\" \\\\"\n' if kind in ("predict", "sql") else ""
        yield with_files(checks=f'title = "T"\nminutes = "5"\n[trace main]\n# comment\n[one]\nkind = "{kind}"\nhardest = "yes"\n{answer}{keys}\n')
    for text in ("> quote\n> - a\n>   1. b\n\n***\n", "| a | b |\n|--:|:-:|\n| `1` | [x](y) |\n", "![alt](p.svg)\n\n*a* **b** `c` [l](../01-second/lesson.md) <!-- no -->\n",
                 "29<!--= SELECT 1 --> and `x`<!--$ torchless info --> or 3<!--= main: SELECT 2 -->\n", "````sh step=see smollm2\ntorchless run \\\n  -n 1\n````\n```text output=see\n…\n```\n",
                 "## What it is\n\n\\*x\\*\u00e9\u4f60\U0001f600 a  \nb\n", "\x1b[2J \x07 \u202e \x9b\n"):
        yield with_files(text=files["text"] + text)


def learner_seeds():
    """Lines of every event, whose checksums the fuzzer adds; a line that is torn; an answer with odd bytes."""
    def line(second, event, exercise="calls", verdict="-", text="-", lesson="00-first", version=1):
        return f"{version}\t2026-01-01T00:00:{second:02}.000000Z\t{event}\t{lesson}\t{exercise}\t0123456789abcdef\t{verdict}\t1\t0\t{text}\t\n"

    events = [("start", "-"), ("at",), ("lock", "heads-guess", "-", "=b"), ("void", "heads-guess"), ("check", "calls", "pass", "=5"),
              ("check", "positions", "fail"), ("hint",), ("give-up", "softmax"), ("reset", "positions"), ("test-out", "-")]
    lines = [line(second, *event) for second, event in enumerate(events)]
    yield "".join(lines).encode()
    yield "".join(lines[::-1]).encode() + b"\f" + "".join(lines[::2]).encode()
    yield "".join(lines[:4]).encode() + b"\f" + "".join(lines[4:]).encode()
    yield (lines[4] + lines[5][:30] + "\n" + line(9, "check", "calls", "pass", "=%1b[2J%00%0a%zz%").replace("1\t", "2\t", 1)).encode()
    for text in ("=%1b[2J%07", "=%00a", "=%zz%4", "=\u00e9 \x7f", "=", "=%c2%9b"):
        yield line(1, "lock", "calls", "-", text).encode() + line(2, "check", "calls", "pass", text).encode()
    yield b"SQLite format 3\0" + b"\f" + b"not a log\n"


def answer_seeds():
    """Right answers and others of the exercises of tests/support/checks by their number, and of the forms."""
    answers = {0: ["b", "(B)", "d", ""], 1: ["5", "10/2", "500 %", "4", "five"], 2: ["3 MiB", "3MB", "3,145,728", "3145728 bytes"], 3: ["once", "' Once'"],
               4: ["0", "12"], 5: ["SELECT pos, token_id FROM token", "SELECT pos, token_id FROM token WHERE pos > 0", "-- no\n", "SELECT 1; SELECT 2",
               "SELECT t_json('L0.attn.z'), x'00ff', char(27), 'a' || char(10)", "WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) SELECT x, x FROM t",
               "ATTACH 'x' AS y", "DELETE FROM token", "PRAGMA user_version = 1"],
               6: ["SELECT pos FROM token ORDER BY pos DESC"], 7: ["L0.attn.q_rot rope_pairs", "L0.self_attn rope_pairs", "noise", "model.layers.0 gqa_tile",
               "L1.mlp:out rope_pairs", "pass=1 L0.attn.z rope_pairs"], 8: ["tok_longest"], 9: ["L0 L1 L2 L3 L4", "{L0,L1}"]}
    for number, texts in answers.items():
        for text in texts:
            yield bytes([number]) + text.encode()
    for number in range(16, 32):
        for text in ("1,048,576", "1.5e3", "-0", "3 KiB", "1/3", "1/0", "inf", "nan", "0x10", "7 tokens", "12 %", "a b, c; [d]", "'A  b'", "1e999", "9" * 199, "\u00e9\u00c9 \xff"):
            yield bytes([number]) + text.encode("latin-1" if "\xff" in text else "utf-8")


TARGETS = {
    "answer": answer_seeds, "capture": capture_seeds, "chat": chat_seeds, "config": config_seeds, "course": course_seeds, "debug_line": debug_seeds,
    "debug_session": debug_seeds, "expression": expression_seeds, "gguf": gguf_seeds, "index": index_seeds, "jinja": jinja_seeds, "learner": learner_seeds, "npy": npy_seeds, "picture": edits_seeds,
    "prompts": prompts_seeds, "recording_bytes": bytes_seeds, "recording_columns": edits_seeds,
    "regex": regex_seeds, "report": edits_seeds,
    "safetensors": safetensors_seeds, "resume": edits_seeds, "shell": shell_seeds, "sql": sql_seeds, "tokenizer": tokenizer_seeds,
}


def main():
    """Write DIR/seed-NUMBER for every seed."""
    target, directory = sys.argv[1:]
    os.makedirs(directory, exist_ok=True)
    for number, seed in enumerate(TARGETS[target]()):
        with open(os.path.join(directory, f"seed-{number:03}"), "wb") as file:
            file.write(seed)


if __name__ == "__main__":
    main()
