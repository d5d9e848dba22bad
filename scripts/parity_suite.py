#!/usr/bin/env python3
"""Holds torchless against Hugging Face: checkpoints that are nasty on purpose, and trained ones.

    scripts/parity_suite.py            all cases
    scripts/parity_suite.py --quick    the same with shorter prompts, for continuous integration
    scripts/parity_suite.py --write docs/parity.md      (only when all are equal)

Each case records Hugging Face in float32 and in float64 (scripts/record_hf.py), torchless
(torchless trace --capture '*') with each set of kernels that the machine has, and compares every point of prefill and decode (scripts/parity.py).
The trained models, lessons/model and SmolLM2, also have to continue each prompt with the very text
that Hugging Face generates. Cases with --fast have tolerances of their own. What a failed case
recorded stays in build/parity. Then edits are held
against PyTorch's hooks (scripts/parity_edits.py); `--only edits` runs them alone.
Exit status: 0 all equal, 1 not, 3 something is missing.
"""

import argparse
import collections
import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time

from lib.files import ROOT, BadInput, EnvironmentProblem, need, run_main

np, torch, transformers = need("numpy", "torch", "transformers", kind="reference")

import import_gguf  # noqa: E402
import make_checkpoint  # noqa: E402
import parity  # noqa: E402
import parity_edits  # noqa: E402
import quantize  # noqa: E402
import record_hf  # noqa: E402
from lib import compare  # noqa: E402

WORK = os.path.join(ROOT, "build", "parity")
TEACHING = os.path.join(ROOT, "lessons", "model")
SMOLLM2 = os.path.join(ROOT, "models", "smollm2-135m")
N_GREEDY = 64
# With --fast: what a product may be off by, given what it multiplied, by what it rounds to; and
# what may come of all of them, and of the cache in f16, at the logits.
FAST_LOCAL = {"int16": 1e-7, "f32": 1e-9}
FAST_NMSE, FAST_KL = 1e-4, 1e-3
# A random model may draw its end token, which ends both; before this many a case shows too little.
N_LEAST = 3

# name, preset or prompt, what torchless is told besides, what it shows; of a random model also how
# many tokens the prompt has and how many follow, and options of make_checkpoint.py.
Case = collections.namedtuple("Case", "name preset options about length n make",
                              defaults=(37, 9, ()))
