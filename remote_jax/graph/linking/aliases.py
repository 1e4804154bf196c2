"""The file of aliases that a person gives: an alias, a name, and perhaps a type a line."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from remote_jax.data.files import read_lines
from remote_jax.errors import Refused, UserError
from remote_jax.graph.names import clean, key

MAX_LINE = 2**16


@dataclass(frozen=True)
class Aliases:
    """Names by alias, both as keys; with each the type that the file gives, or ""."""

    names: dict[str, list[tuple[str, str]]] = field(default_factory=dict)


def read(path: Path) -> Aliases:
    """The aliases in a file of lines `ALIAS<tab>NAME` or `ALIAS<tab>NAME<tab>TYPE`.

    Raises:
        UserError: a line is none of these, or the file cannot be read.
    """
    found = defaultdict(list)
    for number, line in read_lines(path, MAX_LINE):
        try:
            if isinstance(line, Refused):
                raise line
            fields = line.decode().strip("\r\n").split("\t")
        except (Refused, UnicodeDecodeError) as error:
            raise UserError(f"{path}, line {number}: {error}.") from error
        if len(fields) not in (2, 3) or not all(part.strip() for part in fields[:2]):
            raise UserError(
                f"{path}, line {number} has {len(fields)} fields, expected an alias, a tab and a "
                "name, and perhaps a tab and a type."
            )
        alias, name, kind = (clean(part) if part.strip() else "" for part in [*fields, ""][:3])
        found[key(alias)].append((key(name), kind.lower()))
    return Aliases(dict(found))
