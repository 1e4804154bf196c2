"""Features that examples of a batch have in common, given once: pairs of a post share its picture.

Examples have a digest of those features under `KEY`. A batch then has the features of `room`
examples only, and under `PLACE` the row of them that belongs to each example. In prediction `room`
is the batch size divided by a power of `FACTOR`, so that few programs are compiled. In training it
is chosen from the order of the examples, and is a function of the batch alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from jax.sharding import Mesh
from jaxtyping import Float, Int, Shaped, UInt8

from remote_jax.data.batches.order import Order

KEY, PLACE = "sight", "picture"

SHARED = ("rgb", "rgb_mask", "depth", "depth_mask", "boxes")
"""Features that examples with equal digests have in common."""

BYTES = 8
"""Of a digest."""

FACTOR = 4
"""Between one room and the next larger one."""

ROOMS = 2
"""Rooms below the batch size that are used for each size, at most."""

LOOKED_AT = 256
"""Batches at the start of training by which their room is chosen."""

WORTH = 0.1
"""Smallest share of the pictures that a room must save, since one more program is compiled."""

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
        rooms: for batches of a size, by that size; batches without one, or with more than it holds,
            stay whole. None: rooms are chosen as batches come.
    """

    def __init__(self, mesh: Mesh, rooms: Mapping[int, int] | None = None):
        self._devices, self._given = mesh.size, rooms
        self._rooms = dict[int, set[int]]()

    @classmethod
    def of_training(cls, mesh: Mesh, order: Order) -> Repeats:
        """For batches of training: what is shared in them does not depend on earlier ones.

        Where examples are in no groups, nothing is shared.
        """
        return cls(mesh, {} if order.groups is None else _rooms(order, order.groups))

    @property
    def programs(self) -> int:
        """How many are needed at most for batches of a size that are cut alike."""
        if self._devices > 1 or self._given == {}:
            return 1
        return 2 if self._given else 1 + ROOMS

    def __str__(self) -> str:
        """What a run says of it; empty where nothing is shared."""
        if not self._given:
            return ""
        if self._devices > 1:
            return (
                f"Pictures are read for each pair: batches are split over {self._devices} devices"
            )
        told = ", ".join(f"{room} of {size}" for size, room in sorted(self._given.items()))
        return f"A picture is read once for its pairs: pictures of a batch, at most {told}"

    def __call__(self, batch: Mapping[str, Shaped[np.ndarray, "batch ..."]]) -> Batch:
        """The batch without its digests; and without repeats, where there is a smaller room."""
        rest = {name: values for name, values in batch.items() if name != KEY}
        if KEY not in batch or self._devices > 1 or self._given == {} or not batch["rgb"].size:
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
        if self._given is not None:
            room = self._given.get(size, size)
            return room if distinct <= room else size
        room = size
        while room % FACTOR == 0 and room // FACTOR >= distinct:
            room //= FACTOR
        used = self._rooms.setdefault(size, set())
        if room < size and room not in used:
            if len(used) == ROOMS:
                return min((one for one in used if one > room), default=size)
            used.add(room)
        return room


def _rooms(order: Order, groups: Int[np.ndarray, " examples"]) -> dict[int, int]:
    """For batches of each size the room with which fewest pictures are read, if it is worth it."""
    counts: dict[int, list[int]] = {}
    for step in range(LOOKED_AT):
        rows = order.rows(step)
        counts.setdefault(len(rows), []).append(len(np.unique(groups[rows])))
    found = {}
    for size, distinct in counts.items():
        tried = np.unique(distinct)
        read = np.where(tried[:, None] >= distinct, tried[:, None], size).mean(1)
        if read.min() <= (1 - WORTH) * size:
            found[size] = int(tried[read.argmin()])
    return found
