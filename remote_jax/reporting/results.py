"""What a person reads after a run: tables, `results.json`, `predictions.jsonl`."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import remote_jax
from remote_jax.errors import UserError, writing


@dataclass(frozen=True)
class Table:
    """A table of the report. Floats are printed with four decimals."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.title}: {len(row)} cells in a row of {len(self.columns)}")

    def __str__(self) -> str:
        """Plain aligned text; columns of numbers to the right, others to the left."""
        cells = [[cell(value) for value in row] for row in self.rows]
        widths = [max(map(len, column)) for column in zip(self.columns, *cells, strict=True)]
        right = [
            bool(self.rows) and all(isinstance(row[i], Real) for row in self.rows)
            for i in range(len(self.columns))
        ]

        def line(texts: Sequence[str]) -> str:
            aligned = (
                text.rjust(width) if number else text.ljust(width)
                for text, width, number in zip(texts, widths, right, strict=True)
            )
            return "  ".join(aligned).rstrip()

        rule = "  ".join("-" * width for width in widths)
        return "\n".join([self.title, line(self.columns), rule, *map(line, cells)])


def cell(value: object) -> str:
    """A value as tables show it: floats with four decimals, nothing for None."""
    if isinstance(value, Real) and not isinstance(value, Integral):
        return f"{float(value):.4f}"
    return "" if value is None else str(value)


def write_results(
    path: Path,
    *,
    metrics: Mapping[str, Mapping[str, float]],
    tables: Sequence[Table],
    dataset: Mapping[str, Any],
    run: Mapping[str, Any],
) -> dict[str, Any]:
    """Writes `results.json` in one move and returns what it says.

    Args:
        metrics: scores by split.
        tables: printed again when the finished run is asked for.
        dataset: the task's fingerprint of the data.
        run: config, seed, steps, parameters, seconds of training: facts of the run.
    """
    results = {
        "metrics": {split: dict(values) for split, values in metrics.items()},
        "dataset": dict(dataset),
        **run,
        "code": code_version(),
        "tables": [asdict(table) for table in tables],
    }
    write_json(path, results)
    return results


def set_aside(workdir: Path, epochs: float) -> Path:
    """Moves the results of a run that ended after so many epochs, and now goes on."""
    path = workdir / f"results-{epochs:.15g}-epochs.json"
    with writing(path):
        (workdir / "results.json").replace(path)
    return path


def earlier(workdir: Path) -> list[str]:
    """Names of the files that `set_aside` made: the test split was read for each of them."""
    return sorted(path.name for path in workdir.glob("results-*-epochs.json"))


def write_json(path: Path, value: object) -> None:
    """Writes a JSON file in one move."""
    write_atomically(path, [_json(value, indent=2) + "\n"])


def read_results(path: Path) -> tuple[dict[str, Any], list[Table]]:
    """Reads what `write_results` wrote.

    Raises:
        UserError: the file is not one of ours.
    """
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        return results, [Table(**table) for table in results["tables"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(
            f"{path} is not the results.json of a run ({error}); move it away and start again."
        ) from error


def final_scores(path: Path) -> dict[str, float]:
    """The scores in what `write_results` wrote, by name, as `final/test/f1`."""
    return {
        f"final/{split}/{name}": value
        for split, scores in read_results(path)[0]["metrics"].items()
        for name, value in scores.items()
    }


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Writes JSON lines in one move; returns their number."""
    count = 0

    def lines() -> Iterable[str]:
        nonlocal count
        for row in rows:
            count += 1
            yield json_line(row)

    write_atomically(path, lines())
    return count


def json_line(row: Mapping[str, Any]) -> str:
    """A row as JSON in a line, its end included."""
    return _json(row) + "\n"


def _json(value: object, indent: int | None = None) -> str:
    """JSON of plain values and of numpy's scalars and arrays."""
    return json.dumps(
        value, indent=indent, ensure_ascii=False, default=lambda array: array.tolist()
    )


def write_atomically(path: Path, lines: Iterable[str]) -> None:
    """Writes a text file so that a reader sees the old one or the whole new one.

    Raises:
        UserError: it cannot be written.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("w", encoding="utf-8") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def code_version() -> str:
    """The package's version, with the commit when the code runs from a git checkout."""
    root = Path(remote_jax.__file__).parents[1]
    if not (root / ".git").exists():
        return remote_jax.__version__
    try:
        commit = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return remote_jax.__version__
    return f"{remote_jax.__version__}+{commit}"
