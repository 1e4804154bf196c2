"""Table 3 of EEGA, types and relations, and what a careful person asks of the sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from remote_jax.eega.data.sentences import Sentence
from remote_jax.eega.quintuples import Entity
from remote_jax.eega.tags import taggable
from remote_jax.reporting.counting import cross, nested, overlaps, repeated, several, shared
from remote_jax.reporting.results import Table

Splits = Mapping[str, Sequence[Sentence]]

PAPER = {
    "train": (3_617, 9_006, 15_981, 16.31),
    "validation": (495, 1_248, 3_535, 16.57),
    "test": (474, 1_280, 4_678, 16.28),
}
"""Table 3, of JMERE."""

COUNTED = (
    "Table 3 counts as the paper does: #S sentences, Entity entities in them, Words the different "
    "words (the vocabulary; capitals count), #AL words of a sentence on average."
)


def table_3(splits: Splits, *, paper: bool) -> Table:
    """Table 3 by split, and beside it what the paper says of JMERE where that is asked for."""
    rows: list[tuple[object, ...]] = []
    for split, sentences in splits.items():
        words = sum(len(one.tokens) for one in sentences)
        entities = sum(len(one.labels.entities) for one in sentences)
        vocabulary = len(set(_words(sentences)))
        mean = words / max(len(sentences), 1)
        rows.append((split, len(sentences), entities, vocabulary, mean))
        rows += [(f"JMERE's {split} in the paper", *PAPER[split])] if paper else []
    return Table("Table 3 of EEGA", ("", "#S", "Entity", "Words", "#AL"), rows)


def _words(sentences: Iterable[Sentence]) -> Iterable[str]:
    return (word for sentence in sentences for word in sentence.tokens)


def contents(splits: Splits) -> Table:
    """What is in each split."""
    rows = []
    for split, sentences in splits.items():
        labels = [one.labels for one in sentences]
        rows.append(
            (
                split,
                len(sentences),
                sum(len(one.tokens) for one in sentences),
                len({one.image for one in sentences if one.image}),
                sum(len(one.entities) for one in labels),
                sum(len(one.quintuples) for one in labels),
            )
        )
    columns = ("split", "sentences", "words", "pictures", "entities", "quintuples")
    return Table("Splits", columns, rows)


def types(splits: Splits) -> dict[str, Counter[int]]:
    """How many entities have each type, by split."""
    return {
        split: Counter(entity.type for one in sentences for entity in one.labels.entities)
        for split, sentences in splits.items()
    }


def relations(splits: Splits) -> dict[str, Counter[int]]:
    """How many quintuples have each relation, by split."""
    return {
        split: Counter(one.relation for some in sentences for one in some.labels.quintuples)
        for split, sentences in splits.items()
    }


def frequencies(title: str, counts: Mapping[str, Counter[int]], names: Sequence[str]) -> Table:
    """How many there are of each name, most frequent first."""
    whole = sum(counts.values(), Counter[int]())
    total = max(whole.total(), 1)
    rows = [
        (names[number], count, count / total, *(some[number] for some in counts.values()))
        for number, count in whole.most_common()
    ]
    return Table(title, ("", "count", "share", *counts), rows)


def in_common(splits: Splits, same: Mapping[str, str]) -> Table:
    """What splits have in common.

    Args:
        same: for the file of each picture the first one with the same content.
    """
    rows: list[Sequence[object]] = []
    for what, keys in (
        ("sentences", {split: {one.tokens for one in some} for split, some in splits.items()}),
        (
            "pictures",
            {split: {same[x.image] for x in some if x.image} for split, some in splits.items()},
        ),
        ("words", {split: set(_words(some)) for split, some in splits.items()}),
        ("names with their type", {split: _typed(some) for split, some in splits.items()}),
        (
            "names of two entities with types and relation",
            {split: _facts(some) for split, some in splits.items()},
        ),
    ):
        rows += shared(what, keys)
    return overlaps(rows)


def _named(sentence: Sentence, entity: Entity) -> tuple[str, int]:
    return " ".join(sentence.tokens[entity.start : entity.end]).lower(), entity.type


def _typed(sentences: Iterable[Sentence]) -> set[tuple[str, int]]:
    return {_named(one, entity) for one in sentences for entity in one.labels.entities}


def _facts(sentences: Iterable[Sentence]) -> set[object]:
    return {
        (_named(one, fact.head), _named(one, fact.tail), fact.relation)
        for one in sentences
        for fact in one.labels.quintuples
    }


def questions(splits: Splits) -> dict[str, dict[str, int]]:
    """Counts of sentences and of what is in them, by question and split."""
    found = {split: {**_sentences(some), **_labels(some)} for split, some in splits.items()}
    names = next(iter(found.values()))
    return {what: {split: some[what] for split, some in found.items()} for what in names}


def _sentences(sentences: Sequence[Sentence]) -> dict[str, int]:
    spans = [[(x.start, x.end) for x in one.labels.entities] for one in sentences]
    return {
        "sentences": len(sentences),
        "sentences that stand before": repeated(one.tokens for one in sentences),
        "sentences that stand there with several labels": several(
            (one.tokens, one.labels) for one in sentences
        ),
        "sentences without an entity": sum(not one.labels.entities for one in sentences),
        "sentences without a relation": sum(not one.labels.quintuples for one in sentences),
        "sentences with an entity inside another": sum(map(nested, spans)),
        "sentences with entities that cross": sum(map(cross, spans)),
        "sentences without a picture": sum(not one.image for one in sentences),
    }


def _labels(sentences: Sequence[Sentence]) -> dict[str, int]:
    facts = [(row, x) for row, one in enumerate(sentences) for x in one.labels.quintuples]
    related = {(row, _span(x.head), _span(x.tail)) for row, x in facts}
    both = sum((row, tail, head) in related for row, head, tail in related)
    held = sum(len(taggable(one.labels).quintuples) for one in sentences)
    return {
        "entities with several types in a sentence": several(
            ((row, x.start, x.end), x.type)
            for row, one in enumerate(sentences)
            for x in one.labels.entities
        ),
        "names with several types": several(_typed(sentences)),
        "quintuples": len(facts),
        "quintuples whose head comes after the tail": sum(x.head > x.tail for _, x in facts),
        "pairs with several relations": several(
            ((row, _span(x.head), _span(x.tail)), x.relation) for row, x in facts
        ),
        "pairs that are related in both orders": both // 2,
        "quintuples that no matrix of tags holds": len(facts) - held,
    }


def _span(entity: Entity) -> tuple[int, int]:
    return entity.start, entity.end
