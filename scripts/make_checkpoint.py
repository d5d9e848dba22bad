#!/usr/bin/env python3
"""Makes small random Hugging Face checkpoints, the same bytes for the same options.

Comparing two implementations needs checkpoints that are nasty on purpose: more query heads than
key-value heads, odd sizes, a window shorter than the prompt, a head size that does not follow from
the others, norm weights that are not 1, activations so small that eps matters. The presets hold one
trap each. A tensor's values depend on the seed and its name only: sharding, order and --dtype
leave them alone (up to rounding). The size is free: --preset mistral-7b writes 14.5 GB.
"""

import argparse
import collections
import json
import os
import zlib

from lib import tokenizer_json
from lib.files import BadInput, Progress, need, run_main, staged_directory, staged_file

numpy = need("numpy")
from lib import floats  # noqa: E402  (imports numpy)
from lib.model_shapes import tensor_shapes  # noqa: E402
from lib.safetensors_file import Writer, size_of  # noqa: E402

CHUNK_VALUES = 1 << 22
TEXT = """The model reads a text as a row of tokens and says which token may come next. Each
layer adds something to what the layers before it have written, and nothing is ever taken away:
what a head has read from the other tokens, what the network has made of it, all of it ends up
in the same row of numbers. The last norm and the head turn that row into one number for each
token there is. There are few parts, and each of them is small; it is how they work together
that takes a while to see."""
ENDS = [2]

DEFAULTS = {
    "arch": "mistral", "layers": 3, "hidden": 48, "heads": 4, "kv_heads": 2, "head_dim": None,
    "ffn": 96, "vocab": 384, "window": None, "theta": 10000.0, "rope_scaling": None, "tied": False,
    "dtype": "f32", "shards": 1, "seed": 1, "init_scale": 1.0, "logit_scale": 1.0,
    "score_scale": 1.0, "eps": 1e-5, "tiny_norm": False, "modern_config": False, "eos": None,
    "max_positions": 512,
}
# name -> (what it is for, options that differ from the defaults)
PRESETS = {
    "plain": ("two key-value heads of four, nothing unusual", {}),
    "gqa-odd": ("odd sizes everywhere: vector tails and group mapping", {
        "hidden": 33, "heads": 6, "kv_heads": 3, "head_dim": 10, "ffn": 71, "vocab": 331}),
    "mqa": ("one key-value head", {"kv_heads": 1}),
    "mha": ("as many key-value heads as heads", {"kv_heads": 4}),
    "window": ("a sliding window of 5, shorter than any real prompt", {"window": 5}),
    "head-dim": ("head_dim is not hidden / heads", {"hidden": 40, "head_dim": 24}),
    "tied": ("the embedding is the output matrix", {"arch": "llama", "tied": True}),
    "untied": ("a Llama with its own output matrix", {"arch": "llama"}),
    "f16": ("weights in f16", {"dtype": "f16"}),
    "bf16": ("weights in bf16", {"dtype": "bf16"}),
    "tiny-norm": ("activations of 1e-3 and one token that is all zero: eps decides",
                  {"tiny_norm": True}),
    # Each such softmax makes a difference of rounding ten times larger; two layers show what it
    # takes to overflow, and leave the comparison with another engine its margin.
    "big-logits": ("logits and scores near ±100: softmax without its maximum overflows",
                   {"layers": 2, "logit_scale": 30.0, "score_scale": 10.0}),
    "llama3-rope": ("rope_scaling llama3, all three of its ranges", {
        "arch": "llama", "hidden": 64, "heads": 2, "kv_heads": 1, "theta": 500000.0,
        "rope_scaling": "llama3"}),
    "linear-rope": ("rope_scaling linear", {"arch": "llama", "rope_scaling": "linear:4"}),
    "nested-theta": ("rope_theta inside rope_parameters, dtype for torch_dtype", {
        "theta": 1000000.0, "modern_config": True}),
    "shards": ("three shards with an index", {"shards": 3, "dtype": "bf16"}),
    "two-ends": ("several end-of-sequence ids", {"eos": [2, 7]}),
    "mistral-7b-4-layers": ("Mistral 7B cut after four layers, 2.3 GB", {
        "layers": 4, "hidden": 4096, "heads": 32, "kv_heads": 8, "head_dim": 128, "ffn": 14336,
        "vocab": 32000, "window": 4096, "dtype": "bf16", "max_positions": 32768}),
    "mistral-7b": ("Mistral 7B's shape, 14.5 GB", {
        "layers": 32, "hidden": 4096, "heads": 32, "kv_heads": 8, "head_dim": 128, "ffn": 14336,
        "vocab": 32000, "window": 4096, "dtype": "bf16", "max_positions": 32768, "shards": 2}),
}
LARGE = ("mistral-7b-4-layers", "mistral-7b")


