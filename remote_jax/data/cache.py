"""The cache: where it is, who builds in it, and the generated samples that it keeps."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from remote_jax.errors import UserError


def cache_folder(name: str, environ: Mapping[str, str] = os.environ) -> Path:
    """`name`, or where this user's caches are if it is ""."""
    if name:
        return Path(name).expanduser()
    base = environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "remote_jax"


def with_data_folder(
    config: ConfigDict, ensure_sample: Callable[[Path, Mapping[str, Any]], Path]
) -> ConfigDict:
    """`config` with the folder of the sample as `data.dir` where it names none.

    Args:
        config: the whole config; `data` is read.
        ensure_sample: writes the sample of these settings below this folder if it is new.

    Raises:
        UserError: neither a folder nor a sample is named, or the sample cannot be written.
    """
    data = config.data
    if data.dir:
        return config
    if "sample" not in data:
        raise UserError(
            f"This preset reads {data.name} as published: set --config.data.dir=FOLDER."
        )
    copy = config.copy_and_resolve_references()
    with copy.unlocked():
        copy.data.dir = str(ensure_sample(cache_folder(data.cache), data.sample))
    return copy


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


def ensure_generated(
    parent: Path,
    settings: Mapping[str, Any],
    code: Path,
    write: Callable[..., object],
) -> Path:
    """The folder of a sample, written if it is new; it lands in its place by one rename.

    Args:
        parent: the sample goes to PARENT/KEY, the key being of its settings and its code.
        settings: `config.data.sample`, as the system's `KEYS` let it through.
        code: folder of the modules that make it.
        write: fills a folder, given its path and the settings by name.

    Raises:
        UserError: the folder cannot be written.
    """
    chosen, folder = dict(settings), generated_folder(parent, settings, code)
    if folder.is_dir():
        return folder
    with locked(parent):
        try:
            _build(folder, partial(write, **chosen))
        except OSError as error:
            raise UserError(f"Cannot write the sample to {folder}: {error.strerror}.") from error
    return folder


def generated_folder(parent: Path, settings: Mapping[str, Any], code: Path) -> Path:
    """Where `ensure_generated` keeps a sample; nothing is written."""
    return parent / _key(dict(settings), code)


def _build(folder: Path, write: Callable[[Path], object]) -> None:
    """Writes the sample and puts it in its place whole, unless another process was first."""
    for rest in folder.parent.glob("partial-*"):  # of a killed build
        shutil.rmtree(rest)
    if folder.is_dir():
        return
    partial = folder.with_name(f"partial-{folder.name}")
    partial.mkdir()
    print(f"Writing the sample to {folder}", flush=True)
    write(partial)
    partial.rename(folder)


def _key(settings: Mapping[str, Any], code: Path) -> str:
    digest = hashlib.sha256(json.dumps(dict(settings), sort_keys=True).encode())
    for source in sorted(code.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]
