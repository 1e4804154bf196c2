"""Validation and test triples drawn from a graph that comes in one file."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int

from remote_jax.errors import Refused
from remote_jax.roam.data.layouts.names import Triples


def split(triples: Triples, share: float, seed: int) -> dict[str, Triples]:
    """Triples by split, the same for the same arguments; each split in the order of the file.

    A triple is held out only if both its entities and its relation keep another one in training.
    Rows of one triple stay together, so that none leaks.

    Args:
        triples: head, relation and tail.
        share: of the distinct triples that validation, and test, gets where so many are free.
        seed: of the draw.

    Raises:
        Refused: fewer than two triples are free.
    """
    distinct, group = np.unique(triples, axis=0, return_inverse=True)
    group = group.reshape(-1)
    wanted = max(1, round(share * len(distinct)))
    held = spare(distinct, 2 * wanted, seed)
    if len(held) < 2:
        raise Refused(
            "no two triples can be held out so that their entities and relations keep others"
        )
    half = len(held) // 2
    chosen = {"validation": held[:half], "test": held[half : 2 * half]}
    place = np.zeros(len(distinct), np.int8)
    for number, (_, rows) in enumerate(chosen.items(), 1):
        place[rows] = number
    found = {"train": triples[place[group] == 0]}
    return found | {name: triples[place[group] == number] for number, name in enumerate(chosen, 1)}


def spare(
    distinct: Triples, wanted: int, seed: int, barred: Bool[np.ndarray, " triples"] | None = None
) -> Int[np.ndarray, " held"]:
    """Places of at most so many triples that the others can spare.

    Args:
        distinct: each once.
        wanted: at most so many are drawn.
        seed: of the draw.
        barred: those that are not to be drawn.
    """
    ends = np.bincount(distinct[:, [0, 2]].reshape(-1), minlength=int(distinct.max()) + 1)
    loops: Bool[np.ndarray, " triples"] = distinct[:, 0] == distinct[:, 2]
    np.subtract.at(ends, distinct[loops, 0], 1)  # a loop is one triple of its entity
    degree, uses = ends.tolist(), np.bincount(distinct[:, 1]).tolist()
    held: list[int] = []
    for row in np.random.default_rng(seed).permutation(len(distinct)).tolist():
        if len(held) == wanted:
            break
        if barred is not None and barred[row]:
            continue
        head, relation, tail = distinct[row].tolist()
        if min(degree[head], degree[tail], uses[relation]) > 1:
            held.append(row)
            uses[relation] -= 1
            for entity in {head, tail}:
                degree[entity] -= 1
    return np.array(held, np.int64)
