"""What the columns of files of triples are: which is the relation, and whether fields are ids.

Both are decided by which values the id files have. Where two readings fit, none is chosen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from remote_jax.errors import UserError
from remote_jax.roam.data.layouts.tables import HRT, HTR, ID, Row, Table
from remote_jax.roam.data.layouts.vocabularies import Vocabulary

AUTO = "auto"
WORDS_LAST = (True, True, False)
"""Which fields are whole numbers where the last column may be the relation."""
Known = Mapping[str, Vocabulary]
"""Vocabularies of the kinds, entity and relation, that have a file."""


def arrange(
    tables: Mapping[str, Table], known: Known, wanted: str
) -> tuple[dict[str, Table], list[str]]:
    """The tables as head, relation, tail, and what is unusual about their columns.

    Args:
        tables: by split, without headers.
        known: the vocabularies.
        wanted: the order of the columns, or `auto`.

    Raises:
        UserError: two orders fit, or files have headers of several.
    """
    orders = {
        openke: _order(group, known, wanted)
        for openke in (False, True)
        if (group := [table for table in tables.values() if table.openke == openke])
    }
    notes = {
        f"columns={orders[table.openke]}"
        for table in tables.values()
        if orders[table.openke] != (HTR if table.counted else HRT) or _uncounted(table)
    }
    found = {split: _turned(table, orders[table.openke]) for split, table in tables.items()}
    return found, sorted(notes)


def _uncounted(table: Table) -> bool:
    return table.openke and not table.counted


def _turned(table: Table, order: str) -> Table:
    if order == HRT:
        return table
    rows: list[Row] = [(number, [h, r, t]) for number, (h, t, r) in table.rows]
    return replace(table, rows=rows)


def _order(tables: list[Table], known: Known, wanted: str) -> str:
    """The order of the columns of files of a kind."""
    if wanted != AUTO:
        return wanted
    headers = {table.header for table in tables} - {""}
    if len(headers) > 1:
        several = " and ".join(table.path.name for table in tables)
        raise UserError(f"The header lines of {several} name the columns in several orders.")
    if headers:
        return headers.pop()
    usual = HTR if all(table.counted for table in tables) else HRT
    other = HRT if usual == HTR else HTR
    shapes = {tuple(ID.fullmatch(f) is not None for f in row) for t in tables for _, row in t.rows}
    unusual = tables[0].openke or "relation" in known or shapes == {WORDS_LAST}
    fits, others = (_fits(tables, known, order) for order in (usual, other))
    if fits and others and not unusual and (why := _relation_last(tables)):
        raise UserError(
            f"{tables[0].path}: its columns look like head, tail, relation, since {why}; set "
            "--config.data.columns=htr if they are, or else =hrt."
        )
    if fits and not (unusual and others):  # short of doubt, as documented
        return usual
    if fits:
        raise UserError(
            f"{tables[0].path}: its columns may be head, relation, tail or head, tail, relation; "
            "set --config.data.columns=hrt or =htr."
        )
    return other if others else usual


def _relation_last(tables: Iterable[Table]) -> str:
    """Why the last column looks like the relation, as a clause; "" where it does not.

    Entities are heads as well as tails and relations are few, in nearly all graphs.
    """
    first, second, third = ({row[i] for t in tables for _, row in t.rows} for i in range(3))
    if first & second and not first & third:
        return f"columns 1 and 2 share names such as {min(first & second)[:80]!r}, 1 and 3 none"
    if len(second) > 2 * len(third):
        return f"column 2 has {len(second):,} names, and column 3 has {len(third):,}"
    return ""


def _fits(tables: Iterable[Table], known: Known, order: str) -> bool:
    """Whether the vocabularies have every field, in this order of columns."""
    entity, relation = known.get("entity"), known.get("relation")
    first, second = (1, 2) if order == HRT else (2, 1)
    for table in tables:
        for _, row in table.rows:
            if relation and not relation.fits(row[first]):
                return False
            if entity and not (entity.fits(row[0]) and entity.fits(row[second])):
                return False
    return True


def by_id(tables: Mapping[str, Table], known: Known) -> dict[str, bool]:
    """Whether the ends of triples, and whether their relations, are ids of a vocabulary.

    Args:
        tables: by split, as `arrange` gives them.
        known: the vocabularies.

    Raises:
        UserError: fields may be names as well as ids, and that would make a difference.
    """
    rows = [row for table in tables.values() for _, row in table.rows]
    used = {"entity": {end for row in rows for end in row[::2]}, "relation": {r[1] for r in rows}}
    of_ids = all(table.of_ids for table in tables.values()) and all(
        map(ID.fullmatch, used["relation"])
    )
    entity = _are_ids(used["entity"], known.get("entity"))
    if entity is None and not of_ids and known["entity"].explicit:
        raise UserError(
            f"{tables['train'].path}: its numbers may be names of {known['entity'].file}, or ids "
            "in it; if they are ids, name the files train2id.txt and so on, and if they are "
            "names, rename the entities so that none is a number."
        )
    ends = of_ids and known["entity"].explicit if entity is None else entity
    relation = _are_ids(used["relation"], known.get("relation"))
    found = {
        "entity": ends,
        "relation": (ends or "entity" not in known) if relation is None else relation,
    }
    for kind, is_id in found.items():
        if is_id and not known[kind].explicit and not any(int(field) == 0 for field in used[kind]):
            raise UserError(
                f"{tables['train'].path} has numbers of {known[kind].file}, which may be counted "
                f"from 0 or from 1, since none is 0; write a name and its id a line, as "
                f"{kind}2id.txt."
            )
    return found


def are_names(tables: Mapping[str, Table], names: Collection[str]) -> bool:
    """Whether all ends of triples are among `names`."""
    return all(
        end in names for table in tables.values() for _, row in table.rows for end in row[::2]
    )


def _are_ids(used: set[str], vocabulary: Vocabulary | None) -> bool | None:
    """Whether fields are ids; None where they may be names too, and would be other ones."""
    if vocabulary is None or not all(ID.fullmatch(field) for field in used):
        return False
    if not all(field in vocabulary.ids for field in used):
        return True
    beyond = any(int(field) >= len(vocabulary.ids) for field in used)
    same = all(vocabulary.ids[field] == int(field) for field in used)
    return False if beyond or same else None
