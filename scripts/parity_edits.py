#!/usr/bin/env python3
"""Holds edits against Hugging Face: each kind at each point, made by a hook there, by a recipe here.

    scripts/parity_edits.py            all models
    scripts/parity_edits.py --quick    a random one and lessons/model, for continuous integration

One edit at a time: Hugging Face's own code runs with it (lib/hf_edits.py), over a prompt and one
decoded token; torchless runs `trace --edits` over the same tokens. Every point of every layer must
be equal within the tolerances of scripts/parity.py, the edited one and all that follow. A case that
float32 itself does not tell is measured against its own float64. parity_suite.py runs this too.
Exit status: 0 all equal, 1 not, 3 something is missing.
"""

import argparse
import base64
import collections
import contextlib
import io
import itertools
import json
import os
import shutil
import sys
import time

from lib.files import ROOT, BadInput, EnvironmentProblem, need, run_main

np, torch, transformers = need("numpy", "torch", "transformers", kind="reference")

import make_checkpoint  # noqa: E402
import record_hf  # noqa: E402
from lib import compare, points  # noqa: E402
from lib.hf_edits import Edit, Patched, edited_weight  # noqa: E402
from read_trace import arrays  # noqa: E402

WORK = os.path.join(ROOT, "build", "parity-edits")
KINDS = ("zero", "set", "scale", "add", "mean", "replace", "copy")
N_PROMPT = 11
# A weight of each module that has one, as the checkpoint calls it.
WEIGHTS = ("model.embed_tokens.weight", *(f"model.layers.*.{name}.weight" for name in (
    "input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
    "self_attn.o_proj", "post_attention_layernorm", "mlp.gate_proj", "mlp.up_proj",
    "mlp.down_proj")), "model.norm.weight", "lm_head.weight")
WEIGHT_KINDS = ("zero", "set", "scale", "add", "replace", "copy")

# What cannot be compared, or not everywhere, and why.
LEFT_OUT = (
    ("zero", "`*:rms`", "what is divided by 0 is no number on either side"),
    ("mean, copy between queries", "`*:scores`, `*:scores_masked`",
     "Hugging Face computes scores that the mask then removes, torchless never does: the mean is "
     "taken of key 0, which all queries see, the copy between heads"),
    ("mean", "`*:scores`, `*:scores_masked` with a window", "no key is seen by every query"),
    ("mean", "weights", "they have no positions"),
    ("all", "weights of f16 and bf16",
     "compared, rounded to the checkpoint's type on both sides, as a hook on such a model would"),
    ("hooks (EDIT_COMPUTE)", "all", "a function makes numbers, which then replace others: `replace`"),
)


class Failed(Exception):
    """An edit whose values differ: one sentence."""


# name, directory or preset, layers to edit (None: all), and each how many-eth edit
Model = collections.namedtuple("Model", "name source layers stride", defaults=(1,))
QUICK = (Model("gqa-odd", "gqa-odd", (1,), 2),
         Model("teaching", os.path.join(ROOT, "lessons", "model"), (3,), 3))
RANDOM = (Model("gqa-odd", "gqa-odd", None), Model("window", "window", (1,)),
          Model("tied", "tied", (0,)), Model("bf16", "bf16", (2,)), Model("mqa", "mqa", (1,)))


# ---- the edits --------------------------------------------------------------------------------


def numbers(*shape):
    """Some numbers, the same each time."""
    return np.random.default_rng(7).normal(0.3, 0.8, shape).astype(np.float32)