RANDOM = [
    Case("plain", "plain", (), "two key-value heads of four"),
    Case("gqa-odd", "gqa-odd", (), "odd sizes: vector tails; three groups of two heads"),
    Case("mqa", "mqa", (), "one key-value head"),
    Case("window", "window", (), "a sliding window of 5, shorter than the prompt"),
    Case("window-chunk", "window", ("--chunk", "4"), "that window, read four positions a pass"),
    Case("one-by-one", "gqa-odd", ("--chunk", "1"), "one position a pass"),
    Case("head-dim", "head-dim", (), "head_dim is not hidden / heads"),
    Case("tied", "tied", (), "Llama, the embedding is the output matrix"),
    Case("untied", "untied", (), "Llama, a matrix of its own"),
    Case("f16", "f16", (), "weights in f16"),
    Case("bf16", "bf16", (), "weights in bf16"),
    Case("shards", "shards", (), "three files"),
    Case("tiny-norm", "tiny-norm", (), "activations of 1e-3 and one token of zeros: eps decides"),
    Case("big-logits", "big-logits", (), "scores and logits near 100"),
    Case("llama3-rope", "llama3-rope", (), "rope_scaling llama3"),
    Case("linear-rope", "linear-rope", (), "rope_scaling linear"),
    Case("nested-theta", "nested-theta", (), "rope_theta inside rope_parameters"),
]
# Lengths where a window, a ring or a pass of one token turns wrong; not in --quick.
LENGTHS = [
    Case("prompt-1", "window", (), "a prompt of one token", 1),
    Case("prompt-2", "window", (), "of two", 2),
    Case("prompt-W", "window", (), "as long as the window of 5", 5),
    Case("prompt-W+1", "window", (), "one longer", 6),
    Case("prompt-3W", "window", (), "three windows", 15),
    Case("ring-far", "window", ("--chunk", "3"), "decode far past the window", 7, 60),
    Case("window-64", "window", (), "a window of 64", 200, 9, ("--window", "64")),
    Case("window-64-chunk", "window", ("--chunk", "48"), "that window, in passes of 48", 200, 9,
         ("--window", "64")),
]
# A GGUF file in blocks, held against the checkpoint in f32 that it dequantises to.
PACKED = [
    Case("q8_0", "plain", (), "GGUF, weights in Q8_0", make=("--hidden", "64", "--ffn", "128")),
    Case("q4_0", "plain", (), "GGUF, weights in Q4_0", make=("--hidden", "64", "--ffn", "128")),
]
# What is rounded on purpose, in every run.
FAST = ("--fast",)
FAST_RANDOM = [
    Case("fast-f16", "f16", FAST, "weights in f16: only the cache is rounded"),
    Case("fast-bf16", "bf16", FAST, "weights in bf16"),
]
FAST_PACKED = [
    Case("fast-q8_0", "plain", FAST, "GGUF, weights in Q8_0", make=("--hidden", "64", "--ffn", "128")),
    Case("fast-q4_0", "plain", FAST, "GGUF, weights in Q4_0", make=("--hidden", "64", "--ffn", "128")),
]
FAST_OF_TEACHING = [
    Case("fast-lookup", "Lily put the ball in the box. Tom asked where the ball was. Lily said it was",
         FAST, "lessons/model, bf16"),
]
FAST_OF_SMOLLM2 = [Case("fast-capital", "The capital of France is", FAST, "SmolLM2, f16")]
# Mistral 7B's width with two layers, 1.2 GB each; not in --quick.
WIDE = [
    Case("width-7b", "mistral-7b-4-layers", (), "Mistral 7B's width and window, two layers", 37, 5,
         ("--layers", "2")),
    Case("width-7b-64", "mistral-7b-4-layers", (), "that width, a window of 64", 200, 4,
         ("--layers", "2", "--window", "64")),
]
FIVE_PLACES = "".join(
    f"{who} put the {thing} {where}. " for who, thing, where in (
        ("Lily", "ball", "in the box"), ("Tom", "key", "under the bed"),
        ("Anna", "map", "behind the door"), ("Ben", "cup", "on the table"),
        ("Mary", "pen", "near the tree")))
OF_TEACHING = [
    Case("story-small", "Once upon a time", (), "lessons/model, a story"),
    Case("lookup", "Lily put the ball in the box. Tom asked where the ball was. Lily said it was in",
         (), "lessons/model, where something is"),
    Case("window-passed", f"{FIVE_PLACES * 2}Tom", (), "lessons/model, beyond its window"),
    Case("window-chunks", f"{FIVE_PLACES * 2}Tom", ("--chunk", "16"), "the same, 16 positions a pass"),
    Case("bytes", "The sign says ûγë. Jack looked at the sign. The secret word is Xqzv. Tom wrote",
         (), "lessons/model, letters spelled in bytes and a rare word"),
]
OF_SMOLLM2 = [
    Case("capital", "The capital of France is", (), "SmolLM2, a fact"),
    Case("code", "def fibonacci(n):\n    \"\"\"The n-th Fibonacci number.\"\"\"\n    if n < 2:\n",
         (), "SmolLM2, code"),
    Case("story", "Once upon a time, in a small village near the sea, there lived an old fisherman "
         "called José. Every morning he", (), "SmolLM2, prose"),
]
# The rest of ten; not in --quick.
MORE_OF_SMOLLM2 = [
    Case("letter", "Dear Sir or Madam,\n\nI am writing to", (), "SmolLM2, a letter"),
    Case("sum", "Q: What is 17 + 25?\nA:", (), "SmolLM2, digits"),
    Case("list", "The planets of the solar system are:\n1. Mercury\n2.", (), "SmolLM2, a list"),
    Case("french", "Il était une fois une petite fille qui s'appelait", (), "SmolLM2, French"),
    Case("json", '{"name": "Ada Lovelace", "born": 1815, "field":', (), "SmolLM2, JSON"),
    Case("emoji", "I love 🦙 and 🍕 because they are", (), "SmolLM2, bytes of several pieces"),
    Case("repeat", "one two three one two three one two", (), "SmolLM2, a repetition"),
]


