"""One edit made in a Hugging Face model by PyTorch's own means, and every point that follows.

Patched runs the library's code as it is. Points that a module returns or is given are met by
forward hooks; the others where the library computes them: rotations by a wrapped
apply_rotary_pos_emb, the cache by a subclass, norms and attention by a TorchFunctionMode that knows
which call makes which point. At each of these places a tensor is recorded and, where the edit says
so, changed, and the library goes on with it. The recorder (record_hf.py) computes inner points
beside the model instead, and could not edit them.
"""

import collections
import contextlib
import sys

import torch
import transformers
from torch.overrides import TorchFunctionMode

from lib import compare

DIVISIONS = {torch.div, torch.true_divide, torch.Tensor.div, torch.Tensor.true_divide,
             torch.Tensor.__truediv__}
PRODUCTS = {torch.mul, torch.Tensor.mul, torch.Tensor.__mul__, torch.Tensor.__rmul__}
SOFTMAX = {torch.softmax, torch.Tensor.softmax, torch.nn.functional.softmax}
MATMUL = {torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__}

# select and source: {axis: (start, stop)} by absolute position; passes: (first, last or None)
Edit = collections.namedtuple("Edit", "point kind select value source data passes",
                              defaults=({}, None, {}, None, (0, None)))
POSITIONS = ("pos", "q", "kv_pos")


def part(select, axes, shape, pos0):
    """SELECT as slices of a tensor whose first position is POS0; None when nothing of it is there."""
    slices = []
    for axis, size in zip(axes, shape):
        first, last = select.get(axis, (None, None))
        if first is None:
            slices.append(slice(None))
            continue
        base = pos0 if axis in POSITIONS else 0
        first, last = max(first - base, 0), min(last - base, size)
        if first >= last:
            return None
        slices.append(slice(first, last))
    return tuple(slices)


def change(x, edit, axes, pos0):
    """What X becomes: a copy, or X itself where the edit has no part of it."""
    at = part(edit.select, axes, x.shape, pos0)
    if at is None:
        return x
    y = x.clone()
    if edit.kind == "zero":
        y[at] = 0
    elif edit.kind == "set":
        y[at] = edit.value
    elif edit.kind == "scale":
        y[at] = x[at] * edit.value
    elif edit.kind == "add":
        y[at] = x[at] + edit.value
    elif edit.kind == "replace":
        y[at] = torch.from_numpy(edit.data).to(x.dtype).view(y[at].shape)
    elif edit.kind == "copy":
        y[at] = x[part(edit.source, axes, x.shape, pos0)]
    else:
        assert edit.kind == "mean"
        counted = next(i for i, axis in enumerate(axes) if axis in POSITIONS)
        y[at] = x.mean(counted, keepdim=True).expand(x.shape)[at]
    return y


class EditedCache(transformers.DynamicCache):
    """A cache whose new rows are points."""

    def __init__(self, patched):
        super().__init__()
        self.patched = patched

    def update(self, key_states, value_states, layer_idx, cache_kwargs=None):
        """As the library's, and then the rows of this pass are what the edit makes of them."""
        super().update(key_states, value_states, layer_idx, cache_kwargs)
        path, pos0 = f"model.layers.{layer_idx}.self_attn", self.patched.pos0
        for name, rows in (("k_cache", self.key_cache), ("v_cache", self.value_cache)):
            old, fresh = rows[layer_idx][:, :, :pos0], rows[layer_idx][:, :, pos0:]
            rows[layer_idx] = torch.cat(
                [old, self.patched.heads_first(f"{path}:{name}", fresh)], dim=2)
        return self.key_cache[layer_idx], self.value_cache[layer_idx]


class Inside(TorchFunctionMode):
    """Meets what norms and attention compute without a module."""

    def __init__(self, patched):
        super().__init__()
        self.patched = patched
        self.norm = self.attention = None
        self.step = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if self.norm:
            return self._in_norm(func, args, kwargs)
        if self.attention:
            return self._in_attention(func, args, kwargs)
        return func(*args, **kwargs)

    def _point(self, path, name, tensor):
        """The point of a tensor with a batch, without being asked about what that computes."""
        norm, attention = self.norm, self.attention
        self.norm = self.attention = None
        tensor = self.patched.point(f"{path}:{name}", tensor)
        self.norm, self.attention = norm, attention
        return tensor

    def _in_norm(self, func, args, kwargs):
        if func in (torch.rsqrt, torch.Tensor.rsqrt):
            shifted = args[0]
            rms = shifted.sqrt().squeeze(-1)
            edited = self._point(self.norm, "rms", rms)
            self.step = 1
            return func(shifted) if edited is rms else 1 / edited.unsqueeze(-1)
        result = func(*args, **kwargs)
        if func in PRODUCTS and self.step == 1:
            self.step = 2
            return self._point(self.norm, "normed", result)
        return result

    def _in_attention(self, func, args, kwargs):
        if func in SOFTMAX and self.step == 2:
            self.step = 3  # what softmax calls is not looked at
            hidden = args[0].masked_fill(~self.patched.mask, float("-inf"))
            edited = self._point(self.attention, "scores_masked", hidden)
            given = args[0] if edited is hidden else edited
            return self._point(self.attention, "pattern", func(given, *args[1:], **kwargs))
        result = func(*args, **kwargs)
        if func in MATMUL and self.step == 0:
            self.step = 1
        elif func in DIVISIONS and self.step == 1:
            self.step = 2
            return self._point(self.attention, "scores", result)
        return result


