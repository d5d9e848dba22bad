"""Adding and subtracting to ten, told as coins that come and go."""

from teach.grammar.world import COUNTED, NAMES, held_out, number, pick, pronouns, several, things

GAINS = (
    "{other} gave {him} {b} more.", "{she} found {b} more.", "{she} got {b} more from {other}.",
    "Then {she_small} found {b} more.",
)
LOSSES = (
    "{she} gave {b} to {other}.", "{she} lost {b}.", "{other} took {b}.",
    "Then {she_small} lost {b}.",
)
STARTS = ("{who} had {a_things}.", "{who} had {a_things}.", "There was a {girl} named {who}. {she} had {a_things}.")
ENDS = (
    "Now {who} had |{c}| {c_noun}.", "Now {who} had |{c}| {c_noun}.", "Now {she_small} had |{c}| {c_noun}.",
    'How many {nouns} did {who} have now? {who} had |{c}|.',
)


def sum_of(rng, held, plus):
    """(a, b, noun) whose result lies between 0 and 10; the combination is held out or not."""
    while True:
        a, b, noun = rng.randint(1, 10), rng.randint(1, 9), pick(rng, sorted(COUNTED))
        if (a + b <= 10 if plus else b <= a) and held_out("sum", plus, a, b, noun) == held:
            return a, b, noun


def scene(rng, held, plus):
    a, b, noun = sum_of(rng, held, plus)
    c = a + b if plus else a - b
    who, other = several(rng, NAMES, 2)
    she, him, _ = pronouns(who)
    form = " ".join((rng.choice(STARTS), rng.choice(GAINS if plus else LOSSES), rng.choice(ENDS)))
    return form.format(
        who=who, other=other, she=she.capitalize(), she_small=she, him=him,
        girl="girl" if she == "she" else "boy", a_things=things(a, noun), b=number(b),
        c=number(c), c_noun=noun if c == 1 else COUNTED[noun], nouns=COUNTED[noun])


def counting(rng):
    """Counting up or down, which ties the number words to each other."""
    first = rng.randint(0, 6)
    run = [number(n) for n in range(first, rng.randint(first + 3, 10) + 1)]
    if rng.random() < 0.4:
        run.reverse()
    return f"{rng.choice(NAMES)} counted: {', '.join(run)}."


def document(rng):
    return counting(rng) if rng.random() < 0.12 else scene(rng, False, rng.random() < 0.5)


def question(rng, plus):
    before, answer, _ = scene(rng, True, plus).split("|")
    return before.rstrip(" "), answer
