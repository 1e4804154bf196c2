"""The mesh, and training over several devices."""

from __future__ import annotations

import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import toy
from flax import nnx
from forked import Forked
from jax.sharding import AbstractMesh
from meshes import simulated

from configs import jmere, mkg_y, umre
from remote_jax import main
from remote_jax.eega import build as eega_build
from remote_jax.errors import UserError
from remote_jax.remote import build as remote_build
from remote_jax.roam.model.roam import Roam, Sizes
from remote_jax.runtime import sharding
from remote_jax.training.loop import train
from remote_jax.training.optimizer import make_optimizer
from remote_jax.training.state import split

ROOT = Path(__file__).parents[2]


def mesh_config(**sizes: int) -> Any:
    return toy.get_config(**{f"mesh.{axis}": size for axis, size in sizes.items()}).mesh


def test_all_devices_by_default() -> None:
    mesh = sharding.make_mesh(mesh_config())
    assert dict(mesh.shape) == {"data": jax.device_count(), "fsdp": 1, "tensor": 1}


def test_sizes_must_fit_the_devices() -> None:
    too_many = jax.device_count() + 1
    with pytest.raises(UserError, match=f"but there are {jax.device_count()}"):
        sharding.make_mesh(mesh_config(data=too_many))
    with pytest.raises(UserError, match=f"fsdp={too_many}"):
        sharding.make_mesh(mesh_config(fsdp=too_many))


def test_several_devices_train_as_one_and_one_goes_on_for_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Four simulated devices against this process's one, which then does their last steps again."""
    changes = {"train.epochs": 2.0, "train.log_every": 1}
    one = tmp_path / "one"
    one.mkdir()
    task = toy.make_task(toy.get_config(**changes))
    task.prepare(one, anew=True)
    train(task, task.config, one)
    flags = ["--config.train.epochs=2", "--config.train.log_every=1", "--config.mesh.fsdp=2"]
    asked = [f"--config={ROOT}/tests/toy.py", *flags, f"--workdir={tmp_path / 'four'}"]
    done = Forked(tmp_path / "log", os.environ | simulated(4), *asked)
    assert done.wait(timeout=300) == 0, done.log.read_text()
    assert json.loads((tmp_path / "four" / "results.json").read_text())["devices"] == 4
    left, right = (
        [json.loads(line) for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        for name in ("one", "four")
    )
    losses = [[line["loss"] for line in lines if "loss" in line] for lines in (left, right)]
    assert len(losses[0]) == 12
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)

    four = tmp_path / "four"
    (four / "results.json").unlink()
    shutil.rmtree(four / "checkpoints" / "latest" / "12")
    toy.install()
    again = [f"--config={ROOT}/tests/toy.py", *flags[:-1], f"--workdir={four}"]
    assert main.main(["x", *again, "--config.mesh.fsdp=2"]) == 2
    assert "fsdp=2 x tensor=1 devices, but there are 1: set" in capsys.readouterr().err
    assert main.main(["x", *again]) == 0
    assert "goes on after step 8 of 12" in capsys.readouterr().err
    after = [json.loads(line) for line in (four / "metrics.jsonl").read_text().splitlines()]
    np.testing.assert_allclose(
        [line["loss"] for line in after if "loss" in line], losses[0], rtol=1e-5
    )


class Shape:
    """As much of a mesh as `spec` reads."""

    def __init__(self, **sizes: int) -> None:
        self.shape = {"data": 1, "fsdp": 1, "tensor": 1, **sizes}


