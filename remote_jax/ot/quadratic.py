"""Entropic Gromov-Wasserstein plans and distances (EEGA, Eq. 6): batched and masked.

Two graphs are compared by their weighted adjacency matrices alone: the cosine distance of two
adjacent nodes, and 0 where there is no edge. A plan moves nodes so that edges meet edges of the
same weight. It is found by the iterations of Peyré, Cuturi and Solomon (2016), each a problem of
`linear.py`, and then held constant: by the envelope theorem the gradient of the distance is the one
that the entropic objective has at its solution, so that nothing is unrolled.

The sum of Eq. 6 is over all pairs of nodes here. Over adjacent ones alone, as the paper writes it,
an edge on a pair without one would cost nothing, and the best plan would match no edges. The loss
is a square in place of the paper's absolute value, so that the sum can be multiplied out.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from remote_jax.ot import linear
from remote_jax.ot.linear import COST_RANGE, dot

# Σ|ΔT| of a step after which a plan is as right as float32 and the inner solver make it.
PLAN_TOLERANCE = 2e-6


class GromovWasserstein(NamedTuple):
    """What `gromov_wasserstein` finds; `distance` carries the gradient, `plan` has none."""

    distance: Float[Array, "..."]
    plan: Float[Array, "... n m"]


def edge_costs(
    nodes: Float[Array, "... n d"], adjacent: Bool[Array, "... n n"]
) -> Float[Array, "... n n"]:
    """c(H, H') = 1 - cos(H, H') between adjacent nodes, 0 elsewhere and on the diagonal.

    Float32, in [0, 2] up to rounding, symmetric if `adjacent` is. Nodes without neighbours are not
    read.
    """
    edges = adjacent & ~jnp.eye(adjacent.shape[-1], dtype=bool)
    nodes = jnp.where((edges.any(-1) | edges.any(-2))[..., None], nodes, 0.0)
    return jnp.where(edges, linear.cosine_cost(nodes, nodes), 0.0)


def gromov_wasserstein(
    xx: Float[Array, "... n n"],
    yy: Float[Array, "... m m"],
    a: Float[Array, "... n"],
    b: Float[Array, "... m"],
    *,
    start: Float[Array, "... n m"] | None = None,
    epsilon: float,
    steps: int,
    iterations: int,
) -> GromovWasserstein:
    """T̂ = argmin Σ (xx_ii' - yy_jj')² T_ij T_i'j' - ε H(T), and that sum at T̂ (Eq. 6).

    The problem is not convex: T̂ is the solution that the iterations find from `start`. From a⊗b,
    which treats all nodes alike, they cannot tell nodes that the graph itself cannot tell, the two
    ends of a single edge for one; a plan between features of the nodes can. The sum is without the
    entropy, 0 where T̂ matches equal graphs, to which ε must be small against differences of edges
    squared. Where a side is without mass, plan, distance and gradient are zero.

    Args:
      xx, yy: edge costs of the two graphs, symmetric, within [0, 2] as `edge_costs` gives them. Not
        read where a node has no mass.
      a, b: masses of the nodes, 0 where absent, otherwise 1 in all. They get no gradient.
      start: a plan with the masses `a` and `b`; by default a⊗b. It gets no gradient.
      epsilon: ε, in units of a cost squared.
      steps: the most linear problems to solve; fewer where the plan settles before.
      iterations: the most Sinkhorn iterations for each of them, as in `linear.transport_plan`.
    """
    lead = jnp.broadcast_shapes(xx.shape[:-2], yy.shape[:-2], a.shape[:-1], b.shape[:-1])
    n, m = xx.shape[-1], yy.shape[-1]
    a = jnp.broadcast_to(a, (*lead, n)).reshape(-1, n).astype(jnp.float32)
    b = jnp.broadcast_to(b, (*lead, m)).reshape(-1, m).astype(jnp.float32)
    xx = _present(jnp.broadcast_to(xx, (*lead, n, n)).reshape(-1, n, n), a)
    yy = _present(jnp.broadcast_to(yy, (*lead, m, m)).reshape(-1, m, m), b)
    product = a[:, :, None] * b[:, None, :]
    if start is not None:
        first = jnp.broadcast_to(start, (*lead, n, m)).reshape(-1, n, m).astype(jnp.float32)
        product = jnp.where(product > 0, first, 0.0)
    still = jax.lax.stop_gradient((xx, yy, a, b, product))
    plan = _plan(*still, epsilon, steps, iterations)
    return GromovWasserstein(distance(xx, yy, plan).reshape(lead), plan.reshape(*lead, n, m))


def _present(costs: Float[Array, "k n n"], mass: Float[Array, "k n"]) -> Float[Array, "k n n"]:
    """Costs in float32, 0 where a node is absent, whatever it holds."""
    there = mass > 0
    return jnp.where(there[:, :, None] & there[:, None, :], costs, 0.0).astype(jnp.float32)


def _cross(
    xx: Float[Array, "k n n"], plan: Float[Array, "k n m"], yy: Float[Array, "k m m"]
) -> Float[Array, "k n m"]:
    """Σ xx_ii' yy_jj' T_i'j'."""
    return dot("kih,khj->kij", xx, dot("khl,kjl->khj", plan, yy))


def distance(
    xx: Float[Array, "k n n"], yy: Float[Array, "k m m"], plan: Float[Array, "k n m"]
) -> Float[Array, "k"]:
    """Σ (xx_ii' - yy_jj')² T_ij T_i'j' of Eq. 6 at a plan, multiplied out; costs are finite."""
    rows, columns = plan.sum(2), plan.sum(1)
    return (
        dot("kih,ki,kh->k", xx**2, rows, rows)
        + dot("kjl,kj,kl->k", yy**2, columns, columns)
        - 2 * (_cross(xx, plan, yy) * plan).sum((1, 2))
    )


class _State(NamedTuple):
    step: Int[Array, ""]
    plan: Float[Array, "k n m"]
    potentials: tuple[Float[Array, "k n"], Float[Array, "k m"]]
    going: Bool[Array, "k"]


def _plan(
    xx: Float[Array, "k n n"],
    yy: Float[Array, "k m m"],
    a: Float[Array, "k n"],
    b: Float[Array, "k m"],
    start: Float[Array, "k n m"],
    epsilon: float,
    steps: int,
    iterations: int,
) -> Float[Array, "k n m"]:
    """Mirror descent: each plan solves the problem whose cost is the gradient at the last one,
    from the potentials of that one.

    Of that gradient, 2 Σ (xx_ii' - yy_jj')² T_i'j', only -4 Σ xx yy T matters: what is constant on
    rows or columns changes no plan. Scaled to the range of costs of `linear.py`, ε is too.
    """
    largest = 4 * COST_RANGE**2

    def step(state: _State) -> _State:
        towards, *potentials = linear.solve(
            COST_RANGE * (1 - 4 * _cross(xx, state.plan, yy) / largest),
            a,
            b,
            epsilon * COST_RANGE / largest,
            iterations,
            state.potentials,
        )
        length = jnp.where(state.going, _length(xx, yy, state.plan, towards, epsilon), 0.0)
        # A plan that has settled must not move on, whatever the others of its batch need.
        move = length[:, None, None] * (towards - state.plan)
        going = state.going & (jnp.abs(move).sum((1, 2)) > PLAN_TOLERANCE)
        return _State(state.step + 1, state.plan + move, (potentials[0], potentials[1]), going)

    zeros = jnp.zeros_like(a), jnp.zeros_like(b)
    first = _State(jnp.int32(0), start, zeros, (start > 0).any((1, 2)))
    return jax.lax.while_loop(lambda s: (s.step < steps) & s.going.any(), step, first).plan


def _length(
    xx: Float[Array, "k n n"],
    yy: Float[Array, "k m m"],
    plan: Float[Array, "k n m"],
    towards: Float[Array, "k n m"],
    epsilon: float,
) -> Float[Array, "k"]:
    """How far to go from a plan T to the next, T', in (0, 1]: a full step can overshoot and swing.

    Along the way the sum of squares is a parabola and -H lies below its chord. With the linear part
    of both, whose slope is -ε KL(T | T') as T' is optimal for it, they bound the objective; the
    length is where the bound is least, a full step wherever the parabola bends down.
    """
    move = towards - plan
    # Where T' has nearly vanished the ratio only has to stay finite.
    ratio = jnp.maximum(-move / jnp.maximum(towards, 1e-30), -1 + 1e-7)
    gain = epsilon * (towards * ((1 + ratio) * jnp.log1p(ratio) - ratio)).sum((1, 2))
    bend = -2 * (_cross(xx, move, yy) * move).sum((1, 2))
    return jnp.where(gain < 2 * bend, gain / jnp.maximum(2 * bend, 1e-30), 1.0)
