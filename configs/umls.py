"""ROAM on UMLS: 135 medical concepts, 46 relations, and a description of each concept.

The smallest of the graphs here: a run takes half a minute. FOLDER has the triples, and
`descriptions.txt` with a line for each concept; ENCODER is a folder of a sentence encoder of BERT's
architecture:

    python -m remote_jax.main --config=configs/umls.py --config.data.dir=FOLDER \
        --config.features.encoder=ENCODER
    python -m remote_jax.main --config=configs/umls.py:structure --config.data.dir=FOLDER

The first has a test MRR of 94.0 +- 0.3, the second, which reads the triples alone, 93.8. ROAM's
paper does not have this graph. More than one group was worse on validation (docs/results.md).
Triples and descriptions: github.com/yao8839836/kg-bert, `data/umls`.
"""

from ml_collections import ConfigDict
from remote_jax.configs import mkg_y

from remote_jax.config import unknown_preset


def get_config(preset: str = "laptop") -> ConfigDict:
    """The config of a preset: `laptop` (default), with descriptions, or `structure`."""
    if preset not in PRESETS:
        raise unknown_preset(preset, PRESETS)
    return PRESETS[preset]()


def laptop() -> ConfigDict:
    """Structure and descriptions, each with a score of its own."""
    config = mkg_y.described()
    config.data.name = "umls"
    config.model.groups = 1
    config.model.penalty.update({"cubes": 0.02, "features": 0.03})
    config.train.update({"epochs": 60.0, "eval_every": 20.0})
    return config


def structure() -> ConfigDict:
    """The same without descriptions and without experts."""
    config = laptop()
    config.features.update({"text": "", "encoder": "", "descriptions": ""})
    config.model.hidden = 0
    return config


PRESETS = {"laptop": laptop, "structure": structure}
