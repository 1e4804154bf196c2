"""Entities as the layers of ROAM pass them on: encoded, routed, and as candidates to be scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from remote_jax.roam.ranking import Chunks

BLOCK = 4096
"""Most entities that experts embed at once where nothing is learnt: their outputs are K times as
large as what is kept of them."""


Places = Int[Array, " n"] | slice
"""Rows of a table, or all of them."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class EncodedEntities:
    """Every entity as the experts see it.

    Attributes:
        v: v_im^(k) of Eq. 2.
        present: which modalities an entity has.
        groups: g(W^(k)) of Eq. 7; with a modality more in front where each routes by itself.
        raw: e_i, for costs without f.
    """

    v: Float[Array, "m k n d"]
    present: Bool[Array, "m n"]
    groups: Float[Array, "*k l"]
    raw: Float[Array, "n d"] | None

    def skip(self, count: int) -> EncodedEntities:
        """All but the first `count` entities."""
        raw = None if self.raw is None else self.raw[count:]
        return EncodedEntities(self.v[:, :, count:], self.present[:, count:], self.groups, raw)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Routing:
    """How entities are spread over groups, and over the modalities in each.

    Attributes:
        cost: c of Eq. 6; with a modality more in front where each routes by itself.
        shares: p of the groups, alike.
        weights: w_m of Eq. 4.
    """

    cost: Float[Array, "*k n"]
    shares: Float[Array, "*k n"]
    weights: Float[Array, "m k n"]

    @property
    def group_shares(self) -> Float[Array, "k n"]:
        """Shares of the groups; their mean over modalities where each routes by itself."""
        return self.shares.reshape(-1, *self.shares.shape[-2:]).mean(0)

    @property
    def group_costs(self) -> Float[Array, "k n"]:
        """Costs of the groups, likewise."""
        return self.cost.reshape(-1, *self.cost.shape[-2:]).mean(0)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Candidates:
    """Entities as answers: one vector a modality, and its weight's part of Eq. 4."""

    mixed: Float[Array, "m n d"]
    weights: Float[Array, "m n"]

    def first(self, count: int) -> Candidates:
        """The first `count` entities."""
        return Candidates(self.mixed[:, :count], self.weights[:, :count])

    def at(self, entities: Int[Array, " c"]) -> Candidates:
        """Some entities."""
        return Candidates(self.mixed[:, entities], self.weights[:, entities])

    def chunk(self, chunks: Chunks, number: int | Int[Array, ""]) -> Candidates:
        """The entities of one of the chunks."""
        mixed, weights = (chunks.take(x, number, axis=1) for x in (self.mixed, self.weights))
        return Candidates(mixed, weights)


@dataclass(frozen=True)
class Scores:
    """Of every candidate for every query.

    Attributes:
        whole: what ranks.
        by_modality: of each modality alone, where each has a loss of its own.
    """

    whole: Float[Array, "b n"]
    by_modality: Float[Array, "m b n"] | None = None


Scorer = Callable[[Candidates], Scores]
"""Scores of candidates for the queries of a batch."""


def candidates_in_blocks(
    embed: Callable[[Int[Array, " n"]], Candidates], entities: int
) -> Candidates:
    """All entities as candidates, at most `BLOCK` of them embedded at a time.

    The last entity is repeated until chunks of candidates are full (`ranking.Chunks`).

    Args:
        embed: makes candidates of the entities with these ids.
        entities: their number.
    """
    filled = Chunks.of(entities).filled
    blocks = -(-filled // BLOCK)
    size = -(-filled // blocks)
    places = jnp.minimum(jnp.arange(blocks * size), entities - 1).reshape(blocks, size)
    parts = jax.lax.map(embed, places)
    mixed, weights = (jnp.moveaxis(x, 0, 1) for x in (parts.mixed, parts.weights))
    mixed = mixed.reshape(len(mixed), -1, mixed.shape[-1])
    weights = weights.reshape(len(weights), -1)
    return Candidates(mixed[:, :filled], weights[:, :filled])
