"""Splits a folder that is labelled, and says what was joined, moved, and how shares came out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from remote_jax.annotate.ends import Layer
from remote_jax.annotate.posts import Post
from remote_jax.annotate.splitting import links
from remote_jax.annotate.splitting.assign import Assignment, assign, group
from remote_jax.annotate.splitting.files import FILE, read_splits, write_splits
from remote_jax.data.release import SPLITS
from remote_jax.reporting.results import Table

SHOWN = 5
"""Most examples of what was joined or moved."""

KINDS = ("picture", "sentence", "pair of names")


def find_links(
    folder: Path, posts: Sequence[Post], layers: Sequence[Layer]
) -> dict[str, links.Links]:
    """Links between posts, by what they share.

    Raises:
        UserError: a picture cannot be read.
    """
    named = [links.names(post, layer) for post, layer in zip(posts, layers, strict=True)]
    found = (
        links.same_pictures(folder, posts),
        links.same_sentences([post.text for post in posts]),
        links.same_names(named),
    )
    return {kind: some[some[:, 0] != some[:, 1]] for kind, some in zip(KINDS, found, strict=True)}


def split(
    folder: Path,
    posts: Sequence[Post],
    layers: Sequence[Layer],
    shares: Mapping[str, Fraction],
    seed: int,
) -> str:
    """Writes `splits.json`, and returns what there is to say.

    Posts stay in the split that an earlier file has them in, where that is possible.

    Args:
        layers: what is labelled of each post.
        shares: of each split; they sum to 1.

    Raises:
        UserError: a picture or the `splits.json` that is there cannot be read.
    """
    ids = [post.id for post in posts]
    before = read_splits(folder, ids) if (folder / FILE).exists() else {}
    shared = find_links(folder, posts, layers)
    were = np.array([SPLITS.index(before[id_]) for id_ in ids]) if before else None
    made = assign(group(len(posts), list(shared.values())), shares, seed, were)
    found = {
        name: [id_ for id_, place in zip(ids, made.splits, strict=True) if SPLITS[place] == name]
        for name in SPLITS
    }
    path = write_splits(folder, found)
    said = [_shares(made, shares), _joined(made, shared, ids), _moved(made, before, ids)]
    return "\n\n".join([*filter(None, said), str(path)])


def _shares(made: Assignment, shares: Mapping[str, Fraction]) -> str:
    """The table of splits, and groups that are larger than the split they are in."""
    sizes, count = np.bincount(made.groups), len(made.groups)
    rows, notes = [], []
    for place, name in enumerate(SPLITS):
        inside = made.splits == place
        posts, wanted = int(inside.sum()), float(shares[name])
        groups = len(np.unique(made.groups[inside]))
        rows.append((name, posts, groups, posts / count, wanted, posts / count - wanted))
        largest = max(sizes[np.unique(made.groups[inside])], default=0)
        if largest > max(1, wanted * count):
            notes.append(f"{name} has a group of {largest:,} posts, more than its share wants.")
    columns = ("split", "posts", "groups", "share", "wanted", "difference")
    return "\n".join([str(Table("Splits", columns, rows)), *notes])


def _joined(made: Assignment, shared: Mapping[str, links.Links], ids: Sequence[str]) -> str:
    """What posts share, with examples."""
    rows = []
    for kind, some in shared.items():
        example = " and ".join(ids[place] for place in some[0]) if len(some) else ""
        rows.append((kind, len(np.unique(some)), example))
    table = Table("Posts that share something", ("what", "posts", "for example"), rows)
    sizes = np.bincount(made.groups)
    return (
        f"{table}\n{int((sizes > 1).sum()):,} groups of more than one post, the largest of "
        f"{int(sizes.max()):,}."
    )


def _moved(made: Assignment, before: Mapping[str, str], ids: Sequence[str]) -> str:
    """Posts that were in another split before."""
    moved = [
        (id_, before[id_], SPLITS[place])
        for id_, place in zip(ids, made.splits, strict=True)
        if id_ in before and before[id_] != SPLITS[place]
    ]
    if not moved:
        return "No post is moved." if before else ""
    counts = Counter((old, new) for _, old, new in moved)
    rows = [(old, new, number) for (old, new), number in sorted(counts.items())]
    some = ", ".join(f"{id_} ({old} to {new})" for id_, old, new in moved[:SHOWN])
    more = f" and {len(moved) - SHOWN:,} more" if len(moved) > SHOWN else ""
    return f"{Table('Posts that are moved', ('from', 'to', 'posts'), rows)}\n{some}{more}"
