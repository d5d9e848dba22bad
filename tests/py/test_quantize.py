#!/usr/bin/env python3
"""Tests of scripts/quantize.py, and of what torchless computes with blocks.

The blocks are the `gguf` package's, byte for byte; a file runs to the bits of the f32 checkpoint that
the package dequantises it to; the tokenizer gives the ids of the `tokenizers` library. Run with
.venv/bin/python; needs ./torchless.
"""

import json
import os
import shutil
import subprocess
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
sys.path.insert(0, os.path.join(ROOT, "tests", "py"))

import gguf  # noqa: E402
import numpy  # noqa: E402

import check_tokenizers  # noqa: E402
from lib.checkpoint import read_json  # noqa: E402
from test_blocks import SCALES  # noqa: E402
from test_gguf import (  # noqa: E402
    SMOLLM2, TOKENIZERS, TORCHLESS, Kind, TemporaryTest, gguf_name, pairs, run, tensors_of, write_config,
    write_gguf,
)

LARGER = {"hidden": 64, "ffn": 96, "heads": 4, "kv_heads": 2}


def script(name, *arguments, status=0):
    """Run scripts/NAME; its standard error."""
    done = subprocess.run([sys.executable, os.path.join(ROOT, "scripts", name), *arguments],
                          capture_output=True, text=True, check=False)
    if done.returncode != status:
        raise AssertionError(f"{name} {arguments}: status {done.returncode}: {done.stderr}")
    return done.stderr


def quantize(model, output, kind, *arguments, status=0):
    """Run scripts/quantize.py."""
    return script("quantize.py", "-q", model, "--type", kind, "-o", output, *arguments, status=status)


class QuantizeTest(TemporaryTest):
    """What the tests share."""

    def values_of(self, path):
        """{name: (type, bytes)} by the package's reader."""
        return {t.name: (t.tensor_type, t.data.tobytes()) for t in gguf.GGUFReader(path).tensors}


class TestBytes(QuantizeTest):
    """Every tensor is what the package makes of it."""

    def check(self, preset, kind, pure=True, **options):
        directory = self.make(preset, **options)
        quantize(directory, self.path("m.gguf"), kind, *(["--pure"] if pure else []))
        config = read_json(os.path.join(directory, "config.json"))
        heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
        found = self.values_of(self.path("m.gguf"))
        expected = {}
        for name, values in tensors_of(directory).items():
            if name == "lm_head.weight" and config["tie_word_embeddings"]:
                continue
            values = values.astype(numpy.float32)
            if name.split(".")[-2] in heads:
                values = pairs(values, heads[name.split(".")[-2]])
            wanted = Kind[kind.upper()]
            if values.ndim == 1:
                wanted = Kind.F32
            elif values.shape[1] % gguf.GGML_QUANT_SIZES[wanted][0]:
                wanted = Kind.F16
            expected[gguf_name(name)] = (wanted, gguf.quantize(values, wanted).tobytes())
        found.pop("rope_freqs.weight", None)
        self.assertEqual(set(found), set(expected))
        for name, (wanted, data) in expected.items():
            self.assertEqual(found[name][0], wanted, name)
            self.assertEqual(found[name][1], data, name)

    def test_every_type(self):
        for kind in ("q8_0", "q4_0", "f16", "bf16", "f32"):
            with self.subTest(kind):
                self.check("plain", kind, **LARGER)

    def test_other_shapes(self):
        for preset in ("tied", "llama3-rope", "window", "bf16", "mqa", "head-dim"):
            with self.subTest(preset):
                self.check(preset, "q8_0", **({} if preset in ("llama3-rope", "head-dim") else {**LARGER, "kv_heads": 1}))

    def test_odd_rows_become_f16(self):
        self.check("gqa-odd", "q8_0")
        self.assertIn("matrices become f16", quantize(self.path("gqa-odd"), self.path("n.gguf"), "q4_0"))

    def test_the_head_of_q4_0_is_q8_0(self):
        for preset, head in (("tied", "token_embd.weight"), ("untied", "output.weight")):
            quantize(self.make(preset, **LARGER), self.path("m.gguf"), "q4_0")
            kinds = {name: kind for name, (kind, _) in self.values_of(self.path("m.gguf")).items()}
            self.assertEqual(kinds.pop(head), Kind.Q8_0)
            self.assertEqual({k for n, k in kinds.items() if not n.endswith("norm.weight")}, {Kind.Q4_0})

    def test_a_packed_file_gives_the_same(self):
        directory = self.make("plain", **LARGER)
        script("export_mistral.py", "-q", directory, "-o", self.path("plain.safetensors"))
        quantize(directory, self.path("a.gguf"), "q8_0")
        quantize(self.path("plain.safetensors"), self.path("b.gguf"), "q8_0")
        with open(self.path("a.gguf"), "rb") as a, open(self.path("b.gguf"), "rb") as b:
            self.assertEqual(a.read(), b.read())


