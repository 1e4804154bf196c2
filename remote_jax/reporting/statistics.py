"""What there is to know of data before a model reads them: tables and distributions, as a file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from remote_jax.reporting.numbers import finite
from remote_jax.reporting.results import Table, write_json

FILE = "data.json"
"""In the folder of a run, or in any other."""

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
"""Of a distribution, which is that of a file too."""


@dataclass(frozen=True)
class Distribution:
    """How many there are of each kind, most frequent first.

    Attributes:
        name: of its files, without an ending.
        unit: what is counted.
        kinds: by name.
    """

    name: str
    title: str
    unit: str
    kinds: Sequence[str]
    counts: Sequence[int]


@dataclass(frozen=True)
class Statistics:
    """Statistics of a data set.

    Attributes:
        data: what the data are, for a person.
        sha256: of the data, as in their fingerprint.
        notes: sentences on how things are counted, and on what is not.
    """

    data: str
    sha256: str
    notes: Sequence[str]
    tables: Sequence[Table]
    distributions: Sequence[Distribution] = ()

    def __str__(self) -> str:
        """What a terminal shows."""
        return "\n\n".join([self.data, *map(str, self.tables), *self.notes])

    def write(self, folder: Path) -> Path:
        """Writes `data.json` into a folder, which is made, and gives its path.

        Raises:
            UserError: it cannot be written.
        """
        write_json(folder / FILE, asdict(self))
        return folder / FILE


def from_json(value: Mapping[str, Any]) -> Statistics:
    """What `write` wrote; of a stranger's file too.

    Raises:
        ValueError: it is something else.
    """
    keys = {"data", "sha256", "notes", "tables", "distributions"}
    if not isinstance(value, Mapping) or value.keys() != keys:
        raise ValueError(f"it must have {', '.join(sorted(keys))}")
    return Statistics(
        data=_text(value["data"]),
        sha256=_text(value["sha256"]),
        notes=[_text(one) for one in _list(value["notes"])],
        tables=[_table(one) for one in _list(value["tables"])],
        distributions=[_distribution(one) for one in _list(value["distributions"])],
    )


def _table(value: Any) -> Table:
    title, columns, rows = _fields(value, "title", "columns", "rows")
    found = [[_cell(one) for one in _list(row)] for row in _list(rows)]
    return Table(_text(title), [_text(one) for one in _list(columns)], found)


def _distribution(value: Any) -> Distribution:
    name, title, unit, kinds, counts = _fields(value, "name", "title", "unit", "kinds", "counts")
    found = Distribution(
        _text(name),
        _text(title),
        _text(unit),
        [_text(one) for one in _list(kinds)],
        [_count(one) for one in _list(counts)],
    )
    if not NAME.fullmatch(found.name) or not 0 < len(found.kinds) == len(found.counts):
        raise ValueError(f"{found.name[:60]!r} is no distribution")
    return found


def _fields(value: Any, *names: str) -> list[Any]:
    if not isinstance(value, Mapping) or value.keys() != set(names):
        raise ValueError(f"there must be {', '.join(names)}")
    return [value[name] for name in names]


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{str(value)[:60]!r} is no list")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{str(value)[:60]!r} is no text")
    value.encode()
    return value


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**53:
        raise ValueError(f"{str(value)[:60]!r} is no count")
    return value


def _cell(value: Any) -> object:
    """A text, a finite number, or nothing."""
    if isinstance(value, str):
        return _text(value)
    if value is None or finite(value):
        return value
    raise ValueError(f"{str(value)[:60]!r} is no cell of a table")
