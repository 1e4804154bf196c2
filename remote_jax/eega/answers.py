"""How entities and quintuples are written down, and the tables of a split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from remote_jax.eega import metrics
from remote_jax.eega.graphs.visual_graph import VisualGraph
from remote_jax.eega.quintuples import Entity, Labels, Quintuple, Vocabulary
from remote_jax.eega.tags import Decoded, decode
from remote_jax.reporting.results import Table
from remote_jax.reporting.score import Score, most_frequent_first, score_table
from remote_jax.task import Outputs

Answer = dict[str, Any]
FormatSpan = Callable[[Entity], Answer]
"""How an entity's words are written down: its name, start and end."""


def spans_in_words(tokens: Sequence[str]) -> FormatSpan:
    """Spans that count words, as `tokens` has them."""

    def format_span(entity: Entity) -> Answer:
        start, end = entity.start, entity.end
        return {"name": " ".join(tokens[start:end]), "start": start, "end": end}

    return format_span


def format_entity(one: Entity, format_span: FormatSpan, vocabulary: Vocabulary) -> Answer:
    """`{name, start, end, type}`."""
    return {**format_span(one), "type": vocabulary.types[one.type]}


def format_quintuple(one: Quintuple, format_span: FormatSpan, vocabulary: Vocabulary) -> Answer:
    """`{head, tail, relation}`."""
    return {
        "head": format_entity(one.head, format_span, vocabulary),
        "tail": format_entity(one.tail, format_span, vocabulary),
        "relation": vocabulary.relations[one.relation],
    }


def decode_outputs(outputs: Outputs, vocabulary: Vocabulary) -> list[Decoded]:
    """What the tags of a whole split say, sentence by sentence."""
    return [
        decode(tags[:count, :count].astype(np.float64), vocabulary)
        for tags, count in zip(outputs["tags"], outputs["words"].tolist(), strict=True)
    ]


def format_decoded(decoded: Decoded, format_span: FormatSpan, vocabulary: Vocabulary) -> Answer:
    """`{entities, quintuples}`, each in the order of the words, with its probability."""
    return {
        "entities": [
            {**format_entity(one, format_span, vocabulary), "probability": round(probability, 6)}
            for one, probability in sorted(decoded.entities.items())
        ],
        "quintuples": [
            {**format_quintuple(one, format_span, vocabulary), "probability": round(probability, 6)}
            for one, probability in sorted(decoded.quintuples.items())
        ],
    }


def format_objects(graph: VisualGraph, classes: Sequence[str]) -> list[Answer]:
    """`{box, class}` of each object of a picture."""
    there = graph.mask
    return [
        {"box": [round(edge, 4) for edge in box], "class": classes[label]}
        for box, label in zip(graph.boxes[there].tolist(), graph.labels[there], strict=True)
    ]


def add_attention(
    entities: Sequence[Answer],
    attention: Float[np.ndarray, "words objects"],
    objects: Sequence[Answer],
) -> None:
    """Adds to entities, whose places are in words, their mean attention to each object."""
    for one in entities:
        mean = attention[one["start"] : one["end"], : len(objects)].mean(0)
        one["attention"] = [round(weight, 4) for weight in mean.tolist()]


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
