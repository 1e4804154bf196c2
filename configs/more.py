"""REMOTE on MORE: relations between entities of a sentence and objects of its picture.

In the paper's setting (§6.1; Table 2 reports accuracy 83.64 and F1 63.91; the authors' code keeps
the epoch that is best on test, which is not done here):

    python -m remote_jax.main --config=configs/more.py --config.data.dir=MORE_FOLDER

`:released` has what the authors' code does on UMRE; of MORE they give no script.
"""

from ml_collections import ConfigDict
from remote_jax.configs import umre

from remote_jax.config import unknown_preset

PRESETS = ("paper", "released")


def get_config(preset: str = "paper") -> ConfigDict:
    """The config of a preset: `paper` (default) or `released`."""
    if preset not in PRESETS:
        raise unknown_preset(preset, PRESETS)
    config = umre.get_config(preset)
    config.data.name = "more"
    config.data.triplets = "eo"
    config.data.boxes = "auto"
    return config
