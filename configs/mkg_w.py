"""ROAM on MKG-W: 15,000 entities, 169 relations, Wikidata.

FOLDER has the triples as published, and image and text features if there are any:

    python -m remote_jax.main --config=configs/mkg_w.py --config.data.dir=FOLDER
    python -m remote_jax.main --config=configs/mkg_w.py:structure --config.data.dir=FOLDER

The second reads the triples alone and reaches a test MRR of 36.9, in 27 minutes on one CPU core
beside other work.
`:paper` is the setting of Table 13; Table 2 reports MRR 40.09, with structure alone (Table 5)
37.41. The paper does not say how its checkpoint was selected; here it is on validation.
"""

from ml_collections import ConfigDict
from remote_jax.configs import mkg_y

PRESETS = tuple(mkg_y.PRESETS)


def get_config(preset: str = "laptop") -> ConfigDict:
    """The config of a preset: `laptop` (default), `structure` or `paper`, as of MKG-Y."""
    config = mkg_y.get_config(preset)
    config.data.name = "mkg_w"
    if preset == "laptop":
        del config.data.sample
        config.model.penalty.cubes = 0.05  # 0.2 is for the generated graph
    if preset == "structure":
        config.model.penalty.update({"cubes": 0.0, "duality": 0.1})
        config.train.new_learning_rate = 1e-3
    return config
