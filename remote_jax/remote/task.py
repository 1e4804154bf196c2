"""REMOTE as the training loop meets it: data, model, loss (Eq. 14), predictions, scores."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import grain
import jax
import numpy as np
from flax import nnx
from jaxtyping import Array, Int
from ml_collections import ConfigDict

from remote_jax.config import run_buckets
from remote_jax.config.run_buckets import RunBuckets
from remote_jax.data import release
from remote_jax.data.batches.buckets import Buckets, Extents
from remote_jax.data.cache import with_data_folder
from remote_jax.data.files import read_names
from remote_jax.data.media import Folder, Pictures, PostMedia
from remote_jax.data.posts import Values
from remote_jax.data.words import check_language
from remote_jax.encoders import build as encoders
from remote_jax.encoders import save
from remote_jax.encoders import tokenizer as tokenizers
from remote_jax.remote import build, decisions, gauges, metrics, notices, objective, report
from remote_jax.remote.data import dataset, extents, orders
from remote_jax.remote.data.dataset import PairDataset
from remote_jax.remote.data.features import Examples, Featurizes, featurized
from remote_jax.remote.data.further import Pairs
from remote_jax.remote.data.orders import Orders
from remote_jax.remote.data.posts import Posts
from remote_jax.remote.data.together.form import Form, by_pair
from remote_jax.remote.decisions import Judged
from remote_jax.remote.gauges import collapsed
from remote_jax.remote.interface import interface
from remote_jax.remote.model import counterfactual
from remote_jax.remote.model.remote import Remote
from remote_jax.remote.sample import folder as sample
from remote_jax.remote.settings import check
from remote_jax.reporting.calibration import expected_error, fit_temperature
from remote_jax.reporting.results import Table, write_atomically, write_json
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

ASSETS = ("relations.json", orders.FILE, save.TOKENIZER)

MAX_RELATIONS = 2**24
"""Bytes of the file of their names."""


def make_task(config: ConfigDict) -> RemoteTask:
    """The task of a config.

    Raises:
        UserError: a value of REMOTE's part of the config is wrong.
    """
    check(config)
    check_language(config.data.language)
    build.experts(config.model.experts)
    encoders.check_sizes(config, encoders.PARTS, "configs/umre.py:sample")
    return RemoteTask(config)


class RemoteTask(BaseTask):
    """Implements `remote_jax.task.Task` for REMOTE."""

    metric = "f1"

    def __init__(self, config: ConfigDict):
        self.config, self.form = config, Form(config)

    @property
    def assets(self) -> tuple[str, ...]:
        """Those of all runs, and the shapes of batches that are cut."""
        return (*ASSETS, *run_buckets.files(self.config.data.buckets))

    def prepare(self, workdir: Path, *, anew: bool) -> None:
        """Keeps in the workdir what `predict` needs of the data and of pretrained checkpoints.

        Raises:
            UserError: the data or the tokenizer are missing or malformed.
        """
        self.workdir = workdir
        relations = workdir / "relations.json"
        if anew or not relations.exists():
            found = self.pairs.relations  # data first: an error in them is the nearer one
            print(dataset.describe(self.pairs), flush=True)
            save.save_for_run(self.config, workdir, self.pairs.texts("train"))
            write_atomically(relations, [json.dumps(found, indent=1) + "\n"])
        self.relations = read_names(relations, MAX_RELATIONS)
        if anew or not (workdir / orders.FILE).exists():
            self.pairs.orders.save(workdir, self.relations)
        self.orders = Orders.load(workdir, self.relations)
        self.tokenizer = tokenizers.read(workdir / save.TOKENIZER)
        most, padding = self.config.data.buckets, self._featurize(Folder(Path())).padding
        sizes = {"padding": padding, "most": most, "extents": self._extents}
        self._buckets = RunBuckets(workdir, anew=anew, **sizes)
        if anew:
            for line in notices.lines(self.unread):
                print(line)

    @cached_property
    def pairs(self) -> PairDataset:
        """The data set; read, and built where it is new, when first asked for."""
        return PairDataset(with_data_folder(self.config, sample.ensure))

    def splits(self) -> tuple[str, ...]:
        """The splits that the data folder has."""
        return self.pairs.splits

    def dataset(self, split: str) -> grain.MapDataset:
        """Features of every example of a split (`data.together.form`)."""
        featurize = self._featurize(Folder(self.pairs.root, self.pairs.distances))
        return featurized(self._examples(split), featurize)

    def _examples(self, split: str) -> Examples[Any]:
        """Of the listed pairs, and of further ones."""
        return self.form.examples(self.pairs.examples(split), self.pairs.all_of(split))

    def buckets(self, split: str) -> Buckets | None:
        """By word pieces and objects, and by pairs."""
        return self._buckets.of(split)

    def groups(self, split: str) -> Int[np.ndarray, " pairs"] | None:
        """The post of each pair (`data.group`)."""
        return self.form.groups(self.pairs.all_of(split))

    def _extents(self, split: str) -> Extents:
        featurize, examples = self._featurize(Folder(Path())), self._examples(split)
        return extents.of_split(self.pairs, split, examples, featurize, self.config)

    def _featurize(self, pictures: Pictures) -> Featurizes:
        return self.form.featurize(self.tokenizer, pictures)

    def places(self, split: str, rows: Sequence[int]) -> list[str]:
        """File and line; those of the post, of a pair that is not listed."""
        examples = self._examples(split)
        return [self.form.place(examples[row]) for row in rows]

    def fingerprint(self) -> dict[str, Any]:
        """Name, sizes and SHA-256 of the data; and what was counted of them."""
        found = self.pairs.fingerprint
        return {**found, "counts": {**found["counts"], "cut": self.unread}}

    @cached_property
    def unread(self) -> dict[str, int]:
        """What is not read of the training examples."""
        return notices.unread(self.pairs, self.form, self._featurize(Folder(Path())))

    def title(self) -> str:
        """A benchmark by its files, a generated sample, or a folder."""
        return release.title(self.config.data, self.fingerprint())

    def named_axes(self) -> list[NamedAxis]:
        """Relations; word pieces are those of the tokenizer, which a model takes with the rest."""
        return [
            NamedAxis("classifier/relation/kernel", 1, self.relations),
            NamedAxis("classifier/relation/bias", 0, self.relations),
        ]

    def model(self, rngs: nnx.Rngs) -> Remote:
        """The model of the config, its encoders from their checkpoints if it names any."""
        made = build.remote(
            self.config, relations=len(self.relations), vocabulary=len(self.tokenizer), rngs=rngs
        )
        return counterfactual.without(made, self.taken)

    def shapes(self) -> Remote:
        """The model of the config without values; it opens no checkpoint."""
        made = build.shapes(
            self.config,
            self.workdir / save.ENCODERS,
            relations=len(self.relations),
            vocabulary=len(self.tokenizer),
        )
        return counterfactual.without(made, self.taken)

    @property
    def mechanisms(self) -> dict[str, str]:
        """Transport, router and experts, those that the config has."""
        return build.mechanisms(self.config)

    def gauges(self, split: str, outputs: Outputs) -> dict[str, float]:
        """Of the listed pairs, by the names in `gauges.summary`."""
        chosen = build.experts(self.config.model.experts)
        return gauges.summary(by_pair(outputs), self.pairs.types(split), chosen)

    def collapsed(self, gauges: Gauges) -> list[str]:
        """Transport that moves nothing, routers that hear one modality or choose nothing."""
        return collapsed(gauges)

    def loss(
        self, model: nnx.Module, batch: Batch, rngs: nnx.Rngs
    ) -> tuple[Array, dict[str, Array]]:
        """Mean weighted cross-entropy of the relations (Eq. 14), and the accuracy of the batch.

        The weight of a listed pair is 1.
        """
        assert isinstance(model, Remote)
        return objective.loss(model, batch, rngs, self._pairs_each)

    @cached_property
    def _pairs_each(self) -> float:
        """Pairs of a training example, on average."""
        return self.form.pairs_each(self.pairs.training) if self.form.shared else 1.0

    def shared(self, model: nnx.Module) -> None:
        """Nothing: each example is read by itself."""

    def predict(self, model: nnx.Module, batch: Batch, shared: None) -> dict[str, Array]:
        """The logit of each relation of each pair, and what `gauges` reads."""
        assert isinstance(model, Remote)
        logits, gauges = model.observed(batch)
        found = {"logits": logits, **{f"{GAUGE}{name}": one for name, one in gauges.items()}}
        return self.form.outputs(found, batch)

    def calibrate(self, outputs: Outputs) -> dict[str, float]:
        """A temperature, and the probability from which on a relation is answered."""
        outputs, pairs = by_pair(outputs), self.pairs.evaluated("validation")
        weights, logits = pairs.scales * pairs.weights, outputs["logits"]
        temperature = fit_temperature(logits, pairs.labels, weights)
        judged = self._judged(pairs, logits, temperature, weights)
        return {"temperature": temperature, "threshold": judged.threshold()}

    def _judged(
        self, pairs: Pairs, logits: np.ndarray, temperature: float, weights: np.ndarray
    ) -> Judged:
        found = decisions.probabilities(logits, temperature)
        return Judged(found, pairs, self.orders, self.pairs.symmetric, weights)

    def calibrated(self, outputs: Outputs, calibration: Calibration) -> Outputs:
        """`logits`, the likeliest `label`, its `probability`, the calibration, router weights."""
        chosen = {
            "temperature": np.array(temperature := calibration.get("temperature", 1.0)),
            "threshold": np.array(calibration.get("threshold", decisions.THRESHOLD)),
        }
        if not outputs:
            return chosen
        outputs = by_pair(outputs)
        found = decisions.probabilities(outputs["logits"], temperature)
        return {
            "logits": outputs["logits"],
            "label": found.argmax(-1),
            "probability": found.max(-1),
            **gauges.router_weights(outputs),
            **chosen,
        }

    def interface(self) -> Interface:
        """A pair as the model reads it."""
        return interface(self._featurize(Folder(Path())), self.form.shared)

    def answer(
        self, model: nnx.Module, batch: Batch, shared: None, calibration: Calibration
    ) -> dict[str, Array]:
        """The probability of every relation."""
        assert isinstance(model, Remote)
        temperature = calibration.get("temperature", 1.0)
        return self.form.answers(jax.nn.softmax(model(batch) / temperature), batch)

    def write_assets(self, model: nnx.Module, folder: Path) -> None:
        """Names of relations, their orders, the tokenizer and both encoders."""
        assert isinstance(model, Remote)
        write_json(folder / "relations.json", self.relations)
        self.orders.save(folder, self.relations)
        self._buckets.write(folder)
        save.save_for_export(self.workdir, folder, model.text.bert, model.vision)

    def metrics(self, split: str, outputs: Outputs) -> dict[str, float]:
        """Scores of the listed pairs (§6.3); then `posts_*`, of all pairs of their posts.

        The latter are of what `predict` would answer, of a sample of the pairs that are not
        listed; such a pair counts as unrelated unless the data know better. `ece` is the expected
        calibration error of the likeliest relation of each.
        """
        labels = self.pairs.labels(split)
        scores = metrics.summary(labels, outputs["label"][: len(labels)], self.pairs.types(split))
        pairs, temperature = self.pairs.evaluated(split), float(outputs["temperature"])
        judged = self._judged(pairs, outputs["logits"], temperature, pairs.scales)
        posts = judged.score(float(outputs["threshold"]))
        return {
            **scores,
            "posts_precision": posts.precision,
            "posts_recall": posts.recall,
            "posts_f1": posts.f1,
            "ece": expected_error(
                outputs["probability"][judged.asked],
                (outputs["label"] == pairs.labels)[judged.asked],
                pairs.scales[judged.asked],
            ),
        }

    def tables(self, split: str, outputs: Outputs) -> list[Table]:
        """Scores by relation, most frequent first, and by triplet type."""
        gold, types = self.pairs.labels(split), self.pairs.types(split)
        return report.tables(split, gold, outputs["label"][: len(gold)], types, self.relations)

    def rows(self, split: str, outputs: Outputs) -> Iterator[dict[str, Any]]:
        """A line a pair: where it is written, head and tail, gold and predicted relation."""
        return report.rows(self.pairs.records(split), self.relations, outputs)

    def posts(self, posts: Iterable[Values], media: PostMedia) -> Posts:
        """Reads user-supplied posts."""
        return Posts(
            posts, media, self.tokenizer, self.relations, self.orders, self.config, self._buckets
        )
