"""What a key of a config may be and what it means; the defaults stand in the configs themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml_collections import ConfigDict

from remote_jax.errors import UserError, nearest


@dataclass(frozen=True)
class Between:
    """A finite number in [low, high], or in (low, high] where `open` says so."""

    low: float
    high: float = math.inf
    open: bool = False

    def __contains__(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        above = value > self.low if self.open else value >= self.low
        return math.isfinite(value) and above and value <= self.high

    def __str__(self) -> str:
        low = f"above {self.low:,.15g}" if self.open else f"at least {self.low:,.15g}"
        return f"a number {low}" + (
            "" if math.isinf(self.high) else f" and at most {self.high:,.15g}"
        )


@dataclass(frozen=True)
class Whole:
    """A whole number in [low, high]."""

    low: int
    high: float = math.inf

    def __contains__(self, value: object) -> bool:
        # A bool is an int to `isinstance`.
        return type(value) is int and self.low <= value <= self.high

    def __str__(self) -> str:
        if math.isinf(self.high):
            return f"a whole number at least {self.low:,}"
        return f"a whole number from {self.low:,} to {self.high:,}"


@dataclass(frozen=True)
class OneOf:
    """One of a few values."""

    values: tuple[object, ...]

    def __contains__(self, value: object) -> bool:
        return value in self.values

    def __str__(self) -> str:
        return "one of " + ", ".join(map(repr, self.values))


@dataclass(frozen=True)
class Text:
    """Any text; `what` tells a person what kind, and whoever reads the text checks it."""

    what: str = "a text"

    def __contains__(self, value: object) -> bool:
        return isinstance(value, str)

    def __str__(self) -> str:
        return self.what


SWITCH = OneOf((True, False))

TYPES = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
"""What a value of each type is called."""


@dataclass(frozen=True)
class Key:
    """What is known of a key beside its defaults.

    Attributes:
        rule: the values that it may have.
        meaning: one line for a person.
        optional: whether some presets do without it.
        free: whether it may change between a start and a resume: it says where and how, not what.
    """

    rule: Between | Whole | OneOf | Text
    meaning: str
    optional: bool = False
    free: bool = False


LANGUAGE = Key(
    Text("the code of a language, as 'en'"),
    "Language by whose rules the `text` of a post is cut into words, by spaCy.",
)

Keys = Mapping[str, Key]
"""Keys by dotted name, as `train.epochs`."""


def check(config: ConfigDict, keys: Keys) -> None:
    """Checks values against the rules of their keys.

    Raises:
        UserError: a key is missing, or its value breaks its rule.
    """
    values = flatten(config)
    for name, key in keys.items():
        if name in values:
            if values[name] not in key.rule:
                raise UserError(f"config.{name} must be {key.rule}, found {values[name]!r}.")
        elif not key.optional:
            raise UserError(f"The config has no key {name!r}; it must be {key.rule}.")


def check_override(config: ConfigDict, key: str) -> None:
    """Raises a UserError that names the nearest key unless `key` is a leaf of the config."""
    known = list(flatten(config))
    if key not in known:
        raise UserError(f"Unknown config key {key!r}{nearest(key, known)}.")


def override(config: ConfigDict, values: Mapping[str, Any]) -> ConfigDict:
    """A copy of the config with other values, by dotted key.

    Raises:
        UserError: there is no such key, or its values are of another type.
    """
    copy = ConfigDict(config.to_dict())
    for key, value in values.items():
        check_override(copy, key)
        try:
            copy.update_from_flattened_dict({key: value})
        except TypeError as error:
            raise wrong_type(copy, key, value) from error
    return copy.lock()


def wrong_type(config: ConfigDict, key: str, value: object) -> UserError:
    """The error of a value whose type is not that of the key's value in the config."""
    now = flatten(config)[key]
    kind = TYPES.get(type(now), f"of type {type(now).__name__}")
    return UserError(f"config.{key} must be {kind}, as {now!r}; found {value!r}.")


def flatten(config: Mapping[str, Any] | ConfigDict, prefix: str = "") -> dict[str, Any]:
    """Leaves by dotted key, in the order of the config."""
    leaves: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, ConfigDict | dict):
            leaves.update(flatten(value, f"{prefix}{key}."))
        else:
            leaves[f"{prefix}{key}"] = list(value) if isinstance(value, tuple) else value
    return leaves
