"""Who and what a world of posts has, and what is true of them.

Facts are consistent: a person was born in one place, lives in one, and plays for or leads one
club at most. Clubs have rivals; who plays for a club is opposed to its rivals and to their
players. `consequences` has the rules by which some facts follow from others.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

from remote_jax.remote.sample import grammar, rules
from remote_jax.remote.sample.posts.consequences import Fact, closure

PEOPLE, ORGANISATIONS, PLACES, EVENTS = 300, 40, 50, 20
MAYORS = 25
SPLIT = "test"
"""Names are of this split of the sample: a model that was trained on it has seen none of them."""

SHARED_SURNAMES = 8
"""Surnames that two people share who are not related; other strangers' surnames differ."""

TYPES = {"person": "per", "organisation": "org", "place": "loc", "event": "misc"}


@dataclass(frozen=True)
class Entity:
    """Somebody or something with a name.

    Attributes:
        kind: one of `TYPES`.
        aliases: what else it is called; several people may be called the same.
    """

    id: str
    kind: str
    name: tuple[str, ...]
    aliases: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Community:
    """Everybody and everything, and all that is true of them.

    Attributes:
        facts: (head, relation, tail) by ids; a relation that holds both ways is there both ways.
    """

    entities: tuple[Entity, ...]
    facts: frozenset[Fact]

    def ids(self, kind: str) -> list[str]:
        return [one.id for one in self.entities if one.kind == kind]


def generate(rng: random.Random) -> Community:
    """Draws a community."""
    entities = [*_people(rng), *_others(rng)]
    numbered = tuple(
        Entity(f"E{number}", one.kind, one.name, one.aliases)
        for number, one in enumerate(entities, start=1)
    )
    ids = {kind: [one.id for one in numbered if one.kind == kind] for kind in TYPES}
    return Community(numbered, closure(_facts(rng, ids)))


def _word(rng: random.Random, syllables: int, taken: set[str]) -> str:
    """A word that is not taken, and is from now on."""
    word = grammar.word(rng, SPLIT, syllables)
    while word in taken:
        word = grammar.word(rng, SPLIT, syllables)
    taken.add(word)
    return word


def _people(rng: random.Random) -> Iterator[Entity]:
    """People with a first name and a surname; by an alias the surname or an initial and it."""
    # There are 160 words of two syllables, too few for surnames that differ.
    surnames: set[str] = set()
    drawn = [_word(rng, 3, surnames) for _ in range(PEOPLE - SHARED_SURNAMES)]
    drawn += rng.sample(drawn, SHARED_SURNAMES)
    names: set[tuple[str, ...]] = set()
    for surname in rng.sample(drawn, PEOPLE):
        first = grammar.word(rng, SPLIT, 2)
        while (first, surname) in names:
            first = grammar.word(rng, SPLIT, 2)
        names.add((first, surname))
        yield Entity("", "person", (first, surname), ((surname,), (f"{first[0]}.", surname)))


def _others(rng: random.Random) -> Iterator[Entity]:
    """Organisations, places and events."""
    taken: set[str] = set()
    for kind, count in (("organisation", ORGANISATIONS), ("event", EVENTS)):
        for _ in range(count):
            yield Entity("", kind, (_word(rng, 2, taken), rng.choice(grammar.SUFFIXES[kind])))
    for _ in range(PLACES):
        yield Entity("", "place", (_word(rng, 3, taken),))


def _groups(rng: random.Random, ids: Sequence[str], most: int) -> Iterator[list[str]]:
    """Everybody in groups of one to so many."""
    rest = rng.sample(ids, len(ids))
    while rest:
        size = rng.randint(1, most)
        yield rest[:size]
        rest = rest[size:]


def _facts(rng: random.Random, ids: dict[str, list[str]]) -> set[Fact]:
    """What is drawn; the rest follows."""
    people = rng.sample(ids["person"], PEOPLE)
    leaders, rest = people[:ORGANISATIONS], people[ORGANISATIONS:]
    mayors, players = rest[:MAYORS], rest[MAYORS:]
    found: set[Fact] = set()
    found |= _map(rng, ids)
    found |= set(_families(rng, ids))
    governed = rng.sample(ids["place"], MAYORS)
    found |= {(one, rules.GOVERNANCE, place) for one, place in zip(mayors, governed, strict=True)}
    found |= {
        (one, rules.LEADER, club) for one, club in zip(leaders, ids["organisation"], strict=True)
    }
    clubs = {one: rng.choice(ids["organisation"]) for one in players}
    found |= {(one, rules.MEMBER, club) for one, club in clubs.items()}
    found |= _rivalry(rng, clubs, ids["organisation"])
    for event in ids["event"]:
        found.add((event, rules.HELD, rng.choice(ids["place"])))
        guests = rng.sample(people, 40)
        found |= {(one, rules.AWARDED, event) for one in guests[:20]}
        found |= {(one, rules.PRESENT, event) for one in guests[20:]}
    return found


def _map(rng: random.Random, ids: dict[str, list[str]]) -> set[Fact]:
    """Regions of towns of quarters; clubs with grounds, and which of them owns which."""
    places, clubs = ids["place"], ids["organisation"]
    regions, towns, quarters = places[:5], places[5:20], places[20:]
    found = {(regions[n % 5], rules.CONTAIN, town) for n, town in enumerate(towns)}
    found |= {(towns[n % 15], rules.CONTAIN, quarter) for n, quarter in enumerate(quarters)}
    found |= {(club, rules.LOCATED, rng.choice(places[5:])) for club in clubs}
    # The first 5 own the next 10, and these the rest.
    found |= {(clubs[n % 5], rules.SUBSIDIARY, club) for n, club in enumerate(clubs[5:15])}
    found |= {(clubs[5 + n % 10], rules.SUBSIDIARY, club) for n, club in enumerate(clubs[15:])}
    return found


def _families(rng: random.Random, ids: dict[str, list[str]]) -> Iterator[Fact]:
    """Brothers and sisters, who were born in one place, and people of one year at school."""
    for family in _groups(rng, ids["person"], 4):
        birthplace = rng.choice(ids["place"])
        yield from ((one, rules.BIRTH, birthplace) for one in family)
        yield from ((one, rules.RELATIVES, two) for one, two in combinations(family, 2))
    for year in _groups(rng, ids["person"], 4):
        yield from ((one, rules.ALUMNI, two) for one, two in combinations(year, 2))


def _rivalry(rng: random.Random, clubs: dict[str, str], ids: Sequence[str]) -> set[Fact]:
    """What follows from each club having the next one of a circle, and another, as its rivals."""
    circle = rng.sample(ids, len(ids))
    rivals = {frozenset((one, circle[n - 1])) for n, one in enumerate(circle)}
    rivals |= {frozenset((one, circle[n - 7])) for n, one in enumerate(circle)}
    found = {
        (player, rules.OPPOSED, rival)
        for player, club in clubs.items()
        for rival in ids
        if frozenset((club, rival)) in rivals
    }
    found |= {
        (one, rules.OPPONENT, two)
        for one, two in permutations(clubs, 2)
        if frozenset((clubs[one], clubs[two])) in rivals
    }
    return found
