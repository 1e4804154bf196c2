"""ROAM: expert groups (Eqs. 2-4), routed by transport (Eqs. 6-8), and Tucker scores of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int
from ml_collections import ConfigDict

from remote_jax.roam import moseg, regor, routing, tucker

STRUCTURE = "structure"


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


class Features(nnx.Module):
    """Raw features of a modality; part of the model, but not trained."""

    def __init__(self, entities: int, dim: int):
        self.values = nnx.Param(jnp.zeros((entities, dim)))
        self.present = nnx.Param(jnp.zeros(entities))

    def __call__(self) -> tuple[Float[Array, "n f"], Bool[Array, " n"]]:
        values, present = self.values[...], self.present[...]
        return jax.lax.stop_gradient(values), jax.lax.stop_gradient(present) > 0


@dataclass(frozen=True)
class Encoded:
    """Every entity as the experts see it.

    Attributes:
        v: v_im^(k) of Eq. 2.
        present: which modalities an entity has.
        groups: g(W^(k)) of Eq. 7.
    """

    v: Float[Array, "m k n d"]
    present: Bool[Array, "m n"]
    groups: Float[Array, "k d"]


@dataclass(frozen=True)
class Routed:
    """How entities are spread over groups, and over the modalities in each.

    Attributes:
        cost: c of Eq. 6.
        shares: p of the groups.
        weights: w_m of Eq. 4.
    """

    cost: Float[Array, "k n"]
    shares: Float[Array, "k n"]
    weights: Float[Array, "m k n"]


@dataclass(frozen=True)
class Candidates:
    """Entities as answers: one vector a modality, and its weight's part of Eq. 4."""

    mixed: Float[Array, "m n d"]
    weights: Float[Array, "m n"]
    routed: Routed


class Roam(nnx.Module):
    """The whole model.

    Args:
        config: the whole config; `features` and `model` are read.
        sizes: of the data.
    """

    def __init__(self, config: ConfigDict, sizes: Sizes, *, rngs: nnx.Rngs):
        model, router = config.model, config.model.router
        dim, groups, dtype = model.dim, model.groups, jnp.dtype(config.compute_dtype)
        self.noise, self.relation_routing = model.noise, router.relation
        embed = nnx.initializers.normal(1.0)
        self.structure = (
            nnx.Param(embed(rngs.params(), (sizes.entities, dim)))
            if config.features.structure
            else None
        )
        self.features = nnx.Dict(
            {k: Features(sizes.entities, f) for k, f in sizes.features.items()}
        )
        lengths = ([dim] if config.features.structure else []) + list(sizes.features.values())
        self.relations = nnx.Param(embed(rngs.params(), (2 * sizes.relations, model.relation_dim)))
        self.experts = nnx.List(
            [moseg.Experts(f, model.hidden, dim, groups, dtype=dtype, rngs=rngs) for f in lengths]
        )
        self.attention = moseg.ModalityAttention(
            len(lengths), dim, model.relation_dim, temperature=model.temperature, rngs=rngs
        )
        self.summary = (
            regor.ParameterSummary(lengths, model.hidden, dim, dim, rngs=rngs)
            if router.groups == "parameters"
            else regor.Prototypes(groups, dim, rngs=rngs)
        )
        self.cost = (
            regor.LearnableCost(dim, dim, router.hidden, dtype=dtype, rngs=rngs)
            if router.cost == "learnable"
            else regor.CosineCost()
        )
        self.query_router, self.candidate_router = (
            routing.Router(
                groups,
                solver=router.solver,
                epsilon=router.epsilon,
                iterations=router.iterations,
            )
            for _ in range(2)
        )
        dropout = (model.dropout.head, model.dropout.matrix, model.dropout.query)
        self.core = tucker.TuckerCore(
            model.relation_dim, dim, dropout=dropout, dtype=dtype, rngs=rngs
        )

    def encode(self) -> Encoded:
        """Every entity through every expert (Eq. 2)."""
        inputs, present = [], []
        if self.structure is not None:
            inputs.append(self.structure[...])
            present.append(jnp.ones(len(inputs[0]), bool))
        for features in self.features.values():
            values, there = features()
            inputs.append(values)
            present.append(there)
        v = jnp.stack([expert(x) for expert, x in zip(self.experts, inputs, strict=True)])
        return Encoded(v, jnp.stack(present), self.summary(list(self.experts)))

    def candidates(self, encoded: Encoded, rngs: nnx.Rngs | None = None) -> Candidates:
        """Every entity as an answer, before any query is known.

        Its groups are mixed by its own costs, in which no relation takes part; the weights of its
        modalities do follow the relation, in `tucker.scores`. With `rngs`, in training.
        """
        weights = moseg.weights(self.attention.of_entities(encoded.v), encoded.present[:, None])
        cost = self.cost(moseg.fuse(encoded.v, weights), encoded.groups)
        shares = self.candidate_router.alone(cost)
        mixed = jnp.einsum("kn,mknd->mnd", shares.astype(encoded.v.dtype), encoded.v)
        logits = self._noisy(self.attention.of_entities(mixed), rngs)
        return Candidates(
            mixed, moseg.shifted(logits, encoded.present), Routed(cost, shares, weights)
        )

    def heads(
        self, encoded: Encoded, queries: Int[Array, "b 2"], rngs: nnx.Rngs | None = None
    ) -> tuple[Float[Array, "b d"], Routed]:
        """ẽ_h of Eq. 3, mixed over groups by the plan; with `rngs`, in training."""
        head, relation = queries.T
        v, present = encoded.v[:, :, head], encoded.present[:, None, head]
        own = self.attention.of_entities(v)
        logits = own + self.attention.of_relations(self.relations[...][relation])[:, None]
        weights = moseg.weights(self._noisy(logits, rngs), present)
        fused = moseg.fuse(v, weights)
        left = fused if self.relation_routing else moseg.fuse(v, moseg.weights(own, present))
        cost = self.cost(left, encoded.groups)
        router = self.query_router
        shares = router.alone(cost) if rngs is None else router.balanced(cost)
        mixed = jnp.einsum("kb,kbd->bd", shares.astype(fused.dtype), fused)
        return mixed, Routed(cost, shares, weights)

    def scores(
        self,
        queries: Int[Array, "b 2"],
        head: Float[Array, "b d"],
        candidates: Candidates,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "b n"]:
        """Tucker scores of every candidate; with `rngs`, in training."""
        relation, relations = queries[:, 1], self.relations[...]
        query = self.core(head, relation, relations, rngs=rngs)
        weights = moseg.shifted(self.attention.of_relations(relations[relation]))
        return tucker.scores(query, weights, candidates.mixed, candidates.weights)

    def __call__(self, queries: Int[Array, "b 2"]) -> tuple[Float[Array, "b n"], Routed]:
        """Scores of every entity as answer; what a query gets depends on that query alone."""
        encoded = self.encode()
        head, routed = self.heads(encoded, queries)
        return self.scores(queries, head, self.candidates(encoded)), routed

    def _noisy(self, logits: Float[Array, "m *n"], rngs: nnx.Rngs | None) -> Float[Array, "m *n"]:
        if rngs is None or not self.noise or len(logits) == 1:
            return logits
        return logits + self.attention.noise(logits, rngs)
