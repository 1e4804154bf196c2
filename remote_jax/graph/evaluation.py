"""Scores of a graph against the world that its posts are about.

B-cubed precision and recall of mentions (Bagga and Baldwin 1998, "Algorithms for Scoring
Coreference Chains", section 4), and precision and recall of facts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from remote_jax.data.boxes import check_box
from remote_jax.data.files import read_json
from remote_jax.errors import Refused, UserError
from remote_jax.graph.entities import Entities
from remote_jax.graph.extraction import Extraction
from remote_jax.graph.facts import Facts, symmetric
from remote_jax.reporting.results import Table

MAX_BYTES = 2**30
THRESHOLDS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
DIGITS = 4
"""Decimals of boxes that are compared."""

Place = tuple[str, tuple[float, ...]]
"""The id of a post, and a span or a box in it."""


@dataclass(frozen=True)
class World:
    """The truth.

    Attributes:
        mentions: the entity of each span or box.
        facts: that posts state: head, relation and tail.
        implied: that no post states, but that follow from those.
    """

    mentions: Mapping[Place, str]
    facts: frozenset[tuple[str, str, str]]
    implied: frozenset[tuple[str, str, str]] = frozenset()


def read_world(path: Path) -> World:
    """The world in a file `world.json`, as the generator of posts writes it.

    Raises:
        UserError: it is missing or malformed.
    """
    content = read_json(path, MAX_BYTES)
    try:
        facts, implied = (
            frozenset((str(h), str(r), str(t)) for h, r, t in content[name])
            for name in ("facts", "implied")
        )
        mentions = {
            (post, _place(one)): str(one["entity"])
            for post, some in content["mentions"].items()
            for one in some
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{path} is no world of posts: expected facts and implied, lists of head, relation and "
            f"tail, and mentions by the id of their post ({type(error).__name__}: {error})."
        ) from error
    return World(mentions, facts, implied)


def _place(one: Mapping[str, Any]) -> tuple[float, ...]:
    if "box" not in one:
        start, end = one["span"]
        return (int(start), int(end))
    try:
        return tuple(round(x, DIGITS) for x in check_box(one["box"], "a box"))
    except Refused as error:
        raise ValueError(str(error)) from error


@dataclass(frozen=True)
class Scores:
    """Precision, recall and their harmonic mean, each in [0, 1]."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    def to_dict(self) -> dict[str, float]:
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1}


def b_cubed(found: Mapping[Place, Any], truth: Mapping[Place, Any]) -> Scores:
    """B-cubed scores of clusters of mentions.

    Precision is the mean over the mentions that were found of the share of the mention's cluster
    that is truly of its entity; recall that over the true mentions of the share of the entity's
    mentions that are in its cluster. A mention that only one side has scores 0.

    Args:
        found, truth: the cluster of each mention.
    """
    both = [place for place in found if place in truth]
    ours, theirs = (_sizes(one) for one in (found, truth))
    common = _sizes({place: (found[place], truth[place]) for place in both})
    precision = sum(n * n / ours[cluster] for (cluster, _), n in common.items())
    recall = sum(n * n / theirs[entity] for (_, entity), n in common.items())
    return Scores(precision / max(len(found), 1), recall / max(len(truth), 1))


def _sizes(clusters: Mapping[Any, Any]) -> dict[Any, int]:
    sizes: dict[Any, int] = {}
    for cluster in clusters.values():
        sizes[cluster] = sizes.get(cluster, 0) + 1
    return sizes


def places(extraction: Extraction, entities: Entities) -> dict[Place, int]:
    """The entity of each mention that has one, by its place in the posts."""
    mentions, ids = extraction.mentions, extraction.posts.ids
    rows = np.flatnonzero(entities.of >= 0)
    boxes = np.round(mentions.box[rows], DIGITS).tolist()
    spans, posts = mentions.span[rows].tolist(), mentions.post[rows].tolist()
    return {
        (ids[post], tuple(box if span[0] < 0 else span)): int(entities.of[row])
        for row, post, span, box in zip(rows.tolist(), posts, spans, boxes, strict=True)
    }


def true_entities(found: Mapping[Place, int], truth: Mapping[Place, str]) -> dict[int, str]:
    """The true entity that most mentions of each found one are of; the first by name of several."""
    counts = _sizes({place: (found[place], truth[place]) for place in found if place in truth})
    best: dict[int, str] = {}
    for cluster, entity in sorted(counts, key=lambda pair: (-counts[pair], pair[1])):
        best.setdefault(cluster, entity)
    return best


