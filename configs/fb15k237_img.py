"""ROAM on FB15k-237-IMG: 14,541 entities, 237 relations, Freebase.

FOLDER has the triples as published, and image and text features if there are any:

    python -m remote_jax.main --config=configs/fb15k237_img.py --config.data.dir=FOLDER

`:paper` is the setting of Table 13 for KVC16K; Table 8 reports MRR 42.66.
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
    """Table 13 for KVC16K."""
    config = mkg_y.paper()
    config.data.name = "fb15k237_img"
    config.model.update({"groups": 5})
    config.model.router.update({"iterations": 50, "weight": 0.001})
    config.train.learning_rate = 1e-3
    return config


def laptop() -> ConfigDict:
    """The budget of `mkg_y.laptop`."""
    config = mkg_y.laptop()
    config.data.name = "fb15k237_img"
    del config.data.sample
    return config
