"""Keys of a config that EEGA reads, and what data they make the model need."""

from __future__ import annotations

from dataclasses import dataclass

from ml_collections import ConfigDict

from remote_jax.config import LANGUAGE, SWITCH, Between, Key, Keys, OneOf, Text, Whole
from remote_jax.config.run_buckets import MOST
from remote_jax.encoders.settings import ENCODER_KEYS
from remote_jax.errors import UserError

CHANNELS = ("pos", "distance", "pmi", "dependency", "position", "shape")
"""The paper's three (Eq. 9), the labels of the text graph, how far after w_i w_j stands, and how a
word is written."""
PARSE_CHANNELS = frozenset({"pos", "distance", "dependency"})
"""Those that a parse gives."""

PROTOCOLS = ("directed", "folded")

_POSTS = Whole(1, 100_000)

KEYS: Keys = {
    "metric": Key(
        OneOf(PROTOCOLS),
        "How quintuples are counted: head and tail the right way round, or as the authors' code.",
    ),
    "data.name": Key(
        OneOf(("jmere", "jmere_mnre")), "JMERE as released, or derived from the files of MNRE."
    ),
    "data.max_rejected": Key(
        Between(0, 1), "Share of malformed rows above which the build of the records stops."
    ),
    "data.language": LANGUAGE,
    "data.pipeline": Key(
        Text("a spaCy pipeline, or its folder as ./FOLDER"),
        "Parses sentences where the data folder brings no parses.",
    ),
    "data.threshold": Key(Between(0, 1), "Lowest score of a relation in a scene graph."),
    "data.max_tokens": Key(Whole(1, 4096), "Most word pieces of a sentence."),
    "data.max_words": Key(Whole(1, 4096), "Most words of a sentence."),
    "data.max_objects": Key(Whole(1, 1024), "Most objects of a picture."),
    "data.crop": Key(Whole(1, 4096), "Side, in pixels, that each object is scaled to."),
    "data.buckets": Key(
        Whole(1, MOST),
        "Most sizes, beside the full one, to which batches are cut; each is compiled once. "
        "1: no cutting.",
    ),
    "data.sample.train": Key(_POSTS, "Generated posts for training.", optional=True),
    "data.sample.validation": Key(_POSTS, "Generated posts for validation.", optional=True),
    "data.sample.test": Key(_POSTS, "Generated posts for testing.", optional=True),
    "data.sample.seed": Key(Whole(0, 2**31), "Seed of the generated posts.", optional=True),
    "features.picture": Key(SWITCH, "Whether the model sees the picture."),
    "features.classes": Key(
        SWITCH, "Whether it is told the detector's class of an object, beside its pixels."
    ),
    **ENCODER_KEYS,
    "model.graph": Key(
        OneOf(("attribute", "vanilla", "none")),
        "Edge-enhanced attribute transformer, a plain one (Table 2), or none.",
    ),
    "model.edge_dim": Key(Whole(1, 2**16), "Features of an edge, d_zT and d_zI."),
    "model.heads": Key(Whole(1, 1024), "Heads of the graph's attention."),
    "model.alignment.weight": Key(
        Between(0), "λ of Eq. 13; 0 leaves the alignment out (Table 2, Figure 9)."
    ),
    "model.alignment.alpha": Key(
        Between(0, 1), "α of Eq. 7: the share of nodes, beside edges (Figure 9)."
    ),
    "model.alignment.node_epsilon": Key(
        Between(0, open=True), "Entropic regularisation of the transport of nodes."
    ),
    "model.alignment.edge_epsilon": Key(
        Between(0, open=True), "Entropic regularisation of the transport of edges."
    ),
    "model.alignment.iterations": Key(Whole(1, 10_000), "Most iterations of Sinkhorn."),
    "model.alignment.steps": Key(
        Whole(1, 10_000), "Most problems of Sinkhorn that a Gromov-Wasserstein one is solved by."
    ),
    "model.channels": Key(
        Text(f"some of {', '.join(CHANNELS)}"),
        "Channels of the word-pair tagger, separated by commas; empty: none (Table 2).",
    ),
    "model.channel_dim": Key(Whole(1, 2**16), "Features of a channel, d_l."),
    "model.channel_values": Key(
        SWITCH, "Whether words read the channels' vectors beside each other's."
    ),
    "model.hidden": Key(Whole(0, 2**16), "Width of a layer before the tags; 0 is Eq. 11."),
    "model.pair_features": Key(SWITCH, "Whether the tagger sees a pair's channels as well."),
    "model.dropout": Key(Between(0, 1), "Dropout of the graph's layers and before the tags."),
    "train.optimizer": Key(OneOf(("adam",)), "AdamW."),  # there are no tables for adagrad
}


@dataclass(frozen=True)
class Inputs:
    """What the model reads beside the words.

    Attributes:
        picture: the objects of the picture and how they are related.
        parse: the textual graph.
        cooccurrence: PMI of words.
        shape: how words are written.
    """

    picture: bool
    parse: bool
    cooccurrence: bool
    shape: bool

    @classmethod
    def from_config(cls, config: ConfigDict) -> Inputs:
        """What a config's switches ask for."""
        model, picture = config.model, config.features.picture
        names = channels(model.channels)
        aligned = picture and model.alignment.weight > 0
        return cls(
            picture=picture,
            parse=model.graph == "attribute" or aligned or bool(PARSE_CHANNELS & set(names)),
            cooccurrence="pmi" in names,
            shape="shape" in names,
        )


def channels(names: str) -> tuple[str, ...]:
    """The channels named in a comma-separated list; none is Table 2's "w/o multi-channel".

    Raises:
        UserError: a name is none of `CHANNELS`, or there twice.
    """
    chosen = tuple(name.strip() for name in names.split(",") if name.strip())
    if not set(chosen) <= set(CHANNELS) or len(set(chosen)) < len(chosen):
        raise UserError(
            f"config.model.channels is {names!r}, expected some of {','.join(CHANNELS)}, or ''."
        )
    return chosen
