#!/usr/bin/env python3
"""Measure the teaching model in Hugging Face transformers and hold it to its bounds.

Prints a table and writes everything as JSON; teach/card.py makes the model card of it.
"""

import argparse
import collections
import contextlib
import hashlib
import json
import logging
import os
import random
import re
import sys

if __package__ in (None, ""):
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib.files import need, run_main  # noqa: E402

torch, _ = need("torch", "transformers", kind="reference")

from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

from teach import circuits, items, tokenizer  # noqa: E402
from teach.grammar import facts  # noqa: E402
from teach.grammar.world import NAMES  # noqa: E402
from teach.model import Config  # noqa: E402

logging.getLogger("transformers").setLevel(logging.ERROR)
BATCH = 64
FILES = ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
         "tokenizer_config.json")


class Subject:
    """The model under test."""

    def __init__(self, directory):
        self.model = AutoModelForCausalLM.from_pretrained(
            directory, torch_dtype=torch.float32, attn_implementation="eager").eval()
        self.tokenizer = AutoTokenizer.from_pretrained(directory)
        self.encoder = tokenizer.load(os.path.join(directory, "tokenizer.json"))
        self.config = self.model.config
        self.layers = self.model.model.layers

    @torch.no_grad()
    def logits(self, ids):
        return self.model(torch.tensor(ids), use_cache=False).logits

    def last_logits(self, lists):
        """Of each list of ids, each read alone, the logits of its last position."""
        return [self.logits([ids])[0, -1] for ids in lists]

    @contextlib.contextmanager
    def without(self, heads):
        """Zero the z of heads named like "L1H0"."""
        size, handles = self.config.head_dim, []
        for name in heads:
            layer, head = map(int, re.fullmatch(r"L(\d+)H(\d+)", name).groups())

            def hook(_, inputs, head=head):
                z = inputs[0].clone()
                z[..., head * size: (head + 1) * size] = 0
                return (z,)
            o_proj = self.layers[layer].self_attn.o_proj
            handles.append(o_proj.register_forward_pre_hook(hook))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    @torch.no_grad()
    def residuals(self, ids):
        """[layers + 1] tensors [B, T, width]: the embedding and each layer's resid_post."""
        found = []
        handles = [self.layers[0].register_forward_pre_hook(lambda _, i: found.append(i[0]))]
        handles += [layer.register_forward_hook(lambda _, i, o: found.append(o[0]))
                    for layer in self.layers]
        self.logits(ids)
        for handle in handles:
            handle.remove()
        return found

    @torch.no_grad()
    def patterns(self, ids):
        """[layers] arrays [B, heads, T, T]."""
        out = self.model(torch.tensor(ids), output_attentions=True, use_cache=False)
        return [pattern.numpy() for pattern in out.attentions]


def batched(subject, chosen):
    """Yield (item, logits [T, vocab]) for items of any length."""
    chosen = sorted(chosen, key=lambda item: len(item["ids"]))
    for start in range(0, len(chosen), BATCH):
        part = chosen[start: start + BATCH]
        length = max(len(item["ids"]) for item in part)
        padded = [item["ids"] + [tokenizer.EOS] * (length - len(item["ids"])) for item in part]
        yield from zip(part, subject.logits(padded))


def is_right(item, logits):
    """Whether all predictions of an item hold; logits [T, vocab]."""
    ids, against = item["ids"], item["against"]
    if against is not None:
        return all(bool(logits[p, ids[p + 1]] > logits[p, against]) for p in item["predict"])
    return all(int(logits[p].argmax()) == ids[p + 1] for p in item["predict"])


def accuracy(subject, chosen):
    """{behaviour: share of right items}"""
    results = {}
    for item, logits in batched(subject, chosen):
        results.setdefault(item["behaviour"], []).append(is_right(item, logits))
    return {name: round(circuits.mean(results[name]), 4) for name in results}


def fact_families(subject, chosen):
    """{family: share right} of the bare facts, in the order that items.all_facts writes them."""
    families = iter([family for family, (table, _, _) in facts.FAMILIES.items() for _ in table])
    named = [{**item, "behaviour": next(families)} for item in chosen
             if item["behaviour"] == "facts"]
    return accuracy(subject, named)


