#!/usr/bin/env python3
"""Train the tokenizer: byte-pair merges in the layout of Mistral 7B v0.1.

<unk> <s> </s>, 256 byte tokens, the merged pieces, then single characters; spaces are ▁; what no
piece spells is spelled in bytes.  The training is a few lines of its own, because it has to give
the same bytes on every machine: ties are broken by the spelling of the pair.
"""

import argparse
import collections
import json
import os
import random
import re
import string
import sys

if __package__ in (None, ""):
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib.checkpoint import read_json  # noqa: E402
from lib.files import run_main  # noqa: E402
from teach import grammar  # noqa: E402

SPECIAL = ("<unk>", "<s>", "</s>")
BOS, EOS = 1, 2
SPACE = "▁"
VOCABULARY = 1328
SAMPLE = 40000  # documents, of these kinds; many facts, so that each of their answers is one token
SHARES = {"story": 0.15, "lookup": 0.2, "giving": 0.15, "fact": 0.4, "capital": 0.05,
          "numbers": 0.1, "syntax": 0.2}
# No merge crosses from letters to digits or marks, nor from one word to the next.
PIECE = re.compile(r"▁?[A-Za-z]+|▁?[0-9]|▁?[^A-Za-z0-9▁]|▁")
ALPHABET = sorted(string.ascii_letters + string.digits + ".,?!'\"()[]{}:;-") + [SPACE]


def pieces(text):
    return PIECE.findall(SPACE + text.replace(" ", SPACE))


def count_words(seed, documents=SAMPLE):
    """How often each piece occurs in a sample of the text."""
    rng = random.Random(f"tokenizer {seed}")
    counts = collections.Counter()
    for _ in range(documents):
        counts.update(pieces(grammar.document(rng, SHARES).replace("|", "")))
    return counts


def train(counts, vocabulary=VOCABULARY):
    """The merges, best first.  Counts are damped by a square root: a rare answer has to become one
    token as surely as a frequent word, and only the order of merges is at stake."""
    words = {tuple(w): n ** 0.5 for w, n in counts.items() if all(c in ALPHABET for c in w)}
    merges, room = [], vocabulary - len(SPECIAL) - 256 - len(ALPHABET)
    while len(merges) < room:
        pairs = collections.defaultdict(float)
        for word, weight in sorted(words.items()):
            for pair in zip(word, word[1:]):
                pairs[pair] += weight
        if not pairs:
            raise SystemExit(f"the text has words for only {len(merges)} merges, {room} are wanted")
        best = min(pairs, key=lambda pair: (-round(pairs[pair], 6), pair))
        merges.append(best)
        words = {tuple(merge(word, best)): weight for word, weight in words.items()}
    return merges


def merge(word, pair):
    """Replace every occurrence of a pair by its concatenation, left to right."""
    result, i = [], 0
    while i < len(word):
        if i + 1 < len(word) and (word[i], word[i + 1]) == pair:
            result.append(word[i] + word[i + 1])
            i += 2
        else:
            result.append(word[i])
            i += 1
    return result


def tokenizer_json(merges):
    """The content of Hugging Face's tokenizer.json."""
    vocab = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)),
             *(a + b for a, b in merges), *ALPHABET]
    if len(set(vocab)) != len(vocab):
        raise SystemExit("two merges spell the same piece")
    special = [{"id": i, "content": text, "single_word": False, "lstrip": False, "rstrip": False,
                "normalized": False, "special": True} for i, text in enumerate(SPECIAL)]
    bos = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special,
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": SPACE},
            {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}]},
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [bos, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [bos, {"Sequence": {"id": "A", "type_id": 0}},
                     {"SpecialToken": {"id": "<s>", "type_id": 1}},
                     {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [BOS], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True,
            "vocab": {text: i for i, text in enumerate(vocab)},
            "merges": [f"{a} {b}" for a, b in merges]},
    }


def tokenizer_config():
    return {
        "tokenizer_class": "LlamaTokenizerFast", "bos_token": "<s>", "eos_token": "</s>",
        "unk_token": "<unk>", "add_bos_token": True, "add_eos_token": False,
        "clean_up_tokenization_spaces": False, "legacy": False,
        "model_max_length": 192,
    }


class Encoder:
    """Text to ids without the tokenizers library, piece by piece with a memory."""

    def __init__(self, content):
        self.vocab = content["model"]["vocab"]
        self.texts = {i: text for text, i in self.vocab.items()}
        pairs = (tuple(line.split(" ")) for line in content["model"]["merges"])
        self.rank = {pair: i for i, pair in enumerate(pairs)}
        self.known = {}

    def piece(self, text):
        ids = self.known.get(text)
        if ids is None:
            ids = self.known[text] = [i for part in self.merged(text) for i in self.spell(part)]
        return ids

    def merged(self, text):
        word = list(text)
        while len(word) > 1:
            best = min(zip(word, word[1:]), key=lambda pair: self.rank.get(pair, 1 << 30))
            if best not in self.rank:
                break
            word = merge(word, best)
        return word

    def spell(self, part):
        if part in self.vocab:
            return [self.vocab[part]]
        return [len(SPECIAL) + byte for byte in part.encode()]

    def __call__(self, text):
        """Ids of a text, without <s>."""
        return [i for piece in pieces(text) for i in self.piece(piece)]

    def marked(self, text):
        """(ids, answers) of a text with bars around its answers; answers holds 0 or 1 for each id."""
        ids, answers, inside = [], [], False
        text = (" " + text).replace(" |", "|▁").replace(" ", SPACE)
        for run in text.split("|"):
            for piece in PIECE.findall(run):
                new = self.piece(piece)
                ids += new
                answers += [int(inside)] * len(new)
            inside = not inside
        return ids, answers

    def one(self, word):
        """The single token of a word that follows a space."""
        ids = self(word)
        if len(ids) != 1:
            raise ValueError(f"{word!r} is {len(ids)} tokens, expected one")
        return ids[0]


def load(path):
    return Encoder(read_json(path))


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("-o", "--output", required=True, help="directory to write to")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    os.makedirs(args.output, exist_ok=True)
    content = tokenizer_json(train(count_words(args.seed)))
    for name, data in (("tokenizer.json", content), ("tokenizer_config.json", tokenizer_config())):
        with open(os.path.join(args.output, name), "w", encoding="utf-8") as file:
            json.dump(data, file, ensure_ascii=False, indent=1)
            file.write("\n")


if __name__ == "__main__":
    run_main(main)
