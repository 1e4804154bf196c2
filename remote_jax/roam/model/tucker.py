"""Tucker scoring, s = W ×₁ ẽ_h ×₂ r ×₃ ẽ_t, of a query against every candidate."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int

BLOCK = 16
"""Queries of one relation that share a copy of its matrix: a copy each would be most of what a step
moves through memory."""

CORE = 16.0
"""Size of the core at the start, over that which keeps lengths; embeddings start far smaller."""


class TuckerCore(nnx.Module):
    """The core tensor W, contracted with the head and the relation of a query.

    Nothing is normalised on the way. From small embeddings the scores grow along what most triples
    share first; LayerNorms of the head and of the query have each one fit its own triples at once
    (MKG-Y, no experts, validation MRR after 110 steps: 0.01 with them, 0.16 without).

    Args:
        relation_dim, dim: of relations and of entities.
        dropout: of the head, of the matrices of relations (one mask for all, a batch) and of
            the result.
    """

    def __init__(
        self,
        relation_dim: int,
        dim: int,
        *,
        dropout: tuple[float, float, float],
        dtype: jnp.dtype,
        rngs: nnx.Rngs,
    ):
        init = nnx.initializers.normal(CORE * (relation_dim * dim) ** -0.5)
        self.core = nnx.Param(init(rngs.params(), (relation_dim, dim, dim)))
        self.drop_in, self.drop_matrix, self.drop_out = (
            nnx.Dropout(rate, broadcast_dims=dims)
            for rate, dims in zip(dropout, ((), (0,), ()), strict=True)
        )
        self.dtype = dtype

    def __call__(
        self,
        head: Float[Array, "b d"],
        relation: Int[Array, " b"],
        relations: Float[Array, "r e"],
        *,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "b d"]:
        """The vector q whose product with a candidate is its score; with `rngs`, in training."""
        off = rngs is None
        head = self.drop_in(head, deterministic=off, rngs=rngs)
        core, relations = self.core[...].astype(self.dtype), relations.astype(self.dtype)
        # A matrix a relation: batches have more queries than graphs have relations.
        matrices = jnp.einsum("re,eij->rij", relations, core)
        matrices = self.drop_matrix(matrices, deterministic=off, rngs=rngs)
        query = times_matrices(head.astype(self.dtype), matrices, relation)
        return self.drop_out(query, deterministic=off, rngs=rngs)


def times_matrices(
    vectors: Float[Array, "b d"], matrices: Float[Array, "r d e"], which: Int[Array, " b"]
) -> Float[Array, "b e"]:
    """vectors[i] @ matrices[which[i]], with the vectors of a matrix brought together in blocks."""
    batch, count = vectors.shape[0], len(matrices)
    # Each matrix leaves at most one block that is not full. (An export's batch has no number.)
    blocks = jax.core.min_dim(batch, count + batch // BLOCK)
    order = jnp.argsort(which)
    sizes = jnp.bincount(which, length=count)
    filled = -(-sizes // BLOCK)
    ends = jnp.cumsum(filled)
    sorted_which = which[order]
    within = jnp.arange(batch) - (jnp.cumsum(sizes) - sizes)[sorted_which]
    block = (ends - filled)[sorted_which] + within // BLOCK
    slots = jnp.zeros((blocks, BLOCK, vectors.shape[1]), vectors.dtype)
    slots = slots.at[block, within % BLOCK].set(vectors[order], unique_indices=True)
    owner = jnp.searchsorted(ends, jnp.arange(blocks), side="right")
    products = jnp.einsum("ksi,kij->ksj", slots, matrices.at[owner].get(mode="clip"))
    back = jnp.zeros(batch, jnp.int32).at[order].set(jnp.arange(batch))
    return products[block, within % BLOCK][back]


def scores(
    query: Float[Array, "b d"],
    relation_weights: Float[Array, "m b"],
    candidates: Float[Array, "m c d"],
    candidate_weights: Float[Array, "m c"],
) -> Float[Array, "b c"]:
    """Scores of every candidate, each embedded under the relation of each query (Eqs. 3-4).

    A candidate's weight of modality m is proportional to the product of its part and the
    relation's, so the numerator Σ_m w_m (q·v_m) over all candidates is one matrix product of length
    m·d, and the denominator one of length m. Nothing of size queries × candidates × d exists.

    Args:
        query: q of `TuckerCore`.
        relation_weights: `moseg.shifted_exp` of the queries' relations.
        candidates: v_m, mixed over groups.
        candidate_weights: `moseg.shifted_exp` of the candidates; 0 where a modality is absent.

    Returns:
        float32; without a meaning for a candidate without any modality (`without_absent`).
    """
    m, c, d = candidates.shape
    if m == 1:
        return product(query, candidates[0].T)
    left = jnp.einsum("bd,mb->bmd", query, relation_weights.astype(query.dtype))
    right = candidates * candidate_weights[..., None].astype(candidates.dtype)
    above = product(left.reshape(-1, m * d), right.transpose(0, 2, 1).reshape(m * d, c))
    below = relation_weights.T @ candidate_weights
    safe = jnp.maximum(below, jnp.finfo(jnp.float32).tiny)
    return above / safe


def lowest(scores: Float[Array, "b c"], weights: Float[Array, "m c"]) -> Float[Array, "b 1"]:
    """Of the candidates of which anything is known; at most 0."""
    present = (weights > 0).any(0)
    return jnp.min(scores, 1, where=present, initial=0.0, keepdims=True)


def without_absent(
    scores: Float[Array, "b c"],
    weights: Float[Array, "m c"],
    below: Float[Array, "b 1"] | None = None,
) -> Float[Array, "b c"]:
    """Less than the lowest for candidates of which nothing is known: 0 would be above most.

    Args:
        below: `lowest` of all candidates, where these are some of them.
    """
    present = (weights > 0).any(0)
    below = lowest(scores, weights) if below is None else below
    return jnp.where(present, scores, jax.lax.stop_gradient(below) - 1.0)


def product(left: Float[Array, "b d"], right: Float[Array, "d c"]) -> Float[Array, "b c"]:
    """In float32 whatever the factors are: rounded to bfloat16, most scores would tie."""
    return jnp.matmul(left, right, preferred_element_type=jnp.float32)