# Stories

def story(subject, opening, seed):
    torch.manual_seed(seed)
    prompt = subject.tokenizer(opening, return_tensors="pt")
    with torch.no_grad():
        out = subject.model.generate(
            **prompt, do_sample=True, temperature=items.STORY_TEMPERATURE, top_k=0, top_p=1.0,
            max_new_tokens=items.STORY_TOKENS, pad_token_id=tokenizer.EOS)[0]
    return (subject.tokenizer.decode(out, skip_special_tokens=True),
            int(out[-1]) == tokenizer.EOS)


def faults(text, ended, known):
    """What keeps a story from being fluent; an empty list when nothing does."""
    sentences = re.findall(r"[^.!?]+[.!?]\"?", text)
    found = [] if ended and text.rstrip()[-1:] in '."!?' else ["does not end"]
    if any(sentences.count(sentence) > 2 for sentence in sentences):
        found.append("loops")
    strange = {piece for piece in tokenizer.pieces(text) if piece not in known}
    return found + ([f"strange: {' '.join(sorted(strange))}"] if strange else [])


def stories(subject):
    known = set(tokenizer.count_words(0))
    told = []
    for opening in items.OPENINGS:
        for seed in items.STORY_SEEDS:
            text, ended = story(subject, opening, seed)
            told.append({"text": text, "seed": seed, "faults": faults(text, ended, known)})
    return told


# Circuits

def head_scores(subject):
    """{kind: {"L0H0": score}} on repeated random tokens; sinks on stories of the training kind."""
    ids = circuits.repeated(32)
    window, scores = subject.config.sliding_window, {
        "previous": {}, "induction": {}, "self": {}, "sink": {}}
    for layer, batch in enumerate(subject.patterns(ids)):
        for head in range(subject.config.num_attention_heads):
            name = f"L{layer}H{head}"
            scores["previous"][name] = circuits.mean(
                circuits.previous_token_score(p, head) for p in batch)
            scores["induction"][name] = circuits.mean(
                circuits.induction_score(p, head) for p in batch)
            scores["self"][name] = circuits.mean(circuits.self_score(p, head) for p in batch)
    for layer, batch in enumerate(subject.patterns(story_ids(subject))):
        for head in range(subject.config.num_attention_heads):
            scores["sink"][f"L{layer}H{head}"] = circuits.mean(
                circuits.sink_score(p, head, window) for p in batch)
    return {kind: {n: round(s, 4) for n, s in found.items()} for kind, found in scores.items()}


def story_ids(subject, count=16, length=64):
    from teach.grammar import stories as grammar_stories
    rng, found = random.Random("sink"), []
    while len(found) < count:
        ids = [tokenizer.BOS] + subject.encoder.marked(grammar_stories.document(rng))[0]
        if len(ids) >= length:
            found.append(ids[:length])
    return found


def induction_accuracy(subject):
    """On the second period of repeated random tokens, from its second token on."""
    ids, period = torch.tensor(circuits.repeated(32)), circuits.PERIOD
    right = subject.logits(ids.tolist())[:, period + 1: -1].argmax(-1) == ids[:, period + 2:]
    return round(float(right.float().mean()), 4)


def ablations(subject, scores, fact_items):
    """Accuracy of induction and of the bare facts when heads are silent."""
    previous = circuits.of_a_kind(scores["previous"])
    inductive = circuits.of_a_kind(scores["induction"])
    controls = [name for name in scores["previous"] if name not in previous + inductive]
    cases = {"nothing": [], "previous-token head": previous[:1],
             "previous-token heads": previous, "induction heads": inductive}
    cases.update({name: [name] for name in inductive + controls})
    result = {}
    for case, heads in cases.items():
        with subject.without(heads):
            result[case] = {"heads": heads, "induction": induction_accuracy(subject),
                            "facts": accuracy(subject, fact_items)["facts"]}
    # The control is the head most alike: of the previous-token head's layer, and the least missed.
    layer = previous[0][:2] if previous else "L0"
    rivals = [name for name in controls if name.startswith(layer)] or controls
    result["control"] = result[max(rivals, key=lambda name: result[name]["induction"])]
    return result