def fact_keys(
    facts: Facts,
    names: Mapping[int, str],
    relations: list[str],
    both_ways: Collection[str],
) -> list[tuple[str, str, str] | None]:
    """Each fact between true entities; None where an end is of none.

    The ends of a relation that holds both ways are in the order of their names.
    """
    rows = zip(facts.head.tolist(), facts.relation.tolist(), facts.tail.tolist(), strict=True)
    found: list[tuple[str, str, str] | None] = []
    for head, relation, tail in rows:
        ends = [names[end] for end in (head, tail) if end in names]
        found.append(_key(ends, relations[relation], relations[relation] in both_ways))
    return found


def _key(ends: list[str], relation: str, both: bool) -> tuple[str, str, str] | None:
    if len(ends) < 2:
        return None
    head, tail = sorted(ends) if both else ends
    return head, relation, tail


def fact_scores(
    keys: list[tuple[str, str, str] | None],
    chosen: Bool[np.ndarray, " facts"],
    truth: frozenset[tuple[str, str, str]],
) -> Scores:
    """Precision: the share of the chosen facts that are true. Recall: of true ones that are found.

    Args:
        keys: as `fact_keys` gives them.
        truth: likewise, those of relations that hold both ways in the order of names.
    """
    some = [key for key, is_chosen in zip(keys, chosen, strict=True) if is_chosen]
    right = [key for key in some if key in truth]
    return Scores(len(right) / max(len(some), 1), len(set(right)) / max(len(truth), 1))


@dataclass(frozen=True)
class Evaluation:
    """All scores of a graph.

    Attributes:
        entities: B-cubed, of all mentions, of those in sentences, and of those in pictures.
        facts: of the facts that the settings keep.
        thresholds: by the least probability of a fact, the number of facts and their scores.
    """

    entities: dict[str, Scores]
    facts: Scores
    thresholds: dict[float, tuple[int, Scores]]

    def to_dict(self) -> dict[str, Any]:
        """What `scores.json` has."""
        return {
            "entities": {name: one.to_dict() for name, one in self.entities.items()},
            "facts": self.facts.to_dict(),
            "thresholds": [
                {"minimum_probability": least, "facts": count, **one.to_dict()}
                for least, (count, one) in self.thresholds.items()
            ],
        }

    def tables(self) -> list[Table]:
        """What is printed."""
        rows = [
            (f"mentions, {name}", *one.to_dict().values()) for name, one in self.entities.items()
        ]
        rows.append(("facts", *self.facts.to_dict().values()))
        columns = ("precision", "recall", "F1")
        table = [
            (least, count, *one.to_dict().values())
            for least, (count, one) in self.thresholds.items()
        ]
        return [
            Table("Against the world (mentions: B-cubed)", ("of", *columns), rows),
            Table("Facts by their least probability", ("from", "facts", *columns), table),
        ]


def evaluate(
    extraction: Extraction,
    entities: Entities,
    facts: Facts,
    kept: Bool[np.ndarray, " facts"],
    named: str,
    world: World,
) -> Evaluation:
    """Scores against a world.

    Args:
        facts: all of them.
        kept: those that the settings keep.
        named: the setting `graph.symmetric`.
    """
    found = places(extraction, entities)
    scores = {}
    for name, sizes in (("all", (2, 4)), ("in sentences", (2,)), ("in pictures", (4,))):
        ours, theirs = (
            {place: one for place, one in side.items() if len(place[1]) in sizes}
            for side in (found, world.mentions)
        )
        scores[name] = b_cubed(ours, theirs)
    relations = sorted({*extraction.relations, *(relation for _, relation, _ in world.facts)})
    both = symmetric(relations, named)
    both_ways = {name for name, is_both in zip(relations, both, strict=True) if is_both}
    truth = frozenset(
        key for h, r, t in world.facts if (key := _key([h, t], r, r in both_ways)) is not None
    )
    names = true_entities(found, world.mentions)
    keys = fact_keys(facts, names, extraction.relations, both_ways)
    thresholds = {}
    for least in THRESHOLDS:
        chosen = facts.probability >= least
        thresholds[least] = int(chosen.sum()), fact_scores(keys, chosen, truth)
    return Evaluation(scores, fact_scores(keys, kept, truth), thresholds)
