"""ROAM as the training loop meets it: data, model, loss (Eq. 9), ranks, scores."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import grain
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Int
from ml_collections import ConfigDict

from remote_jax.data.media import PostMedia
from remote_jax.data.posts import Values
from remote_jax.reporting.calibration import expected_error
from remote_jax.reporting.results import Table, write_json
from remote_jax.roam import gauges as gauging
from remote_jax.roam import probabilities, ranking_report
from remote_jax.roam.data import examples, saved_graph
from remote_jax.roam.data.lookup import Lookup
from remote_jax.roam.data.queries import Questions
from remote_jax.roam.data.transforms.standard import standardised
from remote_jax.roam.data.triples import Graph
from remote_jax.roam.graph_data import GraphData
from remote_jax.roam.interface import PROBABILITIES, interface
from remote_jax.roam.model import counterfactuals, training_loss
from remote_jax.roam.model.entities import Candidates
from remote_jax.roam.model.roam import Roam, Sizes
from remote_jax.roam.model.variants import ARCHITECTURES
from remote_jax.roam.outputs import query_outputs, scores_of_chunks
from remote_jax.roam.ranking import both_directions, summary
from remote_jax.roam.routing_report import routing_report
from remote_jax.roam.settings import check
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


class RoamTask(BaseTask):
    """Implements `remote_jax.task.Task` for ROAM."""

    metric = "mrr"
    assets = (f"{GRAPH}/{saved_graph.FACTS}",)

    def __init__(self, config: ConfigDict):
        self.config = config
        self.data = GraphData(config)
        self.architecture = ARCHITECTURES[config.model.architecture, config.model.fusion]

    def prepare(self, workdir: Path, *, anew: bool) -> None:
        """Keeps the graph in the workdir, since `predict` needs no data folder.

        Raises:
            UserError: the data are missing or malformed.
        """
        self.graph_folder = workdir / GRAPH
        if anew or not saved_graph.exists(self.graph_folder):
            self.data.keep(self.graph_folder)

    @property
    def graph(self) -> Graph:
        """The graph that is trained on and ranked."""
        return self.data.graph

    def splits(self) -> tuple[str, ...]:
        """Train, validation and test; a graph has them all."""
        return tuple(self.graph.splits)

    def dataset(self, split: str) -> grain.MapDataset:
        """Queries of training, distinct or one an answer; or both queries of every triple."""
        if split == "train" and self.config.model.negatives:
            return examples.single_answer_queries(self.graph)
        if split == "train":
            return examples.distinct_queries(self.graph)
        return examples.ranking_queries(self.graph, split, self.data.known)

    def places(self, split: str, rows: Sequence[int]) -> list[str]:
        """Queries, as (head, relation, ?) or (?, relation, tail)."""
        dataset = self.dataset(split)
        return [examples.format_query(self.graph, dataset[row]["query"]) for row in rows]

    def fingerprint(self) -> dict[str, Any]:
        """Name, sizes and SHA-256 of the data, and how they were read and cleaned."""
        return self.data.fingerprint(self._facts)

    def title(self) -> str:
        """A benchmark by the sizes of its graph, a name of one's own, a sample, or a folder."""
        return self.data.title()

    def named_axes(self) -> list[NamedAxis]:
        """Entities and relations, both ways; and the modalities, which number experts."""
        graph = saved_graph.read_graph(self.graph_folder)
        names = self.modality_names
        both = [*graph.relations, *(f"{name} (inverse)" for name in graph.relations)]
        return [
            NamedAxis("structure", 0, graph.entities),
            NamedAxis("relations", 0, both),
            NamedAxis("votes", 0, both),
            NamedAxis("learnt/", 0, graph.entities),
            NamedAxis("attention/", 0, names),
            *(NamedAxis(f"modal_relations/{name}", 0, both) for name in names),
            *(NamedAxis(f"{part}/", None, names) for part in BY_MODALITY),
        ]

    @property
    def modality_names(self) -> list[str]:
        """In the order of the experts."""
        names = ["structure"] if self.config.features.structure else []
        return names + list(self._sizes.features)

    def model(self, rngs: nnx.Rngs) -> Roam:
        """A fresh model, with the features in it."""
        model = self._made(rngs)
        noise, seed = self.config.features.noise, self.config.seed
        for name, modality in self.data.modalities.items():
            values = standardised(modality, noise=noise, seed=seed, name=name)
            model.features[name].fill(jnp.asarray(values), jnp.asarray(modality.present))
        if model.seen is not None:
            model.seen.fill(jnp.asarray(self.graph.seen))
        return model

    def shapes(self) -> Roam:
        """The model without values; it reads no features."""
        return nnx.eval_shape(lambda: self._made(nnx.Rngs(0)))

    def _made(self, rngs: nnx.Rngs) -> Roam:
        model = self.architecture(self.config, self._sizes, rngs=rngs)
        counterfactuals.take_away(model, self.taken)
        return model

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

    @property
    def row_tables(self) -> tuple[str, ...]:
        """Tables of entities, where candidates are drawn."""
        return ("structure", "learnt/") if self.config.model.negatives else ()

    def touched(self, batch: Batch, rngs: nnx.Rngs, count: int) -> Int[Array, " r"]:
        """Heads, answers and the entities that are drawn."""
        return training_loss.entities_read(batch, self.config.model.negatives, count, rngs)

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
        head, routed = model.heads_alone(batch["query"])
        score = scores_of_chunks(model, batch["query"], head, routed, shared)
        loss = self.config.model.loss
        return {
            **query_outputs(score, shared, model.entities, batch, loss),
            "shares": routed.group_shares.T,
            f"{GAUGE}cost": routed.group_costs.T,
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

    def metrics_of_parts(self, split: str, outputs: Outputs) -> dict[str, dict[str, float]]:
        """Scores without the rows that stand in training, where there are any."""
        rest = ~np.tile(self.data.leaked(split), 2)
        if rest.all() or not rest.any():
            return {}
        kept = {name: values[rest] for name, values in outputs.items()}
        return {f"{split} without leaked rows": self.metrics(split, kept)}

    def tables(self, split: str, outputs: Outputs) -> list[Table]:
        """Scores by direction and by relation, most frequent first; those without leaked rows."""
        ranks, leaked = outputs["rank"], self.data.leaked(split)
        return [
            *ranking_report.tables(self.graph, split, ranks),
            *ranking_report.without_leaked(split, ranks, leaked),
        ]

    def rows(self, split: str, outputs: Outputs) -> Iterator[dict[str, Any]]:
        """A line a query: its triple, the direction asked for, the rank and the probability."""
        return ranking_report.rows(self.graph, split, outputs)

    def extras(self, split: str, outputs: Outputs) -> dict[str, Any]:
        """`routing.json` (`routing_report`)."""
        names = self.modality_names
        relations = self._directed(split)
        return {"routing.json": routing_report(self.graph.relations, names, relations, outputs)}

    def _directed(self, split: str) -> Int[np.ndarray, " queries"]:
        return both_directions(self.graph.splits[split], len(self.graph.relations))[0][:, 1]

    @property
    def mechanisms(self) -> Mapping[str, str]:
        """Those that this config has (`counterfactuals.NEUTRAL`)."""
        return counterfactuals.mechanisms(self.config)

    def gauges(self, split: str, outputs: Outputs) -> dict[str, float]:
        """What router and fusion do (`gauges.gauges`)."""
        return gauging.gauges(self.modality_names, self._directed(split), outputs)

    def collapsed(self, gauges: Gauges) -> list[str]:
        """A sentence on a router that does nothing."""
        return gauging.collapsed(self.config.model.groups, gauges)

    def posts(self, posts: Iterable[Values], media: PostMedia) -> Questions:
        """Reads user-supplied queries; none has a picture."""
        return Questions.read(posts, self._lookup)

    @cached_property
    def _lookup(self) -> Lookup:
        graph = saved_graph.read_graph(self.graph_folder)
        return Lookup(graph, self.modality_names, self.config.model.loss)
