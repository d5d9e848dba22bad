"""Reads `pytorch_model.bin`, the older weights file, without torch and without running its code.

The file is a zip: data.pkl pickles a dictionary of tensors, data/0, data/1, … hold their bytes.
A pickle is a program that may call anything, so this one may call four harmless things (an ordered
dictionary and three ways to describe a tensor); any other name it asks for is refused. What it
builds is looked at by its type alone: keys are strings, and nothing else is hashed, compared or
printed, since a kilobyte can hold a tuple of tuples that takes centuries to walk through. Storages
are located, not read: the caller streams them.
"""

import collections
import contextlib
import io
import os
import pickle
import struct
import zipfile

from .files import BadInput, open_regular
from .safetensors_file import are_sizes
from .terminal import brief

PICKLE_LIMIT = 4 << 20  # 30,000 tensors; an operation takes a byte, and some memory
DIRECTORY_LIMIT = 16 << 20  # bytes of a zip file read at once: the list of its members
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


# What torch.save writes, in the words of pickletools. No numbers as text, no instances, no sets.
OPERATIONS = """PROTO FRAME STOP MARK POP POP_MARK NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT
    BINUNICODE SHORT_BINUNICODE EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST APPEND APPENDS EMPTY_DICT
    SETITEM SETITEMS GLOBAL STACK_GLOBAL REDUCE BUILD BINPERSID
    BINPUT LONG_BINPUT MEMOIZE BINGET LONG_BINGET""".split()


def _refuse(text):
    raise pickle.UnpicklingError(text)


# The unpickler written in Python: the one in C allocates whatever memo index a file names, and what
# an operation does could not be said here. It keeps a stack of its own and never recurses.
class _Unpickler(pickle._Unpickler):  # pylint: disable=protected-access
    keys = (str,)

    def find_class(self, module, name):
        if (module, name) not in ALLOWED:
            _refuse(f"it asks for {module}.{name}, which weights do not need")
        return ALLOWED[module, name]

    def persistent_load(self, pid):
        if type(pid) is not tuple or len(pid) != 5 or type(pid[0]) is not str or pid[0] != "storage":
            _refuse(f"it refers to {brief(pid)}, which is no storage")
        _, storage_type, key, _, n_items = pid
        if type(storage_type) is not StorageType or type(key) is not str \
                or type(n_items) is not int or n_items < 0:
            _refuse(f"it refers to the storage {brief(key)} of {brief(n_items)} items")
        return Storage(key, storage_type.dtype, n_items)

    def _set(self, pairs):
        target = self.stack[-1]
        if not isinstance(target, dict):
            _refuse(f"it sets items of {brief(target)}")
        for key, value in pairs:
            if type(key) not in self.keys:
                _refuse(f"a key is {brief(key)}, no string")
            target[key] = value

    def load_setitem(self):
        """dict key value -> dict"""
        value, key = self.stack.pop(), self.stack.pop()
        self._set([(key, value)])

    def load_setitems(self):
        """dict mark key value … -> dict"""
        items = self.pop_mark()
        self._set(zip(items[::2], items[1::2], strict=True))

    def load_append(self):
        """list value -> list"""
        value = self.stack.pop()
        self._extend([value])

    def load_appends(self):
        """list mark value … -> list"""
        values = self.pop_mark()
        self._extend(values)

    def _extend(self, values):
        if type(self.stack[-1]) is not list:
            _refuse(f"it appends to {brief(self.stack[-1])}")
        self.stack[-1].extend(values)

    def load_reduce(self):
        """function arguments -> what it returns"""
        arguments, function = self.stack.pop(), self.stack[-1]
        if type(arguments) is not tuple:
            _refuse(f"the arguments of a call are {brief(arguments)}")
        if function is collections.OrderedDict and not arguments:
            self.stack[-1] = collections.OrderedDict()
        elif function is _rebuild_tensor or function is _rebuild_parameter:
            self.stack[-1] = function(*arguments)
        else:
            _refuse(f"it calls {brief(function)} with {len(arguments)} arguments")

    def load_build(self):
        """An object and its state: the `_metadata` of a dictionary of weights, which is not needed."""
        self.stack.pop()
        if type(self.stack[-1]) is not collections.OrderedDict:
            _refuse(f"it gives a state to {brief(self.stack[-1])}")

    dispatch = {
        getattr(pickle, name)[0]: pickle._Unpickler.dispatch[getattr(pickle, name)[0]]
        for name in OPERATIONS
    } | {
        pickle.SETITEM[0]: load_setitem, pickle.SETITEMS[0]: load_setitems,
        pickle.APPEND[0]: load_append, pickle.APPENDS[0]: load_appends,
        pickle.REDUCE[0]: load_reduce, pickle.BUILD[0]: load_build,
    }


