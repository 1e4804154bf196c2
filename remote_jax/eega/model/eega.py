"""EEGA: from a sentence and its picture to a tag for each pair of words (Eqs. 1-13)."""

from collections.abc import Iterable
from typing import NamedTuple

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int

from remote_jax.eega.graphs.text_graph import offsets
from remote_jax.eega.model.encoding import TextEncoding, VisualEncoding
from remote_jax.eega.model.graph_alignment import GraphAlignment, Graphs, Plans
from remote_jax.eega.model.image_to_text import AttendedWords, ImageToText
from remote_jax.eega.model.multi_channel import MultiChannel
from remote_jax.eega.model.word_pairs import WordPairTagger
from remote_jax.task import Batch

EDGE_CHANNEL, POSITION_CHANNEL = "dependency", "position"
"""Channels that read `edges`, and no array at all; others read the one of their name."""


class EncodedGraphs(NamedTuple):
    """Both graphs of a batch; `image` is None where the model sees no pictures."""

    text: Graphs
    image: Graphs | None


class TaggerOutput(NamedTuple):
    """Logits of tags, and the attention of words to objects, None without pictures."""

    logits: Float[Array, "b n n t"]
    attention: Float[Array, "b n k"] | None


class Eega(nnx.Module):
    """The whole model.

    Args:
      text: H_T.
      vision, attention: H_I, and how words read it; both None where no pictures are seen.
      alignment: None is Table 2's "w/o edge-enhanced".
      channels: None is Table 2's "w/o multi-channel": S is O.
      tagger: W_p.
      pair_features: whether the tagger sees the channels' numbers of a pair as well.
    """

    blind = False
    """Whether words read no object, as in a post without any (`without.take_away`)."""
    unchannelled = False
    """Whether S is O, and the tagger sees nothing of the channels (`without.take_away`)."""

    def __init__(
        self,
        text: TextEncoding,
        vision: VisualEncoding | None,
        attention: ImageToText | None,
        alignment: GraphAlignment | None,
        channels: MultiChannel | None,
        tagger: WordPairTagger,
        *,
        pair_features: bool,
    ):
        self.text, self.vision, self.attention = text, vision, attention
        self.alignment, self.channels, self.tagger = alignment, channels, tagger
        self.pair_features = pair_features

    def __call__(self, batch: Batch, *, rngs: nnx.Rngs | None = None) -> TaggerOutput:
        """Tags of every pair of words in the batch (contract in `features.py`).

        `rngs` gives dropout; without it the model is deterministic.
        """
        return self.tag(self.encode(batch, rngs=rngs), batch, rngs=rngs)

    def encode(self, batch: Batch, *, rngs: nnx.Rngs | None = None) -> EncodedGraphs:
        """The graph encoder (Eqs. 1-4)."""
        image = None if self.vision is None else self.vision(batch, rngs=rngs)
        return EncodedGraphs(self.text(batch, rngs=rngs), image)

    def tag(
        self, encoded: EncodedGraphs, batch: Batch, *, rngs: nnx.Rngs | None = None
    ) -> TaggerOutput:
        """What comes after the graphs (Eqs. 8-11)."""
        words, attention = self.read_objects(encoded, rngs=rngs)
        features = None
        if self.channels is not None and not self.unchannelled:
            numbers = matrices(self.channels.names, batch)
            words = self.channels(words, numbers, encoded.text.mask, rngs=rngs)
            if self.pair_features:
                features = self.channels.pairs(numbers)
        return TaggerOutput(self.tagger(words, features, rngs=rngs), attention)

    def read_objects(
        self, encoded: EncodedGraphs, *, rngs: nnx.Rngs | None = None
    ) -> AttendedWords:
        """O (Eq. 8); H_T, and no attention, where the model sees no pictures."""
        words, image = encoded.text.nodes, encoded.image
        if self.attention is None or image is None:
            return AttendedWords(words, None)
        mask = jnp.zeros_like(image.mask) if self.blind else image.mask
        return self.attention(words, image.nodes, mask, rngs=rngs)

    def plans(self, encoded: EncodedGraphs) -> Plans | None:
        """How both graphs of a batch are aligned; None without an alignment or pictures."""
        if self.alignment is None or encoded.image is None:
            return None
        return self.alignment.plans(encoded.image, encoded.text)

    def graph_loss(self, encoded: EncodedGraphs, plans: Plans | None) -> Float[Array, ""]:
        """L_graph of a batch (Eq. 7) at its plans; 0 without an alignment or pictures."""
        if self.alignment is None or encoded.image is None or plans is None:
            return jnp.zeros(())
        return self.alignment.loss(encoded.image, encoded.text, plans)


def matrices(names: Iterable[str], batch: Batch) -> dict[str, Int[Array, "b n *n"]]:
    """M of several channels, by name."""
    return {name: matrix(name, batch) for name in names}


def matrix(name: str, batch: Batch) -> Int[Array, "b n *n"]:
    """M of a channel, of a batch."""
    if name == POSITION_CHANNEL:
        size, count = batch["words"].shape
        return jnp.broadcast_to(offsets(count), (size, count, count))
    return batch["edges" if name == EDGE_CHANNEL else name]
