"""Where the sample is kept once it is written."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from remote_jax.data.cache import ensure_generated
from remote_jax.eega.sample.write import write
from remote_jax.errors import UserError

RANGES = {
    "train": (1, 100_000),
    "validation": (1, 100_000),
    "test": (1, 100_000),
    "seed": (0, 2**31),
}
"""Least and greatest value of each setting."""


def ensure(cache: Path, settings: Mapping[str, Any]) -> Path:
    """The folder of the sample that `config.data.sample` describes, written if it is new.

    Args:
        cache: the sample goes to CACHE/jmere_sample.
        settings: posts of `train`, `validation` and `test`, and the `seed`.

    Raises:
        UserError: the cache cannot be written, or a setting is out of its range.
    """
    numbers = {name: settings[name] for name in RANGES}
    for name, (low, high) in RANGES.items():
        if type(numbers[name]) is not int or not low <= numbers[name] <= high:
            raise UserError(
                f"config.data.sample.{name} must be a whole number from {low} to {high}, "
                f"found {numbers[name]!r}."
            )
    make = partial(write, **numbers)
    return ensure_generated(cache / "jmere_sample", numbers, Path(__file__).parent, make)
