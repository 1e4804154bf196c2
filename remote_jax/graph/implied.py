"""Facts that no post states, but that follow from those: what ROAM is asked about a world's graph.

The chance of a question is the mean of 1 / rank if all candidates were ranked by lot: of n of them,
(1 + 1/2 + ... + 1/n) / n.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from remote_jax.graph.evaluation import World, places, true_entities
from remote_jax.graph.writers import roam
from remote_jax.graph.writers.rows import Knowledge


def questions(knowledge: Knowledge, world: World) -> Iterator[dict[str, Any]]:
    """A row for each implied fact between entities of the graph that it does not have.

    `head`, `relation` and `tail` are as ROAM knows them, so that rows are questions for it.
    """
    found = places(knowledge.extraction, knowledge.entities)
    of: dict[str, int] = {}
    for cluster, entity in sorted(true_entities(found, world.mentions).items()):
        of.setdefault(entity, cluster)  # the most mentioned one comes first
    used, rows = set(roam.used(knowledge)), knowledge.entities.rows
    facts, relations = knowledge.facts, knowledge.extraction.relations
    known = set(zip(facts.head.tolist(), facts.relation.tolist(), facts.tail.tolist(), strict=True))
    number = {name: place for place, name in enumerate(relations)}
    for head, relation, tail in sorted(world.implied):
        ends, kind = (of.get(head, -1), of.get(tail, -1)), number.get(relation, -1)
        there = kind in facts.relation and used.issuperset(ends)
        if there and not {(ends[0], kind, ends[1]), (ends[1], kind, ends[0])} & known:
            labels = [rows[end].label for end in ends]
            yield {"head": labels[0], "relation": relation, "tail": labels[1]}


@dataclass(frozen=True)
class ImpliedScores:
    """How ROAM ranks facts that no post states.

    Attributes:
        facts: how many; each is asked about in both directions.
        mrr: mean of 1 / rank, as the evaluation of ROAM ranks.
        hits: share of ranks up to 10.
        chance: what `mrr` would be by lot.
    """

    facts: int
    mrr: float
    hits: float
    chance: float

    @property
    def factor(self) -> float:
        """How many times better than by lot."""
        return self.mrr / self.chance if self.chance else 0.0


def scores(answers: Path, candidates: int) -> ImpliedScores:
    """Scores of the answers of a run of ROAM to `questions`.

    Args:
        answers: what `--mode=predict` wrote.
        candidates: how many entities ROAM ranks.
    """
    with answers.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    ranks = np.array([list(row["rank"].values()) for row in rows if "rank" in row]).reshape(-1)
    chance = float(np.sum(1 / np.arange(1, candidates + 1)) / max(candidates, 1))
    if not len(ranks):
        return ImpliedScores(0, 0.0, 0.0, chance)
    return ImpliedScores(
        len(ranks) // 2, float((1 / ranks).mean()), float((ranks <= 10).mean()), chance
    )
