"""Counts that statistics of data are made of, in time that grows with what is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence

import numpy as np

from remote_jax.reporting.results import Table
from remote_jax.reporting.statistics import Distribution

Span = tuple[int, int]
"""Words [start, end)."""


def shared(what: str, keys: Mapping[str, Iterable[Hashable]]) -> list[Sequence[object]]:
    """Rows of `overlaps`: how many of each split are in the splits before it.

    Args:
        what: the keys are.
        keys: of each split, in the order of training, validation, test.
    """
    rows: list[Sequence[object]] = []
    earlier: dict[str, set[Hashable]] = {}
    for split, some in keys.items():
        distinct = set(some)
        for name, others in earlier.items():
            count = len(distinct & others)
            rows.append((what, split, len(distinct), name, count, count / max(len(distinct), 1)))
        earlier[split] = distinct
    return rows


def overlaps(rows: Sequence[Sequence[object]]) -> Table:
    """What splits have in common, of the rows that `shared` made."""
    columns = ("what", "split", "distinct", "other split", "in both", "share")
    return Table("Overlaps between splits", columns, rows)


def checks(title: str, rows: Mapping[str, Mapping[str, int]], splits: Iterable[str]) -> Table:
    """A row a question, a column a split."""
    names = list(splits)
    found = [[what, *(counts[split] for split in names)] for what, counts in rows.items()]
    return Table(title, ("", *names), found)


def lengths(title: str, values: Mapping[str, Sequence[int]], limit: int) -> Table:
    """How long things are, and how many are longer than a limit."""
    columns = ("split", "count", "median", "90 %", "99 %", "longest", "limit", "longer", "share")
    rows = []
    for split, some in values.items():
        longer = sum(one > limit for one in some)
        share = longer / max(len(some), 1)
        rows.append((split, len(some), *percentiles(some), limit, longer, share))
    return Table(title, columns, rows)


def percentiles(values: Sequence[int]) -> tuple[int, int, int, int]:
    """The median, the 90th and 99th percentile and the largest; zeros of nothing.

    Each is a value that is there: the least that so many percent are not above.
    """
    if not len(values):
        return 0, 0, 0, 0
    found = np.percentile(values, (50, 90, 99, 100), method="inverted_cdf")
    median, high, higher, largest = (int(one) for one in found)
    return median, high, higher, largest


def repeated(keys: Iterable[Hashable]) -> int:
    """How many keys stand before already."""
    return sum(count - 1 for count in Counter(keys).values())


def several(pairs: Iterable[tuple[Hashable, Hashable]]) -> int:
    """How many keys have two values and more."""
    found: dict[Hashable, set[Hashable]] = {}
    for key, value in pairs:
        found.setdefault(key, set()).add(value)
    return sum(len(values) > 1 for values in found.values())


def cross(spans: Iterable[Span]) -> bool:
    """Whether two spans share words and neither lies in the other."""
    around: list[int] = []  # ends of the spans that the next one may lie in, the inmost last
    for start, end in sorted(set(spans), key=lambda span: (span[0], -span[1])):
        while around and around[-1] <= start:
            around.pop()
        if around and around[-1] < end:
            return True
        around.append(end)
    return False


def nested(spans: Iterable[Span]) -> bool:
    """Whether a span lies in another one."""
    furthest = -1
    for _, end in sorted(set(spans), key=lambda span: (span[0], -span[1])):
        if end <= furthest:
            return True
        furthest = max(furthest, end)
    return False


def distribution(name: str, title: str, unit: str, counts: Mapping[str, int]) -> Distribution:
    """How many there are of each kind, most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return Distribution(name, title, unit, [one for one, _ in ordered], [n for _, n in ordered])
