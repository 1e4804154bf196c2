"""The config that a run keeps, and which of its keys may change when it goes on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from remote_jax.config.loop import LOOP_KEYS
from remote_jax.config.rules import flatten
from remote_jax.data.files import read_json
from remote_jax.errors import UserError
from remote_jax.reporting.results import write_atomically

RESUMABLE_KEYS = tuple(name for name, key in LOOP_KEYS.items() if key.free)
"""Keys that may change between a start and a resume."""

LENGTH = "train.epochs"
"""The key that may grow when training goes on."""

MAX_BYTES = 2**20
"""Of config.json."""

DEFAULTS_OF_OLD_RUNS: dict[str, Any] = {
    "train.average": 0.0,
    "train.batch_tokens": 0,
    "train.decay_every": 30.0,
    "train.patience": 0,
    "train.init": "",
    "train.init_partial": False,
    "train.rates": "",
    "train.sparse_tables": False,
    "log.wandb": "",
    "log.mlflow": "",
}
"""Values of keys that a run begun before they existed does not have in its `config.json`. Each
stands for what was done at that time, so that such a run can go on and be evaluated."""

DEFAULTS_OF_OLD_RUNS_OF: dict[str, dict[str, Any]] = {
    "remote": {
        # Training never cut a text. Its sentences are nearer to spaCy's words than to those of the
        # rule that posts were cut by at that time.
        "data.language": "en",
        "data.reverse": 0.0,
        "data.buckets": 1,
        "data.group": "pair",
        "data.max_pairs": 8,
        "data.symmetric": "auto",
        "data.unlisted": 0.0,
        "data.unlisted_weight": 0.3,
        "model.alpha": 0.95,
        "model.exact": True,
        "model.pairs": "each",
        "model.own_weight": 0.0,
    },
    "eega": {"data.language": "en", "data.buckets": 1},
    "roam": {
        "data.columns": "auto",
        "data.holdout": 0.0,
        "data.holdout_seed": 0,
        "data.clean": False,
        "features.trainable": False,
        "model.features_dim": 0,
        "model.fusion": "embedding",
        "model.modality_loss": 0.0,
        "model.penalty.features": 0.0,
        "model.dropout.features": 0.0,
        "model.router.sees_relation": False,
        "model.router.contrast": False,
        "model.router.candidates": False,
        "model.router.hard": False,
        "model.router.exact": True,
    },
}
"""The same, of keys that one system has."""


def write(config: ConfigDict, workdir: Path) -> None:
    """Writes `WORKDIR/config.json`."""
    text = json.dumps(config.to_dict(), indent=2, ensure_ascii=False)
    write_atomically(workdir / "config.json", [text + "\n"])


def read(workdir: Path) -> ConfigDict:
    """Reads `WORKDIR/config.json`, with the defaults of old runs where a key is absent.

    Raises:
        UserError: there is none, it is no folder, or what is there is no JSON object.
    """
    check_folder(workdir)
    path = workdir / "config.json"
    if not os.path.exists(path):
        raise UserError(f"{workdir} holds no run: there is no {path}.")
    stored = read_json(path, MAX_BYTES)
    own = DEFAULTS_OF_OLD_RUNS_OF.get(str(stored.get("system")), {})
    for key, value in {**DEFAULTS_OF_OLD_RUNS, **own}.items():
        *parts, name = key.split(".")
        place: Any = stored
        for part in parts:
            place = place.setdefault(part, {}) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place.setdefault(name, value)
    return ConfigDict(stored).lock()


def check_folder(workdir: Path) -> None:
    """Raises a UserError where a file has the name that a folder is to have."""
    if os.path.exists(workdir) and not os.path.isdir(workdir):
        raise UserError(f"{workdir} is a file, expected the folder of a run or of an export.")


def longer(config: ConfigDict, stored: ConfigDict) -> bool:
    """Whether a config asks for more epochs than that of a run."""
    was = flatten(stored).get(LENGTH)
    return was in LOOP_KEYS[LENGTH].rule and config.train.epochs > was


def check_same(
    config: ConfigDict, stored: ConfigDict, workdir: Path, *, trains: bool = False
) -> None:
    """Raises a UserError for the first key that differs from the run's and is not resumable.

    Args:
        trains: the run is to go on, which it may do to more epochs.
    """
    new, old = flatten(config), flatten(stored)
    for key in [*new, *(key for key in old if key not in new)]:
        if key in RESUMABLE_KEYS or (key in new and key in old and new[key] == old[key]):
            continue
        was, now = (repr(c[key]) if key in c else "absent" for c in (old, new))
        if key == LENGTH and trains:
            if longer(config, stored):
                continue
            raise UserError(
                f"The run in {workdir} has {key} = {was}, now it is {now}: a run can be made "
                "longer, not shorter. Set it back, or choose another --workdir."
            )
        raise UserError(
            f"The run in {workdir} was started with {key} = {was}, now it is {now}: "
            "set it back, or choose another --workdir."
        )
