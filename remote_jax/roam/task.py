"""ROAM as the training loop meets it: data, model, loss (Eq. 9), ranks, scores."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import grain
import numpy as np
from flax import nnx
from jaxtyping import Array
from ml_collections import ConfigDict

from remote_jax import config as configs
from remote_jax.config import Between, OneOf
from remote_jax.report import Table
from remote_jax.roam import data, routing, triples
from remote_jax.roam.model import Roam, Sizes
from remote_jax.roam.objective import LOSSES
from remote_jax.roam.ranking import Known, ranks, summary
from remote_jax.task import Batch, Outputs, Posts

SWITCH = OneOf((True, False))
RULES: configs.Rules = {
    "features.structure": SWITCH,
    "model.dim": Between(1),
    "model.relation_dim": Between(1),
    "model.hidden": Between(1),
    "model.groups": Between(1),
    "model.temperature": Between(0, open=True),
    "model.noise": SWITCH,
    "model.dropout.head": Between(0, 1),
    "model.dropout.matrix": Between(0, 1),
    "model.dropout.query": Between(0, 1),
    "model.router.groups": OneOf(("parameters", "prototype")),
    "model.router.cost": OneOf(("learnable", "cosine")),
    "model.router.relation": SWITCH,
    "model.router.solver": OneOf(("sinkhorn", "topk", "sparse", "lowrank")),
    "model.router.epsilon": Between(0, open=True),
    "model.router.iterations": Between(1),
    "model.router.hidden": Between(1),
    "model.router.weight": Between(0),
    "model.loss": OneOf(tuple(LOSSES)),
    "model.smoothing": Between(0, 1),
}


def make_task(config: ConfigDict) -> RoamTask:
    """The task of a config.

    Raises:
        UserError: a value of ROAM's part of the config is wrong.
    """
    configs.check(config, RULES)
    return RoamTask(config)


class RoamTask:
    """Implements `remote_jax.task.Task` for ROAM."""

    metric = "mrr"

    def __init__(self, config: ConfigDict):
        self.config = config

    def prepare(self, workdir: Path, *, anew: bool) -> None:
        """Keeps the names in the workdir, so that `predict` needs no data.

        Raises:
            UserError: the data are missing or malformed.
        """
        self.workdir = workdir

    @cached_property
    def graph(self) -> triples.Graph:
        """The graph; read when first asked for."""
        return triples.read(self.config.data.dir)

    @cached_property
    def known(self) -> Known:
        """All that is true, to leave out of rankings."""
        return Known.of(self.graph.splits.values(), len(self.graph.relations))

    def splits(self) -> tuple[str, ...]:
        """Train, validation and test; a graph has them all."""
        return tuple(self.graph.splits)

    def dataset(self, split: str) -> grain.MapDataset:
        """Distinct queries of training, or both queries of every triple."""
        if split == "train":
            return data.training(self.graph)
        return data.ranked(self.graph, split, self.known)

    def fingerprint(self) -> dict[str, Any]:
        """Name, sizes and SHA-256 of the graph."""
        return {"name": self.config.data.name, "sha256": self.graph.sha256, **self.graph.facts}

    @cached_property
    def sizes(self) -> Sizes:
        return Sizes(len(self.graph.entities), len(self.graph.relations), {})

    def model(self, rngs: nnx.Rngs) -> Roam:
        """A fresh model."""
        return Roam(self.config, self.sizes, rngs=rngs)

    def shapes(self) -> Roam:
        """The model without values."""
        return nnx.eval_shape(lambda: self.model(nnx.Rngs(0)))

    def loss(
        self, model: nnx.Module, batch: Batch, rngs: nnx.Rngs
    ) -> tuple[Array, dict[str, Array]]:
        """L of Eq. 9, and what makes the routers' potentials those of their plans."""
        assert isinstance(model, Roam)
        queries = batch["query"]
        encoded = model.encode()
        head, routed = model.heads(encoded, queries, rngs)
        candidates = model.candidates(encoded, rngs)
        scores = model.scores(queries, head, candidates, rngs)
        true = data.unpack(batch["known"], scores.shape[1])
        settings = self.config.model
        triple = LOSSES[settings.loss](scores, true, smoothing=settings.smoothing).mean()
        transport = routing.transport_loss(routed.shares, routed.cost, settings.router.epsilon)
        dual = model.query_router.dual(routed.cost) + model.candidate_router.dual(
            candidates.routed.cost
        )
        loss = triple + settings.router.weight * transport + dual
        return loss, {"triple_loss": triple, "transport_loss": transport, "dual": dual}

    def predict(self, model: nnx.Module, batch: Batch) -> dict[str, Array]:
        """The rank of each target."""
        assert isinstance(model, Roam)
        scores = model(batch["query"])
        known = data.unpack(batch["known"], scores.shape[1])
        return {"rank": ranks(scores, batch["target"], known)}

    def metrics(self, split: str, outputs: Outputs) -> dict[str, float]:
        """MR, MRR and Hits of both directions together."""
        return dict(summary(outputs["rank"]))

    def tables(self, split: str, outputs: Outputs) -> list[Table]:
        """Scores by direction and by relation, most frequent first."""
        found, relations = outputs["rank"], self.graph.splits[split][:, 1]
        tails, heads = found.reshape(2, -1)
        directions = [("tails", tails), ("heads", heads)]
        counts = np.bincount(relations, minlength=len(self.graph.relations))
        by_relation = [
            (
                self.graph.relations[r],
                np.concatenate([tails[relations == r], heads[relations == r]]),
            )
            for r in np.argsort(-counts, kind="stable")
            if counts[r]
        ]
        return [
            _table(f"{split}: by direction", "direction", directions),
            _table(f"{split}: by relation", "relation", by_relation),
        ]

    def rows(self, split: str, outputs: Outputs) -> Iterator[dict[str, Any]]:
        """A line a query: its triple, the direction asked for, and the rank."""
        graph = self.graph
        names = [
            (graph.entities[h], graph.relations[r], graph.entities[t])
            for h, r, t in graph.splits[split].tolist()
        ]
        for index, rank in enumerate(outputs["rank"].tolist()):
            head, relation, tail = names[index % len(names)]
            direction = "tail" if index < len(names) else "head"
            yield {
                "head": head,
                "relation": relation,
                "tail": tail,
                "direction": direction,
                "rank": rank,
            }

    def posts(self, path: Path) -> Posts:
        raise NotImplementedError


def _table(title: str, first: str, rows: list[tuple[str, np.ndarray]]) -> Table:
    columns = (first, "MRR", "Hits@1", "Hits@3", "Hits@10", "queries")
    scored = [(name, summary(found), len(found)) for name, found in rows]
    return Table(
        title,
        columns,
        [(name, s["mrr"], s["hits@1"], s["hits@3"], s["hits@10"], n) for name, s, n in scored],
    )
