"""Batches of a task, whole and cut."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from flax import nnx

from remote_jax.task import Task
from remote_jax.training.state import split


def assert_learnt_alike(task: Task, count: int, feature: str) -> None:
    """Loss and gradients of a batch of the cheapest shape are those of the whole batch.

    Args:
        count: most examples of the batch.
        feature: one that is cut.
    """
    buckets, data = task.buckets("train"), task.dataset("train")
    assert buckets is not None
    rows = np.flatnonzero(buckets.kinds == 0)[:count]
    batch = {name: np.stack([data[int(row)][name] for row in rows]) for name in data[0]}
    cut = buckets.extents.padding.cut(batch, buckets.shape(rows))
    assert cut[feature].shape < batch[feature].shape
    skeleton, params = split(task.model(nnx.Rngs(0)))

    def loss(params, batch):
        return task.loss(skeleton.model(params), batch, nnx.Rngs(1))[0]

    (one, of_one), (other, of_other) = (
        jax.jit(jax.value_and_grad(loss))(params, x) for x in (batch, cut)
    )
    assert float(one) == pytest.approx(float(other), abs=1e-5)
    for name in of_one:
        np.testing.assert_allclose(of_one[name], of_other[name], atol=1e-5, err_msg=name)
