"""Multilevel optimal transport fusion (REMOTE §5.2, Eqs. 5-8)."""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float

from remote_jax.ot import linear
from remote_jax.remote.model.gauges import FusionGauges, fusion_gauges
from remote_jax.training.remat import rematerialised

Fusion = Literal["sinkhorn", "cross_attention", "none"]


class Level(NamedTuple):
    """A level as the ones above read it, made once for all of them.

    Attributes:
      features: Fˡ.
      unit: its vectors at length 1 in float32; None where they are made anew, or not at all.
    """

    features: Float[Array, "b n d"]
    unit: Float[Array, "b n d"] | None


class Fused(NamedTuple):
    """A level after fusion, and what fusion did to it; None where there is no fusion.

    Attributes:
      features: F″ˡ.
      plan: Π* between its positions and those of all levels below, one level after another.
    """

    features: Float[Array, "b n d"]
    gauges: FusionGauges | None = None
    plan: Float[Array, "b n m"] | None = None


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
      exact: whether Newton steps follow where these did not converge.
      alpha: what every entry of α (Eq. 8) starts at.
    """

    remat = False
    identity = False
    """Whether F″ = F whatever α is (`counterfactual.py`)."""

    def __init__(
        self,
        blocks: int,
        dim: int,
        *,
        fusion: Fusion,
        epsilon: float,
        iterations: int,
        exact: bool,
        alpha: float,
        dtype: jnp.dtype,
        rngs: nnx.Rngs,
    ):
        self.fusion, self.epsilon = fusion, epsilon
        self.iterations, self.exact = iterations, exact
        self._blocks = blocks
        if fusion == "none":
            return
        self.alpha = nnx.List(
            [nnx.Param(jnp.full((dim,), alpha, jnp.float32)) for _ in range(blocks)]
        )
        if fusion == "cross_attention":
            self.query = nnx.Linear(dim, dim, use_bias=False, dtype=dtype, rngs=rngs)
            self.key = nnx.Linear(dim, dim, use_bias=False, dtype=dtype, rngs=rngs)

    @property
    def levels(self) -> int:
        """How many levels are fused with those below them."""
        return 0 if self.fusion == "none" or self.identity else self._blocks

    def level(self, features: Float[Array, "b n d"]) -> Level:
        """A level that is to be a source; unit vectors are not kept where memory is to be saved."""
        kept = self.levels and self.fusion == "sinkhorn" and not self.remat
        return Level(features, linear.unit(features) if kept else None)

    @rematerialised
    def __call__(
        self,
        lower: list[Level],
        target: Float[Array, "b n d"],
        mask: Bool[Array, "b n"],
    ) -> Fused:
        """F″ˡ (Eq. 8) of target Fˡ, l ≥ 1, with sources F⁰ … Fˡ⁻¹ in `lower`.

        Positions outside `mask` have no mass on either side and come back unchanged.
        """
        if not self.levels:
            return Fused(target)
        sources = jnp.concatenate([level.features for level in lower], axis=1)
        source_mask = jnp.tile(mask, (1, len(lower)))
        if self.fusion == "sinkhorn":
            plan = self._transport(lower, target, mask, source_mask)
            moved = linear.barycentre(plan, sources)
        else:
            weights = self._attend(sources, target, source_mask)
            plan = linear.uniform(mask)[:, :, None] * weights
            moved = jnp.einsum("bnm,bmd->bnd", weights.astype(sources.dtype), sources)
        # In float32: near 1, bfloat16 has a number every 0.004, and α would stand still.
        alpha = self.alpha[len(lower) - 1][...]
        fused = alpha * target.astype(jnp.float32) + (1 - alpha) * moved.astype(jnp.float32)
        fused = jnp.where(mask[..., None], fused, target).astype(target.dtype)
        return Fused(fused, fusion_gauges(target, fused, plan, mask, source_mask), plan)

    def _transport(
        self,
        lower: list[Level],
        target: Float[Array, "b n d"],
        mask: Bool[Array, "b n"],
        source_mask: Bool[Array, "b m"],
    ) -> Float[Array, "b n m"]:
        """Π* of Eq. 6."""
        units = jnp.concatenate(
            [linear.unit(x.features) if x.unit is None else x.unit for x in lower], axis=1
        )
        return linear.transport_plan(
            linear.cost_of_units(linear.unit(target), units),
            linear.uniform(mask),
            linear.uniform(source_mask),
            epsilon=self.epsilon,
            iterations=self.iterations,
            exact=self.exact,
        )

    def _attend(
        self,
        sources: Float[Array, "b m d"],
        target: Float[Array, "b n d"],
        source_mask: Bool[Array, "b m"],
    ) -> Float[Array, "b n m"]:
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
        return jax.nn.softmax(scores, where=source_mask[:, None, :])
