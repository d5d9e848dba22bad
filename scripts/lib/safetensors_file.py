"""Reads and writes safetensors files with nothing but the standard library.

    u64 header length │ JSON header, padded with spaces │ tensor data, packed, no holes

The format allows neither holes nor overlaps between tensors, so alignment comes from order: the
header is padded until the data section starts at a multiple of ALIGNMENT in the file, tensors whose
size is such a multiple come first, and only the rest (tiny ones, in practice) may end up unaligned.
"""

import collections
import json
import os
import struct

from .files import BadInput, open_regular
from .terminal import brief

ALIGNMENT = 64
HEADER_LIMIT = 100_000_000  # the safetensors library refuses longer headers
COPY_BYTES = 1 << 23
MAX_DIMS = 8  # more have no weights, and their product would be a number without an end
DTYPE_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "I16": 2, "U16": 2, "F16": 2,
    "BF16": 2, "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8,
}

# begin and size are bytes; begin counts from the start of the file.
Tensor = collections.namedtuple("Tensor", "name dtype shape begin size")


def size_of(dtype, shape):
    """How many bytes a tensor occupies."""
    size = DTYPE_BYTES[dtype]
    for dim in shape:
        size *= dim
    return size


def _unique_keys(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        seen = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))
        raise ValueError(f"the key {brief(twice)} is there twice")
    return found


def _no_number(name):
    raise ValueError(f"{name} is no number of JSON")


def parse_json(text, where):
    """json.loads that refuses duplicate keys and NaN; WHERE starts the sentence of an error."""
    try:
        return json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_no_number)
    except RecursionError:
        raise BadInput(f"{where}: no valid JSON: it is nested too deeply") from None
    except ValueError as error:
        raise BadInput(f"{where}: no valid JSON: {error}") from error


def are_sizes(value, kind=list):
    """Whether VALUE is a list (or tuple) of sizes, as a shape is."""
    return (type(value) is kind and len(value) <= MAX_DIMS
            and all(type(n) is int and 0 <= n < 1 << 63 for n in value))


def _tensor_of(path, name, entry, data_begin, data_size):
    """Check one entry of the header and return the Tensor it describes."""
    where = f"{path}: tensor {name}"
    if not isinstance(entry, dict):
        raise BadInput(f"{where}: its header entry is no object")
    dtype, shape, offsets = (entry.get(key) for key in ("dtype", "shape", "data_offsets"))
    if not isinstance(dtype, str) or dtype not in DTYPE_BYTES:
        raise BadInput(f"{where}: dtype {brief(dtype)} is none of {', '.join(DTYPE_BYTES)}")
    if not are_sizes(shape):
        raise BadInput(f"{where}: shape {brief(shape)} is no list of sizes")
    if not are_sizes(offsets) or len(offsets) != 2:
        raise BadInput(f"{where}: data_offsets {brief(offsets)} are no pair of offsets")
    begin, end = offsets
    size = size_of(dtype, shape)
    if end - begin != size:
        raise BadInput(
            f"{where}: {dtype}{shape} takes {size} bytes but its data_offsets span {end - begin}"
        )
    if end > data_size:
        raise BadInput(f"{where}: ends at byte {data_begin + end} but the file ends at byte "
                       f"{data_begin + data_size}: truncated")
    return Tensor(name, dtype, tuple(shape), data_begin + begin, size)


def read_header(path):
    """Return ({name: Tensor}, metadata) of a safetensors file, everything in it checked."""
    with open_regular(path, "weights") as file:
        file_size = os.fstat(file.fileno()).st_size
        head = file.read(8)
        if len(head) < 8:
            raise BadInput(f"{path}: {file_size} bytes are too few for a safetensors file")
        (length,) = struct.unpack("<Q", head)
        if length > HEADER_LIMIT or 8 + length > file_size:
            raise BadInput(f"{path}: a header of {length} bytes in a file of {file_size} bytes: "
                           "truncated or no safetensors file")
        raw = file.read(length)
    try:
        header = parse_json(raw.decode("utf-8"), f"{path}: header")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: header: no UTF-8 at byte {8 + error.start}") from error
    if not isinstance(header, dict):
        raise BadInput(f"{path}: header: no JSON object")
    metadata = header.pop("__metadata__", {})
    data_begin = 8 + length
    tensors = {
        name: _tensor_of(path, name, entry, data_begin, file_size - data_begin)
        for name, entry in header.items()
    }
    position = data_begin
    for tensor in sorted(tensors.values(), key=lambda t: (t.begin, t.size)):
        if tensor.begin != position:
            what = "overlaps the one before it" if tensor.begin < position else "follows a hole"
            raise BadInput(f"{path}: tensor {tensor.name}: {what} at byte {tensor.begin}")
        position += tensor.size
    if position != file_size:
        raise BadInput(f"{path}: {file_size - position} bytes after the last tensor")
    return tensors, metadata


class Writer:
    """Writes one file: give it all names, dtypes and shapes, then the data in `order`.

        writer = Writer(file, [("a", "F32", (2, 3)), …], {"format": "pt"})
        for name in writer.order:
            writer.write(name, chunks)      # an iterable of bytes-like objects
        writer.finish()
    """

    def __init__(self, file, tensors, metadata=None):
        self.file = file
        self.sizes = {name: size_of(dtype, shape) for name, dtype, shape in tensors}
        if len(self.sizes) != len(tensors):
            raise ValueError("a tensor's name is there twice")
        arranged = sorted(tensors, key=lambda t: self.sizes[t[0]] % ALIGNMENT != 0)
        self.order = [name for name, _, _ in arranged]
        self.n_written = 0
        header = {"__metadata__": metadata} if metadata else {}
        position = 0
        for name, dtype, shape in arranged:
            end = position + self.sizes[name]
            header[name] = {
                "dtype": dtype, "shape": list(shape), "data_offsets": [position, end],
            }
            position = end
        self.total = position
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        text += b" " * (-(8 + len(text)) % ALIGNMENT)
        if len(text) > HEADER_LIMIT:
            raise BadInput(f"a header of {len(text)} bytes: safetensors allows {HEADER_LIMIT}")
        self.header_size = 8 + len(text)
        file.write(struct.pack("<Q", len(text)) + text)

    def write(self, name, chunks):
        """Write the next tensor, which must be NAME."""
        if self.order[self.n_written] != name:
            raise ValueError(f"{name} written out of order")
        size = 0
        for chunk in chunks:
            size += memoryview(chunk).nbytes
            self.file.write(chunk)
        if size != self.sizes[name]:
            raise ValueError(f"{name}: {size} bytes written, {self.sizes[name]} announced")
        self.n_written += 1

    def finish(self):
        """Check that nothing was forgotten."""
        if self.n_written != len(self.order):
            raise ValueError(f"{self.order[self.n_written]} was not written")
