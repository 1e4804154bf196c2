"""Makes the model a config describes."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jax.numpy as jnp
from flax import nnx
from ml_collections import ConfigDict

from remote_jax.config.frozen import without_dropout
from remote_jax.eega.data.corpus_statistics import CorpusStatistics
from remote_jax.eega.graphs.cooccurrence import LEVELS
from remote_jax.eega.graphs.shapes import SHAPES
from remote_jax.eega.graphs.text_graph import DISTANCES, OFFSETS, UNKNOWN_EDGE, UNKNOWN_POS
from remote_jax.eega.graphs.visual_graph import edge_types
from remote_jax.eega.model import without
from remote_jax.eega.model.attribute_transformer import AttributeTransformer
from remote_jax.eega.model.eega import Eega
from remote_jax.eega.model.encoding import TextEncoding, VisualEncoding
from remote_jax.eega.model.graph_alignment import GraphAlignment
from remote_jax.eega.model.image_to_text import ImageToText
from remote_jax.eega.model.multi_channel import MultiChannel
from remote_jax.eega.model.word_pairs import WordPairTagger
from remote_jax.eega.settings import channels
from remote_jax.encoders import build
from remote_jax.task import NamedAxis


@dataclass(frozen=True)
class Sizes:
    """How many there are of each: word pieces, tags, and what `CorpusStatistics` names.

    Attributes:
      edges, object_edges: types of edges in the textual and the visual graph.
      pos: parts of speech.
      classes: of objects.
    """

    vocabulary: int
    tags: int
    edges: int
    pos: int
    classes: int
    object_edges: int

    @classmethod
    def from_corpus(cls, corpus: CorpusStatistics, vocabulary: int) -> "Sizes":
        """Those of a training split, and a tokenizer of `vocabulary` pieces."""
        return cls(
            vocabulary=vocabulary,
            tags=len(corpus.vocabulary.tags),
            edges=corpus.labels.edges,
            pos=corpus.labels.tags,
            classes=len(corpus.classes),
            object_edges=len(edge_types(corpus.relations)),
        )


def named_axes(corpus: CorpusStatistics) -> list[NamedAxis]:
    """What rows of tables, and tags, stand for; those of `NO_EDGE` and its like have no name."""
    vocabulary, labels = corpus.vocabulary, corpus.labels
    types = [f"type {name}" for name in vocabulary.types]
    tags = ["none", *types, *(f"relation {name}" for name in vocabulary.relations)]
    edges = [*map(str, range(UNKNOWN_EDGE + 1)), *(f"edge {x}" for x in labels.dependencies)]
    pos = [*map(str, range(UNKNOWN_POS + 1)), *(f"pos {x}" for x in labels.pos)]
    return [
        NamedAxis("tagger/tags/kernel", 1, tags),
        NamedAxis("tagger/tags/bias", 0, tags),
        NamedAxis("text/graph/attention/edges", 0, edges),
        NamedAxis("channels/channels/dependency/table", 0, edges),
        NamedAxis("channels/channels/pos/table", 0, pos),
        NamedAxis("vision/graph/attention/edges", 0, edge_types(corpus.relations)),
        NamedAxis("vision/classes", 0, corpus.classes),
    ]


def eega(config: ConfigDict, sizes: Sizes, *, rngs: nnx.Rngs) -> Eega:
    """EEGA as `config` says; encoders that are frozen have no dropout.

    Raises:
      UserError: a pretrained checkpoint does not fit, or a switch has a wrong value.
    """
    config = without_dropout(config)
    encoders = build.load(config, sizes.vocabulary, rngs, parts(config))
    return assemble(config, sizes, encoders, rngs)


def parts(config: ConfigDict) -> tuple[str, ...]:
    """The encoders that the model has."""
    return build.PARTS if config.features.picture else ("text",)


def mechanisms(config: ConfigDict) -> dict[str, str]:
    """What the model of a config can be scored without (`without.mechanisms`)."""
    return without.mechanisms(
        graphs=config.model.graph == "attribute",
        picture=config.features.picture,
        channels=channels(config.model.channels),
    )


def shapes(config: ConfigDict, folder: Path, sizes: Sizes) -> Eega:
    """The model of `eega` with shapes instead of values, for parameters of a checkpoint.

    Args:
      folder: filled by `encoders.build.save_settings`; no pretrained checkpoint is opened.
    """
    config = without_dropout(config)
    make = partial(assemble, config, sizes)
    return build.shapes(config, sizes.vocabulary, folder, make, parts(config))


def assemble(config: ConfigDict, sizes: Sizes, encoders: build.Encoders, rngs: nnx.Rngs) -> Eega:
    """EEGA around its encoders."""
    text, vision, statistics = encoders
    model, dtype, dim = config.model, jnp.dtype(config.compute_dtype), text.config.dim
    tagger = WordPairTagger(
        dim, sizes.tags, hidden=model.hidden, rate=model.dropout, dtype=dtype, rngs=rngs
    )
    paired = model.pair_features and bool(channels(model.channels))
    read = multi_channel(config, sizes, dim, tagger.width if paired else 0, rngs)
    words = TextEncoding(text, graph(config, dim, dim, sizes.edges, rngs))
    objects, attention = None, None
    if vision is not None:
        objects = VisualEncoding(
            vision,
            graph(config, vision.config.dim, dim, sizes.object_edges, rngs),
            dim=dim,
            classes=sizes.classes if config.features.classes else 0,
            **statistics,
            dtype=dtype,
            rngs=rngs,
        )
        attention = ImageToText(dim, model.heads, rate=model.dropout, dtype=dtype, rngs=rngs)
    return Eega(words, objects, attention, alignment(config), read, tagger, pair_features=paired)


def multi_channel(
    config: ConfigDict, sizes: Sizes, dim: int, pair_width: int, rngs: nnx.Rngs
) -> MultiChannel | None:
    """The channels that the config names, for words of width `dim`; None where it names none."""
    model, named = config.model, channels(config.model.channels)
    if not named:
        return None
    counts = {
        "pos": sizes.pos,
        "distance": DISTANCES,
        "pmi": LEVELS,
        "dependency": sizes.edges,
        "position": OFFSETS,
        "shape": SHAPES,
    }
    return MultiChannel(
        dim,
        {name: counts[name] for name in named},
        channel_dim=model.channel_dim,
        pair_width=pair_width,
        values=model.channel_values,
        rate=model.dropout,
        dtype=jnp.dtype(config.compute_dtype),
        rngs=rngs,
    )


def graph(
    config: ConfigDict, dim: int, out_dim: int, types: int, rngs: nnx.Rngs
) -> AttributeTransformer | None:
    """The attribute transformer of one graph, from nodes of width `dim` to `out_dim`."""
    model = config.model
    if model.graph == "none":
        return None
    return AttributeTransformer(
        dim,
        out_dim,
        model.heads,
        types=types,
        edge_dim=model.edge_dim,
        hidden=4 * out_dim,
        attributes=model.graph == "attribute",
        rate=model.dropout,
        dtype=jnp.dtype(config.compute_dtype),
        rngs=rngs,
    )


def alignment(config: ConfigDict) -> GraphAlignment | None:
    """The alignment of both graphs; None where nothing is aligned."""
    settings = config.model.alignment
    if not config.features.picture or not settings.weight:
        return None
    return GraphAlignment(
        alpha=settings.alpha,
        node_epsilon=settings.node_epsilon,
        edge_epsilon=settings.edge_epsilon,
        iterations=settings.iterations,
        steps=settings.steps,
    )
