"""Gauges: what is logged and kept of them, and what is said of a mechanism that does nothing."""

from __future__ import annotations

import json
from pathlib import Path

import gauged
import numpy as np
import pytest
import toy
from flax import nnx
from runs import MESH, arrays, assert_same, before_step, lines, restored

from remote_jax.training import evaluation
from remote_jax.training.checkpoint import Checkpoints
from remote_jax.training.loop import train
from remote_jax.training.record import Record
from remote_jax.training.state import split


def run(workdir: Path, config: gauged.ConfigDict) -> gauged.GaugedTask:
    workdir.mkdir(exist_ok=True)
    task = gauged.make_task(config)
    task.prepare(workdir, anew=True)
    train(task, config, workdir)
    return task


def results(workdir: Path) -> dict:
    return json.loads((workdir / "results.json").read_text())


def deviation(workdir: Path, task: gauged.GaugedTask, split: str) -> float:
    """The gauge of the text layer, from the best parameters alone."""
    best = arrays(workdir, task.config)
    points = np.stack([example["x"] for example in task.examples[split]])
    hidden = points @ best["['best']['text/kernel']"] + best["['best']['text/bias']"]
    return float(hidden.std(0).mean() * task.config.model.spread)


def test_every_validation_logs_gauges_of_outputs_and_of_the_loss(tmp_path: Path) -> None:
    config = gauged.get_config()
    task = run(tmp_path, config)
    bias, found = None, []
    for line in lines(tmp_path):
        if line["split"] == "train":
            bias = line["gauge/bias/size"]
        if line["split"] == "gauges":
            found.append(line["step"])
            assert set(line) == {"step", "split", "text/deviation", "bias/size"}
            assert line["bias/size"] == bias
    assert found == [line["step"] for line in lines(tmp_path) if line["split"] == "validation"]
    evaluation.write_report(task, config, tmp_path)
    for name in ("validation", "test"):
        gauge = results(tmp_path)["gauges"][name]
        assert gauge["text/deviation"] == pytest.approx(deviation(tmp_path, task, name), rel=1e-4)
    assert results(tmp_path)["collapsed"] == []


def test_before_the_first_line_of_the_log_the_means_are_of_all_steps(tmp_path: Path) -> None:
    config = gauged.get_config(**{"train.log_every": 1000, "train.epochs": 2.0})
    run(tmp_path, config)
    found = [line for line in lines(tmp_path) if line["split"] == "gauges"]
    last = [line for line in lines(tmp_path) if line["split"] == "train"][-1]
    assert len(found) == 2 and 0 < found[0]["bias/size"] < found[1]["bias/size"]
    assert found[1]["bias/size"] == last["gauge/bias/size"]


def test_a_planted_collapse_is_said_once_and_is_in_the_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = gauged.get_config(**{"model.spread": 1e-9, "train.eval_every": 0.5})
    task = run(tmp_path, config)
    said = capsys.readouterr().err.splitlines()
    (place,) = [number for number, line in enumerate(said) if "gives every point the same" in line]
    before = [line for line in said[:place] if "validation accuracy" in line]
    assert [line.split(":")[0] for line in before] == ["step 3", "step 6", "step 9"]  # 6.25 a epoch
    evaluation.write_report(task, config, tmp_path)
    (sentence,) = results(tmp_path)["collapsed"]
    told = float(sentence.split("deviation ")[1].rstrip(")"))
    assert told == pytest.approx(deviation(tmp_path, task, "validation"), rel=1e-3)


def test_a_resumed_run_does_not_say_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = gauged.get_config(**{"model.spread": 1e-9})
    run(tmp_path / "whole", config)

    def crash() -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        before_step(patch, 27, crash)
        with pytest.raises(ZeroDivisionError):
            run(tmp_path / "stopped", config)
    assert "gives every point the same" in capsys.readouterr().err
    run(tmp_path / "stopped", config)
    assert "gives every point the same" not in capsys.readouterr().err
    assert_same(tmp_path / "whole", tmp_path / "stopped", config)


def test_a_run_from_before_gauges_is_reported(tmp_path: Path) -> None:
    config = gauged.get_config(**{"train.epochs": 1.0})
    task = run(tmp_path, config)
    _, params, _ = restored(tmp_path, config)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save_best(params, {"step": 99, "metrics": {"accuracy": 0.5}})
    evaluation.write_report(task, config, tmp_path)
    found = results(tmp_path)
    assert found["best_step"] == 99 and found["gauges"]["validation"] == {}
    assert set(found["gauges"]["test"]) == {"text/deviation"} and found["collapsed"] == []
    assert Record.read({"fingerprint": {}, "step": 3}, tmp_path).collapses == []


def test_a_system_without_mechanisms_logs_no_gauges(tmp_path: Path) -> None:
    config = toy.get_config(**{"train.epochs": 1.0})
    task = toy.make_task(config)
    task.prepare(tmp_path, anew=True)
    train(task, config, tmp_path)
    assert {line["split"] for line in lines(tmp_path)} == {"train", "validation"}


def test_answers_are_made_without_what_is_for_gauges_alone(tmp_path: Path) -> None:
    task = gauged.make_task(gauged.get_config())
    task.prepare(tmp_path, anew=True)
    skeleton, params = split(task.model(nnx.Rngs(0)))
    found = {
        gauges: set(
            evaluation.evaluate(
                evaluation.make_predict(task, skeleton, MESH, gauges=gauges),
                params,
                task.dataset("test"),
                task.config,
            )
        )
        for gauges in (True, False)
    }
    assert found[True] - found[False] == {"gauge/hidden"} and "probability" in found[False]
