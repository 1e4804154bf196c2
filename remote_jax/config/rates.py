"""Learning rates of their own for some parameters (`train.rates`)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ml_collections import ConfigDict

from remote_jax.config.rules import Text
from remote_jax.errors import UserError, nearest


@dataclass(frozen=True)
class Rates(Text):
    """A text that `parse` can read."""

    what: str = "beginnings of names, each with a rate above 0"

    def __contains__(self, value: object) -> bool:
        try:
            return isinstance(value, str) and parse(value) is not None
        except UserError:
            return False


def parse(text: str) -> dict[str, float]:
    """Peak learning rates by how the names of their parameters begin.

    Args:
        text: `train.rates`, as `text/fusion/alpha=0.01,mmoe/text/router=1e-4`.

    Raises:
        UserError: a part is no name with a rate above 0, or a name stands there twice.
    """
    rates: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = (piece.strip() for piece in part.partition("="))
        try:
            rate = float(value)
        except ValueError:
            rate = math.nan
        if not name or not 0 < rate < math.inf:
            raise UserError(
                f"train.rates has {part!r}, expected the beginning of a name and a rate above 0, "
                "as text/fusion/alpha=0.01."
            )
        if name in rates:
            raise UserError(f"train.rates has two rates for {name!r}: leave one out.")
        rates[name] = rate
    return rates


def unused(config: ConfigDict, names: Iterable[str]) -> list[str]:
    """A sentence on each beginning in `train.rates` that is of no parameter, and sets no rate.

    It is no error: a switch of the model may have taken the parameters away that a preset names.

    Args:
        config: the `train` part of a config.
        names: of all parameters.

    Raises:
        UserError: as `parse`.
    """
    names = list(names)
    return [
        f"train.rates: no parameter of this model begins with {beginning!r}"
        f"{nearest(beginning, beginnings(names))}, so that rate is for nothing"
        for beginning in parse(config.rates)
        if not any(name.startswith(beginning) for name in names)
    ]


def beginnings(names: Iterable[str]) -> list[str]:
    """The names, and all folders that they are in, as `text/fusion` of `text/fusion/alpha/0`."""
    parts = [name.split("/") for name in names]
    return sorted({"/".join(part[: depth + 1]) for part in parts for depth in range(len(part))})


def own_rate(name: str, rates: dict[str, float]) -> float | None:
    """The rate of the longest beginning that fits a parameter's name; None where none does."""
    fitting = [beginning for beginning in rates if name.startswith(beginning)]
    return rates[max(fitting, key=len)] if fitting else None
