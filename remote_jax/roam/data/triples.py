"""Knowledge graphs as they are published: files of triples and of ids in, one `Graph` out.

    train.txt, valid.txt, test.txt      a triple a line: head, relation, tail
    entity2id.txt, relation2id.txt      a name and its id a line; may be absent

Fields are separated by tabs or, where a line has none, by blanks. A line may end with ` .`, a name
may be a URI in angle brackets. Fields may be ids instead of names; a file whose first line is the
number of triples is OpenKE's, in the order head, tail, relation.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from remote_jax.data.files import read_lines, sha256
from remote_jax.errors import Refused, UserError

SPLITS = {
    "train": ("train.txt", "train2id.txt"),
    "validation": ("valid.txt", "val.txt", "dev.txt", "valid2id.txt"),
    "test": ("test.txt", "test2id.txt"),
}
VOCABULARIES = {"entity": "entity2id.txt", "relation": "relation2id.txt"}

MAX_LINE = 2**14
"""Longest line of a file that is read, in bytes."""
MAX_LINES = 20_000_000
ID = re.compile(r"\d{1,9}")
BLANKS = re.compile(r"[ \r\n]+")
"""Between fields without tabs; other white space, as of East Asian scripts, is part of a name."""
SHOWN = 3
"""Bad lines that an error shows."""

Triples = Int[np.ndarray, "triples 3"]


@dataclass(frozen=True)
class Graph:
    """A knowledge graph.

    Attributes:
        entities, relations: names; a name's place is its id.
        splits: head, relation and tail of each triple by split, in the order of its file.
        sha256: of the files.
    """

    entities: tuple[str, ...]
    relations: tuple[str, ...]
    splits: Mapping[str, Triples]
    sha256: str

    @cached_property
    def seen(self) -> Bool[np.ndarray, " n"]:
        """Which entities have a training triple."""
        found = np.zeros(len(self.entities), bool)
        found[self.splits["train"][:, [0, 2]]] = True
        return found

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What there is to know before trusting a score, as JSON values.

        `duplicates` are rows of a split that stand in it before, `leaked` rows of validation and
        test that stand in an earlier split, and `unseen` rows of them that name an entity without
        a training triple, which only features could tell anything about.
        """
        seen = self.seen
        found: dict[str, Any] = {
            "entities": len(self.entities),
            "relations": len(self.relations),
            "entities_not_in_training": int((~seen).sum()),
        }
        earlier: set[bytes] = set()
        for split, triples in self.splits.items():
            keys = [row.tobytes() for row in triples]
            distinct = set(keys)
            found[split] = {
                "triples": len(keys),
                "duplicates": len(keys) - len(distinct),
                "leaked": sum(key in earlier for key in keys),
                "unseen": int((~seen[triples[:, [0, 2]]]).any(1).sum()),
            }
            earlier |= distinct
        return found


def read(folder: str | Path) -> Graph:
    """Reads the graph in a folder.

    Raises:
        UserError: a file is missing or malformed; the message names the file and its first bad
            lines.
    """
    files = _locate(folder)
    known = {kind: _read_ids(files[kind]) if kind in files else None for kind in VOCABULARIES}
    tables = {split: _Table.read(files[split]) for split in SPLITS}
    entities = _Names("entity", known["entity"])
    relations = _Names("relation", known["relation"])
    by_id = _are_ids(tables.values(), known["entity"])
    splits = {
        split: table.resolve(entities, relations, by_id=by_id) for split, table in tables.items()
    }
    return Graph(entities.names(), relations.names(), splits, _sha256(files.values()))


def fingerprint(folder: str | Path) -> str:
    """`Graph.sha256` of what `read` would read, without parsing it.

    Raises:
        UserError: a file is missing.
    """
    return _sha256(_locate(folder).values())


def _locate(folder: str | Path) -> dict[str, Path]:
    """The file of every split, and those of the vocabularies that are there."""
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise UserError(f"There is no data folder {folder}.")
    files = {split: _find(root, split, names) for split, names in SPLITS.items()}
    ids = {kind: root / name for kind, name in VOCABULARIES.items()}
    return files | {kind: path for kind, path in ids.items() if path.is_file()}


