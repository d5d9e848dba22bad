"""The tokenizer of a Hugging Face model as GGUF's metadata says it, as llama.cpp's converter writes it.

Two families: byte-level BPE (`gpt2`, whose split has a name in `pre`) and SentencePiece's BPE (`llama`, whose merges
are scores of pieces). What the metadata cannot say is refused where it would change every text, and
warned of where it may change some.
"""

from .files import BadInput, warn
from .terminal import brief
from .tokenizer_json import BYTE_LEVEL_KINDS, merges_from_scores

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
MAX_CUTS = 1 << 30  # characters looked at to find out what scores mean
SPACE = "▁"


def _stages(stage, key):
    """The stages of a normalizer or pre-tokenizer, whether it is one, several or none."""
    if stage is None:
        return []
    if stage.get("type") == "Sequence":
        return stage.get(key) or []
    return [stage]


def _comparable(stage):
    """A pre-tokenizer without what changes no split."""
    return [{k: v for k, v in s.items() if k not in ("trim_offsets",)} for s in _stages(stage, "pretokenizers")]


class GGUFTokenizer:
    """The keys of tokenizer.ggml.*, made from tokenizer.json; WHERE names the model in errors."""

    def __init__(self, where, document, config, ids):
        """CONFIG is tokenizer_config.json; IDS has bos, a list eos, unk and pad, each an id or None."""
        self.where, self.document, self.config, self.ids = where, document, config, dict(ids)
        model = document.get("model")
        if not isinstance(model, dict) or model.get("type") != "BPE":
            kind = model.get("type") if isinstance(model, dict) else None
            raise BadInput(f"{where}: tokenizer.json holds a model of type {brief(kind)}: BPE can be written")
        self.model = model
        self.vocab = {**model["vocab"]}
        self.added = document.get("added_tokens") or []
        for token in self.added:
            self.vocab.setdefault(token["content"], token["id"])
        self._read_template()
        self.is_byte_level = any(s.get("type") == "ByteLevel"
                                 for s in _stages(document.get("pre_tokenizer"), "pretokenizers"))
        self._warn_of_flags()

    # ---- what stands around a text

    def _read_template(self):
        """Which special tokens the post-processor puts before and behind a text."""
        stages = _stages(self.document.get("post_processor"), "processors")
        single = [part for s in stages if s.get("type") == "TemplateProcessing" for part in s.get("single", [])]
        names = [part["SpecialToken"]["id"] if "SpecialToken" in part else None for part in single]
        at = names.index(None) if None in names else len(names)
        before, behind = names[:at], names[at + 1 :]
        if len(before) > 1 or len(behind) > 1:
            raise BadInput(f"{self.where}: tokenizer.json puts {len(before) + len(behind)} tokens around a text: GGUF "
                           "can say of one before and one behind it")
        self.add_bos, self.add_eos = bool(before), bool(behind)
        for name, key in ((before, "bos"), (behind, "eos")):
            if not name:
                continue
            number = self.vocab.get(name[0])
            if key == "bos":
                self.ids["bos"] = number
            elif number not in self.ids["eos"][:1]:
                raise BadInput(f"{self.where}: tokenizer.json puts {brief(name[0])} behind every text, which is not "
                               "the token that ends one")

    def _warn_of_flags(self):
        odd = [t["content"] for t in self.added if t.get("lstrip") or t.get("rstrip") or t.get("single_word")]
        if odd:
            warn(f"{self.where}: the added token {brief(odd[0])} takes spaces beside it or only whole words, which "
                 "GGUF cannot say")

    # ---- pieces

    def _type_of(self, piece, special):
        if piece in special:
            if piece == self.model.get("unk_token") or special[piece]["id"] == self.ids.get("unk"):
                return UNKNOWN
            return CONTROL if special[piece].get("special") else USER_DEFINED
        if not self.is_byte_level and len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">"):
            return BYTE
        return NORMAL

    def pieces(self, n_rows):
        """([piece], [type]) of N_ROWS embeddings: those of no token are called [PADi], as llama.cpp does."""
        by_id = {number: piece for piece, number in self.vocab.items()}
        if len(by_id) != len(self.vocab) or not by_id:
            raise BadInput(f"{self.where}: tokenizer.json has two pieces of one id, or none at all")
        if min(by_id) < 0 or max(by_id) >= n_rows:
            raise BadInput(f"{self.where}: tokenizer.json has the id {max(by_id)}, the model has {n_rows} tokens")
        special = {token["content"]: token for token in self.added}
        pieces, types = [], []
        for number in range(n_rows):
            piece = by_id.get(number)
            pieces.append(f"[PAD{number}]" if piece is None else piece)
            types.append(UNUSED if piece is None else self._type_of(piece, special))
        return pieces, types

    # ---- the two families

    def _merges(self):
        """The merges as pairs."""
        pairs = [tuple(m.split(" ", 1)) if isinstance(m, str) else tuple(m) for m in self.model.get("merges") or []]
        if not all(len(pair) == 2 for pair in pairs):
            raise BadInput(f"{self.where}: tokenizer.json has a merge of something else than two pieces")
        return pairs

    def pre(self):
        """GGUF's name of the pre-tokenizer."""
        if self.document.get("normalizer") is not None:
            raise BadInput(f"{self.where}: tokenizer.json normalizes text before a byte-level BPE, which GGUF cannot say")
        wanted = _comparable(self.document.get("pre_tokenizer"))
        ignore = bool(self.model.get("ignore_merges"))
        same = [name for name, (split, _, _) in BYTE_LEVEL_KINDS.items() if _comparable(split) == wanted]
        exact = [name for name in same if BYTE_LEVEL_KINDS[name][1] == ignore]
        if not same:
            raise BadInput(f"{self.where}: tokenizer.json splits text in a way that GGUF has no name for here; known "
                           f"are those of {', '.join(BYTE_LEVEL_KINDS)}")
        if not exact:
            raise BadInput(f"{self.where}: tokenizer.json splits text as {same[0]} does, but its ignore_merges is "
                           f"{str(ignore).lower()}, which has no name in GGUF")
        return exact[0]

    def scores(self, pieces):
        """A score a piece, so that the best comes first: what is made first by the merges."""
        rank = {}
        for left, right in self._merges():
            rank.setdefault(left + right, -float(len(rank)))
        last = -float(len(rank))
        scores = [rank.get(piece, last) for piece in pieces]
        if sum(len(piece) ** 2 for piece in pieces) > MAX_CUTS:
            raise BadInput(f"{self.where}: tokenizer.json has pieces that are too long to find their merges")
        have, said = self._merges(), [tuple(m.split(" ")) for m in merges_from_scores(pieces, scores)]
        more = len(set(said) ^ set(have))
        if more:
            warn(f"{self.where}: {more} of the tokenizer's merges differ from those that scores of pieces stand for: some "
                 "texts may be cut otherwise than by tokenizer.json")
        return scores

    def space_prefix(self):
        """Whether a space is put before a text."""
        stages = _stages(self.document.get("normalizer"), "normalizers")
        known = {"Prepend", "Replace"}
        odd = [s.get("type") for s in stages if s.get("type") not in known]
        if odd:
            raise BadInput(f"{self.where}: tokenizer.json has the normalizer {brief(odd[0])}, which GGUF cannot say")
        prefix = any(s.get("type") == "Prepend" for s in stages)
        for stage in _stages(self.document.get("pre_tokenizer"), "pretokenizers"):
            if stage.get("type") != "Metaspace":
                raise BadInput(f"{self.where}: tokenizer.json has the pre-tokenizer {brief(stage.get('type'))}, which "
                               "GGUF cannot say")
            scheme = stage.get("prepend_scheme", "always" if stage.get("add_prefix_space", True) else "never")
            prefix = prefix or scheme != "never"
            if scheme == "first":
                warn(f"{self.where}: a space is put before the text and not behind special tokens in it, which GGUF "
                     "cannot say")
        return prefix

    # ---- all of it

    def templates(self, jinja):
        """The chat template, or a list of named ones; JINJA is the text of a file of its own, or None."""
        return jinja if jinja is not None else self.config.get("chat_template")

    def write(self, writer, n_rows, jinja=None):
        """Add every key to a GGUFWriter."""
        pieces, types = self.pieces(n_rows)
        writer.add_tokenizer_model("gpt2" if self.is_byte_level else "llama")
        writer.add_tokenizer_pre(self.pre() if self.is_byte_level else "default")
        writer.add_token_list(pieces)
        if not self.is_byte_level:
            writer.add_token_scores(self.scores(pieces))
        writer.add_token_types(types)
        if self.is_byte_level:
            writer.add_token_merges([f"{left} {right}" for left, right in self._merges()])
        eos = self.ids["eos"]
        for value, add in ((self.ids.get("bos"), writer.add_bos_token_id), (eos[0] if eos else None, writer.add_eos_token_id),
                           (eos[1] if len(eos) > 1 else None, writer.add_eot_token_id),
                           (eos[2] if len(eos) > 2 else None, writer.add_eom_token_id),
                           (self.ids.get("unk"), writer.add_unk_token_id), (self.ids.get("pad"), writer.add_pad_token_id)):
            if value is not None:
                add(value)
        writer.add_add_bos_token(self.add_bos)
        writer.add_add_eos_token(self.add_eos)
        if not self.is_byte_level:
            writer.add_add_space_prefix(self.space_prefix())
        templates = self.templates(jinja)
        if templates:
            writer.add_chat_template(templates)
