"""Where the sample is kept once it is written."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ml_collections import ConfigDict

from remote_jax.data.cache import ensure_generated
from remote_jax.errors import UserError
from remote_jax.remote.sample.write import write


def ensure(cache: Path, config: ConfigDict) -> Path:
    """The folder of the sample that `config.data.sample` describes, written if it is new.

    Args:
      cache: the sample goes to CACHE/umre_sample.
      config: posts of `train`, `validation` and `test`, and the `seed`.

    Raises:
      UserError: the cache cannot be written, or a number is not a positive integer.
    """
    numbers = {name: config[name] for name in ("train", "validation", "test", "seed")}
    for name, number in numbers.items():
        if type(number) is not int or number < (name != "seed"):
            raise UserError(f"config.data.sample.{name} must be a positive number, found {number}.")
    make = partial(write, **numbers)
    return ensure_generated(cache / "umre_sample", numbers, Path(__file__).parent, make)
