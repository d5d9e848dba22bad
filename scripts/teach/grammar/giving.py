"""Who gave what to whom: two people and a thing, asked about in every direction."""

from teach.grammar.world import ITEMS, NAMES, SPOTS, held_out, pick, several

OPENINGS = (
    "{a} met {b} at the {spot}.", "{a} and {b} were at the {spot}.", "{b} saw {a} at the {spot}.",
    "{b} and {a} went to the {spot}.", "One day {a} met {b}.", "{a} had a {item}. {b} had no {item}.",
)
GIFTS = (
    "{a} gave the {item} to {b}.", "{a} handed the {item} to {b}.", "{a} gave {b} the {item}.",
    "{a} gave {b} a {item}.", "{b} got a {item} from {a}.", "{b} took the {item} from {a}.",
)
# Each asks for the receiver, the giver or the thing.
QUESTIONS = (
    "Now the {item} belongs to |{b}|.",
    "The one who has the {item} now is |{b}|.",
    '"Who has the {item} now?" "It is |{b}|," said the teacher.',
    "The {item} came from |{a}|.",
    "{b} said thank you to |{a}|.",
    "{b} thanked |{a}| for the |{item}|.",
    '"Who gave the {item} away?" "It was |{a}|," said the teacher.',
    "{a} gave {b} the |{item}|.",
    "Now {b} has the |{item}|.",
)


def trio(rng, held, names=NAMES):
    while True:
        (giver, receiver), item = several(rng, names, 2), pick(rng, ITEMS)
        if held_out("giving", giver, receiver, item) == held:
            return dict(a=giver, b=receiver, item=item)


def document(rng):
    who = trio(rng, held=False)
    text = [rng.choice(OPENINGS), rng.choice(GIFTS)]
    if rng.random() < 0.35:
        return " ".join([sentence.format(spot=pick(rng, SPOTS), **who) for sentence in text]
                        + [second_gift(rng, who)])
    text += rng.sample(QUESTIONS, rng.choice((1, 2, 2, 3)))
    return " ".join(sentence.format(spot=pick(rng, SPOTS), **who) for sentence in text)


def second_gift(rng, first):
    """Another pair at the same place: the question must choose between two gifts."""
    while True:
        second = trio(rng, held=False)
        if not set(second.values()) & set(first.values()):
            break
    asked = rng.choice((first, second))
    return (rng.choice(GIFTS).format(**second) + " "
            + rng.choice(QUESTIONS[:8]).format(**asked))


def question(rng, names):
    """(text before the answer, answer), held out; names: who may take part."""
    who = trio(rng, True, names)
    text = " ".join((rng.choice(OPENINGS[:5]), rng.choice(GIFTS), rng.choice(QUESTIONS[:5])))
    before, answer = text.format(spot=pick(rng, SPOTS), **who).split("|")[:2]
    return before.rstrip(" "), answer
