"""Tests of the scripts that bring models in and pack them: import_gguf.py, export_mistral.py,
make_checkpoint.py and what they share.

Run with .venv/bin/python -m unittest, from anywhere. The references are other people's code: the
`gguf` package for blocks, `safetensors` for files, torch for roundings and pickles, transformers
for whole models.
"""

import contextlib
import importlib.machinery
import importlib.util
import io
import json
import os
import pickle
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPTS = os.path.join(ROOT, "scripts")
sys.path.insert(0, SCRIPTS)

import gguf  # noqa: E402
import numpy  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from huggingface_hub import save_torch_model  # noqa: E402
from safetensors import safe_open  # noqa: E402
from safetensors.torch import save_file, save_model  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

import export_mistral  # noqa: E402
import import_gguf  # noqa: E402
import make_checkpoint  # noqa: E402
import mistral_tokenizers  # noqa: E402
from lib import files, floats, points, pypi, safetensors_file, torch_zip, weight_names  # noqa: E402
from lib.files import BadInput  # noqa: E402
from lib.weights_hash import weights_hash  # noqa: E402

Kind = gguf.GGMLQuantizationType


TORCHLESS = os.environ.get("TORCHLESS", os.path.join(ROOT, "build", "release", "torchless"))


def run_script(name, *arguments):
    """Run a script as a user does; return (status, stderr)."""
    done = subprocess.run(
        [sys.executable, os.path.join(SCRIPTS, name), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
    )
    return done.returncode, done.stderr


def read_json(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return json.load(file)


def write_json(content, *path):
    with open(os.path.join(*path), "w", encoding="utf-8") as file:
        json.dump(content, file)


def read_bytes(*path):
    with open(os.path.join(*path), "rb") as file:
        return file.read()


def tensors_of(path):
    """{name: torch tensor} by the safetensors library."""
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}


def make(directory, preset="plain", **options):
    """A random checkpoint; returns its directory."""
    base = make_checkpoint.PRESETS[preset][1]
    make_checkpoint.make(directory, {**make_checkpoint.DEFAULTS, **base, **options}, True)
    return directory


class TemporaryTest(unittest.TestCase):
    """A test with a directory of its own, `self.top`."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.top = scratch.name

    def path(self, *names):
        return os.path.join(self.top, *names)

    def refused(self, expected, function, *arguments):
        """FUNCTION must raise BadInput with one sentence that contains EXPECTED."""
        with self.assertRaises(BadInput) as caught:
            function(*arguments)
        self.assertIn(expected, str(caught.exception))
        self.assertNotIn("\n", str(caught.exception))


# ------------------------------------------------------------------------------------ GGUF import

def halves_to_pairs(rows, n_heads):
    """The converter's permutation (llama.cpp's LlamaModel.permute), what the import must undo."""
    shape = rows.shape
    return (rows.reshape(n_heads, 2, shape[0] // n_heads // 2, *shape[1:])
            .swapaxes(1, 2).reshape(shape))


GGUF_NAMES = {v: k for k, v in import_gguf.LAYER_NAMES.items()}
GGUF_TOP = {v: k for k, v in import_gguf.TOP_NAMES.items()}


def gguf_name(name):
    """Hugging Face's name -> GGUF's."""
    if name in GGUF_TOP:
        return GGUF_TOP[name]
    _, _, number, rest = name.split(".", 3)
    return f"blk.{number}.{GGUF_NAMES[rest[: -len('.weight')]]}.weight"


def random_blocks(kind, shape, generator):
    """Random bytes of a block type, its f16 scales made small so that values are finite."""
    n_values, n_bytes = gguf.GGML_QUANT_SIZES[kind]
    n_blocks = shape[0] * shape[1] // n_values
    raw = generator.integers(0, 256, (n_blocks, n_bytes), numpy.uint8)
    scales = {Kind.Q2_K: (80, 82), Kind.Q3_K: (108,), Kind.Q4_K: (0, 2), Kind.Q5_K: (0, 2),
              Kind.Q6_K: (208,)}.get(kind, (0, 2))
    for at in scales:
        if kind in (Kind.Q4_0, Kind.Q5_0, Kind.Q8_0) and at:
            continue  # these have one scale, no minimum
        small = generator.uniform(-0.02, 0.02, n_blocks).astype("<f2")
        raw[:, at : at + 2] = small.view(numpy.uint8).reshape(n_blocks, 2)
    return raw.reshape(shape[0], shape[1] // n_values * n_bytes)


class GGUFMaker:
    """Writes a checkpoint directory as GGUF, the way llama.cpp's converter does."""

    def __init__(self, path, source):
        self.config = read_json(source, "config.json")
        self.tensors = tensors_of(os.path.join(source, "model.safetensors"))
        self.writer = gguf.GGUFWriter(path, "llama")
        self.source = source

    def metadata(self):
        writer, config = self.writer, self.config
        writer.add_block_count(config["num_hidden_layers"])
        writer.add_context_length(config["max_position_embeddings"])
        writer.add_embedding_length(config["hidden_size"])
        writer.add_feed_forward_length(config["intermediate_size"])
        writer.add_head_count(config["num_attention_heads"])
        writer.add_head_count_kv(config["num_key_value_heads"])
        writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
        writer.add_rope_freq_base(config["rope_theta"])
        if "head_dim" in config:
            writer.add_key_length(config["head_dim"])
            writer.add_value_length(config["head_dim"])
        if config.get("sliding_window"):
            writer.add_sliding_window(config["sliding_window"])
        return self

    def byte_level(self):
        """A byte-level BPE of the 256 bytes, two merges and one special token."""
        symbols = [chr_ for _, chr_ in sorted(import_gguf.tokenizer_json.byte_symbols().items())]
        pieces = ["<|end|>", *symbols, "he", "hel"]
        pieces += [f"[unused{i}]" for i in range(self.config["vocab_size"] - len(pieces))]
        self.writer.add_tokenizer_model("gpt2")
        self.writer.add_tokenizer_pre("smollm")
        self.writer.add_token_list(pieces)
        self.writer.add_token_types([3] + [1] * (len(pieces) - 1))
        self.writer.add_token_merges(["h e", "he l"])
        self.writer.add_eos_token_id(0)
        return self

    def finish(self, kind=Kind.F32, data=None):
        """Write all tensors, matrices as KIND; DATA gives ready blocks for some names."""
        for name, tensor in self.tensors.items():
            values = tensor.to(torch.float32).numpy()
            heads = {"q_proj": "num_attention_heads", "k_proj": "num_key_value_heads"}.get(
                name.split(".")[-2])
            if heads:
                values = halves_to_pairs(values, self.config[heads])
            if data and name in data:
                self.writer.add_tensor(gguf_name(name), data[name], raw_dtype=kind)
            elif values.ndim == 1 or kind == Kind.F32:
                self.writer.add_tensor(gguf_name(name), values)
            else:
                self.writer.add_tensor(
                    gguf_name(name), gguf.quantize(values, kind), raw_dtype=kind)
        self.writer.write_header_to_file()
        self.writer.write_kv_data_to_file()
        self.writer.write_tensors_to_file()
        self.writer.close()


