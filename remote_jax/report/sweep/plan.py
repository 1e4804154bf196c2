"""What belongs to a sweep: its runs and the numbers that were asked for, kept in `sweep.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from remote_jax.data.files import inside, read_json
from remote_jax.errors import Refused, UserError
from remote_jax.reporting.results import write_json

FILE = "sweep.json"
"""In the folder of a sweep."""

MOST_BYTES = 2**24
"""Of that file, and of the `results.json` of a run."""


@dataclass(frozen=True)
class Run:
    """One training run: a variant with a seed.

    Attributes:
        flags: of `remote_jax.main`, those of the variant.
    """

    variant: str
    flags: tuple[str, ...]
    seed: int
    workdir: Path

    @property
    def finished(self) -> bool:
        """Whether it has results; it may still have to go on to more epochs."""
        return (self.workdir / "results.json").exists()

    def results(self) -> dict[str, Any]:
        """What it left.

        Raises:
            UserError: it is not finished, or its file is malformed.
        """
        return read_json(self.workdir / "results.json", MOST_BYTES)


@dataclass(frozen=True)
class Sweep:
    """Variants of a config, with seeds.

    Attributes:
        config: NAME[:PRESET] or a file.
        metrics: names of numbers of `results.json`; none for the scores that all runs have.
    """

    config: str
    metrics: tuple[str, ...]
    runs: tuple[Run, ...]


def write(sweep: Sweep, folder: Path) -> None:
    """Writes `sweep.json` into the folder that the folders of the runs are in.

    Raises:
        UserError: it cannot be written.
    """
    runs = [
        {
            "variant": run.variant,
            "flags": run.flags,
            "seed": run.seed,
            "folder": run.workdir.relative_to(folder).as_posix(),
        }
        for run in sweep.runs
    ]
    write_json(folder / FILE, {"config": sweep.config, "metrics": sweep.metrics, "runs": runs})


def read(folder: Path) -> Sweep:
    """Reads what `write` wrote.

    Raises:
        UserError: the file is missing or is not as it was written, or names a folder elsewhere.
    """
    path = folder / FILE
    found = read_json(path, MOST_BYTES)
    try:
        runs = tuple(_run(folder, row) for row in found["runs"])
        sweep = Sweep(_text(found["config"]), _texts(found["metrics"]), runs)
    except (Refused, KeyError, TypeError) as error:
        what = f"there is no {error}" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{path} is not as a sweep writes it: {what}.") from error
    if not runs:
        raise UserError(f"{path} names no run.")
    return sweep


def _run(folder: Path, row: dict[str, Any]) -> Run:
    seed = row["seed"]
    if type(seed) is not int:
        raise Refused(f"a seed is {json.dumps(seed)[:60]}, expected a whole number")
    workdir = inside(folder, _text(row["folder"]))
    return Run(_text(row["variant"]), _texts(row["flags"]), seed, workdir)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Refused(f"{json.dumps(value)[:60]} stands where a text is expected")
    return value


def _texts(values: Sequence[object]) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise Refused(f"{json.dumps(values)[:60]} stands where a list is expected")
    return tuple(map(_text, values))
