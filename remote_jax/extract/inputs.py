"""The posts to extract from: JSON lines and Parquet, files and folders of them, cut into shards.

A shard is some posts of one file, one after another. It can be read without reading what comes
before it, so any process can do any shard.
"""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from remote_jax.data import posts
from remote_jax.data.files import sha256
from remote_jax.data.jsonl import MAX_LINE, parse
from remote_jax.data.posts import Values
from remote_jax.errors import Refused, UserError
from remote_jax.extract import parquet
from remote_jax.reporting.progress import working

SUFFIXES = (".jsonl", parquet.SUFFIX)


@dataclass(frozen=True)
class Source:
    """A file of posts.

    Attributes:
        name: below the folder of the posts.
    """

    path: Path
    name: str
    posts: int
    size: int
    sha256: str


@dataclass(frozen=True)
class Shard:
    """Posts of one file, one after another.

    Attributes:
        number: of the shard, from 0.
        source: index of its file.
        start: where its first post is: a place in bytes, of Parquet a row group.
        first: the line of that post, of Parquet its row, from 1.
        posts: how many there are.
        repeated: places in it, from 0, of posts whose id an earlier post has.
    """

    number: int
    source: int
    start: int
    first: int
    posts: int
    repeated: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Plan:
    """All that is to be done.

    Attributes:
        folder: of the posts: the one that all files are in. Pictures are named from here.
    """

    folder: Path
    sources: tuple[Source, ...]
    shards: tuple[Shard, ...]

    @property
    def posts(self) -> int:
        """How many there are in all."""
        return sum(shard.posts for shard in self.shards)


@dataclass(frozen=True)
class Row:
    """A post as a file has it.

    Attributes:
        line: of JSON lines, or row, from 1.
        values: why it cannot be read, where it cannot.
    """

    id: str
    line: int
    values: Values


def find_files(inputs: Sequence[Path], output: Path) -> list[Path]:
    """The files that are named, and those of `SUFFIXES` below the folders that are named.

    Args:
        output: a folder of extracted posts; what is in it is no input.

    Raises:
        UserError: there is no such file or folder, or nothing in a folder.
    """
    found: dict[Path, None] = {}
    for given in inputs:
        path = given.expanduser()
        if path.is_dir():
            below = [one.resolve() for one in sorted(path.rglob("*")) if _wanted(one, path)]
            files = [one for one in below if not one.is_relative_to(output.resolve())]
            if not files:
                raise UserError(f"There is no {' or '.join(SUFFIXES)} file in the folder {path}.")
            found |= dict.fromkeys(files)
        elif path.is_file() and path.resolve().parent == output.resolve():
            raise UserError(
                f"{path} is in --output={output}: choose another folder for the shards."
            )
        elif path.is_file() and path.suffix in SUFFIXES:
            found[path.resolve()] = None
        elif path.exists():
            raise UserError(f"{path} is none of {', '.join(SUFFIXES)}, by its name.")
        else:
            raise UserError(f"There is no file or folder {path}.")
    return list(found)


