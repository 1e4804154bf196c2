"""Words for a world: invented names, the sentence of a post, the captions of its objects."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from remote_jax.remote.sample.world import Clause, SceneObject, World

# One consonant, one vowel, perhaps one more consonant: a name falls into syllables in one way.
SYLLABLES = (
    *("ba", "be", "bo", "da", "den", "di", "do", "fa", "fen", "ga"),
    *("gor", "ha", "hel", "ja", "jo", "ka", "kel", "ki", "ko", "la"),
    *("len", "li", "lo", "ma", "mi", "mor", "na", "nel", "no", "pa"),
    *("ra", "ri", "ro", "sa", "sel", "ta", "ti", "to", "va", "zan"),
)
# The syllables of a word, by their places in the list, sum to one of these modulo 10: every
# split uses every syllable, no two splits share a word.
SPLITS = {"train": (0, 1, 2, 3, 4, 5, 6, 7), "validation": (8,), "test": (9,)}
SUFFIXES = {
    "organisation": ("United", "Rovers", "Athletic", "Wanderers"),
    "event": ("Cup", "Games", "Open", "Series"),
}

FACTS = {
    "birth": ("{0} was born in {1}", "{1} is the birthplace of {0}", "{0} is a native of {1}"),
    "residence": ("{0} lives in {1}", "{1} is now home to {0}", "{0} rents a flat in {1}"),
    "governance": ("{0} is mayor of {1}", "{1} elected {0}", "{0} runs the council of {1}"),
    "plays": ("{0} plays for {1}", "{1} fields {0}", "{0} signed with {1}"),
    "leads": ("{0} captains {1}", "{1} obeys coach {0}", "{0} is coach of {1}"),
    "faces": ("{0} plays against {1}", "{1} fears {0}", "{0} takes on {1}"),
    "contain": ("{0} includes {1}", "{1} is a quarter of {0}", "{1} lies inside {0}"),
    "location": ("{0} trains in {1}", "{1} is the base of {0}", "{0} has its ground in {1}"),
    "subsidiary": ("{0} owns {1}", "{1} belongs to {0}", "{1} is part of {0}"),
    "held": ("{0} is held in {1}", "{1} stages {0}", "{0} opens in {1}"),
    "attends": ("{0} shows up at {1}", "{1} welcomes {0}", "{0} arrives at {1}"),
    "siblings": ("{0} and {1} are siblings", "{0} hugs cousin {1}", "{0} sees brother {1}"),
    "classmates": ("{0} and {1} were classmates", "{0} shared desks with {1}"),
}
COLOUR = ("{0} in {v}", "{0} wearing {v}", "{0} has {v} on")
KIT = ("the {v}s of {0}", "{0} in {v}", "{v} means {0}")
SIDE = ("{0} on the {v}", "{0} to the {v}", "{0} stands {v}")
DISTANCE = {
    "near": ("{0} up front", "{0} close by", "{0} in the foreground"),
    "far": ("{0} at the back", "{0} far off", "{0} in the distance"),
}
SCENES = {
    "match": ("match day at last", "the match has begun", "kick-off at noon"),
    "family": ("our family lunch", "the whole family came", "family day outdoors"),
    "school": ("the school reunion", "the old school again", "our year from school"),
    "won": ("the final is over", "that final is won", "after the final whistle"),
    "to_come": ("the final is tomorrow", "before the final", "waiting for the final"),
}
JOINS = (",", ",", "and", "while", "as", ";")
OPENINGS = ("", "", "today", "now", "so")
ENDINGS = (".", "!", "#photo", "#weekend", "#news", "#today")

PERSON = (
    ("someone", "a person", "a figure", "somebody"),
    ("waving", "smiling", "looking ahead", "standing still", "with short hair", "at ease"),
)
CLOTH = ("a flag", "a banner", "a pennant", "a cloth")
MEANINGS = {
    "nation": (
        "of another country",
        "with the arms of a kingdom",
        "flown by an embassy",
        "from a young republic",
    ),
    "party": (
        "of those who seek votes",
        "carried in an election",
        "handed out by campaigners",
        "raised for the ballot",
    ),
    "faith": (
        "taken to prayer",
        "from a temple",
        "carried by pilgrims",
        "that hangs over an altar",
    ),
    "town_hall": (
        "where the council sits",
        "with the office of officials",
        "where rules are signed",
    ),
    "home": (
        "with a bed and a kitchen",
        "with somebody's letter box",
        "where supper is cooked every night",
    ),
    "hospital": (
        "full of midwives",
        "with a ward for newborn babies",
        "where mothers and nurses wait",
    ),
}
HOUSE = ("a house", "a tall block", "some rooms", "a doorway")
# Nobody can tell a badge from a cup by these: what it is must be seen.
SHOWN = ("something on show", "a thing set up here", "an object people point at")
BADGE = ("a badge", "a club crest", "an emblem")
CUP = ("a cup", "a prize with handles", "a polished vessel")


@dataclass(frozen=True)
class Sentence:
    """Tokens, and for each entity its name's `[start, end)` in them."""

    tokens: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]


