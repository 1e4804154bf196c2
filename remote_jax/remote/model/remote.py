"""REMOTE: from a sentence, its picture and a marked head and tail to their relation (Eqs. 3-14)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int, Shaped

from remote_jax.remote.model.encoding import TextEncoding, VisualEncoding, object_means
from remote_jax.remote.model.gauges import (
    FusionGauges,
    Gauges,
    RouterGauges,
    arrays,
    no_choice,
    no_fusion,
    router_gauges,
)
from remote_jax.remote.model.mmoe import Levels, Mixed, MixtureOfExperts, Stream
from remote_jax.task import Batch


class PairClassifier(nnx.Module):
    """Eq. 13: reads head and tail out of the streams and scores every relation.

    An entity is H^{T,V} at its opening marker, which attends to the entity's caption where there
    is one. An object is H^{T,V} at its caption's marker concatenated with the mean of its patch
    tokens in H^{V,T}, projected to d_t. The MLP has one hidden layer. §6.1 gives a rate of dropout
    without a place: here it acts on the pair and on the hidden layer.
    """

    def __init__(
        self,
        text_dim: int,
        vision_dim: int,
        relations: int,
        *,
        dropout: float,
        dtype: jnp.dtype,
        rngs: nnx.Rngs,
    ):
        self.object = nnx.Linear(text_dim + vision_dim, text_dim, dtype=dtype, rngs=rngs)
        self.hidden = nnx.Linear(2 * text_dim, 2 * text_dim, dtype=dtype, rngs=rngs)
        self.relation = nnx.Linear(2 * text_dim, relations, dtype=dtype, rngs=rngs)
        self.dropout = nnx.Dropout(dropout)

    def __call__(
        self,
        at_marker: Float[Array, "b 2*p dt"],
        at_object: Float[Array, "b 2*p dv"],
        seen: Bool[Array, "b 2*p"],
        *,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "b*p r"]:
        """Logits over relations of p pairs an example, one after another.

        Args:
            at_marker: H^{T,V} at the opening markers of each pair's head and tail.
            at_object: means of the object's tokens in H^{V,T}, where one is an object.
            seen: whether it is.
        """
        both = jnp.concatenate([at_marker, at_object.astype(at_marker.dtype)], axis=-1)
        arguments = jnp.where(seen[..., None], self.object(both), at_marker)
        pair = arguments.reshape(-1, 2 * arguments.shape[-1])
        hidden = nnx.gelu(self.hidden(self._drop(pair, rngs)))
        return self.relation(self._drop(hidden, rngs)).astype(jnp.float32)

    def _drop(self, x: Float[Array, "b d"], rngs: nnx.Rngs | None) -> Float[Array, "b d"]:
        return self.dropout(x, deterministic=rngs is None, rngs=rngs)


class Forward(NamedTuple):
    """Logits, and what led to them; both `vision` and `sights` are None without any object.

    Attributes:
        text, vision: levels of the modalities.
        words: H^{T,V} at the opening markers of head and tail of each pair.
        sights: H^{V,T} at the tokens of each head and tail.
        seen: which of these tokens there are.
    """

    logits: Float[Array, "b*p r"]
    text: Levels
    words: Mixed
    vision: Levels | None = None
    sights: Mixed | None = None
    seen: Bool[Array, "b 2*p*u"] | None = None


class Remote(nnx.Module):
    """The whole model. `mmoe=None` is Table 3's "w/o MMoE": each stream is its own last level.

    The streams of Eqs. 9-12 are evaluated where pairs are read out of them, and nowhere else.
    """

    def __init__(
        self,
        text: TextEncoding,
        vision: VisualEncoding,
        mmoe: MixtureOfExperts | None,
        classifier: PairClassifier,
    ):
        self.text, self.vision, self.mmoe, self.classifier = text, vision, mmoe, classifier

    def __call__(self, batch: Batch, *, rngs: nnx.Rngs | None = None) -> Float[Array, "b*p r"]:
        """Logits over relations of every pair in the batch (contract in `remote.task`).

        `rngs` gives dropout; without it the model is deterministic.
        """
        return self.observed(batch, rngs=rngs)[0]

    def observed(
        self, batch: Batch, *, rngs: nnx.Rngs | None = None
    ) -> tuple[Float[Array, "b*p r"], Gauges]:
        """The logits, and what transport and routers did; compiled out where it is not used."""
        found = self.forward(batch, rngs=rngs)
        there = self.there(batch)
        if found.vision is None or found.sights is None or found.seen is None:
            return found.logits, self._unseen(found.text, there)
        pairs = there.shape[1]
        return found.logits, {
            **_gauges("text", found.text, found.words, jnp.repeat(there, 2, axis=1), pairs),
            **_gauges("vision", found.vision, found.sights, found.seen, pairs),
        }

    def forward(self, batch: Batch, *, rngs: nnx.Rngs | None = None) -> Forward:
        """The logits and what led to them.

        The vision tower is not run for a batch without any object: H^{T,V} is then the last level
        of the text (`mmoe.Stream`), and an object is zeros.
        """
        text, markers = self.read(batch, rngs)
        ends = batch["object"].reshape(text.mask.shape[0], -1)
        objects = batch["boxes"].shape[1]
        if not objects:
            nothing = jnp.zeros((*ends.shape, self.vision.vit.config.dim), markers.dtype)
            logits = self.classifier(markers, nothing, ends >= 0, rngs=rngs)
            return Forward(logits, text, Mixed(markers))
        vision = self.vision(
            batch["rgb"],
            batch["depth"],
            batch["boxes"],
            batch["rgb_mask"],
            batch["depth_mask"],
            rngs=rngs,
        )._replace(of=batch.get("picture"))
        words = Mixed(markers) if self.mmoe is None else self.mmoe.text(markers, vision)
        sights = self._sights(vision, text, ends, objects)
        mask = at_ends(vision.each(vision.mask)[..., None], ends, objects)[..., 0]
        means = object_means(sights.features, mask, ends.shape[1])
        logits = self.classifier(words.features, means, ends >= 0, rngs=rngs)
        return Forward(logits, text, words, vision, sights, mask)

    def read(self, batch: Batch, rngs: nnx.Rngs | None) -> tuple[Levels, Float[Array, "b 2*p dt"]]:
        """Levels of the text, and the last one at the opening markers of each pair."""
        text = self.text(batch["tokens"], batch["token_mask"], batch["token_types"], rngs=rngs)
        marker = batch["marker"][..., None]
        return text, jnp.take_along_axis(text.features[-1], marker, axis=1)

    def there(self, batch: Batch) -> Bool[Array, "b p"]:
        """Which pairs of an example there are: here an example is one."""
        return jnp.ones((batch["object"].shape[0], 1), bool)

    def _unseen(self, text: Levels, there: Bool[Array, "b p"]) -> Gauges:
        """Gauges of a batch without any object."""
        pairs = there.size
        absent = jnp.zeros(pairs, bool)
        fused = [no_fusion(pairs)] * self.vision.fusion.levels
        words, sights = (None, None) if self.mmoe is None else (self.mmoe.text, self.mmoe.vision)
        read = there.reshape(-1)
        return {
            **arrays("text", *_of_pairs(text, there.shape[1]), _unheard(words, read)),
            **arrays("vision", absent[:, None], fused, _unheard(sights, absent)),
        }

    def _sights(
        self, vision: Levels, text: Levels, ends: Int[Array, "b 2*p"], objects: int
    ) -> Mixed:
        """H^{V,T} at the tokens of each head and tail, evaluated once for each object at most."""
        last = vision.each(vision.features[-1])
        if self.mmoe is None:
            return Mixed(at_ends(last, ends, objects))
        if ends.shape[1] <= objects:
            return self.mmoe.vision(at_ends(last, ends, objects), text)
        mixed = self.mmoe.vision(last, text)
        weights, attention = mixed.weights, mixed.attention
        return Mixed(
            at_ends(mixed.features, ends, objects),
            None if weights is None else at_ends(weights, ends, objects),
            mixed.present,
            None if attention is None else at_ends(attention, ends, objects),
        )


def at_ends(
    x: Shaped[Array, "b k *d"], ends: Int[Array, "b e"], objects: int
) -> Shaped[Array, "b e*u *d"]:
    """What the u tokens of some objects have, one object after another.

    Args:
        x: of all visual tokens, k = u·objects.
        ends: places of the objects. One beyond those that a batch is cut to, which cannot be seen,
            has zeros, as has an entity, -1.
    """
    b, _, *d = x.shape
    place = jnp.where(ends >= 0, ends, objects)[..., None]
    found = jnp.take_along_axis(x.reshape(b, objects, -1), place, axis=1, mode="fill", fill_value=0)
    return found.reshape(b, -1, *d)


def _gauges(
    modality: str, levels: Levels, mixed: Mixed, read: Bool[Array, "b p*n"], pairs: int
) -> dict[str, Array]:
    router = None
    if mixed.weights is not None and mixed.present is not None:
        weights = mixed.weights.reshape(-1, mixed.weights.shape[1] // pairs, mixed.weights.shape[2])
        present = jnp.repeat(mixed.present, pairs, axis=0)
        router = router_gauges(weights, present, read.reshape(weights.shape[0], -1))
    return arrays(modality, *_of_pairs(levels, pairs), router)


def _of_pairs(levels: Levels, pairs: int) -> tuple[Bool[Array, "b*p n"], list[FusionGauges]]:
    """The mask and what fusion did, for each of the pairs that share them."""

    def of_pairs(x: Shaped[Array, "p *n"]) -> Shaped[Array, "b*p *n"]:
        return jnp.repeat(levels.each(x), pairs, axis=0)

    return of_pairs(levels.mask), jax.tree.map(of_pairs, list(levels.gauges))


def _unheard(stream: Stream | None, read: Bool[Array, " b"]) -> RouterGauges | None:
    """Gauges of a stream for which the other modality is absent."""
    if stream is None or not stream.routed:
        return None
    own = jnp.arange(stream.routed) == 0 if stream.own else jnp.zeros(stream.routed, bool)
    return no_choice(own.astype(jnp.float32), read)