def _wanted(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.suffix in SUFFIXES and not hidden and path.is_file()


def plan(files: Sequence[Path], size: int) -> Plan:
    """Cuts files into shards; every file is read once, and eight bytes a post are kept meanwhile.

    Args:
        files: absolute.
        size: posts of a shard, at most.

    Raises:
        UserError: a file cannot be read, or there is no post in it.
    """
    folder = Path(os.path.commonpath([path.parent for path in files]))
    sources, shards, ids = list[Source](), list[Shard](), array("Q")
    for path in files:
        name = path.relative_to(folder).as_posix()
        with working(f"reading {name}"):
            before = len(ids)
            shards += _cut(path, name, len(sources), len(shards), size, ids)
            digest, length = sha256(path), path.stat().st_size
        sources.append(Source(path, name, len(ids) - before, length, digest))
    return Plan(folder, tuple(sources), tuple(_with_repeated(shards, ids)))


def _cut(
    path: Path, name: str, source: int, number: int, size: int, ids: array[int]
) -> Iterator[Shard]:
    """The shards of a file; digests of the ids of its posts are added to `ids`."""
    now: Shard | None = None
    if path.suffix != parquet.SUFFIX:
        posts.count(path)  # or why it is no file of posts
    for line, start, value in _scanned(path):
        # A group of rows is read whole: a shard is of one.
        ended = now is not None and path.suffix == parquet.SUFFIX and now.start != start
        if now is None or now.posts == size or ended:
            if now is not None:
                yield now
                number += 1
            now = Shard(number, source, start, line, 0)
        now = replace(now, posts=now.posts + 1)
        digest = hashlib.blake2b(id_of(value, name, line).encode("utf-8", "replace"), digest_size=8)
        ids.append(int.from_bytes(digest.digest()))
    if now is None:
        raise UserError(f"{path} has no posts.")
    yield now


def _scanned(path: Path) -> Iterator[tuple[int, int, object]]:
    """Line, place and id of each post."""
    if path.suffix == parquet.SUFFIX:
        yield from parquet.ids(path)
        return
    for number, place, line in _lines(path, 0, 1):
        try:
            yield number, place, None if isinstance(line, Refused) else parse(line).get("id")
        except Refused:
            yield number, place, None


def id_of(value: object, name: str, line: int) -> str:
    """The id of a post; one without has that of its place."""
    return str(value) if isinstance(value, str | int) and value != "" else f"{name}:{line}"


def _with_repeated(shards: Sequence[Shard], ids: array[int]) -> Iterator[Shard]:
    """The shards with what is repeated of them; an id is told by its digest of 64 bits."""
    _, first = np.unique(np.frombuffer(ids, np.uint64), return_index=True)
    again = np.ones(len(ids), bool)
    again[first] = False
    start = 0
    for shard in shards:
        places = np.flatnonzero(again[start : start + shard.posts])
        start += shard.posts
        yield replace(shard, repeated=frozenset(places.tolist())) if len(places) else shard


def read(plan: Plan, shard: Shard) -> list[Row]:
    """The posts of a shard; those that cannot be read, or whose id is not new, say why.

    Raises:
        UserError: the file cannot be read.
    """
    source, found = plan.sources[shard.source], list[Row]()
    for line, value in _values(source.path, shard):
        given = None if isinstance(value, Refused) else value.get("id")
        id_ = id_of(given, source.name, line)
        if len(found) in shard.repeated:
            value = Refused(f"an earlier post has the id {id_!r}")
        found.append(Row(id_, line, value))
        if len(found) == shard.posts:
            return found
    raise UserError(f"{source.path} has become shorter since it was looked at.")


def _values(path: Path, shard: Shard) -> Iterator[tuple[int, Values]]:
    if path.suffix == parquet.SUFFIX:
        yield from parquet.rows(path, shard.start, shard.first)
        return
    for number, _, line in _lines(path, shard.start, shard.first):
        try:
            yield number, line if isinstance(line, Refused) else parse(line)
        except Refused as error:
            yield number, error


def _lines(path: Path, place: int, number: int) -> Iterator[tuple[int, int, bytes | Refused]]:
    """Number and place of each line from one on that is not blank, and the line."""
    try:
        with path.open("rb") as file:
            file.seek(place)
            while line := file.readline(MAX_LINE + 1):
                here, length = place, len(line)
                if not here:
                    line = line.removeprefix(b"\xef\xbb\xbf")
                if length > MAX_LINE:
                    while line and not line.endswith(b"\n"):
                        line = file.readline(MAX_LINE)
                        length += len(line)
                    yield number, here, Refused(f"the line is longer than {MAX_LINE:,} bytes")
                elif line.strip():
                    yield number, here, line
                place, number = place + length, number + 1
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.") from error


def described(plan: Plan) -> list[Mapping[str, Any]]:
    """The files, as the manifest has them."""
    return [
        {"file": one.name, "posts": one.posts, "size": one.size, "sha256": one.sha256}
        for one in plan.sources
    ]
