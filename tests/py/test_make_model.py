"""Tests of make_model.py: the same model in both forms, held against the `gguf` and `safetensors`
packages and import_gguf.py, and nothing left of one that failed.

Run with .venv/bin/python -m unittest, from anywhere.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPTS = os.path.join(ROOT, "scripts")
sys.path.insert(0, SCRIPTS)

import gguf  # noqa: E402
import numpy  # noqa: E402
from safetensors import safe_open  # noqa: E402

import make_model  # noqa: E402
from lib import files  # noqa: E402
from lib.model_shapes import tensor_shapes  # noqa: E402
from lib.pypi import sha256_of  # noqa: E402
from lib.safetensors_file import read_header  # noqa: E402

TORCHLESS = os.environ.get("TORCHLESS", os.path.join(ROOT, "build", "release", "torchless"))


def run_script(name, *arguments):
    """Run a script as a user does; return (status, stderr)."""
    done = subprocess.run(
        [sys.executable, os.path.join(SCRIPTS, name), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
    )
    return done.returncode, done.stderr


def restore(rows, heads):
    """llama.cpp's order of the rows of q and k -> Hugging Face's."""
    half = rows.shape[0] // heads // 2
    return rows.reshape(heads, half, 2, -1).swapaxes(1, 2).reshape(rows.shape)


class MakeModel(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def make(self, name, *arguments, shape="tiny"):
        status, said = run_script("make_model.py", "--shape", shape, "-o", self.path(name), *arguments)
        self.assertEqual((status, said if status else ""), (0, ""))
        return self.path(name)

    def tensors(self, directory):
        with safe_open(os.path.join(directory, "model.safetensors"), framework="pt") as file:
            return {name: file.get_tensor(name).float().numpy() for name in file.keys()}

    def test_both_forms_hold_the_same_numbers(self):
        for dtype in ("f32", "f16", "bf16"):
            wanted = self.tensors(self.make(f"m-{dtype}", "--dtype", dtype))
            reader = gguf.GGUFReader(self.make(f"{dtype}.gguf", "--gguf", dtype))
            found = {t.name: gguf.quants.dequantize(t.data, t.tensor_type).reshape(
                [int(n) for n in t.shape][::-1]) for t in reader.tensors}
            self.assertEqual(set(found), {make_model.gguf_name(name) for name in wanted})
            for name, values in wanted.items():
                rows = found[make_model.gguf_name(name)]
                heads = {"q_proj.weight": 4, "k_proj.weight": 2}.get(".".join(name.split(".")[-2:]))
                if heads:
                    self.assertFalse(numpy.array_equal(rows, values), name)
                    rows = restore(rows, heads)
                numpy.testing.assert_array_equal(rows, values, name)

    def test_import_gives_the_directory_back(self):
        made = self.make("made", "--dtype", "f16")
        packed = self.make("packed.gguf", "--gguf", "f16")
        status, said = run_script("import_gguf.py", packed, "-o", self.path("again"))
        self.assertEqual(status, 0, said)
        with open(os.path.join(made, "model.safetensors"), "rb") as a, \
                open(self.path("again/model.safetensors"), "rb") as b:
            self.assertEqual(a.read(), b.read())
        with open(os.path.join(made, "config.json"), encoding="utf-8") as a, \
                open(self.path("again/config.json"), encoding="utf-8") as b:
            one, other = json.load(a), json.load(b)
        for key in ("hidden_size", "num_hidden_layers", "num_attention_heads", "rms_norm_eps",
                    "num_key_value_heads", "intermediate_size", "rope_theta", "vocab_size",
                    "tie_word_embeddings", "max_position_embeddings", "torch_dtype"):
            self.assertEqual(one[key], other[key], key)

    def test_its_tokenizers_agree(self):
        made = self.make("made")
        packed = self.make("packed.gguf", "--gguf")
        self.assertEqual(run_script("import_gguf.py", packed, "-o", self.path("again"))[0], 0)
        text = "The model reads a text as a row of tokens: 3 ≠ 4."
        ids = [subprocess.run([TORCHLESS, "tokenize", "-m", model, "--ids", text],
                              stdout=subprocess.PIPE, text=True, check=True).stdout
               for model in (made, self.path("again"))]
        self.assertEqual(ids[0], ids[1])
        self.assertGreater(len(ids[0]), 30)

    def test_blocks_are_the_packages(self):
        wanted = self.tensors(self.make("made", "--dtype", "bf16"))
        for kind in ("q8_0", "q4_0", "q5_1"):
            reader = gguf.GGUFReader(self.make(f"{kind}.gguf", "--gguf", kind))
            for tensor in reader.tensors:
                if tensor.name == "blk.1.ffn_down.weight":
                    self.assertEqual(tensor.tensor_type.name, kind.upper())
                    blocks = gguf.quants.quantize(
                        wanted["model.layers.1.mlp.down_proj.weight"], tensor.tensor_type)
                    numpy.testing.assert_array_equal(tensor.data, blocks)
                elif tensor.name.endswith("norm.weight"):
                    self.assertEqual(tensor.tensor_type.name, "F32")

    def test_the_seed_decides(self):
        one, same, other = (self.make(name, "--seed", seed)
                            for name, seed in (("a", "1"), ("b", "1"), ("c", "2")))
        first, second, third = (sha256_of(os.path.join(d, "model.safetensors"))
                                for d in (one, same, other))
        self.assertEqual(first, second)
        self.assertNotEqual(first, third)

    def test_the_real_shapes_have_the_real_sizes(self):
        for shape, weights in (("mistral-7b", 7241732096), ("tinyllama", 1100048384),
                               ("smollm2", 134515008)):
            config = make_model.make_checkpoint.make_config(
                make_model.options_of(shape, None, "bf16", 1))
            total = sum(int(numpy.prod(s, dtype=numpy.int64)) for s in tensor_shapes(config).values())
            self.assertEqual(total, weights, shape)

    def test_a_cut_runs_and_stays_finite(self):
        made = self.make("one", "--layers", "1", shape="smollm2")
        tensors, _ = read_header(os.path.join(made, "model.safetensors"))
        self.assertEqual(tensors["model.embed_tokens.weight"].shape, (49152, 576))
        database = self.path("t.db")
        subprocess.run([TORCHLESS, "trace", "-q", "-m", made, "-n", "2", "-o", database,
                        "a text of some tokens"], check=True)
        rows = subprocess.run(
            [TORCHLESS, "query", "--csv", "-t", database,
             "SELECT sum(n_nan + n_inf), max(absmax) < 1000, count(*) > 20 FROM v_value "
             "WHERE fqn NOT LIKE '%:scores%'"],
            stdout=subprocess.PIPE, text=True, check=True).stdout.split()
        self.assertEqual(rows[-1], "0,1,1")

    def test_what_cannot_be_made_is_refused(self):
        for arguments, sentence in (
            (("--shape", "tiny", "--gguf", "q4_k"), "the gguf package cannot make this type"),
            (("--shape", "tiny", "--gguf", "nothing"), "no type of GGUF tensors"),
            (("--shape", "tiny", "--gguf", "f16", "--dtype", "bf16"), "differ"),
            (("--shape", "huge"), "invalid choice"),
            (("--shape", "tiny", "--layers", "0"), "invalid positive value"),
        ):
            status, said = run_script("make_model.py", "-o", self.path("x"), *arguments)
            self.assertEqual(status, 2, said)
            self.assertIn(sentence, said)
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_failure_leaves_nothing(self):
        options = make_model.options_of("tiny", None, "bf16", 1)
        original, calls = make_model.make_checkpoint.values, []

        def failing(name, shape, given):
            calls.append(name)
            if len(calls) > 5:
                raise OSError(28, "No space left on device")
            return original(name, shape, given)

        make_model.make_checkpoint.values = failing
        try:
            for make in (lambda: make_model.make_gguf(self.path("x.gguf"), options, "q8_0", True),
                         lambda: make_model.make_directory(self.path("x"), options, True)):
                calls.clear()
                with self.assertRaises(OSError):
                    make()
        finally:
            make_model.make_checkpoint.values = original
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_full_disk_is_said_before(self):
        options = make_model.options_of("mistral-7b", None, "bf16", 1)
        original = files.shutil.disk_usage
        files.shutil.disk_usage = lambda path: shutil._ntuple_diskusage(1 << 40, 1 << 40, 10 << 30)
        try:
            for make in (lambda: make_model.make_gguf(self.path("x.gguf"), options, "bf16", True),
                         lambda: make_model.make_directory(self.path("x"), options, True)):
                with self.assertRaisesRegex(files.EnvironmentProblem, "14.6 GB are needed, 10.7 GB"):
                    make()
        finally:
            files.shutil.disk_usage = original
        self.assertEqual(os.listdir(self.folder), [])


if __name__ == "__main__":
    unittest.main()
