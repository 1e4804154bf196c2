"""Starting from others' parameters: what is taken, by which name, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import systems
import toy
from flax import nnx
from hypothesis import given
from hypothesis import strategies as st

import remote_jax
from remote_jax.encoders import tokenizer as tokenizers
from remote_jax.serve import initial
from remote_jax.serve.initial import matched
from remote_jax.task import NamedAxis, make_task
from remote_jax.training.checkpoint import Checkpoints
from remote_jax.training.state import split


@pytest.fixture(autouse=True)
def _toy():
    toy.install()


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A run of the toy, and its best parameters."""
    toy.install()
    folder = tmp_path_factory.mktemp("source")
    remote_jax.train(toy.get_config(**{"train.epochs": 1.0}), folder)
    return folder, best(folder)


def best(folder: Path, config=None) -> dict[str, np.ndarray]:
    _, shapes = split(toy.make_task(config or toy.get_config()).shapes())
    with Checkpoints(folder, read_only=True) as checkpoints:
        return dict(checkpoints.restore_best(shapes, initial.sharding.first_device())[0])


STILL = {"train.epochs": 0.05, "train.learning_rate": 1e-30, "train.weight_decay": 0.0}
"""One step that moves nothing: the best parameters are those that training started from."""


def begun(folder: Path, source: Path, **changes) -> dict[str, np.ndarray]:
    config = toy.get_config(**{**STILL, "train.init": str(source), "seed": 5})
    model = changes.pop("model", {})
    config.update_from_flattened_dict(changes)
    config.model.update(model)
    remote_jax.train(config, folder)
    return best(folder, config)


def test_a_run_starts_from_another_ones_best_parameters(source, tmp_path, capsys):
    folder, theirs = source
    mine = begun(tmp_path / "run", folder)
    assert mine.keys() == theirs.keys()
    for name in mine:
        np.testing.assert_array_equal(mine[name], theirs[name], err_msg=name)
    assert f"Starts from the parameters of {folder}: 4 of them." in capsys.readouterr().out
    started = json.loads((tmp_path / "run" / "results.json").read_text())["started_from"]
    assert started == {"folder": folder.name, "taken": 4, "fresh": [], "unused": []}


def test_a_run_that_has_begun_needs_its_source_no_more(source, tmp_path, monkeypatch):
    config = toy.get_config(**{"train.epochs": 1.0, "train.init": str(source[0])})
    remote_jax.train(config, tmp_path)
    monkeypatch.setattr(initial, "open_source", lambda *_: pytest.fail("opened again"))
    longer = toy.get_config(**{"train.epochs": 2.0, "train.init": str(source[0])})
    remote_jax.train(longer, tmp_path)
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["started_from"]["taken"] == 4 and results["steps"] == 12


def test_another_number_of_classes_is_refused_or_starts_fresh(source, tmp_path):
    folder, theirs = source
    names = {"model": {"classes": "cabx"}}
    with pytest.raises(remote_jax.UserError) as error:
        begun(tmp_path / "run", folder, **names)
    assert "head/kernel (1 of 4 names: x)" in str(error.value)
    assert "--config.train.init_partial=true" in str(error.value)
    assert not (tmp_path / "run" / "checkpoints" / "latest" / "1").exists()
    mine = begun(tmp_path / "run", folder, **names, **{"train.init_partial": True})
    assert_classes(mine, theirs, "cabx")
    _, fresh = split(toy.make_task(toy.get_config()).model(nnx.Rngs(5)))
    np.testing.assert_array_equal(mine["head/kernel"][:, 3], fresh["head/kernel"][:, 3])


def test_the_same_names_in_another_order_are_no_other_model(source, tmp_path):
    folder, theirs = source
    assert_classes(begun(tmp_path, folder, model={"classes": "dbca"}), theirs, "dbca")


def assert_classes(mine, theirs, names):
    for place, name in enumerate(names):
        if name in "abcd":
            there = "abcd".index(name)
            assert mine["head/bias"][place] == theirs["head/bias"][there]
            np.testing.assert_array_equal(
                mine["head/kernel"][:, place], theirs["head/kernel"][:, there]
            )
    np.testing.assert_array_equal(mine["text/kernel"], theirs["text/kernel"])


