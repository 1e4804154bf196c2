"""Keys of a config that REMOTE reads, in addition to those of the training loop."""

from ml_collections import ConfigDict

from remote_jax.config import LANGUAGE, SWITCH, Between, Key, Keys, OneOf, Text, Whole
from remote_jax.config import check as check_keys
from remote_jax.config.run_buckets import MOST
from remote_jax.data.boxes import BOXES
from remote_jax.encoders.settings import ENCODER_KEYS
from remote_jax.errors import UserError

_POSTS = Whole(1, 100_000)

KEYS: Keys = {
    "data.name": Key(
        OneOf(("umre", "more", "mnre")), "The data set, which says how files are laid out."
    ),
    "data.captions": Key(Text("a file"), "The file of captions; empty: the only cap*.json there."),
    "data.boxes": Key(
        OneOf((*BOXES, "auto")),
        "Boxes are left, top, right, bottom; or the centre's x and y, width, height; or found out.",
    ),
    "data.max_rejected": Key(
        Between(0, 1), "Share of malformed rows above which the build of the records stops."
    ),
    "data.language": LANGUAGE,
    "data.triplets": Key(
        Text("some of ee, oo, eo"), "Pairs that take part: of entities, objects, or one of each."
    ),
    "data.reverse": Key(
        Between(0, 1),
        "Share of the listed pairs that training also reads the other way round: unrelated, unless "
        "the relation is symmetric.",
    ),
    "data.symmetric": Key(
        Text("auto, or names separated by commas"),
        "Relations that hold both ways; auto: those known to, by the last part of their name.",
    ),
    "data.unlisted": Key(
        Between(0),
        "Pairs of the same posts that are not listed, as unrelated ones, for each pair that is.",
    ),
    "data.unlisted_weight": Key(
        Between(0, 1), "Weight of such a pair in the loss, since it may be related after all."
    ),
    "data.max_tokens": Key(Whole(1, 4096), "Most word pieces of a sentence with its captions."),
    "data.max_objects": Key(Whole(1, 1024), "Most objects of a picture; the largest are kept."),
    "data.max_pairs": Key(
        Whole(1, 1024),
        "Most pairs of a post that are read together (model.pairs=shared); more of them make "
        "several examples.",
    ),
    "data.crop": Key(
        Whole(1, 4096), "Side, in pixels, that each object is scaled to; a multiple of the patch."
    ),
    "data.buckets": Key(
        Whole(1, MOST),
        "Most sizes, beside the full one, to which batches are cut; each is compiled once. "
        "1: no cutting.",
    ),
    "data.group": Key(
        OneOf(("pair", "post")),
        "What training shuffles: pairs; or posts, so that a step reads a picture once for its "
        "pairs.",
    ),
    "data.sample.train": Key(
        _POSTS, "Generated posts for training; a post makes about five pairs.", optional=True
    ),
    "data.sample.validation": Key(_POSTS, "Generated posts for validation.", optional=True),
    "data.sample.test": Key(_POSTS, "Generated posts for testing.", optional=True),
    "data.sample.seed": Key(Whole(0, 2**31), "Seed of the generated posts.", optional=True),
    "features.sentence": Key(SWITCH, "Whether the model reads the sentence."),
    "features.picture": Key(SWITCH, "Whether it sees the picture's objects (Table 4)."),
    "features.position": Key(SWITCH, "Whether it knows where in the picture they are (Table 4)."),
    "features.caption": Key(SWITCH, "Whether it reads their captions (Table 4)."),
    "features.depth": Key(SWITCH, "Whether it sees their depth (Table 4)."),
    **ENCODER_KEYS,
    "model.pairs": Key(
        OneOf(("each", "shared")),
        "Each pair has a marked text of its own (Eq. 3); or pairs of a post share one, by markers "
        "that the text does not attend to. Then an example is a post.",
    ),
    "model.mot": Key(
        OneOf(("sinkhorn", "cross_attention", "none")),
        "Multilevel optimal transport, or what Table 3 has in its place.",
    ),
    "model.mmoe": Key(OneOf(("on", "off")), "Multimodal mixture of experts (Table 3)."),
    "model.experts": Key(
        Text("some of T2V, V2T, T, V"), "Kinds of experts, separated by commas (Table 5)."
    ),
    "model.epsilon": Key(Between(0, open=True), "Entropic regularisation λ of Sinkhorn (Eq. 6)."),
    "model.iterations": Key(Whole(1, 10_000), "Most iterations of Sinkhorn."),
    "model.exact": Key(SWITCH, "Whether Newton steps follow where these did not converge."),
    "model.alpha": Key(
        Between(0, 1), "Start of α (Eq. 8): the share of a level that fusion leaves as it is."
    ),
    "model.own_weight": Key(
        Between(0, 0.99),
        "Weight of a modality's own last level in the router (Eq. 11) at first; the experts of "
        "the other modality share the rest. 0: all experts start alike.",
    ),
    "model.dropout": Key(Between(0, 1), "Dropout before the classifier."),
    "train.optimizer": Key(OneOf(("adam",)), "AdamW."),  # there are no tables for adagrad
}


def check(config: ConfigDict) -> None:
    """Checks the keys that REMOTE has of its own.

    Raises:
        UserError: a key is missing, its value breaks its rule, or two do not go together.
    """
    check_keys(config, KEYS)
    if config.data.group == "pair":
        return
    if config.model.pairs == "shared":
        raise UserError(
            "config.data.group=post groups pairs, and with config.model.pairs=shared an example is "
            "a post already: set config.data.group=pair, or config.model.pairs=each."
        )
    if (parts := config.train.accumulation) != 1:
        raise UserError(
            "config.data.group=post reads a picture once in a step, which "
            f"config.train.accumulation={parts} takes apart: set config.data.group=pair, or "
            "config.train.accumulation=1."
        )
