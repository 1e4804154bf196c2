"""Outputs of ROAM for questions, from scores that a test makes up."""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np

from remote_jax.roam.data.queries import Questions
from remote_jax.roam.outputs import query_outputs

query_outputs = jax.jit(query_outputs, static_argnames="loss")


def outputs(
    questions: Questions, scores: Callable[[np.ndarray], np.ndarray], loss: str = "softmax"
) -> dict[str, np.ndarray]:
    """Of all rows of the questions; few sizes of batches are compiled.

    Args:
        scores: of every entity, of queries [n, 2].
    """
    count = len(questions.dataset)
    if not count:
        return {}
    rows = [questions.dataset[row] for row in range(count)]
    rows += rows[-1:] * (max(16, 1 << (count - 1).bit_length()) - count)
    batch = {key: np.stack([row[key] for row in rows]) for key in rows[0]}
    found = query_outputs(scores(batch["query"]), batch, loss=loss)
    return {key: np.asarray(value)[:count] for key, value in found.items()}
