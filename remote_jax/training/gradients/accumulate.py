"""Gradient accumulation: a batch that does not fit on the device, a part at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Key

from remote_jax.runtime import sharding
from remote_jax.task import Batch
from remote_jax.training.state import Params

Tree = TypeVar("Tree")
Gradient = Callable[[Params, Batch, Key[Array, ""]], Tree]
"""What it gives is a tree of arrays that are means over a batch."""


def accumulated(gradient: Gradient[Tree], parts: int, mesh: Mesh) -> Gradient[Tree]:
    """The mean of what `gradient` gives for each of `parts` equal parts of a batch.

    That is the gradient of the whole batch wherever the loss is a mean over its rows. A loss in
    which rows meet (ROAM's balanced routing and weights of queries, EEGA's mean over all pairs of
    words) is that of each part instead. Every part draws dropout of its own.
    """
    if parts == 1:
        return gradient

    def of_all_parts(params: Params, batch: Batch, key: Key[Array, ""]) -> Tree:
        def add(total: Tree, place_and_part: tuple[Array, Batch]) -> tuple[Tree, None]:
            place, part = place_and_part
            found = gradient(params, part, jax.random.fold_in(key, place))
            return jax.tree.map(lambda x, y: x + y / parts, total, found), None

        split = _split(batch, parts, mesh)
        first = jax.tree.map(lambda x: x[0], split)
        like = jax.eval_shape(gradient, params, first, key)
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), like)
        return jax.lax.scan(add, zeros, (jnp.arange(parts), split))[0]

    return of_all_parts


def _split(batch: Batch, parts: int, mesh: Mesh) -> Batch:
    """Every `parts`-th row is of one part, so that no row moves to another device."""

    def rows(array: Array) -> Array:
        split = array.reshape(len(array) // parts, parts, *array.shape[1:]).swapaxes(0, 1)
        return jax.lax.with_sharding_constraint(split, sharding.parts_sharding(mesh))

    return jax.tree.map(rows, dict(batch))
