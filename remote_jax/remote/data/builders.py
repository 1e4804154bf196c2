"""`tensorflow-datasets` builders: released files in, checked records out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from tqdm import tqdm

from remote_jax.data import records
from remote_jax.remote.data import formats
from remote_jax.remote.data.formats import DataFiles, Layout
from remote_jax.remote.data.pairs import End, Pair
from remote_jax.remote.data.reader import PairReader


class PairBuilder(records.RowBuilder, skip_registration=True):  # type: ignore[call-arg]
    """What the three builders share; `files` is what `formats.locate` found."""

    VERSION = tfds.core.Version("1.0.0")
    layout: ClassVar[Layout]
    files: DataFiles

    def _info(self) -> tfds.core.DatasetInfo:
        features = tfds.features
        return tfds.core.DatasetInfo(
            builder=self,
            description=f"Pairs of {self.layout.name.upper()}, one relation each.",
            features=features.FeaturesDict(
                {
                    "tokens": features.Sequence(features.Text()),
                    # Of head and tail. One feature for both, since each costs time when read.
                    "names": features.Sequence(features.Text()),
                    "captions": features.Sequence(features.Text()),
                    "ends": features.Tensor(shape=(2, 3), dtype=np.int32),  # start, end, object
                    "boxes": features.Tensor(shape=(None, 4), dtype=np.float32),
                    "image": features.Text(),
                    "depth": features.Text(),
                    "label": features.ClassLabel(names=list(self.files.relations)),
                    "file": features.Text(),
                    "line": features.Scalar(np.int64),
                }
            ),
            disable_shuffling=True,  # a split keeps the order of its file
        )

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
        reader = PairReader(self.files, split)
        summary: list[tuple[int, int]] = []
        rejected = []
        for pair in tqdm(reader, f"Reading {reader.name}", unit=" rows", leave=False, disable=None):
            if isinstance(pair, dict):
                rejected.append(pair)
                continue
            yield len(summary), _encode(pair)
            summary.append((pair.label, pair.type))
        self.reject(self.files.rows[split], rejected, len(summary))
        np.save(Path(self.data_dir) / f"{split}.npy", np.array(summary, np.int32))


class Umre(PairBuilder):
    """UMRE: any two of a sentence's entities and a picture's objects."""

    layout = formats.UMRE


class More(PairBuilder):
    """MORE: an entity of the sentence and an object of the picture."""

    layout = formats.MORE


class Mnre(PairBuilder):
    """MNRE: two entities of the sentence, with a picture as evidence."""

    layout = formats.MNRE


BUILDERS = {builder.layout.name: builder for builder in (Umre, More, Mnre)}


def build(files: DataFiles, cache: Path, max_rejected: float) -> PairBuilder:
    """Builds the records of `files` under `cache`, or finds them built.

    Args:
        files: what `formats.locate` found.
        cache: records go to CACHE/NAME/FINGERPRINT, with `rejected.jsonl`.
        max_rejected: largest share of a split's rows that may be malformed.

    Raises:
        UserError: a file cannot be read, or too many rows of a split are malformed.
    """
    return records.build_rows(BUILDERS[files.layout.name], files, cache, max_rejected)


def decode(record: Mapping[str, Any], row: int) -> Pair:
    """A record as read back from the builder's data source."""
    head, tail = (
        End(name.decode(), (start, end) if end > 0 else None, number, caption.decode())
        for name, caption, (start, end, number) in zip(
            record["names"], record["captions"], record["ends"].tolist(), strict=True
        )
    )
    return Pair(
        tokens=tuple([token.decode() for token in record["tokens"]]),
        head=head,
        tail=tail,
        boxes=record["boxes"],
        image=record["image"].decode(),
        depth=record["depth"].decode(),
        label=int(record["label"]),
        file=record["file"].decode(),
        line=int(record["line"]),
        row=row,
    )


def _encode(pair: Pair) -> dict[str, Any]:
    ends = (pair.head, pair.tail)
    return {
        "tokens": list(pair.tokens),
        "names": [end.name for end in ends],
        "captions": [end.caption for end in ends],
        "ends": np.array([(*(end.span or (0, 0)), end.object) for end in ends], np.int32),
        "boxes": pair.boxes,
        "image": pair.image,
        "depth": pair.depth,
        "label": pair.label,
        "file": pair.file,
        "line": pair.line,
    }
