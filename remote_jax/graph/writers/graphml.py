"""The graph as GraphML, by networkx, which escapes markup in names."""

from __future__ import annotations

from pathlib import Path

from remote_jax.errors import writing
from remote_jax.graph.facts import dates
from remote_jax.graph.names import shown
from remote_jax.graph.writers.rows import Knowledge, fact_id


def write(knowledge: Knowledge, path: Path) -> None:
    """Writes `graph.graphml`: entities are nodes, facts are edges, keyed by their ids.

    Raises:
        UserError: the file cannot be written.
    """
    import networkx

    graph = networkx.MultiDiGraph()
    for one in knowledge.entities.rows:
        graph.add_node(one.id, name=shown(one.name), type=one.type, mentions=one.mentions)
    facts = knowledge.facts
    for row in range(len(facts)):
        head, relation, tail = knowledge.fact(row)
        graph.add_edge(
            head,
            tail,
            key=fact_id(row),
            relation=relation,
            probability=float(facts.probability[row]),
            support=int(facts.support[row]),
            **dates(knowledge.extraction, facts, row),
        )
    with writing(path):
        networkx.write_graphml(graph, path)
