#!/usr/bin/env python3
"""What the scripts do with files, names and recordings that somebody made to hurt.

Each ends in time, in one sentence on stderr with the exit status that says whose fault it is, leaves nothing behind
and sends a terminal nothing that it obeys. Run with .venv/bin/python; a script that hangs fails after a minute.
"""

import contextlib
import faulthandler
import importlib
import io
import json
import os
import pickle
import random
import resource
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
import zipfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPTS = os.path.join(ROOT, "scripts")
sys.path[:0] = [SCRIPTS, os.path.join(ROOT, "tests", "support")]

import make_checkpoint  # noqa: E402
import read_trace  # noqa: E402
from lib import torch_zip  # noqa: E402
from lib.files import BadInput, Progress, open_regular, run_main  # noqa: E402
from lib.terminal import brief, harmless, sentence  # noqa: E402
from terminal import BRIEF, HOSTILE, harm, on_terminal  # noqa: E402

SECONDS = 240


def setUpModule():
    """A script that takes more than 4 GB has taken a file's word for something; so does a child that asks for it."""
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, resource.getrlimit(resource.RLIMIT_AS)[1]))


def without_limit():
    """torch maps more than it uses."""
    resource.setrlimit(resource.RLIMIT_AS, (resource.getrlimit(resource.RLIMIT_AS)[1],) * 2)


