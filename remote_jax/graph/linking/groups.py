"""Mentions of one name: groups by the name's key and its type, and nodes that linking joins."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from remote_jax.graph.extraction import Extraction
from remote_jax.graph.linking import types
from remote_jax.graph.names import is_tag, key


@dataclass(frozen=True)
class Groups:
    """Groups of mentions whose names differ in nothing that counts.

    Attributes:
        rows: of the mentions of entities, which the other arrays are about.
        type, inferred: of each, as extracted, and as relations name it; 0 without one.
        of: the group of each.
        keys, types: of each group; a type is a place in the vocabulary, 0 if it is not known.
        by_key: the groups of a key.
    """

    rows: Int[np.ndarray, " n"]
    type: Int[np.ndarray, " n"]
    inferred: Int[np.ndarray, " n"]
    of: Int[np.ndarray, " n"]
    keys: list[str]
    types: list[int]
    by_key: dict[str, list[int]]

    def compatible(self, one: int, two: int) -> bool:
        """Whether two groups are of one type, as far as types are known."""
        first, second = self.types[one], self.types[two]
        return first == second or not first or not second

    def find(self, name: str, kind: int | None = None) -> list[int]:
        """The groups that a name may be of, of a type where one is given."""
        found = self.by_key.get(key(name), [])
        return [one for one in found if kind is None or self.types[one] in (kind, 0)]


def group(extraction: Extraction, share: float) -> Groups:
    """The groups of all mentions of entities.

    Args:
        share: as `types.settled` has it.
    """
    mentions = extraction.mentions
    rows = np.flatnonzero(~mentions.is_object)
    kinds, inferred = mentions.type[rows], types.inferred(extraction)[rows]
    keys = _keys(extraction.names, np.unique(mentions.name[rows]))
    vocabulary = sorted({one for one in keys if one is not None})
    place = {one: number for number, one in enumerate(vocabulary)}
    of_name = np.array([-1 if one is None else place[one] for one in keys], np.int64)
    of_mention = of_name[mentions.name[rows]]
    settled = types.settled(of_mention, kinds, inferred, share)
    span = len(extraction.types)
    pairs, of = np.unique(of_mention * span + settled, return_inverse=True)
    found = [vocabulary[pair // span] for pair in pairs.tolist()]
    by_key = defaultdict(list)
    for number, one in enumerate(found):
        by_key[one].append(number)
    of_group = (pairs % span).tolist()
    return Groups(rows, kinds, inferred, of.reshape(-1), found, of_group, dict(by_key))


def _keys(names: list[str], used: Int[np.ndarray, " used"]) -> list[str | None]:
    """The key of each name that is used; a tag has that of a name that it is written from."""
    found: list[str | None] = [None] * len(names)
    for place in used.tolist():
        found[place] = key(names[place])
    joined = defaultdict(set)
    for one in found:
        if one is not None and " " in one:
            joined[one.replace(" ", "")].add(one)
    for place in used.tolist():
        one = found[place]
        if one is not None and is_tag(names[place]) and len(joined.get(one, ())) == 1:
            (found[place],) = joined[one]
    return found


@dataclass(frozen=True)
class Nodes:
    """What linking joins: mentions of a name and type, and each object by itself.

    Mentions of one name and type are one node, but for abbreviations that stand for one entity in
    some posts and for another in others.

    Attributes:
        of: the node of each mention, as rows of the extraction.
        name, type, group, resolved: of each node of entities: places in the vocabularies, its
            group, and the group that it is an abbreviation of, -1 if it is none.
        count: mentions of each such node.
        objects: rows of the objects, whose nodes come after these.
    """

    of: Int[np.ndarray, " mentions"]
    name: Int[np.ndarray, " nodes"]
    type: Int[np.ndarray, " nodes"]
    group: Int[np.ndarray, " nodes"]
    resolved: Int[np.ndarray, " nodes"]
    count: Int[np.ndarray, " nodes"]
    objects: Int[np.ndarray, " objects"]

    def __len__(self) -> int:
        return len(self.name) + len(self.objects)


def nodes(extraction: Extraction, groups: Groups, resolved: Int[np.ndarray, " n"]) -> Nodes:
    """The nodes of an extraction.

    Args:
        resolved: of each mention of an entity the group that it is an abbreviation of, or -1.
    """
    mentions = extraction.mentions
    columns = np.stack([mentions.name[groups.rows], groups.type, groups.of, resolved])
    rows, of, count = np.unique(columns, axis=1, return_inverse=True, return_counts=True)
    objects = np.flatnonzero(mentions.is_object)
    node = np.empty(len(mentions), np.int64)
    node[groups.rows] = of.reshape(-1)
    node[objects] = rows.shape[1] + np.arange(len(objects))
    name, kind, of_group, abbreviated = rows
    return Nodes(node, name, kind, of_group, abbreviated, count, objects)
