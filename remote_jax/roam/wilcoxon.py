"""Whether one run completes relations better than another: Wilcoxon's signed-rank test (B.3).

    python -m remote_jax.roam.wilcoxon RUN_A RUN_B
    python -m remote_jax.roam.wilcoxon --a RUN RUN RUN --b RUN RUN RUN

prints Table 7 for two runs, or for two groups of runs that differ in their seeds. A pair of the
test is a relation: its MRR (or Hits@1) over all its test queries in both directions, averaged over
the runs of a side. Every relation that occurs in test counts once, however many triples it has.
The test is two-sided. Relations with equal scores say nothing and are dropped (Wilcoxon's own way,
`zero_method="wilcox"`); equal differences share the mean of their ranks. The p-value is exact where
the number of relations and the ties allow it, else by the normal approximation (`scipy.stats`).
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import stats

from remote_jax.data.files import read_lines
from remote_jax.data.jsonl import MAX_LINE, check_text, parse, show
from remote_jax.errors import Refused, UserError

SIGNIFICANCE = 0.005
"""Below this a difference is called significant (Table 7)."""

MIN_RELATIONS = 2 + math.floor(-math.log2(SIGNIFICANCE))
"""With fewer relations p cannot be that small: of 2ⁿ patterns of signs, two are extreme."""

DIRECTIONS = ("tail", "head")
METRICS = ("MRR", "Hits@1")

Query = tuple[str, str, str, str]


@dataclass(frozen=True)
class Ranks:
    """Ranks of the test queries of one run.

    Attributes:
        queries: head, relation, tail and the direction asked for, in the order of the file.
        ranks: 1 is best; of each query.
    """

    queries: tuple[Query, ...]
    ranks: Float[np.ndarray, " queries"]

    @classmethod
    def read(cls, workdir: Path) -> Ranks:
        """Reads the `predictions.jsonl` of a run.

        Raises:
            UserError: it is missing or empty, or a line is malformed.
        """
        path = workdir / "predictions.jsonl"
        if not path.is_file():
            raise UserError(f"There is no {path}; a run writes it when it ends, or --mode=eval.")
        queries, ranks = [], []
        for number, line in read_lines(path, MAX_LINE):
            try:
                if isinstance(line, Refused):
                    raise line
                query, rank = _query(parse(line))
            except Refused as error:
                raise UserError(f"{path}, line {number}: {error}.") from error
            queries.append(query)
            ranks.append(rank)
        if not queries:
            raise UserError(f"{path} has no predictions.")
        return cls(tuple(queries), np.array(ranks))

    def scores(self) -> Float[np.ndarray, "queries 2"]:
        """Of each query, the terms of `METRICS`."""
        return np.stack([1 / self.ranks, self.ranks <= 1], 1)


def _query(value: dict[str, Any]) -> tuple[Query, float]:
    names = (check_text(value.get(key), repr(key)) for key in ("head", "relation", "tail"))
    head, relation, tail = names
    direction, rank = value.get("direction"), value.get("rank", math.nan)
    if direction not in DIRECTIONS:
        raise Refused(f"'direction' must be 'tail' or 'head', found {show(direction)}")
    if type(rank) not in (int, float) or not 1 <= rank < math.inf:
        raise Refused(f"'rank' must be a number from 1, found {show(rank)}")
    return (head, relation, tail, direction), float(rank)


@dataclass(frozen=True)
class Comparison:
    """Two sides on the same queries.

    Attributes:
        relations: those that occur, the most frequent first.
        support: number of queries of each.
        scores: of side and relation, for each of `METRICS`; in [0, 1].
        means: the same over all queries, as the paper's other tables have it.
        p: of each of `METRICS`; 1 where all relations are equal.
        differing: relations whose scores differ, for each of `METRICS`.
    """

    relations: tuple[str, ...]
    support: tuple[int, ...]
    scores: Float[np.ndarray, "2 relations 2"]
    means: Float[np.ndarray, "2 2"]
    p: tuple[float, ...]
    differing: tuple[int, ...]


def compare(sides: tuple[Sequence[Path], Sequence[Path]]) -> Comparison:
    """Reads and tests two sides.

    Args:
        sides: workdirs; those of a side are averaged.

    Raises:
        UserError: a file is missing or malformed, or the runs answer different queries.
    """
    read = [[Ranks.read(workdir) for workdir in side] for side in sides]
    first = read[0][0]
    asked = Counter(first.queries)
    for side, workdirs in zip(read, sides, strict=True):
        for run, workdir in zip(side, workdirs, strict=True):
            _check_queries(asked, run, sides[0][0], workdir)
    support = Counter(relation for _, relation, _, _ in first.queries)
    relations = tuple(name for name, _ in support.most_common())
    scores = np.stack([np.mean([_by_relation(run, relations) for run in side], 0) for side in read])
    means = np.stack([np.mean([run.scores().mean(0) for run in side], 0) for side in read])
    tests = [signed_rank(*scores[:, :, metric]) for metric in range(len(METRICS))]
    p, differing = zip(*tests, strict=True)
    counts = tuple(support[name] for name in relations)
    return Comparison(relations, counts, scores, means, p, differing)


def _check_queries(asked: Counter[Query], run: Ranks, first: Path, workdir: Path) -> None:
    other = Counter(run.queries)
    if other == asked:
        return
    missing, extra = asked - other, other - asked
    here, query = (workdir, next(iter(extra))) if extra else (first, next(iter(missing)))
    raise UserError(
        f"{first} and {workdir} answer different queries, expected the same test set: "
        f"{sum(missing.values()):,} and {sum(extra.values()):,} are in one alone, such as "
        f"{show(query[:3])} in {here}."
    )


def _by_relation(run: Ranks, relations: Sequence[str]) -> Float[np.ndarray, "relations 2"]:
    place = {name: index for index, name in enumerate(relations)}
    index = np.array([place[relation] for _, relation, _, _ in run.queries])
    count = np.bincount(index, minlength=len(relations))
    return np.stack([np.bincount(index, term) / count for term in run.scores().T], 1)


def signed_rank(
    first: Float[np.ndarray, " pairs"], second: Float[np.ndarray, " pairs"]
) -> tuple[float, int]:
    """Two-sided p-value, and the number of pairs that differ; 1 and 0 where none does."""
    # Rounded, so that what is equal but for the order of a sum is a zero or a tie.
    differences = np.round(first - second, 12)
    # Dropped here: scipy would drop them too, but then never use the exact distribution.
    differences = differences[differences != 0]
    if not len(differences):
        return 1.0, 0
    return float(stats.wilcoxon(differences).pvalue), len(differences)


def table(comparison: Comparison) -> str:
    """Markdown: the two sides and the test, then the relations; scores in percent."""
    total = len(comparison.relations)
    lines = [
        f"{sum(comparison.support):,} queries, {total} relations.",
        "",
        "| | A | B | A, mean of relations | B, mean of relations | relations that differ | p |",
        "|---|---|---|---|---|---|---|",
    ]
    for place, metric in enumerate(METRICS):
        means = [*comparison.means[:, place], *comparison.scores[:, :, place].mean(1)]
        p, differing = comparison.p[place], comparison.differing[place]
        last = [f"{differing}", _p(p) if differing else "1 (equal)"]
        lines.append(_row([metric, *map(_percent, means), *last]))
    lines += [
        "",
        f"p: two-sided Wilcoxon signed-rank test over relations; bold: p < {SIGNIFICANCE}.",
    ]
    if total < MIN_RELATIONS:
        lines.append(
            f"With {total} relations in test p cannot be that small; it takes {MIN_RELATIONS}."
        )
    lines.append("")
    heads = [f"{metric}, {side}" for metric in METRICS for side in "AB"]
    lines += [_row(["relation", "queries", *heads]), "|---" * 6 + "|"]
    for place, (name, support) in enumerate(
        zip(comparison.relations, comparison.support, strict=True)
    ):
        cells = comparison.scores[:, place].T.ravel()
        lines.append(_row([name.replace("|", "\\|"), f"{support}", *map(_percent, cells)]))
    return "\n".join(lines)


def _p(value: float) -> str:
    text = f"{value:.1e}" if value < 0.01 else f"{value:.2f}"
    return f"**{text}**" if value < SIGNIFICANCE else text


def _percent(value: float) -> str:
    return f"{100 * value:.2f}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main(argv: Sequence[str]) -> int:
    """Prints the table that the command line asks for; returns 0, or 2 for a user's mistake."""
    usage = "%(prog)s RUN_A RUN_B | --a RUN [RUN ...] --b RUN [RUN ...]"
    summary = __doc__.splitlines()[0]
    parser = argparse.ArgumentParser("remote_jax.roam.wilcoxon", usage, description=summary)
    parser.add_argument("runs", nargs="*", type=Path, help="two workdirs")
    parser.add_argument("--a", nargs="+", type=Path, default=[], help="workdirs of one side")
    parser.add_argument("--b", nargs="+", type=Path, default=[], help="workdirs of the other")
    options = parser.parse_args(argv)
    try:
        named = (options.a, options.b)
        if len(options.runs) == 2 and not any(named):
            named = ([options.runs[0]], [options.runs[1]])
        elif options.runs or not all(named):
            raise UserError("Give two runs, or --a and --b with the runs of each side.")
        print(table(compare(named)))
    except UserError as error:
        print(f"remote_jax.roam.wilcoxon: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
