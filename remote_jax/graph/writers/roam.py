"""The folder that ROAM reads: triples, ids, and descriptions of entities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from remote_jax.errors import Refused, writing
from remote_jax.graph.entities import Entity
from remote_jax.graph.names import shown
from remote_jax.graph.writers.rows import Knowledge
from remote_jax.reporting.results import write_atomically
from remote_jax.roam.data.layouts import holdout
from remote_jax.roam.data.layouts.splits import SPLITS

ENTITY_IDS, RELATION_IDS, DESCRIPTIONS = "entity2id.txt", "relation2id.txt", "descriptions.txt"
FEATURES = ("image", "text")
FILES = (
    *(names[0] for names in SPLITS.values()),
    *(ENTITY_IDS, RELATION_IDS, DESCRIPTIONS),
    *(f"{name}.npz" for name in FEATURES),
)
"""All that may be in the folder."""

MAX_ALIASES, MAX_CAPTIONS = 8, 5

Features = Mapping[str, tuple[list[str], Float[np.ndarray, "n dim"]]]
"""By the name of a file, labels of entities and a row of each."""


def used(knowledge: Knowledge) -> list[int]:
    """Places of the entities that some fact is about; the others are not in the folder."""
    return np.unique(np.concatenate([knowledge.facts.head, knowledge.facts.tail])).tolist()


def split(
    knowledge: Knowledge, share: float, seed: int, both_ways: Bool[np.ndarray, " relations"]
) -> dict[str, Int[np.ndarray, "n 3"]]:
    """Facts by split, as places of head and tail among the entities, and of the relation.

    A fact of a relation that holds both ways is two triples of the same split: ROAM does not know
    of such relations, and learns them from both.

    Args:
        share: of the facts that validation, and test, gets.
        seed: of the draw.
        both_ways: of each relation, whether it holds both ways.

    Raises:
        Refused: no two facts can be held out so that their entities keep another one.
    """
    facts = knowledge.facts
    triples = np.stack([facts.head, facts.relation, facts.tail], 1).astype(np.int32)
    if not len(triples):
        raise Refused("there is no fact")
    splits = holdout.split(triples, share, seed)
    return {name: _turned(some, both_ways) for name, some in splits.items()}


def _turned(
    triples: Int[np.ndarray, "n 3"], both_ways: Bool[np.ndarray, " relations"]
) -> Int[np.ndarray, "m 3"]:
    """The triples, and after them those of relations that hold both ways, turned round."""
    turned = both_ways[triples[:, 1]] & (triples[:, 0] != triples[:, 2])
    return np.concatenate([triples, triples[turned][:, ::-1]])


def write(knowledge: Knowledge, folder: Path, splits: Mapping[str, np.ndarray]) -> None:
    """Writes triples, ids and descriptions.

    Raises:
        UserError: the folder cannot be written.
    """
    rows, relations = knowledge.entities.rows, knowledge.extraction.relations
    for name, triples in splits.items():
        lines = (
            f"{rows[head].label}\t{relations[relation]}\t{rows[tail].label}\n"
            for head, relation, tail in triples.tolist()
        )
        write_atomically(folder / SPLITS[name][0], lines)
    entities = [rows[place] for place in used(knowledge)]
    named = [relations[place] for place in np.unique(knowledge.facts.relation).tolist()]
    _write_ids(folder / ENTITY_IDS, [one.label for one in entities])
    _write_ids(folder / RELATION_IDS, named)
    described = descriptions(knowledge)
    write_atomically(
        folder / DESCRIPTIONS, (f"{label}\t{text}\n" for label, text in described.items())
    )


def write_features(features: Features, folder: Path) -> None:
    """Writes features as ROAM reads them, `image.npz` and `text.npz`.

    Raises:
        UserError: the folder cannot be written.
    """
    for name, (labels, values) in features.items():
        path = folder / f"{name}.npz"
        with writing(path):
            np.savez(path, features=values, ids=np.array(labels))


def _write_ids(path: Path, names: Sequence[str]) -> None:
    write_atomically(path, (f"{name}\t{place}\n" for place, name in enumerate(names)))


def descriptions(knowledge: Knowledge) -> dict[str, str]:
    """A text of each entity in the folder, by its label.

    It has the names, the type and captions of objects. Sentences are left out: they state the facts
    that ROAM is to find.
    """
    captions = _captions(knowledge)
    rows = knowledge.entities.rows
    return {rows[place].label: _text(rows[place], captions[place]) for place in used(knowledge)}


def _captions(knowledge: Knowledge) -> list[Counter[str]]:
    extraction, of = knowledge.extraction, knowledge.entities.of
    found: list[Counter[str]] = [Counter() for _ in knowledge.entities.rows]
    for row in np.flatnonzero(extraction.mentions.is_object & (of >= 0)).tolist():
        if caption := extraction.names[extraction.mentions.name[row]]:
            found[of[row]][shown(caption)] += 1
    return found


def _text(entity: Entity, captions: Counter[str]) -> str:
    parts = [f"{shown(entity.name)}, {entity.type}" if entity.type else shown(entity.name)]
    if entity.aliases:
        parts.append(f"also {', '.join(map(shown, entity.aliases[:MAX_ALIASES]))}")
    if captions:
        ranked = sorted(captions, key=lambda caption: (-captions[caption], caption))
        parts.append(f"in pictures {', '.join(ranked[:MAX_CAPTIONS])}")
    return "; ".join(parts)
