"""Many prompts through torchless in one recording, and what it says of each.

    with Engine("./torchless", "lessons/model") as engine:
        runs = engine.record(items, "--capture", "lm_head:out@-2")
        runs.ranks()["facts-001"][7]          # the rank of the token at position 7, given 0 to 6
"""

import collections
import glob
import itertools
import json
import os
import shutil
import subprocess
import tempfile

import numpy as np
from read_trace import decode, open_recording

from lib.files import BadInput, EnvironmentProblem, open_regular
from lib.safetensors_file import read_header

NUMPY_DTYPES = {"BF16": "bf16", "F16": "f16", "F32": "f32"}


def weights(directory, *names):
    """The named tensors of a directory's model.safetensors in float32."""
    path = os.path.join(directory, "model.safetensors")
    tensors, _ = read_header(path)
    found = []
    with open_regular(path) as file:
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

    def record(self, items, *options):
        """Record the prefill of each item, {"id", "ids"}, as a run."""
        number = len(self.opened)
        prompts = os.path.join(self.directory, f"{number}.jsonl")
        with open(prompts, "w", encoding="utf-8") as file:
            for item in items:
                file.write(json.dumps({"id": item["id"], "ids": item["ids"], "n": 0}) + "\n")
        path = os.path.join(self.directory, f"{number}.db")
        self.call("trace", "-o", path, *options, "--prompts", prompts)
        self.opened.append(Runs(path))
        return self.opened[-1]


class Runs:
    """A recording of many prompts, by the id of each."""

    def __init__(self, path):
        self.db = open_recording(path)
        self.id_of = dict(self.db.execute("SELECT run_id, id FROM v_run"))

    def ranks(self):
        """{id: {position: how many tokens the model held for likelier than the one there}}"""
        found = collections.defaultdict(dict)
        for run, pos, rank in self.db.execute("SELECT run_id, pos, rank FROM v_token"):
            found[self.id_of[run]][pos] = rank
        return found

    def dumps(self, pattern):
        """Of each dump whose name matches the GLOB pattern: (id, name, array)."""
        query = """SELECT run_id, value_id, fqn, dtype, shape, data FROM v_payload
                   WHERE fqn GLOB ? ORDER BY value_id, chunk"""
        rows = self.db.execute(query, (pattern,))
        for (run, _, fqn, dtype, shape), chunks in itertools.groupby(rows, lambda row: row[:5]):
            yield self.id_of[run], fqn, decode(b"".join(c[5] for c in chunks), dtype, shape)


def is_model(directory):
    """Whether a directory holds a model."""
    return bool(glob.glob(os.path.join(directory, "*.safetensors")))