class Failed(Exception):
    """A case that came to no comparison: one sentence."""


# n_text tokens of greedy text were compared; text says how they differ, or is None
Result = collections.namedtuple("Result", "case n_prompt n_decode comparison n_text text")


# As Result, of a case with --fast: what weights of each type are multiplied with, the worst product
# by itself, and what came of all at the logits.
FastResult = collections.namedtuple("FastResult", "case n_prompt n_decode times local nmse logits")

# What a product's module reads.
PRODUCTS = {"self_attn.q_proj": "input_layernorm:out", "self_attn.k_proj": "input_layernorm:out",
            "self_attn.v_proj": "input_layernorm:out", "self_attn.o_proj": "self_attn:z",
            "mlp.gate_proj": "post_attention_layernorm:out",
            "mlp.up_proj": "post_attention_layernorm:out", "mlp.down_proj": "mlp:act_mul"}


def product_input(fqn):
    """The point that the product FQN reads; None: it is no product."""
    if fqn == "lm_head:out":
        return "model.norm:out"
    match = re.fullmatch(r"(model\.layers\.\d+)\.(.+):out", fqn)
    return f"{match[1]}.{PRODUCTS[match[2]]}" if match and match[2] in PRODUCTS else None


def local_errors(side, model):
    """NMSE of each product of a recording at its worst position, given what it multiplied."""
    for place in side.order:
        point = product_input(place.fqn)
        if point is None:
            continue
        x, y = (side.rows(place._replace(fqn=name)) for name in (point, place.fqn))
        weight = model.get_submodule(place.fqn.removesuffix(":out")).weight.detach().numpy()
        want = x.reshape(len(x), -1).astype(np.float64) @ weight.astype(np.float64).T
        error = ((y.reshape(want.shape) - want) ** 2).sum(axis=1)
        size = (want**2).sum(axis=1)
        yield float(np.where(error == 0, 0.0, error / np.maximum(size, 1e-300)).max())


def logits_error(reference, candidate, limit):
    """NMSE of the logits of all positions before LIMIT together."""
    error = size = 0.0
    for place in reference.order:
        place = place._replace(last=min(place.last, limit))
        if place.fqn != "lm_head:out" or place.first >= place.last:
            continue
        a, b = (side.rows(place).astype(np.float64) for side in (reference, candidate))
        error, size = error + ((a - b) ** 2).sum(), size + (a * a).sum()
    return float(error / size)


class Engine:
    """The torchless that is held against Hugging Face."""

    def __init__(self, path):
        self.path = path
        if not os.access(path, os.X_OK):
            raise EnvironmentProblem(f"{path}: is not there: build it with make")

    def kernels(self):
        """The sets of kernels of this machine, the one that is used by itself first."""
        told = json.loads(self.run("info", "--json"))
        return [told["kernels"], *(name for name in told["kernels_available"].split()
                                   if name != told["kernels"])]

    def run(self, *args, kernels=None):
        """stdout of one command, as bytes; a failure is a sentence."""
        env = {**os.environ, **({"TORCHLESS_KERNELS": kernels} if kernels else {})}
        done = subprocess.run([self.path, *args], capture_output=True, check=False, env=env)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            command = " ".join(args)
            raise Failed(f"torchless {command}: exit {done.returncode}: {' '.join(said[-1:])}")
        return done.stdout

    def trace(self, directory, out, ids, n, options, kernels=None):
        """Record IDS and N generated tokens with every value."""
        self.run("trace", "-m", directory, "-o", out, "-n", str(n), "--prompt-ids",
                 "--capture", "*", *options, " ".join(map(str, ids)), kernels=kernels)


