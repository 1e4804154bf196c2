"""Averages of parameters over the last steps (Polyak and Juditsky 1992), to be scored and kept.

At a constant rate parameters go on moving about a good place, and their mean is nearer to it.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Int

from remote_jax.training.state import Params, TrainState


class Averages(NamedTuple):
    """`steps` so far, and `averages` of what is trained."""

    steps: Int[Array, ""]
    averages: Params


def averaging(decay: float, kept: tuple[str, ...]) -> optax.GradientTransformation:
    """Follows what updates, which it leaves as they are, make of parameters; the last of a chain.

    After step t (from 0) the average is d a + (1 - d) p with d = min(decay, (1 + t) / (10 + t)),
    so that it is not of the start for long. What d would need more steps for than there are changes
    nothing: after 900 it is 0.99.

    Args:
        decay: above 0, below 1.
        kept: how the names of parameters begin that keep their values, and have no average.
    """

    def init(params: Params) -> Averages:
        trained = {n: jnp.copy(p) for n, p in params.items() if not n.startswith(kept)}
        return Averages(jnp.zeros((), jnp.int32), trained)

    def update(
        updates: Params, state: Averages, params: Params | None = None
    ) -> tuple[Params, Averages]:
        if params is None:
            raise ValueError("averages are of parameters, which this update was not given")
        after = optax.apply_updates(params, updates)
        share = 1.0 - jnp.minimum(decay, (1.0 + state.steps) / (10.0 + state.steps))
        averages = {n: a + share * (after[n] - a) for n, a in state.averages.items()}
        return updates, Averages(state.steps + 1, averages)

    return optax.GradientTransformation(init, update)


def scored(state: TrainState) -> Params:
    """The parameters that a state is scored by: averages, where it has them."""
    for part in jax.tree.leaves(state.optimizer, is_leaf=_are_averages):
        if _are_averages(part):
            return {**state.params, **part.averages}
    return state.params


def _are_averages(part: object) -> bool:
    return isinstance(part, Averages)
