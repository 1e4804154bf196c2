"""Writes the sample in the files of a published benchmark, with features of images and of texts."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from remote_jax.roam.sample import world
from remote_jax.roam.sample.world import GIVEN, IMAGE, STRUCTURE, TEXT, Fact, Triple, World

FILES = {"train": "train.txt", "validation": "valid.txt", "test": "test.txt"}
HELD_OUT = 0.1
"""Share of the triples that validation, and test, has."""
MODALITIES = {IMAGE: ("bears", 64), TEXT: ("sworn_to", 48)}
"""The relation that a modality decides, and the width of its features."""
NOISE = 0.6
"""Deviation of a feature's noise; what it shows has deviation one."""
NOTE = "A generated sample: every name and every fact is invented. It is no benchmark."


def write(
    folder: Path, *, entities: int, seed: int, image: float, text: float, missing: float
) -> None:
    """Writes a sample into a folder, the same bytes for the same arguments.

    Args:
        entities: about so many.
        seed: any integer.
        image, text: shares of validation and of test whose tail only that modality tells; the rest
            follows from triples of the training set.
        missing: share of entities without an image, and of those without a text.

    Beside the graph's files and the features, `world.json` says what decides how many triples.
    """
    made = world.generate(seed, entities)
    rng = random.Random(f"{seed} {entities} split")
    names = [name for kind in made.entities.values() for name in kind]
    rng.shuffle(names)
    shares = {IMAGE: image, TEXT: text, STRUCTURE: 1 - image - text}
    splits = split(rng, made.facts, shares)
    _write_graph(folder, splits, names)
    for modality in MODALITIES:
        asked = _decided_by(modality, splits)
        free = [name for name in names if name not in asked]
        lost = set(rng.sample(free, round(missing * len(names))))
        kept = [name for name in names if name not in lost]
        values = features(made, modality, kept, seed)
        np.savez_compressed(folder / f"{modality}.npz", features=values, ids=np.array(kept))
    content = {
        "note": NOTE,
        "seed": seed,
        "entities": {kind: len(listed) for kind, listed in made.entities.items()},
        "relations": world.RELATIONS,
        "decided_by": {part: _shares(facts) for part, facts in splits.items()},
    }
    (folder / "world.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def _decided_by(modality: str, splits: Mapping[str, list[Fact]]) -> set[str]:
    """Heads of the held-out facts whose tail only that modality tells."""
    return {
        fact.triple[0]
        for part in ("validation", "test")
        for fact in splits[part]
        if fact.evidence == modality
    }


def _write_graph(folder: Path, splits: Mapping[str, list[Fact]], names: Sequence[str]) -> None:
    for part, facts in splits.items():
        rows = ("\t".join(fact.triple) + "\n" for fact in facts)
        (folder / FILES[part]).write_bytes("".join(rows).encode())
    for file, listed in (("entity2id.txt", names), ("relation2id.txt", world.RELATIONS)):
        rows = (f"{name}\t{index}\n" for index, name in enumerate(listed))
        (folder / file).write_bytes("".join(rows).encode())


def _shares(facts: Sequence[Fact]) -> dict[str, float]:
    counts = Counter(fact.evidence for fact in facts)
    kinds = (GIVEN, STRUCTURE, IMAGE, TEXT)
    return {kind: round(counts[kind] / len(facts), 4) for kind in kinds}


def split(
    rng: random.Random, facts: Sequence[Fact], shares: Mapping[str, float]
) -> dict[str, list[Fact]]:
    """Facts by split, in random order; given ones are all in training.

    What is held out follows from triples that stay in training, or from a modality, and both its
    ends stand in another triple of training.
    """
    held: dict[str, list[Fact]] = {"validation": [], "test": []}
    out: set[Triple] = set()
    needed: set[Triple] = set()
    degree = Counter(end for fact in facts for end in fact.triple[::2])
    shuffled = rng.sample(facts, len(facts))
    size = round(HELD_OUT * len(facts))
    wanted = {kind: round(share * size) for kind, share in shares.items()}
    free = {kind: iter([fact for fact in shuffled if fact.evidence == kind]) for kind in wanted}
    for part, kind in ((part, kind) for part in held for kind in wanted):
        taken = 0
        while taken < wanted[kind] and (fact := next(free[kind], None)):
            ends = fact.triple[::2]
            if (
                fact.triple in needed
                or out & set(fact.premises)
                or min(degree[end] for end in ends) < 2
            ):
                continue
            degree.subtract(ends)
            out.add(fact.triple)
            needed.update(fact.premises)
            held[part].append(fact)
            taken += 1
    for chosen in held.values():
        rng.shuffle(chosen)
    return {"train": [fact for fact in shuffled if fact.triple not in out], **held}


def features(made: World, modality: str, names: Sequence[str], seed: int) -> np.ndarray:
    """What shows of each name: its type, and the one thing that the modality tells, in noise."""
    relation, dim = MODALITIES[modality]
    told = {f.triple[0]: f.triple[2] for f in made.facts if f.triple[1] == relation}
    kinds = {name: kind for kind, listed in made.entities.items() for name in listed}
    shown = [*made.entities, *dict.fromkeys(sorted(told.values()))]
    generator = np.random.default_rng([seed, *modality.encode()])
    direction = dict(zip(shown, generator.normal(size=(len(shown), dim)), strict=True))
    values = NOISE * generator.normal(size=(len(names), dim))
    for row, name in zip(values, names, strict=True):
        row += direction[kinds[name]]
        if name in told:
            row += direction[told[name]]
    return values.astype(np.float32)
