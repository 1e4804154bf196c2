"""Fusion of modalities at the level of scores: each ranks by itself, and their scores are summed.

A modality has relations of its own, its heads and tails are told by that modality alone, and each
relation weighs the scores of modalities. Public systems of this task do likewise: MoSE (Zhao et al.
2022), IMF (Li et al. 2023), MoMoK (Zhang et al. 2025). Eqs. 3 and 4 remain what the router sees.
"""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int
from ml_collections import ConfigDict

from remote_jax.roam.model import moseg, objective, tucker
from remote_jax.roam.model.entities import Candidates, EncodedEntities, Routing, Scorer, Scores
from remote_jax.roam.model.roam import EMBEDDING, Roam, Sizes

ONE = 0.5413
"""Where softplus is 1."""


class DecisionRoam(Roam):
    """ROAM with a score for each modality (`model.fusion=decision`).

    An entity that lacks a modality has in its place a vector that is learnt, one a modality: as a
    candidate it is then neither better nor worse than what the modality says of others, and as a
    head it has no weight there.
    """

    START = 0.05
    """At 0 a score, a product of three that are small, would have no slope."""

    def __init__(self, config: ConfigDict, sizes: Sizes, *, rngs: nnx.Rngs):
        super().__init__(config, sizes, rngs=rngs)
        model, embed = config.model, nnx.initializers.normal(EMBEDDING)
        names = ["structure"] if self.structure is not None else []
        # Entries of a Dict come in the order of their names, modalities in that of the experts.
        self.modalities = (*names, *sizes.features)
        shape = (2 * sizes.relations, model.relation_dim)
        self.modal_relations = nnx.Dict(
            {name: nnx.Param(embed(rngs.params(), shape)) for name in self.modalities}
        )
        self.absent = nnx.Dict(
            {name: nnx.Param(embed(rngs.params(), (model.dim,))) for name in self.modalities}
        )
        self.lacks_all = False  # these stand for what is absent
        self.votes = nnx.Param(jnp.zeros((2 * sizes.relations, len(self.modalities))))

    def _embedded(
        self, inputs: list[Float[Array, "n f"]], present: Bool[Array, "m n"]
    ) -> Float[Array, "m k n d"]:
        v = self._embed(inputs)
        absent = jnp.stack([self.absent[name][...] for name in self.modalities])
        return jnp.where(present[:, None, :, None], v, absent[:, None, None].astype(v.dtype))

    def heads(
        self, encoded: EncodedEntities, queries: Int[Array, "b 2"], rngs: nnx.Rngs | None = None
    ) -> tuple[Float[Array, "m b d"], Routing]:
        """v_m of heads, mixed over groups; the weights of the routing are those of the scores."""
        head, routed = super().heads(encoded, queries, rngs)
        votes = self._votes(queries[:, 1], encoded.present[:, queries[:, 0]])
        weights = jnp.broadcast_to(moseg.normalised(votes)[:, None], routed.weights.shape)
        return head, replace(routed, weights=weights)

    def _votes(
        self, relation: Int[Array, " b"], present: Bool[Array, "m b"]
    ) -> Float[Array, "m b"]:
        """What the score of a modality counts, 1 at the start; 0 where the head lacks it.

        They move by the learning rate a step and not with the relation's embedding: a modality
        that took longer to learn would have no weight left by then.
        """
        if self.attention.equal:
            return present.astype(jnp.float32)
        return jnp.where(present, nnx.softplus(self.votes[...][relation].T + ONE), 0.0)

    def _head(
        self, v: Float[Array, "m k b d"], fused: Float[Array, "k b d"], routed: Routing
    ) -> Float[Array, "m b d"]:
        """v_m of the head, mixed over groups by the plan."""
        del fused
        return moseg.mix_groups(routed.shares, v)

    def scorer(
        self,
        queries: Int[Array, "b 2"],
        head: Float[Array, "m b d"],
        routed: Routing,
        rngs: nnx.Rngs | None = None,
    ) -> Scorer:
        """Σ_m w_m s_m of candidates, and s_m; with `rngs`, in training."""
        asked = [
            self.core(head[m], queries[:, 1], self._table(name), rngs=rngs)
            for m, name in enumerate(self.modalities)
        ]
        votes = self._votes(queries[:, 1], routed.weights[:, 0] > 0)

        def score(some: Candidates) -> Scores:
            pairs = zip(asked, some.mixed, strict=True)
            found = jnp.stack([tucker.product(query, mixed.T) for query, mixed in pairs])
            return Scores(jnp.einsum("mb,mbn->bn", votes, found), found)

        return score

    def _table(self, modality: str) -> Float[Array, "r d"]:
        table: Float[Array, "r d"] = self.modal_relations[modality][...]
        return table

    def penalty(
        self,
        queries: Int[Array, "b 2"],
        head: Float[Array, "m b d"],
        candidates: Candidates,
        true: Bool[Array, "b n"],
        weights: ConfigDict,
    ) -> Float[Array, " b"]:
        """Of each modality: of features N3 alone, which has a weight of its own there."""
        total = jnp.zeros(len(queries))
        for m, name in enumerate(self.modalities):
            own = weights if name == "structure" else {"cubes": weights.features, "duality": 0.0}
            relations = self._table(name)[queries[:, 1]]
            total += objective.penalty(head[m], relations, candidates.mixed[m], true, weights=own)
        return total
