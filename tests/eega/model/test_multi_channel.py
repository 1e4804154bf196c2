"""W-GCN against Eqs. 9-10 written as loops over words, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from small_eega import without_zeros

from remote_jax.eega.model.multi_channel import MultiChannel

B, N, D, WIDTH, CHANNEL = 2, 4, 6, 5, 3
SIZES = {"pos": 4, "distance": 6, "pmi": 5, "dependency": 3}


def make(values=False):
    layer = MultiChannel(
        D, SIZES, channel_dim=CHANNEL, pair_width=WIDTH, values=values, rngs=nnx.Rngs(0)
    )
    for channel in layer.channels.values():  # a start so small says little about weights
        channel.table[...] = 10 * channel.table[...]
    return without_zeros(layer)


def inputs():
    rng = np.random.default_rng(0)
    words = rng.normal(size=(B, N, D)).astype(np.float32)
    shapes = {name: (B, N) if name == "pos" else (B, N, N) for name in SIZES}
    matrices = {name: rng.integers(SIZES[name], size=shapes[name]) for name in SIZES}
    mask = np.array([[True] * N, [True, True, False, False]])
    return jnp.asarray(words), jax.tree.map(jnp.asarray, matrices), jnp.asarray(mask)


def wide(x):
    return np.array(x[...], np.float64)


def relation(layer, matrices, name, b, i, j):
    """R_ij of a channel: the vector of a number, or for part of speech of two, added."""
    table, numbers = wide(layer.channels[name].table), np.array(matrices[name][b])
    return table[numbers[i]] + table[numbers[j]] if name == "pos" else table[numbers[i, j]]


def reference(layer, words, matrices, mask, b, i):
    words, there = np.array(words[b], np.float64), np.flatnonzero(mask[b])
    read = []
    for name in sorted(SIZES):
        weight = layer.channels[name].weight
        scores = [
            max(
                relation(layer, matrices, name, b, i, j) @ wide(weight.kernel)[:, 0]
                + wide(weight.bias)[0],
                0,
            )
            for j in there
        ]
        weights = np.exp(scores) / np.exp(scores).sum()
        value = layer.values[name]
        moved = words[there] @ wide(value.kernel) + wide(value.bias)
        if layer.with_messages:
            message = wide(layer.channels[name].message.kernel)
            for place, j in enumerate(there):
                moved[place] += relation(layer, matrices, name, b, i, j) @ message
        read.append(words[i] + weights @ moved)
    hidden = np.concatenate(read) @ wide(layer.up.kernel) + wide(layer.up.bias)
    hidden = np.array(jax.nn.gelu(jnp.asarray(hidden), approximate=False), np.float64)
    return words[i] + hidden @ wide(layer.down.kernel) + wide(layer.down.bias)


def test_words_pass_unchanged_at_first():
    layer = MultiChannel(D, SIZES, channel_dim=CHANNEL, values=True, rngs=nnx.Rngs(0))
    words, matrices, mask = inputs()
    found = layer(words, matrices, mask)
    np.testing.assert_array_equal(found[mask], words[mask])


@pytest.mark.parametrize("values", [False, True])
def test_words_are_equations_9_and_10(values):
    layer = make(values)
    words, matrices, mask = inputs()
    found = layer(words, matrices, mask)
    for b in range(B):
        for i in np.flatnonzero(mask[b]):
            expected = reference(layer, words, matrices, mask, b, i)
            np.testing.assert_allclose(found[b, i], expected, atol=1e-4)


def test_pairs_are_a_linear_layer_over_all_channels():
    layer = make()
    _, matrices, _ = inputs()
    found = layer.pairs(matrices)
    kernel = np.concatenate([wide(layer.channels[name].pair.kernel) for name in sorted(SIZES)])
    for b, i, j in np.ndindex(B, N, N):
        side_by_side = [relation(layer, matrices, name, b, i, j) for name in sorted(SIZES)]
        np.testing.assert_allclose(found[b, i, j], np.concatenate(side_by_side) @ kernel, atol=1e-4)


@pytest.mark.parametrize("values", [False, True])
def test_absent_words_are_not_read(values):
    layer = make(values)
    words, matrices, mask = inputs()
    mask = mask.at[0].set(False)

    def total(words):
        found = layer(words, matrices, mask)
        return (jnp.where(mask[..., None], found, 0) ** 2).sum(), found

    slope, found = jax.grad(total, has_aux=True)(jnp.where(mask[..., None], words, jnp.nan))
    np.testing.assert_allclose(found[1, :2], layer(words, matrices, mask)[1, :2], atol=1e-6)
    assert jnp.isfinite(found).all() and jnp.isfinite(slope).all()
    assert not slope[0].any() and not slope[1, 2:].any() and slope[1, :2].any()
