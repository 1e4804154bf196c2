"""The config that a run keeps, and which of its keys may change when it goes on."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ml_collections import ConfigDict

from remote_jax.config.loop import LOOP_KEYS
from remote_jax.config.rules import flatten
from remote_jax.data.files import read_json
from remote_jax.errors import UserError
from remote_jax.reporting.results import write_atomically

RESUMABLE_KEYS = tuple(name for name, key in LOOP_KEYS.items() if key.free)
"""Keys that may change between a start and a resume."""

MAX_BYTES = 2**20
"""Of config.json."""

DEFAULTS_OF_OLD_RUNS = {"train.average": 0.0}
"""Values of keys that a run begun before they existed does not have in its `config.json`. Each
stands for what was done at that time, so that such a run can go on and be evaluated."""

DEFAULTS_OF_OLD_RUNS_OF = {
    "roam": {"data.columns": "auto", "data.holdout": 0.0, "data.holdout_seed": 0},
}
"""Likewise, of keys that one system has."""


def write(config: ConfigDict, workdir: Path) -> None:
    """Writes `WORKDIR/config.json`."""
    text = json.dumps(config.to_dict(), indent=2, ensure_ascii=False)
    write_atomically(workdir / "config.json", [text + "\n"])


def read(workdir: Path) -> ConfigDict:
    """Reads `WORKDIR/config.json`, with what is in `DEFAULTS_OF_OLD_RUNS` where it is absent.

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
        part, _, name = key.partition(".")
        if isinstance(stored.get(part), dict):
            stored[part].setdefault(name, value)
    return ConfigDict(stored).lock()


def check_folder(workdir: Path) -> None:
    """Raises a UserError where a file has the name that a folder is to have."""
    if os.path.exists(workdir) and not os.path.isdir(workdir):
        raise UserError(f"{workdir} is a file, expected the folder of a run or of an export.")


def check_same(config: ConfigDict, stored: ConfigDict, workdir: Path) -> None:
    """Raises a UserError for the first key that differs from the run's and is not resumable."""
    new, old = flatten(config), flatten(stored)
    for key in [*new, *(key for key in old if key not in new)]:
        if key in RESUMABLE_KEYS or (key in new and key in old and new[key] == old[key]):
            continue
        was, now = (repr(c[key]) if key in c else "absent" for c in (old, new))
        raise UserError(
            f"The run in {workdir} was started with {key} = {was}, now it is {now}: "
            "set it back, or choose another --workdir."
        )