class Hostile(unittest.TestCase):
    """A directory of one's own, and what a script may do."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="torchless-hostile-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, *names):
        """A path in the directory."""
        return os.path.join(self.folder, *names)

    def ends(self, script, *arguments, status=2, says=""):
        """The script, run in this process as its last line runs it, ends in one sentence and leaves no output.

        What does not end takes the test with it: nothing else gets out of a hash of 2 ** 40 elements.
        """
        shown = io.StringIO()
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        with unittest.mock.patch.object(sys, "argv", [script, *arguments]), contextlib.redirect_stderr(shown), \
                contextlib.redirect_stdout(io.StringIO()), self.assertRaises(SystemExit) as ended:
            run_main(importlib.import_module(script.removesuffix(".py")).main)
        faulthandler.cancel_dump_traceback_later()
        shown = shown.getvalue()
        self.assertEqual(ended.exception.code, status, shown)
        self.assertEqual(shown.count("\n"), 1, shown[-2000:])
        self.assertTrue(shown.startswith(script + ": "), shown[:300])
        self.assertLessEqual(len(shown), 1100)
        self.assertEqual(harm(shown.encode("utf-8", "surrogatepass")), [])
        self.assertIn(says, shown)
        self.assertFalse(os.path.lexists(self.path("out")), os.listdir(self.folder))

    def alone(self, script, *arguments, says=""):
        """The same in a process of its own."""
        done = subprocess.run([sys.executable, os.path.join(SCRIPTS, script), *arguments], capture_output=True, timeout=SECONDS,
                              stdin=subprocess.DEVNULL, check=False)
        self.assertEqual(done.returncode, 2, done.stderr[-2000:])
        self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr[-2000:])
        self.assertIn(says, done.stderr.decode())


# ---- pickles ---------------------------------------------------------------------------------------------------------

BOMB = b"K\x01K\x01\x86" + b"q\x00h\x00\x86" * 40  # t = (t, t), 40 times: 2 ** 40 to hash, compare or print
DEEP = b"]" * 100_000 + b"a" * 99_999  # a list in a list in a list
STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ"
TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n(" + STORAGE + b"K\x00K\x04\x85K\x01\x85\x89)tR"
KEY = b"X\x01\x00\x00\x00a"


def program(*parts):
    """A pickle of these operations."""
    return b"\x80\x02" + b"".join(parts) + b"."


PICKLES = {
    "a bomb as a key": program(b"}", BOMB, b"K\x01s"),
    "a bomb as one of many keys": program(b"}(", KEY, b"K\x01", BOMB, b"K\x01u"),
    "a bomb as a key of an ordered dictionary": program(b"ccollections\nOrderedDict\n)R", BOMB, b"K\x01s"),
    "a bomb as a value": program(b"}", KEY, BOMB, b"s"),
    "a bomb at the top": program(BOMB),
    "a bomb as an argument of a dictionary": program(b"ccollections\nOrderedDict\n](]", BOMB, b"aK\x01ea\x85R"),
    "a bomb as a storage": program(b"}", KEY, BOMB, b"Qs"),
    "a bomb as a storage's key": program(b"}", KEY, STORAGE.replace(b"X\x01\x00\x00\x000", BOMB), b"s"),
    "a bomb as a storage's type": program(b"}", KEY, STORAGE.replace(b"ctorch\nFloatStorage\n", BOMB), b"s"),
    "a bomb as a shape": program(b"}", KEY, TENSOR.replace(b"K\x04\x85", BOMB, 1), b"s"),
    "a bomb as a stride": program(b"}", KEY, TENSOR.replace(b"K\x01\x85", BOMB, 1), b"s"),
    "a bomb as an offset": program(b"}", KEY, TENSOR.replace(b"K\x00K\x04\x85", BOMB + b"K\x04\x85", 1), b"s"),
    "a bomb as a function": program(BOMB, b")R"),
    "a bomb as arguments": program(b"ctorch._utils\n_rebuild_tensor_v2\n", BOMB, b"R"),
    "a bomb as a state": program(b"ccollections\nOrderedDict\n)R", BOMB, b"b"),
    "a list a hundred thousand deep": program(b"}", KEY, DEEP, b"s"),
    "a list that holds itself": program(b"}", KEY, b"]q\x00h\x00as"),
    "a dictionary that holds itself": program(b"}q\x00", KEY, b"h\x00s"),
    "a state for a type": program(b"ctorch\nFloatStorage\n}X\x05\x00\x00\x00dtypeX\x01\x00\x00\x00xsb"),
    "a state for a function": program(b"ctorch._utils\n_rebuild_parameter\n}", KEY, b"K\x01sb"),
    "a shape of a hundred thousand sizes": program(b"}", KEY, TENSOR.replace(b"K\x04\x85", b"(" + b"J\xff\xff\xff\x7f" * 100_000 + b"t", 1), b"s"),
    "a number of two million bits": program(b"}", KEY, b"\x8b" + struct.pack("<I", 250_000) + b"\x7f" * 250_000, b"s"),
    "a number of text": program(b"}", KEY, b"L" + b"9" * 1_000_000 + b"L\n", b"s"),
    "bytes without an end": program(b"}", KEY, b"\x8e" + struct.pack("<Q", 1 << 62), b"s"),
    "text without an end": program(b"}", b"X\xff\xff\xff\x7f", b"K\x01s"),
    "a frame without an end": b"\x80\x04\x95" + struct.pack("<Q", 1 << 62) + b"}.",
    "a place in the memory far away": program(b"}r\xff\xff\xff\x7f"),
    "a place that is not there": program(b"h\x63"),
    "another module": program(b"cos\nsystem\n(X\x0d\x00\x00\x00touch /tmp/xtR"),
    "another module, newer": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x01x\x85R.",
    "an instance": program(b"(ios\nsystem\n"),
    "an object": program(b"(cos\nsystem\no"),
    "a new object": program(b"ccollections\nOrderedDict\n)\x81"),
    "an extension": program(b"\x82\x01"),
    "a name of a storage as text": program(b"Px\n"),
    "a name with what a terminal obeys": program(b"c" + BRIEF.encode() + b"\nx\n"),
    "four million dictionaries": program(b"}" * ((4 << 20) - 8)),
    "four million marks": program(b"(" * ((4 << 20) - 8)),
    "five million operations": program(b"}" * (5 << 20)),
    "nothing": b"",
    "an end without a beginning": b".",
    "operations that are none": b"\xff\xfe\xfd",
}

# Odd, but a dictionary of no tensors.
HARMLESS = {"a bomb as a state", "a frame without an end", "a place in the memory far away", "four million dictionaries"}


def write_bin(path, data_pkl, compression=zipfile.ZIP_STORED):
    """A pytorch_model.bin of a program and one storage."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", data_pkl)
        archive.writestr("archive/data/0", b"\0" * 16)


