"""REMOTE on MNRE: relations between two entities of a sentence, its picture as evidence.

In the paper's setting (§6.1; Table 2 reports accuracy 94.86 and F1 87.77; the authors' code keeps
the epoch that is best on test, which is not done here):

    python -m remote_jax.main --config=configs/mnre.py --config.data.dir=MNRE_FOLDER

`:released` has what the authors' code does on UMRE; of MNRE they give no script.

`:minilm` reads the sentences alone with a small pretrained encoder of BERT's architecture. After 5
epochs, 35 to 70 minutes on one CPU core beside other work, it has a test F1 of 64.5 (three seeds):

    python -m remote_jax.main --config=configs/mnre.py:minilm --config.data.dir=MNRE_FOLDER \
        --config.text.pretrained=ENCODER_FOLDER
"""

from ml_collections import ConfigDict
from remote_jax.configs import umre

from remote_jax.config import unknown_preset


def get_config(preset: str = "paper") -> ConfigDict:
    """The config of a preset: `paper` (default), `released` or `minilm`."""
    if preset not in PRESETS:
        raise unknown_preset(preset, PRESETS)
    return PRESETS[preset]()


def paper() -> ConfigDict:
    """§6.1 on the released MNRE files."""
    return _of_mnre("paper")


def released() -> ConfigDict:
    """The same files with the values of `configs/umre.py:released`."""
    return _of_mnre("released")


def _of_mnre(preset: str) -> ConfigDict:
    config = umre.get_config(preset)
    config.data.name = "mnre"
    config.data.triplets = "ee"
    return config


def minilm() -> ConfigDict:
    """Six layers of width 384, sentences alone, on a laptop."""
    config = paper()
    config.data.update({"max_tokens": 56, "max_objects": 2, "crop": 32, "workers": 1})
    config.features.update({"picture": False, "depth": False})
    config.text.pretrained = "sentence-transformers/all-MiniLM-L6-v2"
    config.vision = ConfigDict(
        {
            "pretrained": "",
            "image_size": 32,
            "patch": 16,
            "dim": 32,
            "layers": 1,
            "heads": 2,
            "mlp_dim": 64,
            "dropout": 0.0,
        }
    )
    config.model.update({"exact": True, "dropout": 0.1})
    config.train.update(
        {
            "epochs": 5.0,
            "learning_rate": 5e-5,
            "new_learning_rate": 5e-4,
            "warmup": 0.1,
            "save_every": 400,
        }
    )
    return config


PRESETS = {"paper": paper, "released": released, "minilm": minilm}
