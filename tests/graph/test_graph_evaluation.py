"""Scores against a world, with B-cubed by its definition over pairs as the oracle."""

import json
from collections import Counter

import pytest
from extracted_posts import BORN, LEFT, MEMBER, SIBLINGS, small, tables
from hypothesis import given
from hypothesis import strategies as st

from remote_jax.errors import UserError
from remote_jax.graph import evaluation, facts
from remote_jax.graph.entities import entities
from remote_jax.graph.linking.link import link
from remote_jax.graph.settings import defaults

CLUSTERS = st.dictionaries(st.integers(0, 9), st.integers(0, 3), max_size=10)


def pairwise(one, two):
    """B-cubed precision of `one`, mention by mention and pair by pair; the recall turned round."""
    total = 0.0
    for mention in one:
        together = [other for other in one if one[other] == one[mention]]
        right = [x for x in together if mention in two and x in two and two[x] == two[mention]]
        total += len(right) / len(together)
    return total / len(one) if one else 0.0


@given(CLUSTERS, CLUSTERS)
def test_b_cubed_is_as_defined(found, truth):
    scores = evaluation.b_cubed(found, truth)
    assert scores.precision == pytest.approx(pairwise(found, truth))
    assert scores.recall == pytest.approx(pairwise(truth, found))


def test_b_cubed_of_the_papers_example():
    """Bagga and Baldwin 1998, Figure 2: precision 16/21 by their first response."""
    truth = dict(zip(range(12), "111112288888", strict=True))
    truth |= {5: "2", 6: "2"}
    response = {**truth, **dict.fromkeys(range(5, 7), "8")}
    merged = evaluation.b_cubed(response, truth)
    sizes = Counter(truth.values())
    assert sizes == {"1": 5, "2": 2, "8": 5}
    assert merged.precision == pytest.approx(16 / 21) and merged.recall == 1


def world(tmp_path, **changed):
    path = tmp_path / "world.json"
    people = {"Gatika Bamorel": "W1", "Bamorel": "W1", "G. Bamorel": "W1", "Divafen Rokel": "W2"}
    rest = {"Sanora United": "W3", "SANORA UNITED": "W3", "#SanoraUnited": "W3"}
    names = people | rest | {"Kelano": "W4", "Radipo": "W5"}
    mentions = {
        one.id: [{"span": list(x.span), "entity": names[x.name]} for x in one.mentions if x.span]
        for one in small()
    }
    mentions["p3"].append({"box": list(LEFT), "entity": "W1"})
    stated = [["W1", MEMBER, "W3"], ["W2", MEMBER, "W3"], ["W2", SIBLINGS, "W1"]]
    stated += [["W1", SIBLINGS, "W2"], ["W1", BORN, "W4"], ["W5", MEMBER, "W3"]]
    path.write_text(json.dumps({"facts": stated, "implied": [], "mentions": mentions, **changed}))
    return path


def scores(tmp_path):
    config = defaults().graph
    found = tables(small())
    known = entities(found, link(found, config))
    some = facts.gather(found, known, config).facts
    truth = evaluation.read_world(world(tmp_path))
    kept = facts.enough(some, config)
    return evaluation.evaluate(found, known, some, kept, "auto", truth)


def test_a_perfect_linking_and_some_wrong_facts(tmp_path):
    found = scores(tmp_path)
    for one in found.entities.values():
        assert one.to_dict() == {"precision": 1, "recall": 1, "f1": 1}
    # Right: two memberships, the siblings, a birth. Wrong: the other birth, a place of a club.
    assert found.facts.precision == pytest.approx(4 / 6)
    assert found.facts.recall == pytest.approx(4 / 5)  # siblings count once


def test_thresholds_trade_precision_for_recall(tmp_path):
    found = scores(tmp_path)
    assert found.thresholds[0.0] == (6, found.facts)
    count, one = found.thresholds[0.95]
    assert (count, one.precision, one.recall) == (1, 1.0, pytest.approx(1 / 5))
    assert found.thresholds[0.99] == (0, evaluation.Scores(0, 0))
    assert len(found.to_dict()["thresholds"]) == len(evaluation.THRESHOLDS)


def test_an_entity_is_that_of_most_of_its_mentions():
    found = {1: "a", 2: "a", 3: "a", 4: "b", 5: "b", 6: "c"}
    truth = {1: "x", 2: "y", 3: "y", 4: "z", 5: "x"}
    assert evaluation.true_entities(found, truth) == {"a": "y", "b": "x"}


@pytest.mark.parametrize("change", [{"facts": [["a", "b"]]}, {"mentions": {"p": [{"span": 3}]}}])
def test_another_file_is_no_world(tmp_path, change):
    with pytest.raises(UserError, match=r"world\.json is no world of posts"):
        evaluation.read_world(world(tmp_path, **change))
