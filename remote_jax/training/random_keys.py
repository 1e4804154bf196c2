"""Random keys of a training step: those of `nnx.Rngs`, counted in Python."""

from __future__ import annotations

import jax
from flax import nnx
from jaxtyping import Array, Key


class CountedStream(nnx.RngStream):
    """An `nnx.RngStream` whose count is no array: drawing does not make tracing quadratic.

    `nnx` keeps the count as a traced array and looks through the whole program so far each time
    that it rises. Keys are the same. Not for drawing inside of `scan` or `map`, where each turn
    would have the same key.
    """

    def __init__(self, key: Key[Array, ""]):
        super().__init__(key, tag="default")
        self.drawn = 0

    def __call__(self) -> Key[Array, ""]:
        """The next key."""
        key = jax.random.fold_in(self.key[...], self.drawn)
        self.drawn += 1
        return key


class CountedRngs(nnx.Rngs):
    """`nnx.Rngs(key)` for inside a traced function."""

    def __init__(self, key: Key[Array, ""]):
        super().__init__()
        self.default = CountedStream(key)
