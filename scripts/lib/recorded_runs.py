"""Many prompts through torchless in one recording, and what it says of each.

    with Engine("./torchless", "lessons/model") as engine:
        runs = engine.record("facts", items, "--capture", "lm_head:out@-2")
        runs.ranks()["facts-001"][7]          # the rank of the token at position 7, given 0 to 6
"""

import collections
import glob
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile

import numpy as np
from read_trace import decode

from lib.files import BadInput, EnvironmentProblem
from lib.safetensors_file import read_header

NUMPY_DTYPES = {"BF16": "bf16", "F16": "f16", "F32": "f32"}


def weights(directory, *names):
    """The named tensors of a directory's model.safetensors in float32."""
    path = os.path.join(directory, "model.safetensors")
    tensors, _ = read_header(path)
    found = []
    with open(path, "rb") as file:
        for name in names:
            if name not in tensors:
                raise BadInput(f"{path}: has no tensor {name}")
            tensor = tensors[name]
            file.seek(tensor.begin)
            array = decode(file.read(tensor.size), NUMPY_DTYPES[tensor.dtype],
                           ",".join(map(str, tensor.shape)))
            found.append(array.astype(np.float32))
    return found


class Engine:
    """One torchless with one model; its recordings lie in a directory that goes away."""

    def __init__(self, torchless, model):
        if not os.access(torchless, os.X_OK):
            raise EnvironmentProblem(f"{torchless}: is not there: run make")
        self.torchless, self.model = torchless, model
        self.directory = tempfile.mkdtemp(prefix="torchless-")
        self.opened = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for runs in self.opened:
            runs.db.close()
        shutil.rmtree(self.directory)

    def call(self, command, *args, given=b""):
        """What `torchless COMMAND -m MODEL ARGS` writes to stdout, given that on stdin."""
        done = subprocess.run([self.torchless, command, "-q", "-m", self.model, *args],
                              input=given, capture_output=True, check=False)
        if done.returncode:
            raise BadInput(f"torchless {command} exits with {done.returncode}: "
                           f"{done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def ids(self, text):
        """The tokens of a text."""
        return [int(number) for number in self.call("tokenize", "--ids", text).split()]

    def complete(self, prompt, *options):
        """The document of `torchless run --json`."""
        return json.loads(self.call("run", "--json", *options, prompt))

    def record(self, name, items, *options):
        """Record the prefill of each item, {"id", "ids"}, as a run."""
        prompts = os.path.join(self.directory, f"{name}.jsonl")
        with open(prompts, "w", encoding="utf-8") as file:
            for item in items:
                file.write(json.dumps({"id": item["id"], "ids": item["ids"], "n": 0}) + "\n")
        path = os.path.join(self.directory, f"{name}.db")
        self.call("trace", "-o", path, *options, "--prompts", prompts)
        self.opened.append(Runs(path))
        return self.opened[-1]


class Runs:
    """A recording of many prompts, by the id of each."""

    def __init__(self, path):
        self.db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self.id_of = dict(self.db.execute("SELECT run_id, id FROM v_run"))

    def ranks(self):
        """{id: {position: how many tokens the model held for likelier than the one there}}"""
        found = collections.defaultdict(dict)
        for run, pos, rank in self.db.execute("SELECT run_id, pos, rank FROM v_token"):
            found[self.id_of[run]][pos] = rank
        return found

    def dumps(self, pattern):
        """Of each dump whose name matches the GLOB pattern: (id, name, first position, array)."""
        query = """SELECT run_id, value_id, fqn, dump_from, dtype, shape, data FROM v_payload
                   WHERE fqn GLOB ? ORDER BY value_id, chunk"""
        for run, _, fqn, first, dtype, shape, data in self.db.execute(query, (pattern,)):
            yield self.id_of[run], fqn, first or 0, decode(data, dtype, shape)

    def rows(self, pattern):
        """{id: the only row of the dump of that name}"""
        return {name: array[0] for name, _, _, array in self.dumps(pattern)}

    def residual(self, n_layers):
        """{id: [layer, d_model]}: the residual stream after each layer, at the dumped position."""
        found = collections.defaultdict(lambda: [None] * n_layers)
        for name, fqn, _, array in self.dumps("model.layers.*:out"):
            if fqn.count(".") == 2:
                found[name][int(fqn.split(".")[2].split(":")[0])] = array[0]
        return {name: np.stack(rows) for name, rows in found.items()}


def is_model(directory):
    """Whether a directory holds a model."""
    return bool(glob.glob(os.path.join(directory, "*.safetensors")))
