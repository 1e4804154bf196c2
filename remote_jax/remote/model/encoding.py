"""Feature encoding (REMOTE §5.1): levels of BERT and ViT, each fused as it is made (Eqs. 3-8)."""

from collections.abc import Sequence

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int, UInt8

from remote_jax.encoders.attention import Mask
from remote_jax.encoders.bert import Bert
from remote_jax.encoders.vit import ViT
from remote_jax.remote.model.mmoe import Levels
from remote_jax.remote.model.mot import Fused, Level, MultilevelTransport

# Initial weights are three times the usual scale: five inputs against thousands of pixels were
# learnt too slowly by small encoders.
POSITION_INIT = nnx.initializers.variance_scaling(9.0, "fan_in", "truncated_normal")


class TextEncoding(nnx.Module):
    """Levels of the sentence and its captions (Eq. 3); the sequence itself is made in `text.py`."""

    def __init__(self, bert: Bert, fusion: MultilevelTransport):
        self.bert, self.fusion = bert, fusion

    def __call__(
        self,
        tokens: Int[Array, "b n"],
        mask: Bool[Array, "b n"],
        types: Int[Array, "b n"],
        *,
        rngs: nnx.Rngs | None = None,
    ) -> Levels:
        """F″⁰ … F″ᴸ⁻¹ of the text. The fused level replaces the level in the stream."""
        return self.fused(self.bert.embed(tokens, types, rngs=rngs), mask, mask, rngs=rngs)[0]

    def fused(
        self,
        x: Float[Array, "b n+e d"],
        mask: Bool[Array, "b n"],
        attended: Mask,
        *,
        rngs: nnx.Rngs | None = None,
    ) -> tuple[Levels, Float[Array, "b e d"]]:
        """The same from F⁰, and what the last block makes of tokens beyond those of the text.

        Args:
          x: the text, and e further tokens, which are not fused.
          attended: which tokens are attended to.
        """
        n = mask.shape[1]
        levels, done = [self.fusion.level(x[:, :n])], []
        for block in self.bert.blocks:
            x = block(x, attended, rngs=rngs)
            fused = self.fusion(levels, x[:, :n], mask)
            levels.append(self.fusion.level(fused.features))
            done.append(fused)
            x = jnp.concatenate([fused.features, x[:, n:]], axis=1)
        return _levels(levels, mask, done), x[:, n:]


class VisualEncoding(nnx.Module):
    """Levels of the objects (Eq. 4): u RGB and u depth patches each, the box's position on both.

    Args:
      mean, std: of the RGB channels, in [0, 1], as the ViT was pretrained.
    """

    def __init__(
        self,
        vit: ViT,
        fusion: MultilevelTransport,
        *,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        dtype: jnp.dtype,
        rngs: nnx.Rngs,
    ):
        self.vit, self.fusion, self.mean, self.std = vit, fusion, mean, std
        self.position = nnx.Linear(
            5, vit.config.dim, kernel_init=POSITION_INIT, dtype=dtype, rngs=rngs
        )

    def __call__(
        self,
        rgb: UInt8[Array, "b o s s 3"],
        depth: UInt8[Array, "b o s s"],
        boxes: Float[Array, "b o 4"],
        rgb_mask: Bool[Array, "b o"],
        depth_mask: Bool[Array, "b o"],
        *,
        rngs: nnx.Rngs | None = None,
    ) -> Levels:
        """F″⁰ … F″ᴸ⁻¹ of the 2u·o visual tokens, object by object, RGB before depth."""
        tokens, mask = self.embed(rgb, depth, boxes, rgb_mask, depth_mask)
        levels, done = [self.fusion.level(self.vit.enter(tokens, rngs=rngs))], []
        last = len(self.vit.blocks)
        for number, block in enumerate(self.vit.blocks, start=1):
            fused = self.fusion(levels, block(levels[-1].features, mask, rngs=rngs), mask)
            # A pre-norm encoder ends with a LayerNorm; without it the last level has no set scale.
            features = self.vit.norm(fused.features) if number == last else fused.features
            levels.append(self.fusion.level(features))
            done.append(fused)
        return _levels(levels, mask, done)

    def embed(
        self,
        rgb: UInt8[Array, "b o s s 3"],
        depth: UInt8[Array, "b o s s"],
        boxes: Float[Array, "b o 4"],
        rgb_mask: Bool[Array, "b o"],
        depth_mask: Bool[Array, "b o"],
    ) -> tuple[Float[Array, "b k d"], Bool[Array, "b k"]]:
        """F_V of Eq. 4 and the tokens that have mass, k = 2u·o."""
        b, o, s = rgb.shape[:3]
        pixels = (rgb.reshape(b * o, s, s, 3) / 255.0 - jnp.array(self.mean)) / jnp.array(self.std)
        grey = (depth.reshape(b * o, s, s) / 255.0 - 0.5) / 0.5
        colour = self.vit.patches(pixels)
        relief = self.vit.depth_patches(grey)
        u, d = colour.shape[1:]
        where = self.position(box_features(boxes))[:, :, None, None]
        tokens = jnp.stack([colour.reshape(b, o, u, d), relief.reshape(b, o, u, d)], axis=2) + where
        there = jnp.stack([rgb_mask, depth_mask], axis=2)[..., None]
        there = jnp.broadcast_to(there, (b, o, 2, u)).reshape(b, o * 2 * u)
        return tokens.reshape(b, o * 2 * u, d), there


def _levels(levels: Sequence[Level], mask: Bool[Array, "b n"], done: Sequence[Fused]) -> Levels:
    return Levels(
        [level.features for level in levels],
        mask,
        [one.gauges for one in done if one.gauges is not None],
        [one.plan for one in done if one.plan is not None],
    )


def box_features(boxes: Float[Array, "b o 4"]) -> Float[Array, "b o 5"]:
    """(x0, y0, x1, y1, area) of each box, from [0, 1] to [-1, 1]."""
    x0, y0, x1, y1 = jnp.split(boxes, 4, axis=-1)
    return 2 * jnp.concatenate([boxes, (x1 - x0) * (y1 - y0)], axis=-1) - 1


def object_means(
    features: Float[Array, "b k d"], mask: Bool[Array, "b k"], objects: int
) -> Float[Array, "b o d"]:
    """Mean of each object's tokens that have mass; zeros for an object with none."""
    b, k, d = features.shape
    per_object = features.reshape(b, objects, k // objects, d)
    weight = mask.reshape(b, objects, k // objects, 1).astype(features.dtype)
    return (per_object * weight).sum(2) / jnp.maximum(weight.sum(2), 1)
