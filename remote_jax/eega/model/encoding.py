"""Graph encoder: the nodes of both graphs, H_T and H_I (Eqs. 1-4)."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from remote_jax.eega.graphs.text_graph import NO_EDGE
from remote_jax.eega.model.attribute_transformer import AttributeTransformer
from remote_jax.eega.model.graph_alignment import Graphs
from remote_jax.encoders.attention import EMBEDDING_INIT, linear
from remote_jax.encoders.bert import Bert
from remote_jax.encoders.vit import ViT
from remote_jax.task import Batch


class TextEncoding(nnx.Module):
    """H_T: BERT's last level, pooled to words (Eq. 1), through the textual graph (Eqs. 3-4).

    BERT is not run where a batch brings X_T, as `word_vectors`.

    Args:
      graph: None leaves the graph out; H_T is then X_T.
    """

    isolated = False
    """Whether no word has a neighbour but itself (`without.take_away`)."""

    def __init__(self, bert: Bert, graph: AttributeTransformer | None):
        self.bert, self.graph = bert, graph

    def __call__(self, batch: Batch, *, rngs: nnx.Rngs | None = None) -> Graphs:
        """The textual graph of each sentence; without edges where the batch has none."""
        mask = batch["words"]
        if "word_vectors" in batch:
            nodes = batch["word_vectors"].astype(self.bert.norm.dtype)
        else:
            nodes = self.vectors(batch, rngs=rngs)
        b, n = mask.shape
        edges = batch["edges"] if "edges" in batch else jnp.full((b, n, n), NO_EDGE)
        if self.isolated:
            edges = lone(edges)
        if self.graph is not None:
            nodes = self.graph(nodes, edges, edges != NO_EDGE, mask, rngs=rngs)
        return Graphs(nodes, mask, edges != NO_EDGE)

    def vectors(self, batch: Batch, *, rngs: nnx.Rngs | None = None) -> Float[Array, "b n d"]:
        """X_T: BERT's last level, pooled to words (Eq. 1)."""
        tokens, count = batch["tokens"], batch["words"].shape[1]
        levels = self.bert(tokens, batch["token_mask"], jnp.zeros_like(tokens), rngs=rngs)
        return pool(levels[-1], batch["word"], count)


class VisualEncoding(nnx.Module):
    """H_I: the ViT's CLS of each object (Eq. 2), through the visual graph (Eqs. 3-4), of width d_T.

    The ViT is not run where a batch brings X_I, as `object_vectors`.

    Args:
      graph: None leaves the graph out; H_I is then a linear map of X_I.
      dim: d_T.
      classes: how many classes of objects there are, each with a vector that is added to X_I; 0 for
        pixels alone.
      mean, std: of the RGB channels, in [0, 1], as the ViT was pretrained.
    """

    isolated = False
    """Whether no object has a neighbour but itself (`without.take_away`)."""

    def __init__(
        self,
        vit: ViT,
        graph: AttributeTransformer | None,
        *,
        dim: int,
        classes: int,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        dtype: DTypeLike,
        rngs: nnx.Rngs,
    ):
        self.vit, self.graph, self.mean, self.std = vit, graph, mean, std
        width = vit.config.dim
        if graph is None:
            self.project = linear(width, dim, dtype=dtype, rngs=rngs)
        if classes:
            self.classes = nnx.Param(EMBEDDING_INIT(rngs.params(), (classes, width)))
        self.named = bool(classes)

    def __call__(self, batch: Batch, *, rngs: nnx.Rngs | None = None) -> Graphs:
        """The visual graph of each picture."""
        mask, edges = batch["objects"], batch["object_edges"]
        if self.isolated:
            edges = lone(edges)
        if "object_vectors" in batch:
            nodes = batch["object_vectors"].astype(self.vit.dtype)
        else:
            nodes = self.vectors(batch, rngs=rngs)
        if self.named:
            nodes = nodes + self.classes[...][batch["classes"]].astype(nodes.dtype)
        if self.graph is None:
            nodes = self.project(nodes)
        else:
            nodes = self.graph(nodes, edges, edges != NO_EDGE, mask, rngs=rngs)
        return Graphs(nodes, mask, edges != NO_EDGE)

    def vectors(self, batch: Batch, *, rngs: nnx.Rngs | None = None) -> Float[Array, "b k d"]:
        """X_I: the ViT's CLS of each object (Eq. 2)."""
        rgb = batch["rgb"]
        b, k, s = rgb.shape[:3]
        pixels = (rgb.reshape(b * k, s, s, 3) / 255.0 - jnp.array(self.mean)) / jnp.array(self.std)
        return self.vit.norm(self.vit(pixels, rngs=rngs)[-1][:, 0]).reshape(b, k, -1)


def lone(edges: Int[Array, "b n n"]) -> Int[Array, "b n n"]:
    """The edges of nodes to themselves alone."""
    return jnp.where(jnp.eye(edges.shape[-1], dtype=bool), edges, NO_EDGE)


def pool(
    pieces: Float[Array, "b p d"], word: Int[Array, "b p"], words: int
) -> Float[Array, "b n d"]:
    """The mean of each word's pieces; zeros for a word without any.

    Args:
      word: of each piece; -1 for none.
      words: n.
    """
    member = jax.nn.one_hot(word, words, dtype=pieces.dtype)  # no word: a row of zeros
    total = jnp.einsum("bpn,bpd->bnd", member, pieces)
    return total / jnp.maximum(member.sum(1), 1)[..., None]
