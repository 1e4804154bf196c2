"""The rules by themselves: each names what decides it, no more and no less."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from remote_jax.remote.sample import grammar
from remote_jax.remote.sample.rules import NONE, RULES, SAID, Pair, pairs
from remote_jax.remote.sample.world import (
    BUILDINGS,
    COLOURS,
    DISTANCES,
    FACTS,
    FLAGS,
    SCENES,
    Clause,
    SceneObject,
    World,
    generate,
)

KINDS = ("person", "flag", "logo", "building", "trophy")


@pytest.fixture(scope="module")
def worlds() -> list[World]:
    return [generate(random.Random(f"rules {number}")) for number in range(1000)]


def _same(world: World, pair: Pair) -> Pair | None:
    """The pair of the same two ends in another world, if a rule of it still speaks of them."""
    ends = (pair.triplet, pair.head, pair.tail)
    return next((p for p in pairs(world) if (p.triplet, p.head, p.tail) == ends), None)


def _recloured(rng: random.Random, item: SceneObject) -> SceneObject:
    return replace(item, colour=rng.choice(COLOURS)) if item.colour else item


def _moved(rng: random.Random, world: World) -> World:
    cells = rng.sample(range(8), len(world.objects))
    objects = [replace(t, cell=c) for t, c in zip(world.objects, cells, strict=True)]
    return replace(world, objects=tuple(objects))


def _stepped(rng: random.Random, world: World) -> World:
    objects = [replace(item, distance=rng.choice(DISTANCES)) for item in world.objects]
    return replace(world, objects=tuple(objects))


def _retold(rng: random.Random, world: World) -> World:
    meanings = {"flag": FLAGS, "building": BUILDINGS}
    objects = [
        replace(item, meaning=rng.choice(meanings[item.kind])) if item.meaning else item
        for item in world.objects
    ]
    return replace(world, objects=tuple(objects))


def _repainted(rng: random.Random, world: World, pair: Pair) -> World:
    """Other colours everywhere, and other kinds of objects where no caption tells the kind."""
    ends = {"oo": {pair.head, pair.tail}, "eo": {pair.tail}, "ee": set()}[pair.triplet]
    free = set() if pair.rule == "event_object" else ends
    objects = [_recloured(rng, item) for item in world.objects]
    for number, item in enumerate(objects):
        if number not in free and item.kind != "person":
            kind = rng.choice(KINDS[1:])
            meaning = {"flag": FLAGS[0], "building": BUILDINGS[0]}.get(kind, "")
            objects[number] = replace(item, kind=kind, meaning=meaning)
    return replace(world, objects=tuple(objects))


def _reworded(rng: random.Random, world: World, pair: Pair) -> World:
    """Another scene, other facts of the same kinds, other values, ends told apart or together."""
    scene = rng.choice([s for s in SCENES if (s in ("won", "to_come")) == _final(world)])
    if pair.triplet == "oo" and world.scene in ("match", "family", "school"):
        scene = rng.choice(("match", "family", "school"))
    clauses = []
    for clause in world.clauses:
        if clause.fact in FACTS:
            kinds = FACTS[clause.fact][0]
            alike = [fact for fact in FACTS if FACTS[fact][0] == kinds]
            clauses.append(replace(clause, fact=rng.choice(alike)))
        else:
            values = {"side": ("left", "right"), "distance": DISTANCES}.get(clause.fact, COLOURS)
            clauses.append(replace(clause, value=rng.choice(values)))
    if pair.triplet == "ee":
        clauses = _regrouped(rng, world, clauses, pair)
    return replace(world, scene=scene, clauses=tuple(clauses))


def _regrouped(rng: random.Random, world: World, clauses: list[Clause], pair: Pair) -> list[Clause]:
    """Half the time the two ends share a clause, else each has one to itself."""
    ends = tuple(sorted((pair.head, pair.tail)))
    kept = [clause for clause in clauses if not set(clause.ends) & set(ends)]
    kinds = tuple(world.entities[end] for end in ends)
    facts = [fact for fact, (wanted, _) in FACTS.items() if wanted == kinds]
    if facts and rng.random() < 0.5:
        kept.append(Clause(rng.choice(facts), ends))
    left = set(range(len(world.entities))) - {end for clause in kept for end in clause.ends}
    return kept + [Clause("colour", (end,), "red") for end in sorted(left)]


def _final(world: World) -> bool:
    return world.scene in ("won", "to_come")


def _changes(rng: random.Random, world: World, pair: Pair) -> dict[str, World]:
    return {
        "sentence": _reworded(rng, world, pair),
        "rgb": _repainted(rng, world, pair),
        "position": _moved(rng, world),
        "depth": _stepped(rng, world),
        "caption": _retold(rng, world),
    }


def test_each_rule_is_decided_by_what_it_names_and_by_nothing_else(worlds: list[World]) -> None:
    rng = random.Random(0)
    turned: dict[str, set[str]] = {name: set() for name in RULES}
    for world in worlds[:400]:
        for pair in pairs(world):
            for evidence, other in _changes(rng, world, pair).items():
                found = _same(other, pair)
                if found is not None and found.relation != pair.relation:
                    turned[pair.rule].add(evidence)
    for name, rule in RULES.items():
        assert turned[name] == rule.evidence, name


def test_every_outcome_of_every_rule_occurs_and_no_other(worlds: list[World]) -> None:
    found = {(pair.rule, pair.relation) for world in worlds for pair in pairs(world)}
    assert found == {(name, rel) for name, rule in RULES.items() for rel in rule.shares}


def test_relations_are_in_the_vocabulary_of_umre() -> None:
    named = {relation for rule in RULES.values() for relation in rule.shares} - {NONE}
    assert len(named) >= 15
    assert all(relation.startswith(("/per/", "/org/", "/loc/", "/misc/")) for relation in named)
    assert set(SAID.values()) <= named


@pytest.mark.parametrize(
    ("clause", "forward", "backward"),
    [
        (Clause("contain", (0, 1)), "/loc/loc/contain", NONE),
        (Clause("subsidiary", (0, 1)), "/org/org/subsidiary", NONE),
        (Clause("siblings", (0, 1)), "/per/per/relatives", "/per/per/relatives"),
    ],
)
def test_direction_matters_where_it_should(clause: Clause, forward: str, backward: str) -> None:
    world = World("match", FACTS[clause.fact][0], (clause,), ())
    found = {(pair.head, pair.tail): pair.relation for pair in pairs(world)}
    assert found == {(0, 1): forward, (1, 0): backward}


def test_a_mark_fits_one_person_of_the_picture(worlds: list[World]) -> None:
    marks = 0
    for world in worlds:
        fitting = []
        for clause in world.clauses:
            if clause.fact in ("colour", "side", "distance"):
                marks += 1
                alike = [
                    number
                    for number, item in enumerate(world.objects)
                    if item.kind == "person" and getattr(item, clause.fact) == clause.value
                ]
                assert len(alike) == 1
                fitting += alike
        assert len(fitting) == len(set(fitting)), "two names for one person"
    assert marks > 500


def test_words_do_not_foretell_the_picture(worlds: list[World]) -> None:
    told = [world for world in worlds if any(clause.fact == "attends" for clause in world.clauses)]
    share = sum(world.holds("trophy") for world in told) / len(told)
    assert 0.35 < share < 0.65


def test_who_shares_a_half_says_nothing_about_rows(worlds: list[World]) -> None:
    """A crop may show the sky, and so its row: that must not tell who stands on whose side."""
    counts = {(half, row): 0 for half in (False, True) for row in (False, True)}
    for world in worlds:
        one, two = [item for item in world.objects if item.kind == "person"][:2]
        counts[one.side == two.side, one.cell // 4 == two.cell // 4] += 1
    for half in (False, True):
        share = counts[half, True] / (counts[half, True] + counts[half, False])
        assert abs(share - 0.5) < 0.07


def test_splits_share_syllables_and_no_words() -> None:
    rng = random.Random(0)
    words = {
        split: {grammar.word(rng, split, length) for length in (2, 3) for _ in range(4000)}
        for split in grammar.SPLITS
    }
    assert not words["train"] & (words["validation"] | words["test"])
    assert not words["validation"] & words["test"]
    for split in ("validation", "test"):
        text = " ".join(words[split]).lower()
        assert all(syllable in text for syllable in grammar.SYLLABLES)


def test_names_split_into_syllables_in_one_way() -> None:
    """Else one word could be spelt from the syllables of two splits."""
    for syllable in grammar.SYLLABLES:
        vowels = [letter in "aeiou" for letter in syllable]
        assert vowels in ([False, True], [False, True, False])
    assert len(set(grammar.SYLLABLES)) == len(grammar.SYLLABLES) == 40
