"""What the `tensorflow-datasets` builders share: records in ArrayRecord, without TensorFlow."""

from __future__ import annotations

import contextlib
import fcntl
import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import tensorflow_datasets as tfds

from remote_jax.errors import UserError


class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """A builder that downloads nothing.

    Looking for checksums of downloads beside the class, as the property of the base class does,
    needs a package that tensorflow-datasets does not ask for.
    """

    url_infos = None


def prepare(builder: Builder) -> None:
    """Builds the records, unless they are there.

    They land in their place by one rename, so a killed build leaves nothing that a later one would
    take for whole. Hold the lock of their folder.
    """
    folder = Path(builder.data_dir)
    if folder.exists():
        return
    for rest in folder.parent.glob("*incomplete*"):  # of a killed build
        shutil.rmtree(rest)
    tfds.disable_progress_bar()
    with contextlib.redirect_stdout(io.StringIO()):  # it speaks of a download
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(try_download_gcs=False)
        )


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other processes of this machine from building the same records at once."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise UserError(f"Cannot write the cache {folder}: {error.strerror}.") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
