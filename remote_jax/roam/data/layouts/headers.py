"""Header lines of files of triples, such as `head relation tail`, and lines that may be some."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from remote_jax.errors import UserError
from remote_jax.roam.data.layouts.tables import HRT, HTR, ID, Row, Table

WORDS = {
    "head": "h head subject subj s source src from entity1 e1 node1",
    "relation": "r relation rel predicate pred p property edge relationship",
    "tail": "t tail object obj o target dst to entity2 e2 node2",
}
"""Words of header lines, by what they name."""
PARTS = {word: part for part, words in WORDS.items() for word in words.split()}
ENDING = re.compile(r"[ _-]?(entity|name|label|type|uri|ids?)$")
"""What may follow a word, as in `head_id`."""
FIRST_LINE = "first line="
"""Before the name of a file, in notes."""


def without(
    tables: Mapping[str, Table], entities: Collection[str], relations: Collection[str]
) -> dict[str, Table]:
    """The tables without their header lines.

    A first line of the words of a header is one if no other line, of any table, has its names.

    Args:
        tables: by split.
        entities, relations: names that are known from files; a line of them is a triple.

    Raises:
        UserError: a first line may be a header or a triple, or nothing follows it; or it names the
            columns in an order that is not read.
    """
    firsts = {split: _parts(table.rows[0][1]) for split, table in tables.items()}
    numbered = {split: not firsts[split] and _alone(table) for split, table in tables.items()}
    if not any(firsts.values()) and not any(numbered.values()):
        return dict(tables)
    used = _names(
        row for split, table in tables.items() for row in table.rows[bool(firsts[split]) :]
    )
    found = {}
    for split, table in tables.items():
        fields, parts = table.rows[0][1], firsts[split] or ("head", "relation", "tail")
        known = (relations if part == "relation" else entities for part in parts)
        if all(field in names for field, names in zip(fields, known, strict=True)):
            found[split] = table
        elif numbered[split] and not entities:
            raise UserError(
                f"{_first(table)} are no whole numbers, as all other lines have; delete it if it "
                "is a header, or else give all lines names."
            )
        elif firsts[split]:
            found[split] = _headed(table, parts, used)
        else:
            found[split] = table
    return found


def _headed(table: Table, parts: tuple[str, ...], used: set[str]) -> Table:
    """The table without a first line that names `parts`."""
    if both := used & set(table.rows[0][1]):
        raise UserError(
            f"{_first(table)} may be a header, but {min(both)!r} is a name of other lines too; "
            "delete it if it is a header, or else move it below another triple."
        )
    if len(table.rows) == 1:
        raise UserError(f"{table.path} has no triples below its header.")
    order = "".join(part[0] for part in parts)
    if order not in (HRT, HTR):
        raise UserError(
            f"{table.path}, line {table.rows[0][0]}: the header names the columns "
            f"{', '.join(parts)}; write head, relation, tail, in this order."
        )
    return replace(table, rows=table.rows[1:], header=order)


def doubted(tables: Mapping[str, Table], known: Collection[str]) -> list[str]:
    """Notes of the files whose first line has three names that no line below a first one has.

    Such a line may be a header of unknown words, or a triple that is by itself.

    Args:
        tables: by split, without headers.
        known: names that files of ids have; a line with one is a triple.

    Raises:
        UserError: all files, two at least, have the same such line.
    """
    long = {split: table for split, table in tables.items() if len(table.rows) > 1}
    used = _names(
        row for split, table in tables.items() for row in table.rows[1 if split in long else 0 :]
    )
    found = [
        table
        for table in long.values()
        if not any(f in used or f in known or f.isdecimal() for f in table.rows[0][1])
    ]
    if len(found) > 1 and len({tuple(table.rows[0][1]) for table in found}) == 1:
        raise UserError(
            f"{_first(found[0])} may be a header: {found[1].path.name} starts with it, too, and no "
            "other line has its names; delete these lines if they are headers, or else move them "
            "below another triple."
        )
    return [f"{FIRST_LINE}{table.path.name}" for table in found]


def _first(table: Table) -> str:
    """The first line, as the start of a sentence."""
    number, fields = table.rows[0]
    return f"{table.path}, line {number}: {' '.join(fields)[:80]!r}"


def _names(rows: Iterable[Row]) -> set[str]:
    return {field for _, row in rows for field in row}


def _parts(row: Iterable[str]) -> tuple[str, ...]:
    """What a header line names each column; nothing where the line is none."""
    words = [field.strip("#\"' ").lower() for field in row]
    found = [PARTS.get(word) or PARTS.get(ENDING.sub("", word), "") for word in words]
    return tuple(found) if set(found) == set(WORDS) else ()


def _alone(table: Table) -> bool:
    """Whether the first line has no number, and all others, two at least, have nothing else."""
    if len(table.rows) < 3 or any(ID.fullmatch(field) for field in table.rows[0][1]):
        return False
    return all(ID.fullmatch(field) for _, row in table.rows[1:] for field in row)
