"""Knowledge graphs as they are published: files of triples and of ids in, one `Graph` out.

    train.txt, valid.txt, test.txt      a triple a line: head, relation, tail
    entity2id.txt, relation2id.txt      a name and its id a line; may be absent

Other names of these files, and other layouts of their lines, are those of `layouts`.
"""

from __future__ import annotations

import hashlib
import json
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from remote_jax.data.files import sha256
from remote_jax.errors import Refused, UserError
from remote_jax.roam.data.layouts import columns, headers, holdout, names, tables, vocabularies
from remote_jax.roam.data.layouts.columns import AUTO
from remote_jax.roam.data.layouts.names import AS_MET, Naming, Triples
from remote_jax.roam.data.layouts.splits import SPLITS, locate
from remote_jax.roam.data.layouts.tables import strip_brackets

__all__ = [
    "SPLITS",
    "Graph",
    "Naming",
    "Options",
    "compared",
    "fingerprint",
    "read",
    "strip_brackets",
]


@dataclass(frozen=True)
class Options:
    """How a folder is to be read, where its files do not tell.

    Attributes:
        columns: order of the columns, `hrt` or `htr`; `auto` for what the files tell.
        holdout: share of the triples of a single file that validation, and test, gets; 0 for none.
        seed: of the draw.
    """

    columns: str = AUTO
    holdout: float = 0.0
    seed: int = 0


DEFAULT = Options()


@dataclass(frozen=True)
class Graph:
    """A knowledge graph.

    Attributes:
        entities, relations: names; a name's place is its id.
        splits: head, relation and tail of each triple by split, in the order of its file.
        sha256: of the files, and of how they are read where that is not the plain way.
        naming: where the ids of entities come from.
    """

    entities: tuple[str, ...]
    relations: tuple[str, ...]
    splits: Mapping[str, Triples]
    sha256: str
    naming: Naming = AS_MET

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

    @cached_property
    def unseen_relations(self) -> dict[str, dict[str, int]]:
        """How many relations of a split have no training triple, and how many rows name them.

        By split, where there are any. Nothing can tell anything about such a relation.
        """
        trained = np.unique(self.splits["train"][:, 1])
        found = {}
        for split, triples in self.splits.items():
            new = triples[~np.isin(triples[:, 1], trained), 1]
            if len(new):
                found[split] = {"relations": len(np.unique(new)), "triples": len(new)}
        return found


def read(folder: str | Path, options: Options = DEFAULT) -> Graph:
    """Reads the graph in a folder.

    Raises:
        UserError: a file is missing or malformed, or could be read in two ways; the message names
            the file and its first bad lines, and what to do.
    """
    files = _locate(folder, options)
    known = {kind: vocabularies.read(files[kind]) for kind in vocabularies.STEMS if kind in files}
    given = {split: tables.read(files[split]) for split in SPLITS if split in files}
    listed = [known[kind].ids if kind in known else {} for kind in vocabularies.STEMS]
    bare = headers.without(given, *listed)
    doubted = headers.doubted(bare, ChainMap(*map(dict, listed)))
    found, notes = columns.arrange(bare, known, options.columns)
    notes += ["header"] * any(table.header for table in bare.values())
    by_id = columns.by_id(found, known)
    if by_id["entity"] and columns.are_names(found, listed[0]):
        notes.append("ids")
    vocabulary = {kind: names.Names(kind, known.get(kind), by_id[kind]) for kind in by_id}
    splits = {split: names.resolve(table, vocabulary) for split, table in found.items()}
    notes += names.number(vocabulary, splits)
    if options.holdout:
        splits = _held_out(files["train"], splits["train"], options)
    entity = known.get("entity")
    naming = Naming(notes=(*notes, *doubted))
    if entity is not None:
        naming = replace(naming, file=entity.file, explicit=entity.explicit, by_id=by_id["entity"])
    entities, relations = (vocabulary[kind].names() for kind in ("entity", "relation"))
    digest = _with(_fingerprint(files, options), notes)
    return compared(Graph(entities, relations, splits, digest, naming), folder)


def compared(graph: Graph, folder: str | Path) -> Graph:
    """The graph with the `rival` that its folder has now; it is none of the files of `sha256`."""
    if not graph.naming.file:
        return graph
    paths = vocabularies.locate(Path(folder).expanduser(), "entity")
    others = [path for path in paths if path.name != graph.naming.file]
    rival = vocabularies.rival(graph.entities, others)
    return replace(graph, naming=replace(graph.naming, rival=rival))


def fingerprint(folder: str | Path, options: Options = DEFAULT) -> str:
    """SHA-256 of the files that `read` would read, and of the options, without parsing them.

    Raises:
        UserError: a file is missing.
    """
    return _fingerprint(_locate(folder, options), options)


def _locate(folder: str | Path, options: Options) -> dict[str, Path]:
    """The file of every split, and those of the vocabularies that are there."""
    root = Path(folder).expanduser()
    files = locate(root, options.holdout)
    for kind in vocabularies.STEMS:
        if paths := vocabularies.locate(root, kind):
            files[kind] = paths[0]
    return files


def _held_out(path: Path, triples: Triples, options: Options) -> dict[str, Triples]:
    try:
        return holdout.split(triples, options.holdout, options.seed)
    except Refused as error:
        raise UserError(
            f"{path}: {error}; write validation and test triples into valid.txt and test.txt."
        ) from error


def _fingerprint(files: Mapping[str, Path], options: Options) -> str:
    try:
        digest = {path.name: sha256(path) for path in files.values()}
    except OSError as error:
        raise UserError(f"Cannot read {error.filename}: {error.strerror}.") from error
    found = hashlib.sha256(json.dumps(digest, sort_keys=True).encode()).hexdigest()
    return found if options == DEFAULT else _with(found, [json.dumps(asdict(options))])


def _with(digest: str, notes: list[str]) -> str:
    """A digest of a digest and of notes; that itself where there are none."""
    if not notes:
        return digest
    return hashlib.sha256(json.dumps([digest, *sorted(notes)]).encode()).hexdigest()
