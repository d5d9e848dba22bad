"""Writes `tokenizer.json`, the file of Hugging Face's `tokenizers` library.

Two families cover Mistral and Llama models: byte-level BPE (SmolLM2, Llama 3, Mistral Nemo's
Tekken) and Metaspace BPE with byte fallback (Llama 2, Mistral 7B). Both are made here from what
other formats store: GGUF's lists of pieces, Tekken's ranked byte strings.
"""

import json

LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2_PATTERN = LLAMA3_PATTERN.replace(r"\p{N}{1,3}", r"\p{N}")
TEKKEN_PATTERN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|"
    r"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _byte_level(use_regex):
    return {
        "type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
        "use_regex": use_regex,
    }


def _split(pattern):
    split = {
        "type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False,
    }
    return {"type": "Sequence", "pretokenizers": [split, _byte_level(False)]}


_DIGITS_THEN_GPT2 = {
    "type": "Sequence",
    "pretokenizers": [{"type": "Digits", "individual_digits": True}, _byte_level(True)],
}

# Those whose tokenizer.json is this; what llama.cpp splits alike may normalize text, as qwen2 does, or add other tokens.
# GGUF's tokenizer.ggml.pre -> pre-tokenizer, ignore_merges, BOS is added when GGUF does not say.
BYTE_LEVEL_KINDS = {
    "gpt-2": (_byte_level(True), False, False),
    "smollm": (_DIGITS_THEN_GPT2, False, False),
    "starcoder": (_DIGITS_THEN_GPT2, False, False),
    "refact": (_DIGITS_THEN_GPT2, False, False),
    "llama-bpe": (_split(LLAMA3_PATTERN), True, True),
    "llama3": (_split(LLAMA3_PATTERN), True, True),
    "llama-v3": (_split(LLAMA3_PATTERN), True, True),
    "tekken": (_split(TEKKEN_PATTERN), True, True),
}


def byte_symbols():
    """GPT-2's table: byte value -> the printable character that stands for it in pieces."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    symbols = {byte: chr(byte) for byte in printable}
    for byte in range(256):
        if byte not in symbols:
            symbols[byte] = chr(0x100 + len(symbols) - len(printable))
    return symbols


def added_token(number, content, special):
    """An entry of `added_tokens`: found in the raw text before anything else."""
    return {
        "id": number, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
        "normalized": False, "special": special,
    }


def bos_template(bos, bos_id):
    """The post-processor that puts BOS before the text, once."""
    def sequence(name, type_id):
        return {"Sequence": {"id": name, "type_id": type_id}}

    def special(type_id):
        return {"SpecialToken": {"id": bos, "type_id": type_id}}

    return {
        "type": "TemplateProcessing",
        "single": [special(0), sequence("A", 0)],
        "pair": [special(0), sequence("A", 0), special(1), sequence("B", 1)],
        "special_tokens": {bos: {"id": bos, "ids": [bos_id], "tokens": [bos]}},
    }


def document(model, added, pre_tokenizer=None, normalizer=None, decoder=None, post_processor=None):
    """The whole tokenizer.json as a dictionary, keys in the library's order."""
    bpe = {
        "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
        "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
        "ignore_merges": False,
    }
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "post_processor": post_processor,
        "decoder": decoder, "model": {**bpe, **model},
    }


def byte_level_bpe(vocab, merges, added, pre_tokenizer, ignore_merges=False, bos=None):
    """Byte-level BPE; BOS is (piece, id) or None; merges are "a b" strings in rank order."""
    return document(
        {"ignore_merges": ignore_merges, "vocab": vocab, "merges": merges}, added,
        pre_tokenizer=pre_tokenizer, post_processor=bos_template(*bos) if bos else None,
        decoder={**_byte_level(True), "add_prefix_space": True},
    )


def metaspace_bpe(vocab, merges, added, unk, bos=None, add_prefix=True):
    """Metaspace BPE with byte fallback as Llama 2 and Mistral 7B ship it (by normalizer)."""
    space = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    back = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
    prepend = [{"type": "Prepend", "prepend": "▁"}] if add_prefix else []
    strip = [{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if add_prefix else []
    return document(
        {
            "unk_token": unk, "fuse_unk": True, "byte_fallback": True, "vocab": vocab,
            "merges": merges,
        },
        added,
        normalizer={"type": "Sequence", "normalizers": [*prepend, space]},
        decoder={
            "type": "Sequence",
            "decoders": [back, {"type": "ByteFallback"}, {"type": "Fuse"}, *strip],
        },
        post_processor=bos_template(*bos) if bos else None,
    )


def merges_from_scores(pieces, scores):
    """Rebuild the ranked merges of a SentencePiece BPE model from its pieces and scores.

    SentencePiece joins the neighbours whose union has the best score; a merge list says the same
    when every way to split a piece is listed, best score first. A piece that the trainer never
    joined (added later, score 0) then comes first, as in Hugging Face's converter. Among ways of
    equal score the one with the longer left half is first.
    """
    known = set(pieces)
    merges = []
    for piece, score in zip(pieces, scores):
        for cut in range(1, len(piece)):
            left, right = piece[:cut], piece[cut:]
            if left in known and right in known:
                merges.append((score, len(left), len(right), f"{left} {right}"))
    merges.sort(key=lambda way: way[:3], reverse=True)
    return [text for _, _, _, text in merges]


def merges_from_ranks(ranks):
    """Rebuild merges from Tekken's or tiktoken's ranked byte strings: {bytes: rank}."""
    symbols = byte_symbols()
    merges = []
    for token, rank in ranks.items():
        for cut in range(1, len(token)):
            left, right = token[:cut], token[cut:]
            if left in ranks and right in ranks:
                merges.append((rank, ranks[left], ranks[right], left, right))
    merges.sort(key=lambda way: way[:3])

    def text(token):
        return "".join(symbols[byte] for byte in token)

    return [f"{text(left)} {text(right)}" for _, _, _, left, right in merges]


def write(path, content):
    """Write a JSON file the way Hugging Face does: two spaces, UTF-8 as it is."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, indent=2)
        file.write("\n")
