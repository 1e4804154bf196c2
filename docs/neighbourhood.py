"""Draws what a graph knows around an entity, and what ROAM infers of it:

    python docs/neighbourhood.py GRAPH RUN ENTITY RELATION OUTPUT.png

Solid arrows are facts that posts state, with the number of posts; the dashed one is the best answer
of ROAM to (ENTITY, RELATION, ?), with its probability.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import networkx
from matplotlib import pyplot

import remote_jax
from remote_jax.graph import answers, reading
from remote_jax.graph.answers import Question
from remote_jax.graph.reading import KnowledgeGraph

MOST = 4
"""Facts of an entity that are drawn, those of most posts."""
SIZE = 2200
STATED, INFERRED, ASKED = "#2b6cb0", "#c05621", "#fff3dc"


def draw(graph: KnowledgeGraph, run: Path, entity: str, relation: str, output: Path) -> None:
    """Writes the picture."""
    found = answers.ask(graph, Question(entity, relation, top=1), remote_jax.load(run))
    best = next(one for one in found.answers if not one.stated)
    name = {one.id: one.name for one in graph.entities.values()}
    path = [graph.facts[link.fact] for link in best.paths[0]]
    near = {end: graph.facts_of(end) for end in (found.entity.id, path[0].tail, best.id)}
    most = [sorted(some, key=lambda fact: -fact.support)[:MOST] for some in near.values()]
    facts = {fact.id: fact for fact in (*path, *(fact for some in most for fact in some))}
    drawn = networkx.MultiDiGraph()
    for fact in facts.values():
        label = f"{fact.relation.rpartition('/')[2]}\n{fact.support} post{'s' * (fact.support > 1)}"
        drawn.add_edge(name[fact.head], name[fact.tail], label=label)
    asked = (found.entity.name, best.name)
    drawn.add_edge(*asked, label=f"{relation}?\n{best.probability:.2f}")
    place = networkx.kamada_kawai_layout(drawn.to_undirected())
    pyplot.figure(figsize=(13, 8))
    fill = [ASKED if node in asked else "white" for node in drawn]
    networkx.draw_networkx_nodes(
        drawn, place, node_size=SIZE, node_color=fill, edgecolors="#64748b"
    )
    networkx.draw_networkx_labels(drawn, place, {n: n.replace(" ", "\n") for n in drawn}, 9)
    for head, tail, label in drawn.edges(data="label"):
        inferred = "?" in label
        colour = INFERRED if inferred else STATED
        style = "dashed" if inferred else "solid"
        common = {"edge_color": colour, "style": style, "node_size": SIZE, "arrowsize": 16}
        networkx.draw_networkx_edges(drawn, place, [(head, tail)], **common)
        networkx.draw_networkx_edge_labels(
            drawn, place, {(head, tail): label}, font_size=8, font_color=colour
        )
    pyplot.axis("off")
    pyplot.margins(0.12)
    pyplot.savefig(output, dpi=90, bbox_inches="tight", metadata={"Software": None})


if __name__ == "__main__":
    folder, run, entity, relation, output = sys.argv[1:]
    draw(reading.read(Path(folder)), Path(run), entity, relation, Path(output))
