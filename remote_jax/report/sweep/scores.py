"""Numbers of the finished runs of a sweep, and a table of them: a variant a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from remote_jax.errors import UserError
from remote_jax.report.sweep.plan import Run
from remote_jax.reporting.numbers import as_text, is_share, named, scores, unknown


@dataclass(frozen=True)
class Scores:
    """What finished runs left.

    Attributes:
        results: `results.json` of each run.
        numbers: of each run, by name; a run may lack some.
        metrics: names of those that were asked for.
        shares: names of those that are shown in percent.
    """

    results: Mapping[Run, dict[str, Any]]
    numbers: Mapping[Run, Mapping[str, float]]
    metrics: tuple[str, ...]
    shares: frozenset[str]

    def scale(self, metric: str) -> float:
        """What a number is multiplied by to be shown."""
        return 100.0 if metric in self.shares else 1.0

    def title(self, metric: str) -> str:
        """A number's name and unit."""
        return f"{metric} (%)" if metric in self.shares else metric

    def of_variant(self, variant: str, metric: str) -> list[float]:
        """The number of each of its runs that have it."""
        return [
            found[metric]
            for run, found in self.numbers.items()
            if run.variant == variant and metric in found
        ]


def read(runs: Sequence[Run], metrics: Sequence[str] = ()) -> Scores:
    """Reads the numbers of runs that are finished.

    Args:
        metrics: names of numbers; without them, every score that all runs have.

    Raises:
        UserError: no run has a number of that name, or a file is malformed.
    """
    results = {run: run.results() for run in runs}
    numbers = {run: named(found) for run, found in results.items()}
    of_split = [scores(found) for found in results.values()]
    shared = [name for name in of_split[0] if all(name in found for found in of_split)]
    known = list(dict.fromkeys(name for found in numbers.values() for name in found))
    for name in metrics:
        if name not in known:
            raise unknown(name, known, f"results.json of {runs[0].workdir} and the other runs")
    metrics = tuple(metrics) or tuple(shared)
    if not metrics:
        raise UserError("The runs of the sweep have no score in common; name some by --metrics.")
    short = {name for found in of_split for name in found}
    shares = frozenset(
        name
        for name in metrics
        if is_share(name, [x[name] for x in numbers.values() if name in x], name in short)
    )
    return Scores(results, numbers, metrics, shares)


def rows(found: Scores) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of the table: mean ± standard deviation over seeds, "" without a number."""
    heads = ["variant", *map(found.title, found.metrics)]
    variants = dict.fromkeys(run.variant for run in found.numbers)
    cells = [
        [
            variant,
            *(as_text(found.of_variant(variant, m), found.scale(m)) for m in found.metrics),
        ]
        for variant in variants
    ]
    return heads, cells


def markdown(found: Scores) -> str:
    """The table."""
    heads, cells = rows(found)
    lines = [_line(heads), "|---" * len(heads) + "|", *map(_line, cells)]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
