"""Where the sample is kept once it is written."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from ml_collections import ConfigDict

from remote_jax.errors import UserError
from remote_jax.remote.lock import locked
from remote_jax.remote.sample.write import write


def ensure(cache: Path, config: ConfigDict) -> Path:
    """The folder of the sample that `config.data.sample` describes, written if it is new.

    Args:
      cache: the sample goes to CACHE/umre_sample/KEY, the key being of its numbers and of the code
        that makes it.
      config: posts of `train`, `validation` and `test`, and the `seed`.

    Raises:
      UserError: the cache cannot be written, or a number is not a positive integer.
    """
    numbers = {name: config[name] for name in ("train", "validation", "test", "seed")}
    for name, number in numbers.items():
        if type(number) is not int or number < (name != "seed"):
            raise UserError(f"config.data.sample.{name} must be a positive number, found {number}.")
    folder = cache / "umre_sample" / _key(numbers)
    if folder.is_dir():
        return folder
    with locked(folder.parent):
        try:
            _build(folder, numbers)
        except OSError as error:
            raise UserError(f"Cannot write the sample to {folder}: {error.strerror}.") from error
    return folder


def _build(folder: Path, numbers: dict[str, int]) -> None:
    """Writes the sample and puts it in its place whole, unless another process was first."""
    for rest in folder.parent.glob("partial-*"):  # of a killed build
        shutil.rmtree(rest)
    if folder.is_dir():
        return
    partial = folder.with_name(f"partial-{folder.name}")
    partial.mkdir()
    print(f"Writing the sample to {folder}", flush=True)
    write(partial, **numbers)
    partial.rename(folder)


def _key(numbers: dict[str, int]) -> str:
    digest = hashlib.sha256(json.dumps(numbers, sort_keys=True).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]
