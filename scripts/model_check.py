#!/usr/bin/env python3
"""Holds the teaching model to what its card and the lessons say of it, through torchless itself.

    scripts/model_check.py                 everything: what it can do, what one can find inside
    scripts/model_check.py --json FILE     the same, and the numbers as JSON
    scripts/model_check.py --quick         a few items of each kind, and no Hugging Face

Items, bounds and the definition of every score are those of scripts/teach, which measures with
Hugging Face (teach/evaluate.py). Here torchless takes its place: items are runs of a recording
(trace --prompts), read back with SQL; heads are taken out with --zero; the lens reads dumped
residual streams. Both must then give the same numbers, item by item; only stories are told by
each sampler in its own way. Exit status: 0 all bounds are kept and all numbers equal, 1 not,
3 something is missing. A few items are no measure of a share, so --quick does not hold shares of
items to their bounds, but all else.
"""

import argparse
import collections
import json
import os
import sys
import time

from lib.files import ROOT, EnvironmentProblem, need, run_main

np, torch, _ = need("numpy", "torch", "transformers", kind="reference")

from teach import circuits, evaluate, items as teach_items  # noqa: E402

from lib import compare, recorded_runs  # noqa: E402
from lib.engine_subject import EngineSubject  # noqa: E402

MODEL = os.path.join(ROOT, "lessons", "model")
SCORE = 1e-3  # how far scores and probabilities of the two may lie apart


def circuits_of(subject, facts, copies):
    """What evaluate.measure says of the inside, of one subject."""
    scores = evaluate.head_scores(subject)
    return {
        "heads": scores,
        "kinds": {kind: {"heads": circuits.of_a_kind(scores[kind]),
                         "apart": circuits.apart(scores[kind])} for kind in scores},
        "ablations": evaluate.ablations(subject, scores, facts),
        "lens": {"facts": evaluate.lens(subject, facts), "copies": evaluate.lens(subject, copies)},
        "influence": evaluate.influence(subject),
        "residual": evaluate.residual_growth(subject),
        "contradictions": evaluate.contradictions(subject),
    }


def by_behaviour(chosen, right):
    """{behaviour: share of right items}, rounded as evaluate.accuracy does."""
    found = collections.defaultdict(list)
    for item in chosen:
        found[item["behaviour"]].append(right[item["id"]])
    return {name: round(circuits.mean(results), 4) for name, results in found.items()}


class Check:
    """The items, and what was found."""

    def __init__(self, args, engine):
        self.args, self.engine = args, engine
        self.subject = EngineSubject(args.model, engine)
        self.items = self.some(teach_items.items(self.subject.encoder))
        self.window = self.some(teach_items.window_items(self.subject.encoder))
        self.facts = [item for item in self.items if item["behaviour"] == "facts"]
        self.copies = [item for item in self.items if item["behaviour"] == "copy-rare"][:60]
        self.begin, self.problems = time.monotonic(), []

    def some(self, chosen):
        """All items, or the first of each behaviour."""
        seen, kept = collections.Counter(), []
        for item in chosen:
            seen[item["behaviour"]] += 1
            if not self.args.quick or seen[item["behaviour"]] <= self.args.quick:
                kept.append(item)
        return kept

    def step(self, text):
        """What is being done, on stderr."""
        print(f"[{time.monotonic() - self.begin:5.1f} s] {text}", file=sys.stderr, flush=True)

    def tokens(self):
        """torchless spells every item as the grammar's own encoder does."""
        texts = [item for item in self.items if item["text"] is not None]
        lines = "\n".join(json.dumps(item["text"]) for item in texts)
        answer = self.engine.call("tokenize", "--jsonl", given=lines.encode()).decode()
        for item, line in zip(texts, answer.splitlines(), strict=True):
            if json.loads(line) != item["ids"]:
                self.problems.append(f"tokens of {item['id']}: {line}, expected {item['ids']}")

    def measure(self):
        """The numbers of evaluate.measure, by torchless."""
        self.step("tokens")
        self.tokens()
        self.step(f"{len(self.items)} items")
        self.right = self.subject.answers(self.items)
        result = {"accuracy": by_behaviour(self.items, self.right)}
        self.step("stories")
        told = self.subject.stories()
        result["stories"] = {"fluent": sum(not t["faults"] for t in told), "of": len(told),
                             "told": told}
        self.step("the window")
        self.window_right = self.subject.answers(self.window)
        found = by_behaviour(self.window, self.window_right)
        result["window"] = {name: found[name] for name in sorted(found)}
        self.step("heads, lens, residual stream")
        self.subject.remember_residuals([item["ids"] for item in self.facts + self.copies])
        result |= circuits_of(self.subject, self.facts, self.copies)
        result["misses"] = evaluate.misses(result)
        if self.args.quick:
            for missed in evaluate.missed_abilities(result):
                result["misses"].remove(missed)
        return result

    def compare_items(self, subject):
        """Every item in Hugging Face: the problems are what differs."""
        right, differ, worst = self.right | self.window_right, [], 0.0
        for item, logits in evaluate.batched(subject, self.items + self.window):
            if evaluate.is_right(item, logits) != right[item["id"]]:
                differ.append(item["id"])
            asked = logits[len(item["ids"]) - 2].numpy()
            gap = compare.log_softmax(asked) - compare.log_softmax(self.subject.asked[item["id"]])
            worst = max(worst, float(np.abs(gap).max()))
        if differ:
            self.problems.append(f"Hugging Face answers {len(differ)} items otherwise: "
                                 f"{' '.join(differ[:5])}")
        if worst > compare.LOGPROB:
            self.problems.append(f"log-probabilities differ by {worst:.1e}, "
                                 f"{compare.LOGPROB:.0e} are allowed")
        return {"items": len(right), "differ": differ, "logprob": worst}

    def reference(self, ours):
        """The same in Hugging Face."""
        self.step("the same items in Hugging Face")
        subject = evaluate.Subject(self.args.model)
        compared = self.compare_items(subject)
        self.step("heads, lens, residual stream in Hugging Face")
        theirs = circuits_of(subject, self.facts, self.copies)
        for path, a, b in differences({key: ours[key] for key in theirs}, theirs):
            self.problems.append(f"{path}: {a} in torchless, {b} in Hugging Face")
        return compared


