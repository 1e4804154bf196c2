"""At-Att against Eqs. 3-4 written as loops over nodes, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from small_eega import without_zeros

from remote_jax.eega.model.attribute_transformer import AttributeTransformer

B, N, D, OUT, HEADS, TYPES, EDGE = 2, 5, 8, 6, 2, 4, 3


def make(out=D, attributes=True):
    return without_zeros(at_first(out, attributes))


def at_first(out=D, attributes=True):
    return AttributeTransformer(
        D,
        out,
        HEADS,
        types=TYPES,
        edge_dim=EDGE,
        hidden=12,
        attributes=attributes,
        rngs=nnx.Rngs(0),
    )


def inputs(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(B, N, D)).astype(np.float32)
    adjacent = rng.random((B, N, N)) < 0.5
    adjacent |= adjacent.swapaxes(1, 2) | np.eye(N, dtype=bool)
    edges = rng.integers(TYPES, size=(B, N, N)).astype(np.int32)
    mask = np.ones((B, N), bool)
    mask[1, 3:] = False
    return x, edges, adjacent, mask


def apply(layer, x):
    bias = 0 if layer.bias is None else np.array(layer.bias[...], np.float64)
    return x @ np.array(layer.kernel[...], np.float64) + bias


def norm(layer, x):
    scaled = (x - x.mean()) / np.sqrt(x.var() + 1e-6)
    return scaled * np.array(layer.scale[...], np.float64) + np.array(layer.bias[...], np.float64)


def gelu(x):
    return np.array(jax.nn.gelu(jnp.asarray(x), approximate=False), np.float64)


def attention(at, x, edges, reach, i):
    """Eqs. 3-4 for node i: a key and a value of its own for each neighbour."""
    z = np.array(at.edges[...], np.float64)
    read = []
    for head in range(HEADS):
        part = slice(head * D // HEADS, (head + 1) * D // HEADS)
        query = apply(at.query, x[i])[part]
        neighbours = np.flatnonzero(reach[i])
        keys = [(apply(at.key, x[j]) + apply(at.edge_key, z[edges[i, j]])) for j in neighbours]
        values = [
            (apply(at.value, x[j]) + apply(at.edge_value, z[edges[i, j]])) for j in neighbours
        ]
        scores = np.array([key[part] @ query for key in keys]) / np.sqrt(D / HEADS)
        weights = np.exp(scores) / np.exp(scores).sum()
        read.append(sum(w * value[part] for w, value in zip(weights, values, strict=True)))
    return apply(at.out, np.concatenate(read))


@pytest.mark.parametrize("out", [D, OUT])
def test_a_layer_is_equations_3_and_4(out):
    layer = make(out)
    x, edges, adjacent, mask = inputs()
    found = layer(*map(jnp.asarray, (x, edges, adjacent, mask)))
    assert found.shape == (B, N, out)
    for b in range(B):
        reach = adjacent[b] & mask[b] & mask[b][:, None]
        for i in np.flatnonzero(mask[b]):
            wide = x[b].astype(np.float64)
            node = norm(
                layer.attention_norm, wide[i] + attention(layer.attention, wide, edges[b], reach, i)
            )
            fed = apply(layer.down, gelu(apply(layer.up, node)))
            expected = norm(layer.norm, node + fed if out == D else fed)
            np.testing.assert_allclose(found[b, i], expected, atol=1e-4)


@pytest.mark.parametrize("attributes", [True, False])
def test_nodes_that_are_normalised_pass_unchanged_at_first(attributes):
    x, edges, adjacent, mask = map(jnp.asarray, inputs())
    x = (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True)
    found = at_first(attributes=attributes)(x, edges, adjacent, mask)
    np.testing.assert_allclose(found[mask], x[mask], atol=1e-5)


def test_without_attributes_it_is_a_vanilla_transformer():
    layer = make(attributes=False)
    x, edges, adjacent, mask = map(jnp.asarray, inputs())
    found = layer(x, edges, adjacent, mask)
    np.testing.assert_array_equal(found, layer(x, 0 * edges, ~adjacent, mask))
    other = layer(x.at[0, 4].add(1.0), edges, adjacent, mask)
    assert (np.abs(other - found)[0, 0] > 1e-6).any()


@pytest.mark.parametrize("attributes", [True, False])
def test_absent_nodes_are_not_read_and_an_empty_graph_is_finite(attributes):
    layer = make(attributes=attributes)
    x, edges, adjacent, mask = map(jnp.asarray, inputs())
    mask = mask.at[0].set(False)

    def total(x):
        found = layer(x, edges, adjacent, mask)
        return (jnp.where(mask[..., None], found, 0) ** 3).sum(), found

    slope, found = jax.grad(total, has_aux=True)(jnp.where(mask[..., None], x, jnp.nan))
    np.testing.assert_allclose(found[1, :3], layer(x, edges, adjacent, mask)[1, :3], atol=1e-6)
    assert jnp.isfinite(found).all() and jnp.isfinite(slope).all()
    assert not slope[0].any() and not slope[1, 3:].any()
