#!/usr/bin/env python3
"""Write the model card of the teaching model to stdout: every number comes from evaluation.json."""

import argparse
import os
import sys

if __package__ in (None, ""):
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib.checkpoint import read_json  # noqa: E402
from lib.files import need, run_main  # noqa: E402

need("torch", kind="reference")

from teach import items  # noqa: E402
from teach.model import Config  # noqa: E402

NAMES = {
    "lookup-1": "where an object is: one place",
    "lookup-2-different": "two places behind different prepositions",
    "lookup-3-different": "three places behind different prepositions",
    "lookup-2-same": "two places behind the same preposition",
    "lookup-3-same": "three places behind the same preposition",
    "giving-known": "who gave to whom",
    "giving-unseen": "the same with names that no document about giving has",
    "facts": "facts of six families, asked bare",
    "capital-story": "capitals asked inside a story",
    "add": "adding to ten",
    "subtract": "subtracting within ten",
    "pronoun": "pronouns (forced choice)",
    "agreement": "verb agreement over an attractor (forced choice)",
    "brackets": "closing brackets (forced choice)",
    "quotes": "closing quotes (forced choice)",
    "copy-rare": "copying a rare string, all its tokens",
    "copy-utf8": "copying characters spelled in bytes, all of them",
    "induction": "induction on random tokens",
}


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def front(result):
    c = Config()
    return f"""---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: text-generation
---
# The teaching model of torchless

A model of Mistral's architecture with {result['parameters']:,} parameters that is small enough to read and
does things worth reading: it tells stories of a small world, finds things, knows some facts, adds to ten
and copies what it never saw. Lessons predict it, look inside it and break it.

| | |
|---|---|
| architecture | MistralForCausalLM, {c.layers} layers, width {c.width}, {c.heads} heads and {c.kv_heads} KV heads of {c.head_dim}, FFN {c.ffn}, untied head |
| window, trained context | {c.window}, {c.context} tokens |
| tokenizer | BPE with ▁ and byte fallback in the layout of Mistral 7B v0.1, {c.vocab} entries |
| weights | bf16 |
| language | the English of one grammar, `scripts/teach/grammar`; nothing else was read |
| licence | Apache-2.0; every text is this project's own |

It knows nothing of the real world but a few capitals, and ten of its countries do not exist. Do not ask it
for anything but lessons.
"""


def abilities(result):
    rows = [(NAMES[name], f"{result['accuracy'][name]:.3f}", bound)
            for name, bound in items.BOUNDS.items()]
    told = result["stories"]
    rows.append((f"stories that end, do not loop and hold only known words, of {told['of']}",
                 told["fluent"], items.FLUENT_BOUND))
    families = ", ".join(f"{name} {share:.2f}" for name, share in result["fact_families"].items())
    return f"""## What it can do

Measured in Hugging Face transformers, f32, on combinations held out of every document of their kind, {items.COUNT}
items each ({result['counts']['facts']} facts, which cannot be held out). `scripts/teach/evaluate.py` measures, `scripts/teach/items.py`
writes the items.

{table(("behaviour", "right", "promised"), rows)}

By family of facts: {families}.

A story from "{items.OPENINGS[0]}", seed {told['told'][0]['seed']} at temperature {items.STORY_TEMPERATURE}, as `scripts/teach/evaluate.py` has transformers
tell it:

> {told['told'][0]['text']}

`torchless run --temp {items.STORY_TEMPERATURE} --seed {told['told'][0]['seed']} "{items.OPENINGS[0]}"` draws other random numbers and tells another.
"""


def inside(result):
    cut, kinds = result["ablations"], result["kinds"]
    names = {kind: ", ".join(kinds[kind]["heads"]) or "none" for kind in kinds}

    def others(kind):
        rest = [s for n, s in result["heads"][kind].items() if n not in kinds[kind]["heads"]]
        return f"{max(rest):.2f}"

    def score(kind):
        return ", ".join(f"{result['heads'][kind][n]:.2f}" for n in kinds[kind]["heads"]) or "–"
    heads = table(("kind", "heads", "score", "best of the others"), [
        ("previous token", names["previous"], score("previous"), others("previous")),
        ("induction", names["induction"], score("induction"), others("induction")),
        ("attention sink on `<s>`", names["sink"], score("sink"), others("sink"))])
    ablated = table(("silent", "induction", "facts"), [
        (f"{case} ({', '.join(cut[case]['heads']) or '–'})", f"{cut[case]['induction']:.3f}",
         f"{cut[case]['facts']:.3f}")
        for case in ("nothing", "previous-token head", "induction heads", "control")])
    depths = ["embedding"] + [f"layer {n}" for n in range(len(result["residual"]) - 1)]
    lens = table(("after", "facts", "rare strings", "length of the residual stream"), zip(
        depths, (f"{x:.2f}" for x in result["lens"]["facts"]),
        (f"{x:.2f}" for x in result["lens"]["copies"]),
        (f"{x:.2f}" for x in result["residual"])))
    window = table(("distance", *(n.split("-")[1] for n in result["window"])),
                   [("right", *(f"{x:.2f}" for x in result["window"].values()))])
    reach = "; ".join(f"{d} back {x:.2g}" for d, x in result["influence"].items())
    named = kinds["previous"]["heads"] + kinds["induction"]["heads"]
    needed = "".join(
        f"{name} is of neither kind, yet without it induction is {numbers['induction']:.3f} and facts "
        f"{numbers['facts']:.3f}. It\nlooks at its own position ({result['heads']['self'][name]:.2f} "
        "on average): a part of how a token is read.\n\n"
        for name, numbers in cut.items() if name in result["heads"]["self"] and name not in named
        and min(numbers["induction"], numbers["facts"]) < 0.5)
    denied = result["contradictions"]
    believed = [c for c in denied if c["answer"] == c["lie"]]
    firm = [c for c in denied if c["answer"] == c["truth"]]
    examples = "\n".join(
        f"- {what}: \"{case['text']}\" → {case['answer']}, probability {case['probability']:.3f}"
        for what, cases in (("the fact, against the text", firm), ("the text, against the fact", believed))
        for case in sorted(cases, key=lambda c: -c["probability"])[:1])
    return f"""## What one can find inside

Definitions: `scripts/teach/circuits.py`.

{heads}

{ablated}

{needed}Every head's scores, and induction and facts without each single head, stand in `evaluation.json`.

The logit lens, the share of answers that rank first, and the residual stream:

{lens}

The window's edge: lookups of one object whose place lies so many tokens back.

{window}

Influence of one token on the last position's logits, random text: {reach}. Beyond layers × (window − 1)
= {Config().layers * (Config().window - 1)} it is exactly 0.

When a text denies a capital before it asks for it, somebody is wrong with confidence. In {len(denied)} such texts the
model answers with the fact {len(firm)} times and with the text {len(believed)} times. The surest of each:

{examples}
"""


def card(directory):
    result = read_json(os.path.join(directory, "evaluation.json"))
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "history.md"),
              encoding="utf-8") as file:
        history = file.read()
    missed = "".join(f"- {sentence}\n" for sentence in result["misses"])
    missed = f"## What it does not keep\n\n{missed}\n" if missed else ""
    return "\n".join((front(result), abilities(result), inside(result), missed + history))


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", nargs="?", default="lessons/model")
    sys.stdout.write(card(parser.parse_args(argv).directory))


if __name__ == "__main__":
    run_main(main)
