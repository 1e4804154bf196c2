"""ROAM on DB15K: 12,842 entities, 279 relations, DBpedia.

FOLDER has the triples as published, and image and text features if there are any:

    python -m remote_jax.main --config=configs/db15k.py --config.data.dir=FOLDER

`:paper` is the setting of Table 13; Table 2 reports MRR 44.19, with structure alone
(Table 5) 41.11.
"""

from ml_collections import ConfigDict

from configs import mkg_y
from remote_jax.config import unknown_preset


def get_config(preset: str = "laptop") -> ConfigDict:
    """The config of a preset: `laptop` (default) or `paper`."""
    presets = {"laptop": laptop, "paper": paper}
    if preset not in presets:
        raise unknown_preset(preset, presets)
    return presets[preset]()


def paper() -> ConfigDict:
    """Table 13."""
    config = mkg_y.paper()
    config.data.name = "db15k"
    config.model.update({"groups": 5})
    config.model.router.update({"iterations": 50, "weight": 0.001})
    config.train.learning_rate = 1e-3
    return config


def laptop() -> ConfigDict:
    """The budget of `mkg_y.laptop`."""
    config = mkg_y.laptop()
    config.data.name = "db15k"
    del config.data.sample
    return config
