"""The hash of a model's weights, computed as torchless computes it (checkpoint_weights.c).

XXH3-128 over each weight's description and the digests of its data in slices of 4 MiB, weight by
weight in name order: the same for one file, shards or a packed file. Two recordings whose hashes
differ are of different models, whatever their configurations say.
"""

import functools
import mmap
import os

from lib.files import BadInput, open_regular
from lib.safetensors_file import read_header
from lib.weight_names import resolve

try:
    import xxhash
except ImportError:  # a hash is a convenience: readers accept NULL
    xxhash = None

SLICE_BYTES = 4 << 20


def _is_weight(name, is_tied):
    """The matrix of a tied model's head is not read, nor are stored frequencies."""
    return not (is_tied and name == "lm_head.weight") and not name.endswith(".rotary_emb.inv_freq")


def _digests(tensor, data):
    for at in range(tensor.begin, tensor.begin + tensor.size, SLICE_BYTES):
        end = min(at + SLICE_BYTES, tensor.begin + tensor.size)
        yield xxhash.xxh3_128_digest(data[at:end])


@functools.lru_cache(maxsize=None)
def weights_hash(directory, is_tied):
    """16 bytes, or None without the xxhash module or without safetensors files."""
    files = [name for name in os.listdir(directory) if name.endswith(".safetensors")]
    if xxhash is None or not files:
        return None
    stored, metadata = {}, []
    for name in files:
        path = os.path.join(directory, name)
        tensors, entries = read_header(path)
        metadata.append(entries)
        with open_regular(path) as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        stored.update({key: (tensor, data) for key, tensor in tensors.items()})
    try:
        named = resolve(stored, metadata, is_tied, directory)
    except BadInput:  # files of several checkpoints in one directory
        return None
    weights = {key.encode(): value for key, value in named.items() if _is_weight(key, is_tied)}
    total = xxhash.xxh3_128()
    for name, (tensor, data) in sorted(weights.items()):
        sizes = "".join(f" {size}" for size in tensor.shape)
        total.update(b"%d %s " % (len(name), name))
        total.update(f"{tensor.dtype} {len(tensor.shape)}{sizes} {tensor.size}\n".encode())
        for digest in _digests(tensor, data):
            total.update(digest)
    return total.digest()
