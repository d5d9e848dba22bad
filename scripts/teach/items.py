#!/usr/bin/env python3
"""The test items of the teaching model, as JSON lines; nothing here needs torch.

An item is {"id", "behaviour", "ids", "predict", "against", "text"}.  ids is a whole sequence, <s> and
answer included.  For each position p in predict the model, having read ids[0..p], must rank
ids[p + 1] first; where "against" is a token, it is enough that ids[p + 1] has a larger logit than
that token (a forced choice).  An item is right when all its predictions are.

All but the facts are combinations that no document of their kind contains
(teach.grammar.world.held_out).
"""

import argparse
import json
import os
import random
import sys

if __package__ in (None, ""):
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib.files import run_main  # noqa: E402
from teach import tokenizer  # noqa: E402
from teach.grammar import copying, facts, giving, lookup, numbers, syntax  # noqa: E402
from teach.grammar.world import NAMES, NEW_NAMES  # noqa: E402

COUNT = 150  # items of a behaviour

# behaviour: the share of items that must be right
BOUNDS = {
    "lookup-1": 0.98,
    "lookup-2-different": 0.95,
    "lookup-3-different": 0.95,
    "lookup-2-same": 0.90,
    "lookup-3-same": 0.75,
    "giving-known": 0.98,
    "giving-unseen": 0.70,
    "facts": 0.98,
    "capital-story": 0.95,
    "add": 0.90,
    "subtract": 0.90,
    "pronoun": 0.95,
    "agreement": 0.95,
    "brackets": 0.95,
    "quotes": 0.95,
    "copy-rare": 0.95,
    "copy-utf8": 0.90,
    "induction": 0.95,
}

# Stories: from each opening, with these seeds, at this temperature; at least FLUENT_BOUND of them
# must end by themselves, repeat no sentence more than twice, and hold only words of the text.
OPENINGS = ("Once upon a time", "There once was a", "One day", "Hello, my name is", "The café",
            "In the morning")
STORY_SEEDS, STORY_TEMPERATURE, STORY_TOKENS, FLUENT_BOUND = (1, 2, 3, 4), 0.7, 256, 22

# A lookup of one object whose place lies this many positions before the asking token.
WINDOW_DISTANCES = (16, 32, 48, 56, 60, 61, 62, 63, 64, 65, 66, 68, 72)


class Maker:
    def __init__(self, encoder):
        self.encoder, self.made = encoder, {}

    def item(self, behaviour, text, answer, against=None):
        """An item that asks for all tokens of the answer after the text."""
        before = self.encoder(text)
        ids = [tokenizer.BOS] + self.encoder(text + answer)
        assert ids[1: len(before) + 1] == before, text
        return self.keep(behaviour, ids, range(len(before), len(ids) - 1), against, text + answer)

    def keep(self, behaviour, ids, predict, against, text):
        number = self.made[behaviour] = self.made.get(behaviour, 0) + 1
        return {"id": f"{behaviour}-{number:03}", "behaviour": behaviour, "ids": ids,
                "predict": list(predict), "against": against, "text": text}

    def token(self, text):
        """The first token of a text that follows a space."""
        return self.encoder(text)[0]


def generator(behaviour):
    return random.Random(f"items {behaviour}")


def asked(make, behaviour, question):
    """COUNT items of a function that returns (text before the answer, answer)."""
    rng = generator(behaviour)
    for _ in range(COUNT):
        before, answer = question(rng)
        yield make.item(behaviour, before, " " + answer)


def lookups(make):
    for count, same, name in ((1, True, "lookup-1"),
                              (2, False, "lookup-2-different"), (3, False, "lookup-3-different"),
                              (2, True, "lookup-2-same"), (3, True, "lookup-3-same")):
        yield from asked(make, name, lambda rng, c=count, s=same: lookup.question(rng, c, s))


def gifts(make):
    yield from asked(make, "giving-known", lambda rng: giving.question(rng, NAMES))
    yield from asked(make, "giving-unseen", lambda rng: giving.question(rng, NEW_NAMES))


