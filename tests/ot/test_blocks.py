"""A batch as one problem against each of its problems in ott's own geometry."""

import jax.numpy as jnp
import numpy as np
from ott.geometry import geometry

from remote_jax.ot.blocks import Blocks

K, N, M, EPSILON = 3, 4, 5, 0.1


def cost():
    return jnp.array(np.random.default_rng(0).random((K, N, M)), jnp.float32)


def test_products_are_those_of_each_block():
    blocks = Blocks(kernel_matrix=jnp.exp(-cost() / EPSILON), epsilon=EPSILON)
    assert blocks.shape == (K * N, K * M)
    for axis, size in ((0, N), (1, M)):
        vectors = jnp.array(np.random.default_rng(axis).random((K, size)), jnp.float32)
        found = blocks.apply_kernel(vectors.reshape(-1), axis=axis).reshape(K, -1)
        for c, vector, product in zip(cost(), vectors, found, strict=True):
            one = geometry.Geometry(cost_matrix=c, epsilon=EPSILON)
            np.testing.assert_allclose(product, one.apply_kernel(vector, axis=axis), rtol=1e-5)


def test_log_products_are_those_of_each_block_with_masses_missing():
    blocks = Blocks(cost_matrix=cost(), epsilon=EPSILON)
    f = jnp.zeros((K, N)).at[0, 1].set(-jnp.inf)
    g = jnp.array(np.random.default_rng(1).random((K, M)), jnp.float32).at[1].set(-jnp.inf)
    for axis in (0, 1):
        found, _ = blocks.apply_lse_kernel(f.reshape(-1), g.reshape(-1), EPSILON, axis=axis)
        for k, product in enumerate(found.reshape(K, -1)):
            potential = (f[k][:, None] if axis == 0 else g[k][None, :]) - cost()[k]
            with np.errstate(divide="ignore"):
                expected = EPSILON * np.log(np.exp(np.asarray(potential) / EPSILON).sum(axis))
            np.testing.assert_allclose(product, expected, rtol=1e-4, atol=1e-6)
