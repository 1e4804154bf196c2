"""Training and scoring from Python are those of the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import systems
import toy

import remote_jax
from remote_jax import config as configs
from remote_jax.main import main
from remote_jax.reporting import services
from remote_jax.reporting.results import read_results
from remote_jax.serve import runs
from remote_jax.serve.runs import open_run


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


def test_keys_are_changed_as_on_the_command_line(tmp_path):
    changes = {"train.epochs": 2, "seed": 3}
    found = remote_jax.train(toy.__file__, tmp_path / "one", overrides=changes)
    config = toy.get_config(**{"train.epochs": 2.0, "seed": 3})
    assert remote_jax.train(config, tmp_path / "other") == found
    stored = [json.loads((tmp_path / x / "config.json").read_text()) for x in ("one", "other")]
    assert stored[0] == stored[1] and config.seed == 3

    def says(overrides):
        with pytest.raises(remote_jax.UserError) as error:
            remote_jax.train(config, tmp_path / "none", overrides=overrides)
        return str(error.value)

    assert "did you mean 'train.epochs'" in says({"train.epoch": 3})
    assert "did you mean 'train." in says({"train": 3})
    assert "config.train.batch_size must be a whole number, as 8; found 'many'" in says(
        {"train.batch_size": "many"}
    )
    assert "a whole number at least 1, found 0" in says({"train.batch_size": 0})
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("config", [None, 3, {"system": "toy"}])
def test_what_is_no_config(config, tmp_path):
    with pytest.raises(TypeError, match="train takes a ConfigDict, or the name or file"):
        remote_jax.train(config, tmp_path)


def test_worker_processes_are_started_only_where_asked_for(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(runs.Run, "train", lambda run: asked.append(run.config.data.workers))
    monkeypatch.setattr(runs, "read_results", lambda _: [{"metrics": {}}])
    config = toy.get_config(**{"data.workers": 2})
    remote_jax.train(config, tmp_path)
    remote_jax.train(config, tmp_path, overrides={"data.workers": 3})
    monkeypatch.setattr(runs.Run, "evaluate", lambda run, _: asked.append(run.config.data.workers))
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict()))
    (tmp_path / "checkpoints" / "best" / "1").mkdir(parents=True)
    remote_jax.evaluate(tmp_path, "test")
    assert asked == [0, 3, 0] and config.data.workers == 2


def test_a_script_needs_no_guard(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import remote_jax, toy\n"
        "toy.install()\n"
        "config = toy.get_config(**{'data.workers': 2, 'train.epochs': 1.0})\n"
        f"print(remote_jax.train(config, {str(tmp_path / 'run')!r})['test'])\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "accuracy" in done.stdout


def test_nothing_is_made_where_there_is_no_checkpoint(tmp_path, capsys):
    config = systems.remote(tmp_path / "cache")
    (tmp_path / "run").mkdir()
    configs.write(config, tmp_path / "run")
    with pytest.raises(remote_jax.UserError, match="holds no checkpoint yet"):
        remote_jax.evaluate(tmp_path / "run", "test")
    assert not (tmp_path / "cache").exists() and not capsys.readouterr().out


def test_files_and_pipes_in_place_of_folders(tmp_path):
    file = tmp_path / "file"
    file.write_text("a run?")
    (tmp_path / "piped").mkdir()
    os.mkfifo(tmp_path / "piped" / "config.json")
    for function in (remote_jax.load, lambda path: remote_jax.evaluate(path, "test")):
        with pytest.raises(remote_jax.UserError, match="is a file, expected the folder"):
            function(file)
        with pytest.raises(remote_jax.UserError, match="holds no run"):
            function(file / "run")
        with pytest.raises(remote_jax.UserError, match="not a regular file"):
            function(tmp_path / "piped")
        with pytest.raises(remote_jax.UserError, match="names no folder"):
            function("~nobody of that name")
    with pytest.raises(remote_jax.UserError, match="is a file, expected the folder"):
        remote_jax.train(toy.get_config(), file)
    assert file.read_text() == "a run?"


@pytest.mark.parametrize("mode", ["train", "eval", "predict", "export"])
def test_a_file_as_the_workdir(mode, tmp_path, capsys):
    file, posts = tmp_path / "file", tmp_path / "posts.jsonl"
    file.write_text("")
    posts.write_text("")
    flags = toy.flags_of(mode, posts, tmp_path / "out")
    assert main(["remote-jax", f"--mode={mode}", f"--workdir={file}", *flags]) == 2
    assert "is a file, expected the folder" in capsys.readouterr().err


def test_the_users_own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    found = remote_jax.train(toy.get_config(**{"train.epochs": 1.0}), "~/run")
    assert (tmp_path / "run" / "results.json").exists()
    assert remote_jax.evaluate("~/run", "test") == found["test"]


def test_a_run_of_other_devices(tmp_path):
    found = remote_jax.train(toy.get_config(**{"train.epochs": 1.0}), tmp_path)
    stored = json.loads((tmp_path / "config.json").read_text())
    stored["mesh"]["fsdp"] = 64
    (tmp_path / "config.json").write_text(json.dumps(stored))
    with pytest.raises(remote_jax.UserError, match="asks for data=-1 x fsdp=64"):
        remote_jax.evaluate(tmp_path, "test")
    mesh = {"data": -1, "fsdp": 1, "tensor": 1}
    assert remote_jax.evaluate(tmp_path, "test", mesh=mesh) == pytest.approx(found["test"])
    with pytest.raises(remote_jax.UserError, match=r"Unknown config key 'mesh\.fdsp'"):
        remote_jax.evaluate(tmp_path, "test", mesh={"fdsp": 1})


def test_a_run_that_another_process_began(tmp_path, monkeypatch):
    """Between the look at the folder and its lock."""
    run = open_run(toy.get_config(**{"train.epochs": 1.0}), tmp_path, new=True)
    remote_jax.train(toy.get_config(**{"train.epochs": 1.0}), tmp_path)
    asked = []
    prepare = toy.ToyTask.prepare

    def noted(task, workdir, *, anew):
        asked.append(anew)
        prepare(task, workdir, anew=anew)

    monkeypatch.setattr(toy.ToyTask, "prepare", noted)
    run.train()
    assert asked == [False]
    other = open_run(toy.get_config(seed=1), tmp_path / "other", new=True)
    remote_jax.train(toy.get_config(**{"train.epochs": 1.0}), tmp_path / "other")
    with pytest.raises(remote_jax.UserError, match="was started with"):
        other.train()


def test_services_are_told_of_a_run_and_of_its_end(tmp_path, monkeypatch):
    told = []

    class Service:
        name, title = "mlflow", "A service"

        def __init__(self, place, workdir, settings):
            told.append((place, workdir, settings["train.epochs"]))

        @staticmethod
        def check(place):
            told.append(place)

        def open(self, run):
            told.append(run)
            return "run1"

        def write(self, step, values):
            told.append((step, dict(values)))

        def attach(self, scores, report):
            told.append((scores, report))

        def close(self, ended):
            told.append(ended)

    monkeypatch.setitem(services.SERVICES, "mlflow", Service)
    report = []
    config = toy.get_config(**{"train.epochs": 1.0, "log.mlflow": "exp"})
    run = open_run(config, tmp_path, new=True)
    run.train(lambda folder: report.append(folder) or folder / "report")
    assert told[:3] == ["exp", ("exp", tmp_path, 1.0), None] and told[-1] is True
    assert report == [tmp_path]
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [step for step, _ in told[3:-2]] == [line["step"] for line in lines]
    assert told[3][1]["train/loss"] == lines[0]["loss"]
    scores, folder = told[-2]
    results, _ = read_results(tmp_path / "results.json")
    assert scores["final/test/accuracy"] == results["metrics"]["test"]["accuracy"]
    assert folder == tmp_path / "report"
    # The key may change when a run goes on, and other modes need no service.
    del told[:]
    open_run(toy.get_config(**{"train.epochs": 1.0}), tmp_path, new=True)
    open_run(config, tmp_path, new=False)
    assert told == []
