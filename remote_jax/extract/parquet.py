"""Posts in Parquet: a column for each key of a post, `image` and `depth` paths or contents.

Parquet keeps rows in groups, each of which is decoded as a whole.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from remote_jax.data.posts import Values
from remote_jax.errors import UserError, reason

SUFFIX = ".parquet"

MAX_GROUP = 2**30
"""Most bytes of a group of rows, decoded."""


def ids(path: Path) -> Iterator[tuple[int, int, object]]:
    """The row, from 1, the group, and the id of each post.

    Raises:
        UserError: pyarrow is not installed, the file cannot be read, or a group is too large.
    """
    row = 0
    with _reading(path) as file:
        named = "id" in file.schema_arrow.names
        for group in range(file.num_row_groups):
            about = file.metadata.row_group(group)
            if about.total_byte_size > MAX_GROUP:
                raise UserError(
                    f"{path} has a group of {about.total_byte_size:,} bytes, expected at most "
                    f"{MAX_GROUP:,}: write it with fewer rows a group (row_group_size)."
                )
            found = file.read_row_group(group, ["id"])["id"].to_pylist() if named else []
            for number in range(about.num_rows):
                row += 1
                yield row, group, found[number] if named else None


def rows(path: Path, group: int, first: int) -> Iterator[tuple[int, Values]]:
    """The posts of a group from a row on, each with its row.

    Raises:
        UserError: as `ids`.
    """
    table, before = _group(path, group)
    for row in range(first, before + len(table) + 1):
        (values,) = table.slice(row - 1 - before, 1).to_pylist()
        yield row, {key: _plain(value) for key, value in values.items() if value is not None}


@functools.lru_cache(maxsize=1)
def _group(path: Path, group: int) -> tuple[Any, int]:
    """The rows of a group, and how many come before it; shards of one group follow each other."""
    with _reading(path) as file:
        before = sum(file.metadata.row_group(number).num_rows for number in range(group))
        return file.read_row_group(group), before


def _plain(value: Any) -> Any:
    """Values as JSON lines would have them: nothing in place of null, dates as texts."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, datetime.date):  # one with a time is one too
        return value.isoformat()
    return value


class _reading:
    """An open file of Parquet; what pyarrow says of a broken one becomes a UserError."""

    def __init__(self, path: Path):
        try:
            from pyarrow import parquet
        except ImportError as error:
            raise UserError(
                f"{path} needs pyarrow to be read: pip install -e '.[extract]'."
            ) from error
        self._path = path
        try:
            self._file = parquet.ParquetFile(path)
        except (OSError, ValueError) as error:  # ArrowInvalid is the latter
            raise self._broken(error) from error

    def __enter__(self) -> Any:
        return self._file

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._file.close()
        if isinstance(error, OSError | ValueError | NotImplementedError):
            raise self._broken(error) from error

    def _broken(self, error: BaseException) -> UserError:
        return UserError(f"{self._path} cannot be read as Parquet: {reason(error)}.")
