"""The state of training as flat arrays by name, and the model that they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import optax
from flax import nnx
from jaxtyping import Array, Int, Shaped

Params = dict[str, Shaped[Array, "..."]]
"""Parameters by path, as in `text/layers/0/attention/query/kernel`."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TrainState:
    """All that a later step depends on; the order of the data follows from `step`."""

    params: Params
    optimizer: optax.OptState
    step: Int[Array, ""]


@dataclass(frozen=True)
class Skeleton:
    """A model without its values."""

    graph: nnx.GraphDef
    variables: dict[str, tuple[tuple[Any, ...], nnx.Variable]]

    def model(self, params: Params) -> nnx.Module:
        """The model with these values; meant for inside a jitted function."""
        state = nnx.from_flat_state(
            [
                (path, variable.replace(params[name]))
                for name, (path, variable) in self.variables.items()
            ]
        )
        return nnx.merge(self.graph, state)


def split(model: nnx.Module) -> tuple[Skeleton, Params]:
    """Takes a model apart; its values may be shapes alone.

    Raises:
        TypeError: a part of the state is no `nnx.Param`, and so would not be trained and saved.
    """
    graph, state = nnx.split(model)
    variables, params = {}, {}
    for path, variable in nnx.to_flat_state(state):
        name = "/".join(map(str, path))
        if not isinstance(variable, nnx.Param):
            raise TypeError(f"{name} is {type(variable).__name__}; a model holds nnx.Param only")
        value = variable.get_value()
        params[name] = value
        shape = jax.ShapeDtypeStruct(value.shape, value.dtype)
        variables[name] = (path, variable.replace(shape))
    return Skeleton(graph, variables), params


def count(params: Params) -> int:
    """Number of parameters."""
    return sum(int(value.size) for value in params.values())
