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
from ml_collections import ConfigDict

from remote_jax.ot.linear import COST_RANGE, transport_plan, uniform

TOP_K = 2
"""Groups that top-k routing chooses (Table 10)."""
SPARSE_THRESHOLD = 0.1
"""Cost above the cheapest group's past which the sparse solver drops a group (Table 10)."""
RANK = 2
"""Rank of the costs that the low-rank solver keeps (Table 10)."""
SUBSPACE_STEPS = 4

POTENTIAL_SCALE = 30.0
"""Adam moves a parameter by the learning rate a step, but potentials, in units of ε, must keep up
with costs that differ by 1/ε: they are kept divided by this."""
DUAL_WEIGHT = 1e-3
"""Adam moves the potentials the same whatever this is, but clipping by the norm of all gradients
must not be about theirs: at 1, theirs was 2 where that of all others was 0.004."""


class Router(nnx.Module):
    """Shares of K groups; each group gets the same mass over a batch.

    Args:
        shape: K; with M in front, M routers side by side.
        solver: "sinkhorn", or of Table 10 "topk", "sparse" or "lowrank".
        epsilon: τ of Eq. 11, the weight of the entropy, in units of the cost.
        iterations: L, the most Sinkhorn iterations; half of them with "lowrank".
        exact: whether Newton steps follow where L iterations did not converge.
        hard: whether a query goes to its cheapest group alone, as Eq. 10 has it.
    """

    equal = False
    """Whether all groups get the same share of every query, whatever the costs."""

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        solver: str,
        epsilon: float,
        iterations: int,
        exact: bool = True,
        hard: bool = False,
    ):
        self.potentials = nnx.Param(jnp.zeros(shape))
        self.solver, self.epsilon, self.exact, self.hard = solver, epsilon, exact, hard
        self.iterations = max(1, iterations // 2) if solver == "lowrank" else iterations

    def __call__(self, cost: Float[Array, "*m k n"], *, balanced: bool) -> Float[Array, "*m k n"]:
        """Shares of a batch: together, or each column by itself."""
        if self.equal:
            return jnp.full_like(cost, 1 / cost.shape[-2])
        shares = self.balanced(cost) if balanced else self.independent(cost)
        return hardened(shares) if self.hard else shares

    def balanced(self, cost: Float[Array, "*m k n"]) -> Float[Array, "*m k n"]:
        """Soft shares of a batch in training; gradient with respect to the cost."""
        if self.solver == "topk":
            return top_k(cost, self.epsilon)
        if self.solver == "sparse":
            cost = sparse(cost)
        if self.solver == "lowrank":
            cost = low_rank(cost)
        k, n = cost.shape[-2:]
        rows, columns = (uniform(jnp.ones(size, bool)) for size in (k, n))
        return n * transport_plan(
            cost,
            rows,
            columns,
            epsilon=self.epsilon,
            iterations=self.iterations,
            exact=self.exact,
        )

    def independent(self, cost: Float[Array, "*m k n"]) -> Float[Array, "*m k n"]:
        """Soft shares of each column by its own costs and the potentials learnt so far."""
        if self.solver == "topk":
            return top_k(cost, self.epsilon)
        u = jax.lax.stop_gradient(self.potentials[...]) * POTENTIAL_SCALE
        return jax.nn.softmax(self._logits(u, cost), axis=-2)

    def _logits(
        self, u: Float[Array, "*m k"], cost: Float[Array, "*m k n"]
    ) -> Float[Array, "*m k n"]:
        """Of shares without a batch; costs of a low rank need one, and so are not among them."""
        if self.solver == "sparse":
            cost = sparse(cost)
        return u[..., None] - cost / self.epsilon

    def dual(self, cost: Float[Array, "*m k n"]) -> Float[Array, ""]:
        """What the potentials, in units of ε, minimise: minus the semi-dual of the transport.

        Its gradient with respect to the potential of a group is a multiple of the share that the
        group gets less the share that it should get. The cost gets no gradient. 0 with "topk",
        which has no potentials.
        """
        if self.solver == "topk":
            return jnp.zeros(())
        u = self.potentials[...] * POTENTIAL_SCALE
        lengths = jax.nn.logsumexp(self._logits(u, jax.lax.stop_gradient(cost)), axis=-2)
        return DUAL_WEIGHT * jnp.sum(lengths.mean(-1) - u.mean(-1))


def make(settings: ConfigDict, groups: tuple[int, ...]) -> Router:
    """The router of `model.router` of a config."""
    names = ("solver", "epsilon", "iterations", "exact", "hard")
    return Router(groups, **{name: settings[name] for name in names})


def transport_loss(
    shares: Float[Array, "*m k n"],
    cost: Float[Array, "*m k n"],
    epsilon: float,
    *,
    contrast: bool = False,
) -> Float[Array, ""]:
    """L_OT of Eq. 11, for a plan of mass 1: <P, C> + τ Σ P log P.

    As Eq. 11 is written, it is lowest where all costs are 0 and all shares are equal, so that the
    more it counts the less the router does.

    Args:
        contrast: counts costs from their mean over the groups, <P, C> - <1/K, C>: it is then lowest
            where groups differ and a query's own group is the cheap one. Plans are the same.
    """
    plan = shares / shares.shape[-1]
    if contrast:
        cost = cost - cost.mean(-2, keepdims=True)
    # The slope of P log P at 0 has no bound.
    logs = jnp.log(jnp.maximum(plan, jnp.finfo(plan.dtype).tiny))
    return jnp.sum(plan * cost) + epsilon * jnp.sum(plan * logs)


def hardened(shares: Float[Array, "*m k n"]) -> Float[Array, "*m k n"]:
    """1 for the largest share and 0 for others, with the gradient of the shares themselves.

    The straight-through estimator of Bengio et al. (2013).
    """
    chosen = jax.nn.one_hot(shares.argmax(-2), shares.shape[-2], axis=-2, dtype=shares.dtype)
    return shares + jax.lax.stop_gradient(chosen - shares)


def top_k(cost: Float[Array, "*m k n"], epsilon: float) -> Float[Array, "*m k n"]:
    """Softmax over the cheapest groups alone, without any balance ("TKSR")."""
    count = min(TOP_K, cost.shape[-2])
    dearest = -jax.lax.top_k(-cost.mT, count)[0][..., -1]
    return jax.nn.softmax(-cost / epsilon, axis=-2, where=cost <= dearest[..., None, :])


def sparse(cost: Float[Array, "*m k n"]) -> Float[Array, "*m k n"]:
    """Groups much dearer than a column's cheapest become as dear as any can be ("SOT")."""
    return jnp.where(cost > cost.min(-2, keepdims=True) + SPARSE_THRESHOLD, COST_RANGE, cost)


def low_rank(cost: Float[Array, "*m k n"]) -> Float[Array, "*m k n"]:
    """The best approximation of rank 2, by subspace iteration ("LOT")."""
    groups = cost.shape[-2]
    gram = jax.lax.stop_gradient(cost @ cost.mT)
    basis = jnp.broadcast_to(
        jnp.eye(groups, min(RANK, groups)) + 0.1, (*gram.shape[:-1], min(RANK, groups))
    )
    for _ in range(SUBSPACE_STEPS):
        basis = _orthonormal(gram @ basis)
    return jnp.clip(basis @ (basis.mT @ cost), 0.0, COST_RANGE)


def _orthonormal(columns: Float[Array, "*m k r"]) -> Float[Array, "*m k r"]:
    """Gram-Schmidt; the few columns are not worth a call of LAPACK."""
    done: list[Float[Array, "*m k"]] = []
    for column in jnp.moveaxis(columns, -1, 0):
        for other in done:
            column = column - jnp.sum(column * other, -1, keepdims=True) * other
        norm = jnp.linalg.norm(column, axis=-1, keepdims=True)
        done.append(column / jnp.maximum(norm, 1e-12))
    return jnp.stack(done, -1)
