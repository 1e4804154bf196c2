"""`tensorflow-datasets` builders: released files in, checked records out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from remote_jax.data.files import read_json
from remote_jax.data.records import Rejected, RowBuilder
from remote_jax.data.release import MAX_JSON
from remote_jax.errors import UserError
from remote_jax.remote.data import formats
from remote_jax.remote.data.annotations.counts import MAX_CONTRADICTING, lines
from remote_jax.remote.data.annotations.listing import Listing
from remote_jax.remote.data.formats import DataFiles
from remote_jax.remote.data.pairs import Argument, Pair
from remote_jax.remote.data.reader import PairReader
from remote_jax.remote.data.unlisted import Posts, read_relations
from remote_jax.reporting.results import write_json


class PairBuilder(RowBuilder, skip_registration=True):  # type: ignore[call-arg]
    """What the three builders share; `files` is what `formats.locate` found.

    Beside the records are `SPLIT.npy`, of each its label, triplet type and order, the one of the
    same pair in the other order, and its place (`Posts.places`); and `SPLIT-unlisted.npy`, the
    pairs of its posts that are not listed (`unlisted.UNLISTED`); and `SPLIT.pairs`, all of them in
    one file (`annotations.listing`).
    """

    VERSION = tfds.core.Version("3.3.0")  # 3.2.0 had no `SPLIT.pairs`
    files: DataFiles

    def __init__(self, **kwargs: Any):
        self._contradictions: list[Rejected] = []
        super().__init__(**kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        features = tfds.features
        return self.info_of(
            f"Pairs of {self.layout.name.upper()}, one relation each.",
            {
                "tokens": features.Sequence(features.Text()),
                # Of head, tail and all objects. One feature, since each costs time when read.
                "names": features.Sequence(features.Text()),
                "captions": features.Sequence(features.Text()),
                "ends": features.Tensor(shape=(2, 3), dtype=np.int32),  # start, end, object
                "boxes": features.Tensor(shape=(None, 4), dtype=np.float32),
                "image": features.Text(),
                "depth": features.Text(),
                "label": features.ClassLabel(names=list(self.files.relations)),
                "file": features.Text(),
                "line": features.Scalar(np.int64),
            },
        )

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
        reader = PairReader(self.files, split)
        known = self.files.all_relations
        posts = Posts({} if known is None else read_relations(known, self.files.relations))
        listing = Listing()
        summary: list[tuple[int, int, bool]] = []
        rejected: list[Rejected] = []
        for pair in self.accepted(reader, rejected):
            yield len(summary), _encode(pair)
            posts.add(len(summary), pair)
            listing.add(pair)
            summary.append((pair.label, pair.type, pair.backward))
        self.reject(self.files.rows[split], rejected, len(summary))
        self._count(split, reader)
        if known is not None:
            posts.check_known(known)
        count = len(summary)
        found = np.column_stack([summary, posts.other_orders(count), posts.places(count)])
        np.save(Path(self.data_dir) / f"{split}.npy", found.astype(np.int32))
        np.save(Path(self.data_dir) / f"{split}-unlisted.npy", posts.unlisted())
        listing.write(Path(self.data_dir) / f"{split}.pairs")

    def _count(self, split: str, reader: PairReader) -> None:
        """Keeps what was counted of a split; ends the build where most names are wrong."""
        write_json(Path(self.data_dir) / f"{split}-counts.json", reader.counts.to_dict())
        self._contradictions += reader.contradictions
        found, total = len(reader.contradictions), reader.counts.named
        self.write_entries("contradictions.jsonl", self._contradictions)
        if found > MAX_CONTRADICTING * total:
            first = reader.contradictions[0]
            raise UserError(
                f"{self.files.rows[split]}: in {found:,} of {total:,} rows a name is not what its "
                f"span covers; the first is line {first['line']}: {first['reason']}."
            )

    @property
    def counts(self) -> dict[str, dict[str, Any]]:
        """`Counts.to_dict` of each split."""
        paths = {split: Path(self.data_dir) / f"{split}-counts.json" for split in self.files.rows}
        return {split: read_json(path, MAX_JSON) for split, path in paths.items()}

    def notes(self) -> Iterator[str]:
        yield from super().notes()
        captions = self.files.captions
        yield from lines(self.counts, captions.name if captions else "")


class Umre(PairBuilder):
    """UMRE: any two of a sentence's entities and a picture's objects."""

    layout = formats.UMRE


class More(PairBuilder):
    """MORE: an entity of the sentence and an object of the picture."""

    layout = formats.MORE


class Mnre(PairBuilder):
    """MNRE: two entities of the sentence, with a picture as evidence."""

    layout = formats.MNRE


BUILDERS: tuple[type[PairBuilder], ...] = (Umre, More, Mnre)
"""One a layout, for `records.build_rows`."""


def decode(record: Mapping[str, Any], row: int) -> Pair:
    """A record as read back from the builder's data source."""
    head, tail = (
        Argument(name.decode(), (start, end) if end > 0 else None, number, caption.decode())
        for name, caption, (start, end, number) in zip(
            record["names"][:2], record["captions"][:2], record["ends"].tolist(), strict=True
        )
    )
    return Pair(
        tokens=tuple([token.decode() for token in record["tokens"]]),
        head=head,
        tail=tail,
        boxes=record["boxes"],
        image=record["image"].decode(),
        depth=record["depth"].decode(),
        objects=tuple([name.decode() for name in record["names"][2:]]),
        captions=tuple([caption.decode() for caption in record["captions"][2:]]),
        label=int(record["label"]),
        file=record["file"].decode(),
        line=int(record["line"]),
        row=row,
    )


def _encode(pair: Pair) -> dict[str, Any]:
    arguments = (pair.head, pair.tail)
    return {
        "tokens": list(pair.tokens),
        "names": [*(argument.name for argument in arguments), *pair.objects],
        "captions": [*(argument.caption for argument in arguments), *pair.captions],
        "ends": np.array([(*(x.span or (0, 0)), x.object) for x in arguments], np.int32),
        "boxes": pair.boxes,
        "image": pair.image,
        "depth": pair.depth,
        "label": pair.label,
        "file": pair.file,
        "line": pair.line,
    }
