"""Where things are: the object decides which of several places is the answer."""

import re

from teach.grammar.world import (
    NAMES, OBJECTS, PLACES, PREPOSITIONS, held_out, several)

STATEMENTS = (
    "{who} put the {thing} {prep} the {place}.",
    "{who} put the {thing} {prep} the {place}.",
    "{who} left the {thing} {prep} the {place}.",
    "{who} hid the {thing} {prep} the {place}.",
    "{who} kept the {thing} {prep} the {place}.",
    "The {thing} was {prep} the {place}.",
    "The {thing} is {prep} the {place}.",
    "There was a {thing} {prep} the {place}.",
)
QUESTIONS = (
    '{asker} asked where the {thing} was. {who} said it was {prep} the |{place}|.',
    '{asker} asked where the {thing} was. {who} said it was {prep} the |{place}|.',
    '{asker} asked, "Where is the {thing}?" "It is {prep} the |{place}|," said {who}.',
    '"Where is the {thing}?" asked {asker}. "It is {prep} the |{place}|," said {who}.',
    '{asker} wanted the {thing}. {who} said, "It is {prep} the |{place}|."',
    '{asker} looked for the {thing}. It was {prep} the |{place}|.',
    'Where is the {thing}? It is {prep} the |{place}|.',
    'The {thing} is {prep} the |{place}|.',
    '{asker} found the {thing} {prep} the |{place}|.',
)
# From a thing right before its place to whole sentences: each level one step farther.
DRILLS = (
    ("{thing} |{place}|.",),
    ("{thing} {prep} |{place}|.",),
    ("{thing} {prep} the |{place}|.", "the {thing} {prep} the |{place}|."),
    ("The {thing} is {prep} the |{place}|.", "The {thing} was {prep} the |{place}|.",
     "{who} put the {thing} {prep} the |{place}|.", "{who} left the {thing} {prep} the |{place}|."),
    QUESTIONS,
)
# Sentences that name no object and no place, to keep the question away from the statement.
FILLERS = (
    "It was a {weather} day.", "{who} was {mood}.", "Then {who} went away.", "{who} and {asker} sang a song.",
    "The sun was high.", "{asker} came back soon.", "{who} was very {mood} that day.",
    "They played for a long time.", "{asker} told {who} a story.", "After that they were {mood}.",
    "{who} looked at the sky.", "The birds sang.", "{asker} was {mood} too.",
)
WEATHER = "warm cold sunny rainy windy quiet".split()
MOODS = "happy sad tired hungry proud brave".split()


def combinations(rng, count, held):
    """`count` different objects in different places, no word in two roles; each pair held out, or
    each not."""
    found, used = [], set()
    while len(found) < count:
        thing, place = rng.choice(OBJECTS), rng.choice(PLACES)
        if thing == place or {thing, place} & used or held_out("lookup", thing, place) != held:
            continue
        found.append((thing, place))
        used |= {thing, place}
    return found


def prepositions(rng, count, same):
    """As many prepositions, all the same or all different."""
    return [rng.choice(PREPOSITIONS)] * count if same else several(rng, PREPOSITIONS, count)


def filler(rng, who, asker):
    return rng.choice(FILLERS).format(
        who=who, asker=asker, weather=rng.choice(WEATHER), mood=rng.choice(MOODS))


def scene(rng, count, same, held=False, questions=1, fillers=0):
    """A document: `count` statements, fillers, and questions about different objects."""
    who, asker = several(rng, NAMES, 2)
    pairs = combinations(rng, count, held)
    preps = prepositions(rng, count, same)
    facts = [dict(thing=t, place=p, prep=q) for (t, p), q in zip(pairs, preps)]
    statement = rng.choice(STATEMENTS[:6])
    text = []
    for fact in facts:
        form = statement if rng.random() < 0.5 else rng.choice(STATEMENTS)
        text.append(form.format(who=who, **fact))
    text += [filler(rng, who, asker) for _ in range(fillers)]
    for fact in rng.sample(facts, min(questions, count)):
        text.append(rng.choice(QUESTIONS).format(who=who, asker=asker, **fact))
    return " ".join(text)


def document(rng):
    """What the training text has of lookups."""
    count = rng.choice((1, 1, 2, 2, 2, 3, 3, 3, 4))
    same = count > 1 and rng.random() < 0.7
    fillers = rng.choice((0, 0, 0, 1, 2, 3, 5)) if count < 3 else rng.choice((0, 0, 1))
    return scene(rng, count, same, fillers=fillers, questions=rng.randint(1, count))


def far(rng):
    """One object, asked about from far away, though not from beyond the window of 64 tokens."""
    while True:
        text = scene(rng, 1, same=True, fillers=rng.randint(3, 9))
        if len(re.findall(r"\w+|[^\w\s|]", text)) <= 66:
            return text


def drill(rng, level=len(DRILLS)):
    """Many short answers: places told once, then told again and again in any order."""
    who, asker = several(rng, NAMES, 2)
    count = rng.choice((2, 3, 3, 4))
    pairs, preps = combinations(rng, count, False), prepositions(rng, count, rng.random() < 0.9)
    told = [dict(who=who, asker=asker, thing=t, place=p, prep=q) for (t, p), q in zip(pairs, preps)]
    if rng.random() < 0.4:
        level = rng.randint(1, level)
    first = rng.choice(DRILLS[min(level, 4) - 1])
    text = [first.replace("|", "").format(**fact) for fact in told]
    for _ in range(rng.randint(count, 8)):
        text.append(rng.choice(DRILLS[level - 1]).format(**rng.choice(told)))
    return " ".join(text)


def question(rng, count, same, fillers=0):
    """(text before the answer, answer), held out."""
    before, answer, _ = scene(rng, count, same, held=True, fillers=fillers).split("|")
    return before.rstrip(" "), answer


