"""Reads the header of a GGUF file: metadata and where each tensor lies.

    "GGUF" │ u32 version │ u64 tensors │ u64 keys │ keys and values │ tensor entries │ pad │ data

The `gguf` package has a reader too, made for files one trusts. Downloads get cut short and files
are hostile, so here every count and length is held against the bytes that are left before it is
believed; the package does what it is best at, dequantization. Format: ggml's docs/gguf.md.
"""

import collections
import math
import mmap
import os
import struct

from .files import BadInput, open_regular
from .terminal import brief

# GGUF's value types by number; 8 is string and 9 array.
SCALARS = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q",
    12: "<d",
}
STRING, ARRAY = 8, 9
MAX_DIMS = 4
# What no model has, and what would take the memory of hundreds of bytes each in Python.
MAX_ENTRIES = 1 << 20  # keys, tensors
MAX_VALUES = 1 << 25  # in arrays, all together

# type: ggml's number of it; shape: in PyTorch's order; begin: bytes from the file's start.
GGUFTensor = collections.namedtuple("GGUFTensor", "name type shape begin")


class GGUFFile:
    """An open GGUF file: `metadata` (key -> value) and `tensors` (name -> GGUFTensor)."""

    def __init__(self, path):
        self.path = path
        with open_regular(path, "model", ("GGUF",)) as file:
            self.size = os.fstat(file.fileno()).st_size
            if self.size < 24:
                raise BadInput(f"{path}: {self.size} bytes are too few for a GGUF file")
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.position, self.n_values = 0, 0
        self._read_header()

    def fail(self, text):
        """Raise the error TEXT about this file."""
        raise BadInput(f"{self.path}: {text}")

    def _take(self, n_bytes, what):
        begin = self.position
        if n_bytes > self.size - begin:
            self.fail(f"{what} at byte {begin} needs {n_bytes} bytes, {self.size - begin} are "
                      "left: truncated or damaged")
        self.position = begin + n_bytes
        return begin

    def _scalar(self, form, what):
        begin = self._take(struct.calcsize(form), what)
        return struct.unpack_from(form, self.data, begin)[0]

    def _string(self, what):
        length = self._scalar("<Q", what)
        begin = self._take(length, what)
        try:
            return self.data[begin : begin + length].decode("utf-8")
        except UnicodeDecodeError as error:
            self.fail(f"{what}: no UTF-8 at byte {begin + error.start}")

    def _array(self, what):
        kind, length = self._scalar("<I", what), self._scalar("<Q", what)
        self.n_values += length
        if self.n_values > MAX_VALUES and length <= self.size:
            self.fail(f"{what}: an array of {length} values, {MAX_VALUES} in all are allowed")
        if kind == STRING:
            # Each string takes 8 bytes at least: a count that cannot be true stops here.
            if length > (self.size - self.position) // 8:
                self.fail(f"{what}: an array of {length} strings, {self.size - self.position} "
                          "bytes are left: truncated or damaged")
            return [self._string(what) for _ in range(length)]
        if kind not in SCALARS:
            self.fail(f"{what}: arrays of type {kind} are unknown")
        form = SCALARS[kind]
        begin = self._take(length * struct.calcsize(form), what)
        return list(struct.unpack_from(f"<{length}{form[1]}", self.data, begin))

    def _value(self, what):
        kind = self._scalar("<I", what)
        if kind == STRING:
            return self._string(what)
        if kind == ARRAY:
            return self._array(what)
        if kind not in SCALARS:
            self.fail(f"{what}: the value type {kind} is unknown")
        return self._scalar(SCALARS[kind], what)

    def _tensor(self, data_offsets):
        name = self._string("a tensor's name")
        where = f"tensor {name}"
        n_dims = self._scalar("<I", where)
        if not 1 <= n_dims <= MAX_DIMS:
            self.fail(f"{where} has {n_dims} dimensions, 1 to {MAX_DIMS} are possible")
        shape = tuple(self._scalar("<Q", where) for _ in range(n_dims))[::-1]
        kind, offset = self._scalar("<I", where), self._scalar("<Q", where)
        if 0 in shape:
            self.fail(f"{where} has the shape {list(shape)}")
        if name in data_offsets:
            self.fail(f"{where} is there twice")
        data_offsets[name] = (kind, shape, offset)

    def _read_header(self):
        if self.data[:4] != b"GGUF":
            self.fail(f"begins with {bytes(self.data[:4])}, a GGUF file begins with b'GGUF'")
        self.position = 4
        version = self._scalar("<I", "the version")
        if version not in (2, 3):
            self.fail(f"is GGUF version {version}; 2 and 3, little-endian, can be read")
        n_tensors, n_keys = self._scalar("<Q", "a count"), self._scalar("<Q", "a count")
        left = self.size - self.position
        if max(n_tensors, n_keys) > MAX_ENTRIES and max(n_tensors, n_keys) <= left // 13:
            self.fail(f"promises {n_tensors} tensors and {n_keys} keys, {MAX_ENTRIES} are allowed")
        # A tensor's entry takes 24 bytes at least, a key and its value 13.
        if n_tensors > left // 24 or n_keys > left // 13:
            self.fail(f"promises {n_tensors} tensors and {n_keys} keys in {left} bytes: "
                      "truncated or damaged")
        self.metadata = {}
        for _ in range(n_keys):
            key = self._string("a key")
            if key in self.metadata:
                self.fail(f"the key {key} is there twice")
            self.metadata[key] = self._value(key)
        entries = {}
        for _ in range(n_tensors):
            self._tensor(entries)
        alignment = self.get("general.alignment", int, 32)
        if alignment <= 0 or alignment & (alignment - 1):
            self.fail(f"general.alignment is {alignment}, no power of two")
        data_begin = self.position + -self.position % alignment
        self.tensors = {}
        for name, (kind, shape, offset) in entries.items():
            if offset % alignment:
                self.fail(f"tensor {name} begins at {offset}, no multiple of {alignment}")
            self.tensors[name] = GGUFTensor(name, kind, shape, data_begin + offset)

    def get(self, key, kind, default=None):
        """Return the value of KEY, which must be of KIND; DEFAULT None means that it must exist."""
        if key not in self.metadata:
            if default is None:
                self.fail(f"the key {key} is missing")
            return default
        value = self.metadata[key]
        is_number = kind is float and type(value) is int
        if type(value) is not kind and not is_number:
            self.fail(f"{key} is {brief(value)}, expected {kind.__name__}")
        if kind is float and not math.isfinite(value):
            self.fail(f"{key} is {value}, expected a number")
        return value

    def bytes_of(self, tensor, begin, size):
        """SIZE bytes of TENSOR's data from byte BEGIN of it on."""
        start = tensor.begin + begin
        if start + size > self.size:
            self.fail(f"tensor {tensor.name} ends at byte {start + size} but the file ends at byte "
                      f"{self.size}: truncated")
        return self.data[start : start + size]
