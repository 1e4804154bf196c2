"""Batches of similar lengths, cut to one of a few static shapes: short texts are not padded far.

Features come padded to fixed lengths. How much of each an example fills is known beforehand
(`Extents`); a few shapes are chosen from it (`Buckets`), each of which is compiled once. Examples
of a shape go into batches together, and a batch is cut to the least shape that holds it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int, Shaped

Shape = tuple[int, ...]
"""Lengths of the padded axes, in the order of `Padding.lengths`."""

PATCH = 32
"""Side in pixels that patches of most encoders have here; it only says what an object costs."""

STEPS = 16
"""Lengths of an axis that are tried: multiples of a sixteenth of it."""

WORTH = 0.02
"""Smallest share of the cost that one more shape must save, since each is compiled."""


@dataclass(frozen=True)
class Padding:
    """Axes of the features that are padded at their end.

    Attributes:
        lengths: of the axes, by their names.
        costs: of one position along each, relative to each other.
        axes: for each feature by name, the padded axis at each of its positions; "" if not padded.
        masks: features that say what is there, along one such axis.
    """

    lengths: Mapping[str, int]
    costs: Mapping[str, float]
    axes: Mapping[str, tuple[str, ...]]
    masks: tuple[str, ...] = ()

    @property
    def full(self) -> Shape:
        """The shape that nothing is cut to."""
        return tuple(self.lengths.values())

    def cut(
        self, batch: Mapping[str, Shaped[np.ndarray, "b ..."]], shape: Shape
    ) -> dict[str, Shaped[np.ndarray, "b ..."]]:
        """A batch without what lies beyond `shape`.

        Raises:
            ValueError: a mask says that something lies there.
        """
        lengths = dict(zip(self.lengths, shape, strict=True))
        for name in self.masks:
            if batch[name][:, lengths[self.axes[name][0]] :].any():
                raise ValueError(f"{name} reaches beyond the {shape} that a batch is cut to")
        found = {}
        for name, values in batch.items():
            axes = self.axes.get(name, ())
            found[name] = values[(slice(None), *(slice(lengths.get(axis)) for axis in axes))]
        return found


def patches(crop: int) -> int:
    """About how many patches an object has whose crop is that wide, in pixels."""
    return max(crop // PATCH, 1) ** 2


@dataclass(frozen=True)
class Extents:
    """How much of each padded axis the examples of a data set fill."""

    padding: Padding
    filled: Int[np.ndarray, "examples axes"]


@dataclass(frozen=True)
class Buckets:
    """The shapes that the batches of a data set are cut to.

    Attributes:
        extents: of the data set.
        shapes: cheapest first; each example fits at least one.
        kinds: of each example, the first of `shapes` that holds it.
    """

    extents: Extents
    shapes: tuple[Shape, ...]
    kinds: Int[np.ndarray, " examples"]

    @classmethod
    def choose(cls, extents: Extents, most: int) -> Buckets:
        """Adds the shape that saves most, until none saves the share `WORTH` of the cost.

        Args:
            extents: of at least one example.
            most: shapes at most, at least 1.
        """
        cells, counts = np.unique(_rounded(extents), axis=0, return_counts=True)
        costs = np.array([extents.padding.costs[axis] for axis in extents.padding.lengths])
        tried = np.array(list(itertools.product(*(np.unique(column) for column in cells.T))))
        spent = np.where(_holds(tried, cells), (tried @ costs)[:, None], np.inf)
        chosen = [int(np.flatnonzero((tried == cells.max(0)).all(1))[0])]
        best = spent[chosen[0]]
        while len(chosen) < most:
            with_each = np.minimum(spent, best) @ counts
            found = int(with_each.argmin())
            if with_each[found] > (1 - WORTH) * (best @ counts):
                break
            chosen.append(found)
            best = np.minimum(best, spent[found])
        return cls.with_shapes(extents, [tuple(map(int, tried[index])) for index in chosen])

    @classmethod
    def with_shapes(cls, extents: Extents, shapes: Sequence[Shape]) -> Buckets:
        """With shapes that are given, one of which is the full one or holds all examples."""
        costs = np.array([*extents.padding.costs.values()])
        ordered = sorted(set(shapes), key=lambda shape: (float(np.array(shape) @ costs), shape))
        kinds = _cheapest(ordered, extents.filled)
        return cls(extents, tuple(ordered), kinds)

    @property
    def order(self) -> Int[np.ndarray, " examples"]:
        """Places of the examples, those of the cheapest shape first."""
        return np.argsort(self.kinds, kind="stable")

    def shape(self, rows: Int[np.ndarray, " batch"]) -> Shape:
        """The cheapest shape that holds these examples."""
        most = self.extents.filled[rows].max(0)
        return self.shapes[int(_cheapest(self.shapes, most[None])[0])]

    def filled_share(self) -> float:
        """The share of the cost that examples fill, where each is cut to its own shape."""
        costs = np.array([*self.extents.padding.costs.values()])
        spent = np.array(self.shapes)[self.kinds] @ costs
        return float((self.extents.filled @ costs).sum() / max(spent.sum(), 1e-9))

    def __str__(self) -> str:
        counts = np.bincount(self.kinds, minlength=len(self.shapes)).tolist()
        told = ", ".join(
            f"{' x '.join(map(str, shape))} ({count:,})"
            for shape, count in zip(self.shapes, counts, strict=True)
            if count
        )
        axes = " x ".join(self.extents.padding.lengths)
        return f"Batches by length, {axes} (examples): {told}; {self.filled_share():.0%} is filled"


def _rounded(extents: Extents) -> Int[np.ndarray, "examples axes"]:
    """Up to multiples of a part of each axis."""
    lengths = np.array([*extents.padding.lengths.values()])
    parts = np.maximum(-(-lengths // STEPS), 1)
    return np.minimum(-(-extents.filled // parts) * parts, lengths)


def _cheapest(
    shapes: Sequence[Shape], filled: Int[np.ndarray, "examples axes"]
) -> Int[np.ndarray, " examples"]:
    """Of each example the first shape that holds it."""
    holds = _holds(np.array(shapes), filled)
    if not holds.any(0).all():
        longest = filled.max(0).tolist()
        raise ValueError(f"no shape of {shapes} holds examples of lengths up to {longest}")
    return holds.argmax(0)


def _holds(
    shapes: Int[np.ndarray, "shapes axes"], filled: Int[np.ndarray, "examples axes"]
) -> Bool[np.ndarray, "shapes examples"]:
    return np.all(shapes[:, None] >= filled, axis=-1)
