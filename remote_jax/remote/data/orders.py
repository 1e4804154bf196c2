"""In which order the pairs of a post are asked, and which relations are then offered.

A model knows the orders that its training pairs had. Where annotators wrote down the pairs that
are related as they are related, and the others as they come in the sentence, the second order of
a pair alone says that there is a relation; asked in that order, a model invents one. Where the
types of both ends are known, relations whose names contradict them are not offered either.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int

from remote_jax.data.files import read_json
from remote_jax.data.release import bundled
from remote_jax.errors import UserError
from remote_jax.remote.data.pairs import TRIPLET_TYPES
from remote_jax.reporting.results import write_json

FILE = "orders.json"
MAX_BYTES = 2**24
DIRECTIONS = ("forward", "backward")
"""The orders of `pairs.backward`."""

COMPARABLE = 0.25
"""An order is asked beside another if the share of unrelated pairs in it is at least this part of
their share in both."""

Types = Int[np.ndarray, " pairs"]
Backward = Int[np.ndarray, " pairs"] | Bool[np.ndarray, " pairs"]


@dataclass(frozen=True)
class Orders:
    """What orders the training pairs had.

    Attributes:
        counts: training pairs by triplet type, direction and relation.
    """

    counts: Int[np.ndarray, "types 2 relations"]

    @classmethod
    def from_pairs(
        cls,
        labels: Int[np.ndarray, " pairs"],
        types: Types,
        backward: Backward,
        relations: int,
    ) -> Orders:
        """Counts pairs."""
        counts = np.zeros((len(TRIPLET_TYPES), 2, relations), np.int64)
        np.add.at(counts, (types, backward.astype(int), labels), 1)
        return cls(counts)

    @property
    def asked(self) -> Bool[np.ndarray, "types 2"]:
        """Which orders are asked, forward and backward.

        Of those in which training had related pairs: the one with the most unrelated pairs, and
        the other one where their share is comparable.
        """
        pairs, unrelated = self.counts.sum(-1), self.counts[..., 0]
        related = pairs > unrelated
        overall = unrelated.sum(1) / np.maximum(pairs.sum(1), 1)
        enough = unrelated >= COMPARABLE * overall[:, None] * pairs
        found = related & enough & (unrelated > 0)
        for kind in np.flatnonzero(related.any(1)):
            first = max(
                np.flatnonzero(related[kind]),
                key=lambda way: (unrelated[kind, way], pairs[kind, way], -way),
            )
            found[kind, first] = True
        return found

    @property
    def offered(self) -> Bool[np.ndarray, "types 2 relations"]:
        """Which relations may be answered: those that training had of pairs of this kind.

        No relation may be answered of all of them.
        """
        found = self.counts > 0
        found[..., 0] = True
        return found

    def asks(self, types: Types, backward: Backward) -> Bool[np.ndarray, " pairs"]:
        """Which pairs are in an order that is asked."""
        return self.asked[types, backward.astype(int)]

    def offers(self, types: Types, backward: Backward) -> Bool[np.ndarray, "pairs relations"]:
        """Which relations may be answered of each pair."""
        return self.offered[types, backward.astype(int)]

    def save(self, folder: Path, relations: Sequence[str]) -> None:
        """Writes `orders.json`, `{type: {direction: {relation: pairs}}}`."""
        values = {
            kind: {
                way: {
                    name: int(count)
                    for name, count in zip(relations, self.counts[t, w], strict=True)
                    if count
                }
                for w, way in enumerate(DIRECTIONS)
            }
            for t, kind in enumerate(TRIPLET_TYPES)
        }
        write_json(folder / FILE, values)

    @classmethod
    def load(cls, folder: Path, relations: Sequence[str]) -> Orders:
        """Reads what `save` wrote.

        Raises:
            UserError: the file is missing or malformed.
        """
        path = folder / FILE
        values, number = read_json(path, MAX_BYTES), {name: i for i, name in enumerate(relations)}
        counts = np.zeros((len(TRIPLET_TYPES), 2, len(relations)), np.int64)
        try:
            for t, kind in enumerate(TRIPLET_TYPES):
                for w, way in enumerate(DIRECTIONS):
                    for name, count in values[kind][way].items():
                        if name not in number:
                            raise UserError(
                                f"{path} is of another model: it names {name[:60]!r}, which is "
                                "none of its relations."
                            )
                        counts[t, w, number[name]] = count
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise UserError(
                f"{path} must give the training pairs by type, direction and relation, as a run "
                f"writes it; found {json.dumps(values)[:80]}."
            ) from error
        return cls(np.maximum(counts, 0))


def symmetric(relations: Sequence[str], named: str) -> Bool[np.ndarray, " relations"]:
    """Which relations hold both ways.

    Args:
        relations: the vocabulary.
        named: `config.data.symmetric`: `auto`, or some relations, separated by commas.

    Raises:
        UserError: a name is not in the vocabulary.
    """
    if named == "auto":
        known = set(bundled("relations", "symmetric"))
        return np.array([name.rpartition("/")[2] in known for name in relations])
    chosen = {name.strip() for name in named.split(",") if name.strip()}
    if unknown := sorted(chosen - set(relations)):
        raise UserError(
            f"config.data.symmetric names {unknown[0]!r}, which is none of the data's "
            f"{len(relations)} relations, such as {relations[-1]!r}; separate them by commas."
        )
    return np.array([name in chosen for name in relations])


def fit(relations: Sequence[str], head: str, tail: str) -> list[bool]:
    """Which relations may join ends of these types.

    Args:
        relations: those named `/HEAD/TAIL/NAME` say what they join; others join anything.
        head, tail: types; "" joins anything.
    """
    found = []
    for types in map(types_of, relations):
        wrong = types and ((head and types[0] != head) or (tail and types[1] != tail))
        found.append(not wrong)
    return found


def types_of(relation: str) -> tuple[str, str] | None:
    """What a relation joins by its name, None where that does not say."""
    parts = relation.split("/")
    return (parts[1], parts[2]) if len(parts) == 4 and not parts[0] else None
