"""Which relations and types labels may have: files of the folder that is labelled.

`rel2id.json` (`{relation: id}`, with one label for no relation) or `relations.txt` (a name a line;
no relation is `none`), and types of ends in `types.txt`; without that file the types are those that
the relations are named by, as in `/per/org/member_of`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from remote_jax.annotate.ends import Relation
from remote_jax.data import release
from remote_jax.eega.data.formats import RELATIONS, TYPES, read_names
from remote_jax.errors import UserError
from remote_jax.remote.data.annotations import relation_labels
from remote_jax.reporting.results import write_atomically

IDS = "rel2id.json"
PUBLISHED = ("umre", "more", "mnre", "jmere")
"""Lists in `third_party/relations` that a folder can be given."""


@dataclass(frozen=True)
class Vocabulary:
    """Labels of pairs and types of ends.

    Attributes:
        relations: the first is no relation.
        types: of entities and objects; empty: none has a type.
        symmetric: those of `relations` that hold both ways.
    """

    relations: tuple[str, ...]
    types: tuple[str, ...]
    symmetric: frozenset[str]

    @property
    def none(self) -> str:
        """The label for no relation."""
        return self.relations[0]

    def same(self, one: Relation, other: Relation) -> bool:
        """Whether two labels of a pair say the same: in the same direction, where there is one."""
        if one.relation != other.relation:
            return False
        undirected = one.relation == self.none or one.relation in self.symmetric
        return undirected or (one.head, one.tail) == (other.head, other.tail)


def of(relations: Sequence[str], types: Sequence[str] = ()) -> Vocabulary:
    """A vocabulary of these relations, the first of which is no relation.

    Args:
        types: of ends; if empty, those that the relations are named by.
    """
    named = [one for name in relations for one in relation_labels.types_of(name) or ()]
    both_ways = set(release.bundled("relations", "symmetric"))
    symmetric = frozenset(name for name in relations if name.rpartition("/")[2] in both_ways)
    return Vocabulary(tuple(relations), tuple(types or dict.fromkeys(named)), symmetric)


def read(folder: Path) -> Vocabulary | None:
    """The vocabulary of a folder; None where it has no file of relations.

    Raises:
        UserError: a file is malformed, or there are several.
    """
    paths = release.matching([folder], relation_labels.FILES, folder)
    paths += release.existing([folder], [RELATIONS], folder)
    path = release.only(paths, "relations", folder)
    if path is None:
        return None
    types = release.existing([folder], [TYPES], folder)
    named = path.name == RELATIONS
    relations = ("none", *read_names(path)) if named else relation_labels.read(path)
    return of(relations, read_names(types[0]) if types else ())


def required(folder: Path) -> Vocabulary:
    """The vocabulary of a folder that has one.

    Raises:
        UserError: as `read`; or there is none.
    """
    found = read(folder)
    if found is None:
        raise UserError(
            f"{folder} has no {IDS} and no {RELATIONS}: `remote-jax annotate` writes one."
        )
    return found


def write(folder: Path, vocabulary: Vocabulary) -> None:
    """Writes the files that `read` reads."""
    ids = {name: number for number, name in enumerate(vocabulary.relations)}
    write_atomically(folder / IDS, [json.dumps(ids, indent=1, ensure_ascii=False) + "\n"])
    if vocabulary.types != of(vocabulary.relations).types:
        write_atomically(folder / TYPES, [f"{name}\n" for name in vocabulary.types])


def published(name: str) -> Vocabulary:
    """One of `PUBLISHED`."""
    types = release.bundled("entity_types", name) if name == "jmere" else ()
    return of(release.bundled("relations", name), types)
