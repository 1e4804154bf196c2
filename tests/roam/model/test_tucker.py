"""Tucker scores against the trilinear form, and against one embedding a (query, candidate)."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st

from remote_jax.roam.model import moseg, tucker

FLOAT32 = jnp.dtype("float32")


@pytest.mark.parametrize("relations", [2, 9])  # fewer than queries, and more
def test_query_is_the_core_contracted_twice(relations: int) -> None:
    rng = np.random.default_rng(0)
    core = tucker.TuckerCore(3, 4, dropout=(0.0, 0.0, 0.0), dtype=FLOAT32, rngs=nnx.Rngs(0))
    head = rng.normal(size=(5, 4))
    table = rng.normal(size=(relations, 3))
    relation = rng.integers(0, relations, 5)
    found = core(jnp.asarray(head), jnp.asarray(relation), jnp.asarray(table))

    w = np.asarray(core.core[...], np.float64)
    expected = np.einsum("eij,be,bi->bj", w, table[relation], head)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def products(multiply: Callable[..., jax.Array]) -> Callable[..., object]:
    """A program of the products, and of the gradient of their weighted sum."""

    def total(v: jax.Array, m: jax.Array, which: jax.Array, weights: jax.Array) -> object:
        found = multiply(v, m, which)
        return (found * weights).sum(), found

    return jax.jit(jax.value_and_grad(total, (0, 1), has_aux=True))


of_blocks = products(tucker.times_matrices)
of_plain = products(lambda v, m, which: jnp.einsum("bi,bij->bj", v, m[which]))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 32, 50]), st.sampled_from([1, 20]))
def test_vectors_meet_their_own_matrices(seed: int, batch: int, count: int) -> None:
    """Values and gradients, whatever matrices are asked for how often, in whatever order."""
    rng = np.random.default_rng(seed)
    vectors = jnp.asarray(rng.normal(size=(batch, 3)), jnp.float32)
    matrices = jnp.asarray(rng.normal(size=(count, 3, 2)), jnp.float32)
    which = rng.integers(0, rng.integers(1, count + 1), batch)
    weights = rng.normal(size=(batch, 2)).astype(np.float32)
    both = (of(vectors, matrices, which, weights) for of in (of_blocks, of_plain))
    for found, expected in zip(*map(jax.tree.leaves, both), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.floats(0.1, 20))
def test_every_candidate_is_embedded_under_the_relation_of_every_query(
    seed: int, modalities: int, spread: float
) -> None:
    """The factorised scores against Eqs. 3-4 in float64, a pair at a time."""
    rng = np.random.default_rng(seed)
    queries, candidates, dim = 3, 6, 5
    q = rng.normal(size=(queries, dim)).astype(np.float32)
    v = rng.normal(size=(modalities, candidates, dim)).astype(np.float32)
    of_candidate = (spread * rng.normal(size=(modalities, candidates))).astype(np.float32)
    of_relation = (rng.normal(size=(modalities, queries))).astype(np.float32)
    present = rng.random((modalities, candidates)) < 0.7
    found = tucker.scores(
        jnp.asarray(q),
        moseg.shifted_exp(jnp.asarray(of_relation)),
        jnp.asarray(v),
        moseg.shifted_exp(jnp.asarray(of_candidate), jnp.asarray(present)),
    )
    for b in range(queries):
        for c in range(candidates):
            there = np.flatnonzero(present[:, c])
            if not len(there):
                continue  # `without_absent` gives it a score
            u = of_candidate[there, c].astype(float) + of_relation[there, b]
            w = np.exp(u - u.max())
            expected = float((w / w.sum()) @ v[there, c] @ q[b].astype(float))
            assert found[b, c] == pytest.approx(expected, abs=2e-4)


def test_a_candidate_of_which_nothing_is_known_is_below_all_others() -> None:
    scores = jnp.array([[-5.0, -2.0, 0.0], [3.0, 1.0, 0.0]])
    weights = jnp.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.0]])
    found = np.asarray(tucker.without_absent(scores, weights))
    np.testing.assert_array_equal(found[:, :2], scores[:, :2])
    assert (found[:, 2] < found[:, :2].min(1)).all() and np.isfinite(found).all()
    everything = tucker.without_absent(scores, jnp.ones((2, 3)))
    np.testing.assert_array_equal(everything, scores)


def test_opposite_preferences_have_finite_scores_and_gradients() -> None:
    far = jnp.array([[0.0, 200.0], [200.0, 0.0]])

    def total(of_relation: jax.Array, of_candidate: jax.Array) -> jax.Array:
        weights = moseg.shifted_exp(of_relation), moseg.shifted_exp(of_candidate)
        v = jnp.stack([jnp.ones((2, 4)), 2 * jnp.ones((2, 4))])
        return tucker.scores(jnp.ones((2, 4)), weights[0], v, weights[1]).sum()

    value, gradients = jax.value_and_grad(total, argnums=(0, 1))(far, far[::-1])
    assert 16 <= value <= 32
    assert all(np.isfinite(g).all() for g in gradients)
