"""Gauges of a router against loops; that positions which are read out are those of the pair."""

import jax.numpy as jnp
import numpy as np
import pytest

from remote_jax.remote.model.gauges import at_markers, at_objects, router_gauges


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


def test_positions_of_a_pair_are_its_markers_and_the_tokens_of_its_objects():
    mask = jnp.array([[True, True, True, False]] * 2)
    marker = jnp.array([[0, 2], [1, 3]])
    expected = [[True, False, True, False], [False, True, False, False]]
    np.testing.assert_array_equal(at_markers(marker, mask), expected)
    tokens = jnp.array([[True] * 6, [True, False, True, True, True, True]])
    index = jnp.array([[-1, 1], [0, -1]])
    expected = [[False] * 2 + [True] * 2 + [False] * 2, [True] + [False] * 5]
    np.testing.assert_array_equal(at_objects(index, 3, tokens), expected)
