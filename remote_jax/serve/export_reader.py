"""Reads the folder of an export back, to answer posts. What is in it is untrusted input.

Parameters and names are read; the programs beside them are not run, since this package has them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict

from remote_jax import config as configs
from remote_jax.data.files import read_json
from remote_jax.errors import UserError
from remote_jax.runtime import sharding
from remote_jax.serve import load
from remote_jax.task import Calibration, Task, make_task
from remote_jax.training.state import Params, Skeleton, split

MAX_SIZE = 2**24
"""Largest number of a config that may be the size of something."""

CALIBRATION = "calibration.json"
MAX_CALIBRATION = 2**16
"""Bytes of that file."""

MAX_BATCH = 2**34
"""Bytes of a batch as the model reads it."""

ARRAYS_OF_A_BLOCK = 8
"""Fewer than any block of an encoder has."""

PIPELINE = re.compile(r"([a-z]{2,3}_[a-z0-9_]+)?")
"""What installed spaCy pipelines are called; no folder has such a name to `eega.data.parses`."""


def exists(folder: Path) -> bool:
    """Whether an export is there."""
    return os.path.isfile(folder / "interface.json")


def open_task(folder: Path) -> tuple[ConfigDict, Task]:
    """The config and the task of an export, which has all that the task keeps of its data.

    Raises:
        UserError: a file is missing, malformed, or asks for what an export does not.
    """
    config = _config(folder)
    with as_user_error(folder):
        task = make_task(config)  # checks the numbers
        _check_batch(folder, config)
        for name in task.assets:  # else they would be made from data, which are not these
            if not (folder / name).exists():
                raise UserError(f"{folder} has no {name} to read posts with: export the run again.")
        task.prepare(folder, anew=False)
    return config, task


def read_model(folder: Path, config: ConfigDict, task: Task) -> tuple[Skeleton, Params]:
    """The model and its parameters, on the first device.

    Errors are those of `read_arrays`.
    """
    skeleton, arrays = read_arrays(folder, config, task)
    places = sharding.place(sharding.first_device(), arrays)
    return skeleton, {name: jax.device_put(arrays[name], places[name]) for name in arrays}


def read_arrays(
    folder: Path, config: ConfigDict, task: Task
) -> tuple[Skeleton, dict[str, np.ndarray]]:
    """The model and its parameters, on the host.

    Raises:
        UserError: the parameters are missing or damaged, or another model's.
    """
    path = folder / "model.safetensors"
    try:
        arrays = load.parameters(path)
    except ValueError as error:
        raise UserError(str(error)) from error
    for part in ("text", "vision"):
        layers = config[part].get("layers", 0) if part in config else 0
        if layers * ARRAYS_OF_A_BLOCK > len(arrays):  # which would take minutes to find otherwise
            raise UserError(f"{path} is of another model: it has no {layers} blocks of {part}.")
    with as_user_error(folder):
        skeleton, shapes = split(task.shapes())
    for name in [*shapes, *arrays]:
        was, wanted = (list(of[name].shape) if name in of else "absent" for of in (arrays, shapes))
        if was != wanted:
            raise UserError(f"{path} is of another model: {name} is {was}, expected {wanted}.")
    return skeleton, {name: arrays[name] for name in shapes}


def read_calibration(folder: Path) -> Calibration:
    """What was chosen on validation.

    Raises:
        UserError: the file is missing or malformed.
    """
    path = folder / CALIBRATION
    found = read_json(path, MAX_CALIBRATION)
    for name, value in found.items():
        if type(value) is not float or not 0 <= value <= MAX_SIZE:  # NaN is neither
            raise UserError(f"{path}: {name[:60]!r} must be a number of at least 0.")
    return found


def _config(folder: Path) -> ConfigDict:
    """The config of an export, as far as it can be known to be harmless."""
    path = folder / "config.json"
    with as_user_error(folder):
        config = configs.read(folder)
    for key, value in configs.flatten(config).items():
        if type(value) in (int, float) and not -MAX_SIZE <= value <= MAX_SIZE and key != "seed":
            raise UserError(f"{path}: {key} is {value}, expected at most {MAX_SIZE:,}.")
    with as_user_error(folder):
        configs.check(config, configs.LOOP_KEYS)
        pipeline = config.data.get("pipeline", "")
        if not PIPELINE.fullmatch(pipeline):
            raise UserError(
                f"{path}: data.pipeline is {pipeline[:60]!r}, expected the name of an installed "
                "pipeline of spaCy, as en_core_web_sm."
            )
    return config


def _check_batch(folder: Path, config: ConfigDict) -> None:
    """Raises a UserError where features and pairs of a batch would fill the memory."""
    objects, side, words, tokens = (
        config.data.get(key, 0) for key in ("max_objects", "crop", "max_words", "max_tokens")
    )
    # Three colours and the depth of each pixel; some 32 features, heads or tags of each pair.
    numbers = 4 * objects * side**2 + 32 * (objects**2 + words**2 + tokens**2)
    size = 4 * numbers * config.train.eval_batch_size
    if size > MAX_BATCH:
        raise UserError(
            f"{folder / 'config.json'}: a batch would take {size / 2**30:,.0f} GiB by "
            "data.max_objects, data.crop, data.max_words, data.max_tokens and "
            f"train.eval_batch_size, expected at most {MAX_BATCH // 2**30}."
        )


@contextmanager
def as_user_error(folder: Path) -> Iterator[None]:
    """Around what takes a config or a vocabulary at its word.

    Raises:
        UserError: a key is missing, or something is of another kind.
    """
    try:
        yield
    except (LookupError, AttributeError, TypeError, ValueError, ArithmeticError) as error:
        raise UserError(
            f"{folder} is no export that this version reads ({error}): export the run again."
        ) from error
