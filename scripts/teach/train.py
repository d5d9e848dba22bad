#!/usr/bin/env python3
"""Train the teaching model: induction first, then lookups, then everything.

Steps are counted, not minutes, and the text of a step follows from the seed and the step's number,
so a run can be killed and started again with the same command: it goes on from its last checkpoint.
"""

import argparse
import dataclasses
import functools
import os
import sys
import time

if __package__ in (None, ""):
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import torch_zip  # noqa: E402
from lib.files import need, run_main  # noqa: E402

torch = need("torch", kind="reference")

from torch.nn import functional  # noqa: E402

from teach import batches, grammar, mixture, probes, tokenizer  # noqa: E402
from teach.model import Config, Model, attention_mask  # noqa: E402
from teach.optim import Muon  # noqa: E402


@dataclasses.dataclass(frozen=True)
class Stage:
    """One part of the training.  open_heads names the heads of a layer that may speak; where a
    layer is not named, all may."""

    name: str
    steps: int
    rows: int
    length: int
    depth: int
    mlp: bool
    tied: bool
    lr: float          # of AdamW: embedding, head, norms
    matrix_lr: float   # of Muon: the matrices of the blocks
    decay: float = 0.0  # the share of the steps, at the end, in which the rate falls to 2 %
    weight_decay: float = 0.0
    open_heads: tuple = ()
    other_weight: float = 1.0  # what tokens count that are no answers


STAGES = (
    Stage("induction", 1200, 16, 64, depth=2, mlp=False, tied=True, lr=1e-3, matrix_lr=5e-3,
          open_heads=((1, (0, 1)),)),
    Stage("prune", 300, 16, 64, depth=2, mlp=False, tied=True, lr=1e-3, matrix_lr=2e-3,
          open_heads=((1, (0, 1)),)),
    Stage("lookup", 800, 16, 128, depth=4, mlp=False, tied=True, lr=1e-3, matrix_lr=5e-3,
          other_weight=0.02),
    Stage("text", 4500, 8, 192, depth=5, mlp=True, tied=False, lr=2e-3, matrix_lr=5e-3, decay=0.73,
          weight_decay=0.1),
)
WARM_UP = 50
SOFT = 0.5  # how much shorter than keys the queries of a fresh head are
# Stages begin with what is easy, and go on to the next level when the loss falls below a limit:
# twice as many kinds of random tokens in the first, longer sentences in the lookups.
LEVELS = {"induction": ((48, 96, 192, 384, 768, 1325), 1.2), "lookup": ((1, 2, 3, 4, 5), 0.5)}
# What a checkpoint holds beside weights, optimisers and time.
PROGRESS = ("stage", "step", "level", "average", "kept", "previous_head")


class Run:
    """The state of a training run, and how it is saved."""

    def __init__(self, args):
        self.args, self.config = args, Config()
        self.encoder = tokenizer.load(args.tokenizer)
        torch.manual_seed(args.seed)
        self.model = Model(self.config)
        initialise(self.model, args.seed)
        self.stage, self.step, self.level, self.average = 0, 0, 0, None
        self.items = None  # for the probes
        self.previous_head = None  # the head of layer 0 that the second stage found
        self.kept = {}  # {layer: heads} that the second stage keeps
        self.seconds, self.began = 0.0, time.monotonic()
        self.optimisers = self.make_optimisers()
        self.log_file = open(os.path.join(args.output, "training.log"), "a", encoding="utf-8")

    def make_optimisers(self):
        stage = STAGES[self.stage]
        matrices, others = [], []
        for name, p in self.model.named_parameters():
            (matrices if p.dim() == 2 and ".layers." in name else others).append(p)
        return [Muon(matrices, stage.matrix_lr, weight_decay=stage.weight_decay),
                torch.optim.AdamW(others, stage.lr, betas=(0.9, 0.98), weight_decay=0.0)]

    def log(self, line):
        print(line, flush=True)
        self.log_file.write(line + "\n")
        self.log_file.flush()

    def save(self, name="state.pt"):
        path = os.path.join(self.args.output, name)
        torch.save({
            "model": self.model.state_dict(),
            "seconds": self.elapsed(), **{name: getattr(self, name) for name in PROGRESS},
            "optimisers": [o.state_dict() for o in self.optimisers]}, path + ".part")
        os.replace(path + ".part", path)

    def restore(self, path):
        with torch_zip.checked_state(path) as file:
            state = torch.load(file)
        self.model.load_state_dict(state["model"])
        self.seconds = state["seconds"]
        for name in PROGRESS:
            setattr(self, name, state[name])
        if self.stage < len(STAGES):
            self.optimisers = self.make_optimisers()
            for optimiser, saved in zip(self.optimisers, state["optimisers"]):
                optimiser.load_state_dict(saved)

    def elapsed(self):
        return self.seconds + time.monotonic() - self.began


