"""AdamW, or Adagrad for tables, with its schedules; and the step of training made with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int
from ml_collections import ConfigDict

from remote_jax.config import rates
from remote_jax.config.frozen import ENCODERS, named
from remote_jax.errors import UserError, nearest
from remote_jax.runtime import sharding
from remote_jax.task import Batch, Task
from remote_jax.training import finite
from remote_jax.training.average import averaging
from remote_jax.training.gradients.accumulate import accumulated
from remote_jax.training.gradients.rows import touched
from remote_jax.training.random_keys import CountedRngs
from remote_jax.training.record import EXAMPLES
from remote_jax.training.state import Params, Skeleton, TrainState

TABLES = ("structure", "relations", "modal_relations/", "absent/")
"""Where tables of embeddings live, of which a batch moves some rows more than others."""

SMALLEST = 1e-20
"""Squared gradient below which Adagrad does not divide by it: those of a mean over a batch of small
embeddings are tiny at first, and optax's own start would hold them there."""

OF_DATA = ("features/", "seen/")
"""Where parameters live that come with the data and are not trained."""

Schedule = Callable[[Int[Array, ""] | int], Float[Array, ""]]
Scalars = dict[str, jax.Array]
Step = Callable[[TrainState, Batch], tuple[TrainState, Scalars]]


def frozen(config: ConfigDict) -> tuple[str, ...]:
    """How the names of parameters begin that keep their values (`train.frozen`)."""
    return (*OF_DATA, *named(config))


def check_frozen(config: ConfigDict, names: Iterable[str]) -> None:
    """Sees that each beginning in `train.frozen` is that of a parameter, and not of all.

    Raises:
        UserError: it is of none, and freezes nothing; or nothing is left to train.
    """
    names = list(names)
    for beginning in named(config):
        if not any(name.startswith(beginning) for name in names):
            raise UserError(
                f"train.frozen: no parameter of this model begins with {beginning!r}"
                f"{nearest(beginning, rates.beginnings(names))}."
            )
    if all(name.startswith(frozen(config)) for name in names):
        raise UserError(f"train.frozen={config.frozen!r} leaves nothing to train.")


def linear_schedule(config: ConfigDict, steps: int) -> Schedule:
    """Rises to the peak over the first `warmup` share of the steps, then falls towards 0.

    Step t (from 0) has the rate peak * min((t + 1) / w, (T - t) / (T - w)): no step is lost to a
    rate of 0 at either end.

    Args:
        config: the `train` part of a config.
        steps: number of steps T of the whole run.
    """
    peak, rising = config.learning_rate, round(config.warmup * steps)

    def rate(step: Int[Array, ""] | int) -> Float[Array, ""]:
        up = (jnp.asarray(step) + 1) / max(rising, 1)
        down = (steps - jnp.asarray(step)) / max(steps - rising, 1)
        return peak * jnp.clip(jnp.minimum(up, down), 0.0, 1.0)

    return rate


def constant_schedule(config: ConfigDict, steps: int) -> Schedule:
    """Rises like `linear_schedule`, and stays."""
    peak, rising = config.learning_rate, round(config.warmup * steps)

    def rate(step: Int[Array, ""] | int) -> Float[Array, ""]:
        return peak * jnp.minimum((jnp.asarray(step) + 1) / max(rising, 1), 1.0)

    return rate