def test_other_sizes_are_named(source, tmp_path):
    folder, theirs = source
    with pytest.raises(remote_jax.UserError, match=r"text/kernel \(\[6, 9\] here, \[6, 8\] there"):
        begun(tmp_path / "run", folder, model={"hidden": 9})
    mine = begun(
        tmp_path / "run", folder, model={"hidden": 9}, **{"train.init_partial": True}
    )  # fmt: skip
    np.testing.assert_array_equal(mine["head/bias"], theirs["head/bias"])


def test_what_is_no_source(source, tmp_path):
    def says(folder, **changes):
        with pytest.raises(remote_jax.UserError) as error:
            begun(tmp_path / "run", folder, **changes)
        return str(error.value)

    assert "there is no folder" in says(tmp_path / "nowhere")
    assert "names no folder" in says("~nobody of that name")
    (tmp_path / "empty").mkdir()
    assert "holds no run" in says(tmp_path / "empty")
    assert "holds no checkpoint yet" in says_unfinished(tmp_path, says)
    with pytest.raises(remote_jax.UserError, match="of the system toy, this config of remote"):
        initial.open_source(source[0], systems.remote(tmp_path / "cache"))


def says_unfinished(tmp_path, says):
    (tmp_path / "begun").mkdir()
    remote_jax.config.write(toy.get_config(), tmp_path / "begun")
    return says(tmp_path / "begun")


@given(st.data())
def test_entries_go_by_their_names(data):
    """Against a table written out by name."""
    some = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=6, unique=True)
    here, there, axis = data.draw(some), data.draw(some), data.draw(st.integers(0, 1))

    def table(names, offset):
        rows = np.array([[offset + ord(name), ord(name) / 2] for name in names])
        return rows if axis == 0 else rows.T

    mine, theirs = table(here, 1000), table(there, 2000)
    found = matched(
        {"table": mine, "features/x": mine},
        {"table": theirs, "features/x": theirs},
        [NamedAxis("table", axis, here)],
        [NamedAxis("table", axis, tuple(there))],
    )
    wanted = [(2000 if name in there else 1000) + ord(name) for name in here]
    values = found.params["table"] if axis == 0 else found.params["table"].T
    assert values[:, 0].tolist() == wanted
    assert bool(found.fresh) == (not set(here) <= set(there))
    assert found.params["features/x"] is mine and not found.unused
    np.testing.assert_array_equal(mine, table(here, 1000))  # what was fresh is not written to


def test_parts_that_modalities_number_go_together_or_not_at_all():
    mine, theirs = ({"experts/1/kernel": np.full(2, x), "core": np.full(3, x)} for x in (0.0, 1.0))
    names = [NamedAxis("experts/", None, ["structure", "text"])]
    others = [NamedAxis("experts/", None, ["structure", "image"])]
    found = matched(mine, theirs, names, others)
    assert found.taken == ["core"] and "image there" in found.fresh[0]
    assert matched(mine, theirs, names, names).taken == ["experts/1/kernel", "core"]


def test_every_system_starts_from_a_run_or_an_export(exported, tmp_path):
    """Parameters, tokenizer and all: as in the source, whatever the seed and the data are."""
    system, task, workdir, folder = exported
    named = workdir if system == "roam" else folder
    config = task.config.copy_and_resolve_references()
    with config.unlocked():
        config.seed, config.train.init = 9, str(named)
        if system == "remote":  # other sentences, of which other word pieces would be made
            config.data.sample.seed = 1
    other = make_task(config)
    other.prepare(tmp_path, anew=True)
    source = initial.open_source(named, config)
    _, shapes = split(task.shapes())
    with Checkpoints(workdir, read_only=True) as checkpoints:
        theirs, _ = checkpoints.restore_best(shapes, initial.sharding.first_device())
    _, fresh = split(other.model(nnx.Rngs(9)))
    params, told = source.onto(other, config)(fresh)
    assert told["taken"] == len([x for x in fresh if not x.startswith(("features/", "seen/"))])
    for name in fresh:
        own = fresh if name.startswith(("features/", "seen/")) else theirs
        np.testing.assert_array_equal(params[name], own[name], err_msg=name)
    if system != "roam":
        words = [tokenizers.read(x / "tokenizer").get_vocab() for x in (tmp_path, named)]
        assert words[0] == words[1]
    for axis in other.named_axes():
        for name, value in fresh.items():
            if axis.axis is not None and name.startswith(axis.parameters):
                assert value.shape[axis.axis] == len(axis.names)
