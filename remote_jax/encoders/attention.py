"""What both encoders are made of: attention over masked keys, the MLP, dropout and LayerNorm.

Parameters are float32. Matrix products run in the compute dtype of the module; the softmax and the
statistics of a LayerNorm are always float32. No module keeps random state: whoever wants dropout
passes `rngs` to the call, and a call without `rngs` is deterministic.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float

from remote_jax.errors import UserError

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "gelu": partial(jax.nn.gelu, approximate=False),
    "gelu_new": partial(jax.nn.gelu, approximate=True),
    "quick_gelu": lambda x: x * jax.nn.sigmoid(1.702 * x),
    "relu": jax.nn.relu,
}


@partial(jax.tree_util.register_dataclass, data_fields=["text"], meta_fields=["each"])
@dataclass(frozen=True)
class TextAndGroups:
    """A text of n tokens that attends to itself, and behind it groups of `each` tokens.

    Those of a group attend to the text and to their group, and nothing else attends to them.

    Attributes:
        text: which tokens of the text there are.
    """

    text: Bool[Array, "b n"]
    each: int


Mask = Bool[Array, "b n"] | TextAndGroups
"""Keys that may be attended to: by all queries, or as the class says."""

KERNEL_INIT = nnx.initializers.xavier_uniform()
EMBEDDING_INIT = nnx.initializers.truncated_normal(0.02)


def check_settings(dim: int, heads: int, activation: str, *rates: float) -> None:
    """Raises UserError unless `heads` divides `dim`, rates are in [0, 1), the rest is known."""
    if heads < 1 or dim % heads:
        raise UserError(f"an encoder of dim {dim} does not split into {heads} heads")
    if activation not in ACTIVATIONS:
        raise UserError(f"unknown activation {activation!r}: expected {', '.join(ACTIVATIONS)}")
    for rate in rates:
        if not 0 <= rate < 1:
            raise UserError(f"an encoder cannot drop a share of {rate}: expected 0 to below 1")


def dropout(x: Float[Array, "*s"], rate: float, rngs: nnx.Rngs | None) -> Float[Array, "*s"]:
    """Zeroes a share `rate` of `x` and scales the rest by 1/(1 - rate); `x` itself if no `rngs`."""
    if rngs is None or rate == 0.0:
        return x
    keep = jax.random.bernoulli(rngs.dropout(), 1.0 - rate, x.shape)
    return jnp.where(keep, x / (1.0 - rate), jnp.zeros_like(x))


def linear(
    inputs: int,
    outputs: int,
    *,
    bias: bool = True,
    zero: bool = False,
    dtype: DTypeLike,
    rngs: nnx.Rngs,
):
    """A linear layer with float32 parameters that computes in `dtype`.

    With `zero` it gives zeros at first: what it is added to passes unchanged until it has learnt.
    """
    init = nnx.initializers.zeros if zero else KERNEL_INIT
    return nnx.Linear(inputs, outputs, use_bias=bias, kernel_init=init, dtype=dtype, rngs=rngs)


def layer_norm(dim: int, epsilon: float, *, dtype: DTypeLike, rngs: nnx.Rngs) -> nnx.LayerNorm:
    """A LayerNorm with float32 statistics whose output is in `dtype`."""
    # The fast variance E[x²] - E[x]² cancels where one feature is much larger than the rest, as in
    # pretrained vision towers.
    return nnx.LayerNorm(dim, epsilon=epsilon, dtype=dtype, use_fast_variance=False, rngs=rngs)


class Attention(nnx.Module):
    """Multi-head self-attention in both directions (Vaswani et al. 2017, §3.2).

    Args:
      dim: features of a token; `heads` divides it.
      rate: dropout of the attention weights.
      bias: whether queries, keys and values have a bias.
      zero: whether the output is 0 at first.
      dtype: compute dtype.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        *,
        rate: float = 0.0,
        bias: bool = True,
        zero: bool = False,
        dtype: DTypeLike = jnp.float32,
        rngs: nnx.Rngs,
    ):
        self.heads, self.rate = heads, rate
        self.query = linear(dim, dim, bias=bias, dtype=dtype, rngs=rngs)
        self.key = linear(dim, dim, bias=bias, dtype=dtype, rngs=rngs)
        self.value = linear(dim, dim, bias=bias, dtype=dtype, rngs=rngs)
        self.out = linear(dim, dim, zero=zero, dtype=dtype, rngs=rngs)

    def __call__(
        self,
        x: Float[Array, "b n d"],
        mask: Mask | None,
        *,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "b n d"]:
        """softmax(Q Kᵀ / √(d/h)) V over the keys that `mask` allows.

        Where the mask allows no key, all get the same weight: the output is finite.
        """
        b, n, d = x.shape
        split = (b, n, self.heads, d // self.heads)
        q, k, v = (f(x).reshape(split) for f in (self.query, self.key, self.value))
        if isinstance(mask, TextAndGroups):
            text = mask.text.shape[1]
            of_text = self._read(q[:, :text], k[:, :text], v[:, :text], mask.text, rngs)
            of_groups = self._read_in_groups(q[:, text:], k, v, mask, rngs)
            return self.out(jnp.concatenate([of_text, of_groups], axis=1).reshape(b, n, d))
        return self.out(self._read(q, k, v, mask, rngs).reshape(b, n, d))

    def _read(
        self,
        q: Float[Array, "b q h c"],
        k: Float[Array, "b k h c"],
        v: Float[Array, "b k h c"],
        mask: Bool[Array, "b k"] | None,
        rngs: nnx.Rngs | None,
    ) -> Float[Array, "b q h c"]:
        weights = self._weights(_logits(q, k, mask), v.dtype, rngs)
        return jnp.einsum("bhqk,bkhc->bqhc", weights, v)

    def _read_in_groups(
        self,
        q: Float[Array, "b q h c"],
        k: Float[Array, "b n+q h c"],
        v: Float[Array, "b n+q h c"],
        mask: TextAndGroups,
        rngs: nnx.Rngs | None,
    ) -> Float[Array, "b q h c"]:
        """What the tokens of groups read, time and memory linear in their number."""
        b, count, h, c = q.shape
        n, groups = mask.text.shape[1], (b, count // mask.each, mask.each, h, c)
        own_q, own_k, own_v = (x.reshape(groups) for x in (q, k[:, n:], v[:, n:]))
        own = jnp.einsum("bpqhc,bpkhc->bhpqk", own_q, own_k, preferred_element_type=jnp.float32)
        own = own.reshape(b, h, count, mask.each) * c**-0.5
        logits = jnp.concatenate([_logits(q, k[:, :n], mask.text), own], axis=-1)
        weights = self._weights(logits, v.dtype, rngs)
        from_text = jnp.einsum("bhqk,bkhc->bqhc", weights[..., :n], v[:, :n])
        to_own = weights[..., n:].reshape(b, h, *groups[1:3], mask.each)
        return from_text + jnp.einsum("bhpqk,bpkhc->bpqhc", to_own, own_v).reshape(q.shape)

    def _weights(
        self, logits: Float[Array, "b h q k"], dtype: DTypeLike, rngs: nnx.Rngs | None
    ) -> Float[Array, "b h q k"]:
        return dropout(jax.nn.softmax(logits).astype(dtype), self.rate, rngs)


def _logits(
    q: Float[Array, "b q h c"], k: Float[Array, "b k h c"], mask: Bool[Array, "b k"] | None
) -> Float[Array, "b h q k"]:
    """Q Kᵀ / √c, and the least number where `mask` allows no key."""
    logits = jnp.einsum("bqhc,bkhc->bhqk", q, k, preferred_element_type=jnp.float32)
    logits = logits * q.shape[-1] ** -0.5
    if mask is None:
        return logits
    return jnp.where(mask[:, None, None, :], logits, jnp.finfo(logits.dtype).min)


class Mlp(nnx.Module):
    """Two linear layers with an activation between them, token by token."""

    def __init__(self, dim: int, hidden: int, activation: str, *, dtype: DTypeLike, rngs: nnx.Rngs):
        self.activation = activation
        self.up = linear(dim, hidden, dtype=dtype, rngs=rngs)
        self.down = linear(hidden, dim, dtype=dtype, rngs=rngs)

    def __call__(self, x: Float[Array, "b n d"]) -> Float[Array, "b n d"]:
        return self.down(ACTIVATIONS[self.activation](self.up(x)))
