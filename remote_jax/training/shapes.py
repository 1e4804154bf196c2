"""The shapes that a run's batches are cut to, kept in its folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from remote_jax.data.buckets import Buckets, Extents, Padding, Shape
from remote_jax.data.files import read_json_value
from remote_jax.errors import UserError
from remote_jax.reporting.results import write_json

FILE = "shapes.json"

MAX_BYTES = 2**16
"""Of that file."""


def kept(
    folder: Path, *, anew: bool, padding: Padding, most: int, extents: Callable[[], Extents]
) -> tuple[Shape, ...]:
    """The shapes of a run, which all that is done with its model has; the full one is last.

    Those in its folder, or chosen and kept there.

    Args:
        anew: whether they are to be chosen, whatever there is.
        most: shapes that are chosen, at most; 1: none is but the full one.
        extents: of the training split; asked where shapes are chosen.

    Raises:
        UserError: the file there is malformed, or of other lengths.
    """
    if most == 1:
        return (padding.full,)
    path = folder / FILE
    if anew or not path.exists():
        chosen = Buckets.choose(extents(), most).shapes
        write(folder, tuple(dict.fromkeys((*chosen, padding.full))))
    found = read_json_value(path, MAX_BYTES)
    try:
        shapes = tuple(tuple(map(int, shape)) for shape in found)
    except (TypeError, ValueError):
        shapes = ()
    if not shapes or shapes[-1] != padding.full:
        raise UserError(f"{path} does not hold shapes of batches that end with {padding.full}.")
    return shapes


def write(folder: Path, shapes: Sequence[Shape]) -> None:
    """Writes them into the folder of a run or an export, where there are several."""
    if len(shapes) > 1:
        write_json(folder / FILE, [list(shape) for shape in shapes])


def files(most: int) -> tuple[str, ...]:
    """Names of the files that `kept` keeps."""
    return (FILE,) if most > 1 else ()
