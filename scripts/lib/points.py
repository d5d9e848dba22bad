"""The names of a model's points, from include/torchless/points.def, the table the engine compiles.

A point is one output of the forward pass, `module:name`. The table has one line for all layers,
with `*` for the layer's number in the module's path and %d in the other tools' names.
"""

import collections
import os
import re

from lib.files import ROOT

POINTS_DEF = os.path.join(ROOT, "include", "torchless", "points.def")
PARTS_DEF = os.path.join(ROOT, "include", "torchless", "parts.def")

Point = collections.namedtuple("Point", "module name axes role tl_name ggml_name hf_source doc")
Alias = collections.namedtuple("Alias", "module name role tl_name ggml_name doc")

_STRING = r'"(?:[^"\\]|\\.)*"'
_ENTRY = re.compile(rf"^(POINT|ALIAS)\(((?:\s*(?:{_STRING}|NULL)\s*,?)+)\)", re.MULTILINE)
_FIELD = re.compile(rf"({_STRING})|NULL")

# What an alias is another name of: the same tensor, computed by a module inside or before it.
ALIASED = {
    "resid_post": "model.layers.*:out",
    "attn_out": "model.layers.*.self_attn.o_proj:out",
    "mlp_out": "model.layers.*.mlp.down_proj:out",
}


# Parts of a path that have a shorter spelling (src/program/point.c).
BRIEF = {"self_attn": "attn", "input_layernorm": "ln1", "post_attention_layernorm": "ln2"}


def read(path=POINTS_DEF):
    """(points, aliases) of the table, in execution order of one layer."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    points, aliases = [], []
    for kind, body in _ENTRY.findall(text):
        fields = [string[1:-1] if string else None for string in _FIELD.findall(body)]
        if kind == "POINT":
            points.append(Point(*fields))
        else:
            aliases.append(Alias(*fields))
    return points, aliases


def hf_source(text, layer, n_layers):
    """What transformers calls a point: see points.def for what stands in TEXT."""
    usual, _, at_last = text.partition("|")
    chosen = at_last if at_last and layer == n_layers - 1 else usual
    chosen = chosen.replace("[n]", f"[{n_layers}]")
    return chosen if layer is None else chosen.replace("[i+1]", f"[{layer + 1}]")


def read_parts(path=PARTS_DEF):
    """(name, modules, doc) of the parts that the time of a pass is split into, in their order."""
    with open(path, encoding="utf-8") as file:
        entries = re.findall(rf"^PART\(\w+((?:\s*,\s*{_STRING})+)\)", file.read(), re.MULTILINE)
    return [tuple(string[1:-1] for string in re.findall(_STRING, entry)) for entry in entries]


def _numbered(entry, layer, n_layers):
    """ENTRY of one layer: its number in the module's path and in the other tools' names."""
    put = lambda name: name and name.replace("%d", str(layer))
    if isinstance(entry, Point) and entry.hf_source:
        entry = entry._replace(hf_source=hf_source(entry.hf_source, layer, n_layers))
    if layer is None:
        return entry
    return entry._replace(
        module=entry.module.replace("*", str(layer)),
        tl_name=put(entry.tl_name),
        ggml_name=put(entry.ggml_name),
    )


def expand(entries, n_layers):
    """(layer or None, entry) for a model of N_LAYERS, in execution order."""
    layered = [entry for entry in entries if "*" in entry.module]
    done = False
    for entry in entries:
        if "*" not in entry.module:
            yield None, _numbered(entry, None, n_layers)
        elif not done:
            done = True
            for layer in range(n_layers):
                for one in layered:
                    yield layer, _numbered(one, layer, n_layers)


def short_name(fqn):
    """The short form that torchless knows too: model.layers.3.self_attn:z -> L3.attn.z"""
    text = re.sub(r"^model\.(layers\.(\d+))?", lambda m: f"L{m[2]}" if m[2] else "", fqn)
    for path, brief in BRIEF.items():
        text = re.sub(rf"^(L\d+\.)?{path}", rf"\g<1>{brief}", text)
    return text.removesuffix(":out").replace(":", ".")


def alias_target(alias, layer):
    """The fqn that ALIAS of a layer names: `in` is what the layer before put out."""
    if alias.role == "resid_pre":
        return f"model.layers.{layer - 1}:out" if layer else "model.embed_tokens:out"
    return ALIASED[alias.role].replace("*", str(layer))


def kind_of(fqn):
    """The line of the table for FQN: model.layers.3.mlp:out -> model.layers.*.mlp:out"""
    return re.sub(r"(?<=model\.layers\.)\d+", "*", fqn)
