"""ViT and CLIP's vision tower against transformers, and what they do with depth and small crops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import transformers
from flax import nnx
from oracles import to_torch

from remote_jax.encoders import pretrained
from remote_jax.encoders.vit import ViT, ViTConfig, cubic_weights
from remote_jax.errors import UserError

TINY = ViTConfig(64, 16, 32, 2, 4, 48)


def images(*shape):
    return np.random.default_rng(2).normal(size=shape).astype(np.float32)


def assert_same_levels(oracle, model, pixels):
    """Every level, and the closing LayerNorm: on all tokens in ViT, on CLS alone in CLIP."""
    out = oracle(pixels.transpose(0, 3, 1, 2))
    levels = jax.jit(lambda model: model(pixels))(model)
    assert len(levels) == len(out["hidden_states"])
    for level, (ours, theirs) in enumerate(zip(levels, out["hidden_states"], strict=True)):
        np.testing.assert_allclose(ours, theirs, atol=1e-4, rtol=0, err_msg=f"level {level}")
    closed, theirs = model.norm(levels[-1]), out["last_hidden_state"]
    if model.config.pre_norm:
        closed, theirs = closed[:, 0], out["pooler_output"]
    np.testing.assert_allclose(closed, theirs, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", ["vit", "tower"])
@pytest.mark.parametrize("activation", ["gelu", "quick_gelu"])
def test_levels_on_random_weights(flax_vision, tmp_path, kind, activation):
    oracle = flax_vision(kind, hidden_act=activation)
    oracle.save(tmp_path)
    assert_same_levels(oracle, pretrained.load_vit(tmp_path), images(2, 64, 64, 3))


@pytest.mark.parametrize("kind", ["vit", "tower"])
def test_levels_at_base_size(flax_vision, tmp_path, kind):
    base = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12}
    base |= {"intermediate_size": 3072, "image_size": 224, "patch_size": 32}
    oracle = flax_vision(kind, scale=0.01, **base)
    oracle.save(tmp_path)
    assert_same_levels(oracle, pretrained.load_vit(tmp_path), images(1, 224, 224, 3))


@pytest.mark.parametrize("kind", ["vit", "tower"])
@pytest.mark.parametrize("size", [(32, 32), (48, 80), (96, 96)])
def test_positions_are_resampled_as_in_pytorch(flax_vision, tmp_path, kind, size):
    torch = pytest.importorskip("torch", reason="the oracle of resampling is a PyTorch class")

    oracle = flax_vision(kind)
    oracle.save(tmp_path)
    made = {"vit": transformers.ViTModel, "tower": transformers.CLIPVisionModel}[kind](
        oracle.model.config
    )
    weights = {name: torch.tensor(value) for name, value in to_torch(oracle.params).items()}
    made.load_state_dict(weights, strict=False)
    pixels = images(2, *size, 3)
    with torch.no_grad():
        expected = made.eval()(
            torch.tensor(pixels.transpose(0, 3, 1, 2)),
            output_hidden_states=True,
            interpolate_pos_encoding=True,
        ).hidden_states
    levels = jax.jit(lambda model: model(pixels))(pretrained.load_vit(tmp_path))
    for ours, theirs in zip(levels, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4, rtol=0)


def test_cubic_weights_by_hand():
    np.testing.assert_array_equal(cubic_weights(5, 5), np.eye(5))
    # Half-way between two samples Keys' kernel with a = -3/4 weighs -3/32, 19/32, 19/32, -3/32.
    halves = np.array([[16, 19, -3, 0], [0, -3, 19, 16]]) / 32
    np.testing.assert_allclose(cubic_weights(4, 2), halves, atol=1e-7)
    for old, new in [(7, 2), (2, 7), (14, 5), (1, 3)]:
        np.testing.assert_allclose(cubic_weights(old, new).sum(1), 1, atol=1e-6)


@pytest.mark.parametrize("pre_norm", [False, True])
def test_patches_are_level_zero_without_cls(pre_norm):
    config = ViTConfig(64, 16, 32, 2, 4, 48, pre_norm=pre_norm, patch_bias=not pre_norm)
    model = ViT(config, rngs=nnx.Rngs(0))
    pixels = images(2, 64, 64, 3)
    np.testing.assert_allclose(
        model.enter(model.patches(pixels)), model.embed(pixels)[:, 1:], atol=1e-6
    )


def test_patches_run_row_by_row():
    model = ViT(TINY, rngs=nnx.Rngs(0))
    pixels = images(1, 64, 64, 3)
    whole = model.patches(pixels)
    pixels[0, 16:32, 48:64] += 1
    changed = np.abs(model.patches(pixels) - whole)[0].max(axis=1) > 1e-3
    np.testing.assert_array_equal(np.flatnonzero(changed), [4 + 3])


def test_depth_starts_as_the_channel_mean():
    model = ViT(TINY, rngs=nnx.Rngs(0))
    depth = images(2, 32, 32)
    empty = model.patches(jnp.zeros((2, 32, 32, 3)))
    grey = model.patches(jnp.stack([depth] * 3, axis=-1))
    np.testing.assert_allclose(3 * (model.depth_patches(depth) - empty), grey - empty, atol=1e-5)


def test_depth_kernel_is_set_again_by_a_checkpoint(flax_vision, tmp_path):
    flax_vision("vit").save(tmp_path)
    model = pretrained.load_vit(tmp_path)
    np.testing.assert_allclose(
        model.depth_kernel[...][:, :, 0], np.mean(model.kernel[...], axis=2), atol=1e-7
    )


def test_depth_kernel_learns_on_its_own():
    model = ViT(TINY, rngs=nnx.Rngs(0))
    depth = jnp.asarray(images(1, 32, 32))
    gradients = nnx.grad(lambda model: (model.depth_patches(depth) ** 2).sum())(model)
    assert np.abs(gradients["depth_kernel"][...]).max() > 0
    assert not np.abs(gradients["kernel"][...]).any()


def test_state_is_parameters_and_nothing_else():
    _, parameters, rest = nnx.split(ViT(TINY, rngs=nnx.Rngs(0)), nnx.Param, ...)
    assert not jax.tree.leaves(rest)
    assert {leaf.dtype for leaf in jax.tree.leaves(parameters)} == {jnp.dtype("float32")}


def test_bfloat16_and_masked_patches_are_finite():
    model = ViT(TINY, dtype="bfloat16", rngs=nnx.Rngs(0))
    exact = ViT(TINY, rngs=nnx.Rngs(0))
    pixels, mask = images(2, 32, 32, 3), np.array([[True] * 4, [False] * 4])

    @jax.jit
    def last_level(model):
        x = model.enter(model.patches(pixels))
        for block in model.blocks:
            x = block(x, mask)
        return x

    x, y = last_level(model), last_level(exact)
    assert x.dtype == jnp.bfloat16
    np.testing.assert_allclose(x.astype(jnp.float32), y, atol=0.1)


def test_dropout_only_with_rngs():
    model = ViT(ViTConfig(64, 16, 32, 2, 4, 48, dropout=0.5), rngs=nnx.Rngs(0))
    pixels = images(1, 64, 64, 3)
    plain = jax.jit(lambda model: model(pixels))
    kept, again = plain(model), plain(model)
    dropped = jax.jit(lambda model: model(pixels, rngs=nnx.Rngs(dropout=0)))(model)
    np.testing.assert_array_equal(kept[-1], again[-1])
    assert all(np.abs(a - b).max() > 0.01 for a, b in zip(kept, dropped, strict=True))


def test_impossible_images_are_refused():
    with pytest.raises(UserError, match="8 pixels has no 16-pixel patch"):
        ViTConfig(8, 16, 32, 2, 4, 48)
    with pytest.raises(UserError, match="40x64 pixels does not split into 16-pixel patches"):
        ViT(TINY, rngs=nnx.Rngs(0)).patches(jnp.zeros((1, 40, 64, 3)))
