"""Errors caused by the user or by the input data, each explained in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class UserError(Exception):
    """A mistake of the user, told in one sentence: where, what was found, what was expected.

    `remote_jax.main` prints the sentence and exits with code 2; anything else that is raised is a
    bug and keeps its stack trace.
    """


class Refused(ValueError):
    """A piece of data that is not used; the message is a sentence that says why."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Around what writes to `path`.

    Raises:
        UserError: the system refuses: no right to, no room left, or the like.
    """
    try:
        yield
    except OSError as error:
        raise UserError(f"Cannot write {path}: {error.strerror or error}.") from error