def _find(root: Path, split: str, names: Iterable[str]) -> Path:
    found = [root / name for name in names if (root / name).is_file()]
    if len(found) == 1:
        return found[0]
    if found:
        several = " and ".join(path.name for path in found)
        raise UserError(f"{root} has several files for {split}: {several}; leave one of them.")
    raise UserError(f"There are no {split} triples in {root}, expected {' or '.join(names)}.")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, with their numbers from 1."""
    for number, line in read_lines(path, MAX_LINE):
        if isinstance(line, Refused):
            raise UserError(f"{path}, line {number}: {line}.")
        if number > MAX_LINES:
            raise UserError(f"{path} has more than {MAX_LINES:,} lines.")
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise UserError(f"{path}, line {number} is not UTF-8: {error.reason}.") from error
        if text.strip():
            yield number, text.strip(" \r\n")


def _fields(line: str) -> list[str]:
    """The fields of a line, without a closing dot and angle brackets."""
    fields = [field.strip() for field in line.split("\t")] if "\t" in line else BLANKS.split(line)
    if fields[-1] == ".":
        fields.pop()
    elif fields[-1].endswith(" ."):
        fields[-1] = fields[-1][:-2].rstrip()
    return [strip_brackets(field) for field in fields]


def strip_brackets(name: str) -> str:
    """A name without the angle brackets of a URI."""
    return name[1:-1] if name.startswith("<") and name.endswith(">") else name


def _read_ids(path: Path) -> dict[str, int]:
    """Names and ids of a vocabulary file, whose first line may be their number."""
    ids: dict[str, int] = {}
    for number, line in _lines(path):
        name, _, last = line.rpartition("\t" if "\t" in line else " ")
        if not name and number == 1 and ID.fullmatch(last):
            continue
        name = strip_brackets(name.strip())
        if not name or not ID.fullmatch(last) or name in ids:
            reason = "names it again" if name in ids else "expected a name and its id"
            raise UserError(f"{path}, line {number}: {line[:80]!r}, {reason}.")
        ids[name] = int(last)
    if sorted(ids.values()) != list(range(len(ids))):
        raise UserError(f"{path} must give the ids 0 to {len(ids) - 1}, each once.")
    return ids


class _Names:
    """A vocabulary: that of a file, or else names in the order in which they are met."""

    def __init__(self, kind: str, ids: dict[str, int] | None):
        self.kind, self.fixed = kind, ids is not None
        self.ids: dict[str, int] = dict(ids or {})

    def id(self, name: str, *, is_id: bool) -> int | None:
        """The id of a name, or of an id written down; None where the vocabulary lacks it."""
        if is_id and self.fixed:
            return int(name) if int(name) < len(self.ids) else None
        if not self.fixed:
            return self.ids.setdefault(name, len(self.ids))
        return self.ids.get(name)

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.ids, key=self.ids.__getitem__))


@dataclass(frozen=True)
class _Table:
    """The lines of a file of triples as head, relation, tail, with their numbers."""

    path: Path
    rows: list[tuple[int, list[str]]]

    @classmethod
    def read(cls, path: Path) -> _Table:
        lines = list(_lines(path))
        counted = bool(lines) and ID.fullmatch(lines[0][1]) is not None
        rows = [(number, _fields(line)) for number, line in lines[counted:]]
        bad = [(number, reason) for number, row in rows if (reason := _wrong(row))]
        _refuse(path, bad)
        if counted and int(lines[0][1]) != len(rows):
            raise UserError(
                f"{path} says in line 1 that it has {lines[0][1]} triples, but has {len(rows)}."
            )
        if counted:  # OpenKE writes head, tail, relation
            rows = [(number, [head, relation, tail]) for number, (head, tail, relation) in rows]
        if not rows:
            raise UserError(f"{path} has no triples.")
        return cls(path, rows)

    def resolve(self, entities: _Names, relations: _Names, *, by_id: bool) -> Triples:
        """Ids of the names in each row."""
        kinds = (entities, relations, entities)
        triples = np.empty((len(self.rows), 3), np.int32)
        bad = []
        for place, (number, row) in enumerate(self.rows):
            for column, (kind, name) in enumerate(zip(kinds, row, strict=True)):
                found = kind.id(name, is_id=by_id)
                if found is None:
                    bad.append(
                        (number, f"names the {kind.kind} {name[:80]!r}, which no id file has")
                    )
                    break
                triples[place, column] = found
        _refuse(self.path, bad)
        return triples


def _wrong(row: list[str]) -> str:
    if len(row) != 3:
        return f"has {len(row)} fields, expected 3"
    return "" if all(row) else f"has nothing in field {row.index('') + 1}"


def _refuse(path: Path, bad: list[tuple[int, str]]) -> None:
    if bad:
        shown = "; ".join(f"line {number} {reason}" for number, reason in bad[:SHOWN])
        more = f"; and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        raise UserError(f"{path}: {shown}{more}.")


def _are_ids(tables: Iterable[_Table], entities: dict[str, int] | None) -> bool:
    """Whether the fields are ids: all are numbers, and not all ends are names of entities."""
    rows = [row for table in tables for _, row in table.rows]
    if not all(ID.fullmatch(field) for row in rows for field in row):
        return False
    return entities is None or not all(row[0] in entities and row[2] in entities for row in rows)


def _sha256(paths: Iterable[Path]) -> str:
    try:
        digest = {path.name: sha256(path) for path in paths}
    except OSError as error:
        raise UserError(f"Cannot read {error.filename}: {error.strerror}.") from error
    return hashlib.sha256(json.dumps(digest, sort_keys=True).encode()).hexdigest()
