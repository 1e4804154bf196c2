"""Which relation holds between two ends of a world, and which evidence decides it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from remote_jax.remote.sample.world import FINALS, MARKS, World

NONE = "none"
GOVERNANCE, BIRTH, RESIDENCE = (
    "/per/loc/place_of_governance",
    "/per/loc/place_of_birth",
    "/per/loc/place_of_residence",
)
MEMBER, LEADER, OPPOSED = "/per/org/member_of", "/per/org/leader_of", "/per/org/opposed_to"
PARTNER, OPPONENT = "/per/per/partner", "/per/per/opponent"
RELATIVES, ALUMNI = "/per/per/relatives", "/per/per/alumni"
PERSON_SELF, ORG_SELF = "/per/per/self", "/org/org/self"
NATIONALITY, PARTY, RELIGION = "/per/misc/nationality", "/per/misc/party", "/per/misc/religion"
AWARDED, PRESENT, PART_OF = "/per/misc/awarded", "/per/misc/present_in", "/misc/misc/part_of"
CONTAIN, LOCATED, HELD = "/loc/loc/contain", "/org/loc/locate_at", "/misc/loc/held_on"
SUBSIDIARY = "/org/org/subsidiary"

# What one clause says by itself. "attends" needs the picture too.
SAID = {
    "birth": BIRTH,
    "residence": RESIDENCE,
    "governance": GOVERNANCE,
    "plays": MEMBER,
    "leads": LEADER,
    "faces": OPPOSED,
    "contain": CONTAIN,
    "location": LOCATED,
    "subsidiary": SUBSIDIARY,
    "held": HELD,
    "siblings": RELATIVES,
    "classmates": ALUMNI,
}
FLAG = {"nation": NATIONALITY, "party": PARTY, "faith": RELIGION}
BUILDING = {"town_hall": GOVERNANCE, "home": RESIDENCE, "hospital": BIRTH}
GATHERING = {"family": RELATIVES, "school": ALUMNI}
SYMMETRIC = (PARTNER, OPPONENT, RELATIVES, ALUMNI, PERSON_SELF, ORG_SELF)


@dataclass(frozen=True)
class Rule:
    """What decides a kind of pair, and how many rows in a thousand each of its outcomes aims at.

    `evidence` holds only what cannot be done without: every withheld part of it leaves two or
    more outcomes open.
    """

    evidence: frozenset[str]
    shares: dict[str, float]


def _rule(evidence: str, **shares: float) -> Rule:
    return Rule(frozenset(evidence.split()), {globals()[name]: n for name, n in shares.items()})


RULES = {
    # two entities
    "person_place": _rule("sentence", BIRTH=15, RESIDENCE=15, GOVERNANCE=15, NONE=10),
    "person_organisation": _rule("sentence", MEMBER=13, LEADER=13, OPPOSED=13, NONE=8),
    "place_place": _rule("sentence", CONTAIN=16, NONE=8),
    "organisation_place": _rule("sentence", LOCATED=16, NONE=6),
    "organisation_organisation": _rule("sentence", SUBSIDIARY=16, NONE=8),
    "event_place": _rule("sentence", HELD=16, NONE=6),
    "person_event": _rule("sentence", NONE=6),
    "attendance": _rule("sentence rgb", AWARDED=54, PRESENT=54),
    "person_person": _rule("sentence", RELATIVES=11, ALUMNI=11, NONE=6),
    # two objects
    "teams": _rule("sentence position", PARTNER=36, OPPONENT=36),
    "gathering": _rule("sentence", RELATIVES=20, ALUMNI=20),
    "own_badge": _rule("rgb depth", LEADER=30, MEMBER=30),
    "other_badge": _rule("rgb", OPPOSED=48),
    "prize": _rule("sentence", AWARDED=17, NONE=15),
    "flag": _rule("caption", NATIONALITY=21, PARTY=21, RELIGION=21),
    # an entity and an object
    "marked_colour": _rule("sentence rgb", PERSON_SELF=30, NONE=30),
    "marked_side": _rule("sentence position", PERSON_SELF=32, NONE=32),
    "marked_distance": _rule("sentence depth", PERSON_SELF=38, NONE=38),
    "named_badge": _rule("sentence", MEMBER=9, LEADER=9, OPPOSED=9),
    "kit_badge": _rule("sentence rgb", ORG_SELF=20, NONE=20),
    "named_building": _rule("caption", GOVERNANCE=14, RESIDENCE=14, BIRTH=14),
    "named_flag": _rule("caption", NATIONALITY=9, PARTY=9, RELIGION=9),
    "named_prize": _rule("sentence", AWARDED=8, NONE=8),
    "event_object": _rule("rgb", PART_OF=16, NONE=7),
}


@dataclass(frozen=True)
class Pair:
    """Two ends of a world: `triplet` tells for each whether it is an entity (e) or object (o)."""

    triplet: str
    head: int
    tail: int
    rule: str
    relation: str


def _entity_pair(world: World, head: int, tail: int) -> tuple[str, str] | None:
    kinds = f"{world.entities[head]}_{world.entities[tail]}"
    clause = world.clause_of(head)
    if kinds not in RULES:
        return None
    if clause is not world.clause_of(tail):
        return kinds, NONE
    if clause.fact == "attends":
        return "attendance", AWARDED if world.holds("trophy") else PRESENT
    forward = head < tail or kinds == "person_person"
    return kinds, SAID[clause.fact] if forward else NONE


def _object_pair(world: World, head: int, tail: int) -> tuple[str, str] | None:
    one, two = world.objects[head], world.objects[tail]
    if one.kind != "person":
        return None
    if two.kind == "person" and world.scene == "match":
        if (one.column, head) > (two.column, tail):
            return None  # people are listed from left to right
        return "teams", PARTNER if one.side == two.side else OPPONENT
    if two.kind == "person" and world.scene in GATHERING:
        return "gathering", GATHERING[world.scene]
    if two.kind == "logo" and one.colour == two.colour:
        return "own_badge", LEADER if one.distance == "near" else MEMBER
    if two.kind == "logo":
        return "other_badge", OPPOSED
    if two.kind == "trophy" and world.scene in FINALS:
        return "prize", AWARDED if world.scene == "won" else NONE
    if two.kind == "flag":
        return "flag", FLAG[two.meaning]
    return None


def _person_object(world: World, head: int, tail: int) -> tuple[str, str] | None:
    clause, item = world.clause_of(head), world.objects[tail]
    if item.kind == "person" and clause.fact in MARKS:
        fits = getattr(item, clause.fact) == clause.value
        return f"marked_{clause.fact}", PERSON_SELF if fits else NONE
    kit = any(other.fact == "kit" for other in world.clauses)
    if item.kind == "logo" and clause.fact in ("plays", "leads", "faces") and not kit:
        return "named_badge", SAID[clause.fact]
    if item.kind == "building":
        return "named_building", BUILDING[item.meaning]
    if item.kind == "flag":
        return "named_flag", FLAG[item.meaning]
    if item.kind == "trophy" and world.scene in FINALS:
        return "named_prize", AWARDED if world.scene == "won" else NONE
    return None


def _mixed_pair(world: World, head: int, tail: int) -> tuple[str, str] | None:
    kind, item = world.entities[head], world.objects[tail]
    clause = world.clause_of(head)
    if kind == "person":
        return _person_object(world, head, tail)
    if kind == "organisation" and item.kind == "logo" and clause.fact == "kit":
        return "kit_badge", ORG_SELF if item.colour == clause.value else NONE
    if kind == "event" and item.kind != "person":
        return "event_object", PART_OF if item.kind == "trophy" else NONE
    return None


def pairs(world: World) -> Iterator[Pair]:
    """Every pair of a world that a rule speaks about, with its relation."""
    entities, objects = range(len(world.entities)), range(len(world.objects))
    for triplet, heads, tails, decide in (
        ("ee", entities, entities, _entity_pair),
        ("oo", objects, objects, _object_pair),
        ("eo", entities, objects, _mixed_pair),
    ):
        for head in heads:
            for tail in tails:
                if triplet != "eo" and head == tail:
                    continue
                found = decide(world, head, tail)
                if found is not None:
                    yield Pair(triplet, head, tail, *found)


def holding(world: World) -> Iterator[Pair]:
    """Every pair of a world with a relation, both ways round where that holds both ways."""
    found = {(pair.triplet, pair.head, pair.tail): pair for pair in pairs(world)}
    for pair in list(found.values()):
        if pair.relation in SYMMETRIC:
            back = Pair(pair.triplet[::-1], pair.tail, pair.head, pair.rule, pair.relation)
            found[back.triplet, back.head, back.tail] = back
    yield from (pair for pair in found.values() if pair.relation != NONE)
