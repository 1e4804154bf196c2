"""The data of a run: their statistics, where they were counted, and what of them was left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from remote_jax.data.files import read_json
from remote_jax.errors import UserError, reason
from remote_jax.report.charts import MOST_ROWS, Bars, Series
from remote_jax.report.finished import Finished
from remote_jax.report.view import Section
from remote_jax.reporting import statistics
from remote_jax.reporting.statistics import Statistics

MOST_BYTES = 2**24
"""Of data.json."""

SPLITS = ("train", "validation", "test")

COUNTED = {
    "rejected": ("Rows left out as malformed", ("rows", "rejected")),
    "contradicting": ("Rows with a name that is not what its span covers", ("rows",)),
    "unpictured": ("Rows without a picture", ("rows",)),
    "not_found": ("Rows whose picture is not there", ("rows",)),
    "missing": ("Sentences whose picture is not there", ("sentences",)),
}
"""What `dataset.counts` of results.json has of each split of REMOTE and EEGA, and of how many."""

OF_GRAPHS = {
    "duplicates": ("Triples that stand in their split before", ("triples",)),
    "leaked": ("Triples that stand in an earlier split", ("triples",)),
    "unseen": ("Triples with an entity that training lacks", ("triples",)),
}
"""The same of `dataset` of a graph."""


def section(run: Finished) -> Section:
    """The statistics in the run's data.json, or which command makes it.

    Raises:
        UserError: the file is not as it was written.
    """
    path = run.folder / statistics.FILE
    command = f"remote-jax data --workdir={run.folder}"
    if not path.is_file():
        return Section("Data", [f"Statistics of the data are not counted yet: {command}"])
    try:
        found = statistics.from_json(read_json(path, MOST_BYTES))
    except ValueError as error:
        raise UserError(
            f"{path} is not what {command} writes ({reason(error)}); write it anew."
        ) from error
    notes = list(found.notes)
    if found.sha256 != _dataset(run.results).get("sha256"):
        notes.insert(0, f"These are statistics of other data than the run's: {command}")
    return Section("Data", notes, found.tables, charts(found))


def charts(found: Statistics) -> list[Bars]:
    """Bars of each distribution, of the most frequent kinds where there are many."""
    return [
        Bars(
            f"data-{one.name}",
            one.title,
            one.unit,
            (Series(one.unit, list(one.kinds[:MOST_ROWS]), list(one.counts[:MOST_ROWS])),),
        )
        for one in found.distributions
    ]


def left_out(results: Mapping[str, Any]) -> list[str]:
    """A sentence on each thing that the data lacked, of what the run keeps of them.

    Args:
        results: `results.json`.
    """
    dataset = _dataset(results)
    counts = dataset.get("counts")
    told = [*_told(_splits(counts), COUNTED), *_told(_splits(dataset), OF_GRAPHS)]
    return [*told, *_cut(counts), *_cleaned(dataset.get("cleaned"))]


def _dataset(results: Mapping[str, Any]) -> dict[str, Any]:
    found = results["dataset"]
    return found if isinstance(found, dict) else {}


def _splits(source: Any) -> dict[str, Mapping[str, Any]]:
    some = source if isinstance(source, dict) else {}
    return {split: some[split] for split in SPLITS if isinstance(some.get(split), dict)}


def _told(
    splits: Mapping[str, Mapping[str, Any]], questions: Mapping[str, tuple[str, Sequence[str]]]
) -> Iterator[str]:
    """`What: 3 of 10 in train, ...` of the splits that have any."""
    for key, (what, totals) in questions.items():
        places = [
            f"{count:,} of {sum(_count(some, one) for one in totals):,} in {split}"
            for split, some in splits.items()
            if (count := _count(some, key))
        ]
        if places:
            yield f"{what}: {', '.join(places)}."


def _count(some: Mapping[str, Any], key: str) -> int:
    value = some.get(key, 0)
    return value if type(value) is int else 0


def _cut(counts: Any) -> Iterator[str]:
    cut = counts.get("cut") if isinstance(counts, dict) else None
    if isinstance(cut, dict) and (some := _count(cut, "pairs")):
        total = _count(cut, "looked_at")
        yield f"Texts that are cut: {some:,} of {total:,} training examples looked at."


def _cleaned(cleaned: Any) -> Iterator[str]:
    if not isinstance(cleaned, dict):
        return
    published, left = _count(cleaned, "published"), _count(cleaned, "left")
    if published != left:
        drawn = _count(cleaned, "drawn")
        yield (
            f"Validation was cleaned: {left:,} of {published:,} triples are left"
            + (f", and {drawn:,} were drawn from training." if drawn else ".")
        )