class Pickles(Hostile):
    """pytorch_model.bin, by the module and by the scripts."""

    def test_every_program_is_refused_in_time(self):
        for name, data in PICKLES.items():
            with self.subTest(name):
                write_bin(self.path("x.bin"), data)
                faulthandler.dump_traceback_later(SECONDS, exit=True)
                try:
                    self.assertEqual(torch_zip.read_tensors(self.path("x.bin")), {})
                    self.assertIn(name, HARMLESS)
                except BadInput as error:
                    self.assertNotIn(name, HARMLESS)
                    self.assertLess(len(str(error)), 600)
                    self.assertEqual(harm(sentence(error).encode()), [])
                faulthandler.cancel_dump_traceback_later()

    def test_the_script_ends(self):
        make_checkpoint.make(self.path("model"), {**make_checkpoint.DEFAULTS, **make_checkpoint.PRESETS["plain"][1]}, True)
        os.unlink(self.path("model", "model.safetensors"))
        write_bin(self.path("model", "pytorch_model.bin"), PICKLES["a bomb as a key"])
        self.alone("export_mistral.py", self.path("model"), "-o", self.path("out"), says="a key is a list of 2, no string")

    def test_what_torch_writes_is_read(self):
        write_bin(self.path("x.bin"), program(b"ccollections\nOrderedDict\n)R(", KEY, TENSOR, b"u}X\x09\x00\x00\x00_metadataccollections\nOrderedDict\n)Rsb"))
        self.assertEqual(torch_zip.read_tensors(self.path("x.bin"))["a"].shape, (4,))

    def test_a_training_state_is_looked_at_too(self):
        for name in ("a bomb as a key", "another module", "a list a hundred thousand deep", "an instance"):
            with self.subTest(name):
                write_bin(self.path("x.bin"), PICKLES[name])
                if "deep" in name:
                    with torch_zip.checked_state(self.path("x.bin")):
                        continue
                with self.assertRaises(BadInput), torch_zip.checked_state(self.path("x.bin")):
                    pass

    def test_archives(self):
        write_bin(self.path("good.bin"), program(b"}", KEY, TENSOR, b"s"))
        with open(self.path("good.bin"), "rb") as file:
            good = file.read()
        write_bin(self.path("x.bin"), b"\0" * (64 << 20), zipfile.ZIP_DEFLATED)
        with self.assertRaises(BadInput) as caught:
            torch_zip.read_tensors(self.path("x.bin"))
        self.assertIn("compressed", str(caught.exception))
        generator = random.Random(1)
        for _ in range(300):
            data = bytearray(good)
            for _ in range(generator.randrange(1, 6)):
                data[generator.randrange(len(data))] = generator.randrange(256)
            with open(self.path("x.bin"), "wb") as file:
                file.write(data[: generator.randrange(len(data) + 1)] if generator.random() < 0.3 else data)
            with contextlib.suppress(BadInput):
                torch_zip.read_tensors(self.path("x.bin"))
        # A list of members that is said to be as long as a file of a terabyte.
        with open(self.path("x.bin"), "wb") as file:
            file.truncate(1 << 40)
            file.seek((1 << 40) - 22 - 20 - 56)
            size = (1 << 40) - 98
            file.write(struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, 1, 1, size, 0))
            file.write(struct.pack("<IIQI", 0x07064B50, 0, size, 1))
            file.write(struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0))
        with self.assertRaises(BadInput):
            torch_zip.read_tensors(self.path("x.bin"))


# ---- checkpoints ---------------------------------------------------------------------------------------------------------


