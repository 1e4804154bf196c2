"""Parameters that keep their values (`train.frozen`), and encoders of which all do."""

from __future__ import annotations

from ml_collections import ConfigDict

ENCODERS = {"text": "text/bert/", "vision": "vision/vit/"}
"""Where the parameters of encoders live, by their parts of a config; they may be pretrained."""


def named(config: ConfigDict) -> list[str]:
    """How the names of parameters begin that a person wants kept.

    Args:
        config: the `train` part of a config.
    """
    return [name for part in config.frozen.split(",") if (name := part.strip())]


def covers(config: ConfigDict, part: str) -> bool:
    """Whether one beginning in `train.frozen` is that of all parameters of an encoder.

    Args:
        config: a whole one.
        part: of `ENCODERS`.
    """
    return any(ENCODERS[part].startswith(name) for name in named(config.train))


def without_dropout(config: ConfigDict) -> ConfigDict:
    """A config whose frozen encoders have no dropout: what they make of an input is constant."""
    found = config.copy_and_resolve_references()
    for part in ENCODERS:
        if covers(config, part):
            found[part].dropout = 0.0
    return found
