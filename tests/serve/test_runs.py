"""Training and scoring from Python are those of the command line."""

from __future__ import annotations

import json

import pytest
import toy

import remote_jax
from remote_jax.main import main
from remote_jax.reporting.results import read_results


@pytest.fixture(autouse=True)
def _toy():
    toy.install()


def test_it_is_the_training_of_the_command_line(tmp_path):
    config = toy.get_config(**{"train.epochs": 2.0})
    found = remote_jax.train(config, tmp_path / "library")
    flags = [f"--config={toy.__file__}", "--config.train.epochs=2", f"--workdir={tmp_path / 'run'}"]
    assert main(["remote-jax", *flags]) == 0
    results, _ = read_results(tmp_path / "run" / "results.json")
    assert found == results["metrics"] and set(found) == {"validation", "test"}
    predicted = [(tmp_path / x / "predictions.jsonl").read_bytes() for x in ("library", "run")]
    assert predicted[0] == predicted[1]
    assert remote_jax.train(str(toy.__file__), tmp_path / "short") != found


def test_a_finished_run_is_not_trained_again(tmp_path, monkeypatch):
    config = toy.get_config(**{"train.epochs": 1.0})
    found = remote_jax.train(config, tmp_path)
    monkeypatch.setattr(toy.ToyTask, "prepare", lambda *_, **__: pytest.fail("trains again"))
    assert remote_jax.train(config, str(tmp_path)) == found
    with pytest.raises(remote_jax.UserError, match="was started with seed = 0"):
        remote_jax.train(toy.get_config(seed=1), tmp_path)


def test_splits_are_scored_with_the_best_checkpoint(tmp_path):
    found = remote_jax.train(toy.get_config(), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.glob("*.json*")}
    for split in ("test", "validation"):
        assert remote_jax.evaluate(tmp_path, split) == found[split]
    assert set(remote_jax.evaluate(str(tmp_path), "train")) == {"accuracy"}
    assert {path: path.read_bytes() for path in tmp_path.glob("*.json*")} == before


def test_what_cannot_be_scored(tmp_path):
    with pytest.raises(remote_jax.UserError, match="holds no run"):
        remote_jax.evaluate(tmp_path / "nowhere", "test")
    remote_jax.train(toy.get_config(**{"train.epochs": 1.0}), tmp_path)
    with pytest.raises(remote_jax.UserError, match="no split 'tset'; the data have train, "):
        remote_jax.evaluate(tmp_path, "tset")
    stored = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**stored, "system": "none"}))
    with pytest.raises(remote_jax.UserError, match="Unknown system"):
        remote_jax.evaluate(tmp_path, "test")
