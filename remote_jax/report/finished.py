"""What a finished run leaves in its folder, read for its report."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from remote_jax.data.jsonl import show
from remote_jax.errors import UserError, reason
from remote_jax.reporting.numbers import finite
from remote_jax.reporting.results import Table, read_results

Row = dict[str, Any]

MOST_BYTES = 2**30
"""Of a file that is read."""

WRONG = (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What goes wrong with a prediction that is not as a run writes it."""

Fits = Callable[[Any], bool]


def _is(*kinds: type) -> Fits:
    return lambda value: isinstance(value, kinds)


def _numbers(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_number, value.values()))


def _number(value: Any) -> bool:
    """Whether it is one, of a score that may be NaN."""
    return isinstance(value, float) or finite(value)


def _scores(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(map(_numbers, value.values()))


def _whole(value: Any) -> bool:
    return isinstance(value, int) and finite(value)


FACTS: dict[str, tuple[str, Fits]] = {
    **dict.fromkeys(("config", "dataset"), ("an object", _is(dict))),
    "metrics": ("scores by split", _scores),
    "peak_memory_bytes": ("numbers by name", _numbers),
    **dict.fromkeys(
        ("seed", "steps", "best_step", "skipped_steps", "parameters", "devices"),
        ("a whole number", _whole),
    ),
    **dict.fromkeys(("seconds", "data_wait_seconds"), ("a number", finite)),
    **dict.fromkeys(("data", "device", "code"), ("a text", _is(str))),
}
"""Keys of `results.json` that a report needs, and what is there."""

PLACES: dict[str, tuple[str, Fits]] = {
    "dir": ("a text", _is(str)),
    "cache": ("a text", _is(str)),
    "sample": ("an object", _is(dict)),
}
"""The same of the config's `data`, which may lack them."""


@dataclass(frozen=True)
class Finished:
    """A finished run.

    Attributes:
        folder: of the run.
        results: `results.json`.
        tables: those that are printed when a run ends.
        log: lines of `metrics.jsonl`.
        rows: lines of `predictions.jsonl`.
        room: characters of all pictures and predictions of its page together; Plotly takes 5
            million of the page's 15.
        first: pictures that come first, where there is no room for all.
    """

    folder: Path
    results: dict[str, Any]
    tables: list[Table]
    log: list[Row]
    rows: list[Row]
    room: int = 9_000_000
    first: Sequence[str] = ()

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
            if x.get("split") == split and finite(x.get(key)) and finite(x.get("step"))
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


def read(folder: Path) -> Finished:
    """Reads the files of a run.

    Raises:
        UserError: the run is not finished, or a file of it is not as it was written.
    """
    path = folder / "results.json"
    if not path.exists():
        raise UserError(f"{folder} holds no finished run: there is no {path}.")
    results, tables = read_results(path)
    _check(results, path)
    log, rows = (list(_lines(folder / name)) for name in ("metrics.jsonl", "predictions.jsonl"))
    if not rows:
        raise UserError(f"{folder / 'predictions.jsonl'} is empty: there is nothing to show.")
    return Finished(folder, results, tables, log, rows)


def _check(results: Row, path: Path) -> None:
    """Raises a UserError unless `results.json` has what a report needs, as a run writes it."""
    missing = sorted(FACTS.keys() - results.keys())
    if missing:
        raise UserError(f"{path} is not the results.json of a run; it lacks {', '.join(missing)}.")
    _check_kinds(results, FACTS, path, "")
    system, data = results["config"].get("system"), results["config"].get("data", {})
    kinds = {"system": ("a text", _is(str)), "data": ("an object", _is(dict))}
    _check_kinds({"system": system, "data": data}, kinds, path, "config.")
    _check_kinds(data, PLACES, path, "config.data.")


def _check_kinds(
    found: Row, expected: Mapping[str, tuple[str, Fits]], path: Path, prefix: str
) -> None:
    for key, (what, fits) in expected.items():
        if key in found and not fits(found[key]):
            raise UserError(
                f"{path} is not as a run writes it: {prefix}{key} must be {what}, found "
                f"{show(found[key])}."
            )


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
