"""Gauges of a router against loops; that positions which are read out are those of the pair."""

import jax.numpy as jnp
import numpy as np
import pytest

from remote_jax.remote.model.gauges import router_gauges


def test_router_gauges_are_means_over_the_positions_that_are_read():
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.ones(3), size=(4, 5))
    present = np.ones((4, 3), bool)
    weights[2], present[2] = [1.0, 0.0, 0.0], [True, False, False]
    read = np.array([[1, 0, 0, 1, 0], [0, 0, 1, 0, 0], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0]], bool)
    found = router_gauges(*(jnp.array(x) for x in (weights, present, read)))
    for b in range(2):
        rows = weights[b][read[b]]
        np.testing.assert_allclose(found.weights[b], rows.mean(0), rtol=1e-5)
        entropy = np.mean([-sum(p * np.log(p) for p in row) / np.log(3) for row in rows])
        assert found.entropy[b] == pytest.approx(entropy, rel=1e-5)
    np.testing.assert_array_equal(found.choice, [True, True, False, False])
    np.testing.assert_array_equal(found.weights[2:], [[1, 0, 0], [0, 0, 0]])
