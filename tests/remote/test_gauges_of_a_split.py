"""Gauges of a split from planted arrays, and what is said of mechanisms that do nothing."""

import numpy as np
import pytest

from remote_jax.remote.gauges import collapsed, summary

EXPERTS = frozenset({"T", "T2V", "V", "V2T"})
EE, OO, EO = range(3)


def planted():
    """Four listed pairs and one that is not, with two levels of vision and two blocks a side."""
    return {
        "logits": np.zeros((5, 3)),
        "gauge/text/there": np.ones(5, bool),
        "gauge/text/moved": np.array([[0.1, 0.3], [0.3, 0.5], [0.1, 0.3], [0.3, 0.5], [9, 9]]),
        "gauge/text/plan": np.array([[0.5, 0.7]] * 4 + [[9, 9]]),
        "gauge/text/router": np.array(
            [[0.8, 0.1, 0.1], [0.4, 0.5, 0.1], [0.4, 0.1, 0.5], [1, 0, 0], [0, 9, 9]]
        ),
        "gauge/text/router_entropy": np.array([0.2, 0.4, 0.6, 0.0, 9]),
        "gauge/text/choice": np.array([True, True, True, False, True]),
        "gauge/vision/there": np.array([True, True, True, False, True]),
        "gauge/vision/moved": np.array([[0.2, 0.2]] * 3 + [[0, 0], [9, 9]]),
        "gauge/vision/plan": np.array([[0.9, 0.9]] * 3 + [[0, 0], [9, 9]]),
        "gauge/vision/router": np.zeros((5, 4)),
        "gauge/vision/router_entropy": np.zeros(5),
        "gauge/vision/choice": np.zeros(5, bool),
    }


def test_gauges_are_means_over_the_listed_pairs_that_have_the_mechanism():
    found = summary(planted(), np.array([EE, OO, OO, EE]), EXPERTS)
    mean = np.array([1.6, 0.7, 0.7]) / 3
    objects = np.array([0.4, 0.3, 0.3])
    entities = np.array([0.8, 0.1, 0.1])
    information = (entities @ np.log(entities / mean) + 2 * objects @ np.log(objects / mean)) / 3
    expected = {
        "transport/text/moved": 0.3,
        "transport/text/moved_least": 0.2,
        "transport/text/moved_most": 0.4,
        "transport/text/entropy": 0.6,
        "transport/vision/moved": 0.2,
        "transport/vision/moved_least": 0.2,
        "transport/vision/moved_most": 0.2,
        "transport/vision/entropy": 0.9,
        "router/T": mean[0],
        "router/T/ee": 0.8,
        "router/T/oo": 0.4,
        "router/T2V": 1 - mean[0],
        "router/T2V/ee": 0.2,
        "router/T2V/oo": 0.6,
        "router/T2V/level0": mean[1],
        "router/T2V/level1": mean[2],
        "router/text/entropy": 0.4,
        "router/text/information": information,
    }
    assert found == pytest.approx(expected)
    assert collapsed(found) == []


def test_experts_of_the_other_modality_alone_are_all_its_levels():
    outputs = planted()
    outputs["gauge/text/router"] = outputs["gauge/text/router"][:, 1:]
    found = summary(outputs, np.array([EE, OO, OO, EE]), EXPERTS - {"T"})
    assert "router/T" not in found
    assert found["router/T2V/level0"] == pytest.approx(0.7 / 3)


def test_what_is_switched_off_has_no_gauges():
    outputs = {"logits": np.zeros((1, 2)), "gauge/text/there": np.ones(1, bool)}
    outputs["gauge/vision/there"] = np.zeros(1, bool)
    assert summary(outputs, np.array([EE]), EXPERTS) == {}
    assert collapsed({}) == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("transport/text/moved", 0.004, "Transport moves 0.40% of the features of text"),
        ("transport/vision/moved", 0.0, "Transport moves 0.00% of the features of vision"),
        ("router/T2V", 0.001, "The router of text gives the picture 0.10% of its weight"),
        ("router/V2T", 0.0, "The router of vision gives the text 0.00% of its weight"),
        ("router/text/entropy", 0.9999, "The router of text weighs all experts alike"),
    ],
)
def test_a_mechanism_that_does_nothing_is_said(name, value, said):
    (sentence,) = collapsed({name: value})
    assert sentence.startswith(said)
