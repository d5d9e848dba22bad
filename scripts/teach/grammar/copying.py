"""Copying what was never seen: rare strings, and characters that only bytes can spell."""

from teach.grammar.world import NAMES, held_out, several

CONSONANTS, VOWELS = "bcdfghjklmnpqrstvwxz", "aeiouy"
LETTERS = CONSONANTS + VOWELS
FORMS = (
    "The secret word is {word}. {who} wrote |{word}|.",
    "The secret word was {word}. {who} said |{word}|.",
    "There was a cat named {word}. {who} loved |{word}|.",
    "The name of the dog is {word}. {who} called |{word}|.",
    "{who} met a man named {word}. {other} met |{word}| too.",
    "The sign says {word}. {who} reads |{word}|.",
    "The sign says {word}. {who} and {other} looked at it. {who} reads |{word}|.",
    "The secret word is {word}. It was a {mood} day. {who} wrote |{word}|.",
)
MOODS = "warm cold sunny rainy".split()
# Accented letters, Chinese, Greek, Cyrillic, pictures: two, three and four bytes of UTF-8.
CHARACTERS = (
    "éèêëàâäáöôóüûúñçøåß" "你好我是猫狗水山火月日人大小天中书花鱼鸟" "αβγδλπω" "жшюя"
    "🎈🎉🐱🐶🌞🌙🍎🚗🏠🎁🐟🌲🔑📚🎂🐻🦊🍐⭐🌈")
CAFES = "café Zoé Noël crème fête piñata Köln Malmö señor naïve".split()


def rare(rng):
    """Letters that make no word, starting with a capital as names do."""
    return "".join(rng.sample(LETTERS, rng.randint(3, 6))).capitalize()


def strange(rng):
    """One to three characters outside of ASCII."""
    return "".join(rng.sample(CHARACTERS, rng.choice((1, 1, 2, 3))))


def accented(rng):
    """A rare word with one letter replaced by an accented one."""
    word = rare(rng)
    place = rng.randrange(1, len(word))
    return word[:place] + rng.choice("éèêàäáöôóüúñç") + word[place + 1:]


def cafe(rng):
    return rng.choice(CAFES)


def scene(rng, kind, held=False):
    """A word of a kind, met and copied.  Words are held out; where a kind has few of them, the word
    with the person who copies it."""
    while True:
        word, (who, other) = kind(rng), several(rng, NAMES, 2)
        if held_out("copying", word, who if kind is cafe or len(word) == 1 else "") == held:
            break
    return rng.choice(FORMS).format(word=word, who=who, other=other, mood=rng.choice(MOODS))


def document(rng):
    return scene(rng, rng.choice((rare, rare, rare, strange, strange, accented, cafe)))


def question(rng, kinds):
    """(text before the copy, the copy), held out."""
    before, answer, _ = scene(rng, rng.choice(kinds), True).split("|")
    return before.rstrip(" "), answer


PLAIN, UTF8 = (rare,), (strange, strange, accented, cafe)
