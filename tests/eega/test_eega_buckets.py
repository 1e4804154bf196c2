"""Buckets of EEGA: what is cut is not there, and nothing else changes."""

import jax
import numpy as np
import pytest
from bucketed import assert_learnt_alike
from flax import nnx
from ml_collections import ConfigDict
from tiny_eega import tiny

from remote_jax.eega.task import make_task
from remote_jax.runtime import sharding
from remote_jax.training.evaluation import evaluate, make_predict
from remote_jax.training.state import split

MESH = sharding.make_mesh(ConfigDict({"data": -1, "fsdp": 1, "tensor": 1}))


CUT = {"data.buckets": 3}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("seen", [True, False])
def test_buckets_do_not_change_what_is_predicted(cache, tmp_path, seen):
    """Batches are cut to several shapes, in another order."""
    found = make_task(tiny(cache, **CUT, **{"features.picture": seen}))
    found.prepare(tmp_path, anew=True)
    buckets, data = found.buckets("test"), found.dataset("test")
    assert len(buckets.shapes) > 2
    skeleton, params = split(found.model(nnx.Rngs(0)))
    predict = make_predict(found, skeleton, MESH)
    whole = evaluate(predict, params, data, found.config)
    cut = evaluate(predict, params, data, found.config, buckets)
    assert whole.keys() == cut.keys()
    words = np.arange(whole["tags"].shape[1]) < whole["words"][:, None]
    for name in whole:
        ours, theirs = (np.array(one[name], np.float32) for one in (cut, whole))
        if name == "tags":  # what lies outside of the words is not read
            ours, theirs = (
                one[words[:, :, None] & words[:, None]]
                for one in (_filled(ours, theirs.shape), theirs)
            )
        if name == "attention":
            ours, theirs = (one[words] for one in (_filled(ours, theirs.shape), theirs))
        np.testing.assert_allclose(ours, theirs, atol=1e-3, err_msg=name)  # of half precision
    labels = [found._found(one) for one in (whole, cut)]
    assert labels[0] == labels[1]


def _filled(values, shape):
    return np.pad(values, [(0, most - n) for n, most in zip(values.shape, shape, strict=True)])


def test_buckets_do_not_change_what_is_learnt(cache, tmp_path):
    """Loss and gradients of a batch, whole and cut."""
    found = make_task(tiny(cache, **CUT, **{"model.dropout": 0.0}))
    found.prepare(tmp_path, anew=True)
    assert_learnt_alike(found, 4, "tags")


def test_a_pair_of_words_counts_alike_whatever_its_bucket(cache, tmp_path):
    """Over all batches of one example the loss is that of the whole data set in one batch."""
    found = make_task(tiny(cache, **CUT, **{"model.dropout": 0.0, "features.picture": False}))
    found.prepare(tmp_path, anew=True)
    data = found.dataset("train")
    rows = [data[row] for row in range(len(data))]
    skeleton, params = split(found.model(nnx.Rngs(0)))

    @jax.jit
    def loss(batch):
        return found.loss(skeleton.model(params), batch, nnx.Rngs(1))[1]["tagging_loss"]

    def batch(some):
        return {name: np.stack([one[name] for one in some]) for name in rows[0]}

    alone = np.mean([float(loss(batch([row]))) for row in rows])
    assert alone == pytest.approx(float(loss(batch(rows))), rel=1e-5)
