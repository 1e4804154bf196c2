"""All statistics of the data of a config."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path

from ml_collections import ConfigDict

from remote_jax.data import release
from remote_jax.data.cache import with_data_folder
from remote_jax.errors import UserError
from remote_jax.remote.data.dataset import PairDataset, triplet_types
from remote_jax.remote.data.pairs import TRIPLET_TYPES
from remote_jax.remote.sample import folder as sample
from remote_jax.remote.statistics import checks, lengths, rows, tables
from remote_jax.remote.statistics.rows import Rows
from remote_jax.reporting import counting
from remote_jax.reporting.results import Table
from remote_jax.reporting.statistics import Statistics


def statistics(config: ConfigDict, workdir: Path | None) -> Statistics:
    """Statistics of the pairs that a config trains on and is scored on.

    Args:
        config: checked.
        workdir: of the run that it is of, if it is of one.

    Raises:
        UserError: the data are missing or malformed.
    """
    data = PairDataset(with_data_folder(config, sample.ensure))
    splits, names = rows.read(data), data.relations
    title = release.title(config.data, data.fingerprint)
    notes = [tables.COUNTED, *_chosen(config)]
    found = [
        tables.table_1(splits, title, config.data.name if config.data.dir else ""),
        tables.contents(splits),
        overlaps(splits),
        counting.checks("Pairs", checks.of_pairs(splits), splits),
        counting.checks("Files", checks.of_files(data.fingerprint["counts"]), splits),
        tables.orders(splits),
    ]
    try:
        found.append(lengths.of_texts(splits, data, config, workdir))
    except UserError as error:  # without an encoder the rest still holds
        notes.append(f"Lengths are not counted: {error}")
    if any(some.objects for some in splits.values()):
        found.append(lengths.of_objects(splits, config.data.max_objects))
    found.append(tables.relations(splits, names))
    figures = [tables.figure_2(splits, names)]
    return Statistics(title, data.fingerprint["sha256"], notes, found, figures)


def overlaps(splits: Mapping[str, Rows]) -> Table:
    """What splits have in common."""
    kinds: dict[str, dict[str, Iterable[Hashable]]] = {
        "sentences": {
            split: {pair.tokens for pair in some.pairs} for split, some in splits.items()
        },
        "pictures": {split: some.contents for split, some in splits.items()},
        "posts": {split: some.posts for split, some in splits.items()},
        "names of two entities with their relation": {
            split: some.facts for split, some in splits.items()
        },
    }
    return counting.overlaps(
        [row for what, keys in kinds.items() for row in counting.shared(what, keys)]
    )


def _chosen(config: ConfigDict) -> list[str]:
    """A sentence on triplet types that take no part."""
    chosen = triplet_types(config.data.triplets)
    left = [name for number, name in enumerate(TRIPLET_TYPES) if number not in chosen]
    if not left or config.data.name == "mnre":  # which has no others
        return []
    return [f"Pairs of the types {', '.join(left)} are left out, as config.data.triplets says."]
