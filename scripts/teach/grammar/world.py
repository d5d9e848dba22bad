"""The words of the story world, and which combinations of them are held out."""

import hashlib

GIRLS = "Lily Mia Sara Rose Anna Emma Lucy Zoe Ivy Ruth Nora Ella Jane Amy Kate Mary".split()
BOYS = "Tom Ben Dan Noah Max Sam Leo Jack Tim Paul Finn Adam Hugo Carl Oscar Peter".split()
NAMES = GIRLS + BOYS

# These names have friends, pets and adventures like the others, but no document about giving
# mentions them: there they are the unseen names.
NEW_GIRLS = "Clara Olga Tess".split()
NEW_BOYS = "Karl Igor Felix".split()
NEW_NAMES = NEW_GIRLS + NEW_BOYS

OBJECTS = (
    "ball cup book key hat coin doll kite ring shoe brush spoon bell map pen box basket drum "
    "apple cake cookie pear stone shell toy letter lamp rope stick flower").split()
# What can lie in or near a place; a thing that is also a place is never put into itself.
PLACES = (
    "box basket bed table chair door house garden tree shed bag drawer sofa desk car boat "
    "wall window bench barn cup shelf bush gate").split()
PREPOSITIONS = "in on under behind near beside".split()

ITEMS = (
    "ball cup book key hat coin doll kite ring spoon bell map pen drum apple cake cookie pear "
    "shell toy letter flower").split()
SPOTS = "library park market school garden farm beach river shop lake".split()

NUMBERS = "no one two three four five six seven eight nine ten".split()
COUNTED = {
    "coin": "coins", "apple": "apples", "pear": "pears", "cookie": "cookies", "shell": "shells",
    "stone": "stones", "flower": "flowers", "toy": "toys", "book": "books", "stick": "sticks",
}


def pronouns(name):
    """(subject, object, possessive) of a person."""
    return ("she", "her", "her") if name in GIRLS or name in NEW_GIRLS else ("he", "him", "his")


def held_out(*parts):
    """Whether a combination belongs to the tenth that no training text contains."""
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:4], "big") % 10 == 0


def pick(rng, words, but=()):
    """One of the words that is not among `but`."""
    while True:
        word = rng.choice(words)
        if word not in but:
            return word


def several(rng, words, count, but=()):
    """Different words, in random order."""
    return rng.sample([word for word in words if word not in but], count)


def cap(text):
    return text[0].upper() + text[1:]


def number(count):
    return NUMBERS[count]


def things(count, noun):
    """"one coin", "two coins", "no coins"."""
    return f"{number(count)} {noun if count == 1 else COUNTED[noun]}"
