"""Table 1 of REMOTE, what is in each split, and the relations of Figure 2."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from remote_jax.remote.data.orders import DIRECTIONS
from remote_jax.remote.data.pairs import TRIPLET_TYPES
from remote_jax.remote.statistics.rows import Rows
from remote_jax.reporting.counting import distribution
from remote_jax.reporting.results import Table
from remote_jax.reporting.statistics import Distribution

PAPER = {
    "mnre": ("MNRE in the paper", "Yes", 9_201, 9_201, 0, 15_485, 1, 23),
    "more": ("MORE in the paper", "Yes", 3_559, 3_559, 13_520, 20_264, 1, 21),
    "umre": ("UMRE in the paper", "Yes", 12_737, 12_737, 20_978, 55_021, 3, 28),
}
"""Rows of Table 1, by layout. It says of MNRE's objects that there are none, by a dash."""

COUNTED = (
    "Table 1 counts as the paper does: Img pictures, Sent sentences with their picture, VO objects "
    "of the pictures, Fact all listed pairs, those without a relation included, Type triplet types "
    "(ee: two entities, oo: two objects, eo: one of each), Rel relations, no relation included."
)


def table_1(splits: Mapping[str, Rows], data: str, paper: str) -> Table:
    """Table 1: the data as a whole, and beside them what the paper says of them.

    Args:
        splits: all of them.
        data: its name.
        paper: a key of `PAPER`, or "".
    """
    pairs = [pair for rows in splits.values() for pair in rows.pairs]
    pictures = set().union(*(rows.pictures for rows in splits.values()))
    posts = {post for rows in splits.values() for post in rows.posts}
    row = (
        data,
        "Yes" if pictures else "No",
        len(pictures),
        len(posts),
        len(_objects(splits)),
        len(pairs),
        len({pair.type for pair in pairs}),
        len({pair.label for pair in pairs}),
    )
    columns = ("data", "MM", "Img", "Sent", "VO", "Fact", "Type", "Rel")
    return Table("Table 1 of REMOTE", columns, [row, *([PAPER[paper]] if paper else [])])


def _objects(splits: Mapping[str, Rows]) -> set[object]:
    return {
        (picture, one)
        for rows in splits.values()
        for picture, some in rows.objects.items()
        for one in some
    }


def contents(splits: Mapping[str, Rows]) -> Table:
    """What is in each split."""
    found = []
    for split, rows in splits.items():
        types = Counter(pair.type for pair in rows.pairs)
        found.append(
            (
                split,
                len(rows.entities),
                len({pair.tokens for pair in rows.pairs}),
                len(rows.pictures),
                sum(map(len, rows.entities.values())),
                sum(map(len, rows.objects.values())),
                len(rows.pairs),
                sum(pair.label > 0 for pair in rows.pairs),
                *(types[kind] for kind in range(len(TRIPLET_TYPES))),
            )
        )
    columns = ("split", "posts", "sentences", "pictures", "entities", "objects")
    return Table("Splits", (*columns, "pairs", "related", *TRIPLET_TYPES), found)


def relations(splits: Mapping[str, Rows], names: Sequence[str]) -> Table:
    """Pairs of each relation, by type and split, most frequent first."""
    by_type: Counter[tuple[int, int]] = Counter()
    by_split: Counter[tuple[int, str]] = Counter()
    for split, rows in splits.items():
        by_type.update((pair.label, pair.type) for pair in rows.pairs)
        by_split.update((pair.label, split) for pair in rows.pairs)
    total = sum(by_type.values())
    found = []
    for label, count in _by_label(splits).most_common():
        types = (by_type[label, kind] for kind in range(len(TRIPLET_TYPES)))
        some = (by_split[label, split] for split in splits)
        found.append((names[label], count, count / total, *types, *some))
    columns = ("relation", "pairs", "share", *TRIPLET_TYPES, *splits)
    return Table("Relations", columns, found)


def figure_2(splits: Mapping[str, Rows], names: Sequence[str]) -> Distribution:
    """Figure 2: how many pairs have each relation."""
    counts = {names[label]: count for label, count in _by_label(splits).items()}
    return distribution("relations", "Distribution of relations", "pairs", counts)


def _by_label(splits: Mapping[str, Rows]) -> Counter[int]:
    return Counter(pair.label for rows in splits.values() for pair in rows.pairs)


def orders(splits: Mapping[str, Rows]) -> Table:
    """How often pairs of each type are in each order (`pairs.backward`), and are related."""
    found = []
    for split, rows in splits.items():
        counts = Counter((pair.type, pair.backward, pair.label > 0) for pair in rows.pairs)
        for kind, name in enumerate(TRIPLET_TYPES):
            for way, direction in enumerate(DIRECTIONS):
                related, unrelated = (counts[kind, bool(way), some] for some in (True, False))
                if total := related + unrelated:
                    found.append((split, name, direction, total, related, related / total))
    columns = ("split", "type", "order", "pairs", "related", "share")
    return Table("Order of pairs", columns, found)
