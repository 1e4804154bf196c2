"""Rematerialisation changes no value, and keeps less."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xla_flags
from flax import nnx

from remote_jax.encoders.bert import Bert, BertConfig
from remote_jax.encoders.vit import ViT, ViTConfig
from remote_jax.remote.model.mot import MultilevelTransport
from remote_jax.roam.model.moseg import Experts
from remote_jax.training import remat
from remote_jax.training.state import split

SIZES = {"dim": 16, "layers": 3, "heads": 2, "mlp_dim": 64, "dropout": 0.1}
MASK = jnp.arange(24) < jnp.array([[24], [17]])


def bert(rngs: nnx.Rngs) -> nnx.Module:
    return Bert(BertConfig(vocab_size=30, max_positions=24, **SIZES), rngs=rngs)


def read_text(model, rngs):
    tokens = jnp.arange(48).reshape(2, 24) % 30
    return model(tokens, MASK, jnp.zeros_like(tokens), rngs=rngs)[-1]


def vit(rngs: nnx.Rngs) -> nnx.Module:
    return ViT(ViTConfig(image_size=16, patch=4, **SIZES), rngs=rngs)


def look(model, rngs):
    return model(jnp.linspace(0, 1, 2 * 16 * 16 * 3).reshape(2, 16, 16, 3), rngs=rngs)[-1]


def transport(rngs: nnx.Rngs) -> nnx.Module:
    settings = {"fusion": "sinkhorn", "alpha": 0.8, "epsilon": 0.1, "iterations": 20, "exact": True}
    return MultilevelTransport(3, 8, **settings, dtype=jnp.float32, rngs=rngs)


def fuse(model, rngs):
    del rngs
    levels = list(jax.random.normal(jax.random.key(1), (4, 2, 24, 8)))
    lower = [model.level(features) for features in levels[:3]]
    return model(lower, levels[3] * model.alpha[0][...], MASK).features


def experts(rngs: nnx.Rngs) -> nnx.Module:
    return Experts(8, 64, 8, 3, dtype=jnp.float32, rngs=rngs)


def embed(model, rngs):
    del rngs
    return model(jax.random.normal(jax.random.key(1), (40, 8)))


def prepared(make: Callable, call: Callable, on: bool):
    """A scalar of the parameters, and the parameters."""
    skeleton, params = split(remat.switch(make(nnx.Rngs(0)), on))

    def loss(params):
        found = call(skeleton.model(params), nnx.Rngs(dropout=3))
        return jnp.sum(found * jnp.cos(jnp.arange(found.size).reshape(found.shape)))

    return loss, params


# Compiled as users compile: the tolerance leaves no room for sums in an order of haste.
OPTIMIZED = {"xla_backend_optimization_level": 3, "xla_llvm_disable_expensive_passes": False}
if xla_flags.TWO_WAYS_TO_FUSE:
    OPTIMIZED["xla_cpu_use_fusion_emitters"] = True
optimized_jit = partial(jax.jit, compiler_options=OPTIMIZED)

CASES = [(bert, read_text), (vit, look), (transport, fuse), (experts, embed)]


@pytest.mark.parametrize(("make", "call"), CASES)
def test_gradients_are_the_same(make: Callable, call: Callable) -> None:
    plain, params = prepared(make, call, False)
    again, _ = prepared(make, call, True)
    expected = optimized_jit(jax.grad(plain))(params)
    assert max(float(abs(value).max()) for value in expected.values()) > 0
    for name, value in optimized_jit(jax.grad(again))(params).items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize(("make", "call"), CASES)
def test_less_is_kept_for_the_gradient(make: Callable, call: Callable) -> None:
    """Between forward and backward; what a compiler makes of it is its own affair."""

    def kept(on: bool) -> int:
        loss, params = prepared(make, call, on)
        back = jax.eval_shape(lambda params: jax.vjp(loss, params)[1], params)
        arrays = [x for x in jax.tree.leaves(back) if hasattr(x, "dtype")]
        return sum(x.size * x.dtype.itemsize for x in arrays)

    assert kept(True) < 0.6 * kept(False)
