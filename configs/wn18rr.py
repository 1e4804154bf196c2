"""ROAM on WN18RR: 40,943 synsets of WordNet, 11 relations, and a gloss of each synset.

FOLDER has the triples, and `descriptions.txt` with a line for each synset; ENCODER is a folder of a
sentence encoder of BERT's architecture:

    python -m remote_jax.main --config=configs/wn18rr.py --config.data.dir=FOLDER \
        --config.features.encoder=ENCODER
    python -m remote_jax.main --config=configs/wn18rr.py:structure --config.data.dir=FOLDER

The first has a test MRR of 52.1, in 54 minutes on one CPU core beside other work. The second reads
the triples alone and has 47.2, in 28 minutes. ROAM's paper does not have this graph. There is one
group; more were not measured. Triples and glosses: github.com/yao8839836/kg-bert, `data/WN18RR`.
"""

from ml_collections import ConfigDict
from remote_jax.configs import mkg_y

from remote_jax.config import unknown_preset


def get_config(preset: str = "laptop") -> ConfigDict:
    """The config of a preset: `laptop` (default), with glosses, or `structure`."""
    if preset not in PRESETS:
        raise unknown_preset(preset, PRESETS)
    return PRESETS[preset]()


def laptop() -> ConfigDict:
    """Structure and glosses, each with a score of its own."""
    config = _common(mkg_y.described())
    config.model.update({"hidden": 256, "modality_loss": 0.5})
    config.model.penalty.features = 0.02
    config.train.update({"epochs": 12.0, "eval_every": 3.0})
    return config


def structure() -> ConfigDict:
    """ComplEx with DURA, on the triples alone."""
    config = _common(mkg_y.structure())
    config.model.hidden = 0
    config.train.update({"epochs": 16.0, "eval_every": 4.0})
    return config


def _common(config: ConfigDict) -> ConfigDict:
    """4,096 entities that are drawn stand for all 40,943 in the softmax."""
    config.data.name = "wn18rr"
    config.model.update({"groups": 1, "negatives": 4096, "dim": 512, "relation_dim": 512})
    config.model.penalty.update({"cubes": 0.0, "duality": 0.1})
    config.train.update({"batch_size": 512, "eval_batch_size": 256})
    return config


PRESETS = {"laptop": laptop, "structure": structure}