@torch.no_grad()
def lens(subject, chosen):
    """For each depth (0 is the embedding) the share of items whose answer is already first."""
    hits, count = [0] * (len(subject.layers) + 1), 0
    for item in chosen:
        position = item["predict"][0]
        for depth, residual in enumerate(subject.residuals([item["ids"]])):
            logits = subject.model.lm_head(subject.model.model.norm(residual[0, position]))
            hits[depth] += int(logits.argmax()) == item["ids"][position + 1]
        count += 1
    return [round(hit / count, 4) for hit in hits]


def residual_growth(subject):
    """Mean length of the residual stream after each layer, <s> and its sink left aside."""
    return [round(float(r[:, 1:].norm(dim=-1).mean()), 3)
            for r in subject.residuals(story_ids(subject))]


def influence(subject, count=8):
    """{distance: the largest influence of the token so far back on the last position}, over `count`
    random texts: at the farthest reach it is of the size of rounding, and 0 in many a text."""
    config = subject.config
    reach = config.num_hidden_layers * (config.sliding_window - 1)
    distances = (1, config.sliding_window - 1, config.sliding_window, reach - 1, reach, reach + 1,
                 reach + 2)
    rng, last, texts = random.Random("influence"), reach + 8, []
    for _ in range(count):
        ids = [tokenizer.BOS] + [rng.randrange(3, config.vocab_size) for _ in range(last)]
        texts.append(ids)
        for distance in distances:
            changed = list(ids)
            changed[last - distance] = ids[last - distance] % (config.vocab_size - 4) + 4
            texts.append(changed)
    rows, found = iter(subject.last_logits(texts)), dict.fromkeys(distances, 0.0)
    for _ in range(count):
        plain = next(rows)
        for distance in distances:
            found[distance] = max(found[distance], float((next(rows) - plain).abs().max()))
    return found


LIES = (
    "{who} said that the capital of {key} is {lie}. The capital of {key} is",
    "The capital of {key} is {lie}. What is the capital of {key}? It is",
    "The capital of {key} is {lie}. The capital of {key} is {lie}. The capital of {key} is",
    "The capital of {key} is {lie}. {who} lives in {lie}, the capital of {key}. "
    "{who} said that the capital of {key} is",
)


def contradictions(subject):
    """Texts that deny a capital before they ask for it: what the model answers, and how surely."""
    rng, table, found = random.Random("contradictions"), facts.CAPITALS, []
    for form in LIES:
        for key in sorted(table):
            lie = rng.choice([v for v in sorted(table.values()) if v != table[key]])
            text = form.format(who=rng.choice(NAMES), key=key, lie=lie)
            found.append({"text": text, "truth": table[key], "lie": lie})
    asked = [[tokenizer.BOS] + subject.encoder(case["text"]) for case in found]
    for case, row in zip(found, subject.last_logits(asked)):
        p = row.softmax(-1)
        best = int(p.argmax())
        case |= {"answer": subject.encoder.texts[best][1:], "probability": round(float(p[best]), 4)}
    return found


def measure(directory, quick=False):
    subject = Subject(directory)
    chosen = list(items.items(subject.encoder))
    fact_items = [item for item in chosen if item["behaviour"] == "facts"]
    result = {"accuracy": accuracy(subject, chosen),
              "counts": dict(collections.Counter(item["behaviour"] for item in chosen)),
              "fact_families": fact_families(subject, chosen)}
    if quick:
        return result
    told = stories(subject)
    result["stories"] = {"fluent": sum(not t["faults"] for t in told), "of": len(told),
                         "told": told}
    scores = result["heads"] = head_scores(subject)
    result["kinds"] = {kind: {"heads": circuits.of_a_kind(scores[kind]),
                              "apart": circuits.apart(scores[kind])} for kind in scores}
    result["ablations"] = ablations(subject, scores, fact_items)
    copies = [item for item in chosen if item["behaviour"] == "copy-rare"]
    result["lens"] = {"facts": lens(subject, fact_items), "copies": lens(subject, copies[:60])}
    result["window"] = accuracy(subject, items.window_items(subject.encoder))
    result["influence"] = influence(subject)
    result["residual"] = residual_growth(subject)
    result["contradictions"] = contradictions(subject)
    result["parameters"] = sum(p.numel() for p in subject.model.parameters())
    result["misses"] = misses(result)
    result["sha256"] = {name: file_hash(os.path.join(directory, name)) for name in FILES}
    return result


