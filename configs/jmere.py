"""EEGA on JMERE: entities of a post with their types, and the relations between them, together.

The default preset needs no data: it generates a sample in the released file format, whose pictures
decide a part of the types and relations, and trains small encoders on it from scratch, in minutes,
on two CPU cores:

    python -m remote_jax.main --config=configs/jmere.py

`:paper` is the setting of appendix C (BERT-base, 70 tokens, 10 objects) on the released files, with
a ViT in place of Mask-RCNN's features; Table 1 reports F1 55.29 on the test split. It needs spaCy
(`pip install 'remote_jax[text]'`, `python -m spacy download en_core_web_trf`):

    python -m remote_jax.main --config=configs/jmere.py:paper --config.data.dir=JMERE_FOLDER

`:minilm` derives JMERE from MNRE's files, as the authors did, and reads the sentences alone with a
small pretrained encoder of BERT's architecture. A run takes 18 to 24 minutes of a CPU core:

    python -m remote_jax.main --config=configs/jmere.py:minilm --config.data.dir=MNRE_FOLDER \
        --config.data.pipeline=en_core_web_sm --config.text.pretrained=ENCODER_FOLDER

What Table 2 leaves out: `--config.model.alignment.weight=0` (edge-enhanced),
`--config.model.graph=vanilla` (attribute transformer), `--config.model.channels=` (multi-channel);
α and λ of Figure 9 are `model.alignment.alpha` and `model.alignment.weight`. The plain word-pair
tagger, BERT alone, is `--config.model.graph=none --config.model.channels=` without pictures.
"""

from ml_collections import ConfigDict

from remote_jax.config import unknown_preset


def get_config(preset: str = "sample") -> ConfigDict:
    """The config of a preset: `sample` (default), `paper` or `minilm`."""
    presets = {"sample": sample, "paper": paper, "minilm": minilm}
    if preset not in presets:
        raise unknown_preset(preset, presets)
    return presets[preset]()


def paper() -> ConfigDict:
    """Appendix C: BERT-base, 70 tokens, 10 objects, features of 100, α 0.4, λ 0.6, Adam 2e-5."""
    config = ConfigDict()
    config.system = "eega"
    config.seed = 0
    config.compute_dtype = "float32"  # or "bfloat16"
    config.metric = "directed"  # or "folded", as the released code counts quintuples
    config.data = ConfigDict(
        {
            "name": "jmere",  # or "jmere_mnre", derived from MNRE's files
            "dir": "",  # the folder of the released files
            "cache": "",  # where records and parses are kept; "" is the user's cache folder
            "max_rejected": 0.01,  # share of malformed rows past which the build stops
            "pipeline": "en_core_web_trf",  # of spaCy, where the folder brings no parses
            "threshold": 0.1,  # lowest score of a relation in a scene graph
            "max_tokens": 70,  # word pieces
            "max_words": 70,
            "max_objects": 10,
            "crop": 224,  # pixels, a side of an object
            "workers": 4,  # processes that crop and tokenize
        }
    )
    config.features = ConfigDict(
        {
            "picture": True,
            "classes": False,  # the detector's class of an object, beside its pixels
        }
    )
    config.text = ConfigDict({"pretrained": "google-bert/bert-base-uncased", "dropout": 0.1})
    config.vision = ConfigDict({"pretrained": "google/vit-base-patch32-224-in21k", "dropout": 0.1})
    config.model = model()
    config.train = train()
    config.mesh = ConfigDict({"data": -1, "fsdp": 1, "tensor": 1})
    config.profile = False  # time a few steps, and trace some for TensorBoard or XProf
    return config


def model() -> ConfigDict:
    """The switches and sizes of EEGA."""
    return ConfigDict(
        {
            "graph": "attribute",  # or "vanilla" (Table 2), "none"
            "edge_dim": 100,  # d_zT and d_zI
            "heads": 8,
            "alignment": {
                "weight": 0.6,  # λ of Eq. 13; 0 leaves the alignment out (Table 2, Figure 9)
                "alpha": 0.4,  # of Eq. 7 (Figure 9)
                "node_epsilon": 0.1,
                "edge_epsilon": 0.05,
                "iterations": 20,  # of Sinkhorn, at most
                "steps": 10,  # problems of Sinkhorn for a Gromov-Wasserstein one, at most
            },
            "channels": "pos,distance,pmi",  # others: eega/settings.py; "" is none (Table 2)
            "channel_dim": 100,  # d_l
            "channel_values": False,  # whether words read the channels' vectors beside each other
            "hidden": 0,  # width of a layer before the tags; 0 is Eq. 11
            "pair_features": False,  # whether the tagger sees a pair's channels as well
            "dropout": 0.1,
        }
    )


