"""Where the sample is kept once it is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from remote_jax.data.cache import ensure_generated, generated_folder
from remote_jax.remote.sample.write import write

SAMPLES, CODE = "umre_sample", Path(__file__).parent
"""Folder of samples in the cache, and of the modules that make them."""


def ensure(cache: Path, settings: Mapping[str, Any]) -> Path:
    """The folder of the sample that `config.data.sample` describes, written if it is new.

    Args:
        cache: the sample goes to CACHE/umre_sample.
        settings: posts of `train`, `validation` and `test`, and the `seed`.

    Raises:
        UserError: the cache cannot be written.
    """
    return ensure_generated(cache / SAMPLES, settings, CODE, write)


def place(cache: Path, settings: Mapping[str, Any]) -> Path:
    """Where `ensure` keeps the sample; it may not be there."""
    return generated_folder(cache / SAMPLES, settings, CODE)
