"""Batches of as many examples as have the same number of padded tokens (`train.batch_tokens`)."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Int

from remote_jax.data.batches.buckets import Buckets, Shape
from remote_jax.data.batches.epochs import Grouped, kept
from remote_jax.errors import UserError

MULTIPLE = 8
"""Of which sizes of batches are multiples, so that devices and parts can split each of them."""

Rows = Int[np.ndarray, " batch"]


class TokenOrder:
    """A function of the buckets and groups of a data set, the tokens of a batch, seed and step.

    Each epoch shuffles all examples, cuts those of a shape into batches, and shuffles the batches.
    Examples of a shape that fill no batch go into those of a larger one. What is left of the
    largest waits for the next epoch, so a batch may hold the end of one and the start of the next.

    Its state is plain, so worker processes can be sent one.

    Attributes:
        sizes: examples in a batch of each of `shapes`.
        examples: in a batch, on average.
        epoch: steps in which every example is read once.
        groups: the number of each example's group; None where there are none.
    """

    def __init__(
        self,
        buckets: Buckets,
        tokens: int,
        parts: int,
        seed: int,
        groups: Int[np.ndarray, " examples"] | None = None,
    ):
        """Chooses sizes.

        Args:
            tokens: in a batch at most, of the kinds that `Padding.costs` counts.
            parts: of which sizes are multiples.

        Raises:
            UserError: so many tokens are too few for the largest shape.
        """
        size = len(buckets.kinds)
        self.groups, self._kinds, self._seed = groups, buckets.kinds, seed
        self.shapes = _used(buckets)
        self.sizes = _sizes(buckets, self.shapes, tokens, math.lcm(MULTIPLE, parts))
        self._next = [_larger(self.shapes, place) for place in range(len(self.shapes) - 1)]
        counts = np.bincount(self._kinds, minlength=len(self.shapes)).tolist()
        self._whole = []
        for place, target in enumerate(self._next):
            whole, rest = divmod(counts[place], self.sizes[place])
            counts[target] += rest
            self._whole.append(whole)
        self._last = counts[-1]
        self._epochs = Grouped(np.arange(size) if groups is None else groups, seed)
        self.epoch = sum(self._whole) + self._last / self.sizes[-1]
        self.examples = size / self.epoch
        self._steps: dict[int, list[tuple[int, Rows]]] = {}
        self._parts: dict[int, list[Rows]] = {}

    def __str__(self) -> str:
        told = ", ".join(
            f"{size:,} of {' x '.join(map(str, shape))}"
            for shape, size in zip(self.shapes, self.sizes, strict=True)
        )
        return f"Examples in a batch: {told}; {self.examples:.1f} on average"

    def rows(self, step: int) -> Rows:
        """Places in the data set of the examples of a step, from 0."""
        return self._step(step)[1]

    def shape(self, step: int) -> Shape:
        """What the batch of a step is cut to."""
        return self.shapes[self._step(step)[0]]

    def _step(self, step: int) -> tuple[int, Rows]:
        """The place of its shape, and its rows."""
        epoch = int(step / self.epoch)
        while self._before(epoch) > step:
            epoch -= 1
        while self._before(epoch + 1) <= step:
            epoch += 1
        return kept(self._steps, epoch, self._read)[step - self._before(epoch)]

    def _before(self, epoch: int) -> int:
        """Steps that are done before an epoch."""
        return epoch * sum(self._whole) + self._filled(epoch)

    def _filled(self, epoch: int) -> int:
        """Batches of the largest shape that are full before an epoch."""
        return epoch * self._last // self.sizes[-1]

    def _read(self, epoch: int) -> list[tuple[int, Rows]]:
        """The steps of an epoch."""
        steps = [
            (place, batch)
            for place, rows in enumerate(kept(self._parts, epoch, self._split)[:-1])
            for batch in rows.reshape(-1, self.sizes[place])
        ]
        last = len(self.sizes) - 1
        for number in range(self._filled(epoch), self._filled(epoch + 1)):
            steps.append((last, self._of_largest(number)))
        turns = np.random.default_rng((self._seed, epoch, len(steps))).permutation(len(steps))
        return [steps[turn] for turn in turns]

    def _of_largest(self, number: int) -> Rows:
        """A batch of the largest shape, whose examples may be of two epochs or more."""
        size = self.sizes[-1]
        found: list[Rows] = []
        position, end = number * size, (number + 1) * size
        while position < end:
            epoch, place = divmod(position, self._last)
            rows = kept(self._parts, epoch, self._split)[-1][place : place + end - position]
            found.append(rows)
            position += len(rows)
        return np.concatenate(found)

    def _split(self, epoch: int) -> list[Rows]:
        """The examples of an epoch that go into the batches of each shape."""
        shuffled = self._epochs.epoch(epoch)
        kinds = self._kinds[shuffled]
        found = [shuffled[kinds == place] for place in range(len(self.shapes))]
        for place, target in enumerate(self._next):
            count = self._whole[place] * self.sizes[place]
            rest = found[place][count:]
            found[place], found[target] = found[place][:count], np.append(rest, found[target])
        return found


def _used(buckets: Buckets) -> tuple[Shape, ...]:
    """The shapes up to the cheapest that holds all examples."""
    largest = buckets.shape(np.arange(len(buckets.kinds)))
    return buckets.shapes[: buckets.shapes.index(largest) + 1]


def _larger(shapes: tuple[Shape, ...], place: int) -> int:
    """The place of the cheapest shape after one that holds whatever that one does.

    The last holds all examples there are.
    """
    for number in range(place + 1, len(shapes)):
        if np.all(np.array(shapes[number]) >= shapes[place]):
            return number
    return len(shapes) - 1


def _sizes(
    buckets: Buckets, shapes: tuple[Shape, ...], tokens: int, multiple: int
) -> tuple[int, ...]:
    costs = np.array(shapes) @ [*buckets.extents.padding.costs.values()]
    least = math.ceil(costs.max() * multiple)
    if tokens < least:
        raise UserError(
            f"config.train.batch_tokens must be at least {least:,}, found {tokens:,}: a batch has "
            f"{multiple} examples or a multiple, of up to {costs.max():,.0f} tokens each, with the "
            "patches of its objects and the markers of its pairs."
        )
    return tuple(int(tokens / max(cost, 1) / multiple) * multiple for cost in costs)
