"""torchless in the place of Hugging Face: what scripts/teach/evaluate.py asks of a model.

Every answer is read back from recordings, many prompts in one: logits and residual streams are
dumps, heads are taken out with --zero.
"""

import contextlib
import os

import torch
from teach import evaluate, items, tokenizer

from lib.checkpoint import read_json
from lib.recorded_runs import weights


class _Readout:
    """The two modules that the lens needs, from the checkpoint."""

    def __init__(self, directory, eps):
        norm, head = weights(directory, "model.norm.weight", "lm_head.weight")
        self._norm, self._head, self._eps = torch.from_numpy(norm), torch.from_numpy(head), eps
        self.model = self

    def norm(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self._eps) * self._norm

    def lm_head(self, x):
        return x @ self._head.T


class EngineSubject:
    """See teach.evaluate.Subject; `engine` is a recorded_runs.Engine."""

    def __init__(self, directory, engine):
        # The names that Hugging Face's configuration has.
        self.config = type("Config", (), read_json(os.path.join(directory, "config.json")))
        self.directory, self.engine, self.zeros = directory, engine, []
        self.encoder = tokenizer.load(os.path.join(directory, "tokenizer.json"))
        self.layers = range(self.config.num_hidden_layers)
        self.model = _Readout(directory, self.config.rms_norm_eps)
        self.streams, self.asked = {}, {}

    def record(self, ids, *capture):
        """A recording of lists of ids; the id of each run is its number in the list."""
        prompts = [{"id": str(number), "ids": row} for number, row in enumerate(ids)]
        options = [word for point in capture for word in ("--capture", point)]
        return self.engine.record(prompts, *options, *self.zeros)

    def logits(self, ids):
        found = dict((name, array) for name, _, array in self.record(ids, "lm_head:out").dumps(
            "lm_head:out"))
        return torch.stack([torch.from_numpy(found[str(i)].copy()) for i in range(len(ids))])

    def last_logits(self, lists):
        found = {name: array[0] for name, _, array in self.record(
            lists, "lm_head:out@-1").dumps("lm_head:out")}
        return [torch.from_numpy(found[str(i)].copy()) for i in range(len(lists))]

    @contextlib.contextmanager
    def without(self, heads):
        """Zero the z of heads named like "L1H0"."""
        for name in heads:
            layer, head = name[1:].split("H")
            self.zeros += ["--zero", f"L{layer}.attn.z[head={head}]"]
        try:
            yield
        finally:
            self.zeros = []

    def _names(self):
        return ["model.embed_tokens:out"] + [f"model.layers.{i}:out" for i in self.layers]

    def remember_residuals(self, ids):
        """Record many at once; residuals() then answers each without a run of its own."""
        runs, names = self.record(ids, *self._names()), self._names()
        found = {}
        for name, fqn, array in runs.dumps("model.*:out"):
            if fqn in names:
                found[name, fqn] = torch.from_numpy(array.copy())
        for number, row in enumerate(ids):
            self.streams[tuple(row)] = [found[str(number), fqn] for fqn in names]

    def residuals(self, ids):
        missing = [row for row in ids if tuple(row) not in self.streams]
        if missing:
            self.remember_residuals(missing)
        rows = [self.streams[tuple(row)] for row in ids]
        return [torch.stack(depth) for depth in zip(*rows)]

    def patterns(self, ids):
        found = {(name, fqn): array for name, fqn, array in self.record(ids, "*:pattern").dumps(
            "*:pattern")}
        return [[found[str(i), f"model.layers.{layer}.self_attn:pattern"] for i in range(len(ids))]
                for layer in self.layers]

    # Beyond evaluate.Subject.

    def answers(self, chosen):
        """{item id: right or not}, from what the recording says of every token of the prompt: its
        rank among the predictions, and the logits at the position before the last, which stay
        in `asked`."""
        runs = self.engine.record(chosen, "--capture", "lm_head:out@-2", *self.zeros)
        ranks, found = runs.ranks(), {}
        self.asked |= {name: array[0] for name, _, array in runs.dumps("lm_head:out")}
        for item in chosen:
            ids, against = item["ids"], item["against"]
            if against is None:
                found[item["id"]] = all(ranks[item["id"]][p + 1] == 0 for p in item["predict"])
            else:
                assert item["predict"] == [len(ids) - 2], item["id"]
                logits = self.asked[item["id"]]
                found[item["id"]] = bool(logits[ids[-1]] > logits[against])
        return found

    def stories(self):
        """As evaluate.stories, sampled by torchless."""
        known, told = set(tokenizer.count_words(0)), []
        for opening in items.OPENINGS:
            for seed in items.STORY_SEEDS:
                document = self.engine.complete(
                    opening, "-n", str(items.STORY_TOKENS), "--seed", str(seed),
                    "--temp", str(items.STORY_TEMPERATURE))
                text = opening + document["text"]
                told.append({"text": text, "seed": seed, "faults": evaluate.faults(
                    text, document["stop"] == "eos", known)})
        return told
