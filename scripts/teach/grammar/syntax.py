"""Where form decides: pronouns, verbs that agree over an attractor, brackets, quotes."""

from teach.grammar.world import (
    NAMES, OBJECTS, PLACES, PREPOSITIONS, held_out, number, pick, pronouns, several)

HEADS = {
    "boy": "boys", "girl": "girls", "dog": "dogs", "cat": "cats", "man": "men",
    "teacher": "teachers", "friend": "friends", "king": "kings", "bird": "birds", "horse": "horses",
}
ATTRACTORS = {
    "boat": "boats", "hat": "hats", "book": "books", "ball": "balls", "bag": "bags",
    "kite": "kites", "doll": "dolls", "flower": "flowers", "stick": "sticks", "bell": "bells",
}
LINKS = "with near behind beside".split()
# (one, many, rest of the sentence)
VERBS = (
    ("has", "have", ("no name", "a long way to go", "a good day", "a big house")),
    ("is", "are", ("very happy", "at home", "in the garden", "tired", "not here")),
    ("was", "were", ("very happy", "at home", "in the garden", "tired", "not there")),
    ("likes", "like", ("the sun", "to run", "to sing", "cookies")),
)
BRACKETS = {"(": ")", "[": "]", "{": "}"}

PRONOUN_FORMS = (
    "{who} lost {his} hat, so |{he}| was sad.",
    "{who} went home because |{he}| was tired.",
    "{who} sat down because |{he}| was tired.",
    "{who} lost |{his}| {thing}.",
    "{who} took |{his}| {thing} and went home.",
    "{who} was happy. {other} gave |{him}| a {thing}.",
    "{who} had a {thing}. |{He}| put it {prep} the {place}.",
    "{who} was sad. |{He}| wanted a {thing}.",
    "{who} ran to the {place}. Then |{he}| sat down.",
)


def agreement(rng, held=False):
    """"The boys with the boat |have| no name."; head x attractor is held out or not."""
    while True:
        head, attractor = pick(rng, sorted(HEADS)), pick(rng, sorted(ATTRACTORS))
        if held_out("agreement", head, attractor) == held:
            break
    many, attractor_many = rng.random() < 0.5, rng.random() < 0.5
    one_verb, many_verb, rests = rng.choice(VERBS)
    subject = HEADS[head] if many else head
    other = ATTRACTORS[attractor] if attractor_many else attractor
    link = "" if not held and rng.random() < 0.15 else f" {rng.choice(LINKS)} the {other}"
    verb = many_verb if many else one_verb
    return f"The {subject}{link} |{verb}| {rng.choice(rests)}.", one_verb if many else many_verb


def pronoun(rng, held=False):
    """(document, the other pronoun)."""
    while True:
        who, thing = pick(rng, NAMES), pick(rng, OBJECTS)
        if held_out("pronoun", who, thing) == held:
            break
    he, him, his = pronouns(who)
    he_not, him_not, his_not = pronouns("Tom" if he == "she" else "Lily")
    form = rng.choice(PRONOUN_FORMS)
    text = form.format(
        who=who, he=he, him=him, his=his, He=he.capitalize(), thing=thing,
        other=pick(rng, NAMES, (who,)), prep=rng.choice(PREPOSITIONS), place=pick(rng, PLACES))
    answer = text.split("|")[1]
    other = {he: he_not, him: him_not, his: his_not, he.capitalize(): he_not.capitalize()}
    if he == "she" and answer == "her":  # both the object and the possessive of "she"
        return text, him_not if "gave" in form else his_not
    return text, other[answer]


def brackets(rng, held=False):
    """Nested brackets; every closing one is an answer."""
    while True:
        words, stack = [], []
        size = rng.choice((4, 6, 8, 10, 12))
        while len(words) < size:
            left = size - len(words)
            if stack and (len(stack) >= min(left, 4) or rng.random() < 0.45):
                words.append(f"|{BRACKETS[stack.pop()]}|")
            else:
                stack.append(rng.choice(sorted(BRACKETS)))
                words.append(stack[-1])
        text = " ".join(words) + " ."
        if not stack and held_out("brackets", text) == held:
            return text


QUOTED = (
    "I see a {thing}", "It is {prep} the {place}", "The {thing} is here", "I have {count} {things}",
    "I want the {thing}", "Where is the {thing}", "Look at the {place}", "I like the {thing}",
)
TOLD = (
    "{who} saw a {thing}", "The {thing} was {prep} the {place}", "{who} had the {thing}",
    "{who} wanted the {thing}", "{who} looked at the {place}", "{who} liked the {thing}",
)
AFTER = ("Then {other} went home.", "{other} was happy.", "{other} came too.", "It was late.")


def quotes(rng, held=False, inside=None):
    """(text up to a full stop, what follows): inside of a quote a quote must close first."""
    while True:
        who, other = several(rng, NAMES, 2)
        thing, place = pick(rng, OBJECTS), pick(rng, PLACES)
        if held_out("quotes", thing, place) == held:
            break
    words = dict(who=who, other=other, thing=thing, place=place, prep=rng.choice(PREPOSITIONS),
                 count=number(rng.randint(2, 9)), things="coins")
    if rng.random() < 0.5 if inside is None else inside:
        sentence = rng.choice(QUOTED)
        stop = "?" if sentence.startswith("Where") else "."
        text = f'{{who}} said, "{sentence}{stop}'
    else:
        text = f"{rng.choice(TOLD)}."
    return text.format(**words), rng.choice(AFTER).format(**words)


def document(rng):
    kind = rng.choice(("agreement", "agreement", "pronoun", "pronoun", "brackets", "quotes"))
    if kind == "brackets":
        return brackets(rng)
    if kind == "quotes":
        text, after = quotes(rng)
        return f'{text}|"| {after}' if '"' in text else f"{text} {after}"
    return (agreement if kind == "agreement" else pronoun)(rng)[0]
