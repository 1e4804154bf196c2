"""What the `tensorflow-datasets` builders share: records in ArrayRecord, without TensorFlow."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import tensorflow_datasets as tfds

from remote_jax.data.cache import locked
from remote_jax.errors import UserError


class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """A builder that downloads nothing.

    Looking for checksums of downloads beside the class, as the property of the base class does,
    needs a package that tensorflow-datasets does not ask for.
    """

    url_infos = None
    VERSION = tfds.core.Version("1.0.0")

    def info_of(self, description: str, features: Mapping[str, Any]) -> tfds.core.DatasetInfo:
        """What `_info` gives: records of these features, a split in the order of its file."""
        return tfds.core.DatasetInfo(
            builder=self,
            description=description,
            features=tfds.features.FeaturesDict(features),
            disable_shuffling=True,
        )


Rejected = dict[str, Any]
"""`{file, line, reason}` of a row that was left out; `row` for `line` where a file is a list."""

T = TypeVar("T")


class Layout(Protocol):
    """What kind of data set it is."""

    @property
    def name(self) -> str:
        """Of the data set."""


class RowFiles(Protocol):
    """The files of a data set whose splits are a file of rows each."""

    @property
    def layout(self) -> Layout:
        """What kind of data set it is."""

    @property
    def root(self) -> Path:
        """The folder that all files are in."""

    @property
    def rows(self) -> Mapping[str, Path]:
        """The file of each split."""

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """Tells one version of the files from another by its `sha256`."""


class RowBuilder(Builder, skip_registration=True):  # type: ignore[call-arg]
    """A builder that leaves malformed rows out, and writes down which and why.

    Args:
        files: of the data set.
        max_rejected: largest share of a split's rows that may be malformed.
        **kwargs: `data_dir` and `file_format` of `tfds.core.DatasetBuilder`.
    """

    layout: ClassVar[Any]
    """`Layout` of the data set that the builder reads."""
    files: Any
    """`RowFiles`, of the class that the builder's reader knows."""

    def __init__(self, *, files: RowFiles, max_rejected: float, **kwargs: Any):
        self.files = files
        self.max_rejected = max_rejected
        self._rejected: list[Rejected] = []
        super().__init__(**kwargs)

    def _split_generators(self, dl_manager: object) -> dict[str, Iterator[Any]]:
        return {split: self._generate_examples(split) for split in self.files.rows}

    def accepted(self, rows: Iterable[T | Rejected], rejected: list[Rejected]) -> Iterator[T]:
        """The rows that are not rejected; the others are put into `rejected`."""
        for row in rows:
            if isinstance(row, dict):
                rejected.append(row)
            else:
                yield row

    def rows(self, split: str) -> int:
        """Rows of the split's file that were not refused."""
        return self.info.splits[split].num_examples

    @property
    def rejected_path(self) -> Path:
        """`rejected.jsonl`, a `Rejected` a line, written as each split ends."""
        return self._beside("rejected.jsonl")

    def _beside(self, name: str) -> Path:
        return Path(self.data_dir).parents[1] / name

    @property
    def rejected(self) -> list[Rejected]:
        """The rows that were left out of the records."""
        return [json.loads(line) for line in self.rejected_path.read_text("utf-8").splitlines()]

    def reject(self, path: Path, rejected: Sequence[Rejected], kept: int) -> None:
        """Ends a split: writes its rows that are left out, and may stop the build."""
        self._rejected += rejected
        self.write_entries("rejected.jsonl", self._rejected)
        check_share(path, rejected, kept, self.max_rejected)

    def write_entries(self, name: str, entries: Iterable[Rejected]) -> None:
        """Writes `{file, line, reason}` of rows beside the records, one a line."""
        path = self._beside(name)
        partial = path.with_suffix(".partial")
        partial.write_text("".join(json.dumps(entry) + "\n" for entry in entries), "utf-8")
        partial.replace(path)

    def notes(self) -> Iterator[str]:
        """What a person should know of the rows before training, a line a subject."""
        if rejected := self.rejected:
            counts = Counter(entry["file"] for entry in rejected)
            places = ", ".join(f"{count} of {name}" for name, count in counts.items())
            yield (
                f"Rows left out as malformed, which no score counts: {places}; see "
                f"{self.rejected_path}"
            )


def check_share(
    path: Path,
    rejected: Sequence[Rejected],
    kept: int,
    max_rejected: float,
    what: str = "rows are malformed",
) -> None:
    """Raises a UserError if nothing of `path` is kept, or more than a share of it was rejected.

    Args:
        path: of the file.
        rejected: its rows that were left out.
        kept: how many were not.
        max_rejected: largest share that may be rejected.
        what: is wrong with them.
    """
    total = len(rejected) + kept
    if not total:
        raise UserError(f"{path} has no rows, expected at least one.")
    if kept and len(rejected) <= max_rejected * total:
        return
    first = rejected[0]
    place = next(key for key in ("line", "row", "place") if key in first)
    raise UserError(
        f"{path}: {len(rejected)} of {total} {what}, more than the share data.max_rejected = "
        f"{max_rejected:g}; the first is {place} {first[place]}: {first['reason']}."
    )


def prepare(builder: Builder) -> None:
    """Builds the records, unless they are there.

    They land in their place by one rename, so a killed build leaves nothing that a later one would
    take for whole. Hold the lock of their folder.
    """
    folder = Path(builder.data_dir)
    if folder.exists():
        return
    for rest in folder.parent.glob("*incomplete*"):  # of a killed build
        shutil.rmtree(rest)
    tfds.disable_progress_bar()
    with contextlib.redirect_stdout(io.StringIO()):  # it speaks of a download
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(try_download_gcs=False)
        )


B = TypeVar("B", bound=RowBuilder)


def build_rows(builders: Iterable[type[B]], files: RowFiles, cache: Path, max_rejected: float) -> B:
    """Builds the records of `files` under `cache`, or finds them built.

    Args:
        builders: one a layout.
        files: of a data set with one of those layouts.
        cache: records go to CACHE/NAME/FINGERPRINT, with `rejected.jsonl`.
        max_rejected: largest share of a split's rows that may be malformed.

    Raises:
        UserError: a file cannot be read, or too many rows of a split are malformed.
    """
    (make,) = (builder for builder in builders if builder.layout == files.layout)
    folder = cache / files.layout.name / files.fingerprint["sha256"]
    with locked(folder):
        builder = make(
            files=files, max_rejected=max_rejected, data_dir=folder, file_format="array_record"
        )
        prepare(builder)
        rejected = builder.rejected
    for split, path in files.rows.items():
        name = path.relative_to(files.root).as_posix()
        refused = [entry for entry in rejected if entry["file"] == name]
        check_share(path, refused, builder.rows(split), max_rejected)
    for note in builder.notes():
        print(note)
    return builder
