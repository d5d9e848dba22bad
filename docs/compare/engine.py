#!/usr/bin/env python3
"""An engine of one's own, for docs/compare.md: a Mistral in numpy, with one bug.

    docs/compare/engine.py MODEL DUMPS ID...            runs the token ids, dumps into the folder DUMPS
    docs/compare/engine.py --fixed MODEL DUMPS ID...    without the bug

It reads the prompt alone and prints the likeliest next token. What it dumps is named as in
`torchless info --points`, one DUMPS/NAME.npy each.
"""

import json
import os
import struct
import sys

import numpy as np


def load(directory):
    """config.json, and the weights, which are bf16: the upper half of an f32."""
    with open(os.path.join(directory, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    with open(os.path.join(directory, "model.safetensors"), "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header, data = json.loads(file.read(size)), file.read()
    weights = {}
    for name, entry in header.items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            halves = np.frombuffer(data[first:last], "<u2").astype("<u4") << 16
            weights[name] = halves.view("<f4").reshape(entry["shape"])
    return config, weights


def norm(x, weight, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(eps)) * weight


def rotate(x, theta, fixed):
    """Rotary positions of x [pos, head, d_head]."""
    n, _, d = x.shape
    angle = np.arange(n)[:, None] * theta ** (-np.arange(0, d, 2) / d)
    cos, sin = (f(angle).astype("f4")[:, None, :] for f in (np.cos, np.sin))
    out = np.empty_like(x)
    if fixed:
        first, second = slice(0, d // 2), slice(d // 2, d)  # (i, i + d/2), as in Hugging Face's files
    else:
        first, second = slice(0, d, 2), slice(1, d, 2)  # (0, 1), (2, 3) ..., as in the paper
    out[..., first] = x[..., first] * cos - x[..., second] * sin
    out[..., second] = x[..., second] * cos + x[..., first] * sin
    return out


def softmax(x):
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def forward(config, weights, ids, dump, fixed):
    heads, groups, d = (config[key] for key in ("num_attention_heads", "num_key_value_heads", "head_dim"))
    eps, theta, n = config["rms_norm_eps"], config["rope_theta"], len(ids)
    x = dump("embed_tokens", weights["model.embed_tokens.weight"][ids])
    i, k = np.arange(n)[:, None], np.arange(n)[None, :]
    sees = (k <= i) & (k > i - (config["sliding_window"] or n))
    for layer in range(config["num_hidden_layers"]):
        w = lambda name: weights[f"model.layers.{layer}.{name}.weight"]
        put = lambda name, array: dump(f"L{layer}.{name}", array)
        h = put("ln1", norm(x, w("input_layernorm"), eps))
        q = put("attn.q_proj", h @ w("self_attn.q_proj").T).reshape(n, heads, d)
        key = put("attn.k_proj", h @ w("self_attn.k_proj").T).reshape(n, groups, d)
        value = put("attn.v_proj", h @ w("self_attn.v_proj").T).reshape(n, groups, d)
        q, key = put("attn.q_rot", rotate(q, theta, fixed)), put("attn.k_rot", rotate(key, theta, fixed))
        key, value = (np.repeat(part, heads // groups, axis=1) for part in (key, value))
        scores = np.einsum("qhd,khd->hqk", q, key) / np.float32(d ** 0.5)
        pattern = put("attn.pattern", softmax(np.where(sees, scores, -np.inf)))
        z = put("attn.z", np.einsum("hqk,khd->qhd", pattern, value))
        x = put("resid_mid", x + put("attn.o_proj", z.reshape(n, -1) @ w("self_attn.o_proj").T))
        h = put("ln2", norm(x, w("post_attention_layernorm"), eps))
        gate, up = (h @ w(f"mlp.{name}_proj").T for name in ("gate", "up"))
        x = put("resid_post", x + put("mlp.down_proj", (gate / (1 + np.exp(-gate)) * up) @ w("mlp.down_proj").T))
    return dump("lm_head", norm(x, weights["model.norm.weight"], eps) @ weights["lm_head.weight"].T)


def main(argv):
    fixed = argv[:1] == ["--fixed"]
    model, dumps, *ids = argv[fixed:]
    os.makedirs(dumps, exist_ok=True)

    def dump(name, array):
        np.save(os.path.join(dumps, f"{name}.npy"), array)
        return array
    logits = forward(*load(model), [int(number) for number in ids], dump, fixed)
    print(f"next token: {logits[-1].argmax()}")


if __name__ == "__main__":
    main(sys.argv[1:])
