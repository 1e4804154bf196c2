"""Outputs of ROAM from scores that a test makes up."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from remote_jax.roam.data.queries import Questions
from remote_jax.roam.model.entities import Candidates
from remote_jax.roam.outputs import query_outputs
from remote_jax.roam.ranking import Chunks, pack
from remote_jax.task import Batch


@partial(jax.jit, static_argnames=("loss", "chunk"))
def of_scores(scores: Array, batch: Batch, *, loss: str, chunk: int | None = None) -> Batch:
    """Of queries, by the scores of every entity.

    Candidates have their scores for vectors; those that only fill the last chunk would be first.

    Args:
        scores: [queries, entities].
        chunk: what `ranking.CHUNK` is, so that programs differ.
    """
    del chunk
    entities = scores.shape[1]
    fill = Chunks.of(entities).filled - entities
    mixed = jnp.pad(scores, ((0, 0), (0, fill)), constant_values=jnp.inf).T[None]
    candidates = Candidates(mixed, jnp.ones(mixed.shape[:2]))
    return query_outputs(lambda some: some.mixed[0].T, candidates, entities, batch, loss)


def packed(known: np.ndarray) -> np.ndarray:
    """Masks [queries, entities] as a batch has them."""
    filled = Chunks.of(known.shape[1]).filled
    return np.stack([pack(np.flatnonzero(row), filled) for row in known])


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
    found = of_scores(scores(batch["query"]), batch, loss=loss)
    return {key: np.asarray(value)[:count] for key, value in found.items()}