def step_schedule(config: ConfigDict, steps: int) -> Schedule:
    """Rises like `linear_schedule`, and is halved whenever `decay_every` epochs are done."""
    rising = constant_schedule(config, steps)
    length = max(round(config.decay_every / config.epochs * steps), 1)

    def rate(step: Int[Array, ""] | int) -> Float[Array, ""]:
        return rising(step) * 0.5 ** (jnp.asarray(step) // length)

    return rate


SCHEDULES = {"linear": linear_schedule, "constant": constant_schedule, "step": step_schedule}


def make_optimizer(config: ConfigDict, steps: int) -> tuple[optax.GradientTransformation, Schedule]:
    """AdamW as §6.1 of the REMOTE paper has it, and its learning rate by step.

    Weight decay (decoupled) acts on parameters of two axes and more: biases and the scales of
    layer norms are spared. Without it this is Adam. With `clip` 0 no gradient is clipped. With
    `new_learning_rate` above 0, parameters outside the encoders learn at that rate, and the
    encoders at `learning_rate`; those named in `rates` learn at their own. Frozen parameters have
    no gradient; no moments are kept of them, and nothing decays them.

    With `optimizer=adagrad` the tables of embeddings follow Adagrad (Duchi et al. 2011) at
    `learning_rate`, and what else there is Adam at `new_learning_rate`. With `average` above 0 the
    state has `average.Averages` too.

    Args:
        config: the `train` part of a config.
        steps: number of steps of the whole run.
    """
    schedule = SCHEDULES[config.schedule](config, steps)
    tables = TABLES if config.optimizer == "adagrad" else ()
    first = tables or tuple(ENCODERS.values())
    kept = frozen(config)
    ratio = config.new_learning_rate / config.learning_rate if config.new_learning_rate else 1.0
    own = rates.parse(config.rates)

    def factor(name: str) -> float:
        rate = rates.own_rate(name, own)
        if rate is not None:
            return rate / config.learning_rate
        return 1.0 if name.startswith(first) else ratio

    def by_group(updates: Params, params: Params | None) -> Params:
        return {name: update * factor(name) for name, update in updates.items()}

    def decayed(params: Params) -> dict[str, bool]:
        return {n: value.ndim >= 2 and not n.startswith(kept) for n, value in params.items()}

    def summed(params: Params) -> dict[str, bool]:
        return {n: n.startswith(tables) and not n.startswith(kept) for n in params}

    def averaged(params: Params) -> dict[str, bool]:
        return {name: not name.startswith((*tables, *kept)) for name in params}

    def held(params: Params) -> dict[str, bool]:
        return {name: name.startswith(kept) for name in params}

    parts = [
        optax.masked(optax.set_to_zero(), held),
        optax.stateless(partial(_clipped, config.clip)) if config.clip else optax.identity(),
        optax.masked(optax.scale_by_rss(initial_accumulator_value=0.0, eps=SMALLEST), summed),
        optax.masked(optax.scale_by_adam(), averaged),
        optax.add_decayed_weights(config.weight_decay, mask=decayed),
        optax.stateless(by_group),
        optax.scale_by_learning_rate(schedule),
    ]
    if config.average:
        parts.append(averaging(config.average, kept))
    return optax.chain(*parts), schedule


def _clipped(largest: float, updates: Params, params: Params | None) -> Params:
    """`optax.clip_by_global_norm` by one factor for all.

    XLA fuses a factor into what reads the gradients. Their quotients, which optax makes, it would
    keep: as much memory again, and one more kernel to compile for each parameter.
    """
    del params
    factor = largest / jnp.maximum(optax.tree.norm(updates), largest)
    return jax.tree.map(lambda x: x * factor.astype(x.dtype), updates)


def _moved(params: Params, updates: Params, kept: tuple[str, ...]) -> Params:
    """`optax.apply_updates`, which would also pass over all that is kept, to add 0."""
    moved = optax.apply_updates(params, updates)
    return {n: p if n.startswith(kept) else moved[n] for n, p in params.items()}


def make_step(
    task: Task,
    skeleton: Skeleton,
    optimizer: optax.GradientTransformation,
    seed: int,
    mesh: Mesh,
    *,
    parts: int = 1,
    skips: bool = False,
    kept: tuple[str, ...] = (),
    usual: float = 0.0,
    sparse: bool = False,
) -> Step:
    """One update and its scalars, compiled; the state it is given is used up.

    Dropout's key is a function of the seed and the step alone, so a resumed run draws the same.

    Args:
        mesh: the state that comes out lives on it as `sharding.place` says.
        parts: of a batch, whose gradients are taken one after another (`accumulate`).
        skips: a step with a scalar that is not finite leaves parameters and moments as they were.
        kept: how the names of parameters begin that get no gradient: none is worked out for them.
        usual: examples in a batch on average, where batches have different numbers of them. Each
            example then has a share of 1 / usual in the gradient of its step, as in batches of a
            fixed size. 0: they are of one size.
        sparse: of a task's `row_tables` only rows that a batch reads are updated (`ReadsRows`).
    """

    def loss(params: Params, batch: Batch, key: jax.Array) -> tuple[jax.Array, Scalars]:
        params = {n: lax.stop_gradient(p) if n.startswith(kept) else p for n, p in params.items()}
        value, scalars = task.loss(skeleton.model(params), batch, CountedRngs(key))
        return value, {"loss": value, **scalars}

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Scalars]:
        key = jax.random.fold_in(jax.random.key(seed), state.step)
        gradient = accumulated(jax.grad(loss, has_aux=True), parts, mesh)
        params, moments = old = state.params, state.optimizer
        some = touched(task, batch, key, params) if sparse else None
        if some is not None:
            params, moments = old = some.of(old)
        gradients, scalars = gradient(params, some.within(batch) if some else batch, key)
        if usual:
            # Features that examples share have fewer rows.
            examples = max(len(values) for values in batch.values())
            gradients = jax.tree.map(lambda x: x * (examples / usual), gradients)
            scalars[EXAMPLES] = jnp.asarray(examples, jnp.float32)
        updates, moments = optimizer.update(gradients, moments, params)
        new = _moved(params, updates, kept), moments
        scalars["gradient_norm"] = optax.tree.norm(gradients)
        if skips:
            fine = finite.all_finite(scalars)
            new = jax.tree.map(partial(jnp.where, fine), new, old)
        if some is not None:
            new = some.put((state.params, state.optimizer), new)
        after = TrainState(*new, state.step + 1)
        return jax.lax.with_sharding_constraint(after, sharding.place(mesh, after)), scalars

    return jax.jit(step, donate_argnums=0)
