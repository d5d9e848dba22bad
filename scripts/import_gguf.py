#!/usr/bin/env python3
"""Turns a GGUF file of a Llama or Mistral model into a Hugging Face directory.

GGUF is what llama.cpp runs: quantized tensors under its own names, with the rows of q and k
reordered for its rotary embedding. This dequantizes (with the `gguf` package), puts the rows back,
restores Hugging Face's names, and writes config.json, generation_config.json, tokenizer.json,
tokenizer_config.json and model.safetensors, tensor by tensor, so memory stays small. The directory
appears when it is complete; a failure leaves nothing behind.
"""

import argparse
import os
import re

from lib import tokenizer_json
from lib.files import (
    BadInput, Progress, check_space, human_size, need, run_main, staged_directory, staged_file, warn,
)
from lib.gguf_file import GGUFFile
from lib.model_shapes import tensor_shapes
from lib.terminal import brief

numpy, gguf = need("numpy", "gguf")
from lib import floats  # noqa: E402  (imports numpy)
from lib.safetensors_file import Writer, size_of  # noqa: E402

CHUNK_VALUES = 1 << 22  # values dequantized at a time: 16 MB of float32
MAX_HEAD_VALUES = 1 << 28  # a head of q, which is put in order as a whole
MAX_CUTS = 1 << 30  # characters looked at to find out how pieces were made of others

LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
TOP_NAMES = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
# Keys under the architecture's name that are read here or change no number.
KNOWN_KEYS = {
    "block_count", "context_length", "embedding_length", "feed_forward_length", "vocab_size",
    "attention.head_count", "attention.head_count_kv", "attention.key_length",
    "attention.value_length", "attention.layer_norm_rms_epsilon", "attention.sliding_window",
    "rope.freq_base", "rope.dimension_count", "rope.scaling.type", "rope.scaling.factor",
    "rope.scale_linear", "rope.scaling.original_context_length", "rope.scaling.finetuned",
    "expert_count", "expert_used_count", "tensor_data_layout",
}
OUTPUTS = {
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
    "model.safetensors",
}
# GGUF's token types.
UNKNOWN, CONTROL, USER_DEFINED = 2, 3, 4


def shortest(value):
    """The float that a person wrote before it was stored as f32: 9.99999974e-06 -> 1e-05."""
    return float(str(numpy.float32(value)))


# ---------------------------------------------------------------------------------------- config

