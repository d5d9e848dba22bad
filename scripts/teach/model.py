"""Mistral's forward pass in plain PyTorch, for training on a CPU.

The same mathematics and the same parameter names as transformers' MistralForCausalLM, so that the
state dict is the checkpoint.  What differs is only speed: no cache, no generality, and blocks that
have not yet joined the training are not computed.
"""

import dataclasses

import torch
from torch import nn
from torch.nn import functional


@dataclasses.dataclass(frozen=True)
class Config:
    vocab: int = 1328
    width: int = 128
    layers: int = 5
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 32
    ffn: int = 320
    window: int = 64
    context: int = 192
    theta: float = 1e4
    eps: float = 1e-5

    def hugging_face(self):
        """The config.json of this model."""
        return {
            "architectures": ["MistralForCausalLM"],
            "model_type": "mistral",
            "_name_or_path": "torchless/teaching-model",
            "vocab_size": self.vocab,
            "hidden_size": self.width,
            "intermediate_size": self.ffn,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head_dim,
            "hidden_act": "silu",
            "max_position_embeddings": self.context,
            "sliding_window": self.window,
            "rope_theta": self.theta,
            "rms_norm_eps": self.eps,
            "initializer_range": 0.02,
            "attention_dropout": 0.0,
            "tie_word_embeddings": False,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "torch_dtype": "bfloat16",
            "use_cache": True,
        }


class RMSNorm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = c = config
        self.q_proj = nn.Linear(c.width, c.heads * c.head_dim, bias=False)
        self.k_proj = nn.Linear(c.width, c.kv_heads * c.head_dim, bias=False)
        self.v_proj = nn.Linear(c.width, c.kv_heads * c.head_dim, bias=False)
        self.o_proj = nn.Linear(c.heads * c.head_dim, c.width, bias=False)

    def forward(self, x, mask, rope, open_heads=None):
        """x [B, T, width]; mask [B or 1, 1, T, T], 0 or a large negative number; open_heads is
        [1 or B, heads] of 0 and 1, or None for all."""
        c, (batch, length, _) = self.config, x.shape
        group = c.heads // c.kv_heads
        q = rotate(self.q_proj(x).view(batch, length, c.heads, c.head_dim), rope)
        k = rotate(self.k_proj(x).view(batch, length, c.kv_heads, c.head_dim), rope)
        v = self.v_proj(x).view(batch, length, c.kv_heads, c.head_dim).transpose(1, 2)
        # The query heads of a group share keys and values: lay them one below the other, so that
        # one matrix product serves the group.
        q = q.view(batch, length, c.kv_heads, group, c.head_dim).permute(0, 2, 3, 1, 4)
        q = q.reshape(batch, c.kv_heads, group * length, c.head_dim) * c.head_dim ** -0.5
        scores = q @ k.permute(0, 2, 3, 1)
        scores = scores.view(batch, c.heads, length, length) + mask
        pattern = scores.softmax(-1).view(batch, c.kv_heads, group * length, length)
        z = (pattern @ v).view(batch, c.heads, length, c.head_dim).transpose(1, 2)
        if open_heads is not None:
            z = z * open_heads[:, None, :, None]
        return self.o_proj(z.reshape(batch, length, c.heads * c.head_dim))


class MLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.gate_proj = nn.Linear(config.width, config.ffn, bias=False)
        self.up_proj = nn.Linear(config.width, config.ffn, bias=False)
        self.down_proj = nn.Linear(config.ffn, config.width, bias=False)

    def forward(self, x):
        return self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.self_attn = Attention(config)
        self.mlp = MLP(config)
        self.input_layernorm = RMSNorm(config.width, config.eps)
        self.post_attention_layernorm = RMSNorm(config.width, config.eps)


class Body(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab, config.width)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = RMSNorm(config.width, config.eps)


class Model(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.model = Body(config)
        self.lm_head = nn.Linear(config.width, config.vocab, bias=False)
        self.rope = rope_table(config)

    def forward(self, ids, mask, depth=None, mlp=True, tied=False, open_heads=None):
        """Logits [B, T, vocab].  depth: how many blocks take part; mlp=False: attention only;
        tied: the embedding is also the head; open_heads: {layer: [1 or B, heads]}, 1 where a head may speak."""
        body = self.model
        x = body.embed_tokens(ids)
        for number, block in enumerate(body.layers[:depth]):
            heads = (open_heads or {}).get(number)
            x = x + block.self_attn(block.input_layernorm(x), mask, self.rope, heads)
            if mlp:
                x = x + block.mlp(block.post_attention_layernorm(x))
        head = body.embed_tokens.weight if tied else self.lm_head.weight
        return functional.linear(body.norm(x), head)


def rope_table(config, length=512):
    """cos and sin [length, 1, head_dim]: pair i turns by position * theta**(-2i / head_dim)."""
    half = torch.arange(0, config.head_dim, 2, dtype=torch.float32) / config.head_dim
    angles = torch.arange(length, dtype=torch.float32)[:, None] * config.theta ** -half
    angles = torch.cat((angles, angles), -1)[:, None, :]
    return angles.cos(), angles.sin()


def rotate(x, rope):
    """RoPE on x [B, T, heads, head_dim]; pairs are (i, i + head_dim / 2)."""
    cos, sin = (table[: x.shape[1]] for table in rope)
    low, high = x.chunk(2, -1)
    return x * cos + torch.cat((-high, low), -1) * sin


def attention_mask(length, window, documents=None):
    """[B or 1, 1, T, T]: 0 where a query may look, else -1e9.  A query sees itself and the
    window - 1 positions before it; with documents [B, T] (numbers), only its own document."""
    distance = torch.arange(length)[:, None] - torch.arange(length)[None, :]
    allowed = ((distance >= 0) & (distance < window))[None, None]
    if documents is not None:
        allowed = allowed & (documents[:, None, :, None] == documents[:, None, None, :])
    return torch.zeros(allowed.shape).masked_fill(~allowed, -1e9)


def parameter_count(config):
    return sum(p.numel() for p in Model(config).parameters())
