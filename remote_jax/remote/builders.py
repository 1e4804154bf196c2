"""`tensorflow-datasets` builders: released files in, checked records out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from tqdm import tqdm

from remote_jax import records
from remote_jax.errors import UserError
from remote_jax.remote import formats
from remote_jax.remote.formats import DataFiles, Layout
from remote_jax.remote.pairs import End, Pair
from remote_jax.remote.reader import PairReader


class PairBuilder(records.Builder, skip_registration=True):
    """What the three builders share.

    Args:
        files: what `formats.locate` found.
        max_rejected: largest share of a split's rows that may be malformed.
        **kwargs: `data_dir` and `file_format` of `tfds.core.DatasetBuilder`.
    """

    VERSION = tfds.core.Version("1.0.0")
    layout: ClassVar[Layout]

    def __init__(self, *, files: DataFiles, max_rejected: float, **kwargs: Any):
        self.files = files
        self.max_rejected = max_rejected
        self.rejected: list[dict[str, Any]] = []
        super().__init__(**kwargs)

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

    def _split_generators(self, dl_manager: object) -> dict[str, Iterator[Any]]:
        return {split: self._generate_examples(split) for split in self.files.rows}

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
        self.rejected += rejected
        _write_rejected(rejected_path(self), self.rejected)
        check_share(self.files, split, rejected, len(summary), self.max_rejected)
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
    folder = cache / files.layout.name / files.fingerprint["sha256"]
    with records.locked(folder):
        builder = BUILDERS[files.layout.name](
            files=files, max_rejected=max_rejected, data_dir=folder, file_format="array_record"
        )
        records.prepare(builder)
        rejected = read_rejected(builder)
    for split, path in files.rows.items():
        name = path.relative_to(files.root).as_posix()
        refused = [entry for entry in rejected if entry["file"] == name]
        kept = builder.info.splits[split].num_examples
        check_share(files, split, refused, kept, max_rejected)
    if rejected:
        counts = Counter(entry["file"] for entry in rejected)
        places = ", ".join(f"{count} of {name}" for name, count in counts.items())
        print(f"Rows left out as malformed: {places}; see {rejected_path(builder)}")
    return builder


def check_share(
    files: DataFiles, split: str, rejected: list[dict[str, Any]], kept: int, limit: float
) -> None:
    """Raises a UserError if no row of a split is left, or more than a share was refused."""
    path, total = files.rows[split], len(rejected) + kept
    if not total:
        raise UserError(f"{path} has no rows.")
    if kept and len(rejected) <= limit * total:
        return
    first = rejected[0]
    raise UserError(
        f"{path}: {len(rejected)} of {total} rows are malformed, more than the share "
        f"data.max_rejected = {limit:g}; the first is line {first['line']}: {first['reason']}."
    )


def rejected_path(builder: PairBuilder) -> Path:
    """`rejected.jsonl`, one `{file, line, reason}` a line, written as each split ends."""
    return Path(builder.data_dir).parents[1] / "rejected.jsonl"


def read_rejected(builder: PairBuilder) -> list[dict[str, Any]]:
    """The rows that were left out."""
    return [json.loads(line) for line in rejected_path(builder).read_text("utf-8").splitlines()]


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


def _write_rejected(path: Path, rejected: list[dict[str, Any]]) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text("".join(json.dumps(entry) + "\n" for entry in rejected), "utf-8")
    partial.replace(path)
