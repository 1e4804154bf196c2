"""Buckets of REMOTE: what is cut is not there, and nothing else changes."""

import json
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import jax
import numpy as np
import pytest
from bucketed import assert_learnt_alike
from flax import nnx
from ml_collections import ConfigDict
from tiny_remote import tiny

from remote_jax.data import posts as lines
from remote_jax.data.batches import pipeline, repeats
from remote_jax.data.batches.repeats import PLACE
from remote_jax.data.media import PostFileMedia
from remote_jax.errors import UserError
from remote_jax.remote.data.features import Featurize
from remote_jax.remote.data.together.form import by_pair
from remote_jax.remote.task import make_task
from remote_jax.runtime import sharding
from remote_jax.training.evaluation import evaluate, make_predict
from remote_jax.training.plan import order_of, order_settings
from remote_jax.training.state import split

MESH = sharding.make_mesh(ConfigDict({"data": -1, "fsdp": 1, "tensor": 1}))


CUT = {"data.buckets": 3}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


FORMS = pytest.mark.parametrize(
    ("seen", "form"), [(True, "each"), (False, "each"), (True, "shared"), (False, "shared")]
)


@FORMS
def test_buckets_do_not_change_what_is_predicted(cache, tmp_path, seen, form):
    """Batches are cut to several shapes, in another order; without pictures to text alone."""
    changes = {"features.picture": seen, "features.depth": seen, "model.pairs": form}
    found = make_task(tiny(cache, **CUT, **changes, **{"train.eval_batch_size": 8}))
    found.prepare(tmp_path, anew=True)
    buckets = found.buckets("test")
    assert len(buckets.shapes) > 2 and (buckets.extents.filled[:, 1].max() > 0) == seen
    skeleton, params = split(found.model(nnx.Rngs(0)))
    predict, data = make_predict(found, skeleton, MESH), found.dataset("test")
    whole = evaluate(predict, params, data, found.config)
    cut = evaluate(predict, params, data, found.config, buckets)
    whole, cut = by_pair(whole), by_pair(cut)
    assert whole.keys() == cut.keys()
    for name in whole:
        np.testing.assert_allclose(cut[name], whole[name], atol=1e-5, err_msg=name)
    again = make_task(found.config)
    again.prepare(tmp_path, anew=False)
    assert again.buckets("test").shapes == buckets.shapes


@pytest.mark.parametrize(
    "changes",
    [
        {"model.pairs": "each"},
        {"model.pairs": "shared"},
        {"model.mmoe": "off"},
        {"model.mot": "none"},
        {"features.position": False},
    ],
)
def test_a_picture_is_read_once(cache, tmp_path, changes, monkeypatch):
    """Answers and gauges are those of batches in which every pair brings its own."""
    found = make_task(tiny(cache, **changes, **{"train.eval_batch_size": 16}))
    found.prepare(tmp_path, anew=True)
    skeleton, params = split(found.model(nnx.Rngs(0)))
    predict, data = make_predict(found, skeleton, MESH), found.dataset("test")
    shared: list[bool] = []
    run = predict.batch

    def watched(params, of_all, batch):
        shared.append(PLACE in batch)
        return run(params, of_all, batch)

    watching = replace(predict, batch=watched)
    once = evaluate(watching, params, Alike(data, 3), found.config)
    assert all(shared) and shared
    monkeypatch.setattr(repeats.Repeats, "__call__", lambda _, batch: batch)
    each = evaluate(predict, params, Alike(data, 3), found.config)
    assert once.keys() == each.keys()
    for name in each:
        np.testing.assert_allclose(once[name], each[name], atol=1e-5, err_msg=name)


@dataclass(frozen=True)
class Alike:
    """The examples of a data set whose pictures are the first few that it has, four times over."""

    data: Any
    pictures: int

    @cached_property
    def rows(self):
        keys = [self.data[row][repeats.KEY].tobytes() for row in range(len(self.data))]
        first = list(dict.fromkeys(keys))[: self.pictures]
        return 4 * [row for row, key in enumerate(keys) if key in first]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, place):
        return self.data[self.rows[place]]


@pytest.mark.parametrize(("seen", "form"), [(True, "each"), (True, "shared"), (False, "shared")])
def test_buckets_do_not_change_what_is_learnt(cache, tmp_path, seen, form):
    """Loss and gradients of a batch, whole and cut; no parameter is left out."""
    changes = {"features.picture": seen, "features.depth": seen, "model.pairs": form}
    changes |= {"model.dropout": 0.0}
    found = make_task(tiny(cache, **CUT, **changes))
    found.prepare(tmp_path, anew=True)
    assert_learnt_alike(found, 6, "tokens")


