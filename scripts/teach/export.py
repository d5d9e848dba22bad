#!/usr/bin/env python3
"""Write a checkpoint of the training as a Hugging Face directory in bf16."""

import argparse
import json
import os
import shutil
import sys

if __package__ in (None, ""):
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import torch_zip  # noqa: E402
from lib.files import need, run_main  # noqa: E402

torch, _ = need("torch", "safetensors", kind="reference")

from safetensors.torch import save_file  # noqa: E402

from teach.model import Config  # noqa: E402
from teach.tokenizer import BOS, EOS, tokenizer_config  # noqa: E402


def write_json(content, *path):
    with open(os.path.join(*path), "w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, indent=2)
        file.write("\n")


def export(state, tokenizer, output):
    """state: the model's state dict; tokenizer: path of tokenizer.json; output: a directory."""
    os.makedirs(output, exist_ok=True)
    config = Config()
    write_json(config.hugging_face(), output, "config.json")
    write_json({"bos_token_id": BOS, "eos_token_id": EOS, "do_sample": True, "temperature": 0.7,
                "max_new_tokens": config.context - 16}, output, "generation_config.json")
    write_json(tokenizer_config(), output, "tokenizer_config.json")
    target = os.path.join(output, "tokenizer.json")
    if os.path.abspath(tokenizer) != os.path.abspath(target):
        shutil.copyfile(tokenizer, target)
    tensors = {name: tensor.to(torch.bfloat16).contiguous() for name, tensor in state.items()}
    save_file(tensors, os.path.join(output, "model.safetensors"), metadata={"format": "pt"})


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", help="state.pt of scripts/teach/train.py")
    parser.add_argument("--tokenizer", required=True, help="tokenizer.json")
    parser.add_argument("-o", "--output", required=True, help="directory to write")
    args = parser.parse_args(argv)
    with torch_zip.checked_state(args.checkpoint) as file:
        state = torch.load(file)
    export(state["model"], args.tokenizer, args.output)


if __name__ == "__main__":
    run_main(main)