@torch.no_grad()
def initialise(model, seed):
    """Each embedding is noise around one common vector, which RoPE turns into a sense of distance;
    in the two layers that begin, queries are equal to keys, so that like finds like; a block's
    outputs begin at zero, so that it can join later."""
    g = torch.Generator().manual_seed(seed)
    table = model.model.embed_tokens.weight
    table.normal_(0, 0.15, generator=g)
    table += 0.15 * (torch.randint(0, 2, (table.shape[1],), generator=g).float() * 2 - 1)
    for number, block in enumerate(model.model.layers):
        for p in block.parameters():
            if p.dim() == 2:
                p.normal_(0, p.shape[1] ** -0.5, generator=g)
        attention = block.self_attn
        if number < STAGES[0].depth:
            attention.q_proj.weight.copy_(per_head_keys(attention))
        else:
            attention.q_proj.weight.mul_(SOFT)
        attention.o_proj.weight.zero_()
        block.mlp.down_proj.weight.zero_()


def per_head_keys(attention):
    """The rows of k_proj, repeated for every query head of their group."""
    c = attention.config
    keys = attention.k_proj.weight.view(c.kv_heads, c.head_dim, c.width)
    return keys.repeat_interleave(c.heads // c.kv_heads, 0).reshape(-1, c.width)


def schedule(stage, step):
    """What both learning rates are multiplied with."""
    left = 1 - step / stage.steps
    if step < WARM_UP:
        return (step + 1) / WARM_UP
    return max(0.02, left / stage.decay) if left < stage.decay else 1.0


def make_batch(run):
    """(ids, weights, documents) of this step."""
    stage = STAGES[run.stage]
    rng = batches.generator(run.args.seed, stage.name, run.step)
    length, vocabulary = stage.length + 1, run.config.vocab
    if stage.name in ("induction", "prune"):
        return batches.tensors([batches.chunk_row(rng, difficulty(run), length)
                                for _ in range(stage.rows)])
    done = run.step / stage.steps
    repeats = mixture.repeat_rows(stage.name, done, stage.rows, rng)
    write = functools.partial(mixture.write, stage=stage.name, done=done, level=difficulty(run))
    facts = mixture.fact_rows(stage.name, done)
    rows = [batches.text_row(rng, run.encoder, grammar.facts.document, length)
            for _ in range(facts)]
    rows += [batches.repeat_row(rng, vocabulary, length) for _ in range(repeats)]
    rows += [batches.text_row(rng, run.encoder, write, length, stage.other_weight)
             for _ in range(stage.rows - repeats - facts)]
    return batches.tensors(rows)


def open_heads(run):
    """{layer: [1 or rows, heads]}: 1 where a head takes part."""
    stage, heads = STAGES[run.stage], run.config.heads
    if mixture.fact_rows(stage.name, run.step / stage.steps):
        return silent_for_facts(run)
    kept = run.kept if stage.name == "prune" and run.kept else dict(stage.open_heads)
    return {layer: torch.tensor([[float(h in which) for h in range(heads)]])
            for layer, which in kept.items()}


def silent_for_facts(run):
    """In the first row, which holds bare facts, the previous-token head or the induction heads are
    silent in two steps of three.  Facts then do not come to lean on heads that have no part in them,
    and a learner who silences a head sees what that head does, and nothing else."""
    opened = {layer: torch.ones(STAGES[run.stage].rows, run.config.heads) for layer in (0, 1)}
    if run.step % 3 == 1:
        opened[0][0, run.previous_head] = 0
    if run.step % 3 == 2:
        opened[1][0, list(run.kept[1])] = 0
    return opened


def train_step(run):
    """One step; returns (loss, tokens)."""
    stage, model = STAGES[run.stage], run.model
    ids, weights, documents = make_batch(run)
    for optimiser, lr in zip(run.optimisers, (stage.matrix_lr, stage.lr)):
        optimiser.zero_grad(set_to_none=True)
        for group in optimiser.param_groups:
            group["lr"] = lr * schedule(stage, run.step)
    mask = attention_mask(stage.length, run.config.window, documents[:, :-1])
    logits = model(ids[:, :-1], mask, stage.depth, stage.mlp, stage.tied, open_heads(run))
    losses = functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1), reduction="none")
    weights = weights[:, 1:].reshape(-1)
    loss = (losses * weights).sum() / weights.sum()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimiser in run.optimisers:
        optimiser.step()
    return loss.item(), stage.rows * stage.length


def difficulty(run):
    """What the level of a stage stands for; later stages keep the hardest random tokens."""
    levels, _ = LEVELS.get(STAGES[run.stage].name, LEVELS["induction"])
    return levels[run.level]


