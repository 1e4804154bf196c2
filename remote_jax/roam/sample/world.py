"""An invented archipelago: who there is, and what holds of them.

A triple is *given* if nothing else tells it; else it follows from structure (premises that are
triples), or its tail is drawn at random and shows in the head's image, or in its text, alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

SHARES = {"person": 0.56, "ship": 0.16, "town": 0.12, "guild": 0.1, "region": 0.02}
"""Of the entities; the rest is made of `FIXED`."""
FIXED = {"trade": 15, "emblem": 12, "vow": 12}

RELATIONS = {
    "lies_in": "given, town to region",
    "based_in": "given, guild to town",
    "plies": "given, guild to trade",
    "born_in": "given, person to town",
    "sails_on": "given, person to ship",
    "neighbour_of": "symmetric, town to town",
    "married_to": "symmetric, person to person",
    "member_of": "inverse of has_member, person to guild",
    "has_member": "inverse of member_of, guild to person; 1-N",
    "native_of": "composition of born_in and lies_in, person to region",
    "practises": "composition of member_of and plies, person to trade",
    "bears": "seen in the image, person, guild or ship to emblem",
    "sworn_to": "told by the text, person to vow",
}
"""Every relation with what decides it and the types of its ends."""

IMAGE, TEXT, STRUCTURE, GIVEN = "image", "text", "structure", "given"
MARRIED, SAILING, IN_GUILD = 0.7, 0.5, 0.85

Triple = tuple[str, str, str]

STARTS: tuple[str, ...] = ("b", "br", "c", "d", "dr", "f", "g", "gl", "h", "k", "l", "m", "n", "p")
STARTS += ("r", "s", "st", "t", "th", "v", "z")
MIDDLES = ("a", "ae", "e", "ei", "i", "o", "ou", "u", "y")
ENDS = ("", "l", "m", "n", "nd", "r", "rn", "s", "sk", "th", "x")
FORMS = {
    "person": "{}_{}",
    "ship": "The_{}_{}",
    "town": "{}_Haven",
    "guild": "Guild_of_{}",
    "region": "{}_Isles",
    "trade": "{}craft",
    "emblem": "{}_Crest",
    "vow": "Vow_of_{}",
}


@dataclass(frozen=True)
class Fact:
    """A triple, what decides its tail, and the triples it follows from where that is structure."""

    triple: Triple
    evidence: str
    premises: tuple[Triple, ...] = ()


@dataclass(frozen=True)
class World:
    """Names of entities by type, and facts, no two of one triple."""

    entities: dict[str, tuple[str, ...]]
    facts: tuple[Fact, ...]


def generate(seed: int, entities: int) -> World:
    """A world of about so many entities, the same for the same numbers."""
    rng = random.Random(f"{seed} {entities} world")
    sizes = {kind: max(2, round(share * entities)) for kind, share in SHARES.items()} | FIXED
    taken: set[str] = set()
    named = {
        kind: tuple(_name(rng, FORMS[kind], taken) for _ in range(size))
        for kind, size in sizes.items()
    }
    region = {town: rng.choice(named["region"]) for town in named["town"]}
    facts = [*_places(region), *_lives(rng, named, region), *_shown(rng, named)]
    return World(named, tuple({fact.triple: fact for fact in facts}.values()))


def _word(rng: random.Random) -> str:
    syllables = (
        rng.choice(STARTS) + rng.choice(MIDDLES) + rng.choice(ENDS)
        for _ in range(rng.choice((1, 2)))
    )
    return "".join(syllables).capitalize()


def _name(rng: random.Random, form: str, taken: set[str]) -> str:
    while (name := form.format(_word(rng), _word(rng))) in taken:
        pass
    taken.add(name)
    return name


def _mutual(first: str, relation: str, second: str, back: str) -> Iterator[Fact]:
    """Two triples, each the premise of the other."""
    there, again = (first, relation, second), (second, back, first)
    yield Fact(there, STRUCTURE, (again,))
    yield Fact(again, STRUCTURE, (there,))


def _places(region: dict[str, str]) -> Iterator[Fact]:
    """Towns in regions, and neighbours around the coast of each region."""
    coasts: dict[str, list[str]] = {}
    for town, isles in region.items():
        yield Fact((town, "lies_in", isles), GIVEN)
        coasts.setdefault(isles, []).append(town)
    for towns in coasts.values():
        for town, following in pairwise([*towns, towns[0]] if len(towns) > 2 else towns):
            yield from _mutual(town, "neighbour_of", following, "neighbour_of")


def _lives(
    rng: random.Random, named: dict[str, tuple[str, ...]], region: dict[str, str]
) -> Iterator[Fact]:
    """Guilds, and the lives of people: birth, guild and its trade, ship, marriage."""
    plied = {guild: rng.choice(named["trade"]) for guild in named["guild"]}
    for guild, trade in plied.items():
        yield Fact((guild, "based_in", rng.choice(named["town"])), GIVEN)
        yield Fact((guild, "plies", trade), GIVEN)
    for person in named["person"]:
        born = (person, "born_in", rng.choice(named["town"]))
        isles = region[born[2]]
        yield Fact(born, GIVEN)
        yield Fact((person, "native_of", isles), STRUCTURE, (born, (born[2], "lies_in", isles)))
        if rng.random() < SAILING:
            yield Fact((person, "sails_on", rng.choice(named["ship"])), GIVEN)
        if rng.random() < IN_GUILD:
            guild = rng.choice(named["guild"])
            yield from _mutual(person, "member_of", guild, "has_member")
            premises = ((person, "member_of", guild), (guild, "plies", plied[guild]))
            yield Fact((person, "practises", plied[guild]), STRUCTURE, premises)
    people = rng.sample(named["person"], k=round(MARRIED * len(named["person"])) // 2 * 2)
    for first, second in zip(people[::2], people[1::2], strict=True):
        yield from _mutual(first, "married_to", second, "married_to")


def _shown(rng: random.Random, named: dict[str, tuple[str, ...]]) -> Iterator[Fact]:
    """Emblems and vows, which nothing but image and text tells."""
    for kind in ("person", "guild", "ship"):
        for bearer in named[kind]:
            yield Fact((bearer, "bears", rng.choice(named["emblem"])), IMAGE)
    for person in named["person"]:
        yield Fact((person, "sworn_to", rng.choice(named["vow"])), TEXT)
