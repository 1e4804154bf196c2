"""Plans, and routing by potentials that stand for them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import ot
import pytest

from remote_jax.roam.model import routing

COSTS = np.random.default_rng(0).random((4, 200)) * np.array([[1.0], [0.5], [1.5], [0.2]])


def router(solver: str, potentials: jax.Array | None = None) -> routing.Router:
    made = routing.Router((4,), solver=solver, epsilon=0.1, iterations=100)
    if potentials is not None:
        made.potentials.set_value(potentials)
    return made


def test_shares_are_rows_of_the_plan() -> None:
    shares = router("sinkhorn").balanced(jnp.asarray(COSTS))
    plan = ot.sinkhorn(np.full(4, 1 / 4), np.full(200, 1 / 200), COSTS, 0.1, stopThr=1e-12)
    np.testing.assert_allclose(shares, 200 * plan, atol=1e-4)
    np.testing.assert_allclose(shares.sum(0), 1, atol=1e-4)
    np.testing.assert_allclose(shares.mean(1), 0.25, atol=1e-4)


def learnt(solver: str) -> routing.Router:
    """With the potentials that minimise the dual."""
    u = jnp.zeros(4)
    gradient = jax.jit(jax.grad(lambda u: router(solver, u).dual(jnp.asarray(COSTS))))
    for _ in range(2000):
        u = u - 2.0 / routing.POTENTIAL_SCALE**2 / routing.DUAL_WEIGHT * gradient(u)
    return router(solver, u)


@pytest.mark.parametrize("solver", ["sinkhorn", "sparse"])
def test_potentials_learn_to_give_the_rows_of_the_plan(solver: str) -> None:
    """At the minimum of the dual, routing alone is routing in the batch."""
    it, costs = learnt(solver), jnp.asarray(COSTS)
    np.testing.assert_allclose(it.independent(costs), it.balanced(costs), atol=1e-3)


def test_potentials_balance_the_groups_of_low_rank_costs_too() -> None:
    np.testing.assert_allclose(
        learnt("lowrank").independent(jnp.asarray(COSTS)).mean(1), 0.25, atol=1e-3
    )


def test_top_k_has_nothing_to_learn() -> None:
    assert not jax.grad(lambda u: router("topk", u).dual(jnp.asarray(COSTS)))(jnp.ones(4)).any()


def test_routing_alone_does_not_move_with_the_batch() -> None:
    for solver in ("sinkhorn", "topk", "sparse", "lowrank"):
        it = router(solver, jnp.array([0.3, -1.0, 0.0, 2.0]))
        whole = it.independent(jnp.asarray(COSTS))
        np.testing.assert_allclose(
            it.independent(jnp.asarray(COSTS[:, 7:8]))[:, 0], whole[:, 7], 1e-6
        )


def test_the_cost_has_no_gradient_from_the_dual_nor_the_potentials_from_routing() -> None:
    it, cost = router("sinkhorn"), jnp.asarray(COSTS)
    assert not jax.grad(it.dual)(cost).any()

    def share(u: jax.Array) -> jax.Array:
        return router("sinkhorn", u).independent(cost)[0].sum()

    assert not jax.grad(share)(jnp.zeros(4)).any()


def test_transport_loss_is_eq_11() -> None:
    shares = np.random.default_rng(1).dirichlet(np.ones(4), 200).T
    plan = shares / 200
    expected = (plan * COSTS).sum() + 0.3 * (plan * np.log(plan)).sum()
    found = routing.transport_loss(jnp.asarray(shares), jnp.asarray(COSTS), 0.3)
    assert found == pytest.approx(expected, rel=1e-5)
    assert np.isfinite(
        jax.grad(lambda p: routing.transport_loss(p, p, 1.0))(jnp.zeros((2, 2)))
    ).all()


def test_top_k_uses_the_two_cheapest() -> None:
    shares = np.asarray(routing.top_k(jnp.asarray(COSTS), 0.1))
    assert ((shares > 0).sum(0) == 2).all()
    kept = np.argsort(COSTS, 0)[:2]
    assert (np.take_along_axis(shares, kept, 0) > 0).all()
    np.testing.assert_allclose(shares.sum(0), 1, atol=1e-6)


def test_sparse_costs() -> None:
    cost = jnp.array([[0.5, 0.0], [0.59, 1.9], [0.61, 0.1]])
    expected = [[0.5, 0.0], [0.59, 2.0], [2.0, 0.1]]
    np.testing.assert_allclose(routing.sparse(cost), expected)


def test_low_rank_is_that_of_the_svd() -> None:
    rng = np.random.default_rng(5)
    costs = 1 + 0.3 * rng.normal(size=(4, 2)) @ rng.normal(size=(2, 200))
    costs += 0.02 * rng.normal(size=costs.shape)  # what a rank of 2 leaves out
    left, values, right = np.linalg.svd(costs, full_matrices=False)
    best = np.clip((left[:, :2] * values[:2]) @ right[:2], 0, 2)
    found = np.asarray(routing.low_rank(jnp.asarray(costs)))
    np.testing.assert_allclose(found, best, atol=0.02)
    assert np.abs(found - np.clip(costs, 0, 2)).max() > 0.05
