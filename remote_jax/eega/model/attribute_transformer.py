"""Attribute transformer: attention over a graph that reads the types of its edges (Eqs. 3-4)."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float, Int

from remote_jax.encoders.attention import (
    ACTIVATIONS,
    EMBEDDING_INIT,
    Attention,
    check_settings,
    dropout,
    layer_norm,
    linear,
)
from remote_jax.training.remat import rematerialised

LAYER_NORM_EPSILON = 1e-6


class AttributeAttention(nnx.Module):
    """At-Att: each node attends to its neighbours, edge types in keys and values (Eqs. 3-4).

    "Softmax(A · QKᵀ)" is read as a softmax over the nodes that A allows. Eq. 4 gives each pair of
    nodes a key W_K x_j + W_z z_ij of its own, but z_ij is one of few types: queries meet the keys
    of the types, and weights are summed by type, so that nothing of shape [n, n, d] is made.

    Args:
      dim: d of the nodes; `heads` divides it. Eq. 3 is written for one head.
      types: number of edge types.
      edge_dim: d_z, the width of an edge type.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        *,
        types: int,
        edge_dim: int,
        rate: float = 0.0,
        dtype: DTypeLike = jnp.float32,
        rngs: nnx.Rngs,
    ):
        self.heads, self.types, self.rate, self.dtype = heads, types, rate, dtype
        self.query = linear(dim, dim, dtype=dtype, rngs=rngs)
        self.key = linear(dim, dim, dtype=dtype, rngs=rngs)
        self.value = linear(dim, dim, dtype=dtype, rngs=rngs)
        self.edges = nnx.Param(EMBEDDING_INIT(rngs.params(), (types, edge_dim)))
        self.edge_key = linear(edge_dim, dim, bias=False, dtype=dtype, rngs=rngs)
        self.edge_value = linear(edge_dim, dim, bias=False, dtype=dtype, rngs=rngs)
        self.out = linear(dim, dim, zero=True, dtype=dtype, rngs=rngs)

    def __call__(
        self,
        x: Float[Array, "b n d"],
        edges: Int[Array, "b n n"],
        adjacent: Bool[Array, "b n n"],
        *,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "b n d"]:
        """H̃ (Eq. 3), after the output projection; a node without neighbours reads nothing."""
        b, n, d = x.shape
        split = (self.heads, d // self.heads)
        q, k, v = (f(x).reshape(b, n, *split) for f in (self.query, self.key, self.value))
        z = self.edges[...].astype(self.dtype)
        edge_k, edge_v = (f(z).reshape(-1, *split) for f in (self.edge_key, self.edge_value))
        typed = jax.nn.one_hot(edges, self.types, dtype=v.dtype)

        by_type = jnp.einsum("bihc,thc->bhit", q, edge_k, preferred_element_type=jnp.float32)
        scores = jnp.einsum("bihc,bjhc->bhij", q, k, preferred_element_type=jnp.float32)
        scores += jnp.einsum("bhit,bijt->bhij", by_type, typed.astype(jnp.float32))
        weights = jax.nn.softmax(scores * split[1] ** -0.5, where=adjacent[:, None])
        weights = dropout(weights.astype(v.dtype), self.rate, rngs)
        read = jnp.einsum("bhij,bjhc->bihc", weights, v)
        read += jnp.einsum("bhit,thc->bihc", jnp.einsum("bhij,bijt->bhit", weights, typed), edge_v)
        return self.out(read.reshape(b, n, d))


class AttributeTransformer(nnx.Module):
    """One layer: H = LayerNorm(X' + FFN(X')) with X' = LayerNorm(X + At-Att(X, Z, A)).

    At-Att and FFN add 0 to their inputs at first: pretrained features pass almost unchanged.

    Where `out_dim` differs from `dim`, the FFN brings nodes of one width to the other ("a
    variable-dimensional FFN", for the visual graph), and its input is not added to its output.

    Args:
      dim, out_dim: d of the nodes that come in and that go out.
      attributes: False is Table 2's "w/o attribute transformer", a vanilla one: every node attends
        to every other, whatever the edges are.
      hidden: width inside the FFN.
    """

    remat = False

    def __init__(
        self,
        dim: int,
        out_dim: int,
        heads: int,
        *,
        types: int,
        edge_dim: int,
        hidden: int,
        attributes: bool,
        rate: float = 0.0,
        dtype: DTypeLike = jnp.float32,
        rngs: nnx.Rngs,
    ):
        check_settings(dim, heads, "gelu", rate)
        self.rate, self.same_width = rate, dim == out_dim
        self.attention: AttributeAttention | Attention
        if attributes:
            self.attention = AttributeAttention(
                dim, heads, types=types, edge_dim=edge_dim, rate=rate, dtype=dtype, rngs=rngs
            )
        else:
            self.attention = Attention(dim, heads, rate=rate, zero=True, dtype=dtype, rngs=rngs)
        self.attention_norm = layer_norm(dim, LAYER_NORM_EPSILON, dtype=dtype, rngs=rngs)
        self.up = linear(dim, hidden, dtype=dtype, rngs=rngs)
        self.down = linear(hidden, out_dim, zero=self.same_width, dtype=dtype, rngs=rngs)
        self.norm = layer_norm(out_dim, LAYER_NORM_EPSILON, dtype=dtype, rngs=rngs)

    @rematerialised
    def __call__(
        self,
        x: Float[Array, "b n d"],
        edges: Int[Array, "b n n"],
        adjacent: Bool[Array, "b n n"],
        mask: Bool[Array, "b n"],
        *,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "b n e"]:
        """H of a graph with nodes `x`, edge types `edges` where `adjacent`, present where `mask`.

        What absent nodes come back as means nothing, but it is finite and nobody reads it.
        """
        x = jnp.where(mask[..., None], x, 0.0)
        if isinstance(self.attention, AttributeAttention):
            reach = adjacent & mask[:, :, None] & mask[:, None, :]
            read = self.attention(x, edges, reach, rngs=rngs)
        else:
            read = self.attention(x, mask, rngs=rngs)
        x = self.attention_norm(x + dropout(read, self.rate, rngs))
        fed = dropout(self.down(ACTIVATIONS["gelu"](self.up(x))), self.rate, rngs)
        return self.norm(x + fed if self.same_width else fed)
