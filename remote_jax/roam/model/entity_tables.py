"""What the data say about each entity; part of the model, but not trained (`optimizer.OF_DATA`).

Tables are padded with zero rows to a multiple of `SHARED`, so that devices can share them.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float

SHARED = 64
"""Devices, or a multiple of them, that may share tables of features."""


class FeatureTable(nnx.Module):
    """Raw features of a modality."""

    def __init__(self, entities: int, dim: int):
        self.entities = entities
        self.values = nnx.Param(jnp.zeros((_rows(entities), dim)))
        self.present = nnx.Param(jnp.zeros(_rows(entities)))

    def fill(self, values: Float[Array, "n f"], present: Bool[Array, " n"]) -> None:
        """Puts the features of all entities in, and which of them have any."""
        _fill(self.values, values)
        _fill(self.present, present)

    def __call__(self) -> tuple[Float[Array, "n f"], Bool[Array, " n"]]:
        values, present = self.values[: self.entities], self.present[: self.entities]
        return jax.lax.stop_gradient(values), jax.lax.stop_gradient(present) > 0


class SeenEntities(nnx.Module):
    """Which entities have a triple to learn structure from.

    The embeddings of the others are random initial values, only ever trained as wrong answers. They
    would mask the features.

    Args:
        hidden: share of the entities that a training step takes for unseen, drawn anew each time:
            what an embedding can learn by heart, features would never have to tell.
    """

    def __init__(self, entities: int, *, hidden: float):
        self.entities, self.hidden = entities, hidden
        self.present = nnx.Param(jnp.ones(_rows(entities)))

    def fill(self, present: Bool[Array, " n"]) -> None:
        """Puts in which entities training has."""
        _fill(self.present, present)

    def __call__(self, rngs: nnx.Rngs | None = None) -> Bool[Array, " n"]:
        """With `rngs`, in training."""
        seen = self.present[: self.entities] > 0
        if rngs is None or not self.hidden:
            return seen
        return seen & jax.random.bernoulli(rngs.hidden(), 1.0 - self.hidden, seen.shape)


def _rows(entities: int) -> int:
    return -(-entities // SHARED) * SHARED


def _fill(table: nnx.Param[Array], values: Array) -> None:
    table.set_value(table[...].at[: len(values)].set(values.astype(jnp.float32)))
