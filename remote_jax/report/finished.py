"""What a finished run leaves in its folder, read for its report."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from remote_jax.errors import UserError, reason
from remote_jax.reporting.results import Table, read_results

Row = dict[str, Any]


@dataclass(frozen=True)
class Finished:
    """A finished run.

    Attributes:
        folder: of the run.
        results: `results.json`.
        tables: those that are printed when a run ends.
        log: lines of `metrics.jsonl`.
        rows: lines of `predictions.jsonl`.
    """

    folder: Path
    results: dict[str, Any]
    tables: list[Table]
    log: list[Row]
    rows: list[Row]

    @property
    def system(self) -> str:
        """`remote`, `eega` or `roam`."""
        return str(self.results["config"]["system"])

    @property
    def split(self) -> str:
        """The split that predictions are of: the last that is scored."""
        return list(self.results["metrics"])[-1]

    @cached_property
    def scores(self) -> dict[str, float]:
        """Of that split."""
        found: dict[str, float] = self.results["metrics"][self.split]
        return found

    def logged(self, split: str, key: str) -> tuple[list[float], list[float]]:
        """Steps, and what was logged under a key at them."""
        found = [x for x in self.log if x.get("split") == split and x.get(key) is not None]
        return [float(x["step"]) for x in found], [float(x[key]) for x in found]

    def each(self, take: Callable[[Row], Any]) -> list[Any]:
        """What is taken from each prediction.

        Raises:
            UserError: one of them is not as the run writes it now.
        """
        found = []
        for number, row in enumerate(self.rows, start=1):
            try:
                found.append(take(row))
            except (KeyError, TypeError, ValueError, IndexError) as error:
                raise UserError(
                    f"{self.folder / 'predictions.jsonl'}:{number} is not what a run of this "
                    f"version writes ({reason(error)}); write it anew: remote-jax --mode=eval "
                    f"--workdir={self.folder}."
                ) from error
        return found


def read(folder: Path) -> Finished:
    """Reads the files of a run.

    Raises:
        UserError: the run is not finished, or a file of it is not as it was written.
    """
    path = folder / "results.json"
    if not path.exists():
        raise UserError(f"{folder} holds no finished run: there is no {path}.")
    results, tables = read_results(path)
    try:
        results["config"]["system"], list(results["metrics"])[-1]
    except (KeyError, TypeError, IndexError) as error:
        raise UserError(f"{path} is not the results.json of a run ({reason(error)}).") from error
    log, rows = (list(_lines(folder / name)) for name in ("metrics.jsonl", "predictions.jsonl"))
    return Finished(folder, results, tables, log, rows)


def _lines(path: Path) -> Iterator[Row]:
    """JSON objects, a line each.

    Raises:
        UserError: the file is missing, or a line of it is no JSON object.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.") from error
    except ValueError as error:
        raise UserError(f"{path}: {reason(error)}; expected lines of JSON.") from error
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UserError(f"{path}:{number}: {reason(error)}; expected JSON.") from error
        if not isinstance(row, dict):
            raise UserError(f"{path}:{number} is no JSON object.")
        yield row