def file_hash(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def missed_abilities(result):
    """Sentences about items that are right less often than promised."""
    return [f"{name}: {result['accuracy'][name]:.3f}, promised {bound}"
            for name, bound in items.BOUNDS.items() if result["accuracy"][name] < bound]


def misses(result):
    """Sentences about what is not as promised."""
    found = missed_abilities(result)
    if "stories" not in result:
        return found
    fluent, cut, kinds = result["stories"]["fluent"], result["ablations"], result["kinds"]
    reach = Config().layers * (Config().window - 1)
    near, beyond = (
        [right for name, right in result["window"].items()
         if (int(name.split("-")[1]) < Config().window) == inside] for inside in (True, False))
    believed = max((case["probability"] for case in result["contradictions"]
                    if case["answer"] == case["lie"]), default=0)
    checks = {
        f"{fluent} fluent stories, promised {items.FLUENT_BOUND}": fluent >= items.FLUENT_BOUND,
        "no single previous-token head": len(kinds["previous"]["heads"]) == 1,
        "no or too many induction heads": 1 <= len(kinds["induction"]["heads"]) <= 3,
        "previous-token scores are not apart": kinds["previous"]["apart"],
        "induction scores are not apart": kinds["induction"]["apart"],
        "induction survives without the previous-token head":
            cut["previous-token head"]["induction"] < 0.2,
        "induction survives without the induction heads": cut["induction heads"]["induction"] < 0.2,
        "induction needs the control head": cut["control"]["induction"] > 0.9,
        "facts need the previous-token head": cut["previous-token head"]["facts"] > 0.9,
        "facts need the induction heads": cut["induction heads"]["facts"] > 0.9,
        "facts need the control head": cut["control"]["facts"] > 0.9,
        "facts settle in one layer":
            sum(b - a > 0.05 for a, b in zip(result["lens"]["facts"], result["lens"]["facts"][1:])) >= 2,
        "lookup fails inside the window": min(near) >= 0.9,
        "lookup reaches beyond the window": max(beyond) <= 0.5,
        "influence beyond layers x (window - 1)":
            {moved for distance, moved in result["influence"].items() if distance > reach} == {0},
        "no influence at layers x (window - 1)": result["influence"][reach] > 0,
        "the residual stream does not grow": result["residual"] == sorted(result["residual"]),
        "no text that contradicts a fact is believed with confidence": believed > 0.9,
    }
    return found + [sentence for sentence, holds in checks.items() if not holds]


def show(result):
    for name, bound in items.BOUNDS.items():
        print(f"{name:20} {result['accuracy'][name]:.3f}  (bound {bound})")
    print("facts:", result["fact_families"])
    if "stories" in result:
        print(f"stories: {result['stories']['fluent']} of {result['stories']['of']} fluent")
        for part in ("kinds", "lens", "window", "influence", "residual"):
            print(f"{part}: {result[part]}")
        for case, numbers in result["ablations"].items():
            print(f"without {case:22} induction {numbers['induction']:.3f} facts {numbers['facts']:.3f}")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("directory", nargs="?", default="lessons/model")
    parser.add_argument("-o", "--output", help="write everything as JSON")
    parser.add_argument("--quick", action="store_true", help="only the items")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    result = measure(args.directory, args.quick)
    show(result)
    if args.output:
        with open(args.output, "w", encoding="utf-8") as file:
            json.dump(result, file, ensure_ascii=False, indent=1)
            file.write("\n")
    found = misses(result)
    for sentence in found:
        print("MISS", sentence)
    return 1 if found else 0


if __name__ == "__main__":
    run_main(main)
