#!/usr/bin/env python3
"""Makes a GGUF file of a Hugging Face directory or a packed file, its matrices in blocks of 4 or 8 bits.

The weights are what the `gguf` package quantises them to, byte for byte; norms stay f32, and a matrix
whose rows are no whole blocks becomes f16. Names, the order of the rows of q and k, the tokenizer, the
chat template and the scaling of the rotary embedding are written as llama.cpp's converter does, so
llama.cpp opens the file too. Everything is streamed, a few rows at a time: memory stays small whatever
the model. The file appears when it is complete; a failure leaves nothing behind.
"""

import argparse
import math
import os

from lib import safetensors_file, weight_names
from lib.checkpoint import Stored, find_tensors, read_chat_templates, read_text
from lib.files import BadInput, Progress, check_space, human_size, need, open_regular, run_main, staged_file, warn
from lib.gguf_tokenizer import GGUFTokenizer
from lib.model_shapes import architecture_of, head_dim_of
from lib.safetensors_file import parse_json
from lib.terminal import brief

numpy, gguf = need("numpy", "gguf")
import export_mistral  # noqa: E402
from lib import floats  # noqa: E402  (imports numpy)
from make_model import gguf_name, interleave  # noqa: E402

Kind = gguf.GGMLQuantizationType
TYPES = ("q8_0", "q4_0", "f16", "bf16", "f32")
FILE_TYPES = {Kind.F32: 0, Kind.F16: 1, Kind.Q4_0: 2, Kind.Q8_0: 7, Kind.BF16: 32}
CHUNK_VALUES = 1 << 22  # values in f32 at a time
ACTIVATIONS = ("silu",)


class Source:
    """A model: its texts and where its tensors lie."""

    def __init__(self, path):
        self.path = path
        self.texts, found = self._directory() if os.path.isdir(path) else self._packed()
        self.config = export_mistral.read_config(path, self.texts)
        self.tensors = {t.name: t for t in export_mistral.choose_tensors(path, self.config, found(self.config))}

    def _directory(self):
        texts = {}
        for name, required in export_mistral.TEXTS:
            text = read_text(self.path, name, required)
            if text is not None:
                texts[name] = text
        texts |= read_chat_templates(self.path)
        return texts, lambda config: find_tensors(self.path, config.get("tie_word_embeddings") is True)

    def _packed(self):
        tensors, metadata = safetensors_file.read_header(self.path)
        if not isinstance(metadata, dict) or "config.json" not in metadata or "tokenizer.json" not in metadata:
            raise BadInput(f"{self.path}: holds weights only: name the directory it is in, with config.json and "
                           "tokenizer.json")
        stored = {t.name: Stored(t.name, t.dtype, t.shape, self.path, t.begin, t.size) for t in tensors.values()}

        def found(config):
            tied = config.get("tie_word_embeddings") is True
            return {name: t._replace(name=name)
                    for name, t in weight_names.resolve(stored, [metadata], tied, self.path).items()}

        return dict(metadata), found

    def json(self, name):
        """The object in one of the texts; an empty one when it is not there."""
        value = parse_json(self.texts[name], f"{self.path}: {name}") if name in self.texts else {}
        if not isinstance(value, dict):
            raise BadInput(f"{self.path}: {name}: no JSON object")
        return value


# --------------------------------------------------------------------------------------- metadata

def rope_scaling(source):
    """(keys to write, factors of rope_freqs.weight or None) of config.json's rope_scaling."""
    config = source.config
    scaling = config.get("rope_scaling") or {}
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind == "default":
        return None, None
    if kind == "linear":
        return scaling["factor"], None
    if kind != "llama3":
        raise BadInput(f"{source.path}: rope_scaling is {brief(kind)}: linear and llama3 can be written")
    head_dim, base = head_dim_of(config), theta_of(config)
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    original = scaling["original_max_position_embeddings"]
    factors = []
    for i in range(0, head_dim, 2):
        wavelength = 2 * math.pi * base ** (i / head_dim)
        if wavelength < original / high:
            factors.append(1.0)
        elif wavelength > original / low:
            factors.append(float(scaling["factor"]))
        else:
            smooth = (original / wavelength - low) / (high - low)
            factors.append(1 / ((1 - smooth) / scaling["factor"] + smooth))
    return None, numpy.array(factors, numpy.float32)


def theta_of(config):
    """The base of the rotary embedding, wherever this version of transformers put it."""
    return float(config.get("rope_theta") or (config.get("rope_parameters") or {}).get("rope_theta") or 10000.0)


