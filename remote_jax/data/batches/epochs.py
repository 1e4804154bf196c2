"""The examples of one epoch after another."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from jaxtyping import Int

T = TypeVar("T")

KEPT = 2
"""Windows, or epochs, held at a time: threads read two batches at once, which may be of two."""


class Grouped:
    """Places of examples, epoch after epoch, those of a group next to each other.

    Each epoch has its own order of groups, and of the examples in each.
    """

    def __init__(self, groups: Int[np.ndarray, " examples"], seed: int):
        """Takes the number of each example's group."""
        self._groups, self._seed = groups, seed
        self._known: dict[int, Int[np.ndarray, " examples"]] = {}

    def __getitem__(self, position: int) -> int:
        number, place = divmod(position, len(self._groups))
        return int(kept(self._known, number, self.epoch)[place])

    def epoch(self, number: int) -> Int[np.ndarray, " examples"]:
        """Those of one epoch, from 0."""
        random = np.random.default_rng((self._seed, number))
        places = random.permutation(len(self._groups))
        turns = random.permutation(int(self._groups.max()) + 1)
        return places[np.argsort(turns[self._groups[places]], kind="stable")]


def kept(known: dict[int, T], number: int, make: Callable[[int], T]) -> T:
    """What is known of a number, made where it is not; the oldest ones are forgotten."""
    found = known.get(number)
    if found is None:
        found = known[number] = make(number)
        for old in sorted(known)[:-KEPT]:
            known.pop(old, None)
    return found
