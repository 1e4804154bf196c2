"""Multimodal mixture of experts (REMOTE §5.3, Eqs. 9-12)."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, Int, Shaped

from remote_jax.remote.model.gauges import FusionGauges

EXPERTS = ("T2V", "V2T", "T", "V")

# W_h starts at a tenth of the usual scale. Attended features are noise at first; at full scale the
# router learns to ignore them for good.
VALUE_INIT = nnx.initializers.variance_scaling(0.01, "fan_in", "truncated_normal")


class Levels(NamedTuple):
    """Every level of one modality after fusion: F″⁰ … F″ᴸ⁻¹ and the positions that exist.

    Attributes:
      gauges: what fusion did to F¹ … Fᴸ⁻¹; empty where nothing is fused.
      plans: Π* of each of them, between its positions and those of all levels below it.
      of: the row of `features` and `mask` that each example has; None: its own.
    """

    features: list[Float[Array, "p n d"]]
    mask: Bool[Array, "p n"]
    gauges: Sequence[FusionGauges] = ()
    plans: Sequence[Float[Array, "p n m"]] = ()
    of: Int[Array, " b"] | None = None

    def each(self, x: Shaped[Array, "p *n"]) -> Shaped[Array, "b *n"]:
        """Rows of the levels, or of what is made of them, repeated for each example."""
        return x if self.of is None else x[self.of]


class Mixed(NamedTuple):
    """H of a stream, and the weight of each expert at each position.

    Attributes:
        features: H of Eq. 12.
        weights: S of Eq. 11, over the experts that are present; None for a stream without a router.
        present: experts that have anything to say for an example.
        attention: weights of Eq. 9, of each position to those of each level of the other modality.
    """

    features: Float[Array, "b n d"]
    weights: Float[Array, "b n e"] | None = None
    present: Bool[Array, "b e"] | None = None
    attention: Float[Array, "b n l m"] | None = None


class Attended(NamedTuple):
    """F_j (Eq. 10) of every level, and the weights that it was read with (Eq. 9)."""

    features: Float[Array, "b l n d"]
    weights: Float[Array, "b l n m"]


class CrossModalAttention(nnx.Module):
    """One direction of Eqs. 9-10: the last level of a modality attends to each level of the other.

    W_q, W_k and W_h are shared by all levels.
    """

    def __init__(self, query_dim: int, source_dim: int, *, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.query = nnx.Linear(query_dim, query_dim, use_bias=False, dtype=dtype, rngs=rngs)
        self.key = nnx.Linear(source_dim, query_dim, use_bias=False, dtype=dtype, rngs=rngs)
        self.value = nnx.Linear(
            source_dim, query_dim, use_bias=False, kernel_init=VALUE_INIT, dtype=dtype, rngs=rngs
        )

    def __call__(self, query: Float[Array, "b n d"], other: Levels) -> Attended:
        """F_j for every level j of `other`; zeros where the other modality is absent."""
        sources = jnp.stack(other.features, axis=1)
        keys, values = other.each(self.key(sources)), other.each(self.value(sources))
        # Not rounded to bfloat16 before the softmax: near-equal scores would tie.
        scores = jnp.einsum(
            "bnd,blmd->blnm",
            self.query(query),
            keys,
            preferred_element_type=jnp.float32,
        )
        scores = scores / jnp.sqrt(query.shape[-1])
        weights = jax.nn.softmax(scores, where=other.each(other.mask)[:, None, None, :])
        read = jnp.einsum("blnm,blmd->blnd", weights.astype(query.dtype), values)
        return Attended(read, weights)


class Stream(nnx.Module):
    """One of the two sums of Eq. 12: H over the positions of one modality.

    Its experts are the modality's own last level (text-only or vision-only) and, one a level, what
    it reads from the other modality. A router P over their concatenation (Eq. 11) weighs them anew
    at every position. Where no expert has anything to say, none being switched on or the other
    modality being absent, the stream is its own last level.

    P starts at zero, and the weights at those of `start`.
    """

    last_level = False
    """Whether H is the stream's own last level, whatever the experts say (`counterfactual.py`)."""
    uniform = False
    """Whether the experts that are present weigh alike, whatever P says (`counterfactual.py`)."""

    def __init__(
        self,
        own_dim: int,
        other_dim: int,
        other_levels: int,
        *,
        own: bool,
        cross: bool,
        own_weight: float,
        dtype: jnp.dtype,
        rngs: nnx.Rngs,
    ):
        self.own, self.cross, self.own_weight = own, cross, own_weight
        self.count = int(own) + (other_levels if cross else 0)
        if cross:
            self.attention = CrossModalAttention(own_dim, other_dim, dtype=dtype, rngs=rngs)
        if self.count > 1:
            self.router = nnx.Linear(
                self.count * own_dim,
                self.count,
                use_bias=False,
                kernel_init=nnx.initializers.zeros,
                dtype=dtype,
                preferred_element_type=jnp.float32,
                rngs=rngs,
            )

    def __call__(self, last: Float[Array, "b n d"], other: Levels) -> Mixed:
        """H of this stream at positions of its modality.

        Args:
          last: the modality's own last level there, which gives the queries.
          other: gives keys and values.
        """
        if self.count == 0 or self.last_level:
            return Mixed(last)
        experts, present, attention = self._experts(last, other)
        weights = None
        if self.count == 1:
            mixed = experts[:, 0]
        else:
            weights = self._route(experts, present)
            mixed = jnp.einsum("bne,bend->bnd", weights.astype(last.dtype), experts)
        mixed = jnp.where(present.any(1)[:, None, None], mixed, last)
        return Mixed(mixed, weights, present, attention)

    @property
    def routed(self) -> int:
        """How many experts the router weighs; 0 where it does not."""
        return 0 if self.last_level or self.count == 1 else self.count

    def start(self) -> Float[np.ndarray, " e"]:
        """The weights that the router starts from, where all experts are present."""
        if not (self.own and self.own_weight):
            return np.full(self.count, 1 / self.count)
        others = self.count - 1
        return np.array([self.own_weight] + [(1 - self.own_weight) / others] * others)

    def _experts(
        self, last: Float[Array, "b n d"], other: Levels
    ) -> tuple[Float[Array, "b e n d"], Bool[Array, "b e"], Float[Array, "b n l m"] | None]:
        """The experts of this stream, whether each has anything to say, and what they attend to."""
        experts, present, attention = [], [], None
        there = other.each(jnp.any(other.mask, axis=1, keepdims=True))
        if self.own:
            experts.append(last[:, None])
            present.append(jnp.ones_like(there))
        if self.cross:
            read = self.attention(last, other)
            experts.append(read.features)
            present.append(jnp.broadcast_to(there, read.features.shape[:2]))
            attention = jnp.swapaxes(read.weights, 1, 2)
        return jnp.concatenate(experts, axis=1), jnp.concatenate(present, axis=1), attention

    def _route(
        self, experts: Float[Array, "b e n d"], present: Bool[Array, "b e"]
    ) -> Float[Array, "b n e"]:
        """S of Eq. 11: a softmax over the experts that are present; zeros if none is.

        P is kept as √(e·d) P. The start is the same, but Adam moves each weight by the learning
        rate, and e·d of them move a logit together: unscaled, the router would settle on what is
        useful first, the modality's own features, before the others have learnt to say anything.
        """
        b, e, n, d = experts.shape
        if self.uniform:
            logits = jnp.zeros((b, n, e))
        else:
            side_by_side = jnp.swapaxes(experts, 1, 2).reshape(b, n, e * d)
            logits = self.router(side_by_side) / (e * d) ** 0.5 + jnp.log(self.start())
        return jax.nn.softmax(logits, where=present[:, None, :])


class MixtureOfExperts(nnx.Module):
    """MMoE(T, V) of Eq. 12 as two streams, over text and over visual positions.

    `text` gives H^{T,V} and `vision` H^{V,T}, each at the positions that are asked for.

    Args:
      text_dim, vision_dim: d_t, d_v.
      text_levels, vision_levels: L of each encoder.
      experts: which of T2V, V2T, T, V take part (Table 5).
      own_weight: of a modality's own last level when training starts; the experts of the other
        modality share the rest evenly. 0: all experts weigh alike.
    """

    def __init__(
        self,
        text_dim: int,
        vision_dim: int,
        text_levels: int,
        vision_levels: int,
        *,
        experts: frozenset[str],
        own_weight: float,
        dtype: jnp.dtype,
        rngs: nnx.Rngs,
    ):
        self.text = Stream(
            text_dim,
            vision_dim,
            vision_levels,
            own="T" in experts,
            cross="T2V" in experts,
            own_weight=own_weight,
            dtype=dtype,
            rngs=rngs,
        )
        self.vision = Stream(
            vision_dim,
            text_dim,
            text_levels,
            own="V" in experts,
            cross="V2T" in experts,
            own_weight=own_weight,
            dtype=dtype,
            rngs=rngs,
        )
