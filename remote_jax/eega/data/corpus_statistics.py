"""What a run knows of its training data, kept beside its checkpoints: `predict` needs no more."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse

from remote_jax.data import arrays
from remote_jax.data.files import read_bytes, read_json
from remote_jax.eega.data.sentences import Sentence
from remote_jax.eega.graphs import text_graph
from remote_jax.eega.graphs.cooccurrence import Cooccurrence
from remote_jax.eega.graphs.trees import Parse
from remote_jax.eega.quintuples import Vocabulary
from remote_jax.errors import Refused, UserError, reason
from remote_jax.reporting.results import write_json

NAMES, COUNTS = FILES = "knowledge.json", "cooccurrence.npz"
MAX_JSON = 2**24
MAX_COUNTS = 2**31
"""Bytes of the counts, and of an array of them."""


@dataclass(frozen=True)
class CorpusStatistics:
    """Names and counts.

    Attributes:
        vocabulary: types of entities and their relations.
        labels: of dependencies and parts of speech in the training split.
        cooccurrence: of words in the training split.
        classes, relations: of objects (`objects.ObjectGraphs`).
    """

    vocabulary: Vocabulary
    labels: text_graph.SyntaxLabels
    cooccurrence: Cooccurrence
    classes: tuple[str, ...]
    relations: tuple[str, ...]

    @classmethod
    def count(
        cls,
        vocabulary: Vocabulary,
        sentences: Sequence[Sentence],
        parses: Sequence[Parse | None],
        classes: tuple[str, ...],
        relations: tuple[str, ...],
    ) -> CorpusStatistics:
        """Reads labels and counts words of the training split."""
        labels = text_graph.SyntaxLabels.from_parses(parse for parse in parses if parse is not None)
        counts = Cooccurrence.count(sentence.tokens for sentence in sentences)
        return cls(vocabulary, labels, counts, classes, relations)

    def save(self, folder: Path) -> None:
        """Writes two files, to be read by `load`."""
        _write_counts(self.cooccurrence, folder / COUNTS)
        names = {
            "types": self.vocabulary.types,
            "relations": self.vocabulary.relations,
            "dependencies": self.labels.dependencies,
            "pos": self.labels.pos,
            "object_classes": self.classes,
            "object_relations": self.relations,
        }
        write_json(folder / NAMES, {name: list(values) for name, values in names.items()})

    @classmethod
    def load(cls, folder: Path) -> CorpusStatistics:
        """Reads what `save` wrote.

        Raises:
            UserError: a file is missing or malformed.
        """
        stored = read_json(folder / NAMES, MAX_JSON)

        def names(key: str) -> tuple[str, ...]:
            found = stored.get(key)
            if not isinstance(found, list) or not all(type(name) is str for name in found):
                raise UserError(f"{folder / NAMES} has no list of names {key!r}.")
            return tuple(found)

        return cls(
            Vocabulary(names("types"), names("relations")),
            text_graph.SyntaxLabels(names("dependencies"), names("pos")),
            _read_counts(folder / COUNTS),
            names("object_classes"),
            names("object_relations"),
        )

    @staticmethod
    def exists(folder: Path) -> bool:
        """Whether `save` has written there."""
        return (folder / NAMES).exists()


def _write_counts(counts: Cooccurrence, path: Path) -> None:
    content = io.BytesIO()
    np.savez_compressed(
        content,
        words=np.frombuffer(json.dumps(counts.words).encode(), np.uint8),
        counts=counts.together.data,
        columns=counts.together.indices,
        starts=counts.together.indptr,
        sentences=counts.sentences,
    )
    path.write_bytes(content.getvalue())


def _read_counts(path: Path) -> Cooccurrence:
    try:
        with zipfile.ZipFile(io.BytesIO(read_bytes(path, MAX_COUNTS))) as archive:
            return _counts(archive)
    except Exception as error:  # zip and npy readers raise whatever a broken file provokes
        raise UserError(f"{path} cannot be read as counts of words: {reason(error)}.") from error


def _counts(archive: zipfile.ZipFile) -> Cooccurrence:
    def read(name: str, kind: arrays.Kind) -> np.ndarray:
        return arrays.read_member(archive, name, kind, MAX_COUNTS)

    words = json.loads(read("words", arrays.NUMBERS).astype(np.uint8).tobytes())
    if not isinstance(words, list) or not all(type(word) is str for word in words):
        raise Refused("'words' is no list of words")
    counts, columns, starts = (read(x, arrays.NUMBERS) for x in ("counts", "columns", "starts"))
    # SciPy believes indices, and would read memory that is not the array's.
    inside = ((columns >= 0) & (columns < len(words))).all() and len(columns) == len(counts)
    rising = starts[0] == 0 and (np.diff(starts) >= 0).all() and starts[-1] == len(columns)
    if not inside or not rising or len(starts) != len(words) + 1:
        raise Refused("'columns' and 'starts' are not those of a matrix of the words")
    together = scipy.sparse.csr_array((counts, columns, starts), shape=(len(words),) * 2)
    return Cooccurrence(tuple(words), together, int(read("sentences", arrays.NUMBER)))