def climb(run):
    """On to the next level, when this one is learned."""
    levels, limit = LEVELS.get(STAGES[run.stage].name, ((0,), 0))
    if run.average < limit and run.level + 1 < len(levels):
        run.level, run.average = run.level + 1, 2 * limit


def prune(run):
    """Keep the strongest previous-token head of layer 0 and what induction needs beside it, so that
    a learner has one head to break.  The other heads of both layers, rivals and idle ones, begin
    afresh and join again in the next stage."""
    layers, heads = run.model.model.layers, set(range(run.config.heads))
    scores = probes.previous_token_scores(run.model, layer=0)
    best = run.previous_head = max(heads, key=scores.__getitem__)
    opened, silent = open_heads(run), {h for h in heads if h != best and scores[h] > 0.1}
    for head in sorted(heads - silent - {best}):  # two may stand in for each other: one by one
        if probes.induction_without(run.model, opened, silent | {head}) > 0.9:
            silent.add(head)
    run.kept = {**dict(STAGES[run.stage].open_heads), 0: tuple(sorted(heads - silent))}
    for layer, kept in run.kept.items():
        for head in sorted(heads - set(kept)):
            restart(layers[layer].self_attn, head)
    run.log(f"# previous-token scores of layer 0: {[round(s, 2) for s in scores]}; kept {run.kept}")


@torch.no_grad()
def restart(attention, head):
    """Make a head look softly at everything and say nothing.  (A head whose queries equal its keys
    sees only itself once the keys have grown, and learns no more.)"""
    width, size = attention.config.width, attention.config.head_dim
    rows = slice(head * size, (head + 1) * size)
    attention.q_proj.weight[rows].normal_(0, SOFT * width ** -0.5)
    attention.o_proj.weight[:, rows].zero_()


def enter(run):
    """What happens between two stages."""
    stage = STAGES[run.stage]
    if stage.name == "prune":
        prune(run)
    if not stage.tied and STAGES[run.stage - 1].tied:
        with torch.no_grad():
            run.model.lm_head.weight.copy_(run.model.model.embed_tokens.weight)
    run.optimisers = run.make_optimisers()
    run.average = None
    run.level = 0 if stage.name == "lookup" else len(LEVELS["induction"][0]) - 1


def progress(run, tokens, seconds):
    stage = STAGES[run.stage]
    left = seconds / max(1, run.args.every) * (stage.steps - run.step)
    return (f"{stage.name} {run.step}/{stage.steps} level {run.level} loss {run.average:.3f} "
            f"lr {stage.lr * schedule(stage, run.step):.1e} {tokens / seconds:.0f} tokens/s "
            f"{run.elapsed() / 60:.1f} min, {left / 60:.0f} min left in this stage")


def train(run, last_stage):
    since, tokens = time.monotonic(), 0
    while run.stage <= last_stage:
        stage = STAGES[run.stage]
        if run.step == 0 and run.stage > 0:
            enter(run)
        while run.step < stage.steps:
            loss, count = train_step(run)
            run.step, tokens = run.step + 1, tokens + count
            run.average = loss if run.average is None else 0.95 * run.average + 0.05 * loss
            if run.step % run.args.every == 0:
                run.log(progress(run, tokens, time.monotonic() - since))
                since, tokens = time.monotonic(), 0
            climb(run)
            if stage.name == "induction" and run.step == run.args.patience and not run.level:
                sys.exit(f"nothing copies after {run.step} steps: try another seed")
            if run.step % run.args.probe == 0:
                run.log("  " + probes.line(run, stage))
                run.save()
                since = time.monotonic()
        run.stage, run.step = run.stage + 1, 0
        run.save()
        run.save(f"after-{stage.name}.pt")
    run.log("# done")


def main(argv=None):
    names = [stage.name for stage in STAGES]
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("-o", "--output", required=True, help="directory of checkpoints and log")
    parser.add_argument("--tokenizer", required=True, help="tokenizer.json")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--until", choices=names, default=names[-1], help="the last stage to run")
    parser.add_argument("--start", help="a checkpoint of another run to begin from")
    parser.add_argument("--skip-to", choices=names, help="with --start: the stage to begin with")
    parser.add_argument("--every", type=int, default=50, help="steps between progress lines")
    parser.add_argument("--probe", type=int, default=300, help="steps between probes and saves")
    parser.add_argument("--patience", type=int, default=800,
                        help="give up when nothing copies after so many steps of the first stage")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    os.makedirs(args.output, exist_ok=True)
    run = Run(args)
    state = os.path.join(args.output, "state.pt")
    if os.path.exists(state):
        run.restore(state)
    elif args.start:
        run.restore(args.start)
        run.seconds = 0.0
        if args.skip_to:
            run.stage, run.step = names.index(args.skip_to), 0
    train(run, names.index(args.until))


if __name__ == "__main__":
    run_main(main)
