"""Expert groups against Eqs. 2-4 written out."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from remote_jax.roam.model import moseg

FLOAT32 = jnp.dtype("float32")


def test_experts_are_mlps_of_their_own() -> None:
    experts = moseg.Experts(3, 5, 4, 2, dtype=FLOAT32, rngs=nnx.Rngs(0))
    experts.bias_in.set_value(jnp.linspace(-1, 1, 10).reshape(2, 5))
    experts.bias_out.set_value(jnp.linspace(-1, 1, 8).reshape(2, 4))
    assert not experts.shortcut[...].any()
    experts.shortcut.set_value(jnp.linspace(-1, 1, 12).reshape(3, 4))
    x = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    for k in range(2):
        w_in, b_in, w_out, b_out = (
            np.asarray(p[...][k], np.float64)
            for p in (experts.kernel_in, experts.bias_in, experts.kernel_out, experts.bias_out)
        )
        expected = np.maximum(x @ w_in + b_in, 0) @ w_out / 5 + b_out
        expected += x @ np.asarray(experts.shortcut[...])
        np.testing.assert_allclose(experts(x)[k], expected, atol=1e-5)


def test_experts_with_a_skip_add_what_they_are_given() -> None:
    def made(skip: bool) -> moseg.Experts:
        return moseg.Experts(4, 5, 4, 2, skip=skip, dtype=FLOAT32, rngs=nnx.Rngs(0))

    x = jnp.asarray(np.random.default_rng(0).normal(size=(6, 4)))
    np.testing.assert_allclose(made(True)(x), made(False)(x) + x, atol=1e-6)


def test_fusion_weighs_what_is_present_by_eq_4() -> None:
    rng = np.random.default_rng(1)
    attention = moseg.ModalityAttention(3, 4, 2, temperature=0.7, noisy=True, rngs=nnx.Rngs(0))
    attention.bias.set_value(jnp.array([0.3, -0.2, 0.1]))
    v = rng.normal(size=(3, 5, 4)).astype(np.float32)
    r = rng.normal(size=(5, 2)).astype(np.float32)
    present = rng.random((3, 5)) < 0.6
    present[:, 0], present[:, 1] = False, True
    logits = attention.of_entities(v) + attention.of_relations(r)
    found = np.asarray(moseg.fuse(v, moseg.weights(logits, present)))
    entity, relation = np.asarray(attention.entity[...]), np.asarray(attention.relation[...])
    for i in range(5):
        there = np.flatnonzero(present[:, i])
        u = [
            np.concatenate([v[m, i] / 2, r[i] / 2**0.5]) @ np.concatenate([entity[m], relation[m]])
            + float(attention.bias[...][m])
            for m in there
        ]
        w = np.exp(np.array(u) / 0.7)
        expected = (w / w.sum()) @ v[there, i] if len(there) else np.zeros(4)
        np.testing.assert_allclose(found[i], expected, atol=1e-5)


def test_nothing_present_is_zero_with_a_finite_gradient() -> None:
    v, logits = jnp.ones((2, 3, 4)), jnp.array([[0.0, 500.0, -500.0], [1.0, -500.0, 500.0]])
    present = jnp.array([[False, True, True], [False, True, True]])
    value, gradients = jax.value_and_grad(
        lambda v, u: moseg.fuse(v, moseg.weights(u, present)).sum(), argnums=(0, 1)
    )(v, logits)
    assert value == 8.0
    assert all(np.isfinite(g).all() for g in gradients)


def test_noise_is_wider_where_the_logit_is_larger() -> None:
    attention = moseg.ModalityAttention(2, 4, 2, temperature=0.5, noisy=True, rngs=nnx.Rngs(0))
    logits = jnp.tile(jnp.array([[-2.0], [3.0]]), (1, 20000)) / 0.5
    noise = np.asarray(attention.noise(logits, nnx.Rngs(noise=0)))
    expected = np.log1p(np.exp([-2.0, 3.0])) / 0.5
    np.testing.assert_allclose(noise.std(1), expected, rtol=0.03)
    np.testing.assert_allclose(noise.mean(1), 0, atol=0.15)
