"""Facts that follow from others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator

from remote_jax.remote.sample import rules

Fact = tuple[str, str, str]
"""Head, relation and tail."""

TRANSITIVE = (rules.RELATIVES, rules.ALUMNI, rules.CONTAIN, rules.SUBSIDIARY)

CHAINS = (
    (rules.RELATIVES, rules.BIRTH, rules.BIRTH),
    (rules.MEMBER, rules.LOCATED, rules.RESIDENCE),
    (rules.LEADER, rules.LOCATED, rules.RESIDENCE),
    (rules.PARTNER, rules.OPPOSED, rules.OPPOSED),
    *((name, name, name) for name in TRANSITIVE),
)
"""(first, second, third): X first Y and Y second Z are reason enough for X third Z."""

RULES = (
    *(f"X {name} Y => Y {name} X" for name in rules.SYMMETRIC[:4]),
    *(f"X {one} Y, Y {two} Z => X {three} Z" for one, two, three in CHAINS),
    f"X {rules.MEMBER} Z, Y {rules.MEMBER} Z => X {rules.PARTNER} Y",
    f"X {rules.GOVERNANCE} Y => X {rules.RESIDENCE} Y",
)
"""The rules by which `closure` goes, for a person; X, Y and Z are different."""


def closure(facts: Collection[Fact]) -> frozenset[Fact]:
    """The facts, and all that follow from them."""
    known = frozenset(facts)
    while True:
        more = known | frozenset(_following(known))
        if more == known:
            return known
        known = more


def _following(facts: Collection[Fact]) -> Iterator[Fact]:
    """What follows by one use of a rule."""
    tails: dict[tuple[str, str], list[str]] = defaultdict(list)
    members: dict[str, list[str]] = defaultdict(list)
    for head, relation, tail in facts:
        tails[relation, head].append(tail)
        if relation == rules.MEMBER:
            members[tail].append(head)
    for head, relation, tail in facts:
        if relation in rules.SYMMETRIC:
            yield tail, relation, head
        if relation == rules.GOVERNANCE:
            yield head, rules.RESIDENCE, tail
        if relation == rules.MEMBER:
            yield from ((head, rules.PARTNER, one) for one in members[tail] if one != head)
        for first, second, third in CHAINS:
            if relation == first:
                yield from ((head, third, one) for one in tails[second, tail] if one != head)
