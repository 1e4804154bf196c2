"""Probabilities by their definition, in float64, and the temperature that validation chooses."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from scored import of_scores, packed

from remote_jax.errors import UserError
from remote_jax.roam.probabilities import (
    TEMPERATURES,
    at,
    choose,
    log_normalisers,
    log_probabilities,
    with_probabilities,
)

LOSSES = ("softmax", "sigmoid")
COLUMN = 3
HOT = float(TEMPERATURES[COLUMN])


def scores(rows=6, entities=40, scale=3.0, seed=0):
    rng = np.random.default_rng(seed)
    found = scale * rng.normal(size=(rows, entities)).astype(np.float32)
    return found, rng.random((rows, entities)) < 0.3


def probability(loss, row, known, entity, hot):
    """That of an entity among those that are no other known answer."""
    if loss == "sigmoid":
        return expit(float(row[entity]) / hot)
    there = [e for e in range(len(row)) if e == entity or not known[e]]
    return softmax(row[there].astype(float) / hot)[there.index(entity)]


@pytest.mark.parametrize("loss", LOSSES)
def test_normalisers_are_sums_over_the_rivals(loss):
    found, known = scores(scale=60.0)
    known[0] = True  # no rival
    logs = np.asarray(log_normalisers(found, ~known, loss))
    for row in range(1, len(found)):
        for column, hot in enumerate(TEMPERATURES):
            scaled = found[row][~known[row]].astype(float) / hot
            each = np.logaddexp(0, scaled) if loss == "sigmoid" else scaled
            whole = each.sum() if loss == "sigmoid" else np.logaddexp.reduce(each)
            assert logs[row, column] == pytest.approx(whole, rel=1e-5, abs=1e-4)
    assert (logs[0] == (0 if loss == "sigmoid" else -np.inf)).all()


@pytest.mark.parametrize("rows", [1, 3, 100])
@pytest.mark.parametrize("loss", LOSSES)
def test_normalisers_do_not_depend_on_how_many_are_summed_at_once(loss, rows, monkeypatch):
    found, known = scores()
    expected = np.asarray(log_normalisers(found, ~known, loss))
    monkeypatch.setattr("remote_jax.roam.probabilities.IN_CACHE", rows * found.shape[1])
    logs = np.asarray(log_normalisers(found, ~known, loss))
    np.testing.assert_allclose(logs, expected, rtol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_probability_is_filtered(loss):
    found, known = scores()
    known[0] = True
    logs = at(np.asarray(log_normalisers(found, ~known, loss)), HOT)[:, None]
    chances = np.exp(log_probabilities(loss, found, known, logs, HOT))
    for row in range(len(found)):
        expected = [
            probability(loss, found[row], known[row], e, HOT) for e in range(len(found[row]))
        ]
        np.testing.assert_allclose(chances[row], expected, rtol=1e-5)
    if loss == "softmax":
        np.testing.assert_allclose(np.where(known, 0, chances)[1:].sum(1), 1, rtol=1e-5)


def targets(loss, found, known, target):
    """Outputs as of the validation split: each target is known."""
    known[np.arange(len(target)), target] = True
    calibrates = np.ones(len(found), bool)
    batch = {"known": packed(known), "target": target, "calibrates": calibrates}
    outputs = of_scores(found, batch, loss=loss)
    return {name: np.asarray(value) for name, value in outputs.items()}


def test_validation_finds_the_temperature_of_its_answers():
    """Targets are drawn at a temperature; a softmax of the scores says so again."""
    found, _ = scores(rows=1500, entities=30)
    rng = np.random.default_rng(1)
    drawn = [rng.choice(30, p=row) for row in softmax(found.astype(float) / HOT, 1)]
    outputs = targets("softmax", found, np.zeros(found.shape, bool), np.array(drawn))
    assert choose("softmax", outputs) == pytest.approx(HOT)


def test_a_sigmoid_has_its_own_likelihood():
    found, known = scores(rows=50)
    target = np.arange(50) % 40
    outputs = targets("sigmoid", found, known, target)
    losses = []
    for hot in TEMPERATURES:
        scaled = found.astype(float) / hot
        true = np.arange(40) == target[:, None]
        each = np.logaddexp(0, np.where(true, -scaled, scaled))
        losses.append(np.where(known & ~true, 0, each).sum())
    assert choose("sigmoid", outputs) == pytest.approx(TEMPERATURES[np.argmin(losses)])


def test_scores_that_are_no_numbers_choose_nothing():
    found, known = scores()
    found[2, 3] = np.nan
    outputs = targets("softmax", found, known, np.zeros(6, np.int32))
    assert choose("softmax", outputs) == 1.0
    assert with_probabilities("softmax", outputs, 1.0)["confidence"][2] == 0.0


@pytest.mark.parametrize("loss", LOSSES)
def test_confidence_is_that_of_the_first_in_the_filtered_ranking(loss):
    found, known = scores(rows=20)
    target = np.arange(20)
    outputs = with_probabilities(loss, targets(loss, found, known, target), HOT)
    for hot, name in ((HOT, "confidence"), (1.0, "confidence_as_trained")):
        for row in range(20):
            others = known[row] & (np.arange(40) != target[row])
            first = int(np.argmax(np.where(others, -np.inf, found[row])))
            expected = probability(loss, found[row], others, first, hot)
            assert outputs[name][row] == pytest.approx(expected, rel=1e-5)
            assert (outputs["rank"][row] == 1) == (first == target[row])
    expected = [probability(loss, found[r], known[r], target[r], HOT) for r in range(20)]
    np.testing.assert_allclose(outputs["probability"], expected, rtol=1e-5)
    assert (outputs["temperature"] == HOT).all()


def test_a_temperature_that_no_run_chooses():
    assert with_probabilities("softmax", {}, 0.7) == {}
    with pytest.raises(UserError, match=r"temperature is 0.7, expected one of 4, 2.83, .* 0.088"):
        at(np.zeros((1, len(TEMPERATURES))), 0.7)