class Checkpoints(Hostile):
    """export_mistral.py and import_gguf.py."""

    def setUp(self):
        super().setUp()
        self.model = self.path("model")
        make_checkpoint.make(self.model, {**make_checkpoint.DEFAULTS, **make_checkpoint.PRESETS["plain"][1]}, True)

    def export(self, model=None, **expected):
        """export_mistral.py refuses."""
        return self.ends("export_mistral.py", model or self.model, "-o", self.path("out"), **expected)

    def replaced(self, name, make):
        """A copy of the model with something else in the place of a file."""
        model = self.path("copy")
        shutil.rmtree(model, ignore_errors=True)
        shutil.copytree(self.model, model)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(model, name))
        make(os.path.join(model, name))
        return model

    def written(self, name, content):
        """A copy of the model with other bytes in a file."""
        def write(path):
            with open(path, "wb") as file:
                file.write(content if isinstance(content, bytes) else json.dumps(content).encode())
        return self.replaced(name, write)

    KINDS = {
        "a pipe": os.mkfifo,
        "a device without an end": lambda path: os.symlink("/dev/zero", path),
        "a directory": os.mkdir,
    }

    def test_what_is_no_file(self):
        for kind, make in self.KINDS.items():
            for name in ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"):
                with self.subTest(f"{kind} as {name}"):
                    self.export(self.replaced(name, make), says=f"{name}: is ")
        for name in ("model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"):
            os.path.exists(f"{self.model}/model.safetensors") and os.rename(f"{self.model}/model.safetensors", self.path("weights"))
            with self.subTest(name):
                self.export(self.replaced(name, os.mkfifo), says=f"{name}: is no regular file")
        with self.subTest("a shard"):
            index = {"weight_map": {"model.norm.weight": "a.safetensors"}}
            model = self.written("model.safetensors.index.json", index)
            os.mkfifo(f"{model}/a.safetensors")
            self.export(model, says="a.safetensors is no regular file")
        for kind, make in self.KINDS.items():
            with self.subTest(f"{kind} as a GGUF file"):
                make(self.path(kind))
                self.ends("import_gguf.py", self.path(kind), "-o", self.path("out"), says="is ")
        with self.subTest("an output"):
            os.mkfifo(self.path("pipe"))
            self.ends("export_mistral.py", self.model, "-o", self.path("pipe"))

    def test_sizes(self):
        def hole(size):
            def make(path):
                with open(path, "wb") as file:
                    file.write(b"{")  # nothing but zeros is told as that
                    file.truncate(size)
            return make

        for name, size in (("config.json", 1 << 40), ("tokenizer.json", 1 << 40), ("config.json", (16 << 20) + 1)):
            with self.subTest(name):
                self.export(self.replaced(name, hole(size)), says="are allowed")

    def test_json(self):
        with open(f"{self.model}/config.json", encoding="utf-8") as file:
            config = json.load(file)
        documents = {
            "deep": b"[" * 100_000, "deep and closed": b"[" * 100_000 + b"]" * 100_000, "deep objects": b'{"a":' * 100_000,
            "a long number": b'{"a": ' + b"9" * 100_000 + b"}", "NaN": b'{"a": NaN}', "infinity": b'{"a": -Infinity}', "no UTF-8": b'{"a": "\xff\x9b"}',
            "keys twice": b"{" + b",".join(b'"k%d": 1' % i for i in range(100_000)) + b', "k99999": 1, "k99999": 1}',
            "a hostile key twice": (json.dumps({HOSTILE: 1})[:-1] + ", " + json.dumps({HOSTILE: 1})[1:]).encode(),
            "nothing": b"", "a NUL": b"\0", "a list": b"[]",
        }
        for name, document in documents.items():
            for file in ("config.json", "tokenizer.json"):
                if (name, file) == ("a list", "tokenizer.json"):
                    continue
                with self.subTest(f"{name} as {file}"):
                    self.export(self.written(file, document))
        nested = [[]]
        for _ in range(300):
            nested = [nested]
        for key, value in (("architectures", [HOSTILE]), ("architectures", nested), ("architectures", {HOSTILE: nested}), ("hidden_size", nested),
                           ("hidden_size", HOSTILE), ("hidden_size", 10 ** 4000), ("num_hidden_layers", (1 << 31) - 1), ("vocab_size", (1 << 31) - 1),
                           ("num_key_value_heads", HOSTILE), ("head_dim", -1), ("intermediate_size", 1e300)):
            with self.subTest(f"{key} {brief(value)}"):
                self.export(self.written("config.json", {**config, key: value}))

    def test_safetensors(self):
        def file(header, data=b"\0" * 8):
            text = header if isinstance(header, bytes) else json.dumps(header).encode()
            return struct.pack("<Q", len(text)) + text + data

        one = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
        cases = {
            "a length without an end": struct.pack("<Q", (1 << 64) - 1) + b"{}", "a length of the limit": struct.pack("<Q", 100_000_000) + b"{}",
            "deep": file(b"[" * 100_000), "a long shape": file({"a": {**one, "shape": [2] * 200_000}}),
            "a long shape of long sizes": file({"a": {**one, "shape": [(1 << 62)] * 100_000}}),
            "a size of many digits": file({"a": {**one, "shape": [10 ** 4000]}}), "a size below zero": file({"a": {**one, "shape": [-2]}}),
            "a type": file({"a": {**one, "dtype": HOSTILE}}), "a type that is a list": file({"a": {**one, "dtype": [[HOSTILE]]}}),
            "a name": file({HOSTILE: one}), "a long name": file({"a" * 1_000_000: one}), "offsets": file({"a": {**one, "data_offsets": [8, 0]}}),
            "offsets of text": file({"a": {**one, "data_offsets": HOSTILE}}), "an entry": file({"a": HOSTILE}),
            "metadata": file({"__metadata__": HOSTILE, "a": one}), "NaN": file(b'{"a": NaN}'), "nothing": b"",
        }
        for name, content in cases.items():
            with self.subTest(name):
                self.export(self.written("model.safetensors", content))

    def test_names(self):
        for index in ({HOSTILE: "a"}, {"a": HOSTILE}, {"a": "../" + HOSTILE}, {"a": "x" * 100_000}, {"a": ["x"]}, HOSTILE):
            with self.subTest(brief(index)):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(f"{self.model}/model.safetensors")
                self.export(self.written("model.safetensors.index.json", {"weight_map": index}))
        hostile = self.path("model-" + BRIEF)
        os.rename(self.model, hostile)
        self.export(hostile, says="holds no weights")

    def test_a_terminal(self):
        hostile = self.path("model-" + BRIEF)
        shutil.copytree(self.model, hostile)
        script = os.path.join(SCRIPTS, "export_mistral.py")
        for arguments, expected in (([hostile, "-o", self.path("a" + BRIEF)], 0), ([hostile + "x", "-o", self.path("b")], 2),
                                    (["--" + BRIEF], 2), ([hostile, "-o", self.path("c"), "--dtype", BRIEF], 2), (["--help"], 0)):
            with self.subTest(arguments[-1]):
                out, status = on_terminal([sys.executable, script, *arguments], seconds=SECONDS)
                self.assertEqual(status, expected, out[-500:])
                self.assertEqual(harm(out, rb"\r(?:\x1b\[K|exporting )"), [])
                # Messages come out of a pipe for people too, as in a log.
                done = subprocess.run([sys.executable, script, *arguments], capture_output=True, timeout=SECONDS, check=False)
                self.assertEqual(harm(done.stderr), [])
        self.assertIn(rb"a" + rb"evil\x1b[31m\x07\x7f\x9b2J\u202eend", on_terminal(
            [sys.executable, script, hostile, "-o", self.path("a" + BRIEF)], seconds=SECONDS)[0])

    def test_gguf(self):
        def string(text):
            return struct.pack("<Q", len(text)) + text

        def file(n_tensors, *pairs, data=b""):
            keys = b"".join(string(key) + value for key, value in pairs)
            return b"GGUF" + struct.pack("<IQQ", 3, n_tensors, len(pairs)) + keys + data

        def array(kind, length):
            return struct.pack("<IIQ", 9, kind, length)

        llama = (b"general.architecture", struct.pack("<I", 8) + string(b"llama"))
        number = lambda key, x: (b"llama." + key, struct.pack("<IQ", 10, x))  # noqa: E731
        cases = {
            "a string without an end": file(0, (b"a", struct.pack("<IQ", 8, 1 << 62))),
            "an array without an end": file(0, (b"a", array(0, 1 << 62))), "strings without an end": file(0, (b"a", array(8, 1 << 62))),
            "arrays in arrays": file(0, (b"a", array(9, 4) * 1000)), "many numbers": file(0, (b"a", array(0, 40 << 20)), data=b"\0" * (40 << 20)),
            "many empty strings": file(0, (b"a", array(8, 35 << 20)), data=b"\0" * (280 << 20)),
            "many keys": b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 22) + b"\0" * (13 << 22),
            "an architecture": file(0, (b"general.architecture", struct.pack("<I", 8) + string(HOSTILE.encode()))),
            "a key": file(0, (HOSTILE.encode(), struct.pack("<IB", 0, 1)), llama), "a hostile key twice": file(0, *[(HOSTILE.encode(), struct.pack("<IB", 0, 1))] * 2),
            "a key of the architecture": file(0, llama, (b"llama." + HOSTILE.encode(), struct.pack("<IB", 0, 1))),
            "heads without an end": file(0, llama, number(b"embedding_length", 1 << 30), number(b"attention.head_count", 1),
                                         number(b"attention.head_count_kv", 1), number(b"attention.key_length", 1 << 30)),
            "no number": file(0, llama, number(b"embedding_length", 64), number(b"attention.head_count", 4),
                              (b"llama.rope.freq_base", struct.pack("<If", 6, float("nan")))),
            "a magic": BRIEF.encode() * 10,
        }
        for name, content in cases.items():
            with self.subTest(name):
                with open(self.path("x.gguf"), "wb") as target:
                    target.write(content)
                self.ends("import_gguf.py", self.path("x.gguf"), "-o", self.path("out"))


