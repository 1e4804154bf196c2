"""What the configs of several systems share; each of them sets what is its own."""

from collections.abc import Mapping

from ml_collections import ConfigDict


def base(system: str, train: Mapping[str, object]) -> ConfigDict:
    """A config with every key that the training loop reads.

    Args:
        train: keys of `train` that each system sets, and those that it sets otherwise.
    """
    return ConfigDict(
        {
            "system": system,
            "seed": 0,
            "compute_dtype": "float32",
            "data": {"dir": "", "cache": ""},
            "train": {
                "batch_tokens": 0,
                "accumulation": 1,
                "remat": False,
                "optimizer": "adam",
                "rates": "",
                "sparse_tables": False,
                "clip": 1.0,
                "decay_every": 30.0,
                "patience": 0,
                "average": 0.0,
                "save_every": 1000,
                "frozen": "",
                "init": "",
                "init_partial": False,
                "max_skipped": 0,
                **train,
            },
            "mesh": {"data": -1, "fsdp": 1, "tensor": 1},
            "log": {"wandb": "", "mlflow": ""},
            "profile": False,
        }
    )


def fine_tuning(system: str, train: Mapping[str, object]) -> ConfigDict:
    """`base` with BERT-base and ViT-B/32, trained on as both papers do."""
    config = base(
        system,
        {
            "epochs": 30.0,
            "schedule": "linear",
            "weight_decay": 0.01,
            "eval_every": 1.0,
            "log_every": 50,
            **train,
        },
    )
    config.text = ConfigDict({"pretrained": "google-bert/bert-base-uncased", "dropout": 0.1})
    config.vision = ConfigDict({"pretrained": "google/vit-base-patch32-224-in21k", "dropout": 0.1})
    return config


def small_encoders(config: ConfigDict, *, vision_layers: int) -> None:
    """Puts encoders in `config` that a laptop trains from scratch."""
    size = {"pretrained": "", "dim": 64, "heads": 4, "mlp_dim": 128, "dropout": 0.0}
    config.text = ConfigDict(
        # Few enough word pieces that names fall into several, as new ones do.
        {**size, "layers": 2, "vocab_size": 600, "max_positions": 64}
    )
    config.vision = ConfigDict({**size, "layers": vision_layers, "image_size": 32, "patch": 32})