def differences(a, b, path=""):
    """(where, a, b) of what is not equal: numbers up to SCORE, relative to those above 1."""
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        for key in a:
            yield from differences(a[key], b[key], f"{path}.{key}" if path else str(key))
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for number, (x, y) in enumerate(zip(a, b)):
            yield from differences(x, y, f"{path}[{number}]")
    elif isinstance(a, float) and isinstance(b, float):
        if abs(a - b) > SCORE * max(1, abs(b)):
            yield path, a, b
    elif a != b:
        yield path, a, b


# ---- the tables ------------------------------------------------------------------------------


def print_abilities(result, counts):
    print(f"{'behaviour':<22}{'items':>6}{'right':>9}{'bound':>9}")
    for name, bound in teach_items.BOUNDS.items():
        right = result["accuracy"][name]
        print(f"{name:<22}{counts[name]:>6}{right:>9.3f}{bound:>9}"
              f"{'' if right >= bound else '   missed'}")
    told = result["stories"]
    print(f"{'fluent stories':<22}{told['of']:>6}{told['fluent']:>9}{teach_items.FLUENT_BOUND:>9}"
          f"{'' if told['fluent'] >= teach_items.FLUENT_BOUND else '   missed'}")
    for story in told["told"]:
        if story["faults"]:
            print(f"  seed {story['seed']}, {story['text'][:40]!r}…: "
                  f"{', '.join(story['faults'])[:60]}")


def print_heads(result):
    print("\nheads, on repeated random tokens (sinks: on stories)")
    for kind, found in result["kinds"].items():
        scores = result["heads"][kind]
        rest = max((s for name, s in scores.items() if name not in found["heads"]), default=0)
        names = ", ".join(f"{name} {scores[name]:.2f}" for name in found["heads"]) or "none"
        print(f"  {kind:<12}{names}; the best of the others {rest:.2f}")
    print(f"\n{'silent':<24}{'induction':>10}{'facts':>8}   heads")
    for case in ("nothing", "previous-token head", "previous-token heads", "induction heads",
                 "control"):
        row = result["ablations"][case]
        print(f"  {case:<22}{row['induction']:>10.3f}{row['facts']:>8.3f}   "
              f"{' '.join(row['heads'])}")


def print_row(label, values, form):
    print(f"  {label:<22}" + "".join(f"{form.format(value):>8}" for value in values))


def print_inside(result):
    print_heads(result)
    depths = ["embed"] + [f"L{i}" for i in range(len(result["residual"]) - 1)]
    print("\nafter")
    print_row("", depths, "{}")
    print_row("facts known", result["lens"]["facts"], "{:.2f}")
    print_row("rare strings known", result["lens"]["copies"], "{:.2f}")
    print_row("residual stream, l2", result["residual"], "{:.1f}")
    print("\nthe window's edge: a lookup whose place lies so far back")
    print_row("", [name.split("-")[1] for name in result["window"]], "{}")
    print_row("right", result["window"].values(), "{:.2f}")
    print("\ninfluence of one token on the last logits, random text")
    print_row("so far back", result["influence"], "{}")
    print_row("largest change", result["influence"].values(), "{:.1e}")
    believed = [c for c in result["contradictions"] if c["answer"] != c["truth"]]
    print(f"\na story that contradicts a capital is believed in {len(believed)} of "
          f"{len(result['contradictions'])} cases")
    if believed:
        surest = max(believed, key=lambda case: case["probability"])
        print(f"  {surest['text']} {surest['answer']} ({surest['probability']:.3f}), where the fact "
              f"is {surest['truth']}")


def print_reference(items, differ, logprob):
    print(f"\nHugging Face answers {len(differ)} of {items:,} items otherwise; of the last "
          f"prediction of each, log-probabilities lie within {logprob:.1e} ({compare.LOGPROB:.0e} "
          f"allowed)")


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
        help="the first N items of each behaviour (default 8)")
    return parser.parse_args(argv)


def main(argv):
    """Run the checks."""
    args = parse(argv)
    if not recorded_runs.is_model(args.model):
        raise EnvironmentProblem(f"{args.model}: holds no model")
    with recorded_runs.Engine(args.torchless, args.model) as engine:
        check = Check(args, engine)
        result = check.measure()
        print_abilities(result, collections.Counter(item["behaviour"] for item in check.items))
        print_inside(result)
        if not args.quick:
            result["reference"] = check.reference(result)
            print_reference(**result["reference"])
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(result, file, ensure_ascii=False, indent=1)
            file.write("\n")
    problems = result["misses"] + check.problems
    print(*(f"MISSED  {problem}" for problem in problems), sep="\n")
    print(f"{len(problems)} missed" if problems else "all bounds are kept, all numbers equal",
          f"{time.monotonic() - check.begin:.0f} s", sep=", ")
    return 1 if problems else 0


if __name__ == "__main__":
    run_main(main)