def all_facts(make):
    for family, (table, _, _) in facts.FAMILIES.items():
        for key in sorted(table):
            before, answer = facts.bare_question(family, key)
            yield make.item("facts", before, " " + answer)


def capitals(make):
    def question(rng):
        before, answer, _ = facts.story(rng, held=True).split("|")
        return before.rstrip(" "), answer
    yield from asked(make, "capital-story", question)


def sums(make):
    yield from asked(make, "add", lambda rng: numbers.question(rng, True))
    yield from asked(make, "subtract", lambda rng: numbers.question(rng, False))


def forms(make):
    for behaviour, kind in (("pronoun", syntax.pronoun), ("agreement", syntax.agreement)):
        rng = generator(behaviour)
        for _ in range(COUNT):
            text, other = kind(rng, held=True)
            before, answer, _ = text.split("|")
            yield make.item(behaviour, before.rstrip(" "), " " + answer, make.token(other))


def nested_brackets(make):
    rng, closers = generator("brackets"), sorted(syntax.BRACKETS.values())
    for _ in range(COUNT):
        parts = syntax.brackets(rng, held=True).split("|")
        at = rng.randrange(1, len(parts), 2)
        before, answer = "".join(parts[:at]).rstrip(" "), parts[at]
        other = rng.choice([c for c in closers if c != answer])
        yield make.item("brackets", before, " " + answer, make.token(other))


def closing_quotes(make):
    rng, quote = generator("quotes"), make.encoder.vocab['"']
    for number in range(COUNT):
        inside = number % 2 == 0
        text, after = syntax.quotes(rng, held=True, inside=inside)
        following = make.encoder(after)
        answer, other = ('"', following[0]) if inside else (" " + after.split()[0], quote)
        yield make.item("quotes", text, answer, other)


def copies(make):
    yield from asked(make, "copy-rare", lambda rng: copying.question(rng, copying.PLAIN))
    yield from asked(make, "copy-utf8", lambda rng: copying.question(rng, copying.UTF8))


def induction(make, vocabulary=tokenizer.VOCABULARY):
    """Different random tokens, then a part of the same again; the next token is asked."""
    rng = generator("induction")
    for _ in range(COUNT):
        block = rng.sample(range(len(tokenizer.SPECIAL), vocabulary), rng.randint(8, 50))
        again = rng.randint(2, len(block))
        ids = [tokenizer.BOS] + block + block[:again]
        yield make.keep("induction", ids, [len(ids) - 2], None, None)


def items(encoder):
    """All items with a bound."""
    make = Maker(encoder)
    for family in (lookups, gifts, all_facts, capitals, sums, forms, nested_brackets,
                   closing_quotes, copies, induction):
        yield from family(make)


def window_items(encoder, count=60):
    """Lookups of one object at exactly each of WINDOW_DISTANCES: behaviour "window-63" and so on.
    The distance is counted from the position that predicts to the position of the place."""
    make, rng = Maker(encoder), generator("window")
    wanted = {distance: count for distance in WINDOW_DISTANCES}
    while any(wanted.values()):
        before, answer = lookup.question(rng, 1, True, fillers=rng.randint(0, 9))
        ids = [tokenizer.BOS] + encoder(before)
        place = encoder.one(answer)
        if ids.count(place) != 1:
            continue
        distance = len(ids) - 1 - ids.index(place)
        if wanted.get(distance):
            wanted[distance] -= 1
            yield make.item(f"window-{distance}", before, " " + answer)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--tokenizer", default="lessons/model/tokenizer.json",
                        help="tokenizer.json (default: %(default)s)")
    parser.add_argument("--window", action="store_true", help="the lookups by distance instead")
    parser.add_argument("--bounds", action="store_true", help="print the bounds as JSON instead")
    args = parser.parse_args(argv)
    if args.bounds:
        json.dump(BOUNDS, sys.stdout, indent=2)
        print()
        return
    encoder = tokenizer.load(args.tokenizer)
    for item in (window_items if args.window else items)(encoder):
        print(json.dumps(item, ensure_ascii=False))


if __name__ == "__main__":
    run_main(main)
