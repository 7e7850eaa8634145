"""The words of the verb corpus: twenty verbs and the fillers around them.

A regular verb is a stem to which one of three shared suffix tokens is added, so its past tense is a rule
that one verb can teach another. Each form of an irregular verb is a token of its own and has to be learned
by itself. Names, nouns and places carry no rule at all: whoever predicts them has memorised.
"""

from __future__ import annotations

PAD, END = "<pad>", "<end>"
SUFFIX_S, SUFFIX_ED, SUFFIX_ING = "+s", "+ed", "+ing"


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


PRONOUNS = ("i", "you", "he", "she", "it", "we", "they")

REGULAR = (
    "work", "play", "walk", "talk", "listen", "watch", "study", "finish", "start", "look", "want", "like",
)  # fmt: skip

IRREGULAR: dict[str, tuple[str, str, str, str, str]] = {
    #        base, third person, past, participle, -ing
    "be": ("be", "is", "was", "been", "being"),
    "have": ("have", "has", "had", "had", "having"),
    "do": ("do", "does", "did", "done", "doing"),
    "go": ("go", "goes", "went", "gone", "going"),
    "come": ("come", "comes", "came", "come", "coming"),
    "see": ("see", "sees", "saw", "seen", "seeing"),
    "eat": ("eat", "eats", "ate", "eaten", "eating"),
    "write": ("write", "writes", "wrote", "written", "writing"),
}

FUNCTION_WORDS = (
    "am", "is", "are", "was", "were", "have", "has", "do", "does", "did", "will", "not",
    "the", "in", "with", "and", ".", "?",
)  # fmt: skip

NAMES = _words("""
    anna ben carla david elena felix greta hugo irene jonas klara leo marta nils olga pablo quinn rosa simon
    teresa ulrich vera walter xenia yara zeno alice boris chiara dario emma fabian gloria hans ines jakob
    karin lukas mia noah oskar paula rafael sofia tomas ursula viktor wanda xaver yusuf zoe adam bianca
    cesar dora erik flora gabriel helena ivan
""")

NOUNS = _words("""
    apple arrow atlas badge ball banjo barrel basket bean bell belt bench bicycle blanket board boat book
    boot bottle bowl box bread brick bridge brush bucket button cable cake camera candle canvas card carpet
    carrot cart chain chair chalk cheese chest clock cloth cloud coat coin comb compass cookie cord cork
    crate crayon crown cup curtain cushion dagger desk diary dish doll door dress drill drum egg engine
    envelope fan feather fence fiddle file flag flask flower flute fork frame fruit garment glass globe
    glove grape guitar hammer handle harp hat helmet hinge honey hook horn ink iron jacket jar jewel jug
    kettle key kite knife knot ladder lamp leaf lemon lens letter lid lock loom magnet map marble mask mat
    medal melon mirror mitten mug nail napkin necklace needle nest net newspaper notebook nut oar onion
    orange oven paddle page paint pan paper parcel peach pear pearl pebble pen pencil pepper piano picture
    pie pillow pin pipe plate plum pocket poem pot pump purse puzzle quilt radio rake ribbon ring robe rope
    rug ruler sack saddle salt sandal saw scarf scissors screw seed shawl shelf shell shield shirt shoe
    shovel sketch sled soap sock song spade spoon stamp tent
""")

PLACES = _words("""
    abbey airport alley arcade arena attic bakery balcony bank barn basement bay beach cabin cafe camp
    canyon castle cave cellar chapel church cinema city clinic coast college corridor cottage courtyard
    desert dock factory farm field forest fort garage garden gym hall harbour hill hospital hotel house hut
    island kitchen lake library lighthouse market meadow mill mine monastery mountain museum office orchard
    palace park pasture pavilion pier prairie restaurant river school shop square stable stadium station
    studio temple theatre tower tunnel
""")


def vocabulary(size: int) -> list[str]:
    """The tokens in the order of their ids, padded with unused ones up to `size`.

    Raises:
        ValueError: `size` is smaller than the number of words.
    """
    forms = [form for verb in IRREGULAR.values() for form in verb]
    words = [PAD, END, SUFFIX_S, SUFFIX_ED, SUFFIX_ING, *FUNCTION_WORDS, *PRONOUNS, *REGULAR, *forms]
    words += [f"{word}:name" for word in NAMES] + [f"{word}:noun" for word in NOUNS]
    words += [f"{word}:place" for word in PLACES]
    tokens = list(dict.fromkeys(words))
    if len(tokens) > size:
        raise ValueError(f"the verb corpus has {len(tokens)} words, more than a vocabulary of {size} holds")
    return tokens + [f"<unused-{i}>" for i in range(size - len(tokens))]
