"""A file of triples as lines and fields, and its count; fields are not looked up here.

Fields are separated by tabs or, where a line has none, by blanks. A line may end with ` .`, a name
may be a URI in angle brackets. The first line may be the number of triples, as OpenKE writes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from remote_jax.data.files import read_lines
from remote_jax.errors import Refused, UserError

MAX_LINE = 2**14
"""Longest line of a file that is read, in bytes."""
MAX_LINES = 20_000_000
ID = re.compile(r"0|[1-9]\d{0,8}", re.ASCII)
"""A whole number as one writes it; with zeros in front it is a name."""
BLANKS = re.compile(r"[ \r\n]+")
"""Between fields without tabs; other white space, as of East Asian scripts, is part of a name."""
SHOWN = 3
"""Bad lines that an error shows."""

HRT, HTR = "hrt", "htr"
"""Orders of columns: h head, r relation, t tail."""

Row = tuple[int, list[str]]
"""The number of a line, and its fields."""


@dataclass(frozen=True)
class Table:
    """The lines of a file of triples.

    Attributes:
        path: of the file.
        rows: three fields of each line, in the order of the file's columns.
        counted: whether the first line was the number of triples.
        header: order of the columns that a header line gave, "" where there was none.
    """

    path: Path
    rows: list[Row]
    counted: bool = False
    header: str = ""

    @property
    def openke(self) -> bool:
        """Whether the file is of OpenKE's kind, in which a relation may stand last."""
        return self.counted or "2id" in self.path.name

    @property
    def of_ids(self) -> bool:
        """Whether the file's name says that its fields are ids."""
        return "2id" in self.path.name or self.path.suffix == ".del"


def read(path: Path) -> Table:
    """The table in a file.

    Raises:
        UserError: a line has not three fields, there is none, or the count is wrong.
    """
    found = list(lines(path))
    counted = bool(found) and ID.fullmatch(found[0][1]) is not None
    rows = [(number, fields(line)) for number, line in found[counted:]]
    bad = [(number, reason) for number, row in rows if (reason := _wrong(row))]
    many = any(len(row) > 3 for _, row in rows)
    refuse(path, bad, " Separate names that have blanks by tabs." if many else "")
    if counted and int(found[0][1]) != len(rows):
        raise UserError(
            f"{path} says in line 1 that it has {found[0][1]} triples, but has {len(rows)}."
        )
    if not rows:
        raise UserError(f"{path} has no triples.")
    return Table(path, rows, counted)


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, with their numbers from 1."""
    for number, line in read_lines(path, MAX_LINE):
        if isinstance(line, Refused):
            raise UserError(f"{path}, line {number}: {line}.")
        if number > MAX_LINES:
            raise UserError(f"{path} has more than {MAX_LINES:,} lines.")
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise UserError(f"{path}, line {number} is not UTF-8: {error.reason}.") from error
        if text.strip():
            yield number, text.strip(" \r\n")


def fields(line: str) -> list[str]:
    """The fields of a line, without a closing dot and angle brackets."""
    found = [field.strip() for field in line.split("\t")] if "\t" in line else BLANKS.split(line)
    if found[-1] == ".":
        found.pop()
    elif found[-1].endswith(" ."):
        found[-1] = found[-1][:-2].rstrip()
    return [strip_brackets(field) for field in found]


def strip_brackets(name: str) -> str:
    """A name without the angle brackets of a URI."""
    return name[1:-1] if name.startswith("<") and name.endswith(">") else name


def refuse(path: Path, bad: list[tuple[int, str]], remedy: str = "") -> None:
    """Raises a UserError that shows the first bad lines, if there are any."""
    if bad:
        shown = "; ".join(f"line {number} {reason}" for number, reason in bad[:SHOWN])
        more = f"; and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        raise UserError(f"{path}: {shown}{more}.{remedy}")


def _wrong(row: list[str]) -> str:
    if len(row) != 3:
        return f"has {len(row)} fields, expected 3"
    return "" if all(row) else f"has nothing in field {row.index('') + 1}"
