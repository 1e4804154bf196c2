"""A data set of pairs: its records, and the pairs that a split is trained or scored on."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int
from ml_collections import ConfigDict

from remote_jax.data.cache import cache_folder
from remote_jax.data.records import build_rows
from remote_jax.errors import UserError
from remote_jax.remote.data import builders, formats, further
from remote_jax.remote.data.annotations import listing
from remote_jax.remote.data.further import Pairs, Source
from remote_jax.remote.data.orders import DIRECTIONS, Orders, symmetric
from remote_jax.remote.data.pairs import TRIPLET_TYPES, Pair
from remote_jax.reporting.results import Table

LAYOUTS = {
    "umre": formats.UMRE,
    "more": formats.MORE,
    "mnre": formats.MNRE,
}


class PairDataset:
    """A data set whose records are built.

    Attributes:
        relations: the vocabulary; index 0 is no relation.
        splits: those that the data folder has.
        symmetric: which relations hold both ways.
        folder: of the records.
        root: the data folder, which the paths of a `Pair` start from.
        distances: folders of depth maps that are larger the farther away.
        fingerprint: name, sizes and SHA-256 of the files, and counts of their rows, as JSON values.
    """

    def __init__(self, config: ConfigDict):
        """Finds and checks the files that `config.data` names, and builds records once.

        Raises:
            UserError: files are missing, or too many rows are malformed.
        """
        data = config.data
        if data.name not in LAYOUTS:
            raise UserError(f"config.data.name is {data.name!r}, expected one of {list(LAYOUTS)}.")
        files = formats.locate(LAYOUTS[data.name], data.dir, data.captions, data.boxes)
        builder = build_rows(builders.BUILDERS, files, cache_folder(data.cache), data.max_rejected)
        self.root = files.root
        self.relations = files.relations
        self.splits = tuple(files.rows)
        self.distances = files.distances
        self.fingerprint = {**files.fingerprint, "counts": builder.counts}
        self.folder = Path(builder.data_dir)
        self._types = triplet_types(data.triplets)
        self._data = data
        self._evaluated: dict[str, Pairs] = {}
        self.symmetric = symmetric(self.relations, data.symmetric)

    @cached_property
    def training(self) -> Pairs:
        """The pairs to train on, and those beside the listed ones that `config.data` asks for."""
        data = self._data
        return further.training(
            self._source("train"),
            reverse=data.reverse,
            unlisted=data.unlisted,
            weight=data.unlisted_weight,
        )

    @cached_property
    def orders(self) -> Orders:
        """The orders of the training pairs."""
        found = self.training
        return Orders.from_pairs(found.labels, found.types, found.backward, len(self.relations))

    def evaluated(self, split: str) -> Pairs:
        """The pairs of a split, and those beside them that `predict` would ask."""
        if split not in self._evaluated:
            self._evaluated[split] = further.evaluation(
                self._source(split), self.orders, self._data.unlisted_weight
            )
        return self._evaluated[split]

    def _source(self, split: str) -> Source:
        chosen = self._chosen(split)
        unlisted = np.load(self.folder / f"{split}-unlisted.npy")
        unlisted = unlisted[np.isin(unlisted["type"], self._types)]
        return Source(chosen, self._summary(split)[chosen], unlisted, self.symmetric)

    def examples(self, split: str) -> PairRecords:
        """The pairs of `training` or `evaluated`, the listed ones first.

        Raises:
            UserError: as `records`.
        """
        return self.records(split).followed_by(self.all_of(split))

    def all_of(self, split: str) -> Pairs:
        """`training`, or `evaluated` of another split."""
        return self.training if split == "train" else self.evaluated(split)

    def records(self, split: str) -> PairRecords:
        """The pairs of a split, in the order of its file, of the types in `data.triplets`.

        Raises:
            UserError: the data folder does not have the split, or no such pair in it.
        """
        return PairRecords(self.folder, split, self._asked(split))

    def labels(self, split: str) -> Int[np.ndarray, " pairs"]:
        """Relation of each of `records(split)`."""
        return self._summary(split)[self._chosen(split), 0]

    def types(self, split: str) -> Int[np.ndarray, " pairs"]:
        """Triplet type of each of `records(split)`, as an index in `pairs.TRIPLET_TYPES`."""
        return self._summary(split)[self._chosen(split), 1]

    def listed(self, split: str) -> list[Pair]:
        """The pairs of `records(split)`, all at once, which is much faster than one by one.

        Raises:
            UserError: as `records`.
        """
        chosen, found = self._asked(split), listing.read(self.folder / f"{split}.pairs")
        return [replace(found[row], row=index) for index, row in enumerate(chosen.tolist())]

    def texts(self, split: str) -> list[str]:
        """Sentences and captions of a split, each once, to train a tokenizer on."""
        found: dict[str, None] = {}
        for pair in self.listed(split):
            for one in (" ".join(pair.tokens), pair.head.caption, pair.tail.caption):
                if one:
                    found[one] = None
        return list(found)

    def _summary(self, split: str) -> Int[np.ndarray, "pairs 7"]:
        if split not in self.splits:
            raise UserError(
                f"There is no {split} split in {self.root}, only {', '.join(self.splits)}."
            )
        return np.load(self.folder / f"{split}.npy")

    def _asked(self, split: str) -> Int[np.ndarray, " pairs"]:
        """Rows of `records(split)`; a UserError where there is none."""
        chosen = self._chosen(split)
        if not len(chosen):
            wanted = ", ".join(TRIPLET_TYPES[index] for index in self._types)
            raise UserError(f"The {split} split in {self.root} has no pair of the types {wanted}.")
        return chosen

    def _chosen(self, split: str) -> Int[np.ndarray, " pairs"]:
        return np.flatnonzero(np.isin(self._summary(split)[:, 1], self._types))


class PairRecords:
    """Random access to the pairs of a split; opened anew in each process."""

    def __init__(
        self,
        folder: Path,
        split: str,
        chosen: Int[np.ndarray, " pairs"],
        pairs: Pairs | None = None,
    ):
        self._folder, self._split, self._chosen, self._pairs = folder, split, chosen, pairs
        self._source: Any = None

    def followed_by(self, pairs: Pairs) -> PairRecords:
        """These and the further pairs of `pairs`."""
        return PairRecords(self._folder, self._split, self._chosen, pairs)

    def __len__(self) -> int:
        return len(self._chosen) + (0 if self._pairs is None else len(self._pairs.further))

    def __getitem__(self, index: int) -> Pair:
        if self._pairs is not None and index >= len(self._chosen):
            return replace(self._further(self._pairs, int(index)), row=int(index))
        return self._record(int(self._chosen[index]), int(index))

    def _further(self, pairs: Pairs, index: int) -> Pair:
        pair = pairs.further[index - pairs.listed]
        base = self._record(int(pair["base"]))
        head, tail = (
            further.argument(self._record(int(row)) if row >= 0 else None, base, int(number))
            for row, number in ((pair["head_row"], pair["head"]), (pair["tail_row"], pair["tail"]))
        )
        weight = float(pairs.weights[index])
        return replace(base, head=head, tail=tail, label=int(pair["label"]), weight=weight)

    def _record(self, row: int, index: int = -1) -> Pair:
        if self._source is None:
            import tensorflow_datasets as tfds

            builder = tfds.builder_from_directory(self._folder)
            self._source = builder.as_data_source(self._split)
        return builders.decode(self._source[row], index)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_source": None}


def triplet_types(names: str) -> list[int]:
    """`ee,oo,eo` as indices in `pairs.TRIPLET_TYPES`.

    Raises:
        UserError: a name is none of them, or there is none.
    """
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    if not chosen or not set(chosen) <= set(TRIPLET_TYPES):
        raise UserError(
            f"config.data.triplets is {names!r}, expected some of {', '.join(TRIPLET_TYPES)}."
        )
    return [TRIPLET_TYPES.index(name) for name in chosen]


def describe(pairs: PairDataset) -> Table:
    """The training pairs by type and order, and whether `predict` asks for pairs in that order."""
    orders, found = pairs.orders, pairs.training
    rows: list[list[object]] = []
    for number, kind in enumerate(TRIPLET_TYPES):
        for way, direction in enumerate(DIRECTIONS):
            counts = orders.counts[number, way]
            if orders.counts[number].any():
                asked = "yes" if orders.asked[number, way] else "no"
                rows.append([kind, direction, int(counts.sum()), int(counts[0]), asked])
    title = (
        f"Training pairs: {found.listed:,} listed, "
        f"{int((found.further['reverse_of'] >= 0).sum()):,} of them also reversed, "
        f"{int((found.further['reverse_of'] < 0).sum()):,} unlisted"
    )
    return Table(title, ("type", "order", "pairs", "unrelated", "asked by predict"), rows)
