"""ROAM: expert groups (Eqs. 2-4), routed by transport (Eqs. 6-8), and Tucker scores of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int
from ml_collections import ConfigDict

from remote_jax.roam.model import moseg, objective, regor, routing, tucker
from remote_jax.roam.model.complex_core import ComplexCore
from remote_jax.roam.model.entities import (
    Candidates,
    EncodedEntities,
    Places,
    Routing,
    Scorer,
    Scores,
    candidates_in_blocks,
)
from remote_jax.roam.model.entity_tables import FeatureTable, SeenEntities
from remote_jax.training.remat import rematerialised

EMBEDDING = 0.02
"""Deviation of embeddings at the start: Adam moves a number by the learning rate a step, and larger
ones would stay what chance made them."""


@dataclass(frozen=True)
class Sizes:
    """What the data say about a model.

    Attributes:
        entities, relations: their numbers; each relation has an inverse beside it.
        features: length of the raw features of each modality that comes with the data.
    """

    entities: int
    relations: int
    features: Mapping[str, int]


class Roam(nnx.Module):
    """The whole model.

    Args:
        config: the whole config; `features` and `model` are read.
        sizes: of the data.
    """

    remat = False
    START = 0.0
    """Deviation of the linear maps beside experts at the start."""
    featureless = False
    """Whether features are left out (`counterfactuals.take_away`)."""

    def __init__(self, config: ConfigDict, sizes: Sizes, *, rngs: nnx.Rngs):
        model = config.model
        dtype = jnp.dtype(config.compute_dtype)
        self.entities = sizes.entities
        self.drop_features = nnx.Dropout(model.dropout.features)
        embed = nnx.initializers.normal(EMBEDDING)
        by_structure, table = config.features.structure, (sizes.entities, model.dim)
        self.structure = nnx.Param(embed(rngs.params(), table)) if by_structure else None
        featured = by_structure and sizes.features
        self.lacks_all = self.structure is None  # a candidate may have no modality
        hidden = model.dropout.structure
        self.seen = SeenEntities(sizes.entities, hidden=hidden) if featured else None
        self.features = nnx.Dict(
            {name: FeatureTable(sizes.entities, length) for name, length in sizes.features.items()}
        )
        self.learnt = nnx.Dict(
            {
                name: nnx.Param(jnp.zeros((sizes.entities, length)))
                for name, length in sizes.features.items()
                if config.features.trainable
            }
        )
        self.relations = nnx.Param(embed(rngs.params(), (2 * sizes.relations, model.relation_dim)))
        lengths = ([model.dim] if by_structure else []) + [*sizes.features.values()]
        dims = (len(lengths), model.dim, model.relation_dim)
        self.attention = moseg.ModalityAttention(
            *dims, temperature=model.temperature, noisy=model.noise, rngs=rngs
        )
        self._make_experts(model, lengths, dtype, rngs)
        self._make_router(model, lengths, dtype, rngs)
        dropout = (model.dropout.head, model.dropout.matrix, model.dropout.query)
        self.core: tucker.TuckerCore | ComplexCore
        if model.core == "complex":
            self.core = ComplexCore(dropout=dropout, dtype=dtype)
        else:
            self.core = tucker.TuckerCore(
                model.relation_dim, model.dim, dropout=dropout, dtype=dtype, rngs=rngs
            )

    def _make_experts(
        self, model: ConfigDict, lengths: list[int], dtype: jnp.dtype, rngs: nnx.Rngs
    ) -> None:
        sizes = (model.hidden, model.dim, model.groups)
        # The first are those of the embeddings that stand for structure, if it takes part.
        skips = [self.structure is not None and m == 0 for m in range(len(lengths))]
        self.experts = nnx.List(
            [
                moseg.Experts(length, *sizes, skip=skip, start=self.START, dtype=dtype, rngs=rngs)
                for length, skip in zip(lengths, skips, strict=True)
            ]
        )

    def _make_router(
        self, model: ConfigDict, lengths: list[int], dtype: jnp.dtype, rngs: nnx.Rngs
    ) -> None:
        router = model.router
        self.relation_routing, self.sees_relation = router.relation, router.sees_relation
        self.contrast, self.balanced_candidates = router.contrast, router.candidates
        self.raw = None if router.transform else regor.RawEntities(lengths, model.dim, rngs=rngs)
        groups, length = self._groups_shape(len(lengths)), self._query_length(model)
        inputs = [expert.features for expert in self.experts]
        self.summary = regor.make_summary(model, inputs, groups, length, rngs)
        self.cost = regor.make_cost(router.cost, length, router.hidden, dtype, rngs)
        self.query_router, self.candidate_router = (routing.make(router, groups) for _ in range(2))

    def _groups_shape(self, modalities: int) -> tuple[int, ...]:
        """K; with the modalities in front where each routes by itself."""
        return (self.experts[0].groups,)

    def _query_length(self, model: ConfigDict) -> int:
        """Length of what φ compares with a group."""
        alone = model.router.transform and not model.router.sees_relation
        return model.dim if alone else model.dim + model.relation_dim

    def encode(
        self,
        entities: Int[Array, " n"] | None = None,
        rngs: nnx.Rngs | None = None,
        places: Int[Array, " n"] | None = None,
    ) -> EncodedEntities:
        """Entities through every expert (Eq. 2); all, in their order, where none is named.

        With `rngs`, in training; with `places`, of the entities in tables that lack other rows.
        """
        rows = slice(None) if entities is None else entities
        inputs, present = self._inputs(rows, rows if places is None else places, rngs)
        there = jnp.stack(present)
        raw = None if self.raw is None else self.raw(inputs, there)
        groups = self.summary(list(self.experts))
        return EncodedEntities(self._embedded(inputs, there), there, groups, raw)

    def _inputs(
        self, rows: Places, places: Places, rngs: nnx.Rngs | None
    ) -> tuple[list[Float[Array, "n f"]], list[Bool[Array, " n"]]]:
        """What experts see of entities, by modality, and which of them have it.

        An entity without a triple has no structure, unless it has nothing else; nor has one whose
        structure is hidden in a step.
        """
        inputs, present = self._features(rows, places, rngs)
        if self.structure is None:
            return inputs, present
        structure = self.structure[...][places]
        if self.seen is None:
            return [structure, *inputs], [jnp.ones(len(structure), bool), *present]
        shown = self.seen(rngs)[rows] | ~jnp.stack(present).any(0)
        return [jnp.where(shown[:, None], structure, 0.0), *inputs], [shown, *present]

    def _features(
        self, rows: Places, places: Places, rngs: nnx.Rngs | None
    ) -> tuple[list[Float[Array, "n f"]], list[Bool[Array, " n"]]]:
        inputs, present = [], []
        for name, table in self.features.items():
            values, there = (column[rows] for column in table())
            if name in self.learnt:
                values = values + self.learnt[name][...][places]
            if self.featureless:
                there = jnp.zeros_like(there)
            inputs.append(self.drop_features(values, deterministic=rngs is None, rngs=rngs))
            present.append(there)
        return inputs, present

    def _embedded(
        self, inputs: list[Float[Array, "n f"]], present: Bool[Array, "m n"]
    ) -> Float[Array, "m k n d"]:
        del present
        return self._embed(inputs)

    def _embed(self, inputs: list[Float[Array, "n f"]]) -> Float[Array, "m k n d"]:
        return jnp.stack([expert(x) for expert, x in zip(self.experts, inputs, strict=True)])

    def all_candidates(self) -> Candidates:
        """`candidates` of all entities, outside of training, a block of them at a time."""
        return candidates_in_blocks(
            lambda block: self.candidates(self.encode(block))[0], self.entities
        )

    @rematerialised
    def candidates(
        self, encoded: EncodedEntities, rngs: nnx.Rngs | None = None
    ) -> tuple[Candidates, Routing]:
        """Entities as answers, before any query is known.

        Its groups are mixed by its own costs, in which no relation takes part; the weights of its
        modalities do follow the relation, in `tucker.scores`. So groups are mixed before modalities
        are fused, where `heads` fuses first: a vector for each modality then serves all relations,
        in place of K of them. δ has the deviation of the entity's part of U. With `rngs`, in
        training.
        """
        weights = moseg.weights(self.attention.of_entities(encoded.v), encoded.present[:, None])
        left = self._left(moseg.fuse(encoded.v, weights), encoded.raw, None)
        cost = self.cost(left, encoded.groups)
        balanced = rngs is not None and self.balanced_candidates
        shares = self.candidate_router(cost, balanced=balanced)
        mixed = moseg.mix_groups(shares, encoded.v)
        return self._as_candidates(mixed, encoded, rngs), Routing(cost, shares, weights)

    def _as_candidates(
        self,
        mixed: Float[Array, "m n d"],
        encoded: EncodedEntities,
        rngs: nnx.Rngs | None,
    ) -> Candidates:
        logits = self.attention.of_entities(mixed)
        logits += self.attention.noise(logits, rngs)
        return Candidates(mixed, moseg.shifted_exp(logits, encoded.present))

    def heads(
        self, encoded: EncodedEntities, queries: Int[Array, "b 2"], rngs: nnx.Rngs | None = None
    ) -> tuple[Float[Array, "*m b d"], Routing]:
        """ẽ_h of Eq. 3, mixed over groups by the plan; with `rngs`, in training."""
        head, relation = queries.T
        v, present = encoded.v[:, :, head], encoded.present[:, None, head]
        relations = self.relations[...][relation]
        own, weights = self.attention.of_queries(v, relations, present, rngs)
        fused = moseg.fuse(v, weights)
        left = fused if self.relation_routing else moseg.fuse(v, moseg.weights(own, present))
        left = self._left(left, None if encoded.raw is None else encoded.raw[head], relations)
        cost = self.cost(left, encoded.groups)
        shares = self.query_router(cost, balanced=rngs is not None)
        routed = Routing(cost, shares, weights)
        return self._head(v, fused, routed), routed

    def _head(
        self, v: Float[Array, "m k b d"], fused: Float[Array, "k b d"], routed: Routing
    ) -> Float[Array, "*m b d"]:
        """What is scored of heads."""
        del v
        return moseg.mix_groups(routed.shares, fused)

    def _left(
        self,
        fused: Float[Array, "k n d"],
        raw: Float[Array, "n d"] | None,
        relations: Float[Array, "n r"] | None,
    ) -> Float[Array, "*k n l"]:
        """What φ compares with a group: f(e, r), f ‖ r (Eq. 8) or e ‖ r (Table 4); r may be 0."""
        if raw is None and not self.sees_relation:
            return fused
        left = fused if raw is None else raw[None]
        if relations is None or not self.relation_routing:
            relations = jnp.zeros((left.shape[1], self.relations[...].shape[1]))
        return regor.beside(left, relations)

    def scorer(
        self,
        queries: Int[Array, "b 2"],
        head: Float[Array, "*m b d"],
        routed: Routing,
        rngs: nnx.Rngs | None = None,
    ) -> Scorer:
        """Tucker scores of candidates; with `rngs`, in training."""
        del routed
        relation, relations = queries[:, 1], self.relations[...]
        query = self.core(head, relation, relations, rngs=rngs)
        weights = moseg.shifted_exp(self.attention.of_relations(relations[relation]))
        return lambda some: Scores(tucker.scores(query, weights, some.mixed, some.weights))

    def scores(
        self,
        queries: Int[Array, "b 2"],
        head: Float[Array, "*m b d"],
        routed: Routing,
        candidates: Candidates,
        rngs: nnx.Rngs | None = None,
    ) -> Scores:
        """Of every candidate; with `rngs`, in training."""
        found = self.scorer(queries, head, routed, rngs)(candidates)
        if self.lacks_all:
            found = Scores(tucker.without_absent(found.whole, candidates.weights))
        return found

    def penalty(
        self,
        queries: Int[Array, "b 2"],
        head: Float[Array, "*m b d"],
        candidates: Candidates,
        true: Bool[Array, "b n"],
        weights: ConfigDict,
    ) -> Float[Array, " b"]:
        """N3 and DURA of queries (`objective.penalty`).

        The modalities of an answer are fused by the weights that they have before a relation is
        known, so that what is made of a candidate serves every query.
        """
        answers = moseg.fuse(candidates.mixed, moseg.normalised(candidates.weights))
        relations = self.relations[...][queries[:, 1]]
        return objective.penalty(head, relations, answers, true, weights=weights)

    def __call__(
        self, queries: Int[Array, "b 2"], candidates: Candidates
    ) -> tuple[Float[Array, "b n"], Routing]:
        """Scores of every entity as answer; what a query gets depends on that query alone."""
        head, routed = self.heads_alone(queries)
        found = self.scores(queries, head, routed, candidates).whole
        return found[:, : self.entities], routed

    def heads_alone(self, queries: Int[Array, "b 2"]) -> tuple[Float[Array, "*m b d"], Routing]:
        """`heads`, with no other entity encoded."""
        encoded = self.encode(queries[:, 0])
        return self.heads(encoded, queries.at[:, 0].set(jnp.arange(queries.shape[0])))
