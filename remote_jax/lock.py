"""One process of a machine at a time builds in a folder of the cache."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from remote_jax.errors import UserError


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other processes of this machine from building in `folder`, which is made, at once.

    The system lets go when this process dies, so what a holder finds half built is of a dead one.

    Raises:
        UserError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise UserError(f"Cannot write the cache {folder}: {error.strerror}.") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
