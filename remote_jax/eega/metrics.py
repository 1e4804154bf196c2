"""Scores of joint extraction: what is found counts only if all of it matches (appendix B).

Two protocols, for quintuples:

- `directed`: head and tail must be the right way round;
- `folded`: that of the authors' code, which writes both directions onto the upper triangle of the
  matrix of tags and then counts every quintuple, found or right, in both orders. Which end is the
  head is not scored, so it mostly is above the directed score; it is below where a pair that is
  right is told both ways, which counts twice as directed and once as folded. The authors read even
  what is right back from a matrix of tags, where entities side by side melt into one and
  overlapping ones are lost; here what is right is what was annotated.

Entities (the paper's #MNER) are those of the same predictions, with or without a relation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set

from remote_jax.eega.quintuples import Labels, Quintuple
from remote_jax.eega.settings import PROTOCOLS
from remote_jax.errors import UserError
from remote_jax.reporting.score import Score


def score(gold: Sequence[Set[object]], found: Sequence[Set[object]]) -> Score:
    """Micro-averaged score of what was found in each sentence.

    Raises:
        ValueError: the two are not of the same sentences.
    """
    hits = sum(len(right & claimed) for right, claimed in zip(gold, found, strict=True))
    return Score.from_counts(hits, sum(map(len, found)), sum(map(len, gold)))


def quintuples(gold: Sequence[Labels], found: Sequence[Labels], protocol: str) -> Score:
    """Score of the quintuples under one of `PROTOCOLS`."""
    check_protocol(protocol)
    sides = [[labels.quintuples for labels in side] for side in (gold, found)]
    if protocol == "folded":
        sides = [[_both_ways(some) for some in side] for side in sides]
    return score(*sides)


def entities(gold: Sequence[Labels], found: Sequence[Labels]) -> Score:
    """Score of the entities: span and type."""
    return score([labels.entities for labels in gold], [labels.entities for labels in found])


def summary(gold: Sequence[Labels], found: Sequence[Labels], protocol: str) -> dict[str, float]:
    """Scores of a split: quintuples under `protocol`, entities as `mner_*`."""
    result = {}
    parts = (("", quintuples(gold, found, protocol)), ("mner_", entities(gold, found)))
    for prefix, part in parts:
        for name in ("precision", "recall", "f1"):
            result[prefix + name] = getattr(part, name)
    return result


def check_protocol(name: str) -> None:
    """Raises a UserError unless `name` is one of `PROTOCOLS`."""
    if name not in PROTOCOLS:
        raise UserError(f"The metric {name!r} is unknown, expected {' or '.join(PROTOCOLS)}.")


def _both_ways(some: Iterable[Quintuple]) -> frozenset[Quintuple]:
    pairs = ((one, Quintuple(one.tail, one.head, one.relation)) for one in some)
    return frozenset(way for pair in pairs for way in pair)
