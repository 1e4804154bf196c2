"""ViT (Dosovitskiy et al. 2021) and the vision tower of CLIP (Radford et al. 2021).

Both are pre-norm transformer encoders over square patches. CLIP's tower differs in four settings of
`ViTConfig`: a LayerNorm before the first block, no bias on the patches, another activation, another
LayerNorm epsilon.
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float

from remote_jax.encoders.attention import (
    EMBEDDING_INIT,
    Attention,
    Mlp,
    check_settings,
    dropout,
    layer_norm,
)
from remote_jax.errors import UserError
from remote_jax.training.remat import rematerialised


@dataclass(frozen=True)
class ViTConfig:
    """Sizes of a vision encoder; lengths in pixels.

    Args:
      image_size: side of the square image whose grid of patches has its own position embeddings.
      pre_norm: a LayerNorm between the embeddings and the first block (CLIP).
      patch_bias: a bias on the patch embeddings (ViT).
      qkv_bias: a bias on queries, keys and values.

    Raises UserError if `heads` does not divide `dim`, the activation is unknown, a rate is not in
    [0, 1) or the image is smaller than a patch.
    """

    image_size: int
    patch: int
    dim: int
    layers: int
    heads: int
    mlp_dim: int
    layer_norm_eps: float = 1e-12
    dropout: float = 0.0
    attention_dropout: float = 0.0
    activation: str = "gelu"
    pre_norm: bool = False
    patch_bias: bool = True
    qkv_bias: bool = True

    def __post_init__(self):
        check_settings(self.dim, self.heads, self.activation, self.dropout, self.attention_dropout)
        if self.grid < 1:
            raise UserError(f"an image of {self.image_size} pixels has no {self.patch}-pixel patch")

    @property
    def grid(self) -> int:
        """Patches along a side of the pretraining image."""
        return self.image_size // self.patch


class Block(nnx.Module):
    """One layer of ViT: self-attention, then the MLP, a LayerNorm before each."""

    remat = False

    def __init__(self, config: ViTConfig, *, dtype: DTypeLike, rngs: nnx.Rngs):
        self.rate = config.dropout
        self.attention_norm = layer_norm(config.dim, config.layer_norm_eps, dtype=dtype, rngs=rngs)
        self.attention = Attention(
            config.dim,
            config.heads,
            rate=config.attention_dropout,
            bias=config.qkv_bias,
            dtype=dtype,
            rngs=rngs,
        )
        self.mlp_norm = layer_norm(config.dim, config.layer_norm_eps, dtype=dtype, rngs=rngs)
        self.mlp = Mlp(config.dim, config.mlp_dim, config.activation, dtype=dtype, rngs=rngs)

    @rematerialised
    def __call__(
        self,
        x: Float[Array, "b n d"],
        mask: Bool[Array, "b n"] | None = None,
        *,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "b n d"]:
        """Fˡ from Fˡ⁻¹; keys outside `mask` are not attended to."""
        x = x + dropout(self.attention(self.attention_norm(x), mask, rngs=rngs), self.rate, rngs)
        return x + dropout(self.mlp(self.mlp_norm(x)), self.rate, rngs)


class ViT(nnx.Module):
    """A vision encoder that also reads depth maps.

    `kernel` cuts RGB patches and `depth_kernel` depth patches; positions and bias are shared.
    Pixels come normalised, as the checkpoint was trained (`pretrained.image_statistics`).

    Args:
      config: sizes.
      dtype: compute dtype, float32 or bfloat16; parameters are float32.
      rngs: makes the initial parameters; it is not kept.
    """

    def __init__(self, config: ViTConfig, *, dtype: DTypeLike = jnp.float32, rngs: nnx.Rngs):
        p, d = config.patch, config.dim
        self.config, self.dtype = config, dtype
        patches = nnx.initializers.variance_scaling(
            1.0, "fan_in", "truncated_normal", in_axis=(0, 1, 2), out_axis=3
        )
        self.kernel = nnx.Param(patches(rngs.params(), (p, p, 3, d)))
        self.depth_kernel = nnx.Param(depth_kernel(self.kernel[...]))
        self.bias = nnx.Param(jnp.zeros(d)) if config.patch_bias else None
        self.cls = nnx.Param(EMBEDDING_INIT(rngs.params(), (d,)))
        self.positions = nnx.Param(EMBEDDING_INIT(rngs.params(), (1 + config.grid**2, d)))
        norm = partial(layer_norm, d, config.layer_norm_eps, dtype=dtype, rngs=rngs)
        self.pre_norm = norm() if config.pre_norm else None
        self.blocks = nnx.List(
            [Block(config, dtype=dtype, rngs=rngs) for _ in range(config.layers)]
        )
        self.norm = norm()

    def patches(
        self,
        pixels: Float[Array, "b h w c"],
        kernel: Float[Array, "p p c d"] | None = None,
    ) -> Float[Array, "b n d"]:
        """Patch embeddings with their positions, row by row, without CLS.

        Positions are interpolated where the grid differs from the pretraining one.

        Args:
          kernel: cuts the patches; that of RGB if none is given.

        Raises UserError if a side of the image is not a multiple of the patch.
        """
        kernel = self.kernel[...] if kernel is None else kernel
        b, h, w, c = pixels.shape
        p, d = self.config.patch, self.config.dim
        if h % p or w % p:
            raise UserError(f"an image of {h}x{w} pixels does not split into {p}-pixel patches")
        rows, columns = h // p, w // p
        x = pixels.reshape(b, rows, p, columns, p, c).swapaxes(2, 3)
        x = x.reshape(b, rows * columns, p * p * c).astype(self.dtype)
        x = x @ kernel.reshape(p * p * c, d).astype(self.dtype)
        offset = interpolate(self.positions[1:], (rows, columns))
        if self.bias is not None:
            offset = offset + self.bias[...]
        return x + offset.astype(self.dtype)

    def depth_patches(self, depth: Float[Array, "b h w"]) -> Float[Array, "b n d"]:
        """`patches` of a depth map, cut by `depth_kernel`."""
        return self.patches(depth[..., None], self.depth_kernel[...])

    def enter(
        self, x: Float[Array, "b n d"], *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "b n d"]:
        """F⁰ from embeddings, with CLS or without: dropout, then CLIP's first LayerNorm."""
        x = dropout(x, self.config.dropout, rngs)
        return x if self.pre_norm is None else self.pre_norm(x)

    def embed(
        self, pixels: Float[Array, "b h w 3"], *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "b n+1 d"]:
        """F⁰ of an image, CLS first."""
        x = self.patches(pixels)
        first = (self.cls[...] + self.positions[0]).astype(self.dtype)
        first = jnp.broadcast_to(first, (x.shape[0], 1, x.shape[2]))
        return self.enter(jnp.concatenate([first, x], axis=1), rngs=rngs)

    def __call__(
        self, pixels: Float[Array, "b h w 3"], *, rngs: nnx.Rngs | None = None
    ) -> tuple[Float[Array, "b n+1 d"], ...]:
        """All levels F⁰ … Fᴸ of an image, CLS first; `norm` closes the last and is not applied."""
        levels = [self.embed(pixels, rngs=rngs)]
        for block in self.blocks:
            levels.append(block(levels[-1], rngs=rngs))
        return tuple(levels)


