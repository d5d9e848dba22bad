#!/usr/bin/env python3
"""Packs a Hugging Face directory into one safetensors file that torchless opens.

The file is a valid .safetensors: its JSON header carries, besides the tensors, the complete text of
config.json, generation_config.json, tokenizer.json, tokenizer_config.json and chat_template.jinja
under those names in __metadata__, and torchless.format = "1". Tensors are packed in order of use
and aligned to 64 bytes. Weights may be one file or shards, safetensors or pytorch_model*.bin (whose
pickle is not run). Everything is streamed: memory stays small whatever the model. Without --dtype only Python's
standard library is needed. The order depends on the model, not on how it was stored: one file,
shards and .bin of the same weights give the same bytes.
"""

import argparse
import json
import os

from lib.checkpoint import chunks, find_tensors, read_chat_templates, read_text
from lib.files import BadInput, Progress, check_space, human_size, need, run_main, staged_file, warn
from lib.model_shapes import architecture_of, tensor_shapes
from lib.safetensors_file import DTYPE_BYTES, Writer, parse_json
from lib.terminal import brief

PLAIN_TYPES = ("F32", "F16", "BF16")
# Older checkpoints store what follows from config.json; the bytes are not needed.
DERIVED = ".rotary_emb.inv_freq"
# Name, and whether it must be there.
TEXTS = (
    ("config.json", True), ("generation_config.json", False), ("tokenizer.json", True),
    ("tokenizer_config.json", False), ("special_tokens_map.json", False),
    ("added_tokens.json", False),
)
SIZES = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
         "vocab_size")


def read_config(directory, texts):
    """config.json, checked as far as the tensors' shapes depend on it."""
    path = os.path.join(directory, "config.json")
    config = parse_json(texts["config.json"], path)
    if not isinstance(config, dict):
        raise BadInput(f"{path}: no JSON object")
    if architecture_of(config) is None:
        raise BadInput(f"{path}: architectures is {brief(config.get('architectures'))} and model_type "
                       f"{brief(config.get('model_type'))}, expected MistralForCausalLM (mistral) or LlamaForCausalLM (llama)")
    optional = [key for key in ("num_key_value_heads", "head_dim") if config.get(key) is not None]
    for key in (*SIZES, *optional):
        value = config.get(key)
        if type(value) is not int or not 0 < value < 1 << 31:
            raise BadInput(f"{path}: {key} is {brief(value)}, expected a positive number")
    if config.get("num_key_value_heads", 1) is None:
        del config["num_key_value_heads"]
    return config


def choose_tensors(directory, config, found):
    """The Stored tensors of the model in order of use; what is missing is refused."""
    if config["num_hidden_layers"] > len(found):
        raise BadInput(f"{directory}: config.json promises {config['num_hidden_layers']} layers, "
                       f"there are {len(found)} tensors")
    shapes = tensor_shapes(config)
    for name, shape in shapes.items():
        if name not in found and name == "lm_head.weight":
            raise BadInput(f"{directory}: tensor lm_head.weight is missing, and config.json does "
                           "not tie the head to the embeddings (tie_word_embeddings): it is a "
                           f"base model, which predicts no token; use the {architecture_of(config)}"
                           " of it")
        if name not in found:
            raise BadInput(f"{directory}: tensor {name} is missing")
        tensor = found[name]
        if tuple(tensor.shape) != shape:
            raise BadInput(f"{tensor.path}: tensor {name} is {list(tensor.shape)}, config.json "
                           f"implies {list(shape)}")
        if tensor.dtype not in PLAIN_TYPES:
            raise BadInput(f"{tensor.path}: tensor {name} is {tensor.dtype}, expected one of "
                           f"{', '.join(PLAIN_TYPES)}")
    return [found[name] for name in shapes]


def warn_of_unused(directory, config, found, used):
    """Say which tensors stay behind, as the engine and transformers do: the model has no place for them.

    The copy of a tied head, and what follows from config.json, are no loss.
    """
    places = {(tensor.path, tensor.begin) for tensor in used}
    unused = sorted(name for name, tensor in found.items()
                    if (tensor.path, tensor.begin) not in places and not name.endswith(DERIVED)
                    and not (name == "lm_head.weight" and config.get("tie_word_embeddings")))
    if len(unused) == 1:
        warn(f"{directory}: the tensor {unused[0][:200]} is not used: a {architecture_of(config)} has no "
             "place for it")
    elif unused:
        warn(f"{directory}: {len(unused)} tensors are not used, the first is {unused[0][:200]}: a "
             f"{architecture_of(config)} has no place for them")


def converted(tensor, dtype, progress):
    """Yield the tensor's bytes in safetensors DTYPE."""
    for chunk in chunks(tensor):
        if dtype != tensor.dtype:
            values = floats.to_f32(chunk, tensor.dtype)
            yield floats.from_f32(values, dtype, f"{tensor.path}: tensor {tensor.name}")
        else:
            yield chunk
        progress.add(len(chunk))


def export(directory, output, dtype, quiet):
    """Do it all; see the top of the file."""
    texts = {}
    for name, required in TEXTS:
        text = read_text(directory, name, required)
        if text is not None:
            texts[name] = text
    texts |= read_chat_templates(directory)
    config = read_config(directory, texts)
    found = find_tensors(directory, config.get("tie_word_embeddings") is True)
    tensors = choose_tensors(directory, config, found)
    warn_of_unused(directory, config, found, tensors)
    if dtype:
        stored = floats.SAFETENSORS_NAME[dtype]
        key = "dtype" if "dtype" in config else "torch_dtype"
        config = {**parse_json(texts["config.json"], "config.json"), key: floats.TORCH_NAME[dtype]}
        texts["config.json"] = json.dumps(config, ensure_ascii=False, indent=2) + "\n"
    types = {t.name: stored if dtype else t.dtype for t in tensors}
    sizes = [t.size // DTYPE_BYTES[t.dtype] * DTYPE_BYTES[types[t.name]] for t in tensors]
    progress = Progress("exporting", sum(t.size for t in tensors), quiet)
    by_name = {t.name: t for t in tensors}
    try:
        with staged_file(output) as file:
            check_space(os.path.dirname(os.path.abspath(output)), sum(sizes))
            writer = Writer(
                file, [(t.name, types[t.name], t.shape) for t in tensors],
                {"format": "pt", "torchless.format": "1", **texts},
            )
            for name in writer.order:
                writer.write(name, converted(by_name[name], types[name], progress))
            writer.finish()
    except BaseException:
        progress.abandon()
        raise
    used = "/".join(sorted({t.lower() for t in types.values()}))
    progress.finish(f"{output}: {len(tensors)} tensors, "
                    f"{human_size(writer.header_size + writer.total)} in {used}")


def main(argv):
    """Parse the command line and export."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: scripts/export_mistral.py models/smollm2-135m -o smollm2.safetensors",
    )
    parser.add_argument("directory", metavar="HF_DIR")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="file to write")
    parser.add_argument("--dtype", choices=("bf16", "f16", "f32"),
                        help="convert the weights; default: as they are in the checkpoint")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")
    options = parser.parse_args(argv)
    if not os.path.isdir(options.directory):
        raise BadInput(f"{options.directory}: no directory")
    if options.dtype:
        global floats  # numpy is needed for conversions only
        need("numpy")
        from lib import floats
    export(options.directory, options.output, options.dtype, options.quiet)


if __name__ == "__main__":
    run_main(main)
