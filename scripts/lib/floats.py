"""Conversions between f32 and the two half types of checkpoints; numpy knows no bf16."""

import numpy

from .files import BadInput

# --dtype's name -> the safetensors name, and what Hugging Face's config.json calls it.
SAFETENSORS_NAME = {"f32": "F32", "f16": "F16", "bf16": "BF16"}
TORCH_NAME = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}


def to_f32(raw, dtype):
    """Little-endian bytes of safetensors DTYPE -> a flat float32 array."""
    if dtype == "BF16":
        return (numpy.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4")
    return numpy.frombuffer(raw, {"F32": "<f4", "F16": "<f2"}[dtype]).astype("<f4", copy=False)


def _to_bf16(values):
    bits = values.view("<u4")
    # Round to nearest, ties to even; a NaN stays one (rounding could carry it into infinity).
    rounded = (bits + (0x7FFF + ((bits >> 16) & 1))) >> 16
    quiet_nan = (bits >> 16) | 0x40
    return numpy.where(numpy.isnan(values), quiet_nan, rounded).astype("<u2")


def from_f32(values, dtype, where):
    """A float32 array -> bytes of safetensors DTYPE, rounded to nearest; WHERE names the tensor."""
    values = numpy.ascontiguousarray(values, dtype="<f4")
    if dtype == "F32":
        return values.tobytes()
    if dtype == "BF16":
        return _to_bf16(values).tobytes()
    with numpy.errstate(over="ignore"):
        half = values.astype("<f2")
    lost = numpy.isinf(half) & numpy.isfinite(values)
    if lost.any():
        raise BadInput(f"{where}: {values[lost][0]:g} does not fit into f16: use --dtype bf16")
    return half.tobytes()