def check_config(source):
    """Refuse what GGUF's architecture llama computes otherwise."""
    config = source.config
    if config.get("hidden_act", "silu") not in ACTIVATIONS:
        raise BadInput(f"{source.path}: config.json: hidden_act is {brief(config['hidden_act'])}, expected silu")
    for key in ("attention_bias", "mlp_bias"):
        if config.get(key):
            raise BadInput(f"{source.path}: config.json: {key} is set: biases cannot be written")
    for key in ("rms_norm_eps", "max_position_embeddings"):
        if not isinstance(config.get(key), (int, float)):
            raise BadInput(f"{source.path}: config.json: {key} is {brief(config.get(key))}, expected a number")


def name_of(source):
    """general.name: what config.json or the path calls it; a Mistral is called one, for readers go by the name."""
    given = source.config.get("_name_or_path")
    base = os.path.basename(os.path.abspath(source.path)).removesuffix(".safetensors")
    name = given.rstrip("/").split("/")[-1] if isinstance(given, str) and given.strip("/.") else base
    is_mistral = architecture_of(source.config) == "MistralForCausalLM"
    return f"{name} (Mistral)" if is_mistral and "mistral" not in name.lower() else name


def end_ids(generation, config):
    """Ids that end a text, in order."""
    ids = generation.get("eos_token_id", config.get("eos_token_id"))
    ids = ids if isinstance(ids, list) else [ids]
    return [number for number in dict.fromkeys(ids) if isinstance(number, int)]


def add_sizes(writer, source, kind, linear):
    """general.* and what is under the architecture's name."""
    config = source.config
    head_dim, heads = head_dim_of(config), config["num_attention_heads"]
    writer.add_type("model")
    writer.add_name(name_of(source))
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads", heads))
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(head_dim)
    writer.add_rope_freq_base(theta_of(config))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    if config.get("sliding_window"):
        writer.add_sliding_window(config["sliding_window"])
    if linear:
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(linear)
    writer.add_file_type(FILE_TYPES[kind])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def add_tokenizer(writer, source):
    """tokenizer.*"""
    document, config = source.json("tokenizer.json"), source.json("tokenizer_config.json")
    generation = source.json("generation_config.json")
    vocab = {**(document.get("model") or {}).get("vocab", {}),
             **{t["content"]: t["id"] for t in document.get("added_tokens") or []}}

    def id_of(name):
        piece = config.get(f"{name}_token")
        return vocab.get(piece["content"] if isinstance(piece, dict) else piece)

    ends = end_ids(generation, source.config) or [number for number in [id_of("eos")] if number is not None]
    if len(ends) > 3:
        warn(f"{source.path}: {len(ends)} tokens end a text, of which GGUF can name three")
    unk = (document.get("model") or {}).get("unk_token")
    bos = source.config.get("bos_token_id")
    ids = {"bos": bos if isinstance(bos, int) else id_of("bos"), "eos": ends[:3],
           "unk": vocab.get(unk) if unk else None, "pad": id_of("pad")}
    made = GGUFTokenizer(source.path, document, config, ids)
    made.write(writer, source.config["vocab_size"], source.texts.get("chat_template.jinja"))


# ---------------------------------------------------------------------------------------- tensors

def head_of(config):
    """The tensor that logits are made with."""
    return "model.embed_tokens.weight" if config.get("tie_word_embeddings") else "lm_head.weight"


def type_of(name, shape, kind, better):
    """Norms stay f32; a row that is no whole number of blocks is f16, as in llama.cpp's converter.

    BETTER names a tensor that is q8_0 among matrices of four bits, or None.
    """
    if len(shape) == 1:
        return Kind.F32
    if name == better and kind == Kind.Q4_0:
        kind = Kind.Q8_0
    return kind if shape[-1] % gguf.GGML_QUANT_SIZES[kind][0] == 0 else Kind.F16


def size_of(shape, kind):
    """Bytes of a tensor of that type."""
    block, n_bytes = gguf.GGML_QUANT_SIZES[kind]
    return math.prod(shape) // block * n_bytes


def heads_of(name, config):
    """How many heads the rows of a tensor belong to, where GGUF has them in another order; else None."""
    heads = config["num_attention_heads"]
    if name.endswith("self_attn.q_proj.weight"):
        return heads
    return config.get("num_key_value_heads", heads) if name.endswith("self_attn.k_proj.weight") else None


