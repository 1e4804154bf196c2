"""Laplacian systems against numpy in float64."""

import jax
import jax.numpy as jnp
import numpy as np

from remote_jax.ot import laplacian


def system(n, seed, scale=1.0):
    rng = np.random.default_rng(seed)
    links = rng.random((n, n)) * scale
    links = links + links.T
    right = rng.normal(size=n) * scale
    return links, right - right.mean()


def reference(links, right):
    """The solution with mean zero, weighted by degree."""
    links = links - np.diag(np.diag(links))
    degree = links.sum(1)
    x = np.linalg.lstsq(np.diag(degree) - links, right, rcond=None)[0]
    return x - (degree * x).sum() / degree.sum()


def test_solutions_are_those_of_least_squares_whatever_the_scale():
    systems = [system(12, seed, scale) for seed, scale in enumerate((1.0, 1e-6, 1e-15))]
    links, right = (np.stack(x) for x in zip(*systems, strict=True))
    found = jax.jit(laplacian.solve)(jnp.array(links, jnp.float32), jnp.array(right, jnp.float32))
    expected = [reference(*s) for s in systems]
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_weak_links_keep_their_precision():
    """Two groups joined by links 1e-5 as strong as those within them."""
    rng = np.random.default_rng(0)
    links = np.kron([[1, 1e-5], [1e-5, 1]], np.ones((4, 4))) * (1 + rng.random((8, 8)))
    links, right = links + links.T, np.repeat([1e-5, -1e-5], 4)
    found = laplacian.solve(
        jnp.array(links, jnp.float32)[None], jnp.array(right, jnp.float32)[None]
    )
    expected = reference(links, right)
    np.testing.assert_allclose(found[0], expected, atol=1e-4 * np.abs(expected).max())


def test_nodes_without_links_get_zero():
    links, right = system(6, 0)
    links[2:, :] = links[:, 2:] = 0
    right[:] = 0
    right[:2] = 1, -1
    found = laplacian.solve(
        jnp.array(np.stack([links, 0 * links]), jnp.float32),
        jnp.array(np.stack([right, 0 * right]), jnp.float32),
    )
    np.testing.assert_allclose(found[0, :2], reference(links[:2, :2], right[:2]), rtol=1e-5)
    assert not found[0, 2:].any()
    assert not found[1].any()


def test_reciprocal_of_nothing_is_nothing():
    np.testing.assert_array_equal(laplacian.reciprocal(jnp.array([0.0, 4.0])), [0, 0.25])
    assert jax.grad(lambda x: laplacian.reciprocal(x))(0.0) == 0