def _unpickle(path, program, keys=(str,)):
    """What data.pkl describes; the keys of dictionaries are of the types KEYS."""
    unpickler = _Unpickler(io.BytesIO(program))
    unpickler.keys = keys
    try:
        return unpickler.load()
    except MemoryError as error:
        raise BadInput(f"{path}: data.pkl asks for more memory than there is") from error
    except KeyError as error:
        raise BadInput(f"{path}: data.pkl cannot be read: it has the operation "
                       f"{brief(error.args[0])}, which weights do not need") from None
    except Exception as error:  # a damaged pickle fails in any way it likes
        what = str(error) if type(error) is pickle.UnpicklingError else type(error).__name__
        raise BadInput(f"{path}: data.pkl cannot be read: {what}") from None


class _Bounded:
    """A file as zipfile reads it, which believes any length that a file names."""

    def __init__(self, file):
        self.seek, self.tell, self._read = file.seek, file.tell, file.read

    def read(self, size=-1):
        """SIZE bytes, or all that are left, if they are not too many."""
        found = self._read(DIRECTORY_LIMIT + 1 if size < 0 else min(size, DIRECTORY_LIMIT + 1))
        if len(found) > DIRECTORY_LIMIT:
            raise ValueError(f"more than {DIRECTORY_LIMIT} bytes list its members")
        return found

    def seekable(self):
        """zipfile asks."""
        return True


def _member_begin(path, file, info):
    """Where the bytes of a zip member begin: after its local header, whose lengths are its own."""
    is_there = 0 <= info.header_offset < os.fstat(file.fileno()).st_size
    file.seek(info.header_offset if is_there else 0, os.SEEK_SET if is_there else os.SEEK_END)
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


class _Archive:
    """The zip file, its members by the path under the archive's own top directory."""

    def __init__(self, path, file):
        self.path, self.file, self.file_size = path, file, os.fstat(file.fileno()).st_size
        try:
            members = zipfile.ZipFile(_Bounded(file)).infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError, EOFError,
                OSError, struct.error) as error:
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
    if type(tensor) is not PickledTensor or type(tensor.storage) is not Storage:
        raise BadInput(f"{where}: is no tensor but {type(tensor).__name__}")
    storage, offset, shape, stride = tensor
    if not are_sizes(shape, tuple) or not are_sizes(stride, tuple) or len(shape) != len(stride) \
            or not are_sizes((offset,), tuple):
        raise BadInput(f"{where}: shape {brief(shape)}, strides {brief(stride)}, offset {brief(offset)}")
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
    with open_regular(path, "weights", ("TORCH",)) as file:
        archive = _Archive(path, file)
        if archive.top + "byteorder" in archive.members:
            order = archive.read("byteorder", 16)
            if order != b"little":
                raise BadInput(f"{path}: its byte order is {order.decode('latin-1')}")
        content = _unpickle(path, archive.read("data.pkl", PICKLE_LIMIT))
        if not isinstance(content, dict):
            raise BadInput(f"{path}: holds {type(content).__name__}, no dictionary of tensors")
        return {name: _locate(archive, name, tensor) for name, tensor in content.items()}


@contextlib.contextmanager
def checked_state(path):
    """Yield the file PATH of torch.save() for torch.load(): numbers and tensors in it and nothing else.

    weights_only=True would not do: it hashes whatever a file makes a key, and torch 1.13 has no
    floats in it. What was looked at here calls nothing but what builds tensors.
    """
    with open_regular(path) as file:
        archive = _Archive(path, file)
        _unpickle(path, archive.read("data.pkl", PICKLE_LIMIT), (str, int))
        file.seek(0)
        yield file
