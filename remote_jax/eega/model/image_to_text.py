"""Image-to-text attention: words read the objects of the picture (Eq. 8)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float

from remote_jax.eega.model.attribute_transformer import LAYER_NORM_EPSILON
from remote_jax.encoders.attention import check_settings, dropout, layer_norm, linear


class AttendedWords(NamedTuple):
    """What words have read.

    Attributes:
      words: O.
      attention: the weight of each object for each word, mean over heads; zeros where there is no
        object (Figure 7). None where the model sees no pictures.
    """

    words: Float[Array, "b n d"]
    attention: Float[Array, "b n k"] | None


class ImageToText(nnx.Module):
    """O = LayerNorm(H_T + Õ) with Õ = ATT_cross(H_T, H_I, H_I) (Eq. 8), multi-head.

    A word of a post without objects reads nothing: its Õ is zero.

    Args:
      dim: d_T; `heads` divides it.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        *,
        rate: float = 0.0,
        dtype: DTypeLike = jnp.float32,
        rngs: nnx.Rngs,
    ):
        check_settings(dim, heads, "gelu", rate)
        self.heads, self.rate = heads, rate
        self.query = linear(dim, dim, dtype=dtype, rngs=rngs)
        self.key = linear(dim, dim, dtype=dtype, rngs=rngs)
        self.value = linear(dim, dim, dtype=dtype, rngs=rngs)
        self.out = linear(dim, dim, dtype=dtype, rngs=rngs)
        self.norm = layer_norm(dim, LAYER_NORM_EPSILON, dtype=dtype, rngs=rngs)

    def __call__(
        self,
        words: Float[Array, "b n d"],
        objects: Float[Array, "b k d"],
        mask: Bool[Array, "b k"],
        *,
        rngs: nnx.Rngs | None = None,
    ) -> AttendedWords:
        """O of H_T `words` and H_I `objects`, of which `mask` are there."""
        objects = jnp.where(mask[..., None], objects, 0.0)
        b, n, d = words.shape
        split = (b, -1, self.heads, d // self.heads)
        q = self.query(words).reshape(split)
        k, v = (f(objects).reshape(split) for f in (self.key, self.value))
        scores = jnp.einsum("bnhc,bkhc->bhnk", q, k, preferred_element_type=jnp.float32)
        weights = jax.nn.softmax(scores * split[-1] ** -0.5, where=mask[:, None, None])
        dropped = dropout(weights.astype(v.dtype), self.rate, rngs)
        read = self.out(jnp.einsum("bhnk,bkhc->bnhc", dropped, v).reshape(b, n, d))
        read = jnp.where(mask.any(1)[:, None, None], dropout(read, self.rate, rngs), 0.0)
        return AttendedWords(self.norm(words + read), weights.mean(1))