def prompt_of(vocab, length, seed):
    """Token ids for a random checkpoint: no specials but BOS, the token of zeros, a repetition."""
    ids = np.random.default_rng(seed).integers(4, vocab, length).tolist()
    ids[0] = 1
    if length > 3:
        ids[2] = 3
        ids[-1] = ids[1]
    return ids


class Suite:
    """Runs cases and keeps their results."""

    def __init__(self, engine, quick):
        self.engine, self.quick = engine, quick
        # Which of them there are is the machine's; --quick leaves the others to tests/unit/test_traces.c.
        self.kernels = engine.kernels()[: 1 if quick else None]
        self.results, self.fast, self.failed = [], [], []
        self.total = self.done = 0

    def say(self, text):
        """One line of progress."""
        print(text, file=sys.stderr, flush=True)

    def compare(self, case, directory, models, ids, n, greedy=(0, None), subject=None, **more):
        """Record three times and compare; GREEDY is what _greedy_text said.

        torchless opens SUBJECT where that is not the reference's DIRECTORY.
        """
        place = os.path.join(WORK, case.name)
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(place)
        files = [os.path.join(place, name) for name in ("hf.db", "hf64.db", "torchless.db")]
        forced = record_hf.record(models[0], directory, files[0], ids, n=n, **more)
        if len(forced) < N_LEAST:
            raise Failed(f"Hugging Face ends the text after {len(forced)} tokens: too few passes")
        record_hf.record(models[1], directory, files[1], ids, n=n, forced=forced, **more)
        if "--fast" in case.options:
            return self.compare_fast(case, files, models, ids, n, subject or directory)
        for kernels in self.kernels:
            self.engine.trace(subject or directory, files[2], ids, n, case.options, kernels)
            result = compare.compare(*files, stored_alike=subject is None)
            if kernels == self.kernels[0]:
                self.results.append(Result(case, len(ids), len(forced) - 1, result, *greedy))
            if not result.ok:
                raise Failed(f"with {kernels}:\n{parity.report(result)}\nkept: {place}")
            os.remove(files[2])
        shutil.rmtree(place)
        if greedy[1]:
            raise Failed(greedy[1])
        kinds = self.results[-1].comparison.kinds.values()
        worst = max((kind.worst("nmse") for kind in kinds), key=lambda m: m.nmse)
        return f"worst NMSE {worst.nmse:.1e} at {worst.place.fqn}"

    def compare_fast(self, case, files, models, ids, n, subject):
        """The same of a run with --fast, against its own tolerances."""
        for kernels in self.kernels:
            self.engine.trace(subject, files[2], ids, n, case.options, kernels)
            comparison = compare.compare(*files, stored_alike=False)
            with contextlib.closing(compare.Side(files[2])) as side, \
                    contextlib.closing(compare.Side(files[0])) as reference:
                local = max(local_errors(side, models[1]))
                nmse = logits_error(reference, side, comparison.limit)
                times = json.loads(side.run["opts"]).get("fast", {}).get("linear", {})
                n_decode = len(side.passes) - 1
            result = FastResult(case, len(ids), n_decode, times, local, nmse, comparison.logits)
            if kernels == self.kernels[0]:
                self.fast.append(result)
            problem = fast_problem(result)
            if problem:
                raise Failed(f"with {kernels}: {problem}; kept: {os.path.dirname(files[2])}")
            os.remove(files[2])
        shutil.rmtree(os.path.dirname(files[0]))
        last = self.fast[-1]
        return f"{' '.join(sorted(set(last.times.values())))}: NMSE {last.nmse:.1e}, KL {last.logits.kl:.1e}"

    def attempt(self, case, run, *args):
        """RUN(case, *args), which returns what to say of a success; a failure is kept and said."""
        begin = time.monotonic()
        self.done += 1
        try:
            verdict, said = "ok", run(case, *args)
        except (Failed, compare.Gate, BadInput) as problem:
            self.failed.append(case.name)
            verdict, said = "FAILED", problem
        self.say(f"[{self.done:2}/{self.total}] {case.name:<14}{verdict:<8}"
                 f"{time.monotonic() - begin:5.1f} s   {said}")

    def random_case(self, case):
        """One of the presets of make_checkpoint.py."""
        directory = os.path.join(WORK, "checkpoints", case.name if case.make else case.preset)
        with contextlib.redirect_stderr(io.StringIO()):
            make_checkpoint.main(["--preset", case.preset, "-q", "-o", directory, *case.make])
        model = record_hf.load(directory)
        ids = prompt_of(model.config.vocab_size, 13 if self.quick else case.length, len(case.name))
        models = (model, record_hf.widened(model))
        try:
            return self.compare(case, directory, models, ids, 4 if self.quick else case.n)
        finally:
            if case.preset in make_checkpoint.LARGE:
                shutil.rmtree(directory, ignore_errors=True)

    def packed_case(self, case):
        """A checkpoint in blocks of the type that the case is called by."""
        place = os.path.join(WORK, "checkpoints", case.name)
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(place)
        kind = case.name.removeprefix("fast-")
        made, packed, back = (os.path.join(place, name) for name in ("made", "m.gguf", "back"))
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            make_checkpoint.main(["--preset", case.preset, "-q", "-o", made, *case.make])
            quantize.main(["-q", "--type", kind, made, "-o", packed])
            import_gguf.main(["-q", "--dtype", "f32", packed, "-o", back])
        model = record_hf.load(back)
        ids = prompt_of(model.config.vocab_size, 13 if self.quick else case.length, len(case.name))
        models = (model, record_hf.widened(model))
        return self.compare(case, back, models, ids, 4 if self.quick else case.n, subject=packed)

    def real_case(self, case, directory, models, tokenizer):
        """A trained model on a real prompt: the points, and the text it goes on with."""
        spans = record_hf.prompt_spans(tokenizer, case.preset)
        ids = [span[0] for span in spans]
        greedy = (0, None)
        if "--fast" not in case.options:
            greedy = self._greedy_text(models[0], tokenizer, directory, case.preset, ids)
        return self.compare(case, directory, models, ids, 3 if self.quick else 6, greedy,
                            tokenizer=tokenizer, spans=spans, prompt=case.preset)

    def _greedy_text(self, model, tokenizer, directory, prompt, ids):
        """(tokens, None) when torchless generates Hugging Face's text, else (tokens, what differs).

        The model may end its text before N_GREEDY tokens.
        """
        settings = transformers.GenerationConfig(
            do_sample=False, max_new_tokens=N_GREEDY, pad_token_id=0,
            eos_token_id=sorted(record_hf.end_tokens(model)),
        )
        batch = torch.tensor([ids])
        with torch.no_grad():
            made = model.generate(
                batch, attention_mask=torch.ones_like(batch), generation_config=settings
            )[0, len(ids) :].tolist()
        # What the text grows by: decoded alone, some tokenizers drop the first space.
        before, after = (tokenizer.decode(
            part, skip_special_tokens=True, clean_up_tokenization_spaces=False
        ) for part in (ids, ids + made))
        theirs = after.removeprefix(before).encode() + b"\n"
        ours = self.engine.run("run", "-m", directory, "-n", str(N_GREEDY), prompt)
        if ours == theirs:
            return len(made), None
        return len(made), (
            f"greedy text differs\n  Hugging Face  {theirs!r}\n  torchless     {ours!r}")


