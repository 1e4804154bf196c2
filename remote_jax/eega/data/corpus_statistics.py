"""What a run knows of its training data, kept beside its checkpoints: `predict` needs no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from remote_jax.data.files import read_json
from remote_jax.eega.data.sentences import Sentence
from remote_jax.eega.graphs import text_graph
from remote_jax.eega.graphs.cooccurrence import Cooccurrence
from remote_jax.eega.graphs.trees import Parse
from remote_jax.eega.quintuples import Vocabulary
from remote_jax.reporting.results import write_json

NAMES, COUNTS = "knowledge.json", "cooccurrence.npz"
MAX_JSON = 2**24


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
        self.cooccurrence.save(folder / COUNTS)
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
        """Reads what `save` wrote."""
        names = {
            name: tuple(values) for name, values in read_json(folder / NAMES, MAX_JSON).items()
        }
        return cls(
            Vocabulary(names["types"], names["relations"]),
            text_graph.SyntaxLabels(names["dependencies"], names["pos"]),
            Cooccurrence.load(folder / COUNTS),
            names["object_classes"],
            names["object_relations"],
        )

    @staticmethod
    def exists(folder: Path) -> bool:
        """Whether `save` has written there."""
        return (folder / NAMES).exists()
