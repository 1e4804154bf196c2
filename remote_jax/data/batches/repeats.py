"""Features that examples of a batch have in common, given once: pairs of a post share its picture.

Examples have a digest of those features under `KEY`. A batch then has the features of `room`
examples only, and under `PLACE` the row of them that belongs to each example. `room` is the batch
size divided by a power of `FACTOR`, so that few programs are compiled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from jax.sharding import Mesh
from jaxtyping import Float, Shaped, UInt8

KEY, PLACE = "sight", "picture"

SHARED = ("rgb", "rgb_mask", "depth", "depth_mask", "boxes")
"""Features that examples with equal digests have in common."""

BYTES = 8
"""Of a digest."""

FACTOR = 4
"""Between one room and the next larger one."""

ROOMS = 2
"""Rooms below the batch size that are used for each size, at most."""

Batch = dict[str, Shaped[np.ndarray, "batch ..."]]


def key(names: Sequence[str], boxes: Float[np.ndarray, "objects 4"]) -> UInt8[np.ndarray, "8"]:
    """A digest of what features are made from: some files, and boxes in them."""
    digest = hashlib.blake2b(digest_size=BYTES)
    digest.update("\0".join([*names, ""]).encode("utf-8", "surrogatepass"))
    digest.update(boxes.tobytes())
    return np.frombuffer(digest.digest(), np.uint8)


class Repeats:
    """Leaves repeated features out of batches.

    Args:
        mesh: where batches go. Over several devices an example and what it shares could be on two
            of them; there batches stay whole.
    """

    def __init__(self, mesh: Mesh):
        self._alone, self._rooms = mesh.size == 1, dict[int, set[int]]()

    def __call__(self, batch: Mapping[str, Shaped[np.ndarray, "batch ..."]]) -> Batch:
        """The batch without its digests; and without repeats, where there is a smaller room."""
        rest = {name: values for name, values in batch.items() if name != KEY}
        if KEY not in batch or not self._alone:
            return rest
        digests = np.ascontiguousarray(batch[KEY]).view(np.uint64).reshape(-1)
        _, first, place = np.unique(digests, return_index=True, return_inverse=True)
        room = self._room(len(digests), len(first))
        if room == len(digests):
            return rest
        rows = np.pad(first, (0, room - len(first)), mode="edge")
        shared = {name: rest[name][rows] for name in SHARED}
        return {**rest, **shared, PLACE: place.reshape(-1).astype(np.int32)}

    def _room(self, size: int, distinct: int) -> int:
        """The smallest room for so many, or one that is already used for batches of that size."""
        room = size
        while room % FACTOR == 0 and room // FACTOR >= distinct:
            room //= FACTOR
        used = self._rooms.setdefault(size, set())
        if room < size and room not in used:
            if len(used) == ROOMS:
                return min((one for one in used if one > room), default=size)
            used.add(room)
        return room
