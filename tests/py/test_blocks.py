#!/usr/bin/env python3
"""Do GGUF's blocks decode to what the package `gguf` dequantises them to, bit for bit?

Random bytes, so that every bit of a block is tried: as they are, where scales may be NaN, infinite or
subnormal, and with scales as of a model. Every kernel set that this processor runs. Run with
.venv/bin/python; make py/test_blocks builds the program that decodes.
"""

import os
import re
import subprocess
import unittest

import gguf
import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DECODE = os.environ.get("DECODE_BLOCKS", os.path.join(ROOT, "build", "release", "tests", "support", "decode_blocks"))
# Where the f16 scales of a block lie.
SCALES = {"q8_0": [0], "q4_0": [0], "q4_1": [0, 2], "q5_0": [0], "q5_1": [0, 2], "q2_k": [80, 82], "q3_k": [108],
          "q4_k": [0, 2], "q5_k": [0, 2], "q6_k": [208], "iq4_nl": [0]}
BLOCKS = 2000
FIRST_ID = 7  # of enum dtype, in this order


def blocks_of(name, seed, as_of_a_model):
    quant = gguf.GGMLQuantizationType[name.upper()]
    size = gguf.GGML_QUANT_SIZES[quant][1]
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (BLOCKS, size), dtype=np.uint8)
    for at in SCALES[name] if as_of_a_model else []:
        scale = rng.normal(0, 0.01, BLOCKS).astype(np.float16)
        blocks[:, at : at + 2] = scale.view(np.uint8).reshape(BLOCKS, 2)
    return blocks, quant


def decode(tier, name, blocks):
    done = subprocess.run([DECODE, tier, name], input=blocks.tobytes(), capture_output=True, timeout=60, check=True)
    return np.frombuffer(done.stdout, np.uint32)


def lcg_bytes(seed, n):
    """block_byte() of tests/support/blocks_data.h."""
    out = bytearray()
    for _ in range(n):
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append(seed >> 56)
    return np.frombuffer(bytes(out), np.uint8)


def fnv1a(data):
    h = 0xCBF29CE484222325
    for byte in data:
        h = (h ^ byte) * 0x100000001B3 % 2**64
    return h


def same(want, got):
    """The same bits, where a NaN is a NaN: which of two NaNs comes out of a sum is nobody's promise."""
    a, b = want.view(np.float32), got.view(np.float32)
    return (want == got) | (np.isnan(a) & np.isnan(b))


class Blocks(unittest.TestCase):
    def setUp(self):
        done = subprocess.run([DECODE, "tiers"], capture_output=True, text=True, timeout=60, check=True)
        self.tiers = done.stdout.split()
        self.assertIn("ref", self.tiers)

    def check(self, as_of_a_model):
        for i, name in enumerate(SCALES):
            blocks, quant = blocks_of(name, i, as_of_a_model)
            with np.errstate(all="ignore"):
                want = gguf.quants.dequantize(blocks, quant).ravel().view(np.uint32)
            for tier in self.tiers:
                got = decode(tier, name, blocks)
                self.assertEqual(got.size, want.size)
                wrong = np.flatnonzero(~same(want, got))
                self.assertEqual(wrong.size, 0, f"{tier}: {name}: {wrong.size} differ, first {wrong[:4]}")

    def test_any_bytes(self):
        self.check(False)

    def test_scales_as_of_a_model(self):
        self.check(True)

    def test_the_numbers_of_the_unit_test(self):
        """tests/unit/test_blocks.c knows what `gguf` says of bytes that both make by the same rule."""
        with open(os.path.join(ROOT, "tests", "unit", "test_blocks.c")) as f:
            stated = dict(re.findall(r"\{ DTYPE_(\w+), (0x[0-9a-f]+) \}", f.read()))
        self.assertEqual({name.lower() for name in stated}, set(SCALES))
        for i, name in enumerate(SCALES):
            quant = gguf.GGMLQuantizationType[name.upper()]
            size = gguf.GGML_QUANT_SIZES[quant][1]
            blocks = lcg_bytes(FIRST_ID + i, 64 * size).reshape(64, size)
            with np.errstate(all="ignore"):
                x = gguf.quants.dequantize(blocks, quant).ravel()
            bits = np.where(np.isnan(x), np.uint32(0x7FC00000), x.view(np.uint32))
            self.assertEqual(hex(fnv1a(bits.astype("<u4").tobytes())), stated[name.upper()], name)

    def test_a_scale_that_is_no_number_is_seen(self):
        for name, places in SCALES.items():
            blocks, _ = blocks_of(name, 7, True)
            blocks[:, places[0] : places[0] + 2] = np.array([0x00, 0x7E], np.uint8)
            for tier in self.tiers:
                self.assertTrue(np.isnan(decode(tier, name, blocks).view(np.float32)).all(), f"{tier}: {name}")


if __name__ == "__main__":
    unittest.main()