# ---- the tables -------------------------------------------------------------------------------


def merged(results):
    """compare.Kind of every point over all cases, each measure labelled with its case."""
    kinds = {}
    for result in results:
        for name, kind in result.comparison.kinds.items():
            whole = kinds.setdefault(name, compare.Kind(name))
            for measure in kind.measures:
                measure.case = result.case.name
            whole.measures += kind.measures
            whole.floors += kind.floors
            whole.failed += kind.failed
    return list(kinds.values())


def kind_rows(results):
    """The rows of parity's table with the case in front of the place."""
    for kind, row in zip(parity.ordered(merged(results)), parity.table_rows(merged(results))):
        case = kind.worst("max_abs").case
        yield (*row[:6], f"{case} {row[6]}" if row[6] else "", *row[7:])


def case_lines(results):
    """A Markdown table of the cases."""
    yield ("| case | what it shows | prompt + decode | values | worst NMSE | log-softmax | KL "
           "| top-1 | text |")
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
    for result in results:
        kinds, logits = result.comparison.kinds.values(), result.comparison.logits
        worst = max(kind.worst("nmse").nmse for kind in kinds)
        text = f"{result.n_text} tokens equal" if result.n_text else ""
        text = "differs" if result.text else text
        yield (
            f"| {result.case.name} | {result.case.about} | {result.n_prompt} + {result.n_decode} | "
            f"{sum(len(kind.measures) for kind in kinds)} | {parity.short(worst)} | "
            f"{parity.short(logits.logprob)} | {parity.short(logits.kl)} | "
            f"{logits.rows - len(logits.differ)}/{logits.rows} | {text} |"
        )


