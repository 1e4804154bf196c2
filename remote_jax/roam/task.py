"""ROAM as the training loop meets it: data, model, loss (Eq. 9), ranks, scores."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import grain
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array
from ml_collections import ConfigDict

from remote_jax.data import release
from remote_jax.data.cache import cache_folder, with_data_folder
from remote_jax.data.media import PostMedia
from remote_jax.data.posts import Values
from remote_jax.reporting.calibration import expected_error
from remote_jax.reporting.results import Table, write_json
from remote_jax.roam import probabilities, ranking_report
from remote_jax.roam.data import builders, examples, modalities, readings, saved_graph, triples
from remote_jax.roam.data.features import Modality
from remote_jax.roam.data.lookup import Lookup
from remote_jax.roam.data.queries import Questions
from remote_jax.roam.interface import PROBABILITIES, interface
from remote_jax.roam.model import training_loss
from remote_jax.roam.model.entities import Candidates
from remote_jax.roam.model.roam import Roam, Sizes
from remote_jax.roam.model.variants import ARCHITECTURES
from remote_jax.roam.outputs import query_outputs
from remote_jax.roam.ranking import KnownAnswers, both_directions, summary
from remote_jax.roam.routing_report import routing_report
from remote_jax.roam.sample import folder as sample
from remote_jax.roam.settings import check
from remote_jax.task import Batch, Calibration, Interface, NamedAxis, NoMechanisms, Outputs

BY_MODALITY = ("experts", "summary", "raw", "project", "query_router", "candidate_router")
"""Parts of the model that are numbered by modality, or route between such parts."""

GRAPH = "graph"
"""Folder of what is kept of the graph, in a run and in an export."""


def make_task(config: ConfigDict) -> RoamTask:
    """The task of a config.

    Raises:
        UserError: a value of ROAM's part of the config is wrong.
    """
    check(config)
    return RoamTask(config)


class RoamTask(NoMechanisms):
    """Implements `remote_jax.task.Task` for ROAM."""

    metric = "mrr"
    assets = (f"{GRAPH}/{saved_graph.FACTS}",)

    def __init__(self, config: ConfigDict):
        self.config = config
        self.architecture = ARCHITECTURES[config.model.architecture]

    def prepare(self, workdir: Path, *, anew: bool) -> None:
        """Keeps the graph in the workdir, since `predict` needs no data folder.

        Raises:
            UserError: the data are missing or malformed.
        """
        self.graph_folder = workdir / GRAPH
        if anew or not saved_graph.exists(self.graph_folder):
            print(builders.describe(self.graph, self._name), flush=True)
            print(modalities.describe(self.modalities, structure=self.config.features.structure))
            passed_over = modalities.passed_over(self.config, self.folder)
            for line in readings.lines(self.graph, passed_over, self._options):
                print(line, flush=True)
            reading = readings.reading(self.graph, self.modalities, passed_over)
            saved_graph.write(self.graph, self.modalities, self.graph_folder, reading)

    @cached_property
    def folder(self) -> Path:
        """The data folder; the sample's where none is named."""
        return Path(with_data_folder(self.config, sample.ensure).data.dir).expanduser()

    @cached_property
    def graph(self) -> triples.Graph:
        """The graph; its records are built where it is new, when first asked for."""
        cache = cache_folder(self.config.data.cache)
        return builders.load(self.folder, name=self._name, cache=cache, options=self._options)

    @property
    def _options(self) -> triples.Options:
        data = self.config.data
        return triples.Options(data.columns, data.holdout, data.holdout_seed)

    @property
    def _name(self) -> str:
        data = self.config.data
        return data.name if data.dir else "sample"

    @cached_property
    def modalities(self) -> Mapping[str, Modality]:
        """Features by modality; read when first asked for."""
        cache = cache_folder(self.config.data.cache)
        return modalities.load(self.config, self.graph, self.folder, cache, self._from_files)

    @cached_property
    def _from_files(self) -> Mapping[str, Modality]:
        return modalities.from_files(self.config, self.graph, self.folder)

    @cached_property
    def known(self) -> KnownAnswers:
        """All that is true, to leave out of rankings."""
        return KnownAnswers.from_splits(self.graph.splits.values(), len(self.graph.relations))

    def splits(self) -> tuple[str, ...]:
        """Train, validation and test; a graph has them all."""
        return tuple(self.graph.splits)

    def dataset(self, split: str) -> grain.MapDataset:
        """Queries of training, distinct or one an answer; or both queries of every triple."""
        if split == "train" and self.config.model.negatives:
            return examples.single_answer_queries(self.graph)
        if split == "train":
            return examples.distinct_queries(self.graph)
        return examples.ranking_queries(self.graph, split, self.known)

    def places(self, split: str, rows: Sequence[int]) -> list[str]:
        """Queries, as (head, relation, ?) or (?, relation, tail)."""
        dataset = self.dataset(split)
        return [examples.format_query(self.graph, dataset[row]["query"]) for row in rows]

    def fingerprint(self) -> dict[str, Any]:
        """Name, sizes and SHA-256 of the graph and of each modality's features; how it was read.

        The checkpoint has the features, so that they may be gone, and what made them; those whose
        files are here must be the same.
        """
        found = {name: modality.sha256 for name, modality in self._from_files.items()}
        facts = {
            "name": self._name,
            "sha256": self.graph.sha256,
            "features": {**self._facts.features, **found},
            **self.graph.facts,
        }
        reading = dict(self._facts.reading)
        return {**facts, "reading": reading} if reading else facts

    def title(self) -> str:
        """A benchmark by the sizes of its graph, a name of one's own, a sample, or a folder."""
        data = self.config.data
        own = data.name not in builders.BUILDERS
        if data.dir and (own or builders.is_published(self.graph, data.name)):
            return data.name
        return release.title(data, self.fingerprint())

    def named_axes(self) -> list[NamedAxis]:
        """Entities and relations, both ways; and the modalities, which number experts."""
        graph = saved_graph.read_graph(self.graph_folder)
        names = self._modality_names
        return [
            NamedAxis("structure", 0, graph.entities),
            NamedAxis(
                "relations",
                0,
                [*graph.relations, *(f"{name} (inverse)" for name in graph.relations)],
            ),
            NamedAxis("attention/", 0, names),
            *(NamedAxis(f"{part}/", None, names) for part in BY_MODALITY),
        ]

    @property
    def _modality_names(self) -> list[str]:
        """In the order of the experts."""
        names = ["structure"] if self.config.features.structure else []
        return names + list(self._sizes.features)

    def model(self, rngs: nnx.Rngs) -> Roam:
        """A fresh model, with the features in it."""
        model = self.architecture(self.config, self._sizes, rngs=rngs)
        settings = self.config.features
        for name, modality in self.modalities.items():
            values = modalities.standardised(modality, noise=settings.noise, seed=self.config.seed)
            model.features[name].fill(jnp.asarray(values), jnp.asarray(modality.present))
        if model.seen is not None:
            model.seen.fill(jnp.asarray(self.graph.seen))
        return model

    def shapes(self) -> Roam:
        """The model without values; it reads no features."""
        return nnx.eval_shape(lambda: self.architecture(self.config, self._sizes, rngs=nnx.Rngs(0)))

    @cached_property
    def _sizes(self) -> Sizes:
        return Sizes(self._facts.entities, self._facts.relations, self._facts.lengths)

    @cached_property
    def _facts(self) -> saved_graph.Facts:
        return saved_graph.read_facts(self.graph_folder)

    def loss(
        self, model: nnx.Module, batch: Batch, rngs: nnx.Rngs
    ) -> tuple[Array, dict[str, Array]]:
        """L of Eq. 9 (`training_loss.loss`)."""
        assert isinstance(model, Roam)
        return training_loss.loss(model, batch, self.config.model, rngs)

    def shared(self, model: nnx.Module) -> Candidates:
        """Every entity as an answer."""
        assert isinstance(model, Roam)
        return model.all_candidates()

    def predict(self, model: nnx.Module, batch: Batch, shared: Candidates) -> dict[str, Array]:
        """What `query_outputs` has of each query, and how it was routed.

        Routing is `shares` [batch, groups] of the groups, and `weights` [batch, groups, modalities]
        of the modalities in each.
        """
        assert isinstance(model, Roam)
        scores, routed = model(batch["query"], shared)
        return {
            **query_outputs(scores, batch, self.config.model.loss),
            "shares": routed.group_shares.T,
            "weights": routed.weights.transpose(2, 1, 0),
        }

    def calibrate(self, outputs: Outputs) -> dict[str, float]:
        """The temperature of the scores."""
        return {"temperature": probabilities.choose(self.config.model.loss, outputs)}

    def calibrated(self, outputs: Outputs, calibration: Calibration) -> Outputs:
        """The outputs, with probabilities at the temperature of the calibration."""
        temperature = calibration.get("temperature", probabilities.AS_TRAINED)
        return probabilities.with_probabilities(self.config.model.loss, outputs, temperature)

    def interface(self) -> Interface:
        """A query."""
        return interface(self._sizes.entities, self._sizes.relations)

    def answer(
        self, model: nnx.Module, batch: Batch, shared: Candidates, calibration: Calibration
    ) -> dict[str, Array]:
        """The score of every entity as an answer, and its probability."""
        assert isinstance(model, Roam)
        scores, _ = model(batch["query"], shared)
        scaled = scores / calibration.get("temperature", probabilities.AS_TRAINED)
        return {"scores": scores, "probabilities": PROBABILITIES[self.config.model.loss](scaled)}

    def write_assets(self, model: nnx.Module, folder: Path) -> None:
        """Names of entities and relations, and the graph; features are among the parameters."""
        graph = saved_graph.read_graph(self.graph_folder)
        write_json(folder / "entities.json", list(graph.entities))
        write_json(folder / "relations.json", list(graph.relations))
        shutil.copytree(self.graph_folder, folder / GRAPH)

    def metrics(self, split: str, outputs: Outputs) -> dict[str, float]:
        """MR, MRR and Hits of both directions together, and the expected calibration error.

        `ece` is that of the answer that is first in each filtered ranking, at `temperature`;
        `ece_as_trained` is the same at a temperature of 1.
        """
        right = outputs["rank"] == 1
        return {
            **summary(outputs["rank"]),
            "ece": expected_error(outputs["confidence"], right),
            "ece_as_trained": expected_error(outputs["confidence_as_trained"], right),
            "temperature": float(outputs["temperature"].mean()),
        }

    def tables(self, split: str, outputs: Outputs) -> list[Table]:
        """Scores by direction and by relation, most frequent first."""
        return ranking_report.tables(self.graph, split, outputs["rank"])

    def rows(self, split: str, outputs: Outputs) -> Iterator[dict[str, Any]]:
        """A line a query: its triple, the direction asked for, the rank and the probability."""
        return ranking_report.rows(self.graph, split, outputs)

    def extras(self, split: str, outputs: Outputs) -> dict[str, Any]:
        """`routing.json` (`routing_report`)."""
        names = self._modality_names
        relations = both_directions(self.graph.splits[split], len(self.graph.relations))[0][:, 1]
        return {"routing.json": routing_report(self.graph.relations, names, relations, outputs)}

    def posts(self, posts: Iterable[Values], media: PostMedia) -> Questions:
        """Reads user-supplied queries; none has a picture."""
        return Questions.read(posts, self._lookup)

    @cached_property
    def _lookup(self) -> Lookup:
        graph = saved_graph.read_graph(self.graph_folder)
        return Lookup(graph, self._modality_names, self.config.model.loss)
