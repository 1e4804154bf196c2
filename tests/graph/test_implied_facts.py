"""Questions about facts that no post states, and what their answers score."""

import json
from fractions import Fraction

import pytest
from extracted_posts import BORN, MEMBER, SIBLINGS, small, write
from test_graph_evaluation import world

from remote_jax.graph import build, implied
from remote_jax.graph.build import Sources
from remote_jax.graph.settings import defaults


def test_only_what_the_graph_lacks_is_asked(tmp_path):
    implied_facts = [
        ["W2", BORN, "W4"],  # asked
        ["W2", MEMBER, "W3"],  # the graph has it
        ["W1", SIBLINGS, "W2"],  # the graph has it the other way round
        ["W2", "/per/org/leader_of", "W3"],  # no fact has that relation
        ["W9", BORN, "W4"],  # no post mentions that one
    ]
    truth = world(tmp_path, implied=implied_facts)
    sources = Sources(write(tmp_path / "extracted", small()), world=truth)
    build.build(sources, tmp_path / "graph", defaults())
    rows = (tmp_path / "graph" / build.IMPLIED).read_text("utf-8").splitlines()
    (asked,) = map(json.loads, rows)
    labels = (tmp_path / "graph/roam/entity2id.txt").read_text("utf-8")
    assert asked["relation"] == BORN
    assert asked["head"].startswith("Divafen Rokel (E") and asked["head"] in labels
    assert asked["tail"].startswith("Kelano (E") and asked["tail"] in labels


def test_scores_are_means_over_both_directions(tmp_path):
    answers = tmp_path / "answers.jsonl"
    rows = [
        {"rank": {"tail": 1.0, "head": 20.0}},
        {"error": "no"},
        {"rank": {"tail": 4, "head": 2}},
    ]
    answers.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    found = implied.scores(answers, 4)
    assert found.facts == 2 and found.hits == 3 / 4
    assert found.mrr == pytest.approx((1 + 1 / 20 + 1 / 4 + 1 / 2) / 4)
    by_lot = sum(Fraction(1, rank) for rank in (1, 2, 3, 4)) / 4
    assert found.chance == pytest.approx(float(by_lot))
    assert found.factor == pytest.approx(found.mrr / float(by_lot))


def test_no_answers_score_nothing(tmp_path):
    (tmp_path / "answers.jsonl").write_text("")
    found = implied.scores(tmp_path / "answers.jsonl", 10)
    assert (found.facts, found.mrr, found.factor) == (0, 0, 0)
