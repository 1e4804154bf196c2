"""What a finished run leaves in its folder, read for its report."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from remote_jax.errors import UserError, reason
from remote_jax.reporting.results import Table, read_results

Row = dict[str, Any]

MOST_BYTES = 2**30
"""Of a file that is read."""

WRONG = (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What goes wrong with a prediction that is not as a run writes it."""

FACTS = frozenset(
    ("config", "data", "dataset", "seed", "steps", "best_step", "skipped_steps", "parameters")
) | {"metrics", "seconds", "data_wait_seconds", "peak_memory_bytes", "devices", "device", "code"}
"""Keys of `results.json` that a report needs."""


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
        found = [
            (float(x["step"]), float(x[key]))
            for x in self.log
            if x.get("split") == split and _finite(x.get(key)) and _finite(x.get("step"))
        ]
        return [step for step, _ in found], [value for _, value in found]

    def texts(self, key: str) -> list[str]:
        """The text that each prediction has under a key.

        Raises:
            UserError: as `each`.
        """
        return self.each(lambda row: text(row[key]))

    def each(self, take: Callable[[Row], Any]) -> list[Any]:
        """What is taken from each prediction.

        Raises:
            UserError: one of them is not as the run writes it now.
        """
        found = []
        for number, row in enumerate(self.rows, start=1):
            try:
                found.append(take(row))
            except WRONG as error:
                raise UserError(
                    f"{self.folder / 'predictions.jsonl'}:{number} is not what a run of this "
                    f"version writes ({reason(error)}); write it anew: remote-jax --mode=eval "
                    f"--workdir={self.folder}."
                ) from error
        return found


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def read(folder: Path) -> Finished:
    """Reads the files of a run.

    Raises:
        UserError: the run is not finished, or a file of it is not as it was written.
    """
    path = folder / "results.json"
    if not path.exists():
        raise UserError(f"{folder} holds no finished run: there is no {path}.")
    results, tables = read_results(path)
    missing = sorted(FACTS - results.keys())
    if missing or not isinstance(results["config"], dict) or not results["metrics"]:
        raise UserError(f"{path} is not the results.json of a run; it lacks {', '.join(missing)}.")
    log, rows = (list(_lines(folder / name)) for name in ("metrics.jsonl", "predictions.jsonl"))
    if not rows:
        raise UserError(f"{folder / 'predictions.jsonl'} is empty: there is nothing to show.")
    return Finished(folder, results, tables, log, rows)


def _lines(path: Path) -> Iterator[Row]:
    """JSON objects, a line each.

    Raises:
        UserError: the file is missing or too long, or a line of it is no JSON object.
    """
    number = 0
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UserError(f"{path} is longer than {MOST_BYTES:,} bytes.")
        # Not `splitlines`: names may hold separators that are none of JSON lines.
        with path.open(encoding="utf-8", newline="\n") as lines:
            for line in lines:
                number += 1
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError("no JSON object")
                yield row
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}:{number}: {reason(error)}; expected a JSON object.") from error


def share(value: Any) -> float:
    """A number from 0 to 1, as predictions have their probabilities.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{value!r} is no share")
    return float(value)


def text(value: Any) -> str:
    """A text.

    Raises:
        ValueError: it is none, or cannot be written as UTF-8.
    """
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    value.encode()
    return value
