"""Keys of a config that ROAM reads, in addition to those of the training loop."""

from ml_collections import ConfigDict

from remote_jax import config as configs
from remote_jax.config import SWITCH, Between, Key, Keys, OneOf, Text, Whole
from remote_jax.errors import UserError

_DROPOUT = Between(0, 1)
_WIDTH = Whole(1, 2**16)

KEYS: Keys = {
    "data.name": Key(Text(), "What the graph is called in results and in the cache."),
    "data.columns": Key(
        OneOf(("auto", "hrt", "htr")),
        "Order of head, relation and tail in triples; auto: what the files tell.",
    ),
    "data.holdout": Key(
        Between(0, 0.4),
        "Share of the triples of train.txt that validation, and test, gets; 0: they have files.",
    ),
    "data.holdout_seed": Key(
        Whole(0, 2**31), "Seed of the draws of data.holdout and of data.clean."
    ),
    "data.clean": Key(
        SWITCH, "Whether rows of training and of test leave validation; false: splits as published."
    ),
    "data.sample.entities": Key(
        Whole(200, 100_000), "Entities of the generated graph.", optional=True
    ),
    "data.sample.seed": Key(Whole(0, 2**31), "Seed of the generated graph.", optional=True),
    "data.sample.image": Key(
        Between(0, 0.3), "Share of held-out triples that images alone decide.", optional=True
    ),
    "data.sample.text": Key(
        Between(0, 0.3), "Share of held-out triples that texts alone decide.", optional=True
    ),
    "data.sample.missing": Key(
        Between(0, 0.5), "Share of entities without a modality.", optional=True
    ),
    "features.structure": Key(
        SWITCH, "Whether entities have embeddings of their own, beside features (Table 5)."
    ),
    "features.image": Key(
        Text("auto or a file"),
        "Features of images; auto: the data folder's image.npz, if any; empty: none (Table 5).",
    ),
    "features.text": Key(
        Text("auto, names or a file"),
        "Features of texts, likewise; names: what features.encoder reads out of the names.",
    ),
    "features.encoder": Key(
        Text("a folder or a name on the Hugging Face hub"), "The BERT that reads names and texts."
    ),
    "features.descriptions": Key(
        Text("a file"), "Texts to read in place of names: NAME<tab>TEXT a line, or JSON."
    ),
    "features.noise": Key(
        Between(0),
        "Noise in features of images and texts, as a share of their deviation (Table 11).",
    ),
    "features.trainable": Key(
        SWITCH, "Whether features are trained on, each entity's by itself, from those of the data."
    ),
    "model.architecture": Key(
        OneOf(("moseg", "sep", "mge")),
        "Modality-specific expert groups, or the arrangements of Table 3.",
    ),
    "model.fusion": Key(
        OneOf(("embedding", "decision")),
        "Where modalities meet: in an embedding (Eq. 3), or in the sum of a score of each.",
    ),
    "model.modality_loss": Key(
        Between(0), "Weight of the loss of each modality's own score, with model.fusion=decision."
    ),
    "model.dim": Key(_WIDTH, "Width of an entity's embedding."),
    "model.relation_dim": Key(_WIDTH, "Width of a relation's embedding."),
    "model.features_dim": Key(
        Whole(0, 2**16),
        "Numbers that PCA reduces the features of each modality to, once; 0: as they are.",
    ),
    "model.hidden": Key(
        Whole(0, 2**16), "Hidden units of an expert; 0: none, the linear map beside it alone."
    ),
    "model.groups": Key(Whole(1, 1024), "Number of expert groups K."),
    "model.temperature": Key(Between(0, open=True), "Temperature τ of Eq. 4."),
    "model.noise": Key(SWITCH, "Noise δ of Eq. 4, in training."),
    "model.core": Key(
        OneOf(("learnt", "complex")), "W of the Tucker scores, or the fixed one that is ComplEx."
    ),
    "model.penalty.cubes": Key(Between(0), "Weight of the N3 penalty, for the complex core."),
    "model.penalty.duality": Key(Between(0), "Weight of the DURA penalty, for the complex core."),
    "model.penalty.features": Key(
        Between(0), "Weight of N3 in the scores of features, with model.fusion=decision."
    ),
    "model.dropout.features": Key(_DROPOUT, "Dropout of the numbers of features."),
    "model.dropout.head": Key(_DROPOUT, "Dropout of the head entity's embedding."),
    "model.dropout.matrix": Key(_DROPOUT, "Dropout of the matrix that a relation makes of W."),
    "model.dropout.query": Key(_DROPOUT, "Dropout of the query that head and matrix make."),
    "model.dropout.structure": Key(
        _DROPOUT, "Share of entities with features whose own embedding is hidden in a step."
    ),
    "model.router.transform": Key(
        SWITCH, "f of Eq. 6; false: entity and relation side by side (Tables 4 and 9)."
    ),
    "model.router.groups": Key(
        OneOf(("parameters", "prototype")),
        "What stands for a group: g of Eq. 7, or a vector of its own (Tables 4 and 9).",
    ),
    "model.router.cost": Key(
        OneOf(("learnable", "angular", "cosine")),
        "φ of Eq. 6: one number of an MLP, or the angle between two learnt maps, which keeps a "
        "slope; or the plain cosine (Tables 4 and 9).",
    ),
    "model.router.sees_relation": Key(
        SWITCH, "Whether φ sees the relation itself beside f (Eq. 8), and not in f alone (Eq. 6)."
    ),
    "model.router.contrast": Key(
        SWITCH, "Whether Eq. 11 counts costs from their mean over the groups."
    ),
    "model.router.candidates": Key(
        SWITCH, "Whether candidates too are balanced over the groups in training."
    ),
    "model.router.hard": Key(
        SWITCH, "Whether a query goes to one group alone, the k of Eq. 10; else to all by shares."
    ),
    "model.router.exact": Key(
        SWITCH, "Whether Newton steps follow where L iterations of Sinkhorn did not converge."
    ),
    "model.router.relation": Key(SWITCH, "Whether the relation takes part (Table 12)."),
    "model.router.solver": Key(
        OneOf(("sinkhorn", "topk", "sparse", "lowrank")), "How queries are routed (Table 10)."
    ),
    "model.router.epsilon": Key(Between(0, open=True), "Entropic regularisation τ of Eq. 11."),
    "model.router.iterations": Key(Whole(1, 10_000), "Iterations L of Sinkhorn."),
    "model.router.hidden": Key(_WIDTH, "Hidden units of φ."),
    "model.router.weight": Key(Between(0), "λ of Eq. 9, the weight of the routing's loss."),
    "model.loss": Key(OneOf(("softmax", "sigmoid")), "Cross-entropy over all entities, or Eq. 10."),
    "model.negatives": Key(
        Whole(0), "Entities drawn at random that stand for all in the softmax of a batch; 0: all."
    ),
    "model.smoothing": Key(Between(0, 1), "Smoothing of the targets."),
    "model.answers": Key(
        Between(0, 1), "A query counts as its number of true answers to this power."
    ),
}


