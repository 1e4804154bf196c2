"""Where the sample is kept once it is written."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from remote_jax.data.cache import ensure_generated
from remote_jax.errors import UserError
from remote_jax.roam.sample.write import write

WHOLE = ((int,), "whole number")
SHARE = ((int, float), "share")
RANGES = {
    "entities": (*WHOLE, 200, 100_000),
    "seed": (*WHOLE, 0, 2**31),
    "image": (*SHARE, 0, 0.3),
    "text": (*SHARE, 0, 0.3),
    "missing": (*SHARE, 0, 0.5),
}
"""Types, name, least and greatest value of each setting."""


def ensure(cache: Path, settings: Mapping[str, Any]) -> Path:
    """The folder of the sample that `config.data.sample` describes, written if it is new.

    Args:
        cache: the sample goes to CACHE/roam_sample.
        settings: `entities` and `seed`, the shares `image` and `text` of the held-out triples that
            only that modality decides, and the share `missing` of entities without a modality.

    Raises:
        UserError: the cache cannot be written, or a setting is out of its range.
    """
    numbers = {name: settings[name] for name in RANGES}
    for name, (kinds, what, low, high) in RANGES.items():
        if type(numbers[name]) not in kinds or not low <= numbers[name] <= high:
            raise UserError(
                f"config.data.sample.{name} must be a {what} from {low} to {high}, "
                f"found {numbers[name]!r}."
            )
    make = partial(write, **numbers)
    folder = ensure_generated(cache / "roam_sample", numbers, Path(__file__).parent, make)
    print(f"The graph is a generated sample, invented and no benchmark: {folder}", flush=True)
    return folder
