"""Image-to-text attention against Eq. 8 in float64, and pictures that are not there."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from remote_jax.eega.model.image_to_text import ImageToText
from remote_jax.errors import UserError

B, N, K, D, HEADS = 3, 4, 3, 6, 2


def inputs():
    rng = np.random.default_rng(0)
    words, objects = rng.normal(size=(B, N, D)), rng.normal(size=(B, K, D))
    mask = np.array([[True] * K, [False, True, False], [False] * K])
    return words.astype(np.float32), objects.astype(np.float32), mask


def wide(x):
    return np.array(x[...], np.float64)


def linear(layer, x):
    return x @ wide(layer.kernel) + wide(layer.bias)


def reference(layer, words, objects, mask):
    """O and the weights of one sentence."""
    words, there = words.astype(np.float64), np.flatnonzero(mask)
    read, weights = np.zeros((N, D)), np.zeros((HEADS, N, K))
    if there.size:
        heads = []
        q = linear(layer.query, words)
        k, v = (linear(f, objects[there].astype(np.float64)) for f in (layer.key, layer.value))
        for head in range(HEADS):
            own = slice(head * D // HEADS, (head + 1) * D // HEADS)
            scores = np.exp(q[:, own] @ k[:, own].T / np.sqrt(D / HEADS))
            weights[head][:, there] = scores / scores.sum(1, keepdims=True)
            heads.append(weights[head][:, there] @ v[:, own])
        read = linear(layer.out, np.concatenate(heads, 1))
    total = words + read
    centred = total - total.mean(1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(1, keepdims=True) + 1e-6), weights.mean(0)


def test_words_and_attention_are_equation_8():
    layer = ImageToText(D, HEADS, rngs=nnx.Rngs(0))
    words, objects, mask = inputs()
    hidden = np.where(mask[..., None], objects, np.nan)  # what is absent is not read
    found = layer(jnp.asarray(words), jnp.asarray(hidden), jnp.asarray(mask))
    for row in range(B):
        expected, weights = reference(layer, words[row], objects[row], mask[row])
        np.testing.assert_allclose(found.words[row], expected, atol=1e-5)
        np.testing.assert_allclose(found.attention[row], weights, atol=1e-6)


def test_gradients_are_finite_and_none_comes_from_what_is_absent():
    layer = ImageToText(D, HEADS, rngs=nnx.Rngs(0))
    words, objects, mask = map(jnp.asarray, inputs())

    def total(words, objects):
        return (layer(words, objects, mask).words ** 3).sum()

    of_words, of_objects = jax.grad(total, argnums=(0, 1))(words, objects)
    assert jnp.isfinite(of_words).all() and jnp.isfinite(of_objects).all()
    np.testing.assert_array_equal((of_objects != 0).any(-1), mask)


def test_heads_divide_the_width():
    with pytest.raises(UserError, match="dim 6 does not split into 4 heads"):
        ImageToText(D, 4, rngs=nnx.Rngs(0))
