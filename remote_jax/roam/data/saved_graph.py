"""What a workdir keeps of the data of its run, so that `predict` needs no data folder.

    entities.txt, relations.txt           a name a line, in the order of their ids
    train.txt, validation.txt, test.txt   head, relation and tail of a triple a line, as ids
    facts.json                            fingerprints, the length of each modality's features, and
                                          how the files were read

Names come from lines of files, so that none can break a line; anything else may be in one, which
is why these are not the files that `triples.read` reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from remote_jax.data.files import read_bytes, read_json
from remote_jax.errors import Refused, UserError
from remote_jax.reporting.results import write_atomically
from remote_jax.roam.data.features import Modality
from remote_jax.roam.data.layouts.names import Triples
from remote_jax.roam.data.triples import SPLITS, Graph

FACTS = "facts.json"
MAX_FACTS = 100_000
MAX_BYTES = 2**31
"""Largest file of names or triples that is read."""


@dataclass(frozen=True)
class Facts:
    """What a model is built for, and what a run is compared with.

    Attributes:
        entities, relations: their numbers.
        graph: SHA-256 of the graph's files.
        lengths, features: of each modality's features, their length and `Modality.sha256`.
        reading: how the files were read, as `readings.reading` says it; nothing in a run that was
            begun before this was kept.
    """

    entities: int
    relations: int
    graph: str
    lengths: Mapping[str, int]
    features: Mapping[str, str]
    reading: Mapping[str, Any] = field(default_factory=dict)


def write(
    graph: Graph,
    modalities: Mapping[str, Modality],
    folder: Path,
    reading: Mapping[str, Any] | None = None,
) -> None:
    """Writes all of it, the facts last.

    Raises:
        UserError: the folder cannot be written.
    """
    for kind in ("entities", "relations"):
        names = getattr(graph, kind)
        write_atomically(folder / f"{kind}.txt", (f"{name}\n" for name in names))
    for split, rows in graph.splits.items():
        lines = (f"{h} {r} {t}\n" for h, r, t in rows.tolist())
        write_atomically(folder / f"{split}.txt", lines)
    facts = {
        "entities": len(graph.entities),
        "relations": len(graph.relations),
        "graph": graph.sha256,
        "lengths": {name: m.values.shape[1] for name, m in modalities.items()},
        "features": {name: m.sha256 for name, m in modalities.items()},
        "reading": reading or {},
    }
    write_atomically(folder / FACTS, [json.dumps(facts, indent=2) + "\n"])


def exists(folder: Path) -> bool:
    """Whether `write` was there, to the end."""
    return (folder / FACTS).exists()


def read_facts(folder: Path) -> Facts:
    """The facts alone.

    Raises:
        UserError: they are missing or malformed.
    """
    values = read_json(folder / FACTS, MAX_FACTS)
    expected = {"entities": int, "relations": int, "graph": str, "lengths": dict, "features": dict}
    for key, kind in expected.items():
        if type(values.get(key)) is not kind:
            raise UserError(f"{folder / FACTS} has no {key!r} as a run writes it.")
    lengths = values["lengths"]
    if any(type(length) is not int or length < 1 for length in lengths.values()):
        raise UserError(f"{folder / FACTS}: the lengths of features must be positive numbers.")
    if not isinstance(values.get("reading", {}), dict):
        raise UserError(f"{folder / FACTS} has no 'reading' as a run writes it.")
    return Facts(**{key: values[key] for key in expected}, reading=values.get("reading", {}))


def read_graph(folder: Path) -> Graph:
    """The graph.

    Raises:
        UserError: a file is missing or malformed.
    """
    facts = read_facts(folder)
    entities = _names(folder / "entities.txt", facts.entities)
    relations = _names(folder / "relations.txt", facts.relations)
    limits = (facts.entities, facts.relations, facts.entities)
    splits = {split: _triples(folder / f"{split}.txt", limits) for split in SPLITS}
    return Graph(entities, relations, splits, facts.graph)


def _names(path: Path, count: int) -> tuple[str, ...]:
    lines = _text(path).removesuffix("\n").split("\n")
    if len(lines) != count:
        raise UserError(f"{path} has {len(lines):,} names, expected {count:,}.")
    return tuple(lines)


def _triples(path: Path, limits: tuple[int, int, int]) -> Triples:
    try:
        rows = np.array(_text(path).split(), np.int32).reshape(-1, 3)
    except (ValueError, OverflowError) as error:
        raise UserError(f"{path} must have three ids a line: {error}.") from error
    if rows.size and (rows.min() < 0 or (rows >= limits).any()):
        raise UserError(f"{path} has an id that is none of the graph's.")
    return rows


def _text(path: Path) -> str:
    try:
        return read_bytes(path, MAX_BYTES).decode()
    except (Refused, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {error}.") from error
