"""ROAM on KVC16K: 16,015 entities, 4 relations, short videos.

FOLDER has the triples as published, and image and text features if there are any:

    python -m remote_jax.main --config=configs/kvc16k.py --config.data.dir=FOLDER

`:paper` is the setting of Table 13; Table 2 reports MRR 19.89, with structure alone
(Table 5) 17.89.
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
    config.data.name = "kvc16k"
    config.model.update({"groups": 5})
    config.model.router.update({"iterations": 50, "weight": 0.001})
    config.train.learning_rate = 1e-3
    return config


def laptop() -> ConfigDict:
    """The budget of `mkg_y.laptop`."""
    config = mkg_y.laptop()
    config.data.name = "kvc16k"
    del config.data.sample
    return config
