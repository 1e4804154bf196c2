"""Errors caused by the user or by the input data, each explained in one sentence."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
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


LIKE = 0.6
"""Least similarity, of `difflib`, of a name that is proposed for another."""


def nearest(name: str, known: Iterable[str]) -> str:
    """` (did you mean ...?)` with the likeliest known name, one with the same last part first.

    "" where none is like it.
    """
    names = list(known)
    last = name.rpartition(".")[2]
    same_last = [key for key in names if key.rpartition(".")[2] == last]
    cutoff = 0.0 if same_last else LIKE
    close = difflib.get_close_matches(name, same_last or names, n=1, cutoff=cutoff)
    return f" (did you mean {close[0]!r}?)" if close else ""