# ---- recordings --------------------------------------------------------------------------------------------------------------

COLUMNS = "value_id, chunk, run_id, fqn, pass, dtype, shape, dump_from, data"
GOOD = {"value_id": 1, "chunk": 0, "run_id": 1, "fqn": "model.norm:out", "pass": 0, "dtype": "f32", "shape": "2,2", "dump_from": None, "data": b"\0" * 16}


class Recordings(Hostile):
    """read_trace.py, and what else reads a recording."""

    def database(self, *rows, sql=""):
        """A file whose v_payload has these rows."""
        path = self.path("x.db")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA synchronous = OFF")  # nobody needs it after a crash
            if rows:
                db.execute(f"CREATE TABLE v_payload({COLUMNS})")
            for row in rows:
                db.execute(f"INSERT INTO v_payload VALUES({','.join('?' * 9)})", list((GOOD | row).values()))
            db.executescript(sql)
        return path

    def refused(self, *rows, sql="", says=""):
        """The command says what is wrong, and the function has a ValueError or an error of SQLite."""
        path = self.database(*rows, sql=sql)
        self.ends("read_trace.py", path, says=says)
        with self.assertRaises((ValueError, sqlite3.Error)):
            list(read_trace.arrays(path))

    def test_good_ones_are_read(self):
        rows = [{}, {"value_id": 2, "shape": "4", "data": b"\0" * 8}, {"value_id": 2, "chunk": 1, "shape": "4", "data": b"\1" * 8},
                {"value_id": 3, "shape": "", "data": b"\0" * 4}, {"value_id": 4, "shape": "0,3", "data": b""}, {"value_id": 5, "dtype": "bf16", "data": b"\0" * 8}]
        found = list(read_trace.arrays(self.database(*rows)))
        self.assertEqual([array.shape for *_, array in found], [(2, 2), (4,), (), (0, 3), (2, 2)])

    def test_damaged_dumps(self):
        shapes = ("x", "-1,4", "-2,-2", "2,,2", "2,2,", ",", " 2,2", "2.0,2", "1e1", "٢,2", "9" * 30, "4611686018427387904,4", "1," * 20 + "4", "2,3", "0", "4" * 100_000,
                  b"2,2", 4, None, 2.5)
        for shape in shapes:
            with self.subTest(shape=brief(shape)):
                self.refused({"shape": shape}, says="model.norm:out")
        for change in ({"dtype": "f99"}, {"dtype": None}, {"dtype": 7}, {"dtype": HOSTILE}, {"dtype": b"f32"}, {"data": None}, {"data": "0" * 16}, {"data": 7},
                       {"data": b""}, {"data": b"\0" * 15}, {"data": b"\0" * 17}, {"data": b"\0" * 100_000}, {"fqn": 7}, {"dump_from": "x"},
                       {"dump_from": 1.5}, {"shape": "1000000,1000000"}):
            with self.subTest(**{key: brief(value) for key, value in change.items()}):
                self.refused(change)
        for second in ({"data": None}, {"data": b"\0"}, {"data": b"\0" * 9}, {"data": "x" * 8}):
            with self.subTest(second=second):
                self.refused({"data": b"\0" * 8}, {"chunk": 1} | second)
        self.refused({"fqn": HOSTILE, "shape": HOSTILE})

    def test_damaged_tables(self):
        endless = "WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c)"
        for sql, says in (
            ("", "no such table"), ("CREATE TABLE v_payload(x)", "no such column"),
            ("CREATE VIEW v_payload AS SELECT * FROM nowhere", "nowhere"),
            ("CREATE VIEW v_payload AS SELECT 1 value_id, 0 chunk, 1 run_id, 'a' fqn, 0 pass, 'f32' dtype, '9' shape, 0 dump_from, zeroblob(900000000) data", ""),
            (f"CREATE VIEW v_payload AS {endless} SELECT 1 value_id, 0 chunk, 1 run_id, 'a' fqn, 0 pass, 'f32' dtype, '9' shape, 0 dump_from, load_extension('x') data FROM c", ""),
            (f"CREATE TABLE v_payload({COLUMNS}); INSERT INTO v_payload SELECT 1, 0, 1, CAST(X'ff9b' AS TEXT), 0, 'f32', '1', 0, X'00000000'", "UTF-8"),
        ):
            with self.subTest(sql[:40], says=says):
                self.refused(sql=sql, says=says)
        path = self.database(sql=f"CREATE VIEW v_payload AS {endless} SELECT 1 value_id, i chunk, 1 run_id, 'a' fqn, 0 pass, 'f32' dtype, '9' shape, 0 dump_from, X'00' data FROM c WHERE i < 0")
        before, read_trace.MAX_SECONDS = read_trace.MAX_SECONDS, 1
        try:
            with self.assertRaises(ValueError) as caught:
                list(read_trace.arrays(path))
        finally:
            read_trace.MAX_SECONDS = before
        self.assertIn("no row came in 1 seconds", str(caught.exception))

    def test_what_is_no_recording(self):
        for name, content in (("text", b"hello" * 1000), ("empty", b""), ("header", b"SQLite format 3\0" + b"\xff" * 5000), ("short", b"SQLite format 3\0")):
            with self.subTest(name):
                with open(self.path(name), "wb") as file:
                    file.write(content)
                self.ends("read_trace.py", self.path(name))
        os.mkfifo(self.path("pipe"))
        self.ends("read_trace.py", self.path("pipe"), says="no regular file")
        os.symlink("/dev/zero", self.path("zero"))
        self.ends("read_trace.py", self.path("zero"), says="no regular file")
        self.ends("read_trace.py", self.folder)
        self.ends("read_trace.py", self.path("not-there" + BRIEF))
        self.ends("read_trace.py", self.path("a?mode=rwc&x=y"))
        self.alone("read_trace.py", self.path("pipe"), says="no regular file")
        self.assertEqual([name for name in os.listdir(self.folder) if "rwc" in name or name == "a"], [])

    def test_a_name_with_a_question_mark(self):
        path = self.path("a?b#c%20d.db")
        os.rename(self.database({}), path)
        self.assertEqual(len(list(read_trace.arrays(path))), 1)

    def test_side_files(self):
        for suffix in ("-journal", "-wal", "-shm"):
            for make in (os.mkfifo, lambda path: os.symlink("/dev/zero", path), os.mkdir):
                path = self.database({})
                make(path + suffix)
                with self.subTest(suffix):
                    self.ends("read_trace.py", path, says=f"{suffix} is no regular file")
                os.rmdir(path + suffix) if os.path.isdir(path + suffix) else os.unlink(path + suffix)
        # A journal whose end names another file, to be deleted.
        path = self.database({})
        victim = self.path("victim")
        with open(victim, "w", encoding="ascii") as file:
            file.write("stay")
        with open(path, "rb") as file:
            page = struct.unpack(">H", file.read(100)[16:18])[0]
        magic, name = bytes.fromhex("d9d505f920a163d7"), os.fsencode(victim)
        with open(path + "-journal", "wb") as file:
            file.write((magic + struct.pack(">IIIII", 0, 1234, os.path.getsize(path) // page, 512, page)).ljust(512, b"\0"))
            file.write(struct.pack(">I", 0x40000000 // page + 1) + name + struct.pack(">II", len(name), sum(name)) + magic)
        self.ends("read_trace.py", path, says="-journal")
        self.assertTrue(os.path.exists(victim))

    def test_random_damage(self):
        rows = [{"value_id": i, "chunk": 0, "fqn": f"model.layers.{i}:out", "data": bytes(16)} for i in range(200)]
        with open(self.database(*rows), "rb") as file:
            good = file.read()
        generator = random.Random(7)
        for _ in range(150):
            data = bytearray(good)
            for _ in range(generator.randrange(1, 40)):
                data[generator.randrange(len(data))] = generator.randrange(256)
            with open(self.path("x.db"), "wb") as file:
                file.write(data)
            with contextlib.suppress(ValueError, sqlite3.Error):
                list(read_trace.arrays(self.path("x.db")))

    def test_answers_only_read(self):
        path = self.database({}, sql="CREATE TABLE saved_query(name, sql, params); CREATE TABLE t(x);"
                             "INSERT INTO saved_query VALUES('good', 'SELECT :n + 1', '{\"n\": 1}'), ('list', 'SELECT 1', '[]'), ('null', NULL, NULL), ('json', 'SELECT 1', 'x');")
        self.assertEqual(list(read_trace.answer(path, "good")), [(2,)])
        self.assertEqual(list(read_trace.answer(path, "good", n=4)), [(5,)])
        for name, params in (("nosuch", {}), ("list", {}), ("null", {}), ("json", {}), ("good", {"m": 1})):
            with self.subTest(name), self.assertRaises(ValueError):
                list(read_trace.answer(path, name, **params))
        target = self.path("made")
        for sql in (f"VACUUM INTO '{target}'", f"ATTACH 'file:{target}?mode=rwc' AS x", "DELETE FROM t", "PRAGMA journal_mode = WAL", "CREATE TEMP TABLE y(z)", ".shell touch x",
                    "SELECT 1; DELETE FROM t", "SELECT load_extension('x')", "SELECT * FROM pragma_database_list"):
            with self.subTest(sql):
                with contextlib.closing(sqlite3.connect(path)) as db:
                    db.execute("UPDATE saved_query SET sql = ? WHERE name = 'good'", (sql,))
                    db.commit()
                with self.assertRaises((sqlite3.Error, sqlite3.Warning, ValueError)):
                    list(read_trace.answer(path, "good"))
                self.assertFalse(os.path.exists(target))

    def test_a_terminal_and_a_pipe_that_ends(self):
        path = self.path(f"{BRIEF}.db")
        os.rename(self.database(*({"value_id": i, "fqn": HOSTILE} for i in range(3000))), path)
        script = os.path.join(SCRIPTS, "read_trace.py")
        for arguments in ([path], [path + "x"], [], [path, "*", "x"]):
            out, _ = on_terminal([sys.executable, script, *arguments], seconds=SECONDS)
            self.assertEqual(harm(out), [])
        listed = subprocess.run([sys.executable, script, path], capture_output=True, timeout=SECONDS, check=True).stdout
        self.assertEqual((listed.count(b"\n"), harm(listed)), (3000, []))
        with subprocess.Popen([sys.executable, script, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            child.stdout.readline()
            child.stdout.close()
            self.assertEqual((child.wait(SECONDS), child.stderr.read()), (-signal.SIGPIPE, b""))

    def test_comparing(self):
        good, bad = self.database({}), self.path("pipe")
        os.mkfifo(bad)
        self.ends("parity.py", good, "-", good)
        self.ends("parity.py", bad, "-", good)


# ---- transformers ------------------------------------------------------------------------------------------------------------


class Recorder(Hostile):
    """record_hf.py, which hands a directory to transformers."""

    def test_a_directory(self):
        model = self.path("model")
        make_checkpoint.make(model, {**make_checkpoint.DEFAULTS, **make_checkpoint.PRESETS["plain"][1]}, True)
        with open(f"{model}/config.json", encoding="utf-8") as file:
            config = json.load(file)

        def record():
            # torch maps more than the memory that is allowed here.
            done = subprocess.run([sys.executable, os.path.join(SCRIPTS, "record_hf.py"), "-m", model, "-o", self.path("out"), "--prompt-ids", "1"],
                                  capture_output=True, timeout=SECONDS, check=False, preexec_fn=without_limit)
            lines = [line for line in done.stderr.splitlines() if b"Warning" not in line and not line.startswith(b"  ")]
            self.assertEqual(done.returncode, 2, done.stderr[-1000:])
            self.assertTrue(lines[-1].startswith(b"record_hf.py: "), done.stderr[-1000:])
            self.assertNotIn(b"Traceback", done.stderr)
            self.assertEqual(harm(lines[-1]), [])
            self.assertFalse(os.path.exists(self.path("out")))

        for change in ({"architectures": {}}, {"architectures": HOSTILE}, {"rope_parameters": [1]}, {"model_type": HOSTILE}, {"num_hidden_layers": HOSTILE}):
            with self.subTest(brief(list(change))):
                with open(f"{model}/config.json", "w", encoding="utf-8") as file:
                    json.dump({**config, **change}, file)
                record()
        with open(f"{model}/config.json", "w", encoding="utf-8") as file:
            json.dump(config, file)
        os.unlink(f"{model}/model.safetensors")
        os.mkfifo(f"{model}/model.safetensors")
        record()
        os.unlink(f"{model}/model.safetensors")
        write_bin(f"{model}/pytorch_model.bin", PICKLES["a bomb as a key"])
        record()


# ---- what all share ----------------------------------------------------------------------------------------------------------


class Shared(Hostile):
    """lib.terminal and lib.files."""

    def test_nothing_obeyed_is_left(self):
        self.assertEqual(harm(harmless(HOSTILE).encode()), [])
        self.assertEqual(harmless("é ∆ 漢\u200d"), "é ∆ 漢\u200d")
        self.assertEqual(harmless(os.fsdecode(b"a\x9b\xff")), r"a\x9b\xff")
        self.assertEqual(harmless("a\x1b\n\u202e"), r"a\x1b\n\u202e")
        self.assertEqual(len(sentence("x" * 10_000)), 1000)

    def test_a_few_words_are_few(self):
        bomb = (1, 1)
        for _ in range(40):
            bomb = (bomb, bomb)
        loop = []
        loop.append(loop)
        for value in (bomb, loop, {1: loop}, "x" * 10_000, 10 ** 4000, [HOSTILE * 100] * 8, object(), None, 1.5, True, b"x"):
            self.assertLess(len(brief(value)), 500)
        self.assertEqual(brief([2, 3]), "[2, 3]")

    def test_only_files_are_opened(self):
        os.mkfifo(self.path("pipe"))
        for path in (self.path("pipe"), "/dev/zero", "/dev/tty", self.folder, "a\0b"):
            with self.assertRaises((BadInput, OSError)):
                open_regular(path)

    def test_progress_draws_on_a_stream(self):
        stream = io.StringIO()
        progress = Progress("x", 4, stream=stream)
        progress.add(4)
        progress.finish("done")
        self.assertIn("done", stream.getvalue())


if __name__ == "__main__":
    unittest.main()
