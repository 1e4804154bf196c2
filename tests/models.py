"""Models for what must hold whatever their values are."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TypeVar

import jax.numpy as jnp
import numpy as np
from flax import nnx

from remote_jax.training.state import split

Model = TypeVar("Model", bound=nnx.Module)


def with_noise(make: Callable[[], Model], size: float = 0.3, seed: int = 0) -> Model:
    """The model that `make` makes, with random values where layers start at 0 too.

    Those would hide what is before them; biases stay 0, or a ReLU might be so. A parameter of one
    name and shape has the same values in every model. They are numpy's: jax would compile the
    initializers, one for each shape.
    """
    skeleton, shapes = split(nnx.eval_shape(make))

    def value(name: str, shape: tuple[int, ...]) -> np.ndarray:
        if name.endswith("bias"):
            return np.zeros(shape)
        random = np.random.default_rng([seed, zlib.crc32(name.encode())])
        return name.endswith("scale") + size * random.normal(size=shape)

    return skeleton.model(
        {name: jnp.asarray(value(name, x.shape).astype(x.dtype)) for name, x in shapes.items()}
    )