def check(config: ConfigDict) -> None:
    """Raises a UserError where a value is wrong, or does not go with another one."""
    configs.check(config, KEYS)
    model = config.model
    if model.architecture == "mge" and not model.router.transform:
        raise UserError(
            "config.model.router.transform must be true with model.architecture=mge, which has no "
            "f to leave out."
        )
    if model.core == "complex" and (model.dim % 2 or model.relation_dim != model.dim):
        raise UserError(
            f"config.model.dim is {model.dim} and config.model.relation_dim {model.relation_dim}; "
            "with model.core=complex both must be the same even number."
        )
    if config.train.optimizer == "adagrad" and not config.train.new_learning_rate:
        raise UserError(
            "config.train.new_learning_rate is 0; with train.optimizer=adagrad it is the rate of "
            "all but the tables, and must be above 0 (configs/mkg_y.py has 0.004)."
        )
    if model.fusion == "decision" and model.architecture != "moseg":
        raise UserError(
            f"config.model.architecture is {model.architecture}, which Table 3 has for embeddings; "
            "with it config.model.fusion must be embedding."
        )
    if not model.hidden and model.groups != 1:
        raise UserError(
            f"config.model.groups is {model.groups} with config.model.hidden=0; groups without "
            "experts are all the same: set config.model.groups=1."
        )
    if model.negatives and model.loss != "softmax":
        raise UserError(
            f"config.model.negatives is {model.negatives} with model.loss={model.loss}; entities "
            "that are drawn stand for all in a softmax alone: set model.loss=softmax, or "
            "model.negatives=0."
        )
    for name, weight in model.penalty.items():
        if weight and model.core != "complex":
            raise UserError(
                f"config.model.penalty.{name} is {weight}, which is for model.core=complex; it "
                f"must be 0 with model.core={model.core}."
            )
