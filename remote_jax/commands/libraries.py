"""Libraries of extras: which are missing, and the sentence that says so."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

from remote_jax.errors import UserError


def missing(needed: Iterable[str]) -> list[str]:
    """Those that are not installed."""
    return [name for name in needed if importlib.util.find_spec(name) is None]


def check_libraries(what: str, extra: str, needed: Iterable[str]) -> None:
    """Raises a UserError where a library is not installed.

    Args:
        what: needs them, as a sentence begins with it.
        extra: of this package, that has them.
    """
    if absent := missing(needed):
        raise UserError(f"{what} needs {' and '.join(absent)}: pip install -e '.[{extra}]'.")
