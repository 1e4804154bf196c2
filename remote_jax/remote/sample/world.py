"""The world behind one post: what its sentence says and what its picture shows.

A world holds no names and no pixels. `grammar` words it, `scene` draws it, and `rules` reads the
relation of every pair off it, so a label can never depend on how a world is worded or drawn.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

COLOURS = ("red", "blue")
SIDES = ("left", "right")
DISTANCES = ("near", "far")
FLAGS = ("nation", "party", "faith")
BUILDINGS = ("town_hall", "home", "hospital")

# What a sentence may say of a person to tell which one of the picture it is. One value of each: if
# all were said, a label would be whether two objects are alike, which small models learn far later.
MARKS = {"colour": ("red",), "side": ("left",), "distance": ("near",)}

SCENES = {"match": 44, "family": 13, "school": 13, "won": 16, "to_come": 14}
FINALS = ("won", "to_come")

# fact: (kinds of its two ends, how often it is told)
FACTS = {
    "birth": (("person", "place"), 2.4),
    "residence": (("person", "place"), 2.4),
    "governance": (("person", "place"), 2.4),
    "plays": (("person", "organisation"), 2.4),
    "leads": (("person", "organisation"), 2.4),
    "faces": (("person", "organisation"), 2.4),
    "contain": (("place", "place"), 3.2),
    "location": (("organisation", "place"), 2.6),
    "subsidiary": (("organisation", "organisation"), 3.2),
    "held": (("event", "place"), 2.6),
    "attends": (("person", "event"), 24.0),
    "siblings": (("person", "person"), 1.3),
    "classmates": (("person", "person"), 1.3),
}

# What a sentence tells besides its scene. C: a fact; M: where or how a person of the picture is
# seen; K: the colours of an organisation.
PATTERNS = {"CCM": 50, "CMM": 14, "CMK": 15, "CCK": 12, "CC": 9}
RATES = {"colour": 3.0, "side": 9.0, "distance": 4.0}


@dataclass(frozen=True)
class Clause:
    """One statement of the sentence.

    `ends` are indices of entities. `fact` is one of FACTS, or what marks a person of the picture
    (one of MARKS), or "kit" for the colours of an organisation; the latter two have a `value`.
    """

    fact: str
    ends: tuple[int, ...]
    value: str = ""


@dataclass(frozen=True)
class SceneObject:
    """One object of the picture.

    `cell` is its place in a grid of four columns and two rows: columns 0 and 1 are left of the
    middle, 2 and 3 right of it. `meaning` is what only the caption of a flag or building tells.
    """

    kind: str
    cell: int
    distance: str
    colour: str = ""
    meaning: str = ""

    @property
    def column(self) -> int:
        return self.cell % 4

    @property
    def side(self) -> str:
        return SIDES[self.column >= 2]


@dataclass(frozen=True)
class World:
    """A post: its scene, the kinds of its entities, its clauses, and the objects in its picture."""

    scene: str
    entities: tuple[str, ...]
    clauses: tuple[Clause, ...]
    objects: tuple[SceneObject, ...]

    def holds(self, kind: str) -> bool:
        return any(item.kind == kind for item in self.objects)

    def clause_of(self, entity: int) -> Clause:
        return next(clause for clause in self.clauses if entity in clause.ends)


def weighted(rng: random.Random, weights: dict) -> str:
    """Draws a key in proportion to its weight."""
    return rng.choices(list(weights), list(weights.values()))[0]


def _kinds(rng: random.Random, scene: str) -> list[str]:
    people = rng.choice((2, 2, 3))
    kinds = ["flag"] if rng.random() < 0.5 else []
    # A final always shows its trophy. Elsewhere chance decides: words must not foretell it.
    if scene in FINALS or rng.random() < 0.5:
        kinds.append("trophy")
    spare = [kind for kind, share in (("logo", 0.7), ("building", 0.4)) if rng.random() < share]
    rng.shuffle(spare)
    kinds += spare[: 5 - people - len(kinds)]
    if people + len(kinds) < 3:
        kinds.append(rng.choice(("logo", "building")))
    return ["person"] * people + kinds


def _cells(rng: random.Random, people: int, others: int) -> list[int]:
    """A cell for each object, people first: half and row of a person are tosses of a coin.

    So who shares a half says nothing about who shares a row, which a crop may show by its sky.
    """
    groups: list[tuple[int, int]] = []
    while not groups or max(map(groups.count, groups)) > 2:  # A group has two cells.
        groups = [(rng.randrange(2), rng.randrange(2)) for _ in range(people)]
    free = {group: rng.sample((0, 1), 2) for group in sorted(set(groups))}
    cells = [4 * row + 2 * half + free[half, row].pop() for half, row in groups]
    return cells + rng.sample([cell for cell in range(8) if cell not in cells], others)


def _objects(rng: random.Random, scene: str) -> tuple[SceneObject, ...]:
    kinds = _kinds(rng, scene)
    shirts = list(COLOURS)
    people = kinds.count("person")
    cells = _cells(rng, people, len(kinds) - people)
    objects: list[SceneObject] = []
    for kind, cell in zip(kinds, cells, strict=True):
        colour = meaning = ""
        if kind == "person":
            colour = rng.choice(shirts)
        elif kind == "logo":
            worn = [item.colour for item in objects if item.kind == "person"]
            colour = rng.choice(worn if rng.random() < 0.7 else COLOURS)
        elif kind == "flag":
            meaning = rng.choice(FLAGS)
        elif kind == "building":
            meaning = rng.choice(BUILDINGS)
        objects.append(SceneObject(kind, cell, rng.choice(DISTANCES), colour, meaning))
    rng.shuffle(objects)
    return tuple(objects)


def _marks(world: World, taken: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """Every (mark, value) that fits one person of the picture alone, and one not yet marked."""
    people = [item for item in world.objects if item.kind == "person"]
    found = []
    for mark in MARKS:
        # In a match a side would foretell who stands on whose side.
        if (world.scene, mark) == ("match", "side"):
            continue
        values = [getattr(person, mark) for person in people]
        for person, value in zip(people, values, strict=True):
            known = any(getattr(person, other) == said for other, said in taken)
            if value in MARKS[mark] and values.count(value) == 1 and not known:
                found.append((mark, value))
    return found


def _mark(rng: random.Random, world: World, taken: set[tuple[str, str]]) -> tuple[str, str] | None:
    found = _marks(world, taken)
    weights = {mark: RATES[mark] for mark in dict(found)}
    if not weights:
        return None
    mark = weighted(rng, weights)
    return rng.choice([one for one in found if one[0] == mark])


def _kit(rng: random.Random, world: World) -> str | None:
    """The colour of the badge in the picture or, as often, another one."""
    for item in world.objects:
        if item.kind == "logo":
            others = [colour for colour in COLOURS if colour != item.colour]
            return item.colour if rng.random() < 0.5 else rng.choice(others)
    return None


def _statements(rng: random.Random, world: World, pattern: str) -> World:
    """Adds what the sentence tells: a mark or a kit where the picture allows it, else a fact."""
    facts = {fact: weight for fact, (_, weight) in FACTS.items()}
    if world.scene in FINALS:
        del facts["attends"]  # Who is honoured there is what the scene says.
    entities: list[str] = []
    clauses: list[Clause] = []
    taken: set[tuple[str, str]] = set()
    for letter in pattern:
        mark = _mark(rng, world, taken) if letter == "M" else None
        kit = _kit(rng, world) if letter == "K" else None
        kinds: tuple[str, ...]
        if mark is not None:
            taken.add(mark)
            kinds, (fact, value) = ("person",), mark
        elif kit is not None:
            kinds, fact, value = ("organisation",), "kit", kit
        else:
            fact, value = weighted(rng, facts), ""
            del facts[fact]
            kinds = FACTS[fact][0]
        ends = tuple(range(len(entities), len(entities) + len(kinds)))
        entities.extend(kinds)
        clauses.append(Clause(fact, ends, value))
    rng.shuffle(clauses)
    return World(world.scene, tuple(entities), tuple(clauses), world.objects)


def generate(rng: random.Random) -> World:
    """Draws a world."""
    scene = weighted(rng, SCENES)
    world = World(scene, (), (), _objects(rng, scene))
    return _statements(rng, world, weighted(rng, PATTERNS))
