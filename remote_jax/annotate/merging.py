"""What several annotators say of a post, side by side, and what they agree on.

An end that came with the post is the same for all, however it was edited. Of those that people
added, entities of the same words are the same, and boxes that overlap by half (intersection over
union), each with one of another person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from scipy.optimize import linear_sum_assignment

from remote_jax.annotate.ends import (
    End,
    Entity,
    Layer,
    Object,
    Pair,
    Relation,
    Value,
    item_of,
    pair_of,
)
from remote_jax.annotate.vocabulary import Vocabulary
from remote_jax.data.boxes import overlap
from remote_jax.data.images import Box

T = TypeVar("T")

OVERLAP = 0.5
"""Least intersection over union of two boxes of the same object."""


@dataclass(frozen=True)
class Merged:
    """What annotators say of a post.

    Attributes:
        ends: by identifiers that are the same for all, what each says; a person who has none such
            end is not there.
        relations: likewise, of every pair that somebody labelled.
        aliases: of the other identifiers that somebody has for an end, the one that is used.
    """

    people: tuple[str, ...]
    ends: Mapping[str, Mapping[str, End]]
    relations: Mapping[Pair, Mapping[str, Relation]]
    aliases: Mapping[str, str] = field(default_factory=dict)

    def used(self, values: Mapping[str, Value | None]) -> dict[str, Value | None]:
        """Values by items of the identifiers that are used; of one item's, the last.

        Which identifier of an end is used depends on the order of people and on who has the end,
        so a decision may have been made under another.
        """
        found: dict[str, Value | None] = {}
        for item, value in values.items():
            names = [self.aliases.get(name, name) for name in item.split(" ")]
            if len(set(names)) < len(names):
                continue  # two ends that were edited until they were the same
            if isinstance(value, Relation):
                head, tail = (self.aliases.get(end, end) for end in (value.head, value.tail))
                value = Relation(head, tail, value.relation)
            found[" ".join(sorted(names))] = value
        return found

    def agreed(self, vocabulary: Vocabulary) -> Layer:
        """What all of them say; of two boxes that are the same object, the first person's."""
        ends = {
            item: next(iter(said.values()))
            for item, said in self.ends.items()
            if len(said) == len(self.people) and _all(_same_end, list(said.values()))
        }
        relations = {
            pair: next(iter(said.values()))
            for pair, said in self.relations.items()
            if len(said) == len(self.people) and _all(vocabulary.same, list(said.values()))
        }
        return Layer(ends).with_values({" ".join(pair): one for pair, one in relations.items()})


def _all(same: Callable[[T, T], bool], values: Sequence[T]) -> bool:
    """Whether the first value is the same as each of the others."""
    return all(same(values[0], other) for other in values[1:])


def merge(layers: Mapping[str, Layer]) -> Merged:
    """The layers of some people, ends by identifiers that are the same for all of them."""
    ends: dict[str, dict[str, End]] = {}
    relations: dict[Pair, dict[str, Relation]] = {}
    aliases: dict[str, str] = {}
    for person, layer in layers.items():
        known = _known(layer, ends)
        aliases = known | aliases
        for item, end in layer.ends.items():
            ends.setdefault(known[item], {})[person] = end
        for relation in layer.relations.values():
            head, tail = known[relation.head], known[relation.tail]
            pair = pair_of(item_of(head, tail))
            relations.setdefault(pair, {})[person] = Relation(head, tail, relation.relation)
    ordered = {item: ends[item] for item in sorted(ends)}
    aliases = {item: used for item, used in aliases.items() if item not in ends}
    return Merged(tuple(layers), ordered, relations, aliases)


def _known(layer: Layer, ends: Mapping[str, Mapping[str, End]]) -> dict[str, str]:
    """For each end of a layer the identifier that it has among those met so far."""
    found = {item: item for item in layer.ends}
    added = [item for item in layer.ends if item not in ends]
    free = [item for item in ends if item not in layer.ends]
    for item in added:
        end = layer.ends[item]
        for other in free:
            first = next(iter(ends[other].values()))
            if isinstance(end, Entity) and isinstance(first, Entity) and end.span == first.span:
                found[item] = other
    boxes = [item for item in added if isinstance(layer.ends[item], Object)]
    others = [item for item in free if isinstance(next(iter(ends[item].values())), Object)]
    rows = [_box(layer.ends[item]) for item in boxes]
    columns = [_box(next(iter(ends[item].values()))) for item in others]
    overlaps = np.array([[overlap(row, column) for column in columns] for row in rows])
    overlaps = overlaps.reshape(len(rows), len(columns))
    for row, column in zip(*linear_sum_assignment(-overlaps), strict=True):
        if overlaps[row, column] >= OVERLAP:
            found[boxes[row]] = others[column]
    return found


def _box(end: End) -> Box:
    assert isinstance(end, Object)
    return end.box


def _same_end(one: End, other: End) -> bool:
    """Whether two say the same of an end."""
    if one.type != other.type:
        return False
    if isinstance(one, Object) and isinstance(other, Object):
        return overlap(one.box, other.box) >= OVERLAP
    return isinstance(one, Entity) and isinstance(other, Entity) and one.span == other.span