# ------------------------------------------------------------------------------------- tokenizer

def train_merges(text, n_merges):
    """Byte-pair encoding by the book: join the most frequent pair of neighbours, n_merges times."""
    words = collections.Counter(tuple("▁" + word) for word in text.split())
    merges = []
    while len(merges) < n_merges:
        pairs = collections.Counter()
        for word, count in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += count
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        joined = collections.Counter()
        for word, count in words.items():
            joined[tuple(join_pair(word, best))] += count
        words = joined
    return merges


def join_pair(word, pair):
    """Yield WORD's symbols with each PAIR of neighbours joined, from left to right."""
    position = 0
    while position < len(word):
        if word[position : position + 2] == pair:
            yield pair[0] + pair[1]
            position += 2
        else:
            yield word[position]
            position += 1


def make_tokenizer(vocab_size):
    """(tokenizer.json, tokenizer_config.json) of a Metaspace BPE that fills VOCAB_SIZE ids."""
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    pieces += sorted(set("▁" + "".join(TEXT.split())))
    if vocab_size < len(pieces):
        raise BadInput(f"--vocab {vocab_size} is too small, the tokenizer needs {len(pieces)}")
    merges = []
    for left, right in train_merges(TEXT, vocab_size - len(pieces)):
        merges.append(f"{left} {right}")
        if left + right not in pieces:
            pieces.append(left + right)
    # What the text has no more pairs for is filled with pieces that no merge reaches.
    pieces += [f"<unused{number}>" for number in range(vocab_size - len(pieces))]
    added = [tokenizer_json.added_token(number, pieces[number], True) for number in range(3)]
    vocab = {piece: number for number, piece in enumerate(pieces)}
    content = tokenizer_json.metaspace_bpe(vocab, merges, added, "<unk>", bos=("<s>", 1))
    config = {
        "add_bos_token": True, "add_eos_token": False, "bos_token": "<s>", "eos_token": "</s>",
        "unk_token": "<unk>", "clean_up_tokenization_spaces": False, "legacy": True,
        "model_input_names": ["input_ids", "attention_mask"],
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    return content, config


# ------------------------------------------------------------------------------ config

def rope_scaling(text):
    """--rope-scaling's value -> config.json's rope_scaling."""
    if text is None:
        return None
    if text == "llama3":
        # Small, so that a head of 32 values has frequencies in all three ranges.
        return {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
    return {"rope_type": "linear", "factor": float(text.partition(":")[2])}


def make_config(options):
    """config.json; --modern-config writes it as transformers 5 does."""
    mistral = options["arch"] == "mistral"
    eos = options["eos"] or ENDS
    config = {
        "architectures": ["MistralForCausalLM" if mistral else "LlamaForCausalLM"],
        "model_type": options["arch"],
        "vocab_size": options["vocab"],
        "hidden_size": options["hidden"],
        "intermediate_size": options["ffn"],
        "num_hidden_layers": options["layers"],
        "num_attention_heads": options["heads"],
        "num_key_value_heads": options["kv_heads"],
        "hidden_act": "silu",
        "max_position_embeddings": options["max_positions"],
        "initializer_range": 0.02,
        "rms_norm_eps": options["eps"],
        "use_cache": True,
        "bos_token_id": 1,
        "eos_token_id": eos if len(eos) > 1 else eos[0],
        "tie_word_embeddings": options["tied"],
    }
    if options["head_dim"] is not None:
        config["head_dim"] = options["head_dim"]
    if mistral:
        config["sliding_window"] = options["window"]
    else:
        config.update(attention_bias=False, mlp_bias=False)
    scaling = rope_scaling(options["rope_scaling"])
    torch_name = floats.TORCH_NAME[options["dtype"]]
    if options["modern_config"]:
        config["rope_parameters"] = {
            "rope_type": "default", **(scaling or {}), "rope_theta": options["theta"],
        }
        config["dtype"] = torch_name
    else:
        config["rope_theta"] = options["theta"]
        config["torch_dtype"] = torch_name
        if not mistral:
            config["rope_scaling"] = scaling
    return config


def check(options):
    """Refuse options that describe no model."""
    head_dim = options["head_dim"] or options["hidden"] // options["heads"]
    if options["heads"] % options["kv_heads"]:
        raise BadInput(f"--heads {options['heads']} is no multiple of "
                       f"--kv-heads {options['kv_heads']}")
    if head_dim < 2 or head_dim % 2:
        raise BadInput(f"a head size of {head_dim} has no pairs to rotate: give --head-dim")
    if options["head_dim"] is None and options["hidden"] % options["heads"]:
        raise BadInput(f"--hidden {options['hidden']} is no multiple of --heads "
                       f"{options['heads']}: give --head-dim")
    if options["arch"] == "llama" and options["window"] is not None:
        raise BadInput("--window: Llama has no sliding window")
    if options["arch"] == "mistral" and options["rope_scaling"] and not options["modern_config"]:
        raise BadInput("--rope-scaling: transformers 4 knows it for --arch llama only")


# --------------------------------------------------------------------------------------- weights

def spread(name, shape, options):
    """The standard deviation of a matrix's values: keeps activations near 1 through a layer."""
    if name.startswith("model.embed_tokens"):
        scale = 1e-3 if options["tiny_norm"] else 1.0
        # A tied matrix also makes the logits, whose spread it should not blow up.
        return scale * (shape[1] ** -0.5 if options["tied"] else 1.0)
    scale = shape[1] ** -0.5
    if name == "lm_head.weight":
        return scale * options["logit_scale"]
    if options["tiny_norm"] and name.endswith(("o_proj.weight", "down_proj.weight")):
        return scale * 1e-3
    # Queries and keys a little larger: attention patterns that are not flat.
    if name.endswith("q_proj.weight"):
        return scale * 2.0 * options["score_scale"]
    return scale * (2.0 if name.endswith("k_proj.weight") else 1.0)


def values(name, shape, options):
    """Yield the tensor's values as float32, whole rows at a time."""
    generator = numpy.random.Generator(
        numpy.random.PCG64([options["seed"], zlib.crc32(name.encode())])
    )
    if len(shape) == 1:
        yield (1 + 0.3 * generator.standard_normal(shape, numpy.float32)).astype(numpy.float32)
        return
    scale = numpy.float32(spread(name, shape, options) * options["init_scale"])
    step = max(CHUNK_VALUES // shape[1], 1)
    for first in range(0, shape[0], step):
        rows = generator.standard_normal((min(step, shape[0] - first), shape[1]), numpy.float32)
        rows *= scale
        if options["tiny_norm"] and name.startswith("model.embed_tokens") and first == 0:
            rows[3] = 0
        yield rows


def split_into_shards(shapes, dtype, n_shards):
    """Deal the tensors, in order, into N_SHARDS lists of about equal size."""
    sizes = {name: size_of(dtype, shape) for name, shape in shapes.items()}
    total, done = sum(sizes.values()), 0
    shards = [[] for _ in range(n_shards)]
    for name, size in sizes.items():
        shards[min(n_shards * done // total, n_shards - 1)].append(name)
        done += size
    if not all(shards):
        raise BadInput(f"--shards {n_shards} are too many for {len(shapes)} tensors")
    return shards, total


def write_weights(directory, shapes, options, progress):
    """model.safetensors, or shards and their index."""
    dtype = floats.SAFETENSORS_NAME[options["dtype"]]
    shards, total = split_into_shards(shapes, dtype, options["shards"])
    places = {}
    for number, names in enumerate(shards, 1):
        file_name = "model.safetensors"
        if len(shards) > 1:
            file_name = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        with staged_file(os.path.join(directory, file_name)) as file:
            described = [(name, dtype, shapes[name]) for name in names]
            writer = Writer(file, described, {"format": "pt"})
            for name in writer.order:
                writer.write(name, (
                    counted(floats.from_f32(rows, dtype, name), progress)
                    for rows in values(name, shapes[name], options)
                ))
            writer.finish()
        places.update({name: file_name for name in names})
    if len(shards) > 1:
        index = {"metadata": {"total_size": total}, "weight_map": places}
        tokenizer_json.write(os.path.join(directory, "model.safetensors.index.json"), index)


def counted(data, progress):
    """DATA, after telling PROGRESS of it."""
    progress.add(len(data))
    return data


# ------------------------------------------------------------------------------------------ main

def is_random_checkpoint(directory):
    """True for what this script made: only that is replaced."""
    try:
        with open(os.path.join(directory, "checkpoint.json"), encoding="utf-8") as file:
            return isinstance(json.load(file), dict)
    except (OSError, ValueError):
        return False


def make(directory, options, quiet):
    """Write one checkpoint directory."""
    check(options)
    tokenizer, tokenizer_config = make_tokenizer(options["vocab"])
    config = make_config(options)
    shapes = tensor_shapes(config)
    generation = {key: config[key] for key in ("bos_token_id", "eos_token_id")}
    total = sum(size_of(floats.SAFETENSORS_NAME[options["dtype"]], s) for s in shapes.values())
    with staged_directory(directory, is_random_checkpoint) as staged:
        for name, content in (
            ("config.json", config), ("generation_config.json", generation),
            ("tokenizer.json", tokenizer), ("tokenizer_config.json", tokenizer_config),
            ("checkpoint.json", {"made_by": "scripts/make_checkpoint.py", "options": options}),
        ):
            tokenizer_json.write(os.path.join(staged, name), content)
        progress = Progress("checkpoint", total, quiet or total < 1e8)
        write_weights(staged, shapes, options, progress)
    progress.finish(directory)


def positive(text):
    """An argparse type: a whole number above 0."""
    number = int(text)
    if not 0 < number < 1 << 31:
        raise ValueError
    return number


def scaling_option(text):
    """An argparse type: llama3 or linear:N."""
    kind, _, factor = text.partition(":")
    if text != "llama3" and not (kind == "linear" and float(factor) > 0):
        raise ValueError
    return text


def parse(argv):
    """The command line; options that were not given are None, so that presets show through."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples: scripts/make_checkpoint.py --preset window -o /tmp/window\n"
               "          scripts/make_checkpoint.py --layers 2 --kv-heads 1 -o /tmp/m\n"
               "          scripts/make_checkpoint.py --preset all -o /tmp/checkpoints",
    )
    parser.add_argument("-o", "--output", metavar="DIR", help="directory to make")
    parser.add_argument("--preset", choices=[*PRESETS, "all"], metavar="NAME",
                        help="start from a preset; all makes each small one as DIR/NAME")
    parser.add_argument("--list", action="store_true", help="list the presets")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")
    for name in ("layers", "hidden", "heads", "kv-heads", "head-dim", "ffn", "vocab", "window",
                 "shards", "max-positions"):
        parser.add_argument(f"--{name}", type=positive, metavar="N")
    parser.add_argument("--arch", choices=("mistral", "llama"))
    parser.add_argument("--dtype", choices=tuple(floats.SAFETENSORS_NAME))
    parser.add_argument("--theta", type=float, help="rope_theta")
    parser.add_argument("--eps", type=float, help="rms_norm_eps")
    parser.add_argument("--rope-scaling", type=scaling_option, metavar="llama3|linear:N")
    parser.add_argument("--tied", action="store_true", default=None, help="no matrix lm_head")
    parser.add_argument("--eos", type=int, action="append", metavar="ID", help="may be repeated")
    parser.add_argument("--seed", type=int, help="default 1")
    parser.add_argument("--init-scale", type=float, metavar="X", help="multiplies every matrix")
    parser.add_argument("--logit-scale", type=float, metavar="X", help="multiplies lm_head")
    parser.add_argument("--score-scale", type=float, metavar="X",
                        help="multiplies q_proj, and so the attention scores")
    parser.add_argument("--tiny-norm", action="store_true", default=None,
                        help="activations near 1e-3, the token with id 3 all zero")
    parser.add_argument("--modern-config", action="store_true", default=None,
                        help="rope_parameters and dtype, as transformers 5 writes them")
    return parser, parser.parse_args(argv)


def main(argv):
    """Parse the command line, make one checkpoint or all small presets."""
    parser, arguments = parse(argv)
    if arguments.list:
        for name, (purpose, _) in PRESETS.items():
            print(f"{name:<21}{purpose}")
        return
    if not arguments.output:
        parser.error("-o DIR is needed")
    given = {k: v for k, v in vars(arguments).items() if k in DEFAULTS and v is not None}
    if arguments.preset == "all":
        os.makedirs(arguments.output, exist_ok=True)
        for name in PRESETS:
            if name not in LARGE:
                options = {**DEFAULTS, **PRESETS[name][1], **given}
                make(os.path.join(arguments.output, name), options, arguments.quiet)
        return
    preset = PRESETS[arguments.preset][1] if arguments.preset else {}
    make(arguments.output, {**DEFAULTS, **preset, **given}, arguments.quiet)


if __name__ == "__main__":
    run_main(main)
