"""Newton steps on the dual of Eq. 6, that finish plans which Sinkhorn iterations leave inexact.

Where points gather in clusters, mass passes between them slowly: Sinkhorn would need thousands of
iterations for what a few of these steps do. They scale the rows of a plan by u, its columns by v.
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Bool, Float, Int

from remote_jax.ot import laplacian
from remote_jax.ot.laplacian import reciprocal

# Σ|column sum - b| of a plan that is right: rounding alone leaves 1e-7 to 4e-7.
EXACT = 5e-7
# The same, where a Newton step can only fail by rounding.
CLOSE = 1e-4
# A gain of the dual that is more than rounding.
GAIN = 1e-5
STEPS = 16
# The largest change of f/ε in a step: far from the solution a full step leads away from it.
RADIUS = 4.0
# Scalings stay between its inverse and this. Where rounding has cut all ties between two groups of
# points, no scalings move mass between them, and the dual would grow until products underflow.
LARGEST_SCALING = 1e18

_dot = functools.partial(jnp.einsum, precision=Precision.HIGHEST)


class _State(NamedTuple):
    """Scalings, the column sums they give, the value of the dual, and which plans still move."""

    step: Int[Array, ""]
    u: Float[Array, "k n"]
    v: Float[Array, "k m"]
    columns: Float[Array, "k m"]
    dual: Float[Array, "k"]
    radius: Float[Array, "k"]
    going: Bool[Array, "k"]


def finish(
    plan: Float[Array, "k n m"], a: Float[Array, "k n"], b: Float[Array, "k m"]
) -> Float[Array, "k n m"]:
    """The plan diag(u) Π diag(v) with row sums a and column sums b, from Π whose rows are right.

    A plan that is right already does not change, so that it does not depend on its batch.
    """

    def step(state: _State) -> _State:
        u, v, length = _step(plan, state, a, b)
        columns = v * _dot("knm,kn->km", plan, u)
        error, dual = _error(columns, b), _dual(u, v, a, b)
        better = (error < _error(state.columns, b)) | (dual > state.dual + GAIN)
        better &= _bounded(u) & _bounded(v)
        taken = state.going & better

        def update(new, old):
            return jnp.where(taken.reshape(-1, *[1] * (old.ndim - 1)), new, old)

        return _State(
            step=state.step + 1,
            u=update(u, state.u),
            v=update(v, state.v),
            columns=update(columns, state.columns),
            dual=update(dual, state.dual),
            radius=update(2 * state.radius, length / 4),
            going=state.going & jnp.where(better, error > EXACT, error > CLOSE),
        )

    ones = jnp.ones_like(a), jnp.ones_like(b)
    columns = plan.sum(-2)
    going = _error(columns, b) > EXACT
    radius = jnp.full(going.shape, RADIUS)
    start = _State(jnp.int32(0), *ones, columns, jnp.zeros_like(radius), radius, going)
    end = jax.lax.while_loop(lambda s: (s.step < STEPS) & s.going.any(), step, start)
    return plan * end.u[:, :, None] * end.v[:, None, :]


def _step(
    plan: Float[Array, "k n m"], state: _State, a: Float[Array, "k n"], b: Float[Array, "k m"]
) -> tuple[Float[Array, "k n"], Float[Array, "k m"], Float[Array, "k"]]:
    """The next u and v, and how far they go: rows by exp(x), then columns, then rows, made right.

    x solves the Newton system of f/ε, g eliminated: a Laplacian whose links are the mass that two
    rows share through columns.
    """
    weights = state.v * reciprocal(state.columns)
    links = _dot("kim,kjm->kij", plan * (weights * state.v)[:, None, :], plan)
    links = links * state.u[:, :, None] * state.u[:, None, :]
    right = state.u * _dot("knm,km->kn", plan, weights * (state.columns - b))
    x = laplacian.solve(links, right)
    size = jnp.abs(x).max(-1)
    length = jnp.minimum(size, state.radius)
    u = state.u * jnp.exp(x * (length * reciprocal(size))[:, None])
    v = b * reciprocal(_dot("knm,kn->km", plan, u))
    return a * reciprocal(_dot("knm,km->kn", plan, v)), v, length


def _error(columns: Float[Array, "k m"], b: Float[Array, "k m"]) -> Float[Array, "k"]:
    return jnp.abs(columns - b).sum(-1)


def _bounded(scaling: Float[Array, "k i"]) -> Bool[Array, "k"]:
    size = jnp.abs(jnp.log(jnp.where(scaling > 0, scaling, 1.0)))
    return (size <= math.log(LARGEST_SCALING)).all(-1)


def _dual(u, v, a, b) -> Float[Array, "k"]:
    """Σ a log u + Σ b log v, which only the solution maximizes among plans whose rows are right."""
    return (a * jnp.log(jnp.where(a > 0, u, 1.0))).sum(-1) + (
        b * jnp.log(jnp.where(b > 0, v, 1.0))
    ).sum(-1)
