"""How entities and quintuples are written down, and the tables of a split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from remote_jax.data.posts import Answer, plain
from remote_jax.eega import metrics
from remote_jax.eega.data.corpus_statistics import CorpusStatistics
from remote_jax.eega.data.examples import Example
from remote_jax.eega.graphs.visual_graph import VisualGraph
from remote_jax.eega.quintuples import Entity, Labels, Quintuple, Vocabulary
from remote_jax.eega.settings import PROTOCOLS
from remote_jax.eega.tags import Decoded, Priors, decode
from remote_jax.reporting.results import Table
from remote_jax.reporting.score import Score, most_frequent_first, score_table
from remote_jax.task import Outputs

FormatSpan = Callable[[Entity], tuple[str, int, int]]
"""How an entity's words are written down: its name, start and end."""


@dataclass(frozen=True)
class Mention:
    """An entity: its words, where they are, and its type.

    Attributes:
        start, end: of its words, in characters where the post had `text`, in words else.
    """

    name: str
    start: int
    end: int
    type: str


@dataclass(frozen=True)
class FoundEntity(Mention):
    """An entity with the probability that it is one of that type."""

    probability: float


@dataclass(frozen=True)
class FoundQuintuple:
    """Two entities and the relation from head to tail, with its probability."""

    head: Mention
    tail: Mention
    relation: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class Quintuples(Answer):
    """What is in a post, in the order of its words.

    Attributes:
        entities: all of them.
        quintuples: the relations between them.
        unread: words at the end of the post beyond what the model reads; 0 where it read all.
    """

    entities: tuple[FoundEntity, ...] = ()
    quintuples: tuple[FoundQuintuple, ...] = ()
    unread: int = 0

    def _found(self) -> dict[str, Any]:
        found = {"entities": plain(self.entities), "quintuples": plain(self.quintuples)}
        return {**found, "unread": self.unread} if self.unread else found


def spans_in_words(tokens: Sequence[str]) -> FormatSpan:
    """Spans that count words, as `tokens` has them."""

    def format_span(entity: Entity) -> tuple[str, int, int]:
        return " ".join(tokens[entity.start : entity.end]), entity.start, entity.end

    return format_span


def format_entity(one: Entity, format_span: FormatSpan, vocabulary: Vocabulary) -> Mention:
    """An entity as it is written down."""
    return Mention(*format_span(one), vocabulary.types[one.type])


def format_quintuple(
    one: Quintuple, format_span: FormatSpan, vocabulary: Vocabulary
) -> dict[str, Any]:
    """`{head, tail, relation}` of one that is in the data."""
    return {
        "head": plain(format_entity(one.head, format_span, vocabulary)),
        "tail": plain(format_entity(one.tail, format_span, vocabulary)),
        "relation": vocabulary.relations[one.relation],
    }


def decode_outputs(outputs: Outputs, vocabulary: Vocabulary, priors: Priors) -> list[Decoded]:
    """What the tags of a whole split say, sentence by sentence."""
    return [
        decode(tags[:count, :count].astype(np.float64), vocabulary, priors)
        for tags, count in zip(outputs["tags"], outputs["words"].tolist(), strict=True)
    ]


def format_decoded(decoded: Decoded, format_span: FormatSpan, vocabulary: Vocabulary) -> Quintuples:
    """What was found in a post, as it is written down."""
    entities = [
        FoundEntity(*format_span(one), vocabulary.types[one.type], round(probability, 6))
        for one, probability in sorted(decoded.entities.items())
    ]
    quintuples = [
        FoundQuintuple(
            format_entity(one.head, format_span, vocabulary),
            format_entity(one.tail, format_span, vocabulary),
            vocabulary.relations[one.relation],
            round(probability, 6),
        )
        for one, probability in sorted(decoded.quintuples.items())
    ]
    return Quintuples(entities=tuple(entities), quintuples=tuple(quintuples))


def format_objects(graph: VisualGraph, classes: Sequence[str]) -> list[dict[str, Any]]:
    """`{box, class}` of each object of a picture."""
    there = graph.mask
    return [
        {"box": [round(edge, 4) for edge in box], "class": classes[label]}
        for box, label in zip(graph.boxes[there].tolist(), graph.labels[there], strict=True)
    ]


def add_attention(
    entities: Sequence[dict[str, Any]],
    attention: Float[np.ndarray, "words objects"],
    objects: Sequence[dict[str, Any]],
) -> None:
    """Adds to entities, whose places are in words, their mean attention to each object."""
    for one in entities:
        mean = attention[one["start"] : one["end"], : len(objects)].mean(0)
        one["attention"] = [round(weight, 4) for weight in mean.tolist()]


def row(
    example: Example,
    found: Decoded,
    attention: Float[np.ndarray, "words objects"] | None,
    corpus: CorpusStatistics,
) -> dict[str, Any]:
    """A line of `predictions.jsonl`: where a sentence is written, what is in it and what was found.

    Args:
        attention: of each word to each object, for entities that were found (Figure 7).
    """
    sentence, vocabulary = example.sentence, corpus.vocabulary
    format_span = spans_in_words(sentence.tokens)
    line = {
        "file": sentence.file,
        "place": sentence.place,
        "image": sentence.image,
        "tokens": list(sentence.tokens),
        "gold": [
            format_quintuple(one, format_span, vocabulary)
            for one in sorted(sentence.labels.quintuples)
        ],
        **format_decoded(found, format_span, vocabulary).to_dict(),
    }
    if attention is not None and example.graph.mask.any():
        line["objects"] = format_objects(example.graph, corpus.classes)
        add_attention(line["entities"], attention, line["objects"])
    return line


def by_relation(
    split: str, gold: Sequence[Labels], found: Sequence[Labels], names: Sequence[str], protocol: str
) -> Table:
    """Scores of the quintuples of each relation, most frequent first."""
    scores = {}
    for index, name in enumerate(names):
        right, claimed = (
            [Labels(quintuples=_of_relation(one, index)) for one in side] for side in (gold, found)
        )
        if any(one.quintuples for one in (*right, *claimed)):
            scores[name] = metrics.quintuples(right, claimed, protocol)
    return _table(f"{split}: quintuples by relation", scores, "relation")


def by_protocol(split: str, gold: Sequence[Labels], found: Sequence[Labels]) -> Table:
    """Scores of all quintuples, counted in each of the ways that `config.metric` chooses from."""
    scores = [(name, metrics.quintuples(gold, found, name)) for name in PROTOCOLS]
    title = f"{split}: quintuples, both ways of counting"
    return score_table(title, scores, name="metric", support="number")


def by_type(
    split: str, gold: Sequence[Labels], found: Sequence[Labels], names: Sequence[str]
) -> Table:
    """Scores of the entities of each type, most frequent first."""
    scores = {}
    for index, name in enumerate(names):
        sides = [[Labels(_of_type(one, index)) for one in side] for side in (gold, found)]
        if any(one.entities for side in sides for one in side):
            scores[name] = metrics.entities(*sides)
    return _table(f"{split}: entities by type", scores, "type")


def _of_relation(labels: Labels, relation: int) -> frozenset[Quintuple]:
    return frozenset(one for one in labels.quintuples if one.relation == relation)


def _of_type(labels: Labels, kind: int) -> frozenset[Entity]:
    return frozenset(one for one in labels.entities if one.type == kind)


def _table(title: str, scores: Mapping[str, Score], name: str) -> Table:
    return score_table(title, most_frequent_first(scores.items()), name=name, support="number")