def fast_problem(result):
    """Why a case with --fast does not pass, or None."""
    limit = max(FAST_LOCAL[name] for name in result.times.values() or ["f32"])
    if not result.local <= limit:
        return f"a product by itself has NMSE {result.local:.2g} > {limit:.0e}"
    if not result.nmse <= FAST_NMSE:
        return f"the logits have NMSE {result.nmse:.2g} > {FAST_NMSE:.0e}"
    if not result.logits.kl <= FAST_KL:
        return f"KL {result.logits.kl:.2g} > {FAST_KL:.0e}"
    return None


def fast_lines(results):
    """The section of the cases with --fast."""
    yield from (
        "## With --fast", "",
        "What is rounded on purpose has tolerances of its own: a product by itself, against the",
        "product in float64 of what it multiplied, NMSE ≤ " + ", ".join(
            f"{limit:.0e} ({name})" for name, limit in FAST_LOCAL.items()) + ";",
        f"and, of all together with a cache in f16, logits with NMSE ≤ {FAST_NMSE:.0e} over all positions and "
        f"KL ≤ {FAST_KL:.0e} at any.", "The other columns are of the worst position.", "",
        "| case | what it shows | prompt + decode | weights × | a product | logits | log-softmax "
        "| KL | top-1 |",
        "| --- | --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |")
    for result in results:
        logits = result.logits
        times = ", ".join(f"{kind} × {name}" for kind, name in result.times.items())
        yield (f"| {result.case.name} | {result.case.about} | {result.n_prompt} + {result.n_decode} "
               f"| {times} | {parity.short(result.local)} | {parity.short(result.nmse)} "
               f"| {parity.short(logits.logprob)} | {parity.short(logits.kl)} "
               f"| {logits.rows - len(logits.differ)}/{logits.rows} |")