class TestImport(TemporaryTest):
    """import_gguf.py gives back what was converted, whatever the block type."""

    def round_trip(self, preset, **options):
        source = make(self.path("source"), preset, **options)
        GGUFMaker(self.path("m.gguf"), source).metadata().byte_level().finish()
        import_gguf.import_file(self.path("m.gguf"), self.path("out"), quiet=True)
        return source, self.path("out")

    def test_f32_round_trip_restores_every_bit(self):
        for preset in ("gqa-odd", "mha", "window", "head-dim"):
            with self.subTest(preset), tempfile.TemporaryDirectory() as self.top:
                source, output = self.round_trip(preset)
                before = tensors_of(os.path.join(source, "model.safetensors"))
                after = tensors_of(os.path.join(output, "model.safetensors"))
                self.assertEqual(before.keys(), after.keys())
                for name, tensor in before.items():
                    self.assertTrue(torch.equal(tensor, after[name]), name)

    def test_pieces_of_a_tensor_fit_together(self):
        # Large tensors are converted some rows at a time; here every tensor is large.
        before = import_gguf.CHUNK_VALUES
        self.addCleanup(setattr, import_gguf, "CHUNK_VALUES", before)
        import_gguf.CHUNK_VALUES = 100
        source, output = self.round_trip("gqa-odd")
        self.assertEqual(read_bytes(source, "model.safetensors"),
                         read_bytes(output, "model.safetensors"))

    def test_config_comes_back(self):
        source, output = self.round_trip("window", theta=1e6, eps=1e-6)
        before, after = read_json(source, "config.json"), read_json(output, "config.json")
        for key in ("architectures", "model_type", "hidden_size", "intermediate_size", "vocab_size",
                    "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
                    "rope_theta", "rms_norm_eps", "sliding_window", "max_position_embeddings",
                    "tie_word_embeddings", "torch_dtype"):
            self.assertEqual(before[key], after[key], key)
        self.assertEqual(read_json(output, "generation_config.json"), {"eos_token_id": 0})

    def test_tied_embeddings_have_no_lm_head(self):
        _, output = self.round_trip("tied")
        self.assertTrue(read_json(output, "config.json")["tie_word_embeddings"])
        names = tensors_of(os.path.join(output, "model.safetensors"))
        self.assertNotIn("lm_head.weight", names)

    def test_llama3_scaling_is_recovered(self):
        source = make(self.path("source"), "llama3-rope")
        maker = GGUFMaker(self.path("m.gguf"), source).metadata().byte_level()
        head_dim, theta = 32, 500000.0
        # The reference is transformers' own function.
        from transformers import LlamaConfig
        from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
        scaling = {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0,
                   "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
        config = LlamaConfig(hidden_size=64, num_attention_heads=2, rope_theta=theta,
                             max_position_embeddings=131072,
                             rope_scaling=dict(scaling))
        scaled, _ = ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")
        plain = 1 / theta ** (torch.arange(0, head_dim, 2).float() / head_dim)
        maker.writer.add_tensor("rope_freqs.weight", (plain / scaled).numpy())
        maker.finish()
        import_gguf.import_file(self.path("m.gguf"), self.path("out"), quiet=True)
        self.assertEqual(read_json(self.path("out"), "config.json")["rope_scaling"], scaling)

    def test_frequencies_that_say_nothing(self):
        """Factors of one, and the inverse frequencies of old conversions, which llama.cpp skips."""
        source = make(self.path("source"))
        maker = GGUFMaker(self.path("m.gguf"), source).metadata().byte_level()
        half = read_json(source, "config.json")["hidden_size"] // maker.config["num_attention_heads"] // 2
        maker.writer.add_tensor("rope_freqs.weight", numpy.ones(half, numpy.float32))
        maker.writer.add_tensor("blk.0.attn_rot_embd.weight", numpy.ones(half, numpy.float32))
        maker.finish()
        with contextlib.redirect_stderr(io.StringIO()) as said:
            import_gguf.import_file(self.path("m.gguf"), self.path("out"), quiet=True)
        self.assertIn("blk.0.attn_rot_embd.weight is left out", said.getvalue())
        self.assertIsNone(read_json(self.path("out"), "config.json").get("rope_scaling"))

    def test_every_block_type_is_dequantized_as_gguf_does(self):
        kinds = ("Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K F16 BF16").split()
        source = make(self.path("source"), layers=1, hidden=256, heads=4, kv_heads=2, ffn=256,
                      vocab=384)
        tensors = tensors_of(os.path.join(source, "model.safetensors"))
        generator = numpy.random.default_rng(7)
        for name in kinds:
            with self.subTest(name):
                kind = Kind[name]
                if name in ("F16", "BF16"):
                    data = {n: gguf.quantize(t.numpy(), kind)
                            for n, t in tensors.items() if t.dim() == 2}
                else:
                    data = {n: random_blocks(kind, t.shape, generator)
                            for n, t in tensors.items() if t.dim() == 2}
                GGUFMaker(self.path("m.gguf"), source).metadata().byte_level().finish(kind, data)
                import_gguf.import_file(self.path("m.gguf"), self.path("out"), "f32", quiet=True)
                after = tensors_of(self.path("out", "model.safetensors"))
                for tensor, blocks in data.items():
                    expected = gguf.dequantize(blocks, kind)
                    self.assertTrue(numpy.isfinite(expected).all())
                    heads = {"q_proj": 4, "k_proj": 2}.get(tensor.split(".")[-2])
                    found = after[tensor].numpy()
                    if heads:
                        found = halves_to_pairs(found, heads)
                    numpy.testing.assert_array_equal(found, expected, tensor)

    def test_the_default_type_follows_the_source(self):
        source = make(self.path("source"), hidden=64, ffn=64)
        for kind, expected in ((Kind.F32, "float32"), (Kind.F16, "float16"),
                               (Kind.BF16, "bfloat16"), (Kind.Q8_0, "float16")):
            GGUFMaker(self.path("m.gguf"), source).metadata().byte_level().finish(kind)
            import_gguf.import_file(self.path("m.gguf"), self.path("out"), quiet=True)
            config = read_json(self.path("out"), "config.json")
            self.assertEqual(config["torch_dtype"], expected)
            self.assertEqual(config.get("torchless_source_types"),
                             "Q8_0" if kind == Kind.Q8_0 else None)
            stored = tensors_of(self.path("out", "model.safetensors"))
            self.assertEqual({str(t.dtype) for t in stored.values()}, {f"torch.{expected}"})

    def test_values_beyond_f16_are_refused_by_name(self):
        source = make(self.path("source"), init_scale=1e7)
        GGUFMaker(self.path("m.gguf"), source).metadata().byte_level().finish()
        self.refused("does not fit into f16", import_gguf.import_file, self.path("m.gguf"),
                     self.path("out"), "f16", True)
        self.assertEqual(sorted(os.listdir(self.top)), ["m.gguf", "source"])

    def test_the_tokenizer_splits_as_it_should(self):
        _, output = self.round_trip("plain")
        tokenizer = Tokenizer.from_file(os.path.join(output, "tokenizer.json"))
        self.assertEqual(tokenizer.encode("hello<|end|>").tokens, ["hel", "l", "o", "<|end|>"])
        self.assertEqual(tokenizer.encode("12").tokens, ["1", "2"])
        self.assertEqual(tokenizer.decode(tokenizer.encode("é hel\n").ids), "é hel\n")


class TestSentencePiece(TemporaryTest):
    """Merges rebuilt from scores equal those of transformers' own converter."""

    def test_mistral_vocabularies(self):
        import sentencepiece
        tokenizers = os.path.join(ROOT, "models", "tokenizers")
        status, errors = run_script("mistral_tokenizers.py", "-q", "-o", tokenizers)
        self.assertEqual((status, errors), (0, ""))
        wheel = pypi.fetch_wheel(*mistral_tokenizers.WHEEL)
        for name, member in mistral_tokenizers.SENTENCEPIECE.items():
            with self.subTest(name):
                pypi.extract(wheel, f"mistral_common/data/{member}", self.path("sp.model"))
                model = sentencepiece.SentencePieceProcessor(self.path("sp.model"))
                n = model.vocab_size()
                kinds = [2 if model.is_unknown(i) else 3 if model.is_control(i)
                         else 6 if model.is_byte(i) else 1 for i in range(n)]
                expected = read_json(tokenizers, name, "tokenizer.json")
                for token in expected["added_tokens"]:
                    if kinds[token["id"]] == 1:
                        kinds[token["id"]] = 4
                source = make(self.path("source"), vocab=n, hidden=8, ffn=8, heads=2, layers=1)
                maker = GGUFMaker(self.path("m.gguf"), source).metadata()
                maker.writer.add_tokenizer_model("llama")
                maker.writer.add_token_list([model.id_to_piece(i) for i in range(n)])
                maker.writer.add_token_scores([model.get_score(i) for i in range(n)])
                maker.writer.add_token_types(kinds)
                maker.writer.add_bos_token_id(1)
                maker.writer.add_eos_token_id(2)
                maker.writer.add_unk_token_id(0)
                maker.finish()
                import_gguf.import_file(self.path("m.gguf"), self.path("out"), quiet=True)
                found = read_json(self.path("out"), "tokenizer.json")
                self.assertEqual(found, expected)


class TestFetchedLabel(TemporaryTest):
    """What fetch-smollm2 says of its weights, of an import from before it did too."""

    def test_an_earlier_import_is_labelled(self):
        loader = importlib.machinery.SourceFileLoader("fetch_smollm2", os.path.join(SCRIPTS, "fetch-smollm2"))
        fetch = importlib.util.module_from_spec(importlib.util.spec_from_loader("fetch_smollm2", loader))
        loader.exec_module(fetch)
        directory = make(self.path("model"), "plain", layers=1)
        config = read_json(directory, "config.json")

        def stamped(text):
            with open(os.path.join(directory, fetch.STAMP), "w", encoding="utf-8") as file:
                file.write(text)

        def run(*options):
            said = io.StringIO()
            with contextlib.redirect_stderr(said):
                fetch.main(["-o", directory, *options])
            return said.getvalue()

        def unreachable(*_):
            raise files.EnvironmentProblem("the package index cannot be reached")

        fetch.fetch_wheel = unreachable
        stamped("of something else")
        with self.assertRaises(files.EnvironmentProblem):
            run()
        stamped(fetch.made_from())  # the label is missing: it is not current
        self.assertRegex(run(), r"warning: .*stays as an earlier version imported it: .*cannot be reached\n"
                                r"smollm2 .*model: its weights were dequantized from Q4_1, Q8_0, near .* not the same\n$")
        self.assertEqual(read_json(directory, "config.json"), {**config, "torchless_source_types": "Q4_1, Q8_0"})
        self.assertRegex(run(), r"^smollm2 .*dequantized from Q4_1, Q8_0[^\n]*\n$")
        self.assertEqual(run("-q"), "")
        done = subprocess.run([TORCHLESS, "info", "-m", directory], capture_output=True, text=True, check=False)
        self.assertIn("dequantized_from\tQ4_1, Q8_0", done.stdout)


class TestSmolLM2(unittest.TestCase):
    """The real model: ids, chat template, and an answer that only a correct import gives."""

    def test_greedy_answer_and_ids(self):
        status, errors = run_script("fetch-smollm2", "-q")
        self.assertEqual((status, errors), (0, ""))
        directory = os.path.join(ROOT, "models", "smollm2-135m")
        from transformers import AutoModelForCausalLM, AutoTokenizer
        tokenizer = AutoTokenizer.from_pretrained(directory)
        self.assertEqual(tokenizer("a  1")["input_ids"], [81, 256, 33])
        self.assertEqual(tokenizer("The capital of France is")["input_ids"],
                         [504, 3575, 282, 4649, 314])
        chat = tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False)
        self.assertTrue(chat.endswith("<|im_start|>user\nHi<|im_end|>\n"))
        model = AutoModelForCausalLM.from_pretrained(directory, torch_dtype=torch.float32)
        ids = tokenizer("The capital of France is", return_tensors="pt")
        text = tokenizer.decode(model.generate(**ids, max_new_tokens=2, do_sample=False)[0])
        self.assertEqual(text, "The capital of France is Paris.")


