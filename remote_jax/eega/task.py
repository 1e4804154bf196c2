"""EEGA as the training loop meets it: data, model, loss (Eq. 13), predictions, scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import grain
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array
from ml_collections import ConfigDict

from remote_jax import config as configs
from remote_jax.config import run_buckets
from remote_jax.config.frozen import covers
from remote_jax.config.run_buckets import RunBuckets
from remote_jax.data import release
from remote_jax.data.batches.buckets import Buckets
from remote_jax.data.batches.in_thread import Mapped
from remote_jax.data.cache import with_data_folder
from remote_jax.data.media import Folder, Pictures, PostMedia
from remote_jax.data.posts import Values
from remote_jax.data.words import check_language
from remote_jax.eega import answers, build, gauges, metrics, notices
from remote_jax.eega.build import Sizes
from remote_jax.eega.data import builders, corpus_statistics
from remote_jax.eega.data.corpus_statistics import CorpusStatistics
from remote_jax.eega.data.examples import SentenceDataset
from remote_jax.eega.data.features import Featurize
from remote_jax.eega.data.posts import Posts, read_posts
from remote_jax.eega.frozen import FrozenEncoders
from remote_jax.eega.gauges import collapsed
from remote_jax.eega.interface import interface
from remote_jax.eega.model import gauges as traced
from remote_jax.eega.model.eega import Eega
from remote_jax.eega.model.without import take_away
from remote_jax.eega.model.word_pairs import joint_loss, tagging_loss
from remote_jax.eega.quintuples import Labels
from remote_jax.eega.sample import folder as sample
from remote_jax.eega.settings import KEYS, channels
from remote_jax.eega.tags import Decoded
from remote_jax.encoders import build as encoders
from remote_jax.encoders import save
from remote_jax.encoders import tokenizer as tokenizers
from remote_jax.reporting.results import Table, write_json
from remote_jax.task import (
    GAUGE,
    BaseTask,
    Batch,
    Calibration,
    Gauges,
    Interface,
    NamedAxis,
    Outputs,
)

MIN_LOG_PROBABILITY = -6e4
"""The least logarithm of a probability that is told, near the least number of half precision."""


def make_task(config: ConfigDict) -> EegaTask:
    """The task of a config.

    Raises:
        UserError: a value of EEGA's part of the config is wrong.
    """
    configs.check(config, KEYS)
    check_language(config.data.language)
    channels(config.model.channels)
    encoders.check_sizes(config, build.parts(config), "configs/jmere.py:sample")
    return EegaTask(config)


class EegaTask(BaseTask):
    """Implements `remote_jax.task.Task` for EEGA."""

    metric = "f1"

    def __init__(self, config: ConfigDict):
        self.config = config
        self._buckets: RunBuckets | None = None

    @property
    def assets(self) -> tuple[str, ...]:
        """Those of all runs, and the shapes of batches that are cut."""
        found = run_buckets.files(self.config.data.buckets)
        return (*corpus_statistics.FILES, save.TOKENIZER, *found)

    def prepare(self, workdir: Path, *, anew: bool) -> None:
        """Keeps in the workdir what `predict` needs of the data and of pretrained checkpoints.

        Raises:
            UserError: the data or the tokenizer are missing or malformed.
        """
        self.workdir = workdir
        if anew or not CorpusStatistics.exists(workdir):
            found = self.data.corpus  # data first: an error in them is the nearer one
            print(builders.describe(self.data.sentences), flush=True)
            texts = (" ".join(sentence.tokens) for sentence in self.data.sentences["train"])
            save.save_for_run(self.config, workdir, texts, build.parts(self.config))
            found.save(workdir)
        self.corpus = CorpusStatistics.load(workdir)
        self.tokenizer = tokenizers.read(workdir / save.TOKENIZER)
        featurize = self._featurize(Folder(Path()))
        self._buckets = RunBuckets(
            workdir,
            anew=anew,
            padding=featurize.padding,
            most=self.config.data.buckets,
            extents=lambda split: featurize.extents(self.data.examples(split)),
        )
        if anew:
            print("".join(f"{line}\n" for line in self.notices), end="", flush=True)

    @cached_property
    def notices(self) -> list[str]:
        """What a person should know of the data before training."""
        return notices.notices(self.data, self.config, self._featurize(Folder(Path())).words_read)

    @cached_property
    def data(self) -> SentenceDataset:
        """The data set; read, and built where it is new, when first asked for."""
        return SentenceDataset(with_data_folder(self.config, sample.ensure))

    def splits(self) -> tuple[str, ...]:
        """The splits that the data folder has."""
        return self.data.splits

    def dataset(self, split: str) -> grain.MapDataset:
        """Features of every sentence of a split (`features.Featurize`)."""
        featurize = self._featurize(Folder(self.data.root))
        return grain.MapDataset.source(self.data.examples(split)).map(featurize)

    def encoded(self, split: str, params: Mapping[str, Array]) -> grain.MapDataset | None:
        """The same, with X_T or X_I where their encoders are frozen."""
        if not any(covers(self.config, part) for part in build.parts(self.config)):
            return None
        featurize, examples = self._featurize(Folder(self.data.root)), self.data.examples(split)
        frozen = FrozenEncoders(self.config, self.shapes(), params, featurize, self.data.root)
        made = frozen.made(split, examples)
        return grain.MapDataset.source(examples).map(featurize.reading(made))

    def buckets(self, split: str) -> Buckets | None:
        """By word pieces, words and objects."""
        return None if self._buckets is None else self._buckets.of(split)

    def _featurize(self, pictures: Pictures) -> Featurize:
        return Featurize(self.tokenizer, self.corpus, pictures, self.config)

    def places(self, split: str, rows: Sequence[int]) -> list[str]:
        """File, and the sentence's place in it."""
        examples = self.data.examples(split)
        sentences = [examples[row].sentence for row in rows]
        return [f"{sentence.file}:{sentence.place}" for sentence in sentences]

    def fingerprint(self) -> dict[str, Any]:
        """Name, sizes and SHA-256 of the data."""
        return self.data.fingerprint

    def title(self) -> str:
        """A benchmark by its files, a generated sample, or a folder."""
        return release.title(self.config.data, self.fingerprint())

    def named_axes(self) -> list[NamedAxis]:
        """Tags, edges, parts of speech and classes of objects (`build.named_axes`)."""
        return build.named_axes(self.corpus)

    def model(self, rngs: nnx.Rngs) -> Eega:
        """The model of the config, its encoders from their checkpoints if it names any."""
        return take_away(build.eega(self.config, self._sizes, rngs=rngs), self.taken)

    def shapes(self) -> Eega:
        """The model of the config without values; it opens no checkpoint."""
        found = build.shapes(self.config, self.workdir / save.ENCODERS, self._sizes)
        return take_away(found, self.taken)

    @property
    def mechanisms(self) -> Mapping[str, str]:
        """What the model of this config can be scored without.

        The alignment is not among them: it is a part of the loss, and no prediction reads it.
        """
        return build.mechanisms(self.config)

    @property
    def _sizes(self) -> Sizes:
        return Sizes.from_corpus(self.corpus, len(self.tokenizer))

    def loss(
        self, model: nnx.Module, batch: Batch, rngs: nnx.Rngs
    ) -> tuple[Array, dict[str, Array]]:
        """L of Eq. 13: that of the tags of all pairs of words, and that of aligning the graphs."""
        assert isinstance(model, Eega)
        encoded = model.encode(batch, rngs=rngs)
        logits = model.tag(encoded, batch, rngs=rngs).logits
        cells = batch["words"][:, :, None] & batch["words"][:, None, :]
        main = tagging_loss(logits, batch["tags"], cells, average=self._average_cells)
        plans, weight = model.plans(encoded), self.config.model.alignment.weight
        graph = model.graph_loss(encoded, plans)
        scalars = {"tagging_loss": main, "graph_loss": graph}
        if plans is not None:
            found = traced.of_alignment(model, encoded, batch, plans, weight=weight)
            scalars |= {f"{GAUGE}{gauges.ALIGNMENT}{name}": x for name, x in found.items()}
        return joint_loss(main, graph, weight=weight), scalars

    @cached_property
    def _average_cells(self) -> float | None:
        """Pairs of words of a sentence, where batches are of sentences of similar length."""
        buckets = self.buckets("train")
        return None if buckets is None else float(np.mean(buckets.extents.filled[:, 1] ** 2.0))

    def shared(self, model: nnx.Module) -> None:
        """Nothing: each post is read by itself."""

    def predict(self, model: nnx.Module, batch: Batch, shared: None) -> dict[str, Array]:
        """What `decode` reads, in half precision, and how many words were read.

        Where the model sees pictures, also the attention of words to objects; where it has
        channels, what gauges read of them.
        """
        assert isinstance(model, Eega)
        encoded = model.encode(batch)
        tagged = model.tag(encoded, batch)
        log_probabilities = jnp.maximum(jax.nn.log_softmax(tagged.logits), MIN_LOG_PROBABILITY)
        outputs = {
            "tags": log_probabilities.astype(jnp.float16),
            "words": batch["words"].sum(1),
        }
        if tagged.attention is not None:
            outputs["attention"] = tagged.attention
        if model.channels is not None:
            found = traced.of_channels(model, encoded, batch)
            outputs |= {f"{GAUGE}{gauges.CHANNELS}{name}": x for name, x in found.items()}
        return outputs

    def gauges(self, split: str, outputs: Outputs) -> dict[str, float]:
        """Weights of the channels (`gauges.of_split`); those of the alignment come from `loss`."""
        return gauges.of_split(outputs)

    def collapsed(self, gauges: Gauges) -> list[str]:
        """A sentence on an alignment or a channel that does nothing."""
        return collapsed(gauges)

    def calibrate(self, outputs: Outputs) -> dict[str, float]:
        """Nothing."""
        return {}

    def calibrated(self, outputs: Outputs, calibration: Calibration) -> Outputs:
        """The outputs as they are."""
        return outputs

    def interface(self) -> Interface:
        """A post as the model reads it."""
        return interface(self._featurize(Folder(Path())), self.config.data.max_objects)

    def answer(
        self, model: nnx.Module, batch: Batch, shared: None, calibration: Calibration
    ) -> dict[str, Array]:
        """The probability of every tag of each pair of words."""
        assert isinstance(model, Eega)
        return {"probabilities": jax.nn.softmax(model(batch).logits)}

    def write_assets(self, model: nnx.Module, folder: Path) -> None:
        """Names of tags and labels, counts of words, the tokenizer and the encoders."""
        assert isinstance(model, Eega)
        write_json(folder / "tags.json", list(self.corpus.vocabulary.tags))
        self.corpus.save(folder)
        if self._buckets:
            self._buckets.write(folder)
        save.save_for_export(self.workdir, folder, model.text.bert, model.vision)

    def metrics(self, split: str, outputs: Outputs) -> dict[str, float]:
        """Scores of quintuples under the config's protocol, and of entities (#MNER)."""
        return metrics.summary(self.data.labels(split), self._found(outputs), self.config.metric)

    def _found(self, outputs: Outputs) -> list[Labels]:
        return [one.labels for one in self._decoded(outputs)]

    def _decoded(self, outputs: Outputs) -> list[Decoded]:
        return answers.decode_outputs(outputs, self.corpus.vocabulary, self.corpus.priors)

    def tables(self, split: str, outputs: Outputs) -> list[Table]:
        """Scores by relation and by type, most frequent first, and by way of counting; notices."""
        gold, found = self.data.labels(split), self._found(outputs)
        names = self.corpus.vocabulary
        return [
            answers.by_relation(split, gold, found, names.relations, self.config.metric),
            answers.by_type(split, gold, found, names.types),
            answers.by_protocol(split, gold, found),
            *notices.tables(self.notices, self.data, split),
        ]

    def rows(self, split: str, outputs: Outputs) -> Iterator[dict[str, Any]]:
        """A line a sentence: where it is written, what is in it and what was found.

        With pictures, each entity that was found has the attention that its words pay to each of
        the `objects` (Figure 7).
        """
        attention = outputs.get("attention")
        examples = self.data.examples(split)
        for index, (example, found) in enumerate(
            zip(examples, self._decoded(outputs), strict=True)
        ):
            seen = None if attention is None else attention[index]
            yield answers.row(example, found, seen, self.corpus)

    def posts(self, posts: Iterable[Values], media: PostMedia) -> Posts:
        """Reads user-supplied posts; one that cannot be parsed has that as its answer."""
        found = read_posts(posts, media, self.corpus, self.config)
        examples = [one.example for one in found if one.example]
        featurize, buckets = self._featurize(media), None
        dataset = Mapped(examples, featurize.map)
        if self._buckets is not None:
            buckets = self._buckets.of_posts(len(found), lambda: featurize.extents(examples))
        return Posts(found, dataset, self.corpus.vocabulary, self.corpus.priors, buckets)
