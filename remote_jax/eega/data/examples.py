"""From raw files to examples: each sentence with its parse and the objects of its picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ml_collections import ConfigDict

from remote_jax.data.cache import cache_folder
from remote_jax.data.records import Rejected, build_rows, check_share
from remote_jax.eega.data import builders, formats, parse_files, parses
from remote_jax.eega.data.corpus_statistics import CorpusStatistics
from remote_jax.eega.data.objects import ObjectGraphs
from remote_jax.eega.data.sentences import Sentence
from remote_jax.eega.graphs import trees, visual_graph
from remote_jax.eega.graphs.trees import Parse
from remote_jax.eega.graphs.visual_graph import VisualGraph
from remote_jax.eega.quintuples import Labels
from remote_jax.eega.settings import Inputs
from remote_jax.errors import Refused, UserError
from remote_jax.reporting.progress import tracked
from remote_jax.reporting.results import write_rows


@dataclass(frozen=True)
class Example:
    """A sentence and what goes with it.

    Attributes:
        sentence: its words, picture and labels.
        parse: None where the model reads none.
        graph: of the objects of its picture; empty where there is none, or the model reads none.
        counted: whether words were counted in it (`Cooccurrence`).
    """

    sentence: Sentence
    parse: Parse | None
    graph: VisualGraph
    counted: bool = False


class SentenceDataset:
    """A data set whose records are built.

    Attributes:
        files: of the data set.
        root: the data folder, which the pictures of a `Sentence` start from.
        splits: those that the data folder has.
        fingerprint: name, sizes and SHA-256 of the files, and counts of their rows, as JSON values.
    """

    def __init__(self, config: ConfigDict):
        """Finds and checks the files that `config.data` names, and builds records once.

        Raises:
            UserError: files are missing, or too many rows are malformed.
        """
        data = config.data
        if data.name not in formats.LAYOUTS:
            known = ", ".join(formats.LAYOUTS)
            raise UserError(f"config.data.name is {data.name!r}, expected one of {known}.")
        self._config, self._inputs = data, Inputs.from_config(config)
        self.files = formats.locate(formats.LAYOUTS[data.name], data.dir)
        self._cache = cache_folder(data.cache)
        self._builder = build_rows(builders.BUILDERS, self.files, self._cache, data.max_rejected)
        self.root = self.files.root
        self.splits = tuple(self.files.rows)
        counts = {split: self._counts(split) for split in self.splits}
        self.fingerprint = {**self.files.fingerprint, "counts": counts}

    @cached_property
    def sentences(self) -> Mapping[str, list[Sentence]]:
        """What the records hold, by split."""
        return {split: builders.read(self._builder, split) for split in self.splits}

    def examples(self, split: str) -> list[Example]:
        """The examples of a split, in the order of its file.

        A sentence whose parse or scene graph is malformed is left out, and told.

        Raises:
            UserError: the data folder does not have the split, too many sentences would be left
                out, there is no parse to be had, or there are no pictures.
        """
        if split not in self.splits:
            raise UserError(
                f"There is no {split} split in {self.root}, only {', '.join(self.splits)}."
            )
        return self._examples[split]

    def labels(self, split: str) -> list[Labels]:
        """What is to be found in each of `examples(split)`."""
        return [example.sentence.labels for example in self.examples(split)]

    def missing(self, split: str) -> int:
        """Sentences of a split whose picture is named and is not there."""
        return self._builder.missing(split)

    def rejected(self, split: str) -> list[Rejected]:
        """The malformed rows of a split, and its sentences that are left out of `examples`."""
        made = {example.sentence.row for example in self.examples(split)}
        places = [one.place for one in self.sentences[split] if one.row not in made]
        name = self._name(split)
        return [*self._malformed(split), *({"file": name, "place": place} for place in places)]

    def _counts(self, split: str) -> dict[str, int]:
        """Rows that are read and that are malformed; sentences, and those without their picture."""
        return {
            "rows": self._builder.rows(split),
            "rejected": len(self._malformed(split)),
            "sentences": self._builder.info.splits[split].num_examples,
            "missing": self.missing(split),
        }

    def _malformed(self, split: str) -> list[Rejected]:
        return [one for one in self._builder.rejected if one["file"] == self._name(split)]

    def _name(self, split: str) -> str:
        return self.files.rows[split].relative_to(self.root).as_posix()

    @cached_property
    def corpus(self) -> CorpusStatistics:
        """What is known from the training split alone."""
        train = self.examples("train")
        return CorpusStatistics.count(
            self.files.vocabulary,
            [example.sentence for example in train],
            [example.parse for example in train],
            self.objects.classes,
            self.objects.relations,
        )

    @cached_property
    def objects(self) -> ObjectGraphs:
        """What is known of the objects of pictures."""
        data = self._config
        return ObjectGraphs(self.files, objects=data.max_objects, threshold=data.threshold)

    @cached_property
    def _examples(self) -> dict[str, list[Example]]:
        made: dict[str, list[Example]] = {}
        rejected: list[Rejected] = []
        for split, sentences in self.sentences.items():
            if self._inputs.picture and not any(sentence.image for sentence in sentences):
                raise UserError(self._no_pictures(split))
            found = self._parses(split, sentences)
            made[split] = []
            doing = f"reading the pictures' objects of {split}"
            for sentence, parse in tracked(
                zip(sentences, found, strict=True), doing, "sentences", len(sentences)
            ):
                try:
                    made[split].append(self._example(sentence, parse, split))
                except Refused as error:
                    place = {"file": sentence.file, "place": sentence.place}
                    rejected.append({**place, "reason": str(error)})
            self._check_share(split, len(made[split]), rejected)
        if rejected:
            path = Path(self._builder.data_dir).parents[1] / "left_out.jsonl"
            write_rows(path, rejected)
            print(f"Sentences left out for their parse or picture: {len(rejected)}; see {path}")
        return made

    def _no_pictures(self, split: str) -> str:
        named = self.files.pictures[split]
        places = [folder.relative_to(self.root).as_posix() for folder in named]
        looked = f"looked for in {', '.join(places)}" if places else "it has no folder of them"
        return " ".join(
            [
                f"No sentence of the {split} split in {self.root} has a picture there ({looked}): "
                f"put them into {self.files.layout.pictures[1]}, or set "
                "--config.features.picture=false to read the sentences alone.",
                *formats.passed_over(self.files),
            ]
        )

    def _example(self, sentence: Sentence, parse: Parse | Refused | None, split: str) -> Example:
        if isinstance(parse, Refused):
            raise parse
        if not self._inputs.picture:
            graph = visual_graph.empty(self._config.max_objects)
        else:
            graph = self.objects.graph(sentence.image, split)
        return Example(sentence, parse, graph, counted=split == "train")

    def _parses(
        self, split: str, sentences: Sequence[Sentence]
    ) -> Sequence[Parse | Refused | None]:
        """From the data folder if it brings them, else by spaCy."""
        if not self._inputs.parse:
            return [None] * len(sentences)
        if split not in self.files.parses:
            words = [sentence.tokens for sentence in sentences]
            return parses.parse(self._config.pipeline, words, self._cache)
        path = self.files.parses[split]
        brought = parse_files.read(path)
        last = max(sentence.place for sentence in sentences)
        if len(brought) < last:
            raise UserError(
                f"{path} has {len(brought):,} parses, but {self.files.rows[split].name} has at "
                f"least {last:,} rows: it must have one for each row."
            )
        return [trees.checked(brought[one.place - 1], len(one.tokens)) for one in sentences]

    def _check_share(self, split: str, kept: int, rejected: Sequence[Rejected]) -> None:
        path = self.files.rows[split]
        name = path.relative_to(self.root).as_posix()
        own = [entry for entry in rejected if entry["file"] == name]
        what = "sentences have a malformed parse or picture"
        check_share(path, own, kept, self._config.max_rejected, what)
