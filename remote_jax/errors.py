"""Errors caused by the user or by the input data, each explained in one sentence."""

from __future__ import annotations

import difflib
import re
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
        raise UserError(f"Cannot write {path}: {error.strerror or reason(error)}.") from error


OBJECT = re.compile(r"[\s:]*<[^<>]* object at 0x[0-9a-f]+>")
"""An object without a text of its own, such as a buffer, as Python shows it."""

MAX_REASON = 160


def reason(error: BaseException) -> str:
    """What an error of a library says, for a person: one line of at most `MAX_REASON` characters.

    Without what only a debugger has use for: addresses of objects, and places in texts without a
    name. The name of its class where nothing is left.
    """
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    text = OBJECT.sub("", text.strip().partition("\n")[0]).rstrip(" .:")
    if len(text) > MAX_REASON:
        text = f"{text[: MAX_REASON - 3]}..."
    return text or type(error).__name__


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
