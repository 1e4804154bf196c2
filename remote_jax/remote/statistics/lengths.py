"""How long texts are against `data.max_tokens`, and pictures full against `data.max_objects`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from ml_collections import ConfigDict

from remote_jax.data.media import Folder
from remote_jax.encoders import save
from remote_jax.remote.data.dataset import PairDataset
from remote_jax.remote.data.pairs import Pair
from remote_jax.remote.data.together.form import Form
from remote_jax.remote.statistics.rows import Rows
from remote_jax.reporting.counting import lengths
from remote_jax.reporting.results import Table


def of_texts(
    splits: Mapping[str, Rows], data: PairDataset, config: ConfigDict, workdir: Path | None
) -> Table:
    """Tokens of the text of each example, its markers included.

    Args:
        splits: of `data`.
        config: of the run.
        workdir: of the run, which keeps its tokenizer; None: that of a new run.

    Raises:
        UserError: there is no tokenizer.
    """
    tokenizer, form = save.tokenizer_in(workdir, config, _texts(data)), Form(config)
    featurize = form.featurize(tokenizer, Folder(Path()))
    found = {
        split: [featurize.needed(one) for one in form.examples_of_posts(_posts(rows))]
        for split, rows in splits.items()
    }
    what = "post, whose pairs are read together" if form.shared else "pair, with its markers"
    return lengths(f"Word pieces of a {what}", found, config.data.max_tokens)


def _texts(data: PairDataset) -> Iterator[str]:
    yield from data.texts("train")  # read only where a tokenizer is trained


def _posts(rows: Rows) -> list[list[Pair]]:
    found: dict[object, list[Pair]] = {}
    for post, pair in zip(rows.posts, rows.pairs, strict=True):
        found.setdefault(post, []).append(pair)
    return list(found.values())


def of_objects(splits: Mapping[str, Rows], limit: int) -> Table:
    """Objects of each picture that has some."""
    found = {split: [len(some) for some in rows.objects.values()] for split, rows in splits.items()}
    return lengths("Objects of a picture", found, limit)
