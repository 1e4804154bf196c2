"""What is said of a data set before training: what it lacks, and what is not read of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from ml_collections import ConfigDict

from remote_jax.eega.data import formats
from remote_jax.eega.data.examples import Example, SentenceDataset
from remote_jax.eega.data.features import within
from remote_jax.eega.data.objects import is_whole_picture
from remote_jax.eega.model.graph_alignment import FEWEST_NODES
from remote_jax.eega.quintuples import Labels
from remote_jax.eega.settings import Inputs
from remote_jax.reporting.results import Table


def notices(
    data: SentenceDataset, config: ConfigDict, words_read: Callable[[Example], int]
) -> list[str]:
    """A sentence on each thing that a person should know; none where there is nothing to tell.

    Args:
        data: all splits are read.
        config: of the run.
        words_read: how many words of a sentence the model reads.
    """
    splits = {split: data.examples(split) for split in data.splits}
    inputs = Inputs.from_config(config)
    told = [*_labels(splits), *_unseen(data, splits), *_cut(splits, config, words_read)]
    if inputs.picture:
        missing = _shares({split: data.missing(split) for split in splits}, splits)
        if missing:
            told.append(f"Pictures that rows name and that are not there: {missing}.")
        told += [*_whole_pictures(splits), *_unaligned(splits, config)]
    return [*told, *formats.passed_over(data.files)]


def tables(lines: Iterable[str], data: SentenceDataset, split: str) -> list[Table]:
    """The sentences of `notices` for `results.json`, and what the scores of a split leave out."""
    found = [Table("The data", ("notice",), rows)] if (rows := [[line] for line in lines]) else []
    lost = Counter("place" in entry for entry in data.rejected(split))
    if lost:
        columns = ("malformed rows", "sentences without parse or picture", "scored sentences")
        row = [lost[False], lost[True], len(data.examples(split))]
        found.append(Table(f"{split}: left out of the scores", columns, [row]))
    return found


def _labels(splits: Mapping[str, list[Example]]) -> list[str]:
    labels = {split: [one.sentence.labels for one in some] for split, some in splits.items()}
    empty = {split: sum(not one.entities for one in some) for split, some in labels.items()}
    told = []
    if shares := _shares(empty, splits):
        told.append(
            f"Sentences without a label: {shares}. They teach and test that nothing is in them; "
            "entities that have no relation go into 'entities' of a row."
        )
    without = [split for split, some in labels.items() if not any(x.quintuples for x in some)]
    if without:
        told.append(
            f"No sentence of {', '.join(without)} has a relation: scores of quintuples are 0 "
            "there, and only mner_f1 says something."
        )
    return told


def _unseen(data: SentenceDataset, splits: Mapping[str, list[Example]]) -> list[str]:
    """Types and relations of other splits that training lacks."""
    vocabulary = data.files.vocabulary
    kinds: tuple[tuple[str, tuple[str, ...], Callable[[Labels], Iterable[int]]], ...] = (
        ("Types", vocabulary.types, lambda labels: (one.type for one in labels.entities)),
        (
            "Relations",
            vocabulary.relations,
            lambda labels: (one.relation for one in labels.quintuples),
        ),
    )
    told = []
    for what, names, numbers in kinds:
        counts = {
            split: Counter(number for one in some for number in numbers(one.sentence.labels))
            for split, some in splits.items()
        }
        for split, found in counts.items():
            unseen = [
                f"{names[number]} ({count:,})"
                for number, count in found.most_common()
                if number not in counts.get("train", found)
            ]
            if unseen:
                told.append(f"{what} of {split} that training lacks: {formats.some(unseen)}.")
    return told


def _cut(
    splits: Mapping[str, list[Example]], config: ConfigDict, words_read: Callable[[Example], int]
) -> list[str]:
    cut, lost = {}, 0
    for split, some in splits.items():
        short = [(one.sentence, read) for one in some if (read := words_read(one)) < _words(one)]
        cut[split] = len(short)
        for sentence, read in short:
            labels = sentence.labels
            lost += len(labels.quintuples) - len(within(labels, read).quintuples)
    if not (shares := _shares(cut, splits)):
        return []
    return [
        f"Sentences that are cut: {shares}; {lost:,} of their quintuples are not read. "
        f"config.data.max_words is {config.data.max_words}, max_tokens {config.data.max_tokens}."
    ]


def _words(example: Example) -> int:
    return len(example.sentence.tokens)


def _pictured(splits: Mapping[str, list[Example]]) -> dict[str, list[Example]]:
    return {split: [one for one in some if one.sentence.image] for split, some in splits.items()}


def _whole_pictures(splits: Mapping[str, list[Example]]) -> list[str]:
    pictured = _pictured(splits)
    whole = {
        split: sum(is_whole_picture(one.graph) for one in some) for split, some in pictured.items()
    }
    if not (shares := _shares(whole, pictured)):
        return []
    return [f"Pictures without a scene graph or boxes, each one object, the whole of it: {shares}."]


def _unaligned(splits: Mapping[str, list[Example]], config: ConfigDict) -> list[str]:
    """Training posts that are left out of L_graph, which other splits have no part in."""
    if not config.model.alignment.weight:
        return []
    pictured = _pictured({"train": splits["train"]})
    few = {
        split: sum(one.graph.mask.sum() < FEWEST_NODES for one in some)
        for split, some in pictured.items()
    }
    if not (shares := _shares(few, pictured)):
        return []
    told = (
        f"Pictures of one object: {shares}. Words are not aligned with it: there is one plan only, "
        "and its gradient would draw all words together."
    )
    if few == {split: len(some) for split, some in pictured.items()}:
        told += " No post is aligned: add boxes.json, or set --config.model.alignment.weight=0."
    return [told]


def _shares(counts: Mapping[str, int], splits: Mapping[str, list[Example]]) -> str:
    """`3 of 10 in train, ...` of the splits that have any; "" if none has."""
    return ", ".join(
        f"{count:,} of {len(splits[split]):,} in {split}"
        for split, count in counts.items()
        if count
    )
