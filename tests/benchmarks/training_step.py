"""A step as the training loop makes it, for benchmarks that have no loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple


class Begun(NamedTuple):
    """A step and the state to begin with.

    The state is placed where a step leaves it: else the second step would be compiled anew.
    """

    step: Any
    state: Any
    skeleton: Any
    mesh: Any


def begin(task: Any, model: Any, steps: int = 1000, kept: tuple[str, ...] = ()) -> Begun:
    """Of a task's model.

    Args:
        steps: of the whole training, for its rates.
        kept: how the names of parameters begin that get no gradient.
    """
    import jax
    import jax.numpy as jnp

    from remote_jax.runtime import sharding
    from remote_jax.training.optimizer import make_optimizer, make_step
    from remote_jax.training.state import TrainState, split

    mesh = sharding.make_mesh(task.config.mesh)
    skeleton, params = split(model)
    optimizer, _ = make_optimizer(task.config.train, steps)
    sparse = task.config.train.sparse_tables
    step = make_step(task, skeleton, optimizer, 0, mesh, kept=kept, sparse=sparse)
    state = TrainState(params, optimizer.init(params), jnp.zeros((), jnp.int32))
    return Begun(step, jax.device_put(state, sharding.place(mesh, state)), skeleton, mesh)


def timed(begun: Begun) -> Callable[[Any], float]:
    """What makes a step with a batch after those before, and says how many seconds it took."""
    import jax
    import jax.numpy as jnp

    state = begun.state

    def run(batch: Any) -> float:
        nonlocal state
        began = time.monotonic()
        state, scalars = jax.block_until_ready(begun.step(state, batch))
        took = time.monotonic() - began
        assert jnp.isfinite(scalars["loss"])
        return took

    return run
