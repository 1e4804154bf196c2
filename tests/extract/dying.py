"""An extractor whose process dies now and then, as those of workers do."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from remote_jax.data.extracted import ExtractedPost
from remote_jax.errors import Refused
from remote_jax.extract import shards
from remote_jax.extract.extractor import Extracted, Failed
from remote_jax.reporting.results import write_atomically

ORIGIN = {"remote: model": "one"}


class Dying:
    """Extracts nothing but the text.

    Args:
        deaths: a folder with a file for each death to come; `before` and `after` in its name say
            whether it comes before or after a file of a shard is written.
    """

    origin = ORIGIN

    def __init__(self, deaths: Path) -> None:
        def write(path: Path, lines: Iterable[str]) -> None:
            _die(deaths, "before")
            write_atomically(path, lines)
            _die(deaths, "after")

        shards.write_atomically = write

    def extract(self, given: Iterable[Any]) -> Iterator[Extracted]:
        for rows, _, _ in given:
            posts = [
                ExtractedPost(row.id, row.values["text"])
                for row in rows
                if not isinstance(row.values, Refused)
            ]
            failed = [
                Failed(row.id, row.line, str(row.values))
                for row in rows
                if isinstance(row.values, Refused)
            ]
            yield Extracted(tuple(posts), tuple(failed))


def _die(deaths: Path, when: str) -> None:
    """Takes a file away and kills this process; as one move, so that no two die of one file."""
    for path in sorted(deaths.glob(f"{when}-*")):
        try:
            path.unlink()
        except FileNotFoundError:
            continue
        os.kill(os.getpid(), signal.SIGKILL)