def depth_kernel(kernel: Float[Array, "p p 3 d"]) -> Float[Array, "p p 1 d"]:
    """Where a depth kernel starts: the mean of the RGB kernel over its channels."""
    return kernel.mean(axis=2, keepdims=True)


def interpolate(
    positions: Float[Array, "g*g d"], grid: tuple[int, int]
) -> Float[Array, "rows*columns d"]:
    """Position embeddings of a square grid, resampled to `grid` by bicubic interpolation."""
    side = round(positions.shape[0] ** 0.5)
    if grid == (side, side):
        return positions
    rows, columns = (jnp.asarray(cubic_weights(side, size)) for size in grid)
    square = positions.reshape(side, side, -1)
    resampled = jnp.einsum(
        "rx,cy,xyd->rcd", rows, columns, square, precision=jax.lax.Precision.HIGHEST
    )
    return resampled.reshape(grid[0] * grid[1], -1)


def cubic_weights(old: int, new: int) -> np.ndarray:
    """The [new, old] matrix of cubic convolution along one axis (Keys 1981, a = -0.75).

    Pixel centres are half-integers, samples beyond the border repeat it, nothing is smoothed first:
    the convention that published ViT code resamples position embeddings with.
    """
    a = -0.75
    centre = (np.arange(new) + 0.5) * old / new - 0.5
    taps = np.floor(centre)[:, None] + np.arange(-1, 3)
    t = np.abs(centre[:, None] - taps)
    near = ((a + 2) * t - (a + 3)) * t**2 + 1
    far = a * (((t - 5) * t + 8) * t - 4)
    weights = np.zeros((new, old), np.float32)
    rows = np.broadcast_to(np.arange(new)[:, None], taps.shape)
    columns = np.clip(taps, 0, old - 1).astype(int)
    np.add.at(weights, (rows, columns), np.where(t <= 1, near, far))
    return weights