def of_rows(fqn, axes, sizes):
    """The edits of a value whose first axis is positions: a part of it, or all of it."""
    width = {axis: sizes[axis] for axis in axes[1:]}
    some = {axes[-1]: (0, (width[axes[-1]] + 1) // 2)} if width else {axes[0]: (2, 5)}
    at = lambda *range_: {axes[0]: range_}
    if not fqn.endswith(":rms"):
        yield Edit(fqn, "zero", some)
    yield Edit(fqn, "set", at(2, 3), 0.375)
    yield Edit(fqn, "scale", {}, 1.5)
    yield Edit(fqn, "add", {}, 0.25, passes=(1, None))
    yield Edit(fqn, "mean", some if width else {}, passes=(0, 0))
    yield Edit(fqn, "replace", at(1, 3), data=np.abs(numbers(2, *width.values())))
    yield Edit(fqn, "copy", at(5, 7), source=at(2, 4), passes=(0, 0))


def of_relation(fqn, window):
    """The edits of scores, masked scores, and pattern."""
    is_pattern = fqn.endswith(":pattern")
    yield Edit(fqn, "zero", {"head": (1, 2), "k": (0, 2)})
    yield Edit(fqn, "set", {"head": (0, 1), "q": (3, 4)}, 0.375)
    yield Edit(fqn, "scale", {}, 1.5)
    yield Edit(fqn, "add", {"head": (0, 2)}, 0.25, passes=(1, None))
    if is_pattern:
        yield Edit(fqn, "mean", {"head": (1, 2)})
    elif window is None or window >= N_PROMPT + 1:
        yield Edit(fqn, "mean", {"k": (0, 1)})
    yield Edit(fqn, "replace", {"head": (1, 2), "q": (4, 5), "k": (0, 3)}, data=numbers(1, 1, 3))
    yield Edit(fqn, "copy", {"head": (1, 2)}, source={"head": (0, 1)})
    if is_pattern:
        yield Edit(fqn, "copy", {"q": (6, 7)}, source={"q": (5, 6)}, passes=(0, 0))


def of_weight(name, shape):
    """The edits of a weight."""
    axes = ("row", "col")[2 - len(shape) :]
    first, last = axes[0], axes[-1]
    yield Edit(name, "zero", {last: (0, (shape[-1] + 1) // 2)})
    yield Edit(name, "set", {first: (2, 3)}, 0.375)
    yield Edit(name, "scale", {}, 1.5)
    yield Edit(name, "add", {first: (0, 4)}, 0.25)
    yield Edit(name, "replace", {first: (1, 3)}, data=numbers(2, *shape[1:]))
    yield Edit(name, "copy", {first: (5, 7)}, source={first: (2, 4)})


def bracket(select):
    """{axis: (first, last)} as torchless writes it."""
    ranges = (f"{axis}={first}" if last == first + 1 else f"{axis}={first}:{last}"
              for axis, (first, last) in select.items())
    return f"[{', '.join(ranges)}]" if select else ""


def recipe(edit):
    """The edit as a line of a recipe."""
    line = {"point": edit.point, "kind": edit.kind}
    if edit.select:
        line["select"] = bracket(edit.select)
    if edit.value is not None:
        line["value"] = edit.value
    if edit.kind == "copy":
        line["from"] = bracket(edit.source)
    if edit.data is not None:
        text = base64.b64encode(edit.data.astype("<f4").tobytes()).decode()
        line["data"] = {"shape": list(edit.data.shape), "f32": text}
    if edit.passes != (0, None):
        line["passes"] = list(edit.passes)
    return line


# ---- comparing --------------------------------------------------------------------------------


class Subject:
    """A model on both sides, and the tokens it reads."""

    def __init__(self, engine, name, directory):
        self.engine, self.name, self.directory = engine, name, directory
        self.model = record_hf.load(directory)
        self.wide = None  # made when it is needed
        config = self.model.config
        self.dtype = config.torch_dtype  # of the checkpoint: an edited weight stays of that type
        ids = np.random.default_rng(len(name)).integers(4, config.vocab_size, N_PROMPT + 1).tolist()
        self.passes = [[config.bos_token_id or 1, *ids[1:N_PROMPT]], ids[N_PROMPT:]]
        self.n_layers = config.num_hidden_layers
        plain = Patched(self.model)
        self.sizes = {fqn: array.shape for (fqn, idx), array in plain.run(self.passes).items()
                      if idx == 0}
        self.window = plain.window

    def edits(self, layers):
        """All edits of points, then of weights; of layered ones in LAYERS."""
        for fqn, shape in self.sizes.items():
            if fqn.startswith("model.layers.") and int(fqn.replace(":", ".").split(".")[2]) not in layers:
                continue
            axes = compare.axes_of(fqn)
            yield from (of_relation(fqn, self.window) if axes[0] == "head" else
                        of_rows(fqn, axes, dict(zip(axes, shape))))
        tied = self.model.config.tie_word_embeddings
        for pattern in WEIGHTS:
            for layer in layers if "*" in pattern else layers[:1]:
                name = pattern.replace("*", str(layer))
                if not (tied and name == "lm_head.weight"):
                    yield from of_weight(name, self.model.get_parameter(name).shape)

    def theirs(self, edit, model, widest=contextlib.nullcontext):
        """Hugging Face's values."""
        if not edit.point.endswith(".weight"):
            return Patched(model, edit).run(self.passes, widest)
        with edited_weight(model, edit.point, edit, self.dtype):
            return Patched(model).run(self.passes, widest)

    def truth(self, edit):
        """The same in float64: what float32 costs."""
        if self.wide is None:
            self.wide = record_hf.widened(self.model)
        return self.theirs(edit, self.wide, record_hf.Widest)

    def ours(self, edit):
        """torchless's values."""
        place = os.path.join(WORK, self.name)
        os.makedirs(place, exist_ok=True)
        file, out = os.path.join(place, "edit.jsonl"), os.path.join(place, "edit.db")
        force = {"kind": "force", "pos": N_PROMPT, "id": self.passes[1][0]}
        with open(file, "w", encoding="utf-8") as stream:
            stream.writelines(json.dumps(line) + "\n" for line in (recipe(edit), force))
        with contextlib.suppress(FileNotFoundError):
            os.remove(out)
        self.engine.trace(self.directory, out, self.passes[0], 2, ("-q", "--edits", file))
        return {(fqn, idx): array for fqn, idx, _, array in arrays(out)}

    def compared(self, fqn, idx, shape):
        """Scores that the mask removes are numbers there and -inf here: left out."""
        if not fqn.endswith(":scores"):
            return None
        first = idx * N_PROMPT
        i, k = np.arange(first, first + shape[1])[:, None], np.arange(shape[2])[None, :]
        return np.broadcast_to((k <= i) & (k > i - (self.window or shape[2])), shape)

    def check(self, edit):
        """NMSE of the worst value; Failed where one differs."""
        theirs, ours, truth, worst = self.theirs(edit, self.model), self.ours(edit), None, 0.0
        if theirs.keys() != ours.keys():
            raise Failed(f"other points: {sorted(theirs.keys() ^ ours.keys())[:3]}")
        for (fqn, idx), a in theirs.items():
            b = ours[fqn, idx]
            if a.shape != b.shape:
                raise Failed(f"{fqn} pass {idx}: shape {list(b.shape)}, not {list(a.shape)}")
            first = idx * N_PROMPT
            place = compare.Place(fqn, idx, first, first + a.shape[compare.position_axis(fqn)])
            compared = self.compared(fqn, idx, a.shape)
            measure = compare.Measure(place, a, b, compared)
            if measure.problem():
                truth = truth or self.truth(edit)
                floor = compare.Measure(place, truth[fqn, idx], a, compared)
                if problem := measure.problem(floor):
                    raise Failed(f"{fqn} pass {idx} [{measure.where()}]: {problem}; "
                                 f"Hugging Face {measure.a:.8g}, torchless {measure.b:.8g}")
            worst = max(worst, measure.nmse)
        return worst


# ---- all of them ------------------------------------------------------------------------------

# edits of one kind at one kind of point, and the worst NMSE
Cell = collections.namedtuple("Cell", "n worst")


class Edits:
    """Runs models and keeps their results: cells[(kind of point, kind of edit)]."""

    def __init__(self, engine, say):
        self.engine, self.say = engine, say
        self.cells, self.failed, self.names = {}, [], []

    def run(self, model):
        """Every edit of one model."""
        begin, n, directory = time.monotonic(), 0, model.source
        if not os.path.isabs(directory):
            directory = os.path.join(WORK, "checkpoints", model.source)
            with contextlib.redirect_stderr(io.StringIO()):
                make_checkpoint.main(["--preset", model.source, "-q", "-o", directory])
        subject = Subject(self.engine, model.name, directory)
        self.names.append(model.name)
        torch.set_num_threads(1)  # small matrices, and two programs take turns
        layers = model.layers or tuple(range(subject.n_layers))
        for edit in itertools.islice(subject.edits(layers), 0, None, model.stride):
            n += 1
            try:
                self._add(edit, subject.check(edit))
            except (Failed, BadInput) as problem:
                self.failed.append(f"{model.name}: {json.dumps(recipe(edit))[:200]}: {problem}")
                self.say(f"FAILED {self.failed[-1]}")
        shutil.rmtree(os.path.join(WORK, model.name))
        self.say(f"{model.name:<14}{n:4} edits   {time.monotonic() - begin:5.1f} s")

    def _add(self, edit, worst):
        key = points.kind_of(edit.point), edit.kind
        cell = self.cells.get(key, Cell(0, 0.0))
        self.cells[key] = Cell(cell.n + 1, max(cell.worst, worst))

    @property
    def n(self):
        """Edits that held or failed."""
        return sum(cell.n for cell in self.cells.values()) + len(self.failed)

    def lines(self):
        """The tables, as Markdown."""
        kinds = {kind: None for kind, _ in self.cells}
        yield f"| point or weight | {' | '.join(KINDS)} |"
        yield f"| --- |{' ---: |' * len(KINDS)}"
        for kind in kinds:
            cells = (self.cells.get((kind, which)) for which in KINDS)
            short = kind.removeprefix("model.")
            yield f"| `{short}` | " + " | ".join(
                f"{cell.worst:.1e}" if cell else "–" for cell in cells) + " |"

    def document(self):
        """What docs/parity.md says of edits."""
        return [
            "## By edit", "",
            f"{self.n:,} edits, one at a time, of {', '.join(self.names)}: made by a hook or a patched "
            "function in Hugging Face's own", "code, and by `trace --edits` here. Every point of a "
            "prompt and a decoded token is compared; the worst NMSE:", "",
            *self.lines(), "",
            "What is not compared, or not everywhere:", "",
            "| edit | where | why |", "| --- | --- | --- |",
            *(f"| {kind} | {where} | {why} |" for kind, where, why in LEFT_OUT), "",
        ]


def models_of(quick, smollm2):
    """What to run."""
    if quick:
        return QUICK
    return (*RANDOM, QUICK[1]._replace(layers=None, stride=1), Model("smollm2", smollm2, (12,)))


def parse(argv):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--quick", action="store_true", help="two models, one layer of each")
    add("--only", metavar="MODEL", action="append", help="run this model (may be repeated)")
    add("--torchless", metavar="FILE", default=os.path.join(ROOT, "torchless"))
    add("-m", "--model", metavar="DIR", default=os.path.join(ROOT, "models", "smollm2-135m"),
        help="in the place of models/smollm2-135m")
    return parser.parse_args(argv)


def main(argv):
    """Run all edits."""
    import parity_suite  # which runs this too

    args = parse(argv)
    edits = Edits(parity_suite.Engine(args.torchless),
                  lambda text: print(text, file=sys.stderr, flush=True))
    models = models_of(args.quick, os.path.abspath(args.model))
    for model in models:
        if args.only and model.name not in args.only:
            continue
        if os.path.isabs(model.source) and not os.path.isdir(model.source):
            raise EnvironmentProblem(f"{model.source}: is not there: run scripts/fetch-smollm2")
        edits.run(model)
    print("\n".join(edits.lines()))
    return 1 if edits.failed else 0


if __name__ == "__main__":
    run_main(main)
