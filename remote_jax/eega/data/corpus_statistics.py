"""What a run knows of its training data, kept beside its checkpoints: `predict` needs no more."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

from remote_jax.data import arrays, release
from remote_jax.data.files import read_bytes, read_json
from remote_jax.data.jsonl import show
from remote_jax.eega.data.sentences import Sentence
from remote_jax.eega.graphs import text_graph
from remote_jax.eega.graphs.cooccurrence import Cooccurrence
from remote_jax.eega.graphs.trees import Parse
from remote_jax.eega.quintuples import Vocabulary
from remote_jax.eega.tags import Priors
from remote_jax.errors import Refused, UserError, reason
from remote_jax.reporting.results import write_json

ONCE, TOUCHING = "relations_told_once", "touching_log_odds"
PRIORS_OF_OLD_RUNS = Priors(touching=6.2)
"""Of runs that kept none: a constant, once counted in MNRE."""

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
        priors: of the labels of the training split.
    """

    vocabulary: Vocabulary
    labels: text_graph.SyntaxLabels
    cooccurrence: Cooccurrence
    classes: tuple[str, ...]
    relations: tuple[str, ...]
    priors: Priors

    @classmethod
    def count(
        cls,
        vocabulary: Vocabulary,
        sentences: Sequence[Sentence],
        parses: Sequence[Parse | None],
        classes: tuple[str, ...],
        relations: tuple[str, ...],
    ) -> CorpusStatistics:
        """Reads labels and counts words and labels of the training split."""
        labels = text_graph.SyntaxLabels.from_parses(parse for parse in parses if parse is not None)
        counts = Cooccurrence.count(sentence.tokens for sentence in sentences)
        symmetric = release.bundled("relations", "symmetric")
        priors = Priors.estimate(
            (sentence.labels for sentence in sentences), vocabulary.relations, symmetric
        )
        return cls(vocabulary, labels, counts, classes, relations, priors)

    def save(self, folder: Path) -> None:
        """Writes two files, to be read by `load`."""
        _write_counts(self.cooccurrence, folder / COUNTS)
        once = [self.vocabulary.relations[number] for number in sorted(self.priors.once)]
        names = {
            "types": self.vocabulary.types,
            "relations": self.vocabulary.relations,
            "dependencies": self.labels.dependencies,
            "pos": self.labels.pos,
            "object_classes": self.classes,
            "object_relations": self.relations,
            ONCE: once,
        }
        stored = {name: list(values) for name, values in names.items()}
        write_json(folder / NAMES, {**stored, TOUCHING: self.priors.touching})

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

        vocabulary = Vocabulary(names("types"), names("relations"))
        return cls(
            vocabulary,
            text_graph.SyntaxLabels(names("dependencies"), names("pos")),
            _read_counts(folder / COUNTS),
            names("object_classes"),
            names("object_relations"),
            _priors(stored, vocabulary.relations, folder / NAMES),
        )

    @staticmethod
    def exists(folder: Path) -> bool:
        """Whether `save` has written there."""
        return (folder / NAMES).exists()


def _priors(stored: dict[str, Any], relations: Sequence[str], path: Path) -> Priors:
    """The priors in a stored file; those of before where it has none."""
    if TOUCHING not in stored:
        return PRIORS_OF_OLD_RUNS
    touching, once = stored[TOUCHING], stored.get(ONCE)
    if type(touching) not in (int, float) or not 0 <= touching < math.inf:
        raise UserError(f"{path}: {TOUCHING!r} must be a number from 0, found {show(touching)}.")
    if not isinstance(once, list) or not all(name in relations for name in once):
        raise UserError(f"{path}: {ONCE!r} must be a list of some of its relations.")
    return Priors(float(touching), frozenset(relations.index(name) for name in once))


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
