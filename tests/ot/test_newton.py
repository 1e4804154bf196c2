"""What Newton steps make of plans that Sinkhorn iterations left inexact, against float64."""

import jax.numpy as jnp
import numpy as np

from remote_jax.ot import newton

EPSILON = 0.1


def clusters(seed):
    """Costs between three tight clusters, of other sizes on the one side than on the other."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(3, 8))
    targets = centres[[0] * 5 + [1] * 2 + [2]] + 0.02 * rng.normal(size=(8, 8))
    sources = centres[[0] * 4 + [1] * 4 + [2] * 16] + 0.02 * rng.normal(size=(24, 8))
    cosine = (targets / np.linalg.norm(targets, axis=1)[:, None]) @ (
        sources / np.linalg.norm(sources, axis=1)[:, None]
    ).T
    return 1 - cosine


def sinkhorn(cost, iterations):
    kernel, u = np.exp(-cost / EPSILON), np.ones(len(cost))
    for _ in range(iterations):
        v = 1 / cost.shape[1] / (u @ kernel)
        u = 1 / cost.shape[0] / (kernel @ v)
    return u[:, None] * kernel * v


def masses(plan):
    k, n, m = plan.shape
    return jnp.full((k, n), 1 / n), jnp.full((k, m), 1 / m)


def test_a_rough_plan_becomes_that_of_many_iterations():
    costs = [clusters(seed) for seed in range(4)]
    rough = np.stack([sinkhorn(cost, 20) for cost in costs])
    exact = np.stack([sinkhorn(cost, 30_000) for cost in costs])
    assert np.abs(rough - exact).max() > 0.01 * exact.max()
    plan = jnp.array(rough, jnp.float32)
    finished = newton.finish(plan, *masses(plan))
    np.testing.assert_allclose(finished, exact, atol=1e-5 * exact.max())


def test_plans_that_are_right_stay_as_they_are_beside_one_that_is_not():
    right = [sinkhorn(clusters(seed), 30_000) for seed in range(6)]
    plan = jnp.array([*right, sinkhorn(clusters(0), 20)], jnp.float32)
    finished = newton.finish(plan, *masses(plan))
    np.testing.assert_array_equal(finished[:-1], plan[:-1])
    assert (finished[-1] != plan[-1]).any()


def test_rows_and_columns_without_mass_stay_empty():
    plan = np.zeros((2, 10, 26))
    plan[0, :8, :24] = sinkhorn(clusters(0), 20)
    a, b = np.zeros((2, 10)), np.zeros((2, 26))
    a[0, :8], b[0, :24] = 1 / 8, 1 / 24
    finished = newton.finish(*(jnp.array(x, jnp.float32) for x in (plan, a, b)))
    np.testing.assert_allclose(finished.sum(-2), b, atol=1e-6)
    np.testing.assert_array_equal(finished[1], 0)
    np.testing.assert_array_equal(finished[0, 8:], 0)