class TestBadGGUF(TemporaryTest):
    """Damaged, foreign and hostile GGUF files get one sentence and leave nothing."""

    def setUp(self):
        super().setUp()
        os.mkdir(self.path("work"))
        source = make(self.path("source"), vocab=300, layers=1)
        self.good = self.path("good.gguf")
        GGUFMaker(self.good, source).metadata().byte_level().finish()
        self.content = read_bytes(self.good)

    def attempt(self, content):
        """Import CONTENT in process; only BadInput may come out. Returns the sentence or None."""
        with open(self.path("bad.gguf"), "wb") as file:
            file.write(content)
        try:
            import_gguf.import_file(
                self.path("bad.gguf"), self.path("work", "out"), quiet=True)
        except BadInput as error:
            self.assertEqual(os.listdir(self.path("work")), [])
            self.assertTrue(str(error).startswith(self.path("bad.gguf") + ": "), error)
            self.assertNotIn("\n", str(error))
            return str(error)
        shutil.rmtree(self.path("work", "out"))
        return None

    def test_the_good_one_is_good(self):
        self.assertIsNone(self.attempt(self.content))

    def test_every_truncation_is_refused(self):
        n = len(self.content)
        cuts = {*range(0, 2000, 13), *range(2000, n, n // 60)}
        for cut in sorted(cuts):
            with self.subTest(cut=cut):
                self.assertIsNotNone(self.attempt(self.content[:cut]))

    def test_random_damage_never_escapes(self):
        generator = random.Random(5)
        n_refused = 0
        for _ in range(300):
            content = bytearray(self.content)
            for _ in range(generator.randint(1, 4)):
                content[generator.randrange(8000)] = generator.randrange(256)
            n_refused += self.attempt(bytes(content)) is not None
        self.assertGreater(n_refused, 30)

    def test_hostile_counts(self):
        for at, value in ((8, 1 << 62), (16, 1 << 62), (8, 1 << 63)):
            content = bytearray(self.content)
            struct.pack_into("<Q", content, at, value)
            self.assertIn("truncated or damaged", self.attempt(bytes(content)))

    def test_foreign_files(self):
        self.assertIn("is a PyTorch file or another zip archive: give its directory", self.attempt(b"PK\x03\x04" + bytes(100)))
        self.assertIn("begins with b'XXXX", self.attempt(b"XXXX" + bytes(range(1, 100))))
        self.assertIn("version 1", self.attempt(b"GGUF" + struct.pack("<I", 1) + bytes(100)))
        self.assertIn("is empty, 0 bytes, too short", self.attempt(b""))
        self.assertIn("too few", self.attempt(b"GGUF"))

    def test_other_architectures_and_extra_tensors(self):
        content = self.content.replace(b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0gemma", 1)
        self.assertIn("architecture 'gemma'", self.attempt(content))
        content = self.content.replace(b"attn_q.weight", b"attn_q_bias.w", 1)
        self.assertIn("tensor blk.0.attn_q_bias.w has no place", self.attempt(content))

    def test_exit_status_and_sentence(self):
        with open(self.path("bad.gguf"), "wb") as file:
            file.write(self.content[:-1])
        status, errors = run_script(
            "import_gguf.py", self.path("bad.gguf"), "-o", self.path("work", "out"))
        self.assertEqual(status, 2)
        self.assertTrue(errors.startswith(f"import_gguf.py: {self.path('bad.gguf')}: "), errors)
        self.assertEqual(errors.count("\n"), 1)
        self.assertEqual(os.listdir(self.path("work")), [])
        status, errors = run_script("import_gguf.py", self.path("none"), "-o", self.path("x"))
        self.assertEqual((status, errors.count("\n")), (2, 1))

    def test_other_directories_are_not_swept_away(self):
        os.mkdir(self.path("precious"))
        with open(self.path("precious", "thesis.txt"), "w", encoding="utf-8") as file:
            file.write("years of work")
        self.refused("does not look like an earlier output", import_gguf.import_file, self.good,
                     self.path("precious"), None, True)
        self.assertEqual(os.listdir(self.path("precious")), ["thesis.txt"])


# ------------------------------------------------------------------------------------------ export

def save_as_bin(source, target, n_shards):
    """Write the checkpoint SOURCE again as pytorch_model*.bin with torch."""
    os.makedirs(target)
    for name in os.listdir(source):
        if name.endswith(".json") and "index" not in name:
            shutil.copy(os.path.join(source, name), target)
    state = {}
    for name in sorted(os.listdir(source)):
        if name.endswith(".safetensors"):
            state.update(tensors_of(os.path.join(source, name)))
    if n_shards == 1:
        torch.save(state, os.path.join(target, "pytorch_model.bin"))
        return target
    places = {}
    for number in range(n_shards):
        part = dict(list(state.items())[number::n_shards])
        name = f"pytorch_model-{number + 1:05d}-of-{n_shards:05d}.bin"
        torch.save(part, os.path.join(target, name))
        places.update({key: name for key in part})
    write_json({"metadata": {}, "weight_map": places}, target, "pytorch_model.bin.index.json")
    return target


class TestExport(TemporaryTest):
    """export_mistral.py writes one valid file with the same bits, however the weights came."""

    def export(self, directory, name="out.safetensors", dtype=None):
        if dtype:
            export_mistral.floats = floats
        export_mistral.export(directory, self.path(name), dtype, True)
        return self.path(name)

    def test_all_forms_give_the_same_bytes(self):
        for preset in ("gqa-odd", "tied", "f16"):
            with self.subTest(preset), tempfile.TemporaryDirectory() as self.top:
                single = make(self.path("single"), preset)
                expected = read_bytes(self.export(single))
                shards = make(self.path("shards"), preset, shards=3)
                forms = [shards, save_as_bin(single, self.path("bin"), 1),
                         save_as_bin(single, self.path("bins"), 3)]
                for form in forms:
                    self.assertEqual(read_bytes(self.export(form)), expected, form)

    def test_safetensors_reads_it_with_the_same_bits(self):
        for preset in ("gqa-odd", "bf16", "tied"):
            source = make(self.path("source"), preset)
            before = tensors_of(os.path.join(source, "model.safetensors"))
            after = tensors_of(self.export(source))
            self.assertEqual(before.keys(), after.keys())
            for name, tensor in before.items():
                self.assertEqual(tensor.dtype, after[name].dtype)
                self.assertTrue(torch.equal(tensor, after[name]), name)

    def test_header_carries_the_files_and_aligns_the_data(self):
        source = make(self.path("source"), "gqa-odd")
        path = self.export(source)
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
        self.assertEqual(metadata["torchless.format"], "1")
        for name in ("config.json", "generation_config.json", "tokenizer.json",
                     "tokenizer_config.json"):
            self.assertEqual(metadata[name].encode(), read_bytes(source, name))
        tensors, _ = safetensors_file.read_header(path)
        self.assertEqual(min(t.begin for t in tensors.values()) % 64, 0)

    def test_header_carries_the_files_of_chat_templates(self):
        source = make(self.path("hf"), "gqa-odd")
        texts = {"chat_template.jinja": "{{ 'ß' }}\r\n",
                 "additional_chat_templates/rag.jinja": "{# rag #}"}
        os.mkdir(self.path("hf", "additional_chat_templates"))
        for name, text in texts.items():
            with open(self.path("hf", name), "w", encoding="utf-8", newline="") as file:
                file.write(text)
        with open(self.path("hf", "additional_chat_templates", "notes.txt"), "w") as file:
            file.write("no template")
        with safe_open(self.export(source), "pt") as file:
            found = {key: text for key, text in file.metadata().items() if "chat" in key}
        self.assertEqual(found, texts)
        with open(self.path("hf", "chat_template.jinja"), "wb") as file:
            file.write(b"\xff")
        self.refused("chat_template.jinja: no UTF-8", self.export, source)

    def test_what_can_be_aligned_is(self):
        # Norms of 80 bytes leave the matrices behind them at odd places, unless they come last.
        path = self.export(make(self.path("source"), "head-dim", dtype="f16"))
        tensors, _ = safetensors_file.read_header(path)
        odd = [t for t in tensors.values() if t.size % 64]
        self.assertTrue(odd and len(odd) < len(tensors))
        self.assertEqual([t.name for t in tensors.values() if t.begin % 64 and t not in odd], [])

    def test_conversion(self):
        source = make(self.path("source"), "bf16")
        before = tensors_of(os.path.join(source, "model.safetensors"))
        for dtype, kind in (("f32", torch.float32), ("f16", torch.float16)):
            path = self.export(source, dtype=dtype)
            for name, tensor in tensors_of(path).items():
                self.assertTrue(torch.equal(tensor, before[name].to(kind)), name)
            with safe_open(path, "pt") as file:
                config = json.loads(file.metadata()["config.json"])
            self.assertEqual(config["torch_dtype"], floats.TORCH_NAME[dtype])

    def test_rounding_equals_torch(self):
        generator = numpy.random.default_rng(3)
        bits = generator.integers(0, 1 << 32, 200000, numpy.uint32)
        ties = (bits & 0xFFFF0000) | 0x8000
        special = numpy.array([0, 1 << 31, 0x7F800000, 0xFF800000, 0x7F7FFFFF], numpy.uint32)
        values = numpy.concatenate([bits, ties, special]).view("<f4")
        expected = torch.from_numpy(values.copy()).to(torch.bfloat16)
        found = torch.frombuffer(
            bytearray(floats.from_f32(values, "BF16", "x")), dtype=torch.bfloat16)
        is_nan = torch.isnan(expected)
        self.assertTrue(torch.equal(torch.isnan(found), is_nan))
        self.assertTrue(torch.equal(found[~is_nan], expected[~is_nan]))
        back = floats.to_f32(floats.from_f32(values, "BF16", "x"), "BF16")
        numpy.testing.assert_array_equal(back, expected.to(torch.float32).numpy())

    def test_older_buffers_and_tied_copies_are_left_out(self):
        source = make(self.path("source"), "tied")
        state = tensors_of(os.path.join(source, "model.safetensors"))
        expected = read_bytes(self.export(source))
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
        state["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(6)
        os.unlink(os.path.join(source, "model.safetensors"))
        torch.save(state, os.path.join(source, "pytorch_model.bin"))
        self.assertEqual(read_bytes(self.export(source)), expected)

    def test_slices_of_one_storage(self):
        storage = torch.arange(20, dtype=torch.float32)
        torch.save({"a": storage[4:8], "b": torch.nn.Parameter(storage.view(4, 5)),
                    "c": storage.view(4, 5).t()[:1]}, self.path("x.bin"))
        self.refused("transposed or cut view", torch_zip.read_tensors, self.path("x.bin"))
        torch.save({"a": storage[4:8], "b": torch.nn.Parameter(storage.view(4, 5))},
                   self.path("x.bin"))
        tensors, content = torch_zip.read_tensors(self.path("x.bin")), read_bytes(self.path("x.bin"))
        for name, expected in (("a", storage[4:8]), ("b", storage.view(4, 5))):
            t = tensors[name]
            found = numpy.frombuffer(content[t.begin : t.begin + t.size], "<f4").reshape(t.shape)
            numpy.testing.assert_array_equal(found, expected.numpy())


class TestOtherNames(TemporaryTest):
    """The same model under the names that other programs save it by: the same packed bytes."""

    def saved(self, name, source, state, metadata=None):
        """A directory like SOURCE with these tensors instead of its own."""
        target = self.path(name)
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.safetensors"))
        save_file({k: v.contiguous() for k, v in state.items()},
                  os.path.join(target, "model.safetensors"), metadata)
        return target

    def saved_model(self, name, source, **options):
        """By safetensors.torch.save_model(), which leaves out what shares its memory."""
        target = self.saved(name, source, {})
        model = transformers.AutoModelForCausalLM.from_pretrained(source)
        save_model(model, os.path.join(target, "model.safetensors"), **options)
        return target

    def export(self, directory):
        export_mistral.export(directory, self.path("out.safetensors"), None, True)
        return self.path("out.safetensors")

    def run_torchless(self, directory):
        program = os.environ.get("TORCHLESS", os.path.join(ROOT, "build", "release", "torchless"))
        done = subprocess.run([program, "run", "-q", "-n", "8", "-m", directory, "hello world"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        return done.returncode, done.stdout, done.stderr.decode()

    def same_everywhere(self, source, directories):
        expected, printed = read_bytes(self.export(source)), self.run_torchless(source)
        is_tied = read_json(source, "config.json")["tie_word_embeddings"]
        self.assertEqual(printed[0], 0, printed)
        for directory in directories:
            with self.subTest(os.path.basename(directory)):
                self.assertEqual(self.run_torchless(directory), printed)
                self.assertEqual(weights_hash(directory, is_tied), weights_hash(source, is_tied))
                if read_json(directory, "config.json") == read_json(source, "config.json"):
                    self.assertEqual(read_bytes(self.export(directory)), expected)
                self.assertEqual(self.run_torchless(self.export(directory)), printed)

    def test_a_tied_model(self):
        for arch, base_class in (("llama", "LlamaModel"), ("mistral", "MistralModel")):
            with self.subTest(arch), tempfile.TemporaryDirectory() as self.top:
                self.tied_model(arch, base_class)

    def tied_model(self, arch, base_class):
        source = make(self.path("source"), "tied", arch=arch)
        state = tensors_of(os.path.join(source, "model.safetensors"))
        self.assertNotIn("lm_head.weight", state)
        other_way = {**state, "lm_head.weight": state["model.embed_tokens.weight"]}
        del other_way["model.embed_tokens.weight"]
        base = self.path("base_class")
        transformers.AutoModel.from_pretrained(source).save_pretrained(base)
        self.assertEqual(read_json(base, "config.json")["architectures"], [base_class])
        shutil.copy(os.path.join(source, "tokenizer.json"), base)
        hub = self.saved("hub", source, {})
        os.unlink(os.path.join(hub, "model.safetensors"))
        save_torch_model(transformers.AutoModelForCausalLM.from_pretrained(source), hub,
                         max_shard_size="20KB")
        saved = self.saved_model("save_model", source)
        with safe_open(os.path.join(saved, "model.safetensors"), "pt") as file:
            self.assertEqual(file.metadata(), {"model.embed_tokens.weight": "lm_head.weight"})
        self.same_everywhere(source, [
            saved, self.saved_model("with_format", source, metadata={"format": "pt"}), hub, base,
            self.saved("head_only", source, other_way, {"format": "pt"}),
            self.saved("kept_embeddings", source, state,
                       {"lm_head.weight": "model.embed_tokens.weight"}),
            self.saved("base", source, {k[len("model."):]: v for k, v in state.items()}),
        ])

    def test_a_model_with_a_head_of_its_own(self):
        for preset in ("plain", "untied"):
            with self.subTest(preset), tempfile.TemporaryDirectory() as self.top:
                source = make(self.path("source"), preset, layers=2)
                state = tensors_of(os.path.join(source, "model.safetensors"))
                forms = [self.saved_model("save_model", source)]
                for number, naming in enumerate(weight_names.NAMINGS):
                    named = {naming.decoder + k[len("model."):]: v for k, v in state.items()
                             if k.startswith("model.")}
                    if naming.head:
                        named[naming.head + "weight"] = state["lm_head.weight"]
                        forms.append(self.saved(f"naming{number}", source, named))
                self.assertGreater(len(forms), 4)
                self.same_everywhere(source, forms)

    def test_two_names_of_an_untied_model(self):
        source = make(self.path("source"), "plain", layers=2)
        state = tensors_of(os.path.join(source, "model.safetensors"))
        state["lm_head.weight"] = state["model.embed_tokens.weight"].clone()
        both = self.saved("both", source, state)
        del state["lm_head.weight"]
        self.same_everywhere(both, [self.saved("one", source, state, {
            "lm_head.weight": "model.embed_tokens.weight"})])

    def test_hidden_states_are_where_info_says(self):
        source = make(self.path("source"), "plain", layers=3)
        program = os.environ.get("TORCHLESS", os.path.join(ROOT, "build", "release", "torchless"))
        said = subprocess.run([program, "info", "--points", "--json", "-m", source],
                              stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()
        called = {row["name"]: row["hugging_face"] for row in map(json.loads, said)}
        model = transformers.AutoModelForCausalLM.from_pretrained(source).eval()
        outputs = {}
        for name, module in model.named_modules():
            module.register_forward_hook(lambda _m, _i, out, name=name: outputs.update(
                {f"{name}:out": out[0] if isinstance(out, tuple) else out}))
        with torch.no_grad():
            states = model(torch.tensor([[1, 5, 9]]), output_hidden_states=True).hidden_states
        found = {}
        for name, value in called.items():
            if str(value).startswith("hidden_states["):
                found[int(value[len("hidden_states["):-1])] = name
        self.assertEqual(sorted(found), list(range(len(states))))
        for index, name in found.items():
            self.assertTrue(torch.equal(states[index], outputs[name]), name)
        last = "model.layers.2:out"
        self.assertEqual(called[last], "module output")
        self.assertFalse(any(torch.equal(state, outputs[last]) for state in states))
        table, _ = points.read()
        self.assertEqual({f"{p.module}:{p.name}": p.hf_source for _, p in points.expand(table, 3)},
                         called)

    def test_the_architecture_by_either_key(self):
        source = make(self.path("source"), "plain", layers=2)
        config = read_json(source, "config.json")
        kind, name = config["model_type"], config["architectures"][0]
        state = tensors_of(os.path.join(source, "model.safetensors"))
        for number, (keys, is_one) in enumerate((
            ({"model_type": kind}, True), ({"model_type": kind, "architectures": []}, True),
            ({"model_type": kind, "architectures": name}, True), ({"architectures": [name]}, True),
            ({"model_type": "gpt2"}, False), ({"model_type": "gpt2", "architectures": [name]}, False), ({}, False),
        )):
            with self.subTest(keys):
                directory = self.saved(f"arch{number}", source, state)
                rest = {k: v for k, v in config.items() if k not in ("model_type", "architectures")}
                with open(os.path.join(directory, "config.json"), "w", encoding="utf-8") as file:
                    json.dump({**rest, **keys}, file)
                status, printed, said = self.run_torchless(directory)
                self.assertEqual(status == 0, is_one, said)
                if is_one:
                    self.assertEqual(self.run_torchless(self.export(directory))[:2], (0, printed))
                else:
                    self.refused("architectures", self.export, directory)

    def test_what_cannot_be_told_is_refused_by_both(self):
        source = make(self.path("source"), "plain", layers=2)
        state = tensors_of(os.path.join(source, "model.safetensors"))
        bare = {k[len("model."):]: v for k, v in state.items() if k.startswith("model.")}
        head = {"lm_head.weight": state["lm_head.weight"]}
        half = {k[len("model."):] if ".1." in k else k: v for k, v in state.items()}
        for name, tensors, expected in (
            ("base", bare, "lm_head.weight"), ("base_and_head", {**bare, **head}, "as lm_head"),
            ("half", half, "layers.1.input_layernorm.weight"),
            ("wrapped", {f"transformer.{k}": v for k, v in state.items()}, "named as transformer.model.embed_tokens.weight"),
            ("peft", {f"base_model.model.{k}": v for k, v in state.items()}, "named as base_model.model.model.embed"),
        ):
            directory = self.saved(name, source, tensors, {"format": "pt"})
            self.refused(expected, self.export, directory)
            status, printed, said = self.run_torchless(directory)
            self.assertEqual((status, printed), (2, b""), said)
            self.assertIn(expected, said)
            if name == "base_and_head":  # transformers agrees
                with self.assertRaises(ValueError):
                    transformers.AutoModelForCausalLM.from_pretrained(directory)


class TestBadCheckpoints(TemporaryTest):
    """What export refuses: one sentence, and an earlier output stays what it was."""

    def setUp(self):
        super().setUp()
        os.mkdir(self.path("work"))
        self.output = self.path("work", "out.safetensors")
        with open(self.output, "wb") as file:
            file.write(b"an earlier output")

    def export_refused(self, expected, directory):
        self.refused(expected, export_mistral.export, directory, self.output, None, True)
        self.assertEqual(os.listdir(self.path("work")), ["out.safetensors"])
        self.assertEqual(read_bytes(self.output), b"an earlier output")

    def change_index(self, directory, change):
        name = "model.safetensors.index.json"
        index = read_json(directory, name)
        change(index["weight_map"])
        write_json(index, directory, name)

    def test_shard_names_that_leave_the_directory(self):
        source = make(self.path("source"), "shards")
        for name in ("../x.safetensors", "/etc/passwd", "..", "", "a/b", "a\\b", "a\0b", 7):
            with self.subTest(name=name):
                self.change_index(source, lambda m, n=name: m.update({"model.norm.weight": n}))
                self.export_refused("leaves the directory", source)

    def test_missing_and_misplaced(self):
        source = make(self.path("source"), "shards")
        first = "model-00001-of-00003.safetensors"
        self.change_index(source, lambda m: m.update({"model.norm.weight": first}))
        self.export_refused("the index places it in", source)
        self.change_index(source, lambda m: m.pop("model.norm.weight"))
        self.export_refused("places it in no shard", source)
        make(source, "shards")
        self.change_index(source, lambda m: m.update({"more": first}))
        self.export_refused("tensor more is missing", source)
        make(source, "shards")
        os.unlink(os.path.join(source, first))
        self.export_refused("is missing", source)
        os.unlink(os.path.join(source, "model.safetensors.index.json"))
        self.export_refused("holds no weights", source)

    def test_the_same_tensor_in_two_shards(self):
        source = make(self.path("source"), "shards")
        index = read_json(source, "model.safetensors.index.json")["weight_map"]
        first, second = sorted(set(index.values()))[:2]
        shutil.copy(os.path.join(source, first), os.path.join(source, second))
        self.export_refused("is in ", source)

    def test_truncated(self):
        source = make(self.path("source"), "plain")
        path = os.path.join(source, "model.safetensors")
        content = read_bytes(path)
        for cut in (0, 5, 8, 100, len(content) // 2, len(content) - 1):
            with open(path, "wb") as file:
                file.write(content[:cut])
            self.export_refused(path, source)
        with open(path, "wb") as file:
            file.write(content + b"x")
        self.export_refused("after the last tensor", source)

    def test_headers_that_lie(self):
        source = make(self.path("source"), "plain")
        path = os.path.join(source, "model.safetensors")
        content = read_bytes(path)
        (length,) = struct.unpack_from("<Q", content)
        header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
        name = "model.norm.weight"

        def attempt(expected, **changes):
            text = json.dumps({**header, name: {**header[name], **changes}}).encode()
            with open(path, "wb") as file:
                file.write(struct.pack("<Q", len(text)) + text + data)
            self.export_refused(expected, source)

        begin, end = header[name]["data_offsets"]
        attempt("dtype 'F7'", dtype="F7")
        attempt("data_offsets span", dtype="F16")
        attempt("no list of sizes", shape=[-48])
        attempt("no list of sizes", shape=[48.0])
        attempt("no list of sizes", shape=[1 << 64])
        attempt("data_offsets span", shape=[1 << 62, 1 << 62])
        attempt("no pair of offsets", data_offsets=[begin])
        attempt("truncated", data_offsets=[begin + (1 << 40), end + (1 << 40)])
        attempt("overlaps", data_offsets=[0, end - begin])
        text = b'{"a":1,"a":2}'
        with open(path, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
        self.export_refused("twice", source)
        text = b"[" * 200000
        with open(path, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
        self.export_refused("no valid JSON", source)

    def test_shapes_and_extras(self):
        source = make(self.path("source"), "plain")
        config = read_json(source, "config.json")
        write_json({**config, "intermediate_size": 95}, source, "config.json")
        self.export_refused("config.json implies", source)
        write_json({**config, "num_hidden_layers": 2}, source, "config.json")
        with open(self.output, "rb") as file:
            before = file.read()
        self.check_warning(source)
        with open(self.output, "wb") as file:
            file.write(before)
        write_json({**config, "num_hidden_layers": 1 << 30}, source, "config.json")
        self.export_refused("layers", source)
        write_json({**config, "architectures": ["GPT2LMHeadModel"]}, source, "config.json")
        self.export_refused("architectures", source)
        write_json({**config, "hidden_size": None}, source, "config.json")
        self.export_refused("hidden_size is None", source)
        os.unlink(os.path.join(source, "config.json"))
        status, errors = run_script("export_mistral.py", source, "-o", self.output)
        self.assertEqual((status, errors.count("\n")), (2, 1))
        self.assertEqual(read_bytes(self.output), b"an earlier output")

    def check_warning(self, source):
        """Of tensors that nothing uses transformers and the engine warn; they are not packed."""
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            export_mistral.export(source, self.output, None, True)
        sentence = said.getvalue().split(": warning: ")[1]
        self.assertIn("tensors are not used, the first is model.layers.2.input_layernorm.weight: a MistralForCausalLM "
                      "has no place for them\n", sentence)
        done = subprocess.run([TORCHLESS, "run", "-m", source, "-n", "1", "x"], capture_output=True, text=True, check=False)
        self.assertIn(f"torchless: warning: {sentence}", done.stderr)
        packed = safetensors_file.read_header(self.output)[0]
        self.assertFalse([name for name in packed if ".layers.2." in name])
        _, about = transformers.AutoModelForCausalLM.from_pretrained(source, output_loading_info=True)
        self.assertEqual(len(about["unexpected_keys"]), int(sentence.split(" tensors")[0].rsplit(" ", 1)[1]))

    def test_what_a_file_is(self):
        """As the program says it, of the same bytes under each name."""
        contents = (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", b"<!DOCTYPE html>\n<html>", b"",
            b"PK\3\4" + bytes(22) + b"\5\0\0\0a.txt" + bytes(99), b"Entry not found", b"\n <?xml version='1.0'?>", bytes(100),
            b"\x1f\x8b\x08" + bytes(50), b"GGUF\3\0\0\0" + bytes(50), b"\x80\2\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19." + bytes(9),
            b'{"error": "gone"}', b"\xfd7zXZ\0" + bytes(9), b"\x7fELF" + bytes(99), b"Access to model \xe2\x80\xa6",
            bytes(257) + b"ustar", b"\x08\x07\x12\x07pytorch" + bytes(9), b"SQLite format 3\0" + bytes(99),
        )
        for name in "model.safetensors", "tokenizer.json", "config.json":
            source = make(self.path(f"source-{name}"), "plain", layers=1)
            for content in contents:
                with open(os.path.join(source, name), "wb") as file:
                    file.write(content)
                done = subprocess.run([TORCHLESS, "run", "-m", source, "-n", "1", "x"], capture_output=True, text=True,
                                      check=False)
                with self.subTest(name=name, content=content[:20]):
                    self.assertEqual(done.returncode, 2)
                    path = os.path.join(source, name)
                    said = done.stderr.strip().removeprefix(f"torchless: {path} is ")
                    self.export_refused(f"{path}: is {said}", source)
        source = make(self.path("bin"), "plain", layers=1)
        os.unlink(os.path.join(source, "model.safetensors"))
        for content, expected in zip(contents[:4], ("a Git LFS pointer", "an HTML page", "empty, 0 bytes", "a zip archive: unpack it")):
            with open(os.path.join(source, "pytorch_model.bin"), "wb") as file:
                file.write(content)
            self.export_refused(f"pytorch_model.bin: is {expected}", source)

    def test_no_pickle_code_runs(self):
        source = make(self.path("source"), "plain")
        os.unlink(os.path.join(source, "model.safetensors"))
        marker = self.path("executed")

        class Attack:
            def __reduce__(self):
                return os.mkdir, (marker,)

        torch.save({"model.norm.weight": Attack()}, os.path.join(source, "pytorch_model.bin"))
        self.export_refused("mkdir, which weights do not need", source)
        self.assertFalse(os.path.exists(marker))

    def test_damaged_bin_files(self):
        source = make(self.path("source"), "plain", layers=1)
        state = tensors_of(os.path.join(source, "model.safetensors"))
        os.unlink(os.path.join(source, "model.safetensors"))
        path = os.path.join(source, "pytorch_model.bin")
        torch.save(state, path)
        good = read_bytes(path)
        with open(path, "wb") as file:
            file.write(good[: len(good) // 2])
        self.export_refused("truncated", source)
        torch.save(state, path, _use_new_zipfile_serialization=False)
        self.export_refused("before torch 1.6", source)
        with zipfile.ZipFile(io.BytesIO(good)) as archive:
            members = {i.filename: archive.read(i) for i in archive.infolist()}
        top = next(name for name in members if name.endswith("data.pkl"))
        generator = random.Random(11)
        for _ in range(200):
            program = bytearray(members[top])
            for _ in range(generator.randint(1, 3)):
                program[generator.randrange(len(program))] = generator.randrange(256)
            with zipfile.ZipFile(path, "w") as archive:
                for name, content in members.items():
                    archive.writestr(name, bytes(program) if name == top else content)
            with contextlib.suppress(BadInput):
                torch_zip.read_tensors(path)
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content[:-4] if name.endswith("data/0") else content)
        self.export_refused("needs", source)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/data.pkl", pickle.dumps([1, 2]))
        self.export_refused("holds list", source)


# -------------------------------------------------------------------------------- shared and random

class TestStaging(TemporaryTest):
    """Outputs are whole or absent, also when something interrupts."""

    def test_interrupts_leave_nothing(self):
        for kind in (KeyboardInterrupt, RuntimeError, MemoryError):
            with self.assertRaises(kind), files.staged_file(self.path("f")) as file:
                file.write(b"half")
                raise kind
            with self.assertRaises(kind), \
                    files.staged_directory(self.path("d"), lambda _: True) as directory:
                os.mkdir(os.path.join(directory, "half"))
                raise kind
            self.assertEqual(os.listdir(self.top), [])

    def test_a_terminated_script_cleans_up(self):
        program = (
            "import sys, time; sys.path.insert(0, sys.argv[1])\n"
            "from lib.files import run_main, staged_directory\n"
            "def main(argv):\n"
            "    with staged_directory(argv[1], lambda _: True):\n"
            "        print('ready', flush=True); time.sleep(60)\n"
            "run_main(main)\n"
        )
        child = subprocess.Popen(
            [sys.executable, "-c", program, SCRIPTS, self.path("d")],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        with child:
            self.assertEqual(child.stdout.readline(), "ready\n")
            self.assertEqual(len(os.listdir(self.top)), 1)
            child.terminate()
            _, errors = child.communicate(timeout=120)
        self.assertEqual(child.returncode, 130)
        self.assertTrue(errors.endswith("interrupted\n") and errors.count("\n") == 1, errors)
        self.assertEqual(os.listdir(self.top), [])

    def test_a_replaced_directory_is_replaced_whole(self):
        for content in ("old", "new"):
            with files.staged_directory(self.path("d"), lambda _: True) as directory:
                with open(os.path.join(directory, content), "w", encoding="utf-8") as file:
                    file.write(content)
        self.assertEqual(os.listdir(self.path("d")), ["new"])
        self.assertEqual(os.listdir(self.top), ["d"])


class TestRandomCheckpoints(TemporaryTest):
    """make_checkpoint.py: repeatable, and transformers runs what it makes."""

    def test_the_same_options_give_the_same_bytes(self):
        one, two = make(self.path("one"), "gqa-odd"), make(self.path("two"), "gqa-odd")
        for name in os.listdir(one):
            self.assertEqual(read_bytes(one, name), read_bytes(two, name), name)
        other = make(self.path("other"), "gqa-odd", seed=2)
        self.assertNotEqual(read_bytes(one, "model.safetensors"),
                            read_bytes(other, "model.safetensors"))

    def test_shards_and_types_keep_the_values(self):
        plain = tensors_of(os.path.join(make(self.path("plain")), "model.safetensors"))
        shards = make(self.path("shards"), "shards")
        places = read_json(shards, "model.safetensors.index.json")["weight_map"]
        self.assertEqual(places.keys(), plain.keys())
        self.assertEqual(len(set(places.values())), 3)
        for name, shard in places.items():
            found = tensors_of(os.path.join(shards, shard))[name]
            self.assertTrue(torch.equal(found, plain[name].to(torch.bfloat16)), name)

    def test_transformers_runs_every_small_preset(self):
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        spread = {}
        for preset in make_checkpoint.PRESETS:
            if preset in make_checkpoint.LARGE:
                continue
            with self.subTest(preset):
                directory = make(self.path(preset), preset)
                tokenizer = AutoTokenizer.from_pretrained(directory)
                model = AutoModelForCausalLM.from_pretrained(
                    directory, torch_dtype=torch.float32, attn_implementation="eager")
                ids = tokenizer("The model reads a text, token by token: é\n",
                                return_tensors="pt")
                self.assertGreater(ids.input_ids.shape[1], 10)
                with torch.no_grad():
                    logits = model(**ids).logits
                self.assertTrue(torch.isfinite(logits).all())
                spread[preset] = logits.abs().max().item()
                norm = model.model.norm.weight
                self.assertGreater((norm - 1).abs().mean().item(), 0.05)
        # Each logit scale is what the preset promises: exp() of the large ones overflows f32.
        self.assertLess(spread["plain"], 20)
        self.assertGreater(spread["big-logits"], 89)


if __name__ == "__main__":
    unittest.main()
