"""What is told of the ranks of a split."""

import numpy as np

from remote_jax.roam import ranking_report
from remote_jax.roam.data.triples import Graph

GRAPH = Graph(
    ("a", "b", "c"),
    ("rare", "frequent"),
    {"test": np.array([[0, 1, 1], [1, 0, 2], [2, 1, 0]], np.int32)},
    "",
)
RANKS = np.array([1.0, 2.0, 4.0, 1.0, 1.0, 10.0])


def test_tables_are_by_direction_and_by_relation_the_most_frequent_first():
    direction, relation = ranking_report.tables(GRAPH, "test", RANKS)
    assert [(row[0], row[1], row[-1]) for row in direction.rows] == [
        ("tails", (1 + 1 / 2 + 1 / 4) / 3, 3),
        ("heads", (1 + 1 + 1 / 10) / 3, 3),
    ]
    assert [(row[0], row[1], row[-1]) for row in relation.rows] == [
        ("frequent", (1 + 1 / 4 + 1 + 1 / 10) / 4, 4),
        ("rare", (1 / 2 + 1) / 2, 2),
    ]


def test_a_line_a_query():
    outputs = {"rank": RANKS, "probability": 1 / (1 + RANKS)}
    rows = list(ranking_report.rows(GRAPH, "test", outputs))
    assert rows[1] == {
        "head": "b",
        "relation": "rare",
        "tail": "c",
        "direction": "tail",
        "rank": 2.0,
        "probability": 1 / 3,
    }
    assert [row["direction"] for row in rows] == ["tail"] * 3 + ["head"] * 3
    assert (rows[5]["head"], rows[5]["rank"]) == ("c", 10.0)
