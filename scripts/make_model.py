#!/usr/bin/env python3
"""Makes a model of a real shape with seeded random weights, to measure speed with.

What a checkpoint costs to run depends on its shape and its types, not on what it has learned, and
trained weights of several gigabytes cannot be had everywhere. The sizes are those of the published
config.json; --layers cuts the model. Written is a Hugging Face directory or, with --gguf, one file
as llama.cpp's converter writes it: its names, and the rows of q and k in its order. A tensor's
values depend on the seed and its name only, so the same options give the same model in both forms.
A block type (q8_0, q4_0, ...) is made of the values that --dtype has.

Every value goes straight to the disk: memory stays under a gigabyte. The output appears when it is
complete; a failure leaves nothing behind.
"""

import argparse
import os

from lib import tokenizer_json
from lib.files import (
    BadInput, Progress, check_space, human_size, need, run_main, staged_directory, staged_file,
)
from lib.model_shapes import head_dim_of, tensor_shapes

numpy = need("numpy")
import make_checkpoint  # noqa: E402  (imports numpy)
from lib import floats  # noqa: E402
from lib.safetensors_file import Writer, size_of  # noqa: E402

SHAPES = {
    "mistral-7b": ("Mistral-7B-v0.1: 7.2 billion weights in 32 layers", {
        "arch": "mistral", "layers": 32, "hidden": 4096, "heads": 32, "kv_heads": 8,
        "ffn": 14336, "vocab": 32000, "window": 4096, "max_positions": 32768}),
    "tinyllama": ("TinyLlama-1.1B: 22 layers", {
        "arch": "llama", "layers": 22, "hidden": 2048, "heads": 32, "kv_heads": 4,
        "ffn": 5632, "vocab": 32000, "max_positions": 2048}),
    "smollm2": ("SmolLM2-135M: 30 layers, tied", {
        "arch": "llama", "layers": 30, "hidden": 576, "heads": 9, "kv_heads": 3,
        "ffn": 1536, "vocab": 49152, "theta": 100000.0, "tied": True, "max_positions": 8192}),
    "tiny": ("a small one for tests: 2 layers of 256", {
        "arch": "llama", "layers": 2, "hidden": 256, "heads": 4, "kv_heads": 2,
        "ffn": 512, "vocab": 512, "max_positions": 512}),
}
# The names of tensors in a GGUF file, by the part of Hugging Face's name that says which one it is.
GGUF_LAYER = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
GGUF_TOP = {
    "model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
# general.file_type: what most tensors are, by llama.cpp's numbers.
FILE_TYPES = {
    "F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q5_0": 8, "Q5_1": 9, "BF16": 32,
}
# Token types, and what a piece scores that no merge makes.
NORMAL, UNKNOWN, CONTROL, UNUSED, BYTE = 1, 2, 3, 5, 6
NO_MERGE = -1e6


def options_of(shape, layers, dtype, seed):
    """The options of make_checkpoint.py that describe the model."""
    options = {**make_checkpoint.DEFAULTS, **SHAPES[shape][1], "dtype": dtype, "seed": seed}
    if layers is not None:
        options["layers"] = layers
    make_checkpoint.check(options)
    return options


def make_directory(path, options, quiet):
    """A Hugging Face directory."""
    config = make_checkpoint.make_config(options)
    dtype = floats.SAFETENSORS_NAME[options["dtype"]]
    check_space(existing_parent(path), 1.01 * sum(
        size_of(dtype, shape) for shape in tensor_shapes(config).values()) + (1 << 22))
    make_checkpoint.make(path, options, quiet)


def existing_parent(path):
    """The nearest directory above PATH that is there."""
    path = os.path.dirname(os.path.abspath(path))
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


# ------------------------------------------------------------------------------------------ GGUF

def gguf_name(name):
    """model.layers.3.mlp.up_proj.weight -> blk.3.ffn_up.weight."""
    if name in GGUF_TOP:
        return GGUF_TOP[name]
    _, _, number, part = name.split(".", 3)
    return f"blk.{number}.{GGUF_LAYER[part.removesuffix('.weight')]}.weight"


def interleave(rows, heads):
    """The rows of q or k in llama.cpp's order: the halves of each head's rotary pairs, in turns."""
    half = len(rows) // heads // 2
    return rows.reshape(heads, 2, half, -1).swapaxes(1, 2).reshape(rows.shape)


def chunks_of(name, shape, options, config):
    """Yield the float32 values of a tensor, rows in GGUF's order."""
    values = make_checkpoint.values(name, shape, options)
    if name.endswith(("q_proj.weight", "k_proj.weight")):
        heads = config["num_attention_heads" if "q_proj" in name else "num_key_value_heads"]
        values = [interleave(numpy.concatenate(list(values)), heads)]
    return values


def check_blocks(gguf, kind, config):
    """Refuse a type that the package cannot make, or whose blocks do not divide the rows."""
    if kind.name not in FILE_TYPES:
        can = ", ".join(sorted(name.lower() for name in FILE_TYPES))
        raise BadInput(f"--gguf {kind.name.lower()}: the gguf package cannot make this type: "
                       f"{can} can be made")
    block, _ = gguf.GGML_QUANT_SIZES[kind]
    for name, shape in tensor_shapes(config).items():
        if len(shape) > 1 and shape[1] % block:
            raise BadInput(f"--gguf {kind.name.lower()}: {name} has rows of {shape[1]} values, no "
                           f"multiple of the block of {block}")


def add_metadata(writer, config, options, kind):
    """What llama.cpp and torchless read of the model beside its tensors."""
    head_dim = head_dim_of(config)
    writer.add_name(f"random {options['arch']}")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_rope_dimension_count(head_dim)
    writer.add_vocab_size(config["vocab_size"])
    if config.get("sliding_window"):
        writer.add_sliding_window(config["sliding_window"])
    writer.add_file_type(FILE_TYPES[kind.name])
    writer.add_quantization_version(2)


def add_tokenizer(writer, options):
    """make_checkpoint.py's tokenizer as SentencePiece keeps one: a merge is its piece's score."""
    model = make_checkpoint.make_tokenizer(options["vocab"])[0]["model"]
    rank = {merge.replace(" ", "", 1): -1.0 - i for i, merge in enumerate(reversed(model["merges"]))}
    rank = {piece: -1.0 - (len(rank) + score) for piece, score in rank.items()}
    pieces = sorted(model["vocab"], key=model["vocab"].get)

    def type_of(number, piece):
        if number < 3:
            return UNKNOWN if number == 0 else CONTROL
        if piece.startswith("<0x"):
            return BYTE
        return UNUSED if piece.startswith("<unused") else NORMAL

    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(pieces)
    writer.add_token_scores([rank.get(piece, NO_MERGE) for piece in pieces])
    writer.add_token_types([type_of(number, piece) for number, piece in enumerate(pieces)])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(True)


class GGUFOutput:
    """One GGUF file, tensor by tensor, in as little memory as a chunk takes."""

    def __init__(self, gguf, config, options, kind):
        self.gguf, self.config, self.options, self.kind = gguf, config, options, kind
        self.shapes = tensor_shapes(config)
        self.total = sum(self.size(shape) for shape in self.shapes.values())

    def type_of(self, shape):
        """Norms stay f32."""
        return self.gguf.GGMLQuantizationType.F32 if len(shape) == 1 else self.kind

    def size(self, shape):
        """Bytes of a tensor."""
        block, n_bytes = self.gguf.GGML_QUANT_SIZES[self.type_of(shape)]
        count = 1
        for dim in shape:
            count *= dim
        return count // block * n_bytes

    def encode(self, rows, name):
        """Bytes of ROWS in the tensor's type, after what --dtype rounds away."""
        dtype = floats.SAFETENSORS_NAME[self.options["dtype"]]
        raw = floats.from_f32(rows, dtype, name)
        kind = self.type_of(rows.shape)
        if kind.name == dtype:
            return raw
        values = floats.to_f32(raw, dtype).reshape(rows.shape)
        if kind.name == "F32":
            return values.tobytes()
        return self.gguf.quants.quantize(values, kind).tobytes()

    def write(self, file, progress):
        """Everything, to an open binary file."""
        gguf = self.gguf
        writer = gguf.GGUFWriter(None, "llama")
        # The writer would open its own file; this one is not there yet for others to see.
        writer.fout, pad = [file], writer.data_alignment
        add_metadata(writer, self.config, self.options, self.kind)
        add_tokenizer(writer, self.options)
        for name, shape in self.shapes.items():
            writer.add_tensor_info(gguf_name(name), shape, numpy.dtype(numpy.float32),
                                   self.size(shape), self.type_of(shape))
        writer.state = gguf.gguf_writer.WriterState.EMPTY
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        file.write(bytes(-file.tell() % pad))
        for name, shape in self.shapes.items():
            begin = file.tell()
            for rows in chunks_of(name, shape, self.options, self.config):
                data = self.encode(rows, name)
                file.write(data)
                progress.add(len(data))
            if file.tell() - begin != self.size(shape):
                raise ValueError(f"{name}: {file.tell() - begin} bytes, not {self.size(shape)}")
            file.write(bytes(-file.tell() % pad))


def make_gguf(path, options, kind_name, quiet):
    """A GGUF file whose matrices have the type KIND_NAME."""
    gguf = need("gguf")
    config = make_checkpoint.make_config(options)
    kind = gguf.GGMLQuantizationType[kind_name.upper()]
    if kind.name not in floats.SAFETENSORS_NAME.values():
        check_blocks(gguf, kind, config)
    output = GGUFOutput(gguf, config, options, kind)
    check_space(existing_parent(path), 1.01 * output.total + (1 << 22))
    progress = Progress("gguf", output.total, quiet or output.total < 1e8)
    with staged_file(path) as file:
        output.write(file, progress)
    progress.finish(f"{path}, {human_size(os.path.getsize(path))}")


# ------------------------------------------------------------------------------------------ main

def gguf_type(text):
    """An argparse type: a type of GGUF tensors."""
    gguf = need("gguf")
    if text.upper() not in gguf.GGMLQuantizationType.__members__:
        raise argparse.ArgumentTypeError(f"{text} is no type of GGUF tensors")
    return text.lower()


def parse(argv):
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="shapes:\n" + "".join(f"  {name:<12}{what}\n" for name, (what, _) in SHAPES.items())
        + "\nexamples: scripts/make_model.py --shape mistral-7b --layers 4 -o /tmp/mistral\n"
          "          scripts/make_model.py --shape smollm2 --gguf q4_0 -o /tmp/smollm2-q4_0.gguf",
    )
    parser.add_argument("-o", "--output", metavar="OUT", required=True,
                        help="the directory to make; with --gguf the file")
    parser.add_argument("--shape", choices=tuple(SHAPES), required=True, metavar="NAME",
                        help="one of those below")
    parser.add_argument("--layers", type=make_checkpoint.positive, metavar="N",
                        help="so many instead of all")
    parser.add_argument("--dtype", choices=tuple(floats.SAFETENSORS_NAME),
                        help="type of the weights (bf16)")
    parser.add_argument("--gguf", nargs="?", const="", metavar="TYPE",
                        help="a GGUF file: f32, f16, bf16 (as --dtype), q8_0, q4_0, q4_1, q5_0, "
                             "q5_1")
    parser.add_argument("--seed", type=int, default=1, help="default 1")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")
    arguments = parser.parse_args(argv)
    settle_types(parser, arguments)
    return arguments


def settle_types(parser, arguments):
    """--gguf f16 says --dtype f16; both at once must agree."""
    if arguments.gguf:
        try:
            arguments.gguf = gguf_type(arguments.gguf)
        except argparse.ArgumentTypeError as error:
            parser.error(f"--gguf: {error}")
        if arguments.gguf in floats.SAFETENSORS_NAME:
            if arguments.dtype not in (None, arguments.gguf):
                parser.error(f"--gguf {arguments.gguf} and --dtype {arguments.dtype} differ")
            arguments.dtype = arguments.gguf
    arguments.dtype = arguments.dtype or "bf16"
    if arguments.gguf == "":
        arguments.gguf = arguments.dtype
    if arguments.seed < 0:
        parser.error("--seed: 0 or more")


def main(argv):
    """Parse the command line and make one model."""
    arguments = parse(argv)
    options = options_of(arguments.shape, arguments.layers, arguments.dtype, arguments.seed)
    if arguments.gguf is None:
        make_directory(arguments.output, options, arguments.quiet)
    else:
        make_gguf(arguments.output, options, arguments.gguf, arguments.quiet)


if __name__ == "__main__":
    run_main(main)