def document(suite, edits, command):
    """docs/parity.md."""
    version = suite.engine.run("--version").decode().partition(" (")[0].strip()
    return "\n".join([
        "# Parity with Hugging Face",
        "",
        "Written by", "", f"    {command}", "",
        f"with {version}, transformers {transformers.__version__} and torch {torch.__version__} "
        "(float32, eager attention).", "",
        "Every case is run with each set of kernels of that machine, "
        f"{', '.join(suite.kernels)}; the tables are the first's.", "",
        "Every output of every operation of the forward pass is compared, in prefill and in",
        "decode, aligned by absolute position. NMSE is Σ(a−b)²/Σa², a being Hugging Face, of the",
        "worst position. The floor is Hugging Face's own float32 against the same formulas in",
        "float64: no float32 implementation is expected to be closer.", "",
        f"A value passes with NMSE ≤ {compare.NMSE:.0e} and max-abs ≤ {compare.MAX_ABS:.0e}·"
        "max(1, absmax/10), logits with",
        f"log-softmax ≤ {compare.LOGPROB:.0e}, KL ≤ {compare.KL:.0e} and the same likeliest token; "
        f"or, where float32 itself costs more, {compare.FLOORS} times",
        "the floor's error.",
        "", "## By point", "",
        "The worst of all cases, layers and passes.", "",
        parity.markdown_table(kind_rows(suite.results)),
        "", "## By case", "",
        *case_lines(suite.results), "",
        *fast_lines(suite.fast), "",
        *edits.document(),
    ])


def parse(argv):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--quick", action="store_true", help="shorter prompts and fewer decode passes")
    add("--only", action="append", metavar="CASE", help="run this case (may be repeated)")
    add("--write", metavar="FILE.md", help="write the tables as a document")
    add("--torchless", metavar="FILE", default=os.path.join(ROOT, "torchless"))
    add("-m", "--model", metavar="DIR", default=SMOLLM2, help="in the place of models/smollm2-135m")
    return parser.parse_args(argv)


def main(argv):
    """Run the cases."""
    args = parse(argv)
    random = (RANDOM if args.quick else RANDOM + LENGTHS + WIDE) + FAST_RANDOM
    packed = PACKED + FAST_PACKED
    of_teaching = OF_TEACHING + FAST_OF_TEACHING
    of_smollm2 = (OF_SMOLLM2 if args.quick else OF_SMOLLM2 + MORE_OF_SMOLLM2) + FAST_OF_SMOLLM2
    trained = ((TEACHING, of_teaching), (args.model, of_smollm2))
    names = [*(case.name for case in random + packed + of_teaching + of_smollm2), "edits"]
    for name in args.only or ():
        if name not in names:
            raise BadInput(f"there is no case {name}: one of {' '.join(names)}")
    wanted = lambda cases: [case for case in cases if not args.only or case.name in args.only]
    suite = Suite(Engine(args.torchless), args.quick)
    suite.total = len(wanted(random + packed + of_teaching + of_smollm2))
    edits = parity_edits.Edits(suite.engine, suite.say)
    with_edits = not args.only or "edits" in args.only
    if (wanted(of_smollm2) or (with_edits and not args.quick)) and not os.path.isdir(args.model):
        raise EnvironmentProblem(f"{args.model}: is not there: run scripts/fetch-smollm2")
    begin = time.monotonic()
    for case in wanted(random):
        suite.attempt(case, suite.random_case)
    for case in wanted(packed):
        suite.attempt(case, suite.packed_case)
    for directory, cases in trained:
        if not wanted(cases):
            continue
        model, tokenizer = record_hf.load(directory), record_hf.load_tokenizer(directory)
        models = (model, record_hf.widened(model))
        for case in wanted(cases):
            suite.attempt(case, suite.real_case, directory, models, tokenizer)
    for model in parity_edits.models_of(args.quick, os.path.abspath(args.model)):
        if with_edits:
            edits.run(model)
    print(parity.text_table(kind_rows(suite.results)))
    verdict = "all equal within tolerance"
    if suite.failed or edits.failed:
        failed = suite.failed + [f"{len(edits.failed)} edits"] * bool(edits.failed)
        verdict = f"FAILED: {', '.join(failed)}"
    print(f"\n{suite.total} cases, {edits.n} edits, {time.monotonic() - begin:.0f} s: {verdict}")
    if args.write and not suite.failed and not edits.failed:
        with open(args.write, "w", encoding="utf-8") as file:
            file.write(document(suite, edits, " ".join(["scripts/parity_suite.py", *argv])))
    return 1 if suite.failed or edits.failed else 0


if __name__ == "__main__":
    run_main(main)
