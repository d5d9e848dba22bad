"""Finds the tensors of a Hugging Face directory, whichever way they are stored.

One file or shards with an index, safetensors or pytorch_model*.bin, in the order in which
transformers looks for them. Nothing is read but headers: a tensor is a place in a file.
"""

import collections
import os

from .files import BadInput, open_regular, read_regular
from . import safetensors_file, torch_zip, weight_names, what_is
from .terminal import brief

COPY_BYTES = 1 << 23
TEXT_LIMITS = {"tokenizer.json": 256 << 20}  # as src/model/checkpoint.c has them
TEXT_LIMIT = 16 << 20
CHAT_TEMPLATES = "additional_chat_templates"

# Where a tensor's bytes are: begin and size count bytes in the file PATH.
Stored = collections.namedtuple("Stored", "name dtype shape path begin size")


def _read_safetensors(path):
    tensors, metadata = safetensors_file.read_header(path)
    return {t.name: Stored(t.name, t.dtype, t.shape, path, t.begin, t.size)
            for t in tensors.values()}, metadata


def _read_bin(path):
    return {name: Stored(name, t.dtype, t.shape, path, t.begin, t.size)
            for name, t in torch_zip.read_tensors(path).items()}, None


# (single file, index, reader), preferred first.
FORMS = (
    ("model.safetensors", "model.safetensors.index.json", _read_safetensors),
    ("pytorch_model.bin", "pytorch_model.bin.index.json", _read_bin),
)


def _text(path):
    # A template is no JSON: what it may look like is no matter.
    is_json = not path.endswith(".jinja")
    raw = read_regular(path, TEXT_LIMITS.get(os.path.basename(path), TEXT_LIMIT),
                       "json", () if is_json else tuple(what_is.REMEDIES))
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: no UTF-8 at byte {error.start}") from error


def _text_and_value(path):
    text = _text(path)
    return text, safetensors_file.parse_json(text, path)


def read_json(path):
    """The value in a JSON file of a sane size."""
    return _text_and_value(path)[1]


def read_text(directory, name, required=True):
    """The text of a JSON file in DIRECTORY, checked to be JSON; None when it may be absent."""
    path = os.path.join(directory, name)
    if not required and not os.path.exists(path):
        return None
    return _text_and_value(path)[0]


def read_chat_templates(directory):
    """The texts of the files that hold a chat template and nothing else, by their names there."""
    names = ["chat_template.jinja"] if os.path.exists(
        os.path.join(directory, "chat_template.jinja")) else []
    folder = os.path.join(directory, CHAT_TEMPLATES)
    if os.path.isdir(folder):
        names += sorted(f"{CHAT_TEMPLATES}/{name}" for name in os.listdir(folder)
                        if name.endswith(".jinja"))
    return {name: _text(os.path.join(directory, name)) for name in names}


def _shard_names(path, weight_map):
    """The distinct shard names of an index, each a plain name: a path could lead anywhere."""
    if not isinstance(weight_map, dict) or not weight_map:
        raise BadInput(f"{path}: weight_map is no object with entries")
    for tensor, name in weight_map.items():
        if not isinstance(name, str) or name in ("", ".", "..") or set(name) & set("/\\\0"):
            raise BadInput(f"{path}: tensor {tensor}: the shard name {brief(name)} leaves the directory")
    return list(dict.fromkeys(weight_map.values()))


def _read_shards(directory, index_name, read):
    path = os.path.join(directory, index_name)
    index = safetensors_file.parse_json(read_text(directory, index_name), path)
    weight_map = index.get("weight_map") if isinstance(index, dict) else None
    found, metadata = {}, []
    for shard in _shard_names(path, weight_map):
        shard_path = os.path.join(directory, shard)
        if not os.path.isfile(shard_path):
            what = "no regular file" if os.path.exists(shard_path) else "missing"
            raise BadInput(f"{path}: the shard {shard} is {what}")
        tensors, entries = read(shard_path)
        metadata.append(entries)
        for name, tensor in tensors.items():
            if name in found:
                raise BadInput(f"{shard_path}: tensor {name} is in {found[name].path} too")
            if weight_map.get(name) != shard:
                place = weight_map.get(name, "no shard")
                raise BadInput(f"{shard_path}: tensor {name}: the index places it in {place}")
            found[name] = tensor
    for name, shard in weight_map.items():
        if name not in found:
            raise BadInput(f"{os.path.join(directory, shard)}: tensor {name} is missing, the index "
                           "places it there")
    return found, metadata


def _read_all(directory):
    """({name in the files: Stored}, [metadata]) of the checkpoint in DIRECTORY."""
    for single, index, read in FORMS:
        if os.path.exists(os.path.join(directory, single)):
            tensors, metadata = read(os.path.join(directory, single))
            return tensors, [metadata]
        if os.path.exists(os.path.join(directory, index)):
            return _read_shards(directory, index, read)
    names = ", ".join(name for form in FORMS for name in form[:2])
    raise BadInput(f"{directory}: holds no weights: none of {names} is there")


def find_tensors(directory, is_tied=False):
    """{name: Stored} of the checkpoint in DIRECTORY, by the names of weight_names.def's first line."""
    tensors, metadata = _read_all(directory)
    resolved = weight_names.resolve(tensors, metadata, is_tied, directory)
    return {name: tensor._replace(name=name) for name, tensor in resolved.items()}


def chunks(tensor):
    """Yield the bytes of a Stored tensor, some megabytes at a time."""
    with open_regular(tensor.path) as file:
        file.seek(tensor.begin)
        left = tensor.size
        while left:
            chunk = file.read(min(left, COPY_BYTES))
            if not chunk:
                raise BadInput(f"{tensor.path}: tensor {tensor.name}: the file became shorter")
            left -= len(chunk)
            yield chunk
