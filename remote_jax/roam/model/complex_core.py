"""ComplEx (Trouillon et al. 2016) as a Tucker core that is not learnt."""

from __future__ import annotations

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int


class ComplexCore(nnx.Module):
    """Scores s = W ×₁ ẽ_h ×₂ r ×₃ ẽ_t with the W for which s = Re⟨e_h, r, conj e_t⟩.

    The first half of a vector is its real part, the second its imaginary part. W is then sparse and
    has only ones and minus ones (Balažević et al. 2019), so nothing of it is kept, a query is one
    product by numbers, and its factors have good penalties (`objective.duality`, `.cubes`).

    Args:
        dropout: of the head, of the relation and of the result.
    """

    def __init__(self, *, dropout: tuple[float, float, float], dtype: jnp.dtype):
        self.drop_in, self.drop_relation, self.drop_out = map(nnx.Dropout, dropout)
        self.dtype = dtype

    def __call__(
        self,
        head: Float[Array, "b d"],
        relation: Int[Array, " b"],
        relations: Float[Array, "r d"],
        *,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "b d"]:
        """The vector q whose product with a candidate is its score; with `rngs`, in training."""
        off = rngs is None
        head = self.drop_in(head.astype(self.dtype), deterministic=off, rngs=rngs)
        chosen = relations.astype(self.dtype)[relation]
        chosen = self.drop_relation(chosen, deterministic=off, rngs=rngs)
        return self.drop_out(_complex_product(head, chosen), deterministic=off, rngs=rngs)


def _complex_product(one: Float[Array, "b d"], other: Float[Array, "b d"]) -> Float[Array, "b d"]:
    """The product, number by number."""
    (a, b), (c, d) = (jnp.split(x, 2, axis=-1) for x in (one, other))
    return jnp.concatenate([a * c - b * d, a * d + b * c], axis=-1)
