"""Features that examples of a batch have in common, given once: pairs of a post share its picture.

Examples say by `KEY` who shares: equal digests mean equal features. A batch then has the shared
features of `room` examples, and under `PLACE` where each example finds its own. `room` is the batch
size, or that divided by a power of `FACTOR`, so that few programs are compiled.
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
FACTOR = 4

Batch = dict[str, Shaped[np.ndarray, "batch ..."]]


def key(names: Sequence[str], boxes: Float[np.ndarray, "objects 4"]) -> UInt8[np.ndarray, "8"]:
    """A digest of what features are made from: some files, and boxes in them."""
    digest = hashlib.blake2b(digest_size=BYTES)
    digest.update("\0".join([*names, ""]).encode("utf-8", "surrogatepass"))
    digest.update(boxes.tobytes())
    return np.frombuffer(digest.digest(), np.uint8)


class Repeats:
    """Leaves repeated features out of batches.

    Room does not shrink from one batch to the next of the same size: a smaller one would be another
    program.

    Args:
        mesh: where batches go. Over several devices an example and what it shares could be on two
            of them, so that nothing is left out.
    """

    def __init__(self, mesh: Mesh):
        self._alone, self._rooms = mesh.size == 1, dict[int, int]()

    def __call__(self, batch: Mapping[str, Shaped[np.ndarray, "batch ..."]]) -> Batch:
        """The batch without its digests, and without repeats where a quarter of them will do."""
        rest = {name: values for name, values in batch.items() if name != KEY}
        if KEY not in batch or not self._alone:
            return rest
        digests = np.ascontiguousarray(batch[KEY]).view(np.uint64).reshape(-1)
        _, first, place = np.unique(digests, return_index=True, return_inverse=True)
        size, room = len(digests), len(digests)
        while room % FACTOR == 0 and room // FACTOR >= max(len(first), self._rooms.get(size, 0)):
            room //= FACTOR
        self._rooms[size] = room
        if room == size:
            return rest
        rows = np.pad(first, (0, room - len(first)), mode="edge")
        shared = {name: rest[name][rows] for name in SHARED}
        return {**rest, **shared, PLACE: place.reshape(-1).astype(np.int32)}