@pytest.mark.parametrize("changes", [{}, CUT])
def test_a_picture_that_is_read_once_teaches_the_same(cache, tmp_path, changes):
    """Loss and gradients of batches of whole posts, with pictures read once and for each pair."""
    changes = {**changes, "data.group": "post", "model.dropout": 0.0, "train.batch_size": 16}
    found = make_task(tiny(cache, **changes))
    found.prepare(tmp_path, anew=True)
    data, chosen = found.dataset("train"), order_settings(found, found.config)
    repeats_of = repeats.Repeats.of_training(MESH, order_of(found, found.config))
    batch = next(pipeline.train_batches(data, **chosen, steps=1))
    once = repeats_of(batch)
    pictures = len({one.tobytes() for one in batch[repeats.KEY]})
    assert pictures <= len(once["rgb"]) < 12 and PLACE in once
    skeleton, params = split(found.model(nnx.Rngs(0)))

    def loss(params, batch):
        return found.loss(skeleton.model(params), batch, nnx.Rngs(1))[0]

    (one, of_one), (other, of_other) = (
        jax.jit(jax.value_and_grad(loss))(params, some) for some in (once, batch)
    )
    assert float(one) == pytest.approx(float(other), abs=1e-5)
    assert any(name.startswith("vision/") and np.any(x) for name, x in of_one.items())
    for name in of_one:
        np.testing.assert_allclose(of_one[name], of_other[name], atol=1e-5, err_msg=name)


def test_groups_are_posts(cache, tmp_path):
    """Pairs of a group are those of a sentence with its picture."""
    found = make_task(tiny(cache, **{"data.group": "post"}))
    found.prepare(tmp_path, anew=True)
    groups, pairs = found.groups("train"), found.pairs.examples("train")
    assert len(groups) == len(pairs)
    posts = [(pairs[row].tokens, pairs[row].image) for row in range(len(pairs))]
    names = {group: posts[groups.tolist().index(group)] for group in groups.tolist()}
    assert len(set(names.values())) == len(names)
    assert [names[group] for group in groups.tolist()] == posts
    assert make_task(tiny(cache)).form.groups(found.pairs.training) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model.pairs": "shared"}, r"already: set config\.data\.group=pair, or config\.model"),
        ({"train.accumulation": 2}, r"accumulation=2 takes apart: set config\.data\.group=pair"),
        ({"data.group": "posts"}, r"data\.group must be one of 'pair', 'post', found 'posts'"),
    ],
)
def test_groups_that_do_not_go_with_other_keys(cache, changes, message):
    with pytest.raises(UserError, match=message):
        make_task(tiny(cache, **{"data.group": "post", **changes}))


def test_posts_are_cut_to_the_shapes_of_the_run(cache, tmp_path):
    posts = tmp_path / "posts.jsonl"
    post = {"text": "Gatika Bamorel plays for Divafen Rovers", "entities": [[0, 14], [25, 39]]}
    posts.write_text(json.dumps(post) + "\n")
    found = make_task(tiny(cache, **CUT))
    found.prepare(tmp_path, anew=True)
    source = found.posts([value for _, value in lines.read(posts)], PostFileMedia(posts))
    known = found.buckets("train").shapes
    assert source.buckets.shapes == known
    assert source.buckets.extents.filled[:, 1].tolist() == [0, 0]  # the post has no picture
    assert len(source.dataset) == 2
    skeleton, params = split(found.model(nnx.Rngs(0)))
    predict = make_predict(found, skeleton, MESH)
    told = []
    for buckets in (source.buckets, None):
        outputs = evaluate(predict, params, source.dataset, found.config, buckets)
        surely = found.calibrated(outputs, {"temperature": 1.0, "threshold": 0.0})
        (answer,) = source.answers(surely)
        told.append(answer.to_dict()["relations"])
    cut, whole = told
    assert cut and [one["relation"] for one in cut] == [one["relation"] for one in whole]
    for one, other in zip(cut, whole, strict=True):
        assert one["probability"] == pytest.approx(other["probability"], abs=1e-5)
    assert len(found.posts([], PostFileMedia(posts)).dataset) == 0


def test_lengths_are_read_once_for_the_same_data_and_tokenizer(cache, tmp_path, monkeypatch):
    found = make_task(tiny(cache, **CUT))
    found.prepare(tmp_path, anew=True)
    whole = found.buckets("train").extents.filled
    monkeypatch.setattr(Featurize, "extents", None)
    again = make_task(tiny(cache, **CUT, **{"data.workers": 3, "train.batch_size": 8}))
    again.prepare(tmp_path, anew=False)
    np.testing.assert_array_equal(again.buckets("train").extents.filled, whole)
    other = make_task(tiny(cache, **CUT, **{"features.sentence": False}))
    other.prepare(tmp_path, anew=False)
    with pytest.raises(TypeError, match="not callable"):
        other.buckets("train")
