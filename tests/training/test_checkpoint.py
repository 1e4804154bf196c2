"""Checkpoints: what is whole is restored exactly, what is not is passed over."""

from __future__ import annotations

import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import toy

from remote_jax.errors import UserError
from remote_jax.runtime import sharding
from remote_jax.training.checkpoint import Checkpoints, exist
from remote_jax.training.record import Record
from remote_jax.training.state import Params, TrainState

MESH = sharding.make_mesh(toy.get_config().mesh)
OPTIMIZER = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(0.1))


def params(width: int = 3) -> Params:
    key = jax.random.key(0)
    return {
        "text/layers/0/kernel": jax.random.normal(key, (4, width)),
        "text/layers/0/bias": jax.random.normal(key, (width,)).astype(jnp.bfloat16),
    }


def state(width: int = 3) -> TrainState:
    values = params(width)
    return TrainState(values, OPTIMIZER.init(values), jnp.zeros((), jnp.int32))


@jax.jit
def moved(old: TrainState) -> TrainState:
    return jax.tree.map(lambda x: x + 1, old)


def assert_equal(one: object, other: object) -> None:
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for left, right in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(np.asarray(left), np.asarray(right))


def test_nothing_yet(tmp_path: Path) -> None:
    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.restore(state(), MESH) is None
        with pytest.raises(UserError, match="no checkpoint yet"):
            checkpoints.restore_best(params(), MESH)
        with pytest.raises(UserError, match="no checkpoint yet"):
            checkpoints.record()


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    one = moved(state())
    record = Record({"name": "x"}, 7, {"step": 5, "metrics": {"f1": 1 / 3}}, {"loss": [0.1]}, 2.5)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save_best(one.params, {"step": 5, "metrics": {"f1": 1 / 3}})
        checkpoints.save(one, record)
    with Checkpoints(tmp_path) as checkpoints:
        restored = checkpoints.restore(jax.eval_shape(state), MESH)
        assert restored is not None
        assert_equal(restored[0], one)
        assert restored[1] == record == checkpoints.record()


def test_a_save_holds_what_was_there_when_it_was_asked_for(tmp_path: Path) -> None:
    """Later steps reuse the buffers while the save is still under way."""
    donating = jax.jit(lambda x: jax.tree.map(lambda y: y + 1, x), donate_argnums=0)
    big = {"kernel": jnp.zeros((512, 2048))}
    big = donating(big)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save_best(big, {"step": 1, "metrics": {}})
        for _ in range(20):
            big = donating(big)
    with Checkpoints(tmp_path) as checkpoints:
        restored, _ = checkpoints.restore_best(jax.eval_shape(lambda: big), MESH)
    assert np.all(np.asarray(restored["kernel"]) == 1.0)


def test_two_latest_and_one_best_are_kept(tmp_path: Path) -> None:
    one = state()
    with Checkpoints(tmp_path) as checkpoints:
        for step in (1, 2, 3):
            checkpoints.save_best(one.params, {"step": step, "metrics": {"f1": step / 4}})
            checkpoints.save(one, Record({}, step))
        checkpoints.save_best(one.params, {"step": 3, "metrics": {"f1": 0.75}})
    folder = tmp_path / "checkpoints"
    assert {path.name for path in (folder / "latest").iterdir()} == {"2", "3"}
    assert {path.name for path in (folder / "best").iterdir()} == {"3"}
    with Checkpoints(tmp_path) as checkpoints:
        restored, best = checkpoints.restore_best(params(), MESH)
    assert best == {"step": 3, "metrics": {"f1": 0.75}}
    assert_equal(restored, one.params)


def test_another_model_is_refused_by_its_first_parameter(tmp_path: Path) -> None:
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(state(3), Record({}, 1))
        checkpoints.save_best(params(3), {"step": 1, "metrics": {}})
    more = params(3) | {"head/kernel": jnp.zeros(2)}
    wrong = [
        (params(5), r"text/layers/0/bias is bfloat16\[3\] in it, bfloat16\[5\]"),
        (more, r"head/kernel is absent in it, float32\[2\]"),
        ({"text/layers/0/bias": params()["text/layers/0/bias"]}, r"kernel is float32\[4, 3\] in"),
        (jax.tree.map(lambda x: x.astype(jnp.float16), params(3)), r"in it, float16\[3\]"),
    ]
    with Checkpoints(tmp_path) as checkpoints:
        for like, message in wrong:
            with pytest.raises(UserError, match=message):
                checkpoints.restore_best(like, MESH)
        with pytest.raises(UserError, match=r"another model's: params/text/layers/0/bias"):
            checkpoints.restore(state(5), MESH)