def chunks_of(tensor, config):
    """Yield the f32 values of a Stored tensor, whole rows in GGUF's order."""
    columns = tensor.shape[-1]
    heads = heads_of(tensor.name, config)
    unit = head_dim_of(config) if heads else 1  # rows that are put in order together
    n_rows = math.prod(tensor.shape) // columns
    step = max(CHUNK_VALUES // columns // unit, 1) * unit
    row_bytes = tensor.size // n_rows
    with open_regular(tensor.path) as file:
        file.seek(tensor.begin)
        for begin in range(0, n_rows, step):
            n = min(step, n_rows - begin)
            raw = file.read(n * row_bytes)
            if len(raw) != n * row_bytes:
                raise BadInput(f"{tensor.path}: tensor {tensor.name}: the file became shorter")
            rows = floats.to_f32(raw, tensor.dtype).reshape(n, columns)
            yield interleave(rows, n // unit) if heads else rows


def encode(rows, kind, tensor):
    """The bytes of some rows."""
    where = f"{tensor.path}: tensor {tensor.name}"
    if kind.name in floats.SAFETENSORS_NAME.values():
        return floats.from_f32(rows, kind.name, where)
    if not numpy.isfinite(rows).all():
        raise BadInput(f"{where} holds NaN or infinity, which blocks cannot")
    return gguf.quants.quantize(rows, kind).tobytes()


def quantize(path, output, kind, pure, quiet):
    """Do it all; see the top of the file."""
    source = Source(path)
    check_config(source)
    linear, factors = rope_scaling(source)
    tensors = list(source.tensors.values())
    better = None if pure else head_of(source.config)
    types = {t.name: type_of(t.name, t.shape, kind, better) for t in tensors}
    odd = [t.name for t in tensors if types[t.name] == Kind.F16 != kind]
    if odd:
        warn(f"{path}: {len(odd)} matrices become f16, the first is {odd[0]}: its rows are no whole blocks of "
             f"{gguf.GGML_QUANT_SIZES[kind][0]}")
    writer = gguf.GGUFWriter(None, "llama")
    add_sizes(writer, source, kind, linear)
    add_tokenizer(writer, source)
    sizes = {t.name: size_of(t.shape, types[t.name]) for t in tensors}
    for t in tensors:
        writer.add_tensor_info(gguf_name(t.name), t.shape, numpy.dtype(numpy.float32), sizes[t.name], types[t.name])
    if factors is not None:
        writer.add_tensor_info("rope_freqs.weight", factors.shape, factors.dtype, factors.nbytes, Kind.F32)
    progress = Progress("quantizing", sum(t.size for t in tensors), quiet)
    try:
        with staged_file(output) as file:
            check_space(os.path.dirname(os.path.abspath(output)), sum(sizes.values()) + (1 << 22))
            # The writer would open its own file; this one is not there yet for others to see.
            writer.fout, pad = [file], writer.data_alignment
            writer.state = gguf.gguf_writer.WriterState.EMPTY
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_ti_data_to_file()
            file.write(bytes(-file.tell() % pad))
            for t in tensors:
                for rows in chunks_of(t, source.config):
                    file.write(encode(rows.reshape(t.shape) if len(t.shape) == 1 else rows, types[t.name], t))
                    progress.add(rows.size * safetensors_file.DTYPE_BYTES[t.dtype])
                file.write(bytes(-file.tell() % pad))
            if factors is not None:
                file.write(factors.tobytes())
                file.write(bytes(-file.tell() % pad))
    except BaseException:
        progress.abandon()
        raise
    n_values = sum(math.prod(t.shape) for t in tensors)
    size = os.path.getsize(output)
    progress.finish(f"{output}: {len(tensors)} tensors, {human_size(size)}, {8 * size / n_values:.2f} bits a weight")


def main(argv):
    """Parse the command line and quantise."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: scripts/quantize.py models/smollm2-135m --type q4_0 -o smollm2-q4_0.gguf",
    )
    parser.add_argument("model", metavar="MODEL", help="a Hugging Face directory or a packed file")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="file to write")
    parser.add_argument("--type", choices=TYPES, default="q8_0",
                        help="type of the matrices (default: q8_0)")
    parser.add_argument("--pure", action="store_true",
                        help="with q4_0: the head too (tied: the embeddings), which else is q8_0, since every token goes "
                             "through it")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")
    options = parser.parse_args(argv)
    if not os.path.exists(options.model):
        raise BadInput(f"{options.model}: no such file or directory")
    quantize(options.model, options.output, Kind[options.type.upper()], options.pure, options.quiet)


if __name__ == "__main__":
    run_main(main)
