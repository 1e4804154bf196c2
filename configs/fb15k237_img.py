"""ROAM on FB15k-237-IMG: 14,541 entities, 237 relations, Freebase.

FOLDER has the triples as published, and image and text features if there are any:

    python -m remote_jax.main --config=configs/fb15k237_img.py --config.data.dir=FOLDER

`:paper` is the setting of Table 13 for KVC16K; Table 8 reports MRR 42.66. The paper does
not say how its checkpoint was selected; here it is on validation.
"""

from ml_collections import ConfigDict
from remote_jax.configs import db15k

PRESETS = tuple(db15k.PRESETS)


def get_config(preset: str = "laptop") -> ConfigDict:
    """The config of a preset: `laptop` (default), `structure` or `paper`, as of DB15K."""
    config = db15k.get_config(preset)
    config.data.name = "fb15k237_img"
    return config
