"""Ids of the names in files of triples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from remote_jax.roam.data.layouts.tables import ID, Table, refuse
from remote_jax.roam.data.layouts.vocabularies import Vocabulary

Triples = Int[np.ndarray, "triples 3"]
"""Ids of head, relation and tail."""


@dataclass(frozen=True)
class Naming:
    """Where entities have their ids from, which tells what a row or a number of a file means.

    Attributes:
        file: the id file; "" where ids are given as names are met.
        explicit: whether it has the ids; else they are the places of names in it.
        by_id: whether triples have ids instead of names.
        rival: another id file, which gives other ids; "" where there is none.
        notes: what is unusual about the files: `numbers`, `header`, `columns=ORDER`, ...
    """

    file: str = ""
    explicit: bool = False
    by_id: bool = False
    rival: str = ""
    notes: tuple[str, ...] = ()


AS_MET = Naming()


class Names:
    """A vocabulary: that of a file, or else names in the order in which they are met.

    Args:
        kind: entity or relation.
        known: the vocabulary of a file.
        by_id: whether ids are looked up, instead of names.
    """

    def __init__(self, kind: str, known: Vocabulary | None, by_id: bool):
        self.kind, self.file, self.by_id = kind, known.file if known else "", by_id
        self.ids: dict[str, int] = dict(known.ids) if known else {}

    def id(self, name: str) -> int | None:
        """The id of a name, or of an id written down; None where the vocabulary lacks it."""
        if self.by_id:
            return int(name) if int(name) < len(self.ids) else None
        if not self.file:
            return self.ids.setdefault(name, len(self.ids))
        return self.ids.get(name)

    def names(self) -> tuple[str, ...]:
        """All names in the order of their ids."""
        return tuple(sorted(self.ids, key=self.ids.__getitem__))


def resolve(table: Table, vocabulary: Mapping[str, Names]) -> Triples:
    """Ids of the names in each row.

    Raises:
        UserError: a vocabulary lacks some.
    """
    kinds = [vocabulary[kind] for kind in ("entity", "relation", "entity")]
    triples = np.empty((len(table.rows), 3), np.int32)
    bad = []
    for place, (number, row) in enumerate(table.rows):
        for column, (kind, name) in enumerate(zip(kinds, row, strict=True)):
            found = kind.id(name)
            if found is None:
                bad.append((number, f"names the {kind.kind} {name[:80]!r}, which no id file has"))
                break
            triples[place, column] = found
    files = " or ".join(dict.fromkeys(kind.file for kind in kinds if kind.file))
    refuse(table.path, bad, f" Add what is missing to {files}, or move that file away.")
    return triples


def number(vocabulary: Mapping[str, Names], splits: Mapping[str, Triples]) -> list[str]:
    """Gives names that are exactly the numbers 0 to n - 1, and have no file, these ids.

    Args:
        vocabulary: by kind.
        splits: triples, whose ids are changed in place.

    Returns:
        A note for each kind whose ids that changes.
    """
    changed = []
    for kind, places, note in (
        ("entity", [0, 2], "numbers"),
        ("relation", [1], "numbers of relations"),
    ):
        names = vocabulary[kind]
        found = None if names.file else numbers(names.ids)
        if found is None or found == sorted(found) or sorted(found) != [*range(len(found))]:
            continue
        order = np.array(found, np.int32)
        for triples in splits.values():
            triples[:, places] = order[triples[:, places]]
        names.ids = {name: int(name) for name in names.ids}
        changed.append(note)
    return changed


def numbers(names: Iterable[str]) -> list[int] | None:
    """Names as whole numbers; None where one is none."""
    found = list(names)
    return [int(name) for name in found] if all(map(ID.fullmatch, found)) else None
