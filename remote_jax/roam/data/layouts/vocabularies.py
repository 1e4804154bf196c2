"""Id files of entities and relations, by any of their common names.

    entity2id.txt, ...                  a name and its id a line
    entity_ids.del, entities.dict, ...  an id and its name a line
    entities.txt, ...                   a name a line, whose place from 0 is its id

What a line has is decided by its content. The first line may be the number of names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from remote_jax.errors import UserError
from remote_jax.roam.data.layouts.tables import ID, lines, strip_brackets

STEMS = {
    "entity": ("entity2id", "entities2id", "ent2id", "entity_ids", "entities"),
    "relation": ("relation2id", "relations2id", "rel2id", "relation_ids", "relations"),
}
SUFFIXES = (".txt", ".tsv", ".del", ".dict", "")
LISTS = ("entities", "relations")
"""Stems of files that may have a name a line."""


@dataclass(frozen=True)
class Vocabulary:
    """Names and their ids.

    Attributes:
        file: name of the file.
        ids: by name.
        explicit: whether the file has the ids; else they are the places of names.
    """

    file: str
    ids: Mapping[str, int]
    explicit: bool

    def fits(self, field: str) -> bool:
        """Whether a field is a name, or could be an id."""
        return field in self.ids or (ID.fullmatch(field) is not None and int(field) < len(self.ids))


def locate(root: Path, kind: str) -> list[Path]:
    """The id files of `kind`, entity or relation; that which counts is first."""
    paths = (root / f"{stem}{suffix}" for stem in STEMS[kind] for suffix in SUFFIXES)
    return [path for path in paths if path.is_file()]


def rival(names: Sequence[str], others: Iterable[Path]) -> str:
    """The file among `others` that gives a name another id than its place; "" where none does.

    A file that is no id file says nothing.
    """
    places = {name: index for index, name in enumerate(names)}
    for path in others:
        try:
            ids = read(path).ids
        except UserError:
            continue
        if any(places.get(name, index) != index for name, index in ids.items()):
            return path.name
    return ""


Line = tuple[int, str]


def read(path: Path) -> Vocabulary:
    """The vocabulary in a file.

    Raises:
        UserError: a line is malformed, names an entity again, or ids have gaps; or both columns
            could be the ids.
    """
    found = list(lines(path))
    counted = bool(found) and ID.fullmatch(found[0][1]) is not None
    pairs = found[counted:]
    last, why = _pairs(pairs, id_first=False)
    first, _ = _pairs(pairs, id_first=True)
    if last and first and last != first:
        raise UserError(
            f"{path}: either column could be the ids; leave one name a line, in the order of their "
            f"ids, and name the file {next(s for s in LISTS if s[0] == path.stem[0])}.txt."
        )
    ids = last or first
    if ids:
        return Vocabulary(path.name, ids, True)
    if path.stem in LISTS and found and not any("\t" in line for _, line in found):
        return Vocabulary(path.name, _listed(path, found), False)
    raise UserError(f"{path}{why}")


def _pairs(found: list[Line], *, id_first: bool) -> tuple[dict[str, int], str]:
    """Ids by name, or nothing and why, as the rest of a sentence that starts with the file."""
    ids: dict[str, int] = {}
    for number, line in found:
        separator = "\t" if "\t" in line else " "
        if id_first:
            index, _, name = line.partition(separator)
        else:
            name, _, index = line.rpartition(separator)
        name = strip_brackets(name.strip())
        if not name or not ID.fullmatch(index) or name in ids:
            reason = "names it again" if name in ids else "expected a name and its id"
            return {}, f", line {number}: {line[:80]!r}, {reason}."
        ids[name] = int(index)
    if sorted(ids.values()) != list(range(len(ids))):
        low, high = min(ids.values()), max(ids.values())
        absent = min({*range(len(ids))} - {*ids.values()})
        return {}, (
            f" must give the ids 0 to {len(ids) - 1}, each once; they go from {low} to {high}, and "
            f"{absent} is missing: number the names anew, and rows of features with them."
        )
    return ids, "" if ids else " has no names."


def _listed(path: Path, found: list[Line]) -> dict[str, int]:
    """Places by name of a file with a name a line."""
    rest = [line for _, line in found[1:]]
    if rest and ID.fullmatch(found[0][1]) and int(found[0][1]) == len(rest):
        if all(ID.fullmatch(line) for line in rest) and found[0][1] not in rest:
            raise UserError(
                f"{path}, line 1: {found[0][1]!r} may be a name, or the number of names below it; "
                "delete it if it is their number, or else write a name and its id a line."
            )
        found = found[1:]
    ids: dict[str, int] = {}
    for number, line in found:
        name = strip_brackets(line.strip())
        if name in ids:
            raise UserError(f"{path}, line {number}: {line[:80]!r}, names it again.")
        ids[name] = len(ids)
    return ids
