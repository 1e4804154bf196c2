"""Whose features a row has: by its place, by a number, or by a name.

What a place or a number means follows from how the graph's entities got their ids (`Naming`).
Where two readings are possible and differ, or none is known, the rows are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from remote_jax.errors import UserError
from remote_jax.roam.data.layouts.feature_files import IDS, Names
from remote_jax.roam.data.layouts.names import Naming, numbers
from remote_jax.roam.data.layouts.tables import ID, strip_brackets

Owners = Int[np.ndarray, " rows"]
"""The entity of each row, -1 where it is none of the graph's."""


@dataclass(frozen=True)
class Match:
    """Whose the rows are.

    Attributes:
        owners: the entity of each row.
        how: for a person: `by name`, `by number` or `by place in FILE`.
    """

    owners: Owners
    how: str


def by_place(path: Path, count: int, entities: Sequence[str], naming: Naming) -> Match:
    """Rows that have no ids.

    Args:
        path: of the features, for errors.
        count: of the rows.
        entities: names in the order of their ids.
        naming: where their ids come from.

    Raises:
        UserError: their number is another than that of entities, or it is not certain whose a row
            is.
    """
    values = numbers(entities)
    name = f"name its rows in {path.stem}.{IDS}.txt"
    if naming.file:
        if count != len(entities):
            raise UserError(
                f"{path} has {count:,} rows for {len(entities):,} entities; {name}, or give a row "
                "to each entity."
            )
        doubt = f"{naming.rival} gives entities other ids than {naming.file}: remove one of them"
        if not naming.rival:
            doubt = (
                f"entities are numbers to which {naming.file} gives other ids: rename the entities"
            )
        if naming.rival or (values and max(values) < count and values != [*range(count)]):
            raise UserError(f"{path} has no ids of its rows, and {doubt}, or {name}.")
        return Match(np.arange(count), f"by place in {naming.file}")
    if values is None:
        raise UserError(
            f"{path} has no ids of its rows, and the graph no id file, so that nothing tells whose "
            f"a row is; {name}, or write entity2id.txt, a name and its row from 0 a line."
        )
    if 0 not in values or max(values) >= count:
        raise UserError(
            f"{path} has {count:,} rows without ids, and the entities are numbers from "
            f"{min(values)} to {max(values)}, so that it is not certain whose a row is; {name}, or "
            "number entities and rows from 0, or write entity2id.txt, a number and its row from 0 "
            "a line."
        )
    owners = np.full(count, -1)
    owners[values] = np.arange(len(values))
    return Match(owners, "by number")


def by_ids(path: Path, count: int, ids: Names, entities: Sequence[str], naming: Naming) -> Match:
    """Rows that have ids: names of entities, or numbers.

    Args:
        path, count, entities, naming: as those of `by_place`.
        ids: of each row; those of other entities may be among them.

    Raises:
        UserError: there are not as many, none is an entity's, or it is not certain whose they are.
    """
    if len(ids) != count:
        raise UserError(f"{path} has {count:,} rows, and its ids are {len(ids):,}.")
    known = {name: index for index, name in enumerate(entities)}
    texts = [strip_brackets(str(name)) for name in ids]
    named = np.array([known.get(text, -1) for text in texts])
    hits = int((named >= 0).sum())
    digits = all(isinstance(one, int) or ID.fullmatch(one) for one in ids)
    if not digits or not naming.file:
        _some(path, hits, ids, entities, naming)
        return Match(named, "by number" if digits else "by name")
    values = np.array([int(one) for one in ids])
    beyond = values[(values < 0) | (values >= len(entities))]
    if len(beyond) and not hits:
        raise UserError(
            f"{path}: its ids name the entity {beyond[0]}, expected 0 to {len(entities) - 1}."
        )
    if len(beyond):
        return Match(named, "by name")
    return _numbered(path, values, named, entities, naming)


def _numbered(
    path: Path, values: Owners, named: Owners, entities: Sequence[str], naming: Naming
) -> Match:
    """Numbers that are ids of the graph's id file, unless they are names in it."""
    if (named == values).all():
        return Match(named, "by number")
    hits = int((named >= 0).sum())
    few = numbers(entities) is None and 2 * hits < len(values)
    if not hits or few:  # a few names may happen to be numbers
        if not naming.explicit and not naming.by_id and 0 not in values:
            raise UserError(
                f"{path}: its ids are numbers, which may be counted from 0 or from 1 in "
                f"{naming.file}, since none is 0; name its rows by the names of the entities."
            )
        return Match(values, f"by number in {naming.file}")
    raise UserError(
        f"{path}: its ids may be ids of {naming.file}, or names in it that are numbers; name its "
        "rows in another way, or rename the entities so that none is a number."
    )


def _some(path: Path, hits: int, ids: Names, entities: Sequence[str], naming: Naming) -> None:
    """Raises a UserError unless a row is an entity's."""
    if hits:
        return
    remedy = "" if naming.file else "; numbers are ids only where an id file has them"
    raise UserError(
        f"{path}: none of its ids is an entity; its names are such as {str(ids[0])[:80]!r}, those "
        f"of the graph such as {entities[0][:80]!r}{remedy}."
    )
