"""ROAM on MKG-W: 15,000 entities, 169 relations, Wikidata.

FOLDER has the triples as published, and image and text features if there are any:

    python -m remote_jax.main --config=configs/mkg_w.py --config.data.dir=FOLDER

`:paper` is the setting of Table 13; Table 2 reports MRR 40.09, with structure alone (Table 5)
37.41.
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
    config.data.name = "mkg_w"
    return config


def laptop() -> ConfigDict:
    """The budget of `mkg_y.laptop`."""
    config = mkg_y.laptop()
    config.data.name = "mkg_w"
    del config.data.sample
    return config