def read_llama3_scaling(model, head_dim, theta):
    """Recover `rope_scaling` of Llama 3.1 from rope_freqs.weight, where llama.cpp keeps its effect.

    The tensor holds what each frequency is divided by; Llama 3.1 and later were all published with
    low_freq_factor 1, high_freq_factor 4 and 8192 original positions. The formula is
    transformers' modeling_rope_utils._compute_llama3_parameters.
    """
    tensor = model.tensors["rope_freqs.weight"]
    if tensor.type != 0 or tensor.shape != (head_dim // 2,):
        model.fail(f"rope_freqs.weight is no f32[{head_dim // 2}]")
    found = numpy.frombuffer(model.bytes_of(tensor, 0, 4 * (head_dim // 2)), "<f4")
    if (found == 1).all():  # as older conversions wrote it of models without any scaling
        return None
    factor, low, high, original = shortest(found.max()), 1.0, 4.0, 8192
    if not (0 < factor < 1e9 and 1 < theta < 1e12):
        model.fail(f"rope_freqs.weight divides by {factor:g} at a base of {theta:g}: impossible")
    wavelength = 2 * numpy.pi * theta ** (numpy.arange(0, head_dim, 2) / head_dim)
    smooth = numpy.clip((original / wavelength - low) / (high - low), 0, 1)
    with numpy.errstate(all="ignore"):  # of a damaged factor: compared below
        expected = 1 / ((1 - smooth) / factor + smooth)
    if not numpy.allclose(found, expected, rtol=1e-3):
        model.fail("rope_freqs.weight holds no llama3 scaling (factor "
                   f"{factor:g}, 8192 original positions): other scalings cannot be imported")
    return {
        "rope_type": "llama3", "factor": factor, "low_freq_factor": low, "high_freq_factor": high,
        "original_max_position_embeddings": original,
    }


def read_rope_scaling(model, arch, head_dim, theta):
    """rope_scaling of config.json, or None; scalings that torchless cannot run are refused."""
    if "rope_freqs.weight" in model.tensors:
        return read_llama3_scaling(model, head_dim, theta)
    kind = model.get(f"{arch}.rope.scaling.type", str, "none")
    factor = model.get(f"{arch}.rope.scaling.factor", float, 0.0)
    if f"{arch}.rope.scale_linear" in model.metadata:
        kind, factor = "linear", model.get(f"{arch}.rope.scale_linear", float)
    if kind == "linear" and factor not in (0, 1):
        return {"rope_type": "linear", "factor": shortest(factor)}
    if kind not in ("none", "linear"):
        model.fail(f"{arch}.rope.scaling.type is {kind}: none, linear and llama3 can be imported")
    return None


def check_architecture(model):
    """Refuse what is no Llama or Mistral; return the name that prefixes the keys."""
    arch = model.get("general.architecture", str)
    if arch not in ("llama", "mistral"):
        model.fail(f"holds a model of architecture '{arch}': llama and mistral can be imported")
    if model.get(f"{arch}.expert_count", int, 0) > 0:
        model.fail(f"is a mixture of experts ({arch}.expert_count): these cannot be imported")
    for key in model.metadata:
        if key.startswith(arch + ".") and key[len(arch) + 1 :] not in KNOWN_KEYS:
            model.fail(f"the key {key} is unknown and may change the numbers")
    return arch


def read_config(model):
    """config.json of the model, without torch_dtype and vocab_size."""
    arch = check_architecture(model)

    def number(key, default=None):
        value = model.get(f"{arch}.{key}", int, default)
        if not 0 < value < 1 << 31:
            model.fail(f"{arch}.{key} is {value}, expected a positive number")
        return value

    hidden, heads = number("embedding_length"), number("attention.head_count")
    kv_heads = number("attention.head_count_kv", heads)
    head_dim = number("attention.key_length", max(hidden // heads, 1))
    for key, expected in (("attention.value_length", head_dim), ("rope.dimension_count", head_dim)):
        if number(key, expected) != expected:
            model.fail(f"{arch}.{key} is {number(key)}, only the head size {expected} is possible")
    if heads % kv_heads or head_dim % 2:
        model.fail(f"has {heads} heads of {head_dim} values and {kv_heads} key-value heads: "
                   "impossible")
    if head_dim * hidden > MAX_HEAD_VALUES:
        model.fail(f"has heads of {head_dim} values over {hidden}: impossible")
    theta = shortest(model.get(f"{arch}.rope.freq_base", float, 10000.0))
    window = model.get(f"{arch}.attention.sliding_window", int, 0)
    scaling = read_rope_scaling(model, arch, head_dim, theta)
    name = model.metadata.get("general.name", "")
    mistral = window or arch == "mistral" or ("mistral" in str(name).lower() and not scaling)
    config = {
        "architectures": ["MistralForCausalLM" if mistral else "LlamaForCausalLM"],
        "model_type": "mistral" if mistral else "llama",
        "hidden_size": hidden,
        "intermediate_size": number("feed_forward_length"),
        "num_hidden_layers": number("block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": head_dim,
        "hidden_act": "silu",
        "max_position_embeddings": number("context_length"),
        "rms_norm_eps": shortest(model.get(f"{arch}.attention.layer_norm_rms_epsilon", float)),
        "rope_theta": theta,
        "tie_word_embeddings": "output.weight" not in model.tensors,
        "attention_dropout": 0.0,
        "initializer_range": 0.02,
        "use_cache": True,
    }
    if mistral:
        config["sliding_window"] = window or None
    else:
        config.update(rope_scaling=scaling, attention_bias=False, mlp_bias=False)
    return config


def end_ids(model):
    """Ids that end a text, the configured one first."""
    keys = ("eos_token_id", "eot_token_id", "eom_token_id")
    ids = [model.get(f"tokenizer.ggml.{key}", int, -1) for key in keys]
    return [number for number in dict.fromkeys(ids) if number >= 0]


def generation_config(model):
    """generation_config.json; the ids are config.json's too."""
    ends = end_ids(model)
    ids = {
        "bos_token_id": model.get("tokenizer.ggml.bos_token_id", int, -1),
        "eos_token_id": ends[0] if len(ends) == 1 else ends,
        "pad_token_id": model.get("tokenizer.ggml.padding_token_id", int, -1),
    }
    return {key: value for key, value in ids.items() if value not in (-1, [])}


# ------------------------------------------------------------------------------------- tokenizer

class Vocabulary:
    """The tokenizer's part of the metadata, checked."""

    def __init__(self, model):
        self.model = model
        self.kind = model.get("tokenizer.ggml.model", str)
        self.pieces = model.get("tokenizer.ggml.tokens", list)
        self.types = model.get("tokenizer.ggml.token_type", list, [1] * len(self.pieces))
        if len(self.types) != len(self.pieces):
            model.fail(f"tokenizer.ggml.token_type has {len(self.types)} entries for "
                       f"{len(self.pieces)} tokens")
        if not all(isinstance(piece, str) for piece in self.pieces):
            model.fail("tokenizer.ggml.tokens holds something that is no string")
        self.ids = {piece: number for number, piece in enumerate(self.pieces)}
        if len(self.ids) != len(self.pieces):
            twice = next(p for i, p in enumerate(self.pieces) if self.ids[p] != i)
            model.fail(f"tokenizer.ggml.tokens holds {brief(twice)} twice")
        self.added = [
            tokenizer_json.added_token(number, self.pieces[number], kind != USER_DEFINED)
            for number, kind in enumerate(self.types)
            if kind in (UNKNOWN, CONTROL, USER_DEFINED)
        ]

    def special(self, key):
        """The piece that tokenizer.ggml.KEY_token_id names, or None."""
        number = self.model.get(f"tokenizer.ggml.{key}_token_id", int, -1)
        if number >= len(self.pieces):
            self.model.fail(f"tokenizer.ggml.{key}_token_id is {number}, there are "
                            f"{len(self.pieces)} tokens")
        return self.pieces[number] if number >= 0 else None

    def bos(self, default):
        """(piece, id) when BOS goes before every text, else None."""
        piece = self.special("bos")
        wanted = self.model.get("tokenizer.ggml.add_bos_token", bool, default)
        return (piece, self.ids[piece]) if wanted and piece is not None else None

    def merges(self):
        """The merges as they are stored, each checked to be made of pieces that exist."""
        merges = self.model.get("tokenizer.ggml.merges", list)
        for merge in merges:
            left, _, right = merge.partition(" ") if isinstance(merge, str) else ("", "", "")
            if left not in self.ids or right not in self.ids or left + right not in self.ids:
                self.model.fail(f"tokenizer.ggml.merges holds {brief(merge)}, no pair of known tokens")
        return merges

    def byte_level(self):
        """tokenizer.json of a byte-level BPE, and whether BOS is added."""
        pre = self.model.get("tokenizer.ggml.pre", str)
        if pre not in tokenizer_json.BYTE_LEVEL_KINDS:
            known = ", ".join(sorted(tokenizer_json.BYTE_LEVEL_KINDS))
            self.model.fail(f"tokenizer.ggml.pre is '{pre}': known are {known}")
        pre_tokenizer, ignore_merges, bos_default = tokenizer_json.BYTE_LEVEL_KINDS[pre]
        bos = self.bos(bos_default)
        return tokenizer_json.byte_level_bpe(
            self.ids, self.merges(), self.added, pre_tokenizer, ignore_merges, bos
        ), bos

    def metaspace(self):
        """tokenizer.json of a SentencePiece BPE, and whether BOS is added."""
        scores = self.model.get("tokenizer.ggml.scores", list)
        if len(scores) != len(self.pieces):
            self.model.fail(f"tokenizer.ggml.scores has {len(scores)} entries for "
                            f"{len(self.pieces)} tokens")
        if sum(len(piece) ** 2 for piece in self.pieces) > MAX_CUTS:
            longest = max(map(len, self.pieces))
            self.model.fail(f"tokenizer.ggml.tokens holds pieces of {longest} characters, "
                            "too long to find their merges")
        unknown = self.special("unknown")
        if unknown is None and UNKNOWN in self.types:
            unknown = self.pieces[self.types.index(UNKNOWN)]
        bos = self.bos(True)
        merges = tokenizer_json.merges_from_scores(self.pieces, scores)
        return tokenizer_json.metaspace_bpe(
            self.ids, merges, self.added, unknown, bos,
            add_prefix=self.model.get("tokenizer.ggml.add_space_prefix", bool, True),
        ), bos

    def files(self, max_length):
        """(tokenizer.json, tokenizer_config.json) as dictionaries."""
        if self.kind not in ("gpt2", "llama"):
            self.model.fail(f"tokenizer.ggml.model is '{self.kind}': gpt2 (byte-level BPE) and "
                            "llama (SentencePiece BPE) can be imported")
        content, bos = self.byte_level() if self.kind == "gpt2" else self.metaspace()
        config = {
            "add_bos_token": bos is not None,
            "add_eos_token": self.model.get("tokenizer.ggml.add_eos_token", bool, False),
            "added_tokens_decoder": {
                str(token["id"]): {k: v for k, v in token.items() if k != "id"}
                for token in self.added
            },
            "clean_up_tokenization_spaces": False,
            "model_input_names": ["input_ids", "attention_mask"],
            "model_max_length": max_length,
            "tokenizer_class": "PreTrainedTokenizerFast",
        }
        if config["add_eos_token"]:
            self.model.fail("tokenizer.ggml.add_eos_token is set, which cannot be imported")
        for name, key in (("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding")):
            piece = self.special(key)
            if piece is not None:
                config[f"{name}_token"] = piece
        template = self.model.get("tokenizer.chat_template", str, "")
        if template:
            config["chat_template"] = template
        return content, config


# --------------------------------------------------------------------------------------- tensors

def hugging_face_name(name):
    """GGUF's name of a tensor -> Hugging Face's, or None."""
    if name in TOP_NAMES:
        return TOP_NAMES[name]
    match = re.fullmatch(r"blk\.(0|[1-9][0-9]{0,5})\.(\w+)\.weight", name)
    if match and match[2] in LAYER_NAMES:
        return f"model.layers.{match[1]}.{LAYER_NAMES[match[2]]}.weight"
    return None


def match_tensors(model, config, n_pieces):
    """{Hugging Face name: GGUFTensor}, complete and of the right shapes; sets vocab_size."""
    found, skipped = {}, []
    for name, tensor in model.tensors.items():
        if name == "rope_freqs.weight":
            continue  # became rope_scaling
        if re.fullmatch(r"blk\.[0-9]+\.attn_rot_embd\.weight", name):
            skipped.append(name)
            continue  # inverse frequencies, which follow from the config: llama.cpp skips them too
        target = hugging_face_name(name)
        if target is None:
            model.fail(f"tensor {name} has no place in a {config['architectures'][0]}")
        found[target] = tensor
    if skipped:
        warn(f"{model.path}: {skipped[0]} is left out, as llama.cpp does: it holds inverse frequencies, "
             "which follow from the config")
    if "model.embed_tokens.weight" not in found:
        model.fail("tensor token_embd.weight is missing")
    vocab_size = found["model.embed_tokens.weight"].shape[0]
    if vocab_size < n_pieces:
        model.fail(f"has {n_pieces} tokens but token_embd.weight has {vocab_size} rows")
    if config["num_hidden_layers"] > len(found):
        model.fail(f"promises {config['num_hidden_layers']} layers in {len(found)} tensors")
    config["vocab_size"] = vocab_size
    shapes = tensor_shapes(config)
    for target, shape in shapes.items():
        if target not in found:
            model.fail(f"the tensor for {target} is missing")
        if found[target].shape != shape:
            model.fail(f"tensor {found[target].name} is {list(found[target].shape)}, "
                       f"expected {list(shape)}")
    for target in found.keys() - shapes.keys():
        model.fail(f"tensor {found[target].name} is beyond {config['num_hidden_layers']} layers")
    return {target: found[target] for target in shapes}


def block_of(model, tensor):
    """(type, values a block, bytes a block) of a tensor whose type can be dequantized."""
    try:
        kind = gguf.GGMLQuantizationType(tensor.type)
        n_values, n_bytes = gguf.GGML_QUANT_SIZES[kind]
        gguf.dequantize(numpy.zeros((1, n_bytes), numpy.uint8), kind)
    except (ValueError, KeyError, NotImplementedError):
        known = kind.name if "kind" in locals() else tensor.type
        model.fail(f"tensor {tensor.name}: the type {known} cannot be dequantized")
    if tensor.shape[-1] % n_values:
        model.fail(f"tensor {tensor.name}: rows of {tensor.shape[-1]} values are no multiple of "
                   f"{kind.name}'s blocks of {n_values}")
    size = size_of("U8", tensor.shape) // n_values * n_bytes
    model.bytes_of(tensor, 0, size)  # says so now when the file is too short
    return kind, n_values, n_bytes


def dequantize(raw, kind):
    """Bytes [rows, bytes a row] -> float32 [rows, values a row]."""
    if kind == gguf.GGMLQuantizationType.F32:
        return raw.view("<f4")
    if kind == gguf.GGMLQuantizationType.F16:
        return raw.view("<f2").astype("<f4")
    with numpy.errstate(all="ignore"):  # a block of damaged scales is the checkpoint's own matter
        return gguf.dequantize(raw, kind)


def pairs_to_halves(rows, head_dim):
    """Undo llama.cpp's order of q and k rows.

    Its rotary embedding turns neighbours (0,1), (2,3), …, Hugging Face's turns (i, i + head_dim/2),
    so within each head row 2i+j of GGUF is row i + j·head_dim/2.
    """
    heads = rows.reshape(-1, head_dim // 2, 2, rows.shape[-1])
    return heads.swapaxes(1, 2).reshape(rows.shape)


def converted(model, target, tensor, head_dim, dtype, progress):
    """Yield TENSOR as bytes of DTYPE, some whole rows (for q and k: whole heads) at a time."""
    kind, n_values, n_bytes = block_of(model, tensor)
    n_columns = tensor.shape[-1]
    n_rows = size_of("U8", tensor.shape) // n_columns
    row_bytes = n_columns // n_values * n_bytes
    is_permuted = target.endswith(("q_proj.weight", "k_proj.weight"))
    unit = head_dim if is_permuted else 1
    step = max(CHUNK_VALUES // n_columns // unit, 1) * unit
    for first in range(0, n_rows, step):
        n = min(step, n_rows - first)
        raw = model.bytes_of(tensor, first * row_bytes, n * row_bytes)
        rows = dequantize(numpy.frombuffer(raw, numpy.uint8).reshape(n, row_bytes), kind)
        if is_permuted:
            rows = pairs_to_halves(rows, head_dim)
        yield floats.from_f32(rows, dtype, f"{model.path}: tensor {tensor.name}")
        progress.add(n * row_bytes)


def choose_dtype(tensors):
    """The type that keeps most: the file's own where it is a plain one, else f16.

    What a quantized block dequantizes to is a short integer times an f16 scale. f16 keeps 11 bits
    of that product where bf16 keeps 8, at the same size.
    """
    counts = {}
    for tensor in tensors.values():
        counts[tensor.type] = counts.get(tensor.type, 0) + size_of("U8", tensor.shape)
    most = max(counts, key=counts.get)
    plain = {"F32": "f32", "F16": "f16", "BF16": "bf16"}
    return plain.get(gguf.GGMLQuantizationType(most).name, "f16")


def source_types(tensors):
    """The names of the quantized types among the tensors', the one of most values first."""
    counts = {}
    for tensor in tensors.values():
        name = gguf.GGMLQuantizationType(tensor.type).name
        counts[name] = counts.get(name, 0) + size_of("U8", tensor.shape)
    quantized = [name for name in counts if name not in ("F32", "F16", "BF16", "F64")]
    return ", ".join(sorted(quantized, key=lambda name: (-counts[name], name)))


# ------------------------------------------------------------------------------------------ main

def import_file(path, output, dtype=None, quiet=False, label=None):
    """Do it all; see the top of the file. LABEL is what the last line calls the output."""
    model = GGUFFile(path)
    config = read_config(model)
    vocabulary = Vocabulary(model)
    tensors = match_tensors(model, config, len(vocabulary.pieces))
    source_bytes = 0
    for tensor in tensors.values():
        _, n_values, n_bytes = block_of(model, tensor)
        source_bytes += size_of("U8", tensor.shape) // n_values * n_bytes
    tokenizer, tokenizer_config = vocabulary.files(config["max_position_embeddings"])
    generation = generation_config(model)
    dtype = dtype or choose_dtype(tensors)
    config.update(generation, torch_dtype=floats.TORCH_NAME[dtype])
    quantized = source_types(tensors)
    if quantized:  # `info` says so: these are no weights that anybody trained
        config["torchless_source_types"] = quantized
    stored = floats.SAFETENSORS_NAME[dtype]

    def is_earlier_output(directory):
        return set(os.listdir(directory)) <= OUTPUTS

    progress = Progress("importing", source_bytes, quiet)
    try:
        with staged_directory(output, is_earlier_output) as directory:
            for name, content in (
                ("config.json", config), ("generation_config.json", generation),
                ("tokenizer.json", tokenizer), ("tokenizer_config.json", tokenizer_config),
            ):
                tokenizer_json.write(os.path.join(directory, name), content)
            with staged_file(os.path.join(directory, "model.safetensors")) as file:
                described = [(target, stored, tensor.shape) for target, tensor in tensors.items()]
                writer = Writer(file, described, {"format": "pt"})
                check_space(directory, writer.total)
                for target in writer.order:
                    writer.write(target, converted(
                        model, target, tensors[target], config["head_dim"], stored, progress))
                writer.finish()
    except BaseException:
        progress.abandon()
        raise
    progress.finish(f"{label or output}: {config['num_hidden_layers']} layers, "
                    f"{len(tensors)} tensors, {human_size(writer.total)} in {dtype}"
                    + (f", dequantized from {quantized}" if quantized else ""))


def main(argv):
    """Parse the command line and import."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: scripts/import_gguf.py SmolLM2-135M-Instruct.Q4_1.gguf "
               "-o models/smollm2-135m",
    )
    parser.add_argument("file", metavar="FILE.gguf")
    parser.add_argument("-o", "--output", required=True, metavar="HF_DIR", help="directory to make")
    parser.add_argument(
        "--dtype", choices=("f16", "bf16", "f32"),
        help="type of the tensors written; default: the file's own when it is not quantized, else "
             "f16: it keeps 11 bits of each dequantized value where bf16 keeps 8, at the same size "
             "(f32 keeps all of them at twice the size)",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")
    options = parser.parse_args(argv)
    import_file(options.file, options.output, options.dtype, options.quiet)


if __name__ == "__main__":
    run_main(main)
