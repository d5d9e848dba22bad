"""Where things are: the object decides which of several places is the answer."""

from teach.grammar.world import (
    NAMES, OBJECTS, PLACES, PREPOSITIONS, held_out, pick, several)

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
# Sentences that name no object and no place, to keep the question away from the statement.
FILLERS = (
    "It was a {weather} day.", "{who} was {mood}.", "Then {who} went away.", "{who} and {asker} sang a song.",
    "The sun was high.", "{asker} came back soon.", "{who} was very {mood} that day.",
    "They played for a long time.", "{asker} told {who} a story.", "After that they were {mood}.",
    "{who} looked at the sky.", "The birds sang.", "{asker} was {mood} too.",
)
WEATHER = "warm cold sunny rainy windy quiet".split()
MOODS = "happy sad tired hungry proud brave".split()


def combination(rng, held, but_things, places):
    """An object and a place that may stand together: held out, or not."""
    while True:
        thing, place = pick(rng, OBJECTS, but_things), pick(rng, places)
        if thing != place and held_out("lookup", thing, place) == held:
            return thing, place


def combinations(rng, count, held):
    """`count` different objects in different places.  None of them is an object and a place."""
    found = []
    while len(found) < count:
        used = [word for pair in found for word in pair]
        thing, place = combination(rng, held, used, PLACES)
        if place not in used and thing not in used:
            found.append((thing, place))
    return found


def prepositions(rng, count, same):
    """As many prepositions, all the same or all different."""
    return [rng.choice(PREPOSITIONS)] * count if same else several(rng, PREPOSITIONS, count)


def filler(rng, who, asker):
    return rng.choice(FILLERS).format(
        who=who, asker=asker, weather=rng.choice(WEATHER), mood=rng.choice(MOODS))


def scene(rng, count, same, held=False, questions=1, fillers=0, plain=False):
    """A document: `count` statements, fillers, and questions about different objects."""
    who, asker = several(rng, NAMES, 2)
    pairs = combinations(rng, count, held)
    preps = prepositions(rng, count, same)
    facts = [dict(thing=t, place=p, prep=q) for (t, p), q in zip(pairs, preps)]
    statement = rng.choice(STATEMENTS[:6])
    text = []
    for fact in facts:
        form = statement if plain or rng.random() < 0.5 else rng.choice(STATEMENTS)
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


def drill(rng):
    """Many questions about many objects behind one preposition: the second stage's text."""
    count = rng.choice((2, 3, 4))
    return scene(rng, count, same=rng.random() < 0.85, questions=count, plain=True)


def question(rng, count, same, fillers=0):
    """(text before the answer, answer), held out."""
    before, answer, _ = scene(rng, count, same, held=True, fillers=fillers).split("|")
    return before.rstrip(" "), answer


