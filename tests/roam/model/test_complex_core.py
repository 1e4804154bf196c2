"""ComplEx as a Tucker core: against complex numbers, and against the learnt core's own formula."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from flax import nnx

from remote_jax.roam.model import tucker
from remote_jax.roam.model.complex_core import ComplexCore

FLOAT32 = jnp.dtype("float32")
NONE = (0.0, 0.0, 0.0)


def complex_of(vectors: np.ndarray) -> np.ndarray:
    real, imaginary = np.split(vectors, 2, axis=-1)
    return real + 1j * imaginary


def test_scores_are_those_of_complex_numbers() -> None:
    rng = np.random.default_rng(0)
    head, tail, table = (rng.normal(size=(n, 6)) for n in (5, 4, 3))
    relation = rng.integers(0, 3, 5)
    core = ComplexCore(dropout=NONE, dtype=FLOAT32)
    query = core(jnp.asarray(head), jnp.asarray(relation), jnp.asarray(table))
    h, r, t = complex_of(head), complex_of(table)[relation], complex_of(tail)
    expected = np.einsum("bd,bd,nd->bn", h, r, t.conj()).real
    np.testing.assert_allclose(query @ tail.T, expected, atol=1e-5)


def test_it_is_a_tucker_core_of_ones_and_minus_ones() -> None:
    half = 3
    w = np.zeros((2 * half,) * 3, np.float32)  # relation, head, tail
    for i in range(half):
        re, im = i, i + half
        w[re, re, re] = w[re, im, im] = w[im, re, im] = 1
        w[im, im, re] = -1
    learnt = tucker.TuckerCore(6, 6, dropout=NONE, dtype=FLOAT32, rngs=nnx.Rngs(0))
    learnt.core.set_value(jnp.asarray(w))
    rng = np.random.default_rng(1)
    head, table = (jnp.asarray(rng.normal(size=(n, 6)), jnp.float32) for n in (5, 3))
    relation = jnp.asarray(rng.integers(0, 3, 5))
    fixed = ComplexCore(dropout=NONE, dtype=FLOAT32)
    np.testing.assert_allclose(
        fixed(head, relation, table), learnt(head, relation, table), atol=1e-5
    )


def test_dropout_is_for_training_alone() -> None:
    core = ComplexCore(dropout=(0.5, 0.5, 0.5), dtype=FLOAT32)
    head, table, relation = jnp.ones((9, 6)), jnp.ones((2, 6)), jnp.zeros(9, jnp.int32)
    still = core(head, relation, table)
    np.testing.assert_array_equal(still, core(head, relation, table))
    one, other = (core(head, relation, table, rngs=nnx.Rngs(seed)) for seed in (0, 1))
    assert (one != still).any() and (one != other).any()
