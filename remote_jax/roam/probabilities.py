"""Probabilities of answers, and the temperature T that validation chooses for them.

A probability is filtered as ranks are: it is that of an entity among those that are no other known
answer of the query. With a softmax it is exp(s/T) / (exp(s/T) + Z), where Z sums exp(s/T) over the
entities, but for this one, that are not known; with a sigmoid, σ(s/T). So a known answer takes
nothing from a new one, and the probability of a new one is given that one more answer holds.

The model runs once, and T is chosen afterwards (Guo et al. 2017, "On Calibration of Modern Neural
Networks", §4.2): log Z is given for a grid of temperatures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from scipy.special import expit, log_expit

from remote_jax.errors import UserError

OCTAVES, STEPS = 8, 4
TEMPERATURES = 8.0 * 2.0 ** (-np.arange(OCTAVES * STEPS) / STEPS)
"""From 8 to 0.04, neighbours a quarter of an octave apart."""

AS_TRAINED = 1.0
"""The temperature of the loss; that of a run without a calibration."""

Scores = Float[np.ndarray, " *n"]


def log_normalisers(
    scores: Float[Array, "b n"], rivals: Bool[Array, "b n"], loss: str
) -> Float[Array, "b t"]:
    """log Z of the rivals at each of `TEMPERATURES`; traced.

    With "softmax" it is log Σ exp(s/T), -inf where there is no rival; with "sigmoid" the logarithm
    of Π (1 + exp(s/T)), which makes a likelihood of independent answers.
    """
    hot = jnp.asarray(TEMPERATURES, scores.dtype)
    if loss == "sigmoid":
        sums = [jnp.sum(jnp.where(rivals, jnp.log1p(x), 0.0), 1) for x in _powers(-jnp.abs(scores))]
        above = jnp.sum(jnp.where(rivals, jnp.maximum(scores, 0.0), 0.0), 1)
        return above[:, None] / hot + _by_temperature(sums)
    largest = jnp.max(scores, 1, where=rivals, initial=-jnp.inf)
    largest = jnp.where(jnp.isfinite(largest), largest, 0.0)[:, None]
    sums = [jnp.sum(x, 1) for x in _powers(jnp.where(rivals, scores - largest, -jnp.inf))]
    return largest / hot + jnp.log(_by_temperature(sums))


def _powers(exponents: Float[Array, "b n"]) -> Iterator[Float[Array, "b n"]]:
    """exp(x/T) of x ≤ 0 at all temperatures, for each step its octaves, the hottest first.

    Half the temperature is a square: four exponentials an entity do in place of 32.
    """
    for hottest in TEMPERATURES[:STEPS].tolist():
        power = jnp.exp(exponents / hottest)
        for _ in range(OCTAVES):
            yield power
            power = jnp.square(power)


def _by_temperature(sums: list[Float[Array, " b"]]) -> Float[Array, "b t"]:
    """What was summed of `_powers`, in the order of `TEMPERATURES`."""
    found = jnp.stack(sums, 1).reshape(-1, STEPS, OCTAVES)
    return found.transpose(0, 2, 1).reshape(-1, STEPS * OCTAVES)


def log_probabilities(
    loss: str,
    scores: Scores,
    known: Bool[np.ndarray, " *n"],
    log_normaliser: Scores | float,
    temperature: float,
) -> Scores:
    """Of entities as answers, in float64.

    Args:
        scores: -inf for an entity that is left out, whose probability is 0.
        known: whether the graph has the triple, which `log_normaliser` is without then.
        log_normaliser: log Z at this temperature, that broadcasts to `scores`; read with "softmax".
    """
    scaled = np.asarray(scores, np.float64) / temperature
    if loss == "sigmoid":
        return log_expit(scaled)
    excess = scaled - log_normaliser
    return np.where(known, log_expit(excess), np.minimum(excess, 0.0))


def choose(loss: str, outputs: Mapping[str, np.ndarray]) -> float:
    """The temperature with the lowest mean negative log-likelihood of the targets.

    Args:
        outputs: of `outputs.of_targets`; each target is known.
    """
    scaled = outputs["score"].astype(np.float64)[:, None] / TEMPERATURES
    if loss == "sigmoid":
        losses = outputs["log_normaliser"] + np.logaddexp(0.0, -scaled)
    else:
        losses = np.logaddexp(0.0, outputs["log_normaliser"] - scaled)
    mean = losses.mean(0)
    # Scores that are no numbers choose nothing.
    return float(TEMPERATURES[np.argmin(mean)]) if np.isfinite(mean).all() else AS_TRAINED


def confidences(
    loss: str, outputs: Mapping[str, np.ndarray], temperature: float
) -> Float[np.ndarray, " n"]:
    """The probability of the answer that is first in each filtered ranking, target included.

    One that is no number is believed by nobody: 0.

    Args:
        outputs: of `outputs.of_targets`.
    """
    score = outputs["score"].astype(np.float64) / temperature
    first = np.maximum(score, outputs["best"].astype(np.float64) / temperature)
    if loss == "sigmoid":
        found = expit(first)
    else:
        rivals = at(outputs["log_normaliser"], temperature)
        whole = np.where(outputs["target_known"], np.logaddexp(rivals, score), rivals)
        found = np.exp(np.minimum(first - whole, 0.0))
    return np.nan_to_num(found, nan=0.0)


def at(log_normaliser: Float[np.ndarray, "n t"], temperature: float) -> Float[np.ndarray, " n"]:
    """log Z at one of the temperatures.

    Raises:
        UserError: it is none of `TEMPERATURES`.
    """
    column = int(np.argmin(np.abs(TEMPERATURES - temperature)))
    if not np.isclose(TEMPERATURES[column], temperature):
        raise UserError(
            f"The calibration's temperature is {temperature}, expected one of 8, 6.73, ..., 0.037, "
            "a quarter of an octave apart: export the run again."
        )
    return log_normaliser[:, column].astype(np.float64)


def with_probabilities(
    loss: str, outputs: Mapping[str, np.ndarray], temperature: float
) -> dict[str, np.ndarray]:
    """The outputs with what a temperature makes of them.

    `probabilities` are those of `entities`; `log_probability` and `probability` those of targets,
    `confidence` and `confidence_as_trained` those of the first in their rankings, and `temperature`
    is the same for all.

    Args:
        outputs: of `outputs.query_outputs`; may be empty.

    Raises:
        UserError: the temperature is none of `TEMPERATURES`.
    """
    found = dict(outputs)
    log_z = at(outputs["log_normaliser"], temperature) if "log_normaliser" in outputs else None
    if "entities" in outputs:
        column = 0.0 if log_z is None else log_z[:, None]
        logs = log_probabilities(loss, outputs["scores"], outputs["known"], column, temperature)
        found["probabilities"] = np.exp(logs)
    if "rank" in outputs:
        assert log_z is not None
        logs = log_probabilities(
            loss, outputs["score"], outputs["target_known"], log_z, temperature
        )
        found |= {"log_probability": logs, "probability": np.exp(logs)}
        found["confidence"] = confidences(loss, outputs, temperature)
        found["confidence_as_trained"] = confidences(loss, outputs, AS_TRAINED)
        found["temperature"] = np.full(len(logs), temperature)
    return found
