"""All statistics of the graph of a config."""

from __future__ import annotations

from pathlib import Path

from ml_collections import ConfigDict

from remote_jax.reporting import counting
from remote_jax.reporting.statistics import Statistics
from remote_jax.roam.data import modalities
from remote_jax.roam.graph_data import GraphData
from remote_jax.roam.statistics import leaks, tables

PUBLISHED = "Statistics are of the triples as they are in the files."


def statistics(config: ConfigDict, workdir: Path | None) -> Statistics:
    """Statistics of the graph that a config trains on, before it is cleaned.

    Args:
        config: checked.
        workdir: of the run that it is of; nothing in it is read.

    Raises:
        UserError: the data are missing or malformed.
    """
    data = GraphData(config)
    graph, features = data.published, data.from_files
    notes = [PUBLISHED, *data.notices]
    if config.features.text == modalities.NAMES:
        notes.append(
            "Features of text are made from names by an encoder; those are not counted here."
        )
    title = data.title()
    found = [
        tables.table_6(graph, features, title, config.data.name if config.data.dir else ""),
        tables.contents(graph),
        tables.leaked(graph),
        leaks.overlaps(graph),
        tables.kinds(graph),
        tables.degrees(graph),
        *([tables.features(graph, features)] if features else []),
        tables.relations(graph),
    ]
    counts = {str(name): number for name, _, number, *_ in tables.by_relation(graph)}
    return Statistics(
        title,
        graph.sha256,
        notes,
        found,
        [counting.distribution("relations", "Distribution of relations", "triples", counts)],
    )