def word(rng: random.Random, split: str, syllables: int) -> str:
    """An invented word that belongs to the split."""
    places = [rng.randrange(len(SYLLABLES)) for _ in range(syllables - 1)]
    last = (rng.choice(SPLITS[split]) - sum(places)) % 10 + 10 * rng.randrange(4)
    return "".join(SYLLABLES[place] for place in (*places, last)).capitalize()


def name(rng: random.Random, split: str, kind: str) -> list[str]:
    """A name for an entity of the kind: a person has two words, a place one."""
    if kind == "person":
        return [word(rng, split, 2), word(rng, split, 2)]
    if kind == "place":
        return [word(rng, split, 3)]
    return [word(rng, split, 2), rng.choice(SUFFIXES[kind])]


def _template(rng: random.Random, clause: Clause) -> str:
    if clause.fact == "distance":
        return rng.choice(DISTANCE[clause.value])
    marks = {"colour": COLOUR, "side": SIDE, "kit": KIT}
    return rng.choice(marks.get(clause.fact) or FACTS[clause.fact]).replace("{v}", clause.value)


def sentence(rng: random.Random, world: World, split: str) -> Sentence:
    """Words the clauses and the scene of a world in any order, with names of the split."""
    names: list[list[str]] = []
    for kind in world.entities:
        drawn = name(rng, split, kind)
        while drawn in names:
            drawn = name(rng, split, kind)
        names.append(drawn)
    return worded(rng, world, names)


def worded(rng: random.Random, world: World, names: Sequence[Sequence[str]]) -> Sentence:
    """Words the clauses and the scene of a world in any order, with these names of its entities."""
    spans = [(0, 0)] * len(names)
    parts: list[Clause | None] = [*world.clauses, None]
    rng.shuffle(parts)
    tokens = rng.choice(OPENINGS).split()
    for number, part in enumerate(parts):
        if number:
            tokens.append(rng.choice(JOINS))
        template = rng.choice(SCENES[world.scene]) if part is None else _template(rng, part)
        for piece in template.split():
            if part is None or not piece.startswith("{"):
                tokens.append(piece)
                continue
            entity = part.ends[int(piece[1])]
            spans[entity] = (len(tokens), len(tokens) + len(names[entity]))
            tokens += names[entity]
    tokens.append(rng.choice(ENDINGS))
    return Sentence(tuple(tokens), tuple(spans))


def caption(rng: random.Random, item: SceneObject) -> str:
    """What is said of an object: never its colour, its place or its distance."""
    if item.kind == "person":
        return " ".join(rng.choice(part) for part in PERSON)
    if item.kind in ("flag", "building"):
        start = CLOTH if item.kind == "flag" else HOUSE
        return f"{rng.choice(start)} {rng.choice(MEANINGS[item.meaning])}"
    return rng.choice(SHOWN * 2 + (BADGE if item.kind == "logo" else CUP))
