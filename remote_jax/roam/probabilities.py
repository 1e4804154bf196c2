"""Probabilities of answers, and the temperature T that validation chooses for them.

A probability is filtered as ranks are: it is that of an entity among those that are no other known
answer of the query. With a softmax it is exp(s/T) / (exp(s/T) + Z), where Z sums exp(s/T) over the
entities, but for this one, that are not known; with a sigmoid, σ(s/T). So a known answer takes
nothing from a new one, and the probability of a new one is given that one more answer holds.

The model runs once, and T is chosen afterwards (Guo et al. 2017, "On Calibration of Modern Neural
Networks", §4.2): log Z is given for a grid of temperatures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from scipy.special import expit, log_expit

from remote_jax.errors import UserError

TEMPERATURES = 4.0 * 2.0 ** (-np.arange(12) / 2)
"""From 4 to 0.09, neighbours half an octave apart, so that every other one is half of the last."""

AS_TRAINED = 1.0
"""The temperature of the loss; that of a run without a calibration."""

IN_CACHE = 2**19
"""Scores that are summed at a time, or those of one query if they are more: 2 MB, which caches of
a core hold."""

Scores = Float[np.ndarray, " *n"]


def log_normalisers(
    scores: Float[Array, "b n"], rivals: Bool[Array, "b n"], loss: str
) -> Float[Array, "b t"]:
    """log Z of the rivals at each of `TEMPERATURES`; traced.

    With "softmax" it is log Σ exp(s/T), -inf where there is no rival; with "sigmoid" the logarithm
    of Π (1 + exp(s/T)), which makes a likelihood of independent answers.
    """
    inverses = jnp.asarray(1 / TEMPERATURES, scores.dtype)
    if loss == "sigmoid":  # log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|))
        above = jnp.sum(jnp.maximum(scores, 0.0), 1, where=rivals)
        below = jnp.where(rivals, -jnp.abs(scores), -jnp.inf)
        sums = _sums_of_powers(below, jnp.log1p)
        return above[:, None] * inverses + sums
    largest = jnp.max(scores, 1, where=rivals, initial=-jnp.inf)
    largest = jnp.where(jnp.isfinite(largest), largest, 0.0)
    below = jnp.where(rivals, scores - largest[:, None], -jnp.inf)
    return largest[:, None] * inverses + jnp.log(_sums_of_powers(below, lambda power: power))


def merged(loss: str, one: Float[Array, "b t"], other: Float[Array, "b t"]) -> Float[Array, "b t"]:
    """log Z of two sets of rivals together; traced."""
    return one + other if loss == "sigmoid" else jnp.logaddexp(one, other)


def _sums_of_powers(
    below: Float[Array, "b n"], term: Callable[[Array], Array]
) -> Float[Array, "b t"]:
    """Σ term(exp(x/T)) over the entities, at each of `TEMPERATURES`; x is at most 0.

    Two exponentials an entity: at half of a temperature the power is squared. Temperatures come one
    after another; at once they would be as many arrays of the size of the scores. Scores are read
    once for each, so on one device `IN_CACHE` of them are summed at a time. Over several devices
    all are: a loop over queries would bring those of all devices together.
    """

    def halved(power: Float[Array, " n"], _: None) -> tuple[Array, Array]:
        return power * power, jnp.sum(term(power))

    def of_query(below: Float[Array, " n"]) -> Float[Array, " t"]:
        steps = len(TEMPERATURES) // 2
        sums = [
            jax.lax.scan(halved, jnp.exp(below / temperature), length=steps)[1]
            for temperature in TEMPERATURES[:2].tolist()
        ]
        return jnp.stack(sums, 1).reshape(-1)

    if jax.device_count() > 1:
        return jax.vmap(of_query)(below)
    rows = max(IN_CACHE // below.shape[1], 1)
    return jax.lax.map(of_query, below, batch_size=min(rows, below.shape[0]))


def log_probabilities(
    loss: str,
    scores: Scores,
    known: Bool[np.ndarray, " *n"],
    log_normaliser: Scores,
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
    with np.errstate(invalid="ignore"):
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
        with np.errstate(invalid="ignore"):
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
            f"The calibration's temperature is {temperature}, expected one of 4, 2.83, ..., "
            "0.088, half an octave apart: export the run again."
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
        UserError: there are normalisers, and the temperature is none of `TEMPERATURES`.
    """
    found = dict(outputs)
    given = "log_normaliser" in outputs  # else none is read
    log_z = at(outputs["log_normaliser"], temperature) if given else np.zeros(())
    if "entities" in outputs:
        column = log_z[..., None]
        logs = log_probabilities(loss, outputs["scores"], outputs["known"], column, temperature)
        found["probabilities"] = np.exp(logs)
    if "rank" in outputs:
        logs = log_probabilities(
            loss, outputs["score"], outputs["target_known"], log_z, temperature
        )
        found |= {"log_probability": logs, "probability": np.exp(logs)}
        found["confidence"] = confidences(loss, outputs, temperature)
        found["confidence_as_trained"] = confidences(loss, outputs, AS_TRAINED)
        found["temperature"] = np.full(len(logs), temperature)
    return found
