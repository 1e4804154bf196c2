"""Runs that go on to more epochs, and runs whose score stays 0."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import toy
from runs import assert_same, before_step, lines

import remote_jax
from remote_jax import main
from remote_jax.errors import UserError
from remote_jax.training.optimizer import SCHEDULES
from remote_jax.training.plan import Plan
from remote_jax.training.record import Record


@pytest.fixture(autouse=True)
def _toy() -> None:
    toy.install()


def config(epochs: float, **changes: Any) -> Any:
    settings: dict[str, Any] = {"train.schedule": "constant", "train.warmup": 0.0}
    settings |= {"train.average": 0.9, "train.log_every": 6}  # 6: also where 2 epochs end
    return toy.get_config(**{**settings, "train.epochs": epochs, **changes})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four epochs."""
    toy.install()
    folder = tmp_path_factory.mktemp("whole")
    remote_jax.train(config(4.0), folder)
    return folder


def results(folder: Path, name: str = "results.json") -> dict[str, Any]:
    return json.loads((folder / name).read_text())


def test_a_finished_run_goes_on_as_if_it_had_been_longer(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a constant rate: the parameters, the log and the scores are those of one long run."""
    first = remote_jax.train(config(2.0), tmp_path / "parts")
    capsys.readouterr()
    found = remote_jax.train(config(4.0), tmp_path / "parts")
    said = capsys.readouterr()
    assert_same(whole, tmp_path / "parts", config(4.0))
    assert found == results(whole)["metrics"]
    assert "was to have 2 epochs; it goes on to 4." in said.out
    assert "results-2-epochs.json" in said.out and "read once more" in said.out
    assert results(tmp_path / "parts", "results-2-epochs.json")["metrics"] == first
    told = results(tmp_path / "parts")
    assert told["made_longer"] == [{"after": 12, "from": 12, "to": 25}]
    assert told["earlier_results"] == ["results-2-epochs.json"]
    assert results(whole)["made_longer"] == [] and not results(whole)["never_above_zero"]
    assert remote_jax.train(config(4.0), tmp_path / "parts") == found  # it is finished now
    assert len(list(tmp_path.glob("parts/results*"))) == 2


def test_a_run_that_was_stopped_goes_on_to_more_epochs_and_may_be_stopped_again(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stop(Exception):
        pass

    def stop() -> None:
        raise Stop

    for epochs, step in ((2.0, 9), (4.0, 10), (4.0, 22)):
        with monkeypatch.context() as patch:
            before_step(patch, step, stop)
            with pytest.raises(Stop):
                remote_jax.train(config(epochs), tmp_path / "parts")
    remote_jax.train(config(4.0), tmp_path / "parts")
    assert_same(whole, tmp_path / "parts", config(4.0))
    assert results(tmp_path / "parts")["made_longer"] == [{"after": 8, "from": 12, "to": 25}]
    assert results(tmp_path / "parts")["earlier_results"] == []


def test_what_is_killed_before_it_goes_on_is_no_finished_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After the results are set aside, and before anything else is done."""
    remote_jax.train(config(1.0), tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(remote_jax.config, "write", lambda *_: pytest.fail("killed"))
        with pytest.raises(pytest.fail.Exception):
            remote_jax.train(config(3.0), tmp_path)
    assert "was to have 1 epoch; it goes on to 3." in capsys.readouterr().out
    flags = [f"--config={toy.__file__}", f"--workdir={tmp_path}", "--mode=eval"]
    assert main.main(["remote-jax", *flags, "--config.train.epochs=1"]) == 2
    remote_jax.train(config(3.0), tmp_path)
    assert results(tmp_path)["steps"] == 19
    assert [line["step"] for line in lines(tmp_path) if line["split"] == "validation"][-1] == 19


def test_a_linear_schedule_goes_on_as_that_of_the_new_length(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    linear = {"train.schedule": "linear", "train.log_every": 1}
    remote_jax.train(config(2.0, **linear), tmp_path)
    remote_jax.train(config(4.0, **linear), tmp_path)
    assert "learning rate as the schedule of that length" in capsys.readouterr().out
    rates = [line["learning_rate"] for line in lines(tmp_path) if line["split"] == "train"]
    short, long = (
        SCHEDULES["linear"](made, Plan.from_config(made, 50 / made.batch_size).total)
        for made in (config(epochs, **linear).train for epochs in (2.0, 4.0))
    )
    wanted = [*(short(step) for step in range(12)), *(long(step) for step in range(12, 25))]
    np.testing.assert_allclose(rates, wanted, rtol=1e-6)


def test_a_run_begun_before_its_length_was_kept_goes_on() -> None:
    record = Record.read({"fingerprint": {}, "step": 12}, "folder")
    record.goes_to(25)
    assert record.made_longer == [] and record.total == 25
    record.goes_to(25)
    assert record.made_longer == []


def test_a_run_is_not_made_shorter_and_only_training_makes_it_longer(tmp_path: Path) -> None:
    remote_jax.train(config(2.0), tmp_path)
    with pytest.raises(UserError, match=r"train.epochs = 2.0, now it is 1.0: a run can be made lo"):
        remote_jax.train(config(1.0), tmp_path)
    flags = [f"--config={toy.__file__}", f"--workdir={tmp_path}", "--config.train.epochs=3"]
    assert main.main(["remote-jax", "--mode=eval", *flags]) == 2
    assert results(tmp_path)["steps"] == 12


def test_a_score_that_stays_0_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(toy.ToyTask, "metrics", lambda *_: {"accuracy": jnp.float32(0)})
    remote_jax.train(config(4.0), tmp_path)
    said = capsys.readouterr().err
    assert said.count("validation accuracy has been 0 at all 2 validations") == 1
    assert said.count("validation accuracy has been 0 at all 5 validations") == 1
    assert said.count("has been 0") == 2 and "raise train.epochs, now 4," in said
    assert results(tmp_path)["never_above_zero"] is True


@pytest.mark.parametrize(
    ("score", "validations", "stuck"), [(0.0, 1, False), (0.0, 2, True), (0.1, 2, False)]
)
def test_one_validation_of_0_says_nothing(score: float, validations: int, stuck: bool) -> None:
    record = Record(fingerprint={}, validations=validations)
    assert not record.never_above_zero("f1")
    record.best = {"step": 1, "metrics": {"f1": score}}
    assert record.never_above_zero("f1") == stuck
