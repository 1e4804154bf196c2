"""ROAM on DB15K: 12,842 entities, 279 relations, DBpedia.

FOLDER has the triples as published, and image and text features if there are any:

    python -m remote_jax.main --config=configs/db15k.py --config.data.dir=FOLDER

`:paper` is the setting of Table 13; Table 2 reports MRR 44.19, with structure alone
(Table 5) 41.11. The paper does not say how its checkpoint was selected; here it is on validation.
"""

from ml_collections import ConfigDict
from remote_jax.configs import mkg_y

PRESETS = tuple(mkg_y.PRESETS)


def get_config(preset: str = "laptop") -> ConfigDict:
    """The config of a preset: `laptop` (default) and `structure` as of MKG-Y, or `paper`."""
    config = mkg_y.get_config(preset)
    config.data.name = "db15k"
    if preset == "laptop":
        del config.data.sample
        config.model.penalty.cubes = 0.05  # 0.2 is for the generated graph
    if preset == "structure":
        config.model.penalty.update({"cubes": 0.0, "duality": 0.05})
    if preset == "paper":
        config.model.groups = 5
        config.model.router.update({"iterations": 50, "weight": 0.001})
        config.train.learning_rate = 1e-3
    return config
