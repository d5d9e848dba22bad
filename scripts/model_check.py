#!/usr/bin/env python3
"""Holds the teaching model to what its card and the lessons say of it, through torchless itself.

    scripts/model_check.py                 everything: what it can do, what one can find inside
    scripts/model_check.py --json FILE     the same, and the numbers as JSON
    scripts/model_check.py --quick         fewer items and no Hugging Face; nothing is asserted

The items and their bounds are those of scripts/teach/items.py. Each is a run of a recording
(torchless trace --prompts), read back with SQL; heads are taken out with --zero; the lens is
numpy's, from the dumped residual stream. Hugging Face answers the same items once, and must give
the same answers. Exit status: 0 all bounds are kept, 1 not, 3 something is missing.
"""

import argparse
import collections
import json
import os
import random
import re
import sys
import time

from lib.files import ROOT, EnvironmentProblem, need, run_main

np = need("numpy", kind="reference")

from teach import grammar, items as teach_items, mixture, tokenizer  # noqa: E402

from lib import compare, findings, recorded_runs  # noqa: E402

MODEL = os.path.join(ROOT, "lessons", "model")
SENTENCE_REPEATS = 2
ROW = "  {:<22}{:>8}{:>10}{:>10}  {}"


class Model:
    """The model, its items, and torchless to ask it with."""

    def __init__(self, directory, engine):
        self.directory, self.engine = directory, engine
        with open(os.path.join(directory, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
        self.n_layers, self.window = config["num_hidden_layers"], config["sliding_window"]
        self.vocabulary, self.eps = config["vocab_size"], config["rms_norm_eps"]
        self.encoder = tokenizer.load(os.path.join(directory, "tokenizer.json"))
        self.norm, self.head = recorded_runs.weights(directory, "model.norm.weight",
                                                     "lm_head.weight")
        self.items = list(teach_items.items(self.encoder))

    def asked(self):
        """--capture of what the position before the last holds: logits and residual stream."""
        names = ["lm_head:out"] + [f"model.layers.{i}:out" for i in range(self.n_layers)]
        return [word for name in names for word in ("--capture", f"{name}@-2")]

    def lens(self, x):
        """Logits of rows of the residual stream: final norm, then head."""
        x = x / np.sqrt(np.mean(x * x, -1, keepdims=True) + self.eps)
        return (x * self.norm) @ self.head.T

    def right(self, items, runs):
        """{item id: whether it is answered right}, as teach.items defines it."""
        ranks, logits = runs.ranks(), None
        found = {}
        for item in items:
            ids, against = item["ids"], item["against"]
            if against is None:
                found[item["id"]] = all(ranks[item["id"]][p + 1] == 0 for p in item["predict"])
                continue
            logits = logits or runs.rows("lm_head:out")
            assert item["predict"] == [len(ids) - 2], item["id"]
            row = logits[item["id"]]
            found[item["id"]] = bool(row[ids[-1]] > row[against])
        return found

    @staticmethod
    def accuracy(items, right):
        """{behaviour: share of right items}"""
        found = collections.defaultdict(list)
        for item in items:
            found[item["behaviour"]].append(right[item["id"]])
        return {name: float(np.mean(results)) for name, results in found.items()}


class Report:
    """The tables, what failed, and the numbers for --json."""

    def __init__(self):
        self.failed, self.numbers = [], {}

    @staticmethod
    def say(line=""):
        print(line, flush=True)

    def title(self, text):
        self.say(f"\n{text}")

    def hold(self, label, value, is_kept, bound, note="", n=""):
        """One line of a table; a bound that is not kept fails the check."""
        if not is_kept:
            self.failed.append(label)
        shown = f"{value:.3f}" if isinstance(value, float) else str(value)
        self.say(ROW.format(label, n, shown, bound, note if is_kept else f"FAILED {note}").rstrip())

    def at_least(self, label, value, bound, **more):
        self.hold(label, value, value >= bound, f">= {bound}", **more)

    def below(self, label, value, bound, **more):
        self.hold(label, value, value < bound, f"< {bound}", **more)


# ---- what it can do --------------------------------------------------------------------------


def known_words():
    """Every word of the grammar's text."""
    rng, words = random.Random("known words"), set()
    for _ in range(20000):
        kind = rng.choice([name for name in mixture.TEXT if name != "copying"])
        words.update(words_of(grammar.KINDS[kind](rng).replace("|", "")))
    return words


def words_of(text):
    return re.findall(r"[^\W\d_]+", text)


def story_problem(document, opening, known):
    """What is wrong with a story, or None."""
    text = opening + document["text"]
    if document["stop"] != "eos":
        return "does not end"
    sentences = collections.Counter(s.strip() for s in re.split(r"[.!?]", text) if s.strip())
    sentence, count = sentences.most_common(1)[0]
    if count > SENTENCE_REPEATS:
        return f"says {count} times: {sentence}"
    unknown = [word for word in words_of(text) if word not in known]
    return f"unknown word {unknown[0]}" if unknown else None


def check_stories(model, report):
    report.title(f"stories, temperature {teach_items.STORY_TEMPERATURE}")
    known, good, stories = known_words(), 0, []
    for opening in teach_items.OPENINGS:
        for seed in teach_items.STORY_SEEDS:
            document = model.engine.complete(
                opening, "-n", str(teach_items.STORY_TOKENS), "--seed", str(seed),
                "--temp", str(teach_items.STORY_TEMPERATURE))
            problem = story_problem(document, opening, known)
            good += problem is None
            stories.append({"opening": opening, "seed": seed, "text": opening + document["text"],
                            "problem": problem})
            if problem:
                report.say(f"  {opening!r} with seed {seed}: {problem}")
    report.at_least("fluent", good, teach_items.FLUENT_BOUND, n=len(stories))
    report.numbers["stories"] = stories


def check_behaviours(model, report, runs):
    report.title("behaviours, held-out items")
    right = model.right(model.items, runs)
    accuracy = model.accuracy(model.items, right)
    counts = collections.Counter(item["behaviour"] for item in model.items)
    for name, bound in teach_items.BOUNDS.items():
        report.at_least(name, accuracy[name], bound, n=counts[name])
    report.numbers["behaviours"] = {
        name: {"accuracy": accuracy[name], "bound": bound, "items": counts[name]}
        for name, bound in teach_items.BOUNDS.items()}
    return right


def check_tokens(model, report):
    """torchless spells every item as the grammar's own encoder does."""
    texts = [item for item in model.items if item["text"] is not None]
    lines = "\n".join(json.dumps(item["text"]) for item in texts)
    answer = model.engine.call("tokenize", "--jsonl", given=lines.encode())
    wrong = [item["id"] for item, line in zip(texts, answer.decode().splitlines())
             if json.loads(line) != item["ids"]]
    report.hold("texts as tokens", len(texts) - len(wrong), not wrong, f"= {len(texts)}",
                note=" ".join(wrong[:3]), n=len(texts))


# ---- what one can find inside ------------------------------------------------------------------


def name_of(head):
    return f"L{head[0]}H{head[1]}"


def check_heads(model, report):
    report.title("heads, on random tokens repeated after 24")
    found = findings.heads(model)
    for kind in ("previous-token", "induction"):
        part = found[kind]
        names = " ".join(f"{name_of(h)} {part['scores'][h]:.2f}" for h in part["heads"])
        report.at_least(f"{kind} heads", float(part["lowest"]), 0.4, note=names,
                        n=len(part["heads"]))
        report.at_least("  clear of the rest by", float(part["lowest"] - part["rest"]), 0.2)
    rows = {}
    for name, chosen, accuracy in found["ablations"]:
        rows[name] = {"heads": [name_of(h) for h in chosen], **accuracy}
        label = f"without {name}" if chosen else "whole"
        note = " ".join(map(name_of, chosen))
        if name in ("previous-token", "induction"):
            report.below(f"{label[:20]}", accuracy["induction"], 0.2, note=note)
        else:
            report.at_least(f"{label[:20]}", accuracy["induction"], 0.9, note=note)
        report.at_least("  facts", accuracy["facts"], 0.9)
    report.hold("a control head", "there" if "a control" in rows else "none", "a control" in rows,
                "exists")
    report.numbers["heads"] = {
        kind: {"heads": [name_of(h) for h in found[kind]["heads"]],
               "scores": np.round(found[kind]["scores"], 4).tolist()}
        for kind in ("previous-token", "induction")} | {"ablations": rows}


def check_lens(model, report, runs):
    report.title("the logit lens, facts")
    found = findings.lens(model, runs)
    report.say("  after layer             " + "".join(f"{i:>7}" for i in range(model.n_layers)))
    for label, row in (("answer first", found["share"]), ("settles here", found["settles"])):
        report.say(f"  {label:<22}" + "".join(f"{x:>7.2f}" for x in row))
    several = sum(share >= 0.05 for share in found["settles"])
    report.at_least("layers facts settle at", several, 2, note="5 % of the facts or more")
    report.below("last layer vs logits", float(found["worst"]), 1e-3, note="largest difference")
    report.numbers["lens"] = {"share": [float(x) for x in found["share"]],
                              "settles": found["settles"]}


def check_window(model, report):
    report.title(f"the sliding window, {model.window} positions")
    items = list(teach_items.window_items(model.encoder))
    runs = model.engine.record("window", items)
    accuracy = model.accuracy(items, model.right(items, runs))
    edge, distances = model.window - 1, teach_items.WINDOW_DISTANCES
    report.say("  distance              " + "".join(f"{d:>6}" for d in distances))
    report.say("  lookup is right       " + "".join(
        f"{accuracy[f'window-{d}']:>6.2f}" for d in distances))
    report.at_least(f"at distance {edge}", accuracy[f"window-{edge}"], 0.9)
    beyond = float(np.mean([accuracy[f"window-{d}"] for d in distances if d > edge]))
    report.below("beyond", beyond, 0.5)
    reach, moved = findings.far_influence(model)
    for distance, change in moved.items():
        if distance <= reach:
            report.hold(f"token {distance} back", f"{change:.1e}", change > 0, "> 0",
                        note="largest change of a logit")
        else:
            report.hold(f"token {distance} back", f"{change:.1e}", change == 0, "= 0")
    report.numbers["window"] = {"accuracy": accuracy, "reach": reach, "moved": moved}


def check_stream(model, report, runs):
    report.title("the residual stream")
    sizes = findings.residual(model, runs)
    report.say("  mean l2 after layer   " + "".join(f"{x:>7.1f}" for x in sizes))
    report.at_least("last over first", float(sizes[-1] / sizes[0]), 1.5)
    grows = bool(np.all(np.diff(sizes) > 0))
    report.hold("every layer adds", "yes" if grows else "no", grows, "yes")
    scores = findings.sinks(model)
    chosen = [tuple(map(int, h)) for h in np.argwhere(scores >= findings.SINK)]
    says = ", ".join(f"{name_of(h)} {scores[h]:.2f}" for h in chosen) or "none"
    report.say(f"  attention sinks (mean attention to <s> of {findings.SINK} or more): {says}")
    report.numbers["residual"] = [float(x) for x in sizes]
    report.numbers["sinks"] = {"heads": list(map(name_of, chosen)),
                               "scores": np.round(scores, 4).tolist()}


def check_overruled(model, report):
    report.title("capitals that the text before denies")
    found = findings.overruled(model)
    surest = found["surest"]
    report.say(f"  the text is believed in {found['believed']} of {found['asked']} cases")
    report.say(f"  {surest['text']}")
    report.at_least("the surest", surest["p_lie"], 0.5,
                    note=f"{surest['lie']}, not {surest['truth']} ({surest['p_truth']:.3f})")
    report.numbers["overruled"] = found


# ---- the same in Hugging Face ------------------------------------------------------------------


def reference_rows(model, items):
    """(item, logits of all its positions) by Hugging Face, in float32."""
    need("torch", "transformers", kind="reference")
    import record_hf
    import torch

    network = record_hf.load(model.directory)
    items = sorted(items, key=lambda item: len(item["ids"]))
    for begin in range(0, len(items), 64):
        batch = items[begin: begin + 64]
        width = max(len(item["ids"]) for item in batch)
        ids = torch.tensor([item["ids"] + [0] * (width - len(item["ids"])) for item in batch])
        with torch.no_grad():
            logits = network(ids).logits.numpy()
        yield from zip(batch, logits)


def check_reference(model, report, runs, right):
    report.title("the same items in Hugging Face")
    ours, theirs, worst = runs.rows("lm_head:out"), {}, 0.0
    for item, logits in reference_rows(model, model.items):
        ids, against = item["ids"], item["against"]
        theirs[item["id"]] = all(
            logits[p, ids[p + 1]] > logits[p, against] if against is not None
            else logits[p].argmax() == ids[p + 1] for p in item["predict"])
        gap = compare.log_softmax(logits[len(ids) - 2]) - compare.log_softmax(ours[item["id"]])
        worst = max(worst, float(np.abs(gap).max()))
    differ = [name for name, answer in theirs.items() if answer != right[name]]
    report.hold("items answered alike", len(theirs) - len(differ), not differ,
                f"= {len(theirs)}", note=" ".join(differ[:3]))
    report.below("log-probabilities", worst, compare.LOGPROB, note="largest difference")
    report.numbers["reference"] = {"differ": differ, "logprob": worst}


# ---- the command -------------------------------------------------------------------------------


def parse(argv):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("-m", "--model", metavar="DIR", default=MODEL, help="default: lessons/model")
    add("--torchless", metavar="FILE", default=os.path.join(ROOT, "torchless"))
    add("--json", metavar="FILE", help="write all numbers")
    add("--quick", type=int, nargs="?", const=8, metavar="N",
        help="the first N items of each behaviour (default 8), no Hugging Face")
    return parser.parse_args(argv)


def first_items(items, count):
    """The first COUNT of each behaviour."""
    seen = collections.Counter()
    for item in items:
        seen[item["behaviour"]] += 1
        if seen[item["behaviour"]] <= count:
            yield item


def main(argv):
    """Run the checks."""
    args = parse(argv)
    if not recorded_runs.is_model(args.model):
        raise EnvironmentProblem(f"{args.model}: holds no model")
    report, begin = Report(), time.monotonic()
    with recorded_runs.Engine(args.torchless, args.model) as engine:
        model = Model(args.model, engine)
        if args.quick:
            model.items = list(first_items(model.items, args.quick))
        report.say(ROW.format("", "items", "measured", "bound", ""))
        check_tokens(model, report)
        runs = engine.record("items", model.items, *model.asked())
        right = check_behaviours(model, report, runs)
        check_stories(model, report)
        check_heads(model, report)
        check_lens(model, report, runs)
        check_window(model, report)
        check_stream(model, report, runs)
        check_overruled(model, report)
        if not args.quick:
            check_reference(model, report, runs, right)
    verdict = f"{len(report.failed)} FAILED" if report.failed else "all bounds are kept"
    report.say(f"\n{verdict}, {time.monotonic() - begin:.0f} s")
    report.numbers["failed"] = report.failed
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(report.numbers, file, ensure_ascii=False, indent=1)
            file.write("\n")
    return 1 if report.failed and not args.quick else 0


if __name__ == "__main__":
    run_main(main)
