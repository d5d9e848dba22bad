#!/usr/bin/env python3
"""Train the teaching model: induction first, then lookups, then everything.

Steps are counted, not minutes, and the text of a step follows from the seed and the step's number,
so a run can be killed and started again with the same command: it goes on from its last checkpoint.
"""

import argparse
import dataclasses
import os
import sys
import time

if __package__ in (None, ""):
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import torch  # noqa: E402
from torch.nn import functional  # noqa: E402

from teach import batches, mixture, probes, tokenizer  # noqa: E402
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
    lr: float
    decay: float = 0.0  # the share of the steps, at the end, in which the rate falls to 2 %
    weight_decay: float = 0.0
    open_heads: tuple = ()


STAGES = (
    Stage("induction", 2400, 32, 64, depth=2, mlp=False, tied=True, lr=2e-3,
          open_heads=((1, (0, 1)),)),
    Stage("prune", 300, 32, 64, depth=2, mlp=False, tied=True, lr=1e-3,
          open_heads=((1, (0, 1)),)),
    Stage("lookup", 1500, 16, 128, depth=4, mlp=False, tied=True, lr=2e-3),
    Stage("text", 6000, 8, 192, depth=5, mlp=True, tied=False, lr=2e-3, decay=0.5,
          weight_decay=0.1),
)
WARM_UP = 50
FIRST_WORDS = 48  # the random tokens of the first stage begin with few kinds and double
LEARNED = 1.2     # when the loss falls below this


class Run:
    """The state of a training run, and how it is saved."""

    def __init__(self, args):
        self.args, self.config = args, Config()
        self.encoder = tokenizer.load(args.tokenizer)
        torch.manual_seed(args.seed)
        self.model = Model(self.config)
        initialise(self.model, args.seed)
        self.stage, self.step, self.words, self.average = 0, 0, FIRST_WORDS, None
        self.items = None  # for the probes
        self.closed = []  # heads of layer 0 that the second stage silenced
        self.seconds, self.began = 0.0, time.monotonic()
        self.optimisers = self.make_optimisers()
        self.log_file = open(os.path.join(args.output, "training.log"), "a", encoding="utf-8")

    def make_optimisers(self):
        stage = STAGES[self.stage]
        matrices, others = [], []
        for name, p in self.model.named_parameters():
            (matrices if p.dim() == 2 and ".layers." in name else others).append(p)
        return [Muon(matrices, stage.lr, weight_decay=stage.weight_decay),
                torch.optim.AdamW(others, stage.lr, betas=(0.9, 0.98), weight_decay=0.0)]

    def log(self, line):
        print(line, flush=True)
        self.log_file.write(line + "\n")
        self.log_file.flush()

    def save(self, name="state.pt"):
        path = os.path.join(self.args.output, name)
        torch.save({
            "model": self.model.state_dict(), "stage": self.stage, "step": self.step,
            "words": self.words, "average": self.average, "closed": self.closed,
            "seconds": self.elapsed(),
            "optimisers": [o.state_dict() for o in self.optimisers]}, path + ".part")
        os.replace(path + ".part", path)

    def restore(self, path):
        state = torch.load(path)
        self.model.load_state_dict(state["model"])
        for name in ("stage", "step", "words", "average", "closed", "seconds"):
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
    queries begin equal to keys; a block's outputs begin at zero, so that it can join later."""
    g = torch.Generator().manual_seed(seed)
    table = model.model.embed_tokens.weight
    table.normal_(0, 0.15, generator=g)
    table += 0.15 * (torch.randint(0, 2, (table.shape[1],), generator=g).float() * 2 - 1)
    for block in model.model.layers:
        for p in block.parameters():
            if p.dim() == 2:
                p.normal_(0, p.shape[1] ** -0.5, generator=g)
        attention = block.self_attn
        attention.q_proj.weight.copy_(per_head_keys(attention))
        attention.o_proj.weight.zero_()
        block.mlp.down_proj.weight.zero_()


