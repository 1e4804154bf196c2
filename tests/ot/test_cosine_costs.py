"""Cosine costs at their ends: opposite, zero, huge and tiny vectors."""

import jax
import jax.numpy as jnp
import numpy as np

from remote_jax.ot import linear


def test_cosine_costs_of_equal_opposite_orthogonal_and_zero_vectors():
    one = jnp.array([[2.0, 0.0]])
    others = jnp.array([[5.0, 0.0], [-1.0, 0.0], [0.0, 3.0], [0.0, 0.0]])
    np.testing.assert_allclose(linear.cosine_cost(one, others)[0], [0, 2, 1, 1], atol=1e-6)
    slope = jax.grad(lambda x: linear.cosine_cost(one, x).sum())(others)
    assert jnp.isfinite(slope).all()


def test_vectors_of_any_norm_have_their_cosine_and_a_finite_slope():
    points = jnp.array([[3.0, 4.0], [3e37, 4e37], [3e-25, 4e-25], [-4e30, 3e30]])
    cost, back = jax.vjp(jax.jit(linear.cosine_cost), points, points)
    expected = np.ones((4, 4))
    expected[:3, :3] = expected[3, 3] = 0
    np.testing.assert_allclose(cost, expected, atol=1e-6)
    assert all(np.isfinite(slope).all() for slope in back(jnp.ones_like(cost)))
