#!/usr/bin/env python3
"""Makes the real Mistral tokenizers, as Hugging Face directories, for the tests.

Mistral publishes its tokenizers (SentencePiece models, and Tekken) in the package mistral-common
on PyPI, Apache-2.0. This turns them into `tokenizer.json`, the file that torchless reads:

  mistral-v1, mistral-v3    by transformers' own converter (7B v0.1, v0.3)
  tekken                    from the ranked byte strings (Nemo)
  mistral-v1-metaspace-*    v1 with a Metaspace pre-tokenizer in place of the normalizer, every
                            prepend_scheme with split true and false, as newer files have it
  mistral-v1-pairs          v1 with merges as ["a","b"], which tokenizers 0.20 and later write

Quick when everything is there: a stamp in the output directory names what it was made from.
"""

import argparse
import base64
import json
import os
import sys
import tempfile

from lib import tokenizer_json
from lib.files import EnvironmentProblem, need, run_main, staged_directory
from lib.pypi import extract, fetch_wheel, sha256_of

WHEEL = ("mistral-common", "1.5.6",
         "7e6d7a69eb955d1710fd34d09cf1ed22aced75708d853ee3c4488bc84ab99bd6")
SENTENCEPIECE = {
    "mistral-v1": "tokenizer.model.v1",
    "mistral-v3": "mistral_instruct_tokenizer_240323.model.v3",
}
TEKKEN = "tekken_240911.json"
# Tekken's control tokens; the file of this version does not list them, mistral-common does.
TEKKEN_CONTROL = """<unk> <s> </s> [INST] [/INST] [AVAILABLE_TOOLS] [/AVAILABLE_TOOLS]
    [TOOL_RESULTS] [/TOOL_RESULTS] [TOOL_CALLS] [IMG] <pad> [IMG_BREAK] [IMG_END] [PREFIX] [MIDDLE]
    [SUFFIX] [SYSTEM_PROMPT] [/SYSTEM_PROMPT] [TOOL_CONTENT]""".split()
STAMP = ".made-from"


def from_sentencepiece(wheel, member, directory):
    """Convert a SentencePiece model with transformers; keep only what a Hub repository has."""
    with tempfile.TemporaryDirectory() as scratch:
        model = os.path.join(scratch, "tokenizer.model")
        extract(wheel, f"mistral_common/data/{member}", model)
        # add_prefix_space must be said: this version takes its absence for False and drops the
        # Prepend normalizer that Mistral's own files have.
        tokenizer = transformers.LlamaTokenizerFast(
            vocab_file=model, legacy=True, add_prefix_space=True
        )
        tokenizer.save_pretrained(directory)
    path = os.path.join(directory, "tokenizer_config.json")
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    # Said in the file, it would make transformers convert the SentencePiece model once more.
    del config["add_prefix_space"]
    tokenizer_json.write(path, config)
    for name in ("tokenizer.model", "special_tokens_map.json"):
        os.unlink(os.path.join(directory, name))


def from_tekken(wheel, directory):
    """Build byte-level BPE from Tekken's ranked byte strings; ids start after the specials."""
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, TEKKEN)
        extract(wheel, f"mistral_common/data/{TEKKEN}", path)
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
    config = data["config"]
    n_special = config["default_num_special_tokens"]
    n_ranked = config["default_vocab_size"] - n_special
    if config["pattern"] != tokenizer_json.TEKKEN_PATTERN:
        raise EnvironmentProblem(f"{TEKKEN}: its regular expression is not the one known here")
    ranks = {base64.b64decode(e["token_bytes"]): e["rank"] for e in data["vocab"][:n_ranked]}
    symbols = tokenizer_json.byte_symbols()
    filler = [f"<SPECIAL_{number}>" for number in range(len(TEKKEN_CONTROL), n_special)]
    special = TEKKEN_CONTROL + filler
    vocab = {name: number for number, name in enumerate(special)}
    for token, rank in ranks.items():
        vocab["".join(symbols[byte] for byte in token)] = rank + n_special
    pre_tokenizer, ignore_merges, _ = tokenizer_json.BYTE_LEVEL_KINDS["tekken"]
    added = [tokenizer_json.added_token(i, name, True) for i, name in enumerate(special)]
    tokenizer_json.write(
        os.path.join(directory, "tokenizer.json"),
        tokenizer_json.byte_level_bpe(
            vocab, tokenizer_json.merges_from_ranks(ranks), added, pre_tokenizer, ignore_merges,
            bos=("<s>", 1),
        ),
    )
    tokenizer_json.write(
        os.path.join(directory, "tokenizer_config.json"),
        {
            "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
            "clean_up_tokenization_spaces": False,
            "model_input_names": ["input_ids", "attention_mask"],
            "tokenizer_class": "PreTrainedTokenizerFast",
        },
    )


def write_variant(base, directory, change):
    """Write BASE (a directory) again with CHANGE(document) applied to its tokenizer.json."""
    os.mkdir(directory)
    for name, edit in (("tokenizer.json", change), ("tokenizer_config.json", lambda _: None)):
        with open(os.path.join(base, name), encoding="utf-8") as file:
            content = json.load(file)
        edit(content)
        tokenizer_json.write(os.path.join(directory, name), content)


def write_variants(top):
    """The forms in which the v1 vocabulary is met in the wild beside its original one."""
    base = os.path.join(top, "mistral-v1")

    def metaspace(scheme, split):
        def change(content):
            content["normalizer"] = None
            content["pre_tokenizer"] = {
                "type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split,
            }
        return change

    def pairs(content):
        model = content["model"]
        model["merges"] = [merge.split(" ") for merge in model["merges"]]

    for scheme in ("first", "always", "never"):
        for split in (False, True):
            suffix = "-split" if split else ""
            name = os.path.join(top, f"mistral-v1-metaspace-{scheme}{suffix}")
            write_variant(base, name, metaspace(scheme, split))
    write_variant(base, os.path.join(top, "mistral-v1-pairs"), pairs)


def made_from():
    """What an up-to-date output directory's stamp says."""
    library = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib", "tokenizer_json.py")
    sources = " ".join(sha256_of(path) for path in (os.path.abspath(__file__), library))
    return f"{'='.join(WHEEL)} {sources}\n"


def main(argv):
    """Parse the command line, make every directory."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: scripts/mistral_tokenizers.py -o models/tokenizers",
    )
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="where they go")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")
    options = parser.parse_args(argv)

    def say(text):
        if not options.quiet:
            print(f"tokenizers  {text}", file=sys.stderr)

    stamp = os.path.join(options.output, STAMP)
    if os.path.exists(stamp):
        with open(stamp, encoding="utf-8") as file:
            if file.read() == made_from():
                return
    global transformers  # the import takes seconds: only when there is something to do
    transformers = need("transformers", kind="reference")
    transformers.logging.set_verbosity_error()
    wheel = fetch_wheel(*WHEEL, say)
    is_ours = lambda path: os.path.exists(os.path.join(path, STAMP))
    with staged_directory(options.output, is_ours) as top:
        for name, member in SENTENCEPIECE.items():
            say(name)
            os.mkdir(os.path.join(top, name))
            from_sentencepiece(wheel, member, os.path.join(top, name))
        say("tekken")
        os.mkdir(os.path.join(top, "tekken"))
        from_tekken(wheel, os.path.join(top, "tekken"))
        say("variants of mistral-v1")
        write_variants(top)
        with open(os.path.join(top, STAMP), "w", encoding="utf-8") as file:
            file.write(made_from())


if __name__ == "__main__":
    run_main(main)
