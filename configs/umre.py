"""REMOTE on UMRE: relations between what a post's sentence names and what its picture shows.

The default preset needs no data: it generates a sample in the released file formats and trains
small encoders on it from scratch, in minutes, on two CPU cores:

    python -m remote_jax.main --config=configs/umre.py

`:paper` is the setting of §6.1 (BERT-base, ViT-B/32, batch 32) on the released files; Table 2 of
the paper reports accuracy 78.47 and F1 69.17 on the test split:

    python -m remote_jax.main --config=configs/umre.py:paper --config.data.dir=UMRE_FOLDER
"""

from ml_collections import ConfigDict

from remote_jax.config import unknown_preset


def get_config(preset: str = "sample") -> ConfigDict:
    """The config of a preset: `sample` (default) or `paper`."""
    presets = {"sample": sample, "paper": paper}
    if preset not in presets:
        raise unknown_preset(preset, presets)
    return presets[preset]()


def paper() -> ConfigDict:
    """§6.1: BERT-base, ViT-B/32, 128 tokens, 12 objects, AdamW 1e-5, batch 32, dropout 0.5."""
    config = ConfigDict()
    config.system = "remote"
    config.seed = 0
    config.compute_dtype = "float32"  # or "bfloat16"
    config.data = ConfigDict(
        {
            "name": "umre",
            "dir": "",  # the folder of the released files
            "cache": "",  # where records are built; "" is the user's cache folder
            "captions": "",  # the caption file; "" takes the only cap*.json
            "boxes": "corners",  # or "centers": x and y of the centre, width, height
            "max_rejected": 0.01,  # share of malformed rows past which the build stops
            "triplets": "ee,oo,eo",  # Table 6 trains on one type alone
            "max_tokens": 128,
            "max_objects": 12,
            "crop": 64,  # pixels: 2 x 2 patches of 32 an object and channel
            "workers": 4,  # processes that crop and tokenize
        }
    )
    config.features = ConfigDict(  # what the model may see (Table 4)
        {"sentence": True, "picture": True, "position": True, "caption": True, "depth": True}
    )
    config.text = ConfigDict({"pretrained": "google-bert/bert-base-uncased", "dropout": 0.1})
    config.vision = ConfigDict({"pretrained": "google/vit-base-patch32-224-in21k", "dropout": 0.1})
    config.model = ConfigDict(
        {
            "mot": "sinkhorn",  # or "cross_attention", "none" (Table 3)
            "mmoe": "on",  # or "off" (Table 3)
            "experts": "T2V,V2T,T,V",  # Table 5
            "epsilon": 0.1,  # λ of Eq. 6
            "iterations": 50,  # of Sinkhorn, at most
            "dropout": 0.5,
        }
    )
    config.train = ConfigDict(
        {
            "epochs": 30.0,
            "batch_size": 32,
            "accumulation": 1,  # parts of a batch that are on the device one after another
            "remat": False,  # blocks keep their inputs alone for the gradient: slower, smaller
            "eval_batch_size": 64,
            "optimizer": "adam",
            "learning_rate": 1e-5,
            "new_learning_rate": 1e-5,  # of parameters outside the pretrained encoders
            "warmup": 0.01,  # share of the steps
            "schedule": "linear",  # falls to 0 after the warm-up; or "constant"
            "weight_decay": 0.01,
            "clip": 1.0,  # global norm of the gradient
            "average": 0.0,  # decay of the averaged parameters that are scored; 0: the last ones
            "eval_every": 1.0,  # epochs
            "save_every": 1000,  # steps
            "log_every": 50,  # steps
            "frozen": "",  # parameters that stay: beginnings of names, as vision/vit
            "max_skipped": 0,  # steps whose loss or gradient is not finite, let pass
        }
    )
    config.mesh = ConfigDict({"data": -1, "fsdp": 1, "tensor": 1})
    config.profile = False  # time a few steps, and trace some for TensorBoard or XProf
    return config


def sample() -> ConfigDict:
    """A generated data set and encoders small enough for a laptop, trained from scratch."""
    config = paper()
    config.data.update({"max_tokens": 64, "max_objects": 5, "crop": 32, "workers": 1})
    config.data.sample = ConfigDict(  # posts a split; a post makes about five pairs
        {"train": 5000, "validation": 300, "test": 600, "seed": 0}
    )
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
            "layers": 2,
            "heads": 4,
            "mlp_dim": 128,
            "dropout": 0.0,
        }
    )
    config.model.dropout = 0.1
    config.train.update(
        {
            "epochs": 3.0,
            "batch_size": 32,
            "eval_batch_size": 128,
            "learning_rate": 1e-3,
            "new_learning_rate": 1e-3,
            "warmup": 0.05,
            "save_every": 500,
            "log_every": 50,
        }
    )
    return config
