"""`tensorflow-datasets` builders: JMERE as released, or derived from MNRE; checked records out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from remote_jax.data.jsonl import show
from remote_jax.data.records import Rejected, RowBuilder
from remote_jax.eega.data import formats, reader
from remote_jax.eega.data.formats import DataFiles
from remote_jax.eega.data.sentences import Sentence
from remote_jax.eega.quintuples import Entity, Labels, Quintuple
from remote_jax.eega.tags import taggable
from remote_jax.errors import UserError
from remote_jax.reporting.results import Table

MAX_SHOWN = 60
"""Most names that an error lists."""


class SentenceBuilder(RowBuilder, skip_registration=True):  # type: ignore[call-arg]
    """What the two builders share; `files` is what `formats.locate` found."""

    VERSION = tfds.core.Version("1.1.0")  # 1.0.0 had no row without a picture
    files: DataFiles

    def _info(self) -> tfds.core.DatasetInfo:
        features = tfds.features
        return self.info_of(
            "Sentences with their pictures, entities and quintuples.",
            {
                "tokens": features.Sequence(features.Text()),
                "image": features.Text(),
                # start, end, type; then head and tail among these, and relation
                "entities": features.Tensor(shape=(None, 3), dtype=np.int32),
                "quintuples": features.Tensor(shape=(None, 3), dtype=np.int32),
                "file": features.Text(),
                "place": features.Scalar(np.int64),
            },
        )

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
        rows = reader.SentenceReader(self.files, split)
        rejected: list[Rejected] = []
        count = labelled = 0
        for sentence in self.accepted(rows, rejected):
            yield count, _encode(sentence)
            count += 1
            labelled += bool(sentence.labels.entities)
        path = self.files.rows[split]
        try:
            self.reject(path, rejected, rows.rows)
        except UserError as error:
            raise UserError(f"{error}{own_names(self.files)}") from error
        if not count:
            raise UserError(f"{path} has no sentence with a relation.")
        if split == "train" and not labelled:
            raise UserError(
                f"{path}: none of its {count:,} sentences has an entity or a relation, so there is "
                "nothing to learn. Relations go into 'label_list' of a row, entities without one "
                "into 'entities'."
            )
        counts = {"rows": rows.rows, "missing": rows.missing}
        self._counts_path(split).write_text(json.dumps(counts))

    def rows(self, split: str) -> int:
        """Rows of the split's file that were not refused."""
        return self._counts(split)["rows"]

    def missing(self, split: str) -> int:
        """Sentences of the split whose picture is named and is not there."""
        return self._counts(split)["missing"]

    def _counts(self, split: str) -> dict[str, int]:
        return json.loads(self._counts_path(split).read_text())

    def _counts_path(self, split: str) -> Path:
        return Path(self.data_dir) / f"{split}.counts.json"


class Jmere(SentenceBuilder):
    """JMERE as released: `train.json`, `val.json`, `test.json`, a list of sentences each.

    The paper counts 3,617, 495 and 474 sentences (Table 3).
    """

    name = "jmere"
    layout = formats.JMERE


class JmereFromMnre(SentenceBuilder):
    """JMERE derived from MNRE's files, by what the paper's appendix B says.

    Rows with the same words are one sentence; it is counted if at least one of its rows has a
    relation other than `None`. It has the picture of the first such row (3 of MNRE's training
    sentences have two), and the quintuples of all, each once. Types come from the relation,
    `/per/org/member_of`; a row with `None` has none, so its entities are not known and not kept.

    MNRE version 2 gives 3,465 sentences for training and 473 for validation. The paper has 3,617
    and 495: the authors' script joins rows only while they follow each other and until one has no
    relation, so some of its sentences are there twice, each time with a part of the quintuples.
    """

    name = "jmere_mnre"
    layout = formats.MNRE


BUILDERS: tuple[type[SentenceBuilder], ...] = (Jmere, JmereFromMnre)
"""One a layout, for `records.build_rows`."""


def own_names(files: DataFiles) -> str:
    """What to do about types and relations of rows that the vocabulary lacks; "" if it lacks none.

    A sentence for each kind, which goes after the one that says what is wrong.
    """
    named = reader.names(files)
    known = (files.vocabulary.types, files.vocabulary.relations)
    kinds = (("types", formats.TYPES), ("relations", formats.RELATIONS))
    told = ""
    for (kind, file), names, there in zip(kinds, named, known, strict=True):
        if set(names) <= set(there):
            continue
        whole = [*there, *names] if file in files.names else names
        shown = [show(name)[1:-1] for name in dict.fromkeys(whole)]
        more = f" and {len(shown) - MAX_SHOWN} more" if len(shown) > MAX_SHOWN else ""
        told += (
            f" If the {kind} are your own, write {files.root / file} with one a line, here: "
            f"{', '.join(shown[:MAX_SHOWN])}{more}."
        )
    return told


def read(builder: SentenceBuilder, split: str) -> list[Sentence]:
    """All sentences of a split, in the order of its file."""
    source = builder.as_data_source(split)
    return [
        decode(record, row) for row, record in enumerate(source.__getitems__(range(len(source))))
    ]


def decode(record: Mapping[str, Any], row: int) -> Sentence:
    """A record as read back from the builder's data source."""
    entities = [Entity(*numbers) for numbers in record["entities"].tolist()]
    quintuples = [
        Quintuple(entities[head], entities[tail], relation)
        for head, tail, relation in record["quintuples"].tolist()
    ]
    return Sentence(
        tokens=tuple([token.decode() for token in record["tokens"]]),
        image=record["image"].decode(),
        labels=Labels.from_quintuples(quintuples, entities),
        file=record["file"].decode(),
        place=int(record["place"]),
        row=row,
    )


def describe(splits: Mapping[str, list[Sentence]]) -> Table:
    """What is in each split; `untaggable` are quintuples that no matrix of tags holds."""
    rows: list[list[object]] = []
    for split, sentences in splits.items():
        labels = [sentence.labels for sentence in sentences]
        quintuples = sum(len(one.quintuples) for one in labels)
        held = sum(len(taggable(one).quintuples) for one in labels)
        rows.append(
            [
                split,
                len(sentences),
                sum(len(one.entities) for one in labels),
                quintuples,
                quintuples - held,
                sum(bool(sentence.image) for sentence in sentences),
            ]
        )
    columns = ("split", "sentences", "entities", "quintuples", "untaggable", "pictures")
    return Table("Sentences and what is to be found in them", columns, rows)


def _encode(sentence: Sentence) -> dict[str, Any]:
    entities = sorted(sentence.labels.entities)
    quintuples = [
        (entities.index(one.head), entities.index(one.tail), one.relation)
        for one in sorted(sentence.labels.quintuples)
    ]
    return {
        "tokens": list(sentence.tokens),
        "image": sentence.image,
        "entities": np.array([astuple(one) for one in entities], np.int32).reshape(-1, 3),
        "quintuples": np.array(quintuples, np.int32).reshape(-1, 3),
        "file": sentence.file,
        "place": sentence.place,
    }
