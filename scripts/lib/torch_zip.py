"""Reads `pytorch_model.bin`, the older weights file, without torch and without running its code.

The file is a zip: data.pkl pickles a dictionary of tensors, data/0, data/1, … hold their bytes.
A pickle is a program that may call anything, so this one may call four harmless things (an ordered
dictionary and three ways to describe a tensor); any other name it asks for is refused. Storages are
located, not read: the caller streams them.
"""

import collections
import io
import os
import pickle
import struct
import zipfile

from .files import BadInput

PICKLE_LIMIT = 64 << 20
DTYPE_OF_STORAGE = {
    "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16", "DoubleStorage": "F64",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8",
    "ByteStorage": "U8", "BoolStorage": "BOOL",
}
ITEM_BYTES = {
    "F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2, "I8": 1, "U8": 1,
    "BOOL": 1,
}

StorageType = collections.namedtuple("StorageType", "dtype")
Storage = collections.namedtuple("Storage", "key dtype n_items")
PickledTensor = collections.namedtuple("PickledTensor", "storage offset shape stride")
# What the caller gets; begin and size are bytes in the file.
Located = collections.namedtuple("Located", "dtype shape begin size")


def _rebuild_tensor(storage, offset, shape, stride, *_):
    return PickledTensor(storage, offset, shape, stride)


def _rebuild_parameter(tensor, *_):
    return tensor


ALLOWED = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    **{("torch", name): StorageType(dtype) for name, dtype in DTYPE_OF_STORAGE.items()},
}


# The unpickler written in Python: the one in C allocates whatever memo index a file names.
class _Unpickler(pickle._Unpickler):  # pylint: disable=protected-access
    def find_class(self, module, name):
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which weights do not need")
        return ALLOWED[module, name]

    def persistent_load(self, pid):
        kind, storage_type, key, _, n_items = pid
        if kind != "storage" or not isinstance(storage_type, StorageType):
            raise pickle.UnpicklingError(f"it refers to {pid!r}, which is no storage")
        if not isinstance(key, str) or type(n_items) is not int or n_items < 0:
            raise pickle.UnpicklingError(f"it refers to the storage {pid!r}")
        return Storage(key, storage_type.dtype, n_items)


def _member_begin(path, file, info):
    """Where the bytes of a zip member begin: after its local header, whose lengths are its own."""
    file.seek(info.header_offset)
    header = file.read(30)
    if len(header) < 30 or header[:4] != b"PK\x03\x04":
        raise BadInput(f"{path}: {info.filename} has no local header: damaged")
    name_length, extra_length = struct.unpack_from("<HH", header, 26)
    return info.header_offset + 30 + name_length + extra_length


def _is_contiguous(shape, stride):
    expected = 1
    for dim, step in zip(reversed(shape), reversed(stride)):
        if dim != 1 and step != expected:
            return False
        expected *= dim
    return True


def _are_sizes(value):
    return isinstance(value, tuple) and all(type(n) is int and 0 <= n < 1 << 63 for n in value)


class _Archive:
    """The zip file, its members by the path under the archive's own top directory."""

    def __init__(self, path, file):
        self.path, self.file, self.file_size = path, file, os.path.getsize(path)
        try:
            members = zipfile.ZipFile(file).infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise BadInput(
                f"{path}: no readable zip file ({error}): truncated, or written before torch 1.6"
            ) from error
        pickles = [m for m in members if m.filename.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise BadInput(f"{path}: holds {len(pickles)} data.pkl, expected one")
        self.top = pickles[0].filename[: -len("data.pkl")]
        self.members = {}
        for member in members:
            if member.filename in self.members:
                raise BadInput(f"{path}: holds {member.filename} twice")
            self.members[member.filename] = member

    def locate(self, name):
        """(begin, size) of the bytes of a member, all of them inside the file."""
        info = self.members.get(self.top + name)
        if info is None:
            raise BadInput(f"{self.path}: {self.top}{name} is missing")
        if info.compress_type != zipfile.ZIP_STORED:
            raise BadInput(f"{self.path}: {info.filename} is compressed, torch stores")
        begin = _member_begin(self.path, self.file, info)
        if begin + info.file_size > self.file_size:
            raise BadInput(f"{self.path}: {info.filename} ends beyond the file: truncated")
        return begin, info.file_size

    def read(self, name, limit):
        """The bytes of a small member."""
        begin, size = self.locate(name)
        if size > limit:
            raise BadInput(f"{self.path}: {self.top}{name} has {size} bytes, {limit} are allowed")
        self.file.seek(begin)
        return self.file.read(size)


def _locate(archive, name, tensor):
    """PickledTensor -> Located, checked against its storage."""
    where = f"{archive.path}: tensor {name}"
    if not isinstance(tensor, PickledTensor) or not isinstance(tensor.storage, Storage):
        raise BadInput(f"{where}: is no tensor but {type(tensor).__name__}")
    storage, offset, shape, stride = tensor
    if not _are_sizes(shape) or not _are_sizes(stride) or len(shape) != len(stride) \
            or not _are_sizes((offset,)):
        raise BadInput(f"{where}: shape {shape!r}, strides {stride!r}, offset {offset!r}")
    if not _is_contiguous(shape, stride):
        raise BadInput(f"{where}: its strides {list(stride)} do not fit its shape {list(shape)}: "
                       "it is a transposed or cut view")
    n_items = 1
    for dim in shape:
        n_items *= dim
    item = ITEM_BYTES[storage.dtype]
    begin, size = archive.locate(f"data/{storage.key}")
    if (offset + n_items) * item > size:
        raise BadInput(f"{where}: needs {(offset + n_items) * item} bytes, data/{storage.key} has "
                       f"{size}")
    return Located(storage.dtype, shape, begin + offset * item, n_items * item)


def read_tensors(path):
    """{name: Located} of every tensor in the file PATH."""
    with open(path, "rb") as file:
        archive = _Archive(path, file)
        if archive.top + "byteorder" in archive.members:
            order = archive.read("byteorder", 16)
            if order != b"little":
                raise BadInput(f"{path}: its byte order is {order.decode('latin-1')}")
        program = archive.read("data.pkl", PICKLE_LIMIT)
        try:
            content = _Unpickler(io.BytesIO(program)).load()
        except BadInput:
            raise
        except MemoryError as error:
            raise BadInput(f"{path}: data.pkl asks for more memory than there is") from error
        except Exception as error:  # a damaged pickle fails in any way it likes
            raise BadInput(f"{path}: data.pkl cannot be read: {error}") from error
        if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
            raise BadInput(f"{path}: holds {type(content).__name__}, no dictionary of tensors")
        return {name: _locate(archive, name, tensor) for name, tensor in content.items()}
