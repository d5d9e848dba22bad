"""The names that weights are known by, whatever files call them (src/model/checkpoint_names.c).

Which ways of naming there are stands in include/torchless/weight_names.def, the table the engine
compiles. What one tensor stands for under another name too is said by __metadata__, as
safetensors.torch.save_model writes it; the head of a tied model is the embeddings.
"""

import collections
import os
import re

from .files import ROOT, BadInput

TABLE = os.path.join(ROOT, "include", "torchless", "weight_names.def")
CHILDREN = ("embed_tokens.", "layers.", "norm.")

# What stands before the names of a decoder and before those of the head, which may be None.
Naming = collections.namedtuple("Naming", "decoder head who")

_ENTRY = re.compile(r'^WEIGHT_NAMES\("([^"]*)", (?:"([^"]*)"|NULL), "([^"]*)"\)', re.MULTILINE)


def _read():
    with open(TABLE, encoding="utf-8") as file:
        return [Naming(decoder, head or None, who)
                for decoder, head, who in _ENTRY.findall(file.read())]


NAMINGS = _read()


def _is_decoder(name, naming):
    return name.startswith(tuple(naming.decoder + child for child in CHILDREN))


def _is_head(name, naming):
    return naming.head is not None and name.startswith(naming.head)


def _canonical(name, naming):
    if naming and _is_decoder(name, naming):
        return NAMINGS[0].decoder + name[len(naming.decoder) :]
    if naming and _is_head(name, naming):
        return NAMINGS[0].head + name[len(naming.head) :]
    return name


def _naming_of_all(names, where):
    """The one Naming of the NAMES, None where none belongs to a decoder."""
    first = found = None
    for name in sorted(names):
        naming = next((n for n in NAMINGS if _is_decoder(name, n)), None)
        if naming and found is None:
            first, found = name, naming
        if found and naming not in (None, found):
            _refuse_mixture(where, name, first, found)
    for name in sorted(names) if found else ():
        if any(_is_head(name, n) for n in NAMINGS) and not _is_head(name, found):
            _refuse_mixture(where, name, first, found)
    return found


def _refuse_unknown_naming(names, where):
    """Of weights that have other names throughout it is said which, not that one is missing."""
    name = next((n for n in sorted(names) if ".embed_tokens.weight" in n or ".layers.0." in n), None)
    if name:
        raise BadInput(f"{where}: its tensors are named as {name}, which is no name of a Llama or Mistral: save the "
                       "model itself and not what it is wrapped in, or rename them (model.embed_tokens.weight)")


def _refuse_mixture(where, name, first, naming):
    raise BadInput(f"{where}: its tensors are named in two ways, as {name} and as {first} (the "
                   f"second is a name of {naming.who}): one checkpoint has to name them in one")


def resolve(tensors, metadata, is_tied, where):
    """{name known here: tensor} of {name in a file: tensor}, with those of two names twice.

    METADATA is a list of the files' __metadata__, each an object or none at all.
    """
    naming = _naming_of_all(tensors, where)
    if naming is None:
        _refuse_unknown_naming(tensors, where)
    named = {_canonical(name, naming): tensor for name, tensor in tensors.items()}
    aliases = {}
    for entries in metadata:
        for name, target in entries.items() if isinstance(entries, dict) else ():
            if isinstance(target, str):
                aliases.setdefault(_canonical(name, naming), _canonical(target, naming))
    found = {name: named[target] for name, target in aliases.items()
             if name not in named and target in named}
    if is_tied and "lm_head.weight" in named:
        found.setdefault("model.embed_tokens.weight", named["lm_head.weight"])
    return {**found, **named}
