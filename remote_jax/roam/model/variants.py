"""The two other ways to arrange experts that Table 3 of the ROAM paper compares MoSEG with."""

from __future__ import annotations

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int
from ml_collections import ConfigDict

from remote_jax.roam.model import moseg
from remote_jax.roam.model.entities import Candidates, EncodedEntities, Routing
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
        cost = self.cost(_concatenated(encoded.v, none), encoded.groups)
        shares = self.candidate_router.independent(cost)
        mixed = moseg.mix_groups(shares, encoded.v)
        weights = moseg.weights(self.attention.of_entities(mixed), encoded.present)
        routed = Routing(cost, shares, jnp.broadcast_to(weights[:, None], cost.shape))
        return self._as_candidates(mixed, encoded, rngs), routed

    def heads(
        self, encoded: EncodedEntities, queries: Int[Array, "b 2"], rngs: nnx.Rngs | None = None
    ) -> tuple[Float[Array, "b d"], Routing]:
        """As `Roam.heads`."""
        head, relation = queries.T
        v, relations = encoded.v[:, :, head], self.relations[...][relation]
        in_cost = relations if self.relation_routing else jnp.zeros_like(relations)
        cost = self.cost(_concatenated(v, in_cost), encoded.groups)
        shares = self._shares(self.query_router, cost, rngs)
        mixed = moseg.mix_groups(shares, v)
        logits = self.attention.of_entities(mixed) + self.attention.of_relations(relations)
        weights = moseg.weights(self._noisy(logits, rngs), encoded.present[:, head])
        routed = Routing(cost, shares, jnp.broadcast_to(weights[:, None], cost.shape))
        return moseg.fuse(mixed, weights), routed


def _concatenated(
    v: Float[Array, "m k n d"], relations: Float[Array, "n r"]
) -> Float[Array, "m k n l"]:
    """v_m ‖ r."""
    return jnp.concatenate([v, jnp.broadcast_to(relations, (*v.shape[:3], relations.shape[1]))], -1)


ARCHITECTURES = {"moseg": Roam, "sep": SharedExpertPool, "mge": ModalityGatedExperts}
"""By the name that `model.architecture` gives them."""
