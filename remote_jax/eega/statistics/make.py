"""All statistics of the data of a config."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from ml_collections import ConfigDict

from remote_jax.data import release
from remote_jax.data.cache import with_data_folder
from remote_jax.data.files import same_content
from remote_jax.eega.data import formats
from remote_jax.eega.data.examples import SentenceDataset
from remote_jax.eega.data.features import SPECIAL_TOKENS
from remote_jax.eega.sample import folder as sample
from remote_jax.eega.statistics import tables
from remote_jax.encoders import save
from remote_jax.encoders.word_pieces import word_pieces
from remote_jax.errors import UserError
from remote_jax.reporting import counting
from remote_jax.reporting.results import Table
from remote_jax.reporting.statistics import Statistics

FILES = {
    "rows": "rows that are read",
    "rejected": "rows left out as malformed",
    "missing": "sentences whose picture is not there",
}
"""What is counted of the files, by keys of the fingerprint."""


def statistics(config: ConfigDict, workdir: Path | None) -> Statistics:
    """Statistics of the sentences that a config trains on and is scored on.

    They need no parses, so a sentence that is left out for its parse is counted.

    Args:
        config: checked.
        workdir: of the run that it is of, if it is of one.

    Raises:
        UserError: the data are missing or malformed.
    """
    data = SentenceDataset(with_data_folder(config, sample.ensure))
    splits, names = data.sentences, data.files.vocabulary
    images = [one.image for some in splits.values() for one in some if one.image]
    counts = data.fingerprint["counts"]
    of_files = {
        what: {split: some[key] for split, some in counts.items()} for key, what in FILES.items()
    }
    types, relations = tables.types(splits), tables.relations(splits)
    notes = [tables.COUNTED, *formats.passed_over(data.files)]
    found = [
        tables.table_3(splits, paper=bool(config.data.dir)),
        tables.contents(splits),
        tables.in_common(splits, same_content(data.root, images)),
        counting.checks("Sentences", tables.questions(splits), splits),
        counting.checks("Files", of_files, splits),
        _words(splits, config.data.max_words),
    ]
    try:
        found.append(_pieces(data, config, workdir))
    except UserError as error:  # without an encoder the rest still holds
        notes.append(f"Lengths in word pieces are not counted: {error}")
    if config.features.picture and images:
        found.append(_objects(data, config.data.max_objects))
    found.append(tables.frequencies("Types of entities", types, names.types))
    found.append(tables.frequencies("Relations", relations, names.relations))
    figures = [
        counting.distribution(
            "types", "Distribution of types", "entities", _all(types, names.types)
        ),
        counting.distribution(
            "relations", "Distribution of relations", "quintuples", _all(relations, names.relations)
        ),
    ]
    title = release.title(config.data, data.fingerprint)
    return Statistics(
        title, data.fingerprint["sha256"], notes, found, [one for one in figures if one.kinds]
    )


def _all(counts: Mapping[str, Counter[int]], names: tuple[str, ...]) -> dict[str, int]:
    whole = sum(counts.values(), Counter[int]())
    return {names[number]: count for number, count in whole.items()}


def _words(splits: tables.Splits, limit: int) -> Table:
    found = {split: [len(one.tokens) for one in some] for split, some in splits.items()}
    return counting.lengths("Words of a sentence", found, limit)


def _pieces(data: SentenceDataset, config: ConfigDict, workdir: Path | None) -> Table:
    """Word pieces of each sentence, with [CLS] and [SEP]; a word without one has an unknown one.

    Raises:
        UserError: there is no tokenizer.
    """
    pieces = word_pieces(save.tokenizer_in(workdir, config, _texts(data)))
    found = {
        split: [
            SPECIAL_TOKENS + sum(max(1, len(pieces(word))) for word in one.tokens) for one in some
        ]
        for split, some in data.sentences.items()
    }
    return counting.lengths("Word pieces of a sentence", found, config.data.max_tokens)


def _texts(data: SentenceDataset) -> Iterator[str]:
    if "train" not in data.splits:
        raise UserError(f"There is no train split in {data.root}.")
    for sentence in data.sentences["train"]:
        yield " ".join(sentence.tokens)


def _objects(data: SentenceDataset, limit: int) -> Table:
    """Objects of each picture; none where it is one object, the whole of it."""
    found = {
        split: [data.objects.listed(one.image, split) for one in some if one.image]
        for split, some in data.sentences.items()
    }
    return counting.lengths("Objects that files list of a picture", found, limit)
