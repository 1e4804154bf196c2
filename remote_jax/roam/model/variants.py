"""The two other ways to arrange experts that Table 3 of the ROAM paper compares MoSEG with."""

from __future__ import annotations

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int
from ml_collections import ConfigDict

from remote_jax.roam.model import moseg
from remote_jax.roam.model.decision import DecisionRoam
from remote_jax.roam.model.entities import Candidates, EncodedEntities, Routing
from remote_jax.roam.model.regor import beside
from remote_jax.roam.model.roam import Roam


class SharedExpertPool(Roam):
    """SEP: one pool of M·K experts, each for every modality.

    Raw features differ in length, so each modality is first brought to one by a linear layer; the
    linear map beside the experts is then one for all modalities too, structure included. An
    entity's views of one expert are fused as those of a group are.
    """

    def _make_experts(
        self, model: ConfigDict, lengths: list[int], dtype: jnp.dtype, rngs: nnx.Rngs
    ) -> None:
        self.project = nnx.List(
            [nnx.Linear(length, model.dim, dtype=dtype, rngs=rngs) for length in lengths]
        )
        pool = moseg.Experts(
            model.dim, model.hidden, model.dim, len(lengths) * model.groups, dtype=dtype, rngs=rngs
        )
        self.experts = nnx.List([pool])

    def _embed(self, inputs: list[Float[Array, "n f"]]) -> Float[Array, "m k n d"]:
        (pool,) = self.experts
        views = [pool(layer(x)) for layer, x in zip(self.project, inputs, strict=True)]
        if self.structure is not None:  # the skip of the other arrangements' experts
            views[0] = views[0] + inputs[0].astype(views[0].dtype)
        return jnp.stack(views)


class ModalityGatedExperts(Roam):
    """MGE: K experts a modality, and each modality routed by itself, to be fused afterwards.

    What φ compares with an expert is v_m ‖ r, since f, the fusion of a group, does not exist.
    """

    def _groups_shape(self, modalities: int) -> tuple[int, ...]:
        return (modalities, self.experts[0].groups)

    def _query_length(self, model: ConfigDict) -> int:
        return model.dim + model.relation_dim

    def candidates(
        self, encoded: EncodedEntities, rngs: nnx.Rngs | None = None
    ) -> tuple[Candidates, Routing]:
        """As `Roam.candidates`."""
        none = jnp.zeros((encoded.v.shape[2], self.relations[...].shape[1]))
        cost = self.cost(beside(encoded.v, none), encoded.groups)
        balanced = rngs is not None and self.balanced_candidates
        shares = self.candidate_router(cost, balanced=balanced)
        mixed = moseg.mix_groups(shares, encoded.v)
        weights = moseg.weights(self.attention.of_entities(mixed), encoded.present)
        routed = Routing(cost, shares, jnp.broadcast_to(weights[:, None], cost.shape))
        return self._as_candidates(mixed, encoded, rngs), routed

    def heads(
        self, encoded: EncodedEntities, queries: Int[Array, "b 2"], rngs: nnx.Rngs | None = None
    ) -> tuple[Float[Array, "*m b d"], Routing]:
        """As `Roam.heads`."""
        head, relation = queries.T
        v, relations = encoded.v[:, :, head], self.relations[...][relation]
        in_cost = relations if self.relation_routing else jnp.zeros_like(relations)
        cost = self.cost(beside(v, in_cost), encoded.groups)
        shares = self.query_router(cost, balanced=rngs is not None)
        mixed = moseg.mix_groups(shares, v)[:, None]
        present = encoded.present[:, None, head]
        _, weights = self.attention.of_queries(mixed, relations, present, rngs)
        routed = Routing(cost, shares, jnp.broadcast_to(weights, cost.shape))
        return self._head(v, moseg.fuse(mixed, weights), routed), routed

    def _head(
        self, v: Float[Array, "m k b d"], fused: Float[Array, "1 b d"], routed: Routing
    ) -> Float[Array, "*m b d"]:
        del v, routed
        return fused[0]


ARCHITECTURES = {
    ("moseg", "embedding"): Roam,
    ("sep", "embedding"): SharedExpertPool,
    ("mge", "embedding"): ModalityGatedExperts,
    ("moseg", "decision"): DecisionRoam,
}
"""By the names that `model.architecture` and `model.fusion` give them."""
