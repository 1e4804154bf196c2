"""What a careful person asks of the pairs of a split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remote_jax.remote.data.pairs import Span
from remote_jax.remote.statistics.rows import End, Post, Rows
from remote_jax.reporting.counting import cross, nested, repeated, several

FILES = {
    "rows": "rows that are read",
    "rejected": "rows left out as malformed",
    "contradicting": "rows with a name that is not what its span covers",
    "unpictured": "rows that name no picture",
    "not_found": "rows whose picture is not there",
    "whole_picture": "rows whose picture has no boxes and is one object, the whole of it",
    "captioned": "heads and tails with a caption",
}
"""What `annotations.counts.Counts` has counted of the files, by its keys."""


def of_files(counts: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """What was counted while the files were read, by question and split.

    Args:
        counts: `Counts.to_dict` by split; of all rows, whatever types are chosen.
    """
    return {
        what: {split: int(some[key]) for split, some in counts.items()}
        for key, what in FILES.items()
    }


def of_pairs(splits: Mapping[str, Rows]) -> dict[str, dict[str, int]]:
    """Counts of the listed pairs, by question and split."""
    found = {split: _split(rows) for split, rows in splits.items()}
    questions = next(iter(found.values()))
    return {what: {split: some[what] for split, some in found.items()} for what in questions}


def _split(rows: Rows) -> dict[str, int]:
    labels = [pair.label for pair in rows.pairs]
    asked = list(zip(rows.asked, labels, strict=True))
    words = [
        ((pair.tokens, pair.head.span, pair.tail.span), pair.label)
        for pair in rows.pairs
        if pair.head.span and pair.tail.span
    ]
    return {
        "pairs": len(labels),
        "pairs listed before, with the same relation": repeated(asked),
        "pairs with several relations in one post": several(asked),
        "pairs of the same words with several relations, whatever the picture": several(words),
        **_orders(rows),
        **_spans(rows),
        "posts without a picture": sum(not picture for _, picture in set(rows.posts)),
        "pictures that are not there": len(rows.absent),
        "pictures without an object": len(rows.pictures - rows.objects.keys()),
    }


def _orders(rows: Rows) -> dict[str, int]:
    """How many pairs are listed in both orders, and whether they are related in both."""
    related: dict[tuple[Post, End, End], bool] = {}
    for key, pair in zip(rows.asked, rows.pairs, strict=True):
        related[key] = related.get(key, False) or pair.label > 0
    both = [
        (some, related[post, tail, head])
        for (post, head, tail), some in related.items()
        if head != tail and (post, tail, head) in related
    ]
    return {
        "pairs in both orders": len(both) // 2,
        "pairs in both orders, related in one only": sum(one != other for one, other in both) // 2,
        "pairs in both orders, related in both": sum(one and other for one, other in both) // 2,
    }


def _spans(rows: Rows) -> dict[str, int]:
    """How many pairs share words, and in how many posts entities do."""
    same = inside = crossing = 0
    for pair in rows.pairs:
        head, tail = pair.head.span, pair.tail.span
        if head is None or tail is None:
            continue
        same += head == tail
        inside += nested([head, tail])
        crossing += cross([head, tail])
    spans: list[set[Span]] = list(rows.entities.values())
    return {
        "pairs whose head and tail are the same words": same,
        "pairs with one end inside the other": inside,
        "pairs whose head and tail cross": crossing,
        "posts with an entity inside another": sum(map(nested, spans)),
        "posts with entities that cross": sum(map(cross, spans)),
    }