class Patched:
    """A model with at most one edit; values[(point, pass)] is what run() has met."""

    def __init__(self, model, edit=None):
        self.model, self.edit = model, edit
        self.code = sys.modules[type(model).__module__]
        is_mistral = model.config.model_type == "mistral"
        self.window = getattr(model.config, "sliding_window", None) if is_mistral else None
        self.head_dim = model.model.layers[0].self_attn.head_dim
        self.values, self.logits = {}, []
        self.inside = Inside(self)
        self.layer = 0

    def point(self, fqn, tensor):
        """Record one tensor with its batch of one; returns it, or what the edit makes of it."""
        edit = self.edit
        if edit and fqn == edit.point and edit.passes[0] <= self.idx and (
                edit.passes[1] is None or self.idx <= edit.passes[1]):
            tensor = change(tensor[0], edit, compare.axes_of(fqn), self.pos0)[None]
        self.values[fqn, self.idx] = tensor[0].numpy().copy()
        return tensor

    def heads_first(self, fqn, tensor):
        """The same of [1, heads, positions, d_head]."""
        return self.point(fqn, tensor.transpose(1, 2)).transpose(1, 2)

    def by_heads(self, fqn, tensor):
        """The same of [1, positions, heads * d_head]."""
        shape = (*tensor.shape[:2], -1, self.head_dim)
        return self.point(fqn, tensor.view(shape)).reshape(tensor.shape)

    def _before(self, path):
        parent, _, name = path.rpartition(".")

        def hook(module, args):
            if name == "post_attention_layernorm":
                # The sum goes two ways: into the norm, and around the MLP.
                args[0].copy_(self.point(f"{parent}:resid_mid", args[0]))
            if hasattr(module, "variance_epsilon"):
                self.inside.norm, self.inside.step = path, 0
            if name == "down_proj":
                return (self.point(f"{parent}:act_mul", args[0]), *args[1:])
            if name == "o_proj":
                self.inside.attention = None
                return (self.by_heads(f"{parent}:z", args[0]), *args[1:])
            return None

        return hook

    def _after(self, path):
        name = path.rpartition(".")[2]

        def hook(module, _args, output):
            if hasattr(module, "variance_epsilon"):
                self.inside.norm = None
            if name == "rotary_emb":
                return tuple(self.point(f"model.rotary_emb:{which}", angles)
                             for which, angles in zip(("cos", "sin"), output))
            if name in ("q_proj", "k_proj", "v_proj"):
                self.layer = int(path.split(".")[2])
                return self.by_heads(f"{path}:out", output)
            if name in ("model", "self_attn", "mlp"):
                return None
            if isinstance(output, tuple):
                return (self.point(f"{path}:out", output[0]), *output[1:])
            return self.point(f"{path}:out", output)

        return hook

    def _rotate(self, q, k, *args, **kwargs):
        """apply_rotary_pos_emb(), and behind it the attention's own arithmetic begins."""
        path = f"model.layers.{self.layer}.self_attn"
        q, k = self.original(q, k, *args, **kwargs)
        q, k = self.heads_first(f"{path}:q_rot", q), self.heads_first(f"{path}:k_rot", k)
        self.inside.attention, self.inside.step = path, 0
        return q, k

    @contextlib.contextmanager
    def _attached(self):
        handles = []
        for path, module in self.model.named_modules():
            if path:
                handles.append(module.register_forward_pre_hook(self._before(path)))
                handles.append(module.register_forward_hook(self._after(path)))
        self.original, self.code.apply_rotary_pos_emb = self.code.apply_rotary_pos_emb, self._rotate
        try:
            yield
        finally:
            self.code.apply_rotary_pos_emb = self.original
            for handle in handles:
                handle.remove()

    @torch.no_grad()
    def run(self, passes, widest=contextlib.nullcontext):
        """Run the lists of tokens PASSES one after the other; returns values."""
        cache, self.pos0 = EditedCache(self), 0
        with self._attached():
            for self.idx, ids in enumerate(passes):
                end = self.pos0 + len(ids)
                i, k = torch.arange(self.pos0, end)[:, None], torch.arange(end)[None, :]
                self.mask = (k <= i) if self.window is None else (k <= i) & (k > i - self.window)
                with widest(), self.inside:
                    self.model(input_ids=torch.tensor([ids]), past_key_values=cache, use_cache=True)
                self.pos0 = end
        return self.values


@contextlib.contextmanager
def edited_weight(model, name, edit, dtype):
    """The weight NAME of the model as the edit makes it in the checkpoint's DTYPE, for a while."""
    weight = model.get_parameter(name)
    axes = ("row", "col")[2 - weight.dim() :]
    before = weight.data
    weight.data = change(before.to(dtype), edit, axes, 0).to(before.dtype)
    try:
        yield
    finally:
        weight.data = before
