"""From costs to shares of expert groups (ROAM §4.2): the plan of a batch, and routing without one.

Shares are rows of a transport plan, scaled to sum to 1. In training a batch of queries is balanced
over the groups by Sinkhorn. At inference a query must not depend on its neighbours: the column
potentials of the plan are learnt in training, and with them the plan's row of a query is a softmax
over its own costs.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from remote_jax.ot.linear import COST_RANGE, transport_plan, uniform

TOP_K = 2
"""Groups that top-k routing chooses (Table 10)."""
SPARSE_THRESHOLD = 0.1
"""Cost above the cheapest group's past which the sparse solver drops a group (Table 10)."""
RANK = 2
"""Rank of the costs that the low-rank solver keeps (Table 10)."""
SUBSPACE_STEPS = 4


class Router(nnx.Module):
    """Shares of K groups; each group gets the same mass over a batch.

    Args:
        groups: K.
        solver: "sinkhorn", or of Table 10 "topk", "sparse" or "lowrank".
        epsilon: τ of Eq. 11, the weight of the entropy, in units of the cost.
        iterations: L, the most Sinkhorn iterations.
    """

    def __init__(self, groups: int, *, solver: str, epsilon: float, iterations: int):
        self.potentials = nnx.Param(jnp.zeros(groups))
        self.solver, self.epsilon = solver, epsilon
        self.iterations = max(1, iterations // 2) if solver == "lowrank" else iterations

    def balanced(self, cost: Float[Array, "k n"]) -> Float[Array, "k n"]:
        """Shares of a batch in training; gradient with respect to the cost."""
        if self.solver == "topk":
            return top_k(cost, self.epsilon)
        if self.solver == "sparse":
            cost = sparse(cost)
        if self.solver == "lowrank":
            cost = low_rank(cost)
        k, n = cost.shape
        rows, columns = (uniform(jnp.ones(size, bool)) for size in (k, n))
        return n * transport_plan(
            cost, rows, columns, epsilon=self.epsilon, iterations=self.iterations
        )

    def alone(self, cost: Float[Array, "k n"]) -> Float[Array, "k n"]:
        """Shares of each column by its own costs and the potentials learnt so far."""
        if self.solver == "topk":
            return top_k(cost, self.epsilon)
        if self.solver == "sparse":
            cost = sparse(cost)
        potentials = jax.lax.stop_gradient(self.potentials[...])
        return jax.nn.softmax(potentials[:, None] - cost / self.epsilon, axis=0)

    def dual(self, cost: Float[Array, "k n"]) -> Float[Array, ""]:
        """What the potentials, in units of ε, minimise: minus the semi-dual of the transport.

        Its gradient with respect to the potential of a group is the share that the group gets less
        the share that it should get. The cost gets no gradient.
        """
        u = self.potentials[...]
        cost = jax.lax.stop_gradient(cost)
        return jnp.mean(jax.nn.logsumexp(u[:, None] - cost / self.epsilon, axis=0)) - jnp.mean(u)


def transport_loss(
    shares: Float[Array, "k n"], cost: Float[Array, "k n"], epsilon: float
) -> Float[Array, ""]:
    """L_OT of Eq. 11, for a plan of mass 1: <P, C> + τ Σ P log P."""
    plan = shares / shares.shape[1]
    # The slope of P log P at 0 has no bound.
    logs = jnp.log(jnp.maximum(plan, jnp.finfo(plan.dtype).tiny))
    return jnp.sum(plan * cost) + epsilon * jnp.sum(plan * logs)


def top_k(cost: Float[Array, "k n"], epsilon: float) -> Float[Array, "k n"]:
    """Softmax over the cheapest groups alone, without any balance ("TKSR")."""
    count = min(TOP_K, len(cost))
    dearest = -jax.lax.top_k(-cost.T, count)[0][:, -1]
    return jax.nn.softmax(-cost / epsilon, axis=0, where=cost <= dearest)


def sparse(cost: Float[Array, "k n"]) -> Float[Array, "k n"]:
    """Groups much dearer than a column's cheapest become as dear as any can be ("SOT")."""
    return jnp.where(cost > cost.min(0) + SPARSE_THRESHOLD, COST_RANGE, cost)


def low_rank(cost: Float[Array, "k n"]) -> Float[Array, "k n"]:
    """The best approximation of rank 2, by subspace iteration ("LOT")."""
    gram = jax.lax.stop_gradient(cost @ cost.T)
    rank = min(RANK, len(cost))
    basis = jnp.eye(len(cost), rank) + 0.1
    for _ in range(SUBSPACE_STEPS):
        basis = _orthonormal(gram @ basis)
    return jnp.clip(basis @ (basis.T @ cost), 0.0, COST_RANGE)


def _orthonormal(columns: Float[Array, "k r"]) -> Float[Array, "k r"]:
    """Gram-Schmidt; the few columns are not worth a call of LAPACK."""
    done: list[Float[Array, " k"]] = []
    for column in columns.T:
        for other in done:
            column = column - (column @ other) * other
        done.append(column / jnp.maximum(jnp.linalg.norm(column), 1e-12))
    return jnp.stack(done, 1)