class TestRuns(QuantizeTest):
    """torchless computes with the values that blocks decode to, to the bit."""

    def same_as_dequantized(self, path):
        script("import_gguf.py", "-q", path, "-o", self.path("back"), "--dtype", "f32")
        expected, found = self.trace(self.path("back"), "back"), self.trace(path, "blocks")
        shutil.rmtree(self.path("back"))
        self.assertEqual(len(found[2]), len(expected[2]))
        for a, b in zip(found[2], expected[2]):
            self.assertEqual(a, b)
        return found

    def test_what_quantize_makes(self):
        for preset in ("plain", "tied", "window", "linear-rope"):
            for kind in ("q8_0", "q4_0"):
                with self.subTest(f"{preset} {kind}"):
                    quantize(self.make(preset, **LARGER), self.path("m.gguf"), kind)
                    self.same_as_dequantized(self.path("m.gguf"))

    def test_plain_types_run_as_the_checkpoint(self):
        for preset in ("plain", "tied", "window", "linear-rope", "llama3-rope", "two-ends", "head-dim"):
            with self.subTest(preset):
                directory = self.make(preset)
                quantize(directory, self.path("m.gguf"), "f32")
                expected, found = self.trace(directory, "directory"), self.trace(self.path("m.gguf"), "gguf")
                self.assertEqual(found, expected)

    def test_every_type_of_blocks(self):
        """Of types that nobody here can make the blocks are random bytes, with scales as a model has."""
        directory = self.make("plain", hidden=256, ffn=256, layers=2, vocab=384)
        config = read_json(os.path.join(directory, "config.json"))
        heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
        rng = numpy.random.default_rng(5)
        for name, places in SCALES.items():
            kind = Kind[name.upper()]
            elements, size = gguf.GGML_QUANT_SIZES[kind]
            writers = [gguf.GGUFWriter(self.path(n), "llama") for n in ("blocks.gguf", "f32.gguf")]
            for writer in writers:
                write_config(writer, config)
                writer.add_bos_token_id(1)
                writer.add_eos_token_id(2)
            for tensor, values in tensors_of(directory).items():
                rows = values.astype(numpy.float32)
                if rows.ndim == 1:
                    for writer in writers:
                        writer.add_tensor(gguf_name(tensor), rows)
                    continue
                blocks = rng.integers(0, 256, (rows.shape[0], rows.shape[1] // elements, size), dtype=numpy.uint8)
                for at in places:
                    scale = rng.normal(0, 0.003, blocks.shape[:2]).astype(numpy.float16)
                    blocks[..., at : at + 2] = scale.view(numpy.uint8).reshape(*blocks.shape[:2], 2)
                blocks = blocks.reshape(rows.shape[0], -1)
                self.assertTrue(tensor.split(".")[-2] not in heads or rows.shape[0] % 2 == 0)
                writers[0].add_tensor(gguf_name(tensor), blocks, raw_dtype=kind)
                writers[1].add_tensor(gguf_name(tensor), gguf.dequantize(blocks, kind))
            for writer in writers:
                writer.write_header_to_file()
                writer.write_kv_data_to_file()
                writer.write_tensors_to_file()
                writer.close()
            with self.subTest(name):
                found = self.trace(self.path("blocks.gguf"), "blocks")[2]
                self.assertEqual(found, self.trace(self.path("f32.gguf"), "f32")[2])

    def test_an_edit_of_blocks(self):
        """An edited weight is a copy in f32 of what the blocks decode to: only the edit shows."""
        directory = self.make("plain", **LARGER)
        quantize(directory, self.path("m.gguf"), "q8_0")
        script("import_gguf.py", "-q", self.path("m.gguf"), "-o", self.path("back"), "--dtype", "f32")
        plain = self.trace(self.path("m.gguf"), "plain")[2]
        edit = {"point": "model.layers.1.mlp.up_proj.weight", "select": "[row=3]", "kind": "scale", "value": 2}
        with open(self.path("edits.jsonl"), "w", encoding="utf-8") as file:
            json.dump(edit, file)
        edited = [self.trace(model, os.path.basename(model) + "-edited", "--edits", self.path("edits.jsonl"))[2]
                  for model in (self.path("m.gguf"), self.path("back"))]
        self.assertEqual(edited[0], edited[1])
        self.assertNotEqual(edited[0], plain)


class TestTokenizer(QuantizeTest):
    """The ids are those of the `tokenizers` library with the tokenizer.json that was there."""

    @classmethod
    def setUpClass(cls):
        if not os.path.isdir(TOKENIZERS):
            raise unittest.SkipTest("models/tokenizers is missing: scripts/setup")
        cls.texts = {"Python's": check_tokenizers.python_documentation()[::40],
                     "generated": check_tokenizers.generated()}

    def same(self, name, directory):
        """A model of the tokenizer's size, quantised, against the library."""
        document = read_json(os.path.join(directory, "tokenizer.json"))
        size = 1 + max([*document["model"]["vocab"].values(), *(t["id"] for t in document["added_tokens"])])
        model = self.make("plain", layers=1, hidden=32, ffn=32, heads=2, kv_heads=1, vocab=size)
        for file in os.listdir(model):
            if file.startswith("tokenizer"):
                os.unlink(os.path.join(model, file))
        for file in ("tokenizer.json", "tokenizer_config.json"):
            if os.path.exists(os.path.join(directory, file)):
                shutil.copy(os.path.join(directory, file), model)
        quantize(model, self.path("m.gguf"), "q8_0")
        library = check_tokenizers.library_tokenizer(document)
        subject = check_tokenizers.Subject(name, document, True)
        for text, strings in self.texts.items():
            row = check_tokenizers.compare(TORCHLESS, self.path("m.gguf"), subject, library, text, strings)
            self.assertEqual((row.wrong, row.badly_decoded), (0, 0), f"{name}, {text}")
        shutil.rmtree(model)

    def test_sentencepiece(self):
        for name in ("mistral-v1", "mistral-v3"):
            with self.subTest(name):
                self.same(name, os.path.join(TOKENIZERS, name))

    def test_tekken(self):
        self.same("tekken", os.path.join(TOKENIZERS, "tekken"))

    def test_smollm2(self):
        if not os.path.isdir(SMOLLM2):
            raise unittest.SkipTest("models/smollm2-135m is missing: make smollm2")
        self.same("smollm2", SMOLLM2)

    def test_the_chat_template(self):
        directory = self.make("plain", **LARGER)
        path = os.path.join(directory, "tokenizer_config.json")
        config = read_json(path)
        config["chat_template"] = "{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}"
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)
        quantize(directory, self.path("m.gguf"), "q8_0")
        field = gguf.GGUFReader(self.path("m.gguf")).get_field("tokenizer.chat_template")
        self.assertEqual(field.contents(), config["chat_template"])


class TestErrors(QuantizeTest):
    """A sentence that names what is wrong, and no file."""

    def refused(self, directory, words, status=2):
        said = quantize(directory, self.path("out", "m.gguf"), "q8_0", status=status)
        self.assertIn(words, said)
        self.assertNotIn("Traceback", said)
        self.assertEqual(os.listdir(self.path("out")) if os.path.isdir(self.path("out")) else [], [])

    def change(self, name, **values):
        path = os.path.join(self.path("plain"), name)
        config = {**read_json(path), **values}
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)
        return self.path("plain")

    def test_no_model(self):
        self.refused(self.path("nothing"), "no such file or directory")

    def test_a_scaling_that_cannot_be_written(self):
        self.make("plain", **LARGER)
        self.refused(self.change("config.json", rope_scaling={"rope_type": "yarn", "factor": 4.0}), "linear and llama3")

    def test_biases(self):
        self.make("plain", **LARGER)
        self.refused(self.change("config.json", attention_bias=True), "attention_bias is set")

    def test_a_split_without_a_name(self):
        self.make("plain", **LARGER)
        self.refused(self.change("tokenizer.json", normalizer=None, pre_tokenizer={
            "type": "Sequence", "pretokenizers": [{"type": "Whitespace"}, {"type": "ByteLevel", "use_regex": False}]}),
            "GGUF has no name")

    def test_a_weight_that_is_no_number(self):
        directory = self.make("plain", **LARGER)
        path = os.path.join(directory, "model.safetensors")
        with open(path, "r+b") as file:
            size = int.from_bytes(file.read(8), "little")
            begin = json.loads(file.read(size))["model.layers.1.mlp.up_proj.weight"]["data_offsets"][0]
            file.seek(8 + size + begin)
            file.write(b"\x00\x00\xc0\x7f")
        self.refused(directory, "model.layers.1.mlp.up_proj.weight holds NaN or infinity")


if __name__ == "__main__":
    unittest.main()
