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

STEPS = 16
"""Lengths of an axis that are tried: multiples of a sixteenth of it."""

WORTH = 0.02
"""Least part of the cost that another shape must save: it has to be compiled."""


@dataclass(frozen=True)
class Padding:
    """Axes of the features that are padded at their end.

    Attributes:
        lengths: of the axes, by their names.
        costs: of one position along each, relative to each other.
        axes: by the name of a feature, which of its axes are such ones; "" for another.
    """

    lengths: Mapping[str, int]
    costs: Mapping[str, float]
    axes: Mapping[str, tuple[str, ...]]

    @property
    def full(self) -> Shape:
        """The shape that nothing is cut to."""
        return tuple(self.lengths.values())

    def cut(
        self, batch: Mapping[str, Shaped[np.ndarray, "b ..."]], shape: Shape
    ) -> dict[str, Shaped[np.ndarray, "b ..."]]:
        """A batch without what lies beyond `shape`."""
        lengths = dict(zip(self.lengths, shape, strict=True))
        found = {}
        for name, values in batch.items():
            axes = self.axes.get(name, ())
            found[name] = values[(slice(None), *(slice(lengths.get(axis)) for axis in axes))]
        return found


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
        """Takes one shape after another, each the one that saves most, while that is `WORTH` it.

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
        return cls.of(extents, [tuple(map(int, tried[index])) for index in chosen])

    @classmethod
    def of(cls, extents: Extents, shapes: Sequence[Shape]) -> Buckets:
        """With shapes that are given, one of which holds all examples."""
        costs = np.array([*extents.padding.costs.values()])
        ordered = sorted(shapes, key=lambda shape: (float(np.array(shape) @ costs), shape))
        kinds = _holds(np.array(ordered), extents.filled).argmax(0)
        return cls(extents, tuple(ordered), kinds)

    @property
    def order(self) -> Int[np.ndarray, " examples"]:
        """Places of the examples, those of the cheapest shape first."""
        return np.argsort(self.kinds, kind="stable")

    def shape(self, rows: Int[np.ndarray, " batch"]) -> Shape:
        """The cheapest shape that holds these examples."""
        most = self.extents.filled[rows].max(0)
        return self.shapes[int(_holds(np.array(self.shapes), most[None]).argmax(0)[0])]

    def filled(self) -> float:
        """The part of the cost that examples fill, where each is cut to its own shape."""
        costs = np.array([*self.extents.padding.costs.values()])
        spent = np.array(self.shapes)[self.kinds] @ costs
        return float((self.extents.filled @ costs).sum() / spent.sum())

    def __str__(self) -> str:
        counts = np.bincount(self.kinds, minlength=len(self.shapes)).tolist()
        told = ", ".join(
            f"{' x '.join(map(str, shape))} ({count:,})"
            for shape, count in zip(self.shapes, counts, strict=True)
            if count
        )
        axes = " x ".join(self.extents.padding.lengths)
        return f"Batches by length, {axes} (examples): {told}; {self.filled():.0%} is filled"


def _rounded(extents: Extents) -> Int[np.ndarray, "examples axes"]:
    """Up to multiples of a part of each axis."""
    lengths = np.array([*extents.padding.lengths.values()])
    parts = np.maximum(-(-lengths // STEPS), 1)
    return np.minimum(-(-extents.filled // parts) * parts, lengths)


def _holds(
    shapes: Int[np.ndarray, "shapes axes"], filled: Int[np.ndarray, "examples axes"]
) -> Bool[np.ndarray, "shapes examples"]:
    return np.all(shapes[:, None] >= filled, axis=-1)
