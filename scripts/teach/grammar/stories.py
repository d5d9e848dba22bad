"""Stories: a beginning, some scenes that follow from each other's words, and an end."""

from teach.grammar.world import (
    BOYS, GIRLS, NEW_BOYS, NEW_GIRLS, OBJECTS, PLACES, PREPOSITIONS, SPOTS, cap, number, pick,
    pronouns, several)

ADJECTIVES = "small big brave happy quiet kind clever young".split()
WEATHER = "warm cold sunny rainy windy quiet".split()
COLOURS = "red blue green yellow white black".split()
ANIMALS = "dog cat bird rabbit duck horse mouse sheep".split()
FOODS = "cake bread soup apples pears cookies".split()
GAMES = "hide and seek|with the ball|in the sand|by the river".split("|")


class Tale:
    """The people and things of one story, and the words for them."""

    def __init__(self, rng):
        self.rng = rng
        girls, boys = GIRLS + NEW_GIRLS, BOYS + NEW_BOYS
        self.who = pick(rng, girls + boys)
        self.friend = pick(rng, girls + boys, (self.who,))
        self.thing, self.other_thing = several(rng, OBJECTS, 2)
        self.place, self.other_place = several(rng, PLACES, 2, (self.thing, self.other_thing))
        self.spot = pick(rng, SPOTS)
        self.animal = pick(rng, ANIMALS)
        self.colour = pick(rng, COLOURS)

    def words(self):
        she, her, hers = pronouns(self.who)
        he, him, his = pronouns(self.friend)
        rng = self.rng
        return {
            "who": self.who, "she": she, "She": cap(she), "her": her, "hers": hers, "Hers": cap(hers),
            "friend": self.friend, "he": he, "He": cap(he), "him": him, "his": his,
            "girl": "girl" if she == "she" else "boy",
            "thing": self.thing, "thing2": self.other_thing, "place": self.place,
            "place2": self.other_place, "prep": rng.choice(PREPOSITIONS),
            "prep2": rng.choice(PREPOSITIONS), "spot": self.spot, "animal": self.animal,
            "color": self.colour, "adj": rng.choice(ADJECTIVES), "weather": rng.choice(WEATHER),
            "food": rng.choice(FOODS), "game": rng.choice(GAMES),
            "count": number(rng.randint(2, 9)),
            "parent": rng.choice(("mother", "father")),
        }

    def tell(self, sentences):
        return sentences.format(**self.words())


BEGINNINGS = (
    "Once upon a time there was a {adj} {girl} named {who}.",
    "Once upon a time there was a {adj} {girl} named {who}.",
    "Once upon a time, a {adj} {girl} named {who} lived near a {spot}.",
    "There once was a {adj} {girl} named {who}.",
    "One day {who} went to the {spot}.",
    "One day, {who} and {friend} went to the {spot}.",
    "It was a {weather} day. {who} was at the {spot}.",
    "In the morning {who} went to the {spot}.",
    "{who} was a {adj} {girl}.",
    "{who} and {friend} were friends.",
    "Hello, my name is {who}. This is a story about {friend}. {friend} was my friend.",
    "The {animal} was {adj}. It lived with {who}.",
    "The café was near the {spot}. {who} went there every day.",
    "Last night {who} had a dream.",
    "A long time ago there was a {adj} {girl}. {Hers} name was {who}.",
    "Every day {who} played at the {spot}.",
    "{who} had a {color} {thing}. It was the best {thing} in the town.",
    "The {weather} day began. {who} was at home with {friend}.",
    "My name is {who}. I live near the {spot} with my {animal}.",
)