def test_a_save_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    """What kill -9 leaves: a folder not yet renamed, and an old one half deleted."""
    one = state()
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(one, Record({}, 1))
        checkpoints.save(moved(one), Record({}, 2))
    latest = tmp_path / "checkpoints" / "latest"
    shutil.copytree(latest / "2", latest / "3.orbax-checkpoint-tmp")
    shutil.rmtree(latest / "3.orbax-checkpoint-tmp" / "record")
    shutil.rmtree(latest / "1" / "arrays")
    (latest / "1" / "_CHECKPOINT_METADATA").unlink()
    with Checkpoints(tmp_path) as checkpoints:
        restored = checkpoints.restore(one, MESH)
        assert restored is not None and restored[1].step == 2
        assert_equal(restored[0], moved(one))
        checkpoints.save(one, Record({}, 3))
        checkpoints.save(one, Record({}, 4))
    assert {path.name for path in latest.iterdir()} == {"3", "4"}


def test_a_reader_leaves_a_save_under_way_alone(tmp_path: Path) -> None:
    one = state()
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(one, Record({}, 1))
        checkpoints.save_best(one.params, {"step": 1, "metrics": {}})
    under_way = tmp_path / "checkpoints" / "best" / "2.orbax-checkpoint-tmp"
    shutil.copytree(under_way.with_name("1"), under_way)
    with Checkpoints(tmp_path, read_only=True) as checkpoints:
        restored, best = checkpoints.restore_best(params(), MESH)
        assert best["step"] == checkpoints.record().step == 1
        assert_equal(restored, one.params)
    assert under_way.is_dir()


def test_a_reader_where_there_is_nothing(tmp_path: Path) -> None:
    with (
        Checkpoints(tmp_path, read_only=True) as checkpoints,
        pytest.raises(UserError, match="no checkpoint yet"),
    ):
        checkpoints.restore_best(params(), MESH)
    assert not list(tmp_path.iterdir())


def test_a_best_one_of_a_start_without_a_latest_is_dropped(tmp_path: Path) -> None:
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save_best(params(), {"step": 9, "metrics": {}})
    assert not exist(tmp_path)
    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.restore(state(), MESH) is None
        checkpoints.save_best(moved(params()), {"step": 4, "metrics": {}})
        checkpoints.save(state(), Record({}, 4))
    assert exist(tmp_path)
    with Checkpoints(tmp_path, read_only=True) as checkpoints:
        assert checkpoints.restore_best(params(), MESH)[1]["step"] == 4


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("")
    with pytest.raises(UserError, match="Cannot write checkpoints"):
        Checkpoints(tmp_path)


@pytest.mark.parametrize("content", ['{"init_timestamp_nsecs": "x"}', '{"metrics": [1]}', "[1]"])
def test_metadata_of_a_step_that_are_malformed(tmp_path: Path, content: str) -> None:
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(state(3), Record({}, 1))
        checkpoints.save_best(params(3), {"step": 1, "metrics": {}})
    (tmp_path / "checkpoints/best/1/_CHECKPOINT_METADATA").write_text(content)
    with (
        pytest.raises(UserError, match=r"_CHECKPOINT_METADATA in .*best is damaged"),
        Checkpoints(tmp_path, read_only=True),
    ):
        pass


def test_a_sharding_of_no_known_kind_is_a_sentence(tmp_path: Path) -> None:
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save_best(params(3), {"step": 1, "metrics": {}})
    (path,) = (tmp_path / "checkpoints/best").rglob("_sharding")
    path.write_text(path.read_text().replace("SingleDeviceSharding", "NoSuchSharding"))
    with (
        Checkpoints(tmp_path, read_only=True) as checkpoints,
        pytest.raises(UserError, match=r"is damaged \(its description is malformed"),
    ):
        checkpoints.restore_best(params(3), MESH)