def per_head_keys(attention):
    """The rows of k_proj, repeated for every query head of their group."""
    c = attention.config
    keys = attention.k_proj.weight.view(c.kv_heads, c.head_dim, c.width)
    return keys.repeat_interleave(c.heads // c.kv_heads, 0).reshape(-1, c.width)


def learning_rate(stage, step):
    done = step / stage.steps
    if step < WARM_UP:
        return stage.lr * (step + 1) / WARM_UP
    if stage.decay and done > 1 - stage.decay:
        return stage.lr * max(0.02, (1 - done) / stage.decay)
    return stage.lr


def make_batch(run):
    """(ids, weights, documents) of this step."""
    stage = STAGES[run.stage]
    rng = batches.generator(run.args.seed, stage.name, run.step)
    length, vocabulary = stage.length + 1, run.config.vocab
    if stage.name in ("induction", "prune"):
        words = min(run.words, vocabulary - 3)
        return batches.tensors([batches.chunk_row(rng, words, length) for _ in range(stage.rows)])
    shares = mixture.shares(stage.name, run.step / stage.steps)
    repeats = mixture.repeat_rows(stage.name, run.step / stage.steps, stage.rows, rng)
    rows = [batches.repeat_row(rng, vocabulary, length) for _ in range(repeats)]
    rows += [batches.text_row(rng, run.encoder, shares, length)
             for _ in range(stage.rows - repeats)]
    return batches.tensors(rows)


def open_heads(run):
    """{layer: vector of 0 and 1} of the heads that take part."""
    heads = run.config.heads
    opened = {layer: [float(h in which) for h in range(heads)]
              for layer, which in STAGES[run.stage].open_heads}
    if run.closed and STAGES[run.stage].name == "prune":
        opened[0] = [float(h not in run.closed) for h in range(heads)]
    return {layer: torch.tensor(which) for layer, which in opened.items()}


def train_step(run):
    """One step; returns (loss, tokens)."""
    stage, model = STAGES[run.stage], run.model
    ids, weights, documents = make_batch(run)
    for optimiser in run.optimisers:
        optimiser.zero_grad(set_to_none=True)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(stage, run.step)
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


def widen(run):
    """In the first stages: twice as many kinds of random tokens once these are learned."""
    if run.words < run.config.vocab and run.average < LEARNED:
        run.words, run.average = run.words * 2, None


def prune(run):
    """Keep the strongest previous-token head of layer 0 and silence its rivals for good: their
    queries and outputs begin again as in a fresh model.  A learner then has one head to break."""
    scores = probes.previous_token_scores(run.model, layer=0)
    best = max(range(len(scores)), key=scores.__getitem__)
    run.closed = [head for head, score in enumerate(scores) if head != best and score > 0.1]
    run.log(f"# previous-token scores of layer 0: {[round(s, 2) for s in scores]}; "
            f"kept L0H{best}, silenced {run.closed}")
    attention, size = run.model.model.layers[0].self_attn, run.config.head_dim
    with torch.no_grad():
        for head in run.closed:
            rows = slice(head * size, (head + 1) * size)
            attention.q_proj.weight[rows].normal_(0, run.config.width ** -0.5)
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


def progress(run, tokens, seconds):
    stage = STAGES[run.stage]
    left = seconds / max(1, run.args.every) * (stage.steps - run.step)
    return (f"{stage.name} {run.step}/{stage.steps} loss {run.average:.3f} "
            f"lr {learning_rate(stage, run.step):.1e} {tokens / seconds:.0f} tokens/s "
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
            if stage.name in ("induction", "prune"):
                widen(run)
                if run.step == run.args.patience and run.words == FIRST_WORDS:
                    run.log("# nothing copies yet: this seed is given up")
                    return
            if run.step % run.args.probe == 0:
                run.log("  " + probes.line(run, stage))
                run.save()
                since = time.monotonic()
        run.stage, run.step = run.stage + 1, 0
        run.save()
        run.save(f"after-{stage.name}.pt")
    run.log("# done")


def main():
    names = [stage.name for stage in STAGES]
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("-o", "--output", required=True, help="directory of checkpoints and log")
    parser.add_argument("--tokenizer", required=True, help="tokenizer.json")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--until", choices=names, default=names[-1], help="the last stage to run")
    parser.add_argument("--start", help="a checkpoint of another run to begin from")
    parser.add_argument("--every", type=int, default=50, help="steps between progress lines")
    parser.add_argument("--probe", type=int, default=300, help="steps between probes and saves")
    parser.add_argument("--patience", type=int, default=1800,
                        help="give up when nothing copies after so many steps of the first stage")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    os.makedirs(args.output, exist_ok=True)
    run = Run(args)
    state = os.path.join(args.output, "state.pt")
    if os.path.exists(state):
        run.restore(state)
    elif args.start:
        run.restore(args.start)
    train(run, names.index(args.until))


if __name__ == "__main__":
    main()