def train() -> ConfigDict:
    """How it is trained."""
    return ConfigDict(
        {
            "epochs": 30.0,
            "batch_size": 16,
            "accumulation": 1,  # parts of a batch that are on the device one after another
            "remat": False,  # blocks keep their inputs alone for the gradient: slower, smaller
            "eval_batch_size": 32,
            "optimizer": "adam",
            "learning_rate": 2e-5,
            "new_learning_rate": 2e-5,  # of parameters outside the pretrained encoders
            "warmup": 0.05,  # share of the steps
            "schedule": "linear",  # falls to 0 after the warm-up; or "constant"
            "weight_decay": 0.01,
            "clip": 1.0,  # global norm of the gradient
            "average": 0.0,  # decay of the averaged parameters that are scored; 0: the last ones
            "eval_every": 1.0,  # epochs
            "save_every": 1000,  # steps
            "log_every": 50,  # steps
            "frozen": "",  # parameters that stay: beginnings of names, as text/bert/words
            "max_skipped": 0,  # steps whose loss or gradient is not finite, let pass
        }
    )


def sample() -> ConfigDict:
    """A generated data set and encoders small enough for a laptop, trained from scratch."""
    config = paper()
    config.data.update(
        {"max_tokens": 64, "max_words": 32, "max_objects": 5, "crop": 32, "workers": 1}
    )
    config.data.pipeline = "en_core_web_sm"  # for posts; the sample brings its own parses
    config.data.sample = ConfigDict({"train": 3000, "validation": 300, "test": 600, "seed": 0})
    config.text = ConfigDict(
        {
            "pretrained": "",
            "vocab_size": 600,  # names fall into pieces, as new ones do
            "dim": 64,
            "layers": 2,
            "heads": 4,
            "mlp_dim": 128,
            "max_positions": 64,
            "dropout": 0.0,
        }
    )
    config.vision = ConfigDict(
        {
            "pretrained": "",
            "image_size": 32,
            "patch": 32,
            "dim": 64,
            "layers": 1,
            "heads": 4,
            "mlp_dim": 128,
            "dropout": 0.0,
        }
    )
    config.model.update(
        {"edge_dim": 16, "heads": 4, "channel_dim": 16, "hidden": 64, "pair_features": True}
    )
    config.train.update(
        {
            "epochs": 16.0,
            "batch_size": 32,
            "eval_batch_size": 100,
            "learning_rate": 1e-3,
            "new_learning_rate": 1e-3,
            "save_every": 500,
        }
    )
    return config


def minilm() -> ConfigDict:
    """Six layers of width 384, sentences alone, on a laptop."""
    config = paper()
    config.metric = "folded"
    config.data.update(
        {
            "name": "jmere_mnre",
            "pipeline": "en_core_web_sm",
            # The longest of MNRE's sentences; the paper's 70 would only be more padding.
            "max_tokens": 50,
            "max_words": 32,
            "max_objects": 1,
            "crop": 32,
            "workers": 1,
        }
    )
    config.features.picture = False
    config.text.pretrained = "sentence-transformers/all-MiniLM-L6-v2"
    config.vision.pretrained = ""
    config.model.channels = "pos,distance,pmi,dependency,position,shape"
    config.model.update({"channel_values": True, "pair_features": True, "dropout": 0.2})
    config.model.update({"hidden": 128, "edge_dim": 32, "channel_dim": 32})
    config.train.update(
        {
            "epochs": 4.0,
            "learning_rate": 1e-4,
            "new_learning_rate": 1e-3,
            "save_every": 400,
            # Half of all parameters, and Adam would move their moments, all of them, at every step.
            "frozen": "text/bert/words",
        }
    )
    return config
