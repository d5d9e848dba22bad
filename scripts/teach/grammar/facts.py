"""What is always so: six families of facts, asked bare and inside stories."""

from teach.grammar.world import NAMES, held_out, pick, pronouns, several

CAPITALS = dict(pair.split("/") for pair in (
    "France/Paris Italy/Rome Spain/Madrid England/London Germany/Berlin Japan/Tokyo "
    "China/Beijing Russia/Moscow Egypt/Cairo Greece/Athens Norway/Oslo Sweden/Stockholm "
    "Ireland/Dublin Poland/Warsaw Austria/Vienna Peru/Lima Cuba/Havana Kenya/Nairobi "
    # Countries of this world only.
    "Narwick/Bramble Ostia/Fennel Quill/Marrow Tarn/Hollow Velda/Sorrel Mirra/Thistle "
    "Drell/Copper Zanth/Willow Pell/Amber Gorse/Linden").split())
SOUNDS = dict(pair.split("/") for pair in (
    "cow/moo dog/woof cat/meow duck/quack sheep/baa pig/oink lion/roar bee/buzz "
    "snake/hiss mouse/squeak owl/hoot horse/neigh").split())
OPPOSITES = dict(pair.split("/") for pair in (
    "hot/cold big/small up/down day/night happy/sad old/new fast/slow wet/dry "
    "hard/soft open/closed full/empty left/right").split())
OPPOSITES.update({b: a for a, b in list(OPPOSITES.items())})
COLOURS = dict(pair.split("/") for pair in (
    "grass/green snow/white coal/black sky/blue blood/red lemon/yellow carrot/orange "
    "elephant/gray mud/brown plum/purple").split())
HOMES = dict(pair.split("/") for pair in (
    "bird/nest bee/hive spider/web fish/sea bear/cave king/castle horse/stable pig/sty "
    "dog/kennel rabbit/hole").split())
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
NEXT_DAY = {day: DAYS[(i + 1) % 7] for i, day in enumerate(DAYS)}

# family: (facts, the bare form, other forms)
FAMILIES = {
    "capitals": (CAPITALS, "The capital of {key} is |{value}|.", (
        "What is the capital of {key}? It is |{value}|.",
        "{who} knows that the capital of {key} is |{value}|.",
        "{value} is the capital of |{key}|.",
        '"What is the capital of {key}?" asked {who}. "It is |{value}|," said {other}.',
        "{who} lives in {value}, the capital of |{key}|.",
    )),
    "sounds": (SOUNDS, "The {key} says |{value}|.", (
        "What does the {key} say? The {key} says |{value}|.",
        '{who} asked, "What does the {key} say?" "It says |{value}|," said {other}.',
        "The animal that says {value} is the |{key}|.",
    )),
    "opposites": (OPPOSITES, "The opposite of {key} is |{value}|.", (
        "What is the opposite of {key}? It is |{value}|.",
        '{who} said {key}. {other} said the opposite: |{value}|.',
        "It was not {key}. It was |{value}|.",
    )),
    "colours": (COLOURS, "The color of {key} is |{value}|.", (
        "What color is {key}? It is |{value}|.",
        "{who} drew {key}. {cap_she} made it |{value}|.",
        "{who} said that {key} is |{value}|.",
    )),
    "homes": (HOMES, "The home of the {key} is the |{value}|.", (
        "Where does the {key} live? It lives in the |{value}|.",
        "The {key} went home to the |{value}|.",
        "{who} saw the {key} in the |{value}|.",
    )),
    "days": (NEXT_DAY, "The day after {key} is |{value}|.", (
        "What day comes after {key}? It is |{value}|.",
        "Today is {key}. Tomorrow is |{value}|.",
        "On {key} {who} was sad. The next day was |{value}|.",
    )),
}

JOURNEYS = (
    "{who} and {other} were at school.", "{who} had a big map.", "{who} loved to learn.",
    "One day {who} read a book with {other}.", "{who} wanted to go far away.",
    "It was a rainy day. {who} was at home.", "{other} told {who} about {key}.",
    "{who} was a teacher. {other} was in the school.", "{who} had a friend named {other}.",
)
JOURNEY_QUESTIONS = (
    'The teacher asked, "What is the capital of {key}?" {who} said, "It is |{value}|."',
    "{who} knew that the capital of {key} is |{value}|.",
    "{who} went to {key}. {cap_she} saw the capital, |{value}|.",
    "{who} told {other} that the capital of {key} is |{value}|.",
    '"I want to see the capital of {key}," said {who}. So they went to |{value}|.',
    "They went to the capital of {key}. It was |{value}|.",
)


def words(rng, key, value):
    who, other = several(rng, NAMES, 2)
    return dict(key=key, value=value, who=who, other=other, cap_she=pronouns(who)[0].capitalize())


def document(rng):
    family = rng.choice(("capitals", "capitals", *FAMILIES))
    table, bare, others = FAMILIES[family]
    key = pick(rng, sorted(table))
    form = bare if rng.random() < 0.4 else rng.choice(others)
    return form.format(**words(rng, key, table[key]))


def story(rng, held=False):
    """A capital asked inside a story; a tenth of the pairs of person and country is held out."""
    key = pick(rng, sorted(CAPITALS))
    names = words(rng, key, CAPITALS[key])
    if held_out("capital", names["who"], key) != held:
        return story(rng, held)
    text = rng.sample(JOURNEYS, rng.choice((1, 2))) + [rng.choice(JOURNEY_QUESTIONS)]
    return " ".join(text).format(**names)


def bare_question(family, key):
    table, bare, _ = FAMILIES[family]
    before, answer, _ = bare.format(key=key, value=table[key]).split("|")
    return before.rstrip(" "), answer
