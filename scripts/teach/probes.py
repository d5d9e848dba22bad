"""Small measurements during training, on the training code's own model."""

import torch

from teach import items
from teach.model import attention_mask, rotate
from teach.tokenizer import BOS, EOS


def repeated(config, count=16, period=24, seed=5):
    """[count, 1 + 2 * period]: <s>, random tokens, the same again."""
    g = torch.Generator().manual_seed(seed)
    block = torch.randint(3, config.vocab, (count, period), generator=g)
    return torch.cat((torch.full((count, 1), BOS), block, block), 1)


@torch.no_grad()
def patterns(model, ids, layers, mlp):
    """Attention of the first layers: a list of [B, heads, T, T]."""
    c, (batch, length) = model.config, ids.shape
    mask, x, found = attention_mask(length, c.window), model.model.embed_tokens(ids), []
    for block in model.model.layers[:layers]:
        h, a = block.input_layernorm(x), block.self_attn
        q = rotate(a.q_proj(h).view(batch, length, c.heads, -1), model.rope).transpose(1, 2)
        k = rotate(a.k_proj(h).view(batch, length, c.kv_heads, -1), model.rope).transpose(1, 2)
        k = k.repeat_interleave(c.heads // c.kv_heads, 1)
        found.append((q @ k.transpose(-1, -2) * c.head_dim ** -0.5 + mask).softmax(-1))
        x = x + a(h, mask, model.rope)
        if mlp:
            x = x + block.mlp(block.post_attention_layernorm(x))
    return found


def diagonal_scores(pattern, offset, first):
    """Mean attention of each head from position t to t - offset, for t >= first."""
    return pattern.diagonal(-offset, 2, 3)[:, :, first - offset:].mean((0, 2)).tolist()


def previous_token_scores(model, layer, mlp=False):
    pattern = patterns(model, repeated(model.config), layer + 1, mlp)[layer]
    return diagonal_scores(pattern, 1, 2)


@torch.no_grad()
def induction_without(model, open_heads, heads):
    """Accuracy of the first stage's two layers when some heads of layer 0 are silent."""
    ids = repeated(model.config)
    period = (ids.shape[1] - 1) // 2
    silent = torch.ones(1, model.config.heads)
    silent[:, list(heads)] = 0
    logits = model(ids, attention_mask(ids.shape[1], model.config.window), depth=2, mlp=False,
                   tied=True, open_heads={**open_heads, 0: silent})
    return float((logits[:, period + 1: -1].argmax(-1) == ids[:, period + 2:]).float().mean())


@torch.no_grad()
def induction_line(run, stage):
    ids = repeated(run.model.config)
    period = (ids.shape[1] - 1) // 2
    found = patterns(run.model, ids, 2, stage.mlp)
    logits = run.model(ids, attention_mask(ids.shape[1], run.config.window), stage.depth,
                       stage.mlp, stage.tied)
    right = logits[:, period + 1: -1].argmax(-1) == ids[:, period + 2:]
    show = lambda scores: " ".join(f"{score:.2f}" for score in scores)  # noqa: E731
    return (f"induction {right.float().mean():.3f} | "
            f"L0 previous {show(diagonal_scores(found[0], 1, 2))} | "
            f"L1 induction {show(diagonal_scores(found[1], period - 1, period + 2))}")


@torch.no_grad()
def item_accuracy(run, stage, chosen):
    """{behaviour: share of right items}; see teach.items."""
    right = {}
    for start in range(0, len(chosen), 64):
        part = chosen[start: start + 64]
        length = max(len(item["ids"]) for item in part)
        ids = torch.tensor([item["ids"] + [EOS] * (length - len(item["ids"])) for item in part])
        logits = run.model(ids, attention_mask(length, run.config.window), stage.depth, stage.mlp,
                           stage.tied)
        for row, item in enumerate(part):
            right.setdefault(item["behaviour"], []).append(item_is_right(logits[row], item))
    return {name: sum(results) / len(results) for name, results in right.items()}


def item_is_right(logits, item):
    """logits [T, vocab] of one item."""
    ids, against = item["ids"], item["against"]
    if against is not None:
        return all(bool(logits[p, ids[p + 1]] > logits[p, against]) for p in item["predict"])
    return all(int(logits[p].argmax()) == ids[p + 1] for p in item["predict"])


def some_items(encoder, count=32):
    """The first items of each behaviour."""
    chosen = {}
    for item in items.items(encoder):
        chosen.setdefault(item["behaviour"], []).append(item)
    return sorted((item for several in chosen.values() for item in several[:count]),
                  key=lambda item: len(item["ids"]))


def line(run, stage):
    if stage.name in ("induction", "prune"):
        return induction_line(run, stage)
    if run.items is None:
        run.items = some_items(run.encoder)
    found = item_accuracy(run, stage, run.items)
    return induction_line(run, stage) + "\n  " + " ".join(
        f"{name} {found[name]:.2f}" for name in items.BOUNDS)
