"""Multilevel optimal transport fusion (REMOTE §5.2, Eqs. 5-8)."""

from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float

from remote_jax.ot import linear
from remote_jax.training.remat import rematerialised

Fusion = Literal["sinkhorn", "cross_attention", "none"]

# Pretrained features must pass almost unchanged at the start of fine-tuning.
INITIAL_ALPHA = 0.95


class MultilevelTransport(nnx.Module):
    """Fuses a level of one encoder with every level below it.

    Levels are numbered as in the paper: F⁰ is the embedding output, Fˡ the output of block l, and
    L counts them all, so an encoder of 12 blocks has L = 13 and each of its blocks is fused once.

    Args:
      blocks: L - 1, the number of levels that have levels below them.
      dim: d, the width of the features.
      fusion: how Π is found: Sinkhorn (Eq. 6), the cross-attention of Table 3 (targets as queries,
        sources as keys and values), or no fusion at all.
      epsilon: λ of Eq. 6, in units of the cosine cost, which lies in [0, 2].
      iterations: the most Sinkhorn iterations a plan may take.
    """

    remat = False

    def __init__(
        self,
        blocks: int,
        dim: int,
        *,
        fusion: Fusion,
        epsilon: float,
        iterations: int,
        dtype: jnp.dtype,
        rngs: nnx.Rngs,
    ):
        self.fusion, self.epsilon, self.iterations = fusion, epsilon, iterations
        if fusion == "none":
            return
        self.alpha = nnx.List(
            [nnx.Param(jnp.full((dim,), INITIAL_ALPHA, jnp.float32)) for _ in range(blocks)]
        )
        if fusion == "cross_attention":
            self.query = nnx.Linear(dim, dim, use_bias=False, dtype=dtype, rngs=rngs)
            self.key = nnx.Linear(dim, dim, use_bias=False, dtype=dtype, rngs=rngs)

    @rematerialised
    def __call__(
        self,
        lower: list[Float[Array, "b n d"]],
        target: Float[Array, "b n d"],
        mask: Bool[Array, "b n"],
    ) -> Float[Array, "b n d"]:
        """F″ˡ (Eq. 8) of target Fˡ, l ≥ 1, with sources F⁰ … Fˡ⁻¹ in `lower`.

        Positions outside `mask` have no mass on either side and come back unchanged.
        """
        if self.fusion == "none":
            return target
        sources = jnp.concatenate(lower, axis=1)
        source_mask = jnp.tile(mask, (1, len(lower)))
        if self.fusion == "sinkhorn":
            moved = self._transport(sources, target, mask, source_mask)
        else:
            moved = self._attend(sources, target, source_mask)
        alpha = self.alpha[len(lower) - 1][...].astype(target.dtype)
        fused = alpha * target + (1 - alpha) * moved.astype(target.dtype)
        return jnp.where(mask[..., None], fused, target)

    def _transport(
        self,
        sources: Float[Array, "b m d"],
        target: Float[Array, "b n d"],
        mask: Bool[Array, "b n"],
        source_mask: Bool[Array, "b m"],
    ) -> Float[Array, "b n d"]:
        """F′ˡ = Π*·μ, rows of Π* divided by their mass (Eqs. 6-8)."""
        plan = linear.transport_plan(
            linear.cosine_cost(target, sources),
            linear.uniform(mask),
            linear.uniform(source_mask),
            epsilon=self.epsilon,
            iterations=self.iterations,
        )
        return linear.barycentre(plan, sources)

    def _attend(
        self,
        sources: Float[Array, "b m d"],
        target: Float[Array, "b n d"],
        source_mask: Bool[Array, "b m"],
    ) -> Float[Array, "b n d"]:
        """Table 3, "MOT (Cross Attention)": rows of Π are softmax weights over the sources."""
        # Not rounded to bfloat16 before the softmax: near-equal scores would tie.
        scores = jnp.einsum(
            "bnd,bmd->bnm",
            self.query(target),
            self.key(sources),
            preferred_element_type=jnp.float32,
        )
        scores = scores / jnp.sqrt(target.shape[-1])
        # where= keeps a row without any source at zero instead of NaN.
        weights = jax.nn.softmax(scores, where=source_mask[:, None, :])
        return jnp.einsum("bnm,bmd->bnd", weights.astype(sources.dtype), sources)
