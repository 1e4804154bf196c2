"""Attention against a float64 loop, its mask, and dropout."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from remote_jax.encoders.attention import Attention, TextAndGroups, check_settings, dropout
from remote_jax.errors import UserError


def reference(layer: Attention, x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Attention token by token and head by head in float64; `mask` is of keys, or of each query."""
    mask = mask if mask.ndim == 3 else np.repeat(mask[:, None], x.shape[1], axis=1)

    def project(linear: nnx.Linear, value: np.ndarray) -> np.ndarray:
        kernel, bias = np.float64(linear.kernel[...]), np.float64(linear.bias[...])
        return value @ kernel + bias

    q, k, v = (project(part, np.float64(x)) for part in (layer.query, layer.key, layer.value))
    width = x.shape[-1] // layer.heads
    result = np.zeros_like(q)
    for b, i, h in np.ndindex(*x.shape[:2], layer.heads):
        part = slice(h * width, (h + 1) * width)
        keys = np.flatnonzero(mask[b, i])
        scores = np.exp([q[b, i, part] @ k[b, j, part] / np.sqrt(width) for j in keys])
        result[b, i, part] = scores @ v[b, keys, part] / scores.sum()
    return project(layer.out, result)


@pytest.fixture
def layer() -> Attention:
    return Attention(12, 3, rngs=nnx.Rngs(0))


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(2, 5, 12)).astype(np.float32) * 3


def test_attention_equals_the_loop(layer, x):
    mask = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 0, 0]], bool)
    np.testing.assert_allclose(layer(x, mask), reference(layer, x, mask), atol=1e-5)
    everything = np.ones_like(mask)
    np.testing.assert_allclose(layer(x, None), reference(layer, x, everything), atol=1e-5)


def test_groups_see_the_text_and_themselves(layer, x):
    """Two groups of two tokens behind a text of three, the last of which is not there."""
    x = np.concatenate([x, -x[:, :2]], axis=1)
    text = np.array([[1, 1, 0], [1, 1, 1]], bool)
    allowed = np.zeros((2, 7, 7), bool)
    allowed[:, :, :3] = text[:, None]
    allowed[:, 3:5, 3:5] = allowed[:, 5:, 5:] = True
    found = layer(x, TextAndGroups(text, 2))
    np.testing.assert_allclose(found, reference(layer, x, allowed), atol=1e-5)


def test_masked_keys_change_nothing(layer, x):
    mask = np.array([[1, 1, 0, 1, 0]] * 2, bool)
    other = np.where(mask[..., None], x, 1e3)
    here = mask[..., None] & np.ones(12, bool)
    np.testing.assert_array_equal(layer(other, mask)[here], layer(x, mask)[here])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_row_without_keys_is_finite(x, dtype):
    layer = Attention(12, 3, dtype=dtype, rngs=nnx.Rngs(0))
    mask = np.array([[1, 1, 1, 1, 1], [0, 0, 0, 0, 0]], bool)

    def total(layer, x):
        return layer(x, mask).astype(jnp.float32).sum()

    value, gradients = nnx.jit(nnx.value_and_grad(total, argnums=(0, 1)))(layer, jnp.asarray(x))
    assert np.isfinite(value)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))


def test_attention_dropout_needs_rngs(x):
    layer = Attention(12, 3, rate=0.5, rngs=nnx.Rngs(0))
    kept = layer(x, None)
    np.testing.assert_array_equal(layer(x, None), kept)
    first, again, other = (layer(x, None, rngs=nnx.Rngs(dropout=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - kept).max() > 0.1
    assert np.abs(first - other).max() > 0.1


def test_dropout_keeps_the_mean():
    x = jnp.ones((200, 200))
    dropped = dropout(x, 0.25, nnx.Rngs(dropout=0))
    assert float((dropped == 0).mean()) == pytest.approx(0.25, abs=0.01)
    np.testing.assert_allclose(dropped[dropped != 0], 4 / 3, rtol=1e-6)
    assert dropout(x, 0.25, None) is x


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ((10, 3, "gelu"), "dim 10 does not split into 3 heads"),
        ((10, 0, "gelu"), "dim 10 does not split into 0 heads"),
        ((12, 3, "swish"), "unknown activation 'swish'"),
        ((12, 3, "gelu", 0.1, 1.0), "drop a share of 1.0"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        check_settings(*settings)
