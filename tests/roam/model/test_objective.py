"""Losses against float64 references, a query at a time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from remote_jax.roam.model.objective import (
    LOSSES,
    cubes,
    duality,
    energy,
    query_weights,
    sigmoid_loss,
    softmax_loss,
)


def softmax_reference(scores, true, smoothing):
    target = (1 - smoothing) * true / true.sum() + smoothing / len(scores)
    return -np.sum(target * (scores - np.log(np.exp(scores).sum())))


def sigmoid_reference(scores, true, smoothing):
    target = (1 - smoothing) * true + smoothing / len(scores)
    probability = 1 / (1 + np.exp(-scores))
    return -np.mean(target * np.log(probability) + (1 - target) * np.log(1 - probability))


REFERENCES = {"softmax": softmax_reference, "sigmoid": sigmoid_reference}


@settings(max_examples=50, deadline=None)
@given(
    name=st.sampled_from(sorted(LOSSES)),
    seed=st.integers(0, 2**16),
    smoothing=st.sampled_from([0.0, 0.1, 0.5]),
)
@example(name="softmax", seed=327, smoothing=0.0)
def test_losses(name, seed, smoothing):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(3, 7)) * 4
    true = rng.random((3, 7)) < 0.3
    true[:, rng.integers(7)] = True
    found = LOSSES[name](jnp.asarray(scores, jnp.float32), jnp.asarray(true), smoothing=smoothing)
    expected = [
        REFERENCES[name](row, hits.astype(float), smoothing)
        for row, hits in zip(scores, true, strict=True)
    ]
    # A loss near 0 is the difference of two numbers near 10, whose spacing in float32 is 1e-6.
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-6)


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from(sorted(LOSSES)),
    seed=st.integers(0, 2**16),
    smoothing=st.sampled_from([0.0, 0.3]),
)
def test_a_candidate_counts_for_as_many(name, seed, smoothing):
    """As if it stood there so often; once if it is true, and not at all with 0."""
    rng = np.random.default_rng(seed)
    scores, counts = rng.normal(size=7) * 3, rng.integers(0, 4, 7)
    true = np.arange(7) == rng.integers(7)
    counts[true] = 1
    loss = LOSSES[name]
    one = [jnp.asarray(x)[None] for x in (scores.astype(np.float32), true)]
    repeated = [jnp.repeat(x, jnp.asarray(counts), axis=1) for x in one]
    found = loss(*one, jnp.asarray(counts, jnp.float32)[None], smoothing=smoothing)
    np.testing.assert_allclose(found, loss(*repeated, smoothing=smoothing), rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("loss", [softmax_loss, sigmoid_loss])
def test_large_scores_are_finite(loss):
    scores, true = jnp.array([[1e4, -1e4, 0.0]]), jnp.array([[False, True, False]])
    gradient = jax.grad(lambda x: loss(x, true, smoothing=0.1).sum())(scores)
    assert np.isfinite(gradient).all() and gradient[0, 1] < 0 < gradient[0, 0]


def test_weights_of_queries():
    true = jnp.arange(4)[None] < jnp.array([[1], [4], [1]])
    np.testing.assert_allclose(query_weights(true, 0.0), [1, 1, 1])
    np.testing.assert_allclose(query_weights(true, 1.0), [0.5, 2, 0.5])
    np.testing.assert_allclose(query_weights(true, 0.5), [0.75, 1.5, 0.75])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_penalties_are_those_of_complex_numbers(seed, half):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(3, 5, 2 * half))
    h, r, t = vectors[..., :half] + 1j * vectors[..., half:]
    norms = [np.abs(x) ** 2 for x in (h, h * r, t, t * r.conj())]
    energies = [energy(jnp.asarray(x, jnp.float32)) for x in vectors]
    np.testing.assert_allclose(duality(*energies), sum(norms).sum(1), rtol=1e-5)
    np.testing.assert_allclose(cubes(energies[0]), (np.abs(h) ** 3).sum(1), rtol=1e-5)


def test_cubes_have_a_slope_at_nothing():
    gradient = jax.grad(lambda x: cubes(energy(x)).sum())(jnp.zeros((2, 4)))
    np.testing.assert_array_equal(gradient, 0)