@pytest.mark.parametrize(
    ("name", "shape", "sizes", "expected"),
    [
        ("text/bert/blocks/0/attention/query/kernel", (768, 768), {"tensor": 2}, (None, "tensor")),
        ("text/bert/blocks/0/attention/out/kernel", (768, 768), {"tensor": 2}, ("tensor", None)),
        ("vision/vit/blocks/0/mlp/up/kernel", (768, 3072), {"tensor": 4}, (None, "tensor")),
        ("optimizer/1/mu/text/bert/blocks/0/mlp/down/kernel", (3072, 768), {"tensor": 4}, "tensor"),
        ("text/bert/blocks/0/attention/key/bias", (768,), {"tensor": 2}, "tensor"),
        ("text/bert/blocks/0/attention/out/bias", (768,), {"tensor": 2}, ()),
        ("text/bert/words", (30522, 768), {"fsdp": 4}, (None, "fsdp")),  # 30,522 is no multiple
        ("text/bert/words", (30522, 768), {"fsdp": 4, "tensor": 2}, (None, "fsdp")),
        ("x/query/kernel", (768, 768), {"fsdp": 2, "tensor": 2}, ("fsdp", "tensor")),
        ("x/up/kernel", (768, 9), {"fsdp": 2, "tensor": 2}, ("fsdp", None)),
        ("structure", (15000, 256), {"fsdp": 2, "tensor": 2}, ("tensor", "fsdp")),
        ("features/image/present", (15000,), {"fsdp": 2, "tensor": 2}, "tensor"),
        ("features/image/present", (15000,), {"fsdp": 2}, "fsdp"),
        ("seen/present", (15040,), {"fsdp": 2, "tensor": 2}, "tensor"),
        ("core/core", (256, 256, 256), {"fsdp": 8}, ("fsdp", None, None)),
        ("mot/alpha/0", (768,), {"fsdp": 8}, ()),  # small
        ("step", (), {"fsdp": 8, "tensor": 2}, ()),
        ("construct/structured", (64, 64), {"tensor": 2}, (None, None)),
    ],
)
def test_rules(name: str, shape: tuple[int, ...], sizes: dict[str, int], expected: Any) -> None:
    found = tuple(sharding.spec(name, shape, Shape(**sizes)))
    wanted = (expected,) if isinstance(expected, str) else tuple(expected)
    assert found == wanted + (None,) * (len(shape) - len(wanted))


def remote_model(config: Any) -> nnx.Module:
    return remote_build.shapes(config, Path(), relations=22, vocabulary=8000)


def eega_model(config: Any) -> nnx.Module:
    sizes = {"tags": 35, "edges": 45, "pos": 20, "classes": 30, "object_edges": 10}
    return eega_build.shapes(config, Path(), eega_build.Sizes(vocabulary=4000, **sizes))


def roam_model(config: Any) -> nnx.Module:
    sizes = Sizes(1479, 20, {"image": 383, "text": 384})
    return nnx.eval_shape(lambda: Roam(config, sizes, rngs=nnx.Rngs(0)))


@pytest.mark.parametrize(
    ("config", "model"),
    [(umre, remote_model), (jmere, eega_model), (mkg_y, roam_model)],
    ids=["umre", "jmere", "mkg_y"],
)
def test_eight_devices_hold_an_eighth_each(config: Any, model: Any) -> None:
    """Parameters and moments of the default presets; an eighth, but for what is small."""
    settings = config.get_config()
    optimizer, _ = make_optimizer(settings.train, 100)
    params = split(model(settings))[1]
    state = jax.eval_shape(lambda params: (params, optimizer.init(params)), params)
    mesh = AbstractMesh((1, 8, 1), sharding.AXES)

    def size(array: Any, shape: tuple[int, ...]) -> int:
        return math.prod(shape) * array.dtype.itemsize

    places = sharding.place(mesh, state)
    held = jax.tree.map(lambda x, place: size(x, place.shard_shape(x.shape)), state, places)
    whole = jax.tree.map(lambda x: size(x, x.shape), state)
    held, whole = sum(jax.tree.leaves(held)), sum(jax.tree.leaves(whole))
    assert whole / 8 <= held <= whole / 7


def test_batch_must_split_over_the_devices() -> None:
    mesh = sharding.make_mesh(mesh_config())
    devices = mesh.shape["data"] * mesh.shape["fsdp"]
    sharding.check_batch(mesh, "train.batch_size", 8 * devices)
    if devices > 1:
        with pytest.raises(UserError, match="multiple"):
            sharding.check_batch(mesh, "train.batch_size", 8 * devices + 1)


def test_one_process_makes_every_row() -> None:
    mesh = sharding.make_mesh(mesh_config())
    assert sharding.rows(mesh, 8 * jax.device_count()) == list(range(8 * jax.device_count()))


def test_batch_is_put_as_it_is() -> None:
    mesh = sharding.make_mesh(mesh_config())
    batch = {"x": np.arange(16.0).reshape(8, 2), "label": np.arange(8)}
    put = sharding.put_batch(batch, mesh)
    assert put["x"].sharding == sharding.batch_sharding(mesh)
    np.testing.assert_array_equal(put["label"], batch["label"])


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("Unable to initialize 'cuda': why (set JAX_PLATFORMS='')"), "'cuda': why"),
        (AssertionError(), "AssertionError"),  # of a plugin that is not installed
    ],
)
def test_devices_that_are_not_here(
    error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent() -> list[jax.Device]:
        raise error

    monkeypatch.setattr(jax, "devices", absent)
    for ask in (sharding.devices, sharding.first_device):
        with pytest.raises(
            UserError, match=r"jax finds no devices .*: unset JAX_PLATFORMS"
        ) as told:
            ask()
        assert f"{reason}): unset" in str(told.value)