SCENES = {
    "loss": (
        "{who} had a {color} {thing}. One day {she} lost it. "
        "{She} looked {prep} the {place}, but it was not there. "
        "{friend} found the {thing} {prep2} the {place2}. {who} was very happy.",
        "{who} could not find {hers} {thing}. {She} was sad. {friend} helped {her} look for it. "
        "It was {prep} the {place}.",
    ),
    "gift": (
        "{friend} gave {who} a {color} {thing}. {who} liked the {thing} very much. "
        "{She} said thank you to {friend}.",
        "{who} made a {thing} for {friend}. {friend} was happy and took the {thing} home.",
    ),
    "pet": (
        "{who} saw a {color} {animal}. The {animal} was hungry. {who} gave it some {food}. "
        "The {animal} was happy and went home with {her}.",
        "{who} had a {animal}. The {animal} ran to the {spot}. "
        "{who} ran after the {animal} and found it {prep} the {place}.",
    ),
    "weather": (
        "It began to rain. {who} and {friend} ran home. "
        "They sat by the window and looked at the rain.",
        "The sun was high. It was a {weather} day. {who} and {friend} sat {prep} the {place}.",
        "Then the wind came. It took the {thing} from {who}. "
        "{friend} ran after the {thing} and got it back.",
    ),
    "food": (
        "{Hers} {parent} made {food}. {who} was hungry, so {she} ate a lot. Then {she} was tired.",
        "{who} wanted to eat some {food}. {friend} had some. They ate the {food} and were happy.",
    ),
    "play": (
        "{who} and {friend} played {game}. They played for a long time. Then they were tired.",
        "{who} wanted to play. {friend} wanted to play too. So they played {game}.",
    ),
    "fear": (
        "{who} heard a loud noise. {She} was afraid. It was only a {animal}. "
        "{who} was not afraid any more.",
        "It was dark. {who} was afraid. {friend} had a lamp. Then {who} was brave.",
    ),
    "talk": (
        '{who} asked, "Do you like the {thing}?" {friend} said, "Yes, I like it very much." They '
        'were happy.',
        '{friend} said, "I want to see the {spot}." {who} said, "Then we go there." So they went '
        'to the {spot}.',
        '"I am sad," said {who}. "I will help you," said {friend}. {who} was not sad any more.',
    ),
    "school": (
        "{who} went to school with {friend}. The teacher told them a story about a {animal}. "
        "{who} liked the story.",
        "At school {who} read a book about a {animal}. {friend} wanted to read it too.",
    ),
    "build": (
        "{who} and {friend} made a house of sticks. They put a {thing} in the house. "
        "It was a good house.",
        "{who} made a boat. The boat was {color}. {She} and {friend} put it on the river.",
    ),
    "market": (
        "{who} went to the market. {She} saw {count} apples and a {color} {thing}. "
        "{She} took the {thing} home.",
        "At the market {who} met {friend}. {friend} had {count} pears. They ate them all.",
    ),
    "night": (
        "At night {who} looked at the moon. {She} could not sleep. "
        "{Hers} {parent} told {her} a story. Then {she} slept.",
        "The moon was in the sky. {who} and {friend} sang a song and looked at the moon.",
    ),
    "help": (
        "The {animal} was in the river. {who} wanted to help. "
        "{She} took a stick and got the {animal} out.",
        "{friend} could not open the door. {who} had the key. {She} opened the door for {him}.",
    ),
    "find": (
        "{who} found a map {prep} the {place}. {She} and {friend} went far away. "
        "They found a box {prep2} the {place2}. "
        "In the box was a {color} {thing}.",
        "{who} found a {thing} {prep} the {place}. {She} asked {friend}, \"Is this your {thing}?\" "
        "{friend} said, \"Yes, thank you.\"",
    ),
    "lake": (
        "{who} and {friend} went to the lake to swim. "
        "The water was cold, but {who} was brave and swam first.",
        "{who} sat by the lake and saw a {color} fish. The fish swam away. "
        "{She} waited, but it did not come back.",
    ),
    "race": (
        "{who} and {friend} ran to the {place}. {who} was fast, but {friend} was faster. "
        "They laughed and ran back.",
        "{friend} wanted to race. {who} fell, and {friend} helped {her}. "
        "They came home last, but they were happy.",
    ),
    "garden": (
        "{who} had a garden. {She} gave water to the flowers every morning. "
        "Soon there were {count} {color} flowers.",
        "In the garden there was a big tree. "
        "{who} and {friend} climbed the tree and looked at the {spot}.",
    ),
    "cafe": (
        "{who} and {friend} went to the café. They ate {food} there. It was good.",
    ),
}
ENDINGS = (
    "{who} went home and slept.", "They were friends for a long time.", "Then they all went home.",
    "It was a good day.", "{who} was very happy.", "And that was the end of the day.",
    "{who} and {friend} went home.", "At night {who} slept well.", "From then on they were "
    "friends.",
    "{who} told {hers} mother all about it.", "They were happy.", "The end.",
)


def document(rng):
    tale = Tale(rng)
    text = [tale.tell(rng.choice(BEGINNINGS))]
    count = rng.choice((1, 2, 2, 2, 3, 3))
    kinds = rng.sample(sorted(SCENES), count)
    for kind in kinds:
        text.append(tale.tell(rng.choice(SCENES[kind])))
        if rng.random() < 0.5:
            tale.thing, tale.other_thing = several(rng, OBJECTS, 2, (tale.place, tale.other_place))
            tale.animal = pick(rng, ANIMALS)
    text.append(tale.tell(rng.choice(ENDINGS)))
    return " ".join(text)
