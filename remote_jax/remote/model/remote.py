"""REMOTE: from a sentence, its picture and a marked head and tail to their relation (Eqs. 3-14)."""

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from remote_jax.remote.model.encoding import TextEncoding, VisualEncoding, object_means
from remote_jax.remote.model.gauges import (
    Gauges,
    RouterGauges,
    arrays,
    at_markers,
    at_objects,
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
        text: Float[Array, "b n dt"],
        objects: Float[Array, "b o dv"],
        marker: Int[Array, "b 2"],
        index: Int[Array, "b 2"],
        *,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "b r"]:
        """Logits over relations; `marker` and `index` as in the batch contract of `remote.task`."""
        at_marker = jnp.take_along_axis(text, marker[..., None], axis=1)
        place = jnp.maximum(index, 0)[..., None]
        # An object that cannot be seen may lie beyond those that a batch is cut to.
        at_object = jnp.take_along_axis(objects, place, axis=1, mode="fill", fill_value=0)
        seen = self.object(jnp.concatenate([at_marker, at_object.astype(text.dtype)], axis=-1))
        arguments = jnp.where((index >= 0)[..., None], seen, at_marker)
        pair = arguments.reshape(arguments.shape[0], -1)
        hidden = nnx.gelu(self.hidden(self._drop(pair, rngs)))
        return self.relation(self._drop(hidden, rngs)).astype(jnp.float32)

    def _drop(self, x: Float[Array, "b d"], rngs: nnx.Rngs | None) -> Float[Array, "b d"]:
        return self.dropout(x, deterministic=rngs is None, rngs=rngs)


class Remote(nnx.Module):
    """The whole model. `mmoe=None` is Table 3's "w/o MMoE": each stream is its own last level."""

    def __init__(
        self,
        text: TextEncoding,
        vision: VisualEncoding,
        mmoe: MixtureOfExperts | None,
        classifier: PairClassifier,
    ):
        self.text, self.vision, self.mmoe, self.classifier = text, vision, mmoe, classifier

    def __call__(self, batch: Batch, *, rngs: nnx.Rngs | None = None) -> Float[Array, "b r"]:
        """Logits over relations of every pair in the batch (contract in `remote.task`).

        `rngs` gives dropout; without it the model is deterministic.
        """
        return self.observed(batch, rngs=rngs)[0]

    def observed(
        self, batch: Batch, *, rngs: nnx.Rngs | None = None
    ) -> tuple[Float[Array, "b r"], Gauges]:
        """The logits, and what transport and routers did; compiled out where it is not used."""
        text = self.text(batch["tokens"], batch["token_mask"], batch["token_types"], rngs=rngs)
        objects = batch["boxes"].shape[1]
        if not objects:
            return self._unseen(text, batch, rngs)
        vision = self.vision(
            batch["rgb"],
            batch["depth"],
            batch["boxes"],
            batch["rgb_mask"],
            batch["depth_mask"],
            rngs=rngs,
        )
        words, sights = self._streams(text, vision)
        seen = object_means(sights.features, vision.mask, objects)
        marker, index = batch["marker"], batch["object"]
        logits = self.classifier(words.features, seen, marker, index, rngs=rngs)
        markers = at_markers(marker, text.mask)
        pair = at_objects(index, objects, vision.mask)
        return logits, {
            **_gauges("text", text, words, markers),
            **_gauges("vision", vision, sights, pair),
        }

    def _unseen(
        self, text: Levels, batch: Batch, rngs: nnx.Rngs | None
    ) -> tuple[Float[Array, "b r"], Gauges]:
        """The same for a batch without any object, whose vision tower is not run.

        H^{T,V} is then the last level of the text (`mmoe.Stream`), and an object is zeros.
        """
        last, marker = text.features[-1], batch["marker"]
        nothing = jnp.zeros((len(last), 1, self.vision.vit.config.dim), last.dtype)
        logits = self.classifier(last, nothing, marker, batch["object"], rngs=rngs)
        read = at_markers(marker, text.mask).any(-1)
        absent = jnp.zeros_like(read)
        fused = [no_fusion(len(last))] * self.vision.fusion.levels
        words, sights = (None, None) if self.mmoe is None else (self.mmoe.text, self.mmoe.vision)
        return logits, {
            **arrays("text", text.mask, text.gauges, _unheard(words, read)),
            **arrays("vision", absent[:, None], fused, _unheard(sights, absent)),
        }

    def _streams(self, text: Levels, vision: Levels) -> tuple[Mixed, Mixed]:
        if self.mmoe is None:
            return Mixed(text.features[-1]), Mixed(vision.features[-1])
        return self.mmoe(text, vision)


def _gauges(
    modality: str, levels: Levels, mixed: Mixed, read: Bool[Array, "b n"]
) -> dict[str, Array]:
    router = None
    if mixed.weights is not None and mixed.present is not None:
        router = router_gauges(mixed.weights, mixed.present, read)
    return arrays(modality, levels.mask, levels.gauges, router)


def _unheard(stream: Stream | None, read: Bool[Array, " b"]) -> RouterGauges | None:
    """Gauges of a stream for which the other modality is absent."""
    if stream is None or not stream.routed:
        return None
    own = jnp.arange(stream.routed) == 0 if stream.own else jnp.zeros(stream.routed, bool)
    return no_choice(own.astype(jnp.float32), read)
