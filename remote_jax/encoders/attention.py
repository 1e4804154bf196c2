"""What both encoders are made of: attention over masked keys, the MLP, dropout and LayerNorm.

Parameters are float32. Matrix products run in the compute dtype of the module; the softmax and the
statistics of a LayerNorm are always float32. No module keeps random state: whoever wants dropout
passes `rngs` to the call, and a call without `rngs` is deterministic.
"""

from collections.abc import Callable
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

Mask = Bool[Array, "b n"] | Bool[Array, "b n n"]
"""Keys that may be attended to, by all queries or by each."""

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
        """softmax(Q Kᵀ / √(d/h)) V over the keys that `mask` allows, to all queries or to each.

        Where the mask allows no key, all get the same weight: the output is finite.
        """
        b, n, d = x.shape
        split = (b, n, self.heads, d // self.heads)
        q, k, v = (f(x).reshape(split) for f in (self.query, self.key, self.value))
        logits = jnp.einsum("bqhc,bkhc->bhqk", q, k, preferred_element_type=jnp.float32)
        logits = logits * split[-1] ** -0.5
        if mask is not None:
            allowed = mask[:, None, None, :] if mask.ndim == 2 else mask[:, None]
            logits = jnp.where(allowed, logits, jnp.finfo(logits.dtype).min)
        weights = dropout(jax.nn.softmax(logits).astype(v.dtype), self.rate, rngs)
        return self.out(jnp.einsum("bhqk,bkhc->bqhc", weights, v).reshape(b, n, d))


class Mlp(nnx.Module):
    """Two linear layers with an activation between them, token by token."""

    def __init__(self, dim: int, hidden: int, activation: str, *, dtype: DTypeLike, rngs: nnx.Rngs):
        self.activation = activation
        self.up = linear(dim, hidden, dtype=dtype, rngs=rngs)
        self.down = linear(hidden, dim, dtype=dtype, rngs=rngs)

    def __call__(self, x: Float[Array, "b n d"]) -> Float[Array, "b n d"]:
        return self.down(ACTIVATIONS[self.activation](self.up(x)))
