"""The part of a config that describes a sample, with the rules of its keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from remote_jax.config import Keys


def sample_keys(settings: Mapping[str, Any], keys: Keys) -> tuple[ConfigDict, Keys]:
    """Arguments of `config.check` for these settings of a sample."""
    config = ConfigDict({"data": {"sample": dict(settings)}})
    return config, {name: key for name, key in keys.items() if name.startswith("data.sample.")}
