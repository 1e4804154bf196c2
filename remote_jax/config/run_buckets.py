"""The buckets of a run: their shapes are kept in its folder, as its config is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from remote_jax.data.batches.buckets import Buckets, Extents, Padding, Shape
from remote_jax.data.files import read_json_value
from remote_jax.errors import UserError
from remote_jax.reporting.progress import working
from remote_jax.reporting.results import write_json

FILE = "buckets.json"

MOST = 64
"""Most buckets that `data.buckets` may ask for."""

EIGHTHS = (5, 6, 7, 8)
"""Parts of an axis that posts are cut to where the run has no shapes of its own."""

WORTH_CUTTING = 4000
"""Examples of posts from which on that is done."""

MAX_BYTES = 2**16
"""Of the file."""


class RunBuckets:
    """Buckets of all data sets that a run's model sees, by the same shapes.

    The shapes are chosen from the training split when a run begins; the full one is always among
    them, for examples of other splits and for posts.
    """

    def __init__(
        self,
        folder: Path,
        *,
        anew: bool,
        padding: Padding,
        most: int,
        extents: Callable[[str], Extents],
    ):
        """Chooses shapes and keeps them in the run's folder, or reads them there.

        Args:
            anew: whether shapes are to be chosen, whatever there is.
            most: at most this many shapes are chosen (`data.buckets`); 1 turns cutting off.
            extents: of a split of the data.

        Raises:
            UserError: the file there is malformed, or of other lengths.
        """
        self._extents, self._known = extents, dict[str, Buckets]()
        self._shapes: tuple[Shape, ...] = (padding.full,)
        self.cuts, self._padding = most > 1, padding
        if not self.cuts:
            return
        path = folder / FILE
        if anew or not path.exists():
            self._shapes += Buckets.choose(self._measured("train"), most).shapes
            self.write(folder)
        self._shapes = _checked(path, padding)

    def of(self, split: str) -> Buckets | None:
        """Of a split; None where batches are not cut."""
        if not self.cuts:
            return None
        if split not in self._known:
            self._known[split] = Buckets.with_shapes(self._measured(split), self._shapes)
        return self._known[split]

    def _measured(self, split: str) -> Extents:
        with working(f"measuring the examples of {split}"):
            return self._extents(split)

    def of_posts(self, examples: int, extents: Callable[[], Extents]) -> Buckets | None:
        """Of posts; None where batches are not cut.

        Of a run that does not cut batches, those of many posts are cut along the first axis all the
        same: nothing is learnt from them, and to compile programs for them pays.

        Args:
            examples: how many they have.
        """
        if self.cuts:
            measured = extents()
            return Buckets.with_shapes(measured, self._widened(measured.padding.full))
        if examples < WORTH_CUTTING:
            return None
        first, *rest = self._padding.full
        lengths = {-(-first * eighths // 8) for eighths in EIGHTHS}
        return Buckets.with_shapes(extents(), [(length, *rest) for length in sorted(lengths)])

    def _widened(self, full: Shape) -> tuple[Shape, ...]:
        """The shapes, and each with the axes full that have more room than in the run."""
        wider = [
            tuple(
                new if new > old else length
                for length, old, new in zip(shape, self._padding.full, full, strict=True)
            )
            for shape in self._shapes
        ]
        return tuple(dict.fromkeys([*self._shapes, *wider]))

    def write(self, folder: Path) -> None:
        """Writes the shapes into the folder of a run or an export, where batches are cut."""
        if self.cuts:
            write_json(folder / FILE, [list(shape) for shape in dict.fromkeys(self._shapes)])


def files(most: int) -> tuple[str, ...]:
    """Names of the files that `RunBuckets` keeps."""
    return (FILE,) if most > 1 else ()


def _checked(path: Path, padding: Padding) -> tuple[Shape, ...]:
    """The shapes in a file, which may come from a stranger."""
    found = read_json_value(path, MAX_BYTES)
    valid = isinstance(found, list) and 0 < len(found) <= MOST + 1
    if not valid or not all(_is_shape(shape, padding.full) for shape in found):
        raise _malformed(path, padding)
    shapes = tuple(map(tuple, found))
    if padding.full not in shapes:
        raise _malformed(path, padding)
    return shapes


def _is_shape(value: Any, full: Shape) -> bool:
    return (
        isinstance(value, list)
        and len(value) == len(full)
        and all(
            type(length) is int and 0 <= length <= most
            for length, most in zip(value, full, strict=True)
        )
    )


def _malformed(path: Path, padding: Padding) -> UserError:
    axes, full = " x ".join(padding.lengths), " x ".join(map(str, padding.full))
    return UserError(
        f"{path} must list at most {MOST + 1} lengths of {axes}, {full} among them and none above. "
        "Delete it and start the run again; an export is to be exported again."
    )
