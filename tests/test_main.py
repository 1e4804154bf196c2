"""The command line: modes, files that are left, and one sentence for every mistake."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import toy

import remote_jax
from remote_jax import main
from remote_jax.commands import arguments
from remote_jax.errors import UserError
from remote_jax.serve import runs

CONFIG = f"--config={Path(toy.__file__)}"


@pytest.fixture(autouse=True)
def _toy() -> None:
    toy.install()


def call(*flags: object) -> int:
    return main.main(["remote_jax", *map(str, flags)])


def mistake(capsys: pytest.CaptureFixture[str], *flags: object) -> str:
    """The sentence that a mistake ends in."""
    assert call(*flags) == 2
    said = capsys.readouterr().err
    assert said.startswith("remote_jax: ") and said.count("\n") == 1 and "Traceback" not in said
    return said


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    toy.install()
    workdir = tmp_path_factory.mktemp("run")
    assert call(CONFIG, f"--workdir={workdir}", "--config.train.epochs=2") == 0
    return workdir


def test_train_leaves_the_files(trained: Path) -> None:
    results = json.loads((trained / "results.json").read_text())
    extra = json.loads((trained / "toy.json").read_text())
    assert extra["split"] == "test" and extra["examples"] > 0
    rows = [json.loads(line) for line in (trained / "predictions.jsonl").read_text().splitlines()]
    assert [row["row"] for row in rows] == list(range(toy.SIZES["test"]))
    assert set(results["metrics"]) == {"validation", "test"}
    assert results["dataset"]["name"] == "toy" and results["seed"] == 0
    assert results["config"]["train"]["epochs"] == 2 and results["steps"] == 12
    assert results["seconds"] > 0 and results["peak_memory_bytes"]["host"] > 1e6
    assert results["parameters"] == (toy.FEATURES + 1) * 8 + 9 * toy.CLASSES
    assert results["code"].startswith("0.")
    assert json.loads((trained / "config.json").read_text()) == results["config"]


def test_without_a_test_split_validation_is_reported_as_validation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toy.ToyTask, "splits", lambda _: ("train", "validation"))
    assert call(CONFIG, f"--workdir={tmp_path}", "--config.train.epochs=1") == 0
    results = json.loads((tmp_path / "results.json").read_text())
    rows = (tmp_path / "predictions.jsonl").read_text().splitlines()
    assert set(results["metrics"]) == {"validation"}
    assert len(rows) == toy.SIZES["validation"]
    assert "\nvalidation: accuracy" in capsys.readouterr().out


def test_a_finished_run_only_reports(
    trained: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toy.ToyTask, "prepare", lambda *_, **__: pytest.fail("reads again"))
    assert call(CONFIG, f"--workdir={trained}", "--config.train.epochs=2") == 0
    said = capsys.readouterr().out
    assert "finished" in said and "Found in test" in said and "accuracy" in said


def test_eval_repeats_the_report_from_the_workdir_alone(trained: Path) -> None:
    before = json.loads((trained / "results.json").read_text())
    rows = (trained / "predictions.jsonl").read_bytes()
    assert call(f"--workdir={trained}", "--mode=eval", "--config.train.eval_batch_size=4") == 0
    after = json.loads((trained / "results.json").read_text())
    assert after["metrics"] == before["metrics"] and after["seconds"] == before["seconds"]
    assert (trained / "predictions.jsonl").read_bytes() == rows


@pytest.mark.parametrize("posts", [1, 3, 11])
def test_predict_answers_every_post(trained: Path, tmp_path: Path, posts: int) -> None:
    source, target = tmp_path / "posts.jsonl", tmp_path / "new" / "answers.jsonl"
    source.write_text(
        "".join(json.dumps({"x": [float(i)] * toy.FEATURES}) + "\n" for i in range(posts))
    )
    paths = (f"--input={source}", f"--output={target}")
    assert call(f"--workdir={trained}", "--mode=predict", *paths) == 0
    assert len(target.read_text().splitlines()) == posts


def test_default_workdir_has_the_name_and_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = arguments.parse(["remote_jax", CONFIG, "--config.seed=3"], "")
    assert found is not None and found.workdir == Path("runs/toy-seed3")
    assert found.config.seed == 3 and found.mode == "train"


def test_overrides_are_typed(capsys: pytest.CaptureFixture[str]) -> None:
    found = arguments.parse(
        ["x", CONFIG, "--config.train.epochs", "1", "--config.data.dir=a b"], ""
    )
    assert found is not None
    assert found.config.train.epochs == 1.0 and found.config.data.dir == "a b"
    assert "batch_size" in mistake(capsys, CONFIG, "--config.train.batch_size=many")


def test_mistakes_on_the_command_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, trained: Path
) -> None:
    def says(*flags: object) -> str:
        return mistake(capsys, *flags)

    assert "--config=NAME" in says()
    assert "no config file nowhere.py" in says("--config=nowhere.py")
    assert "mode" in says(CONFIG, "--mode=exprot")
    assert "did you mean 'workdir'" in says(CONFIG, "--workdri=x")
    assert "Unknown flag --cofnig (did you mean 'config'?)" in says("--cofnig=umre")
    assert "did you mean 'config'" in says("--cofnig", "umre", f"--workdir={tmp_path}")
    assert "argument 'train'; flags look like --mode=train." in says("train")
    assert "Unknown flag --zzzzzz." in says(CONFIG, "--zzzzzz=1")
    assert "Unknown config key 'zzzzzz'." in says(CONFIG, "--config.zzzzzz=1")
    assert "--config=NAME" in says("--config.train.clip", "-1")
    assert "did you mean 'train.epochs'" in says(CONFIG, "--config.train.epoch=3")
    assert "did you mean 'train.epochs'" in says(CONFIG, "--config.epochs=3")
    assert "did you mean 'train." in says(CONFIG, "--config.train=3")
    assert "'extra'" in says(CONFIG, "extra")
    assert "at least 1" in says(CONFIG, "--config.train.batch_size=0")
    assert "Unknown system 'tyo'" in says(CONFIG, "--config.system=tyo")
    assert "--input" in says(f"--workdir={trained}", "--mode=predict")
    assert "for --mode=predict" in says(CONFIG, f"--input={tmp_path}", f"--output={tmp_path}")
    assert "holds no run" in says(f"--workdir={tmp_path}", "--mode=eval")
    assert "holds no run" in says(CONFIG, f"--workdir={tmp_path}", "--mode=eval")
    changed = says(CONFIG, f"--workdir={trained}", "--config.model.hidden=9")
    assert "train.epochs" in changed or "model.hidden = 8, now it is 9" in changed


def test_a_workdir_that_cannot_be_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    said = mistake(capsys, CONFIG, f"--workdir={tmp_path / 'file' / 'run'}")
    assert f"Cannot write {tmp_path / 'file' / 'run'}: Not a directory." in said
    (tmp_path / "train.lock").mkdir()
    said = mistake(capsys, CONFIG, f"--workdir={tmp_path}")
    assert f"Cannot write {tmp_path / 'train.lock'}: Is a directory." in said


def test_eval_leaves_an_unfinished_run_unfinished(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, trained: Path
) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    (run / "results.json").unlink()
    assert "is not finished" in mistake(capsys, f"--workdir={run}", "--mode=eval")
    assert not (run / "results.json").exists()


def test_predict_before_the_first_checkpoint(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(toy.get_config().to_dict()))
    posts = tmp_path / "posts.jsonl"
    posts.write_text("{}")
    flags = (f"--workdir={tmp_path}", "--mode=predict", f"--input={posts}", f"--output={posts}2")
    assert "no checkpoint yet" in mistake(capsys, *flags)


def test_a_start_that_fails_leaves_no_config_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise UserError("There is no data folder x.")

    monkeypatch.setattr(toy.ToyTask, "prepare", missing)
    assert "no data folder" in mistake(capsys, CONFIG, f"--workdir={tmp_path}")
    assert not (tmp_path / "config.json").exists()


def test_until_its_first_checkpoint_a_run_begins_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    prepare = toy.ToyTask.prepare

    def watched(task: toy.ToyTask, workdir: Path, *, anew: bool) -> None:
        asked.append(anew)
        prepare(task, workdir, anew=anew)

    monkeypatch.setattr(toy.ToyTask, "prepare", watched)
    flags = (CONFIG, f"--workdir={tmp_path}", "--config.train.epochs=1")
    assert call(*flags, "--config.train.learning_rate=1e30") == 2
    said = capsys.readouterr().err.splitlines()[-1]  # on a slow machine progress comes before it
    assert said.startswith("remote_jax: ") and "train.learning_rate" in said
    assert call(*flags, "--config.train.save_every=2") == 0
    assert asked == [True, True]
    assert json.loads((tmp_path / "config.json").read_text())["train"]["learning_rate"] < 1
    (tmp_path / "results.json").unlink()
    assert call(*flags) == 0 and asked[-1] is False


def test_eval_and_resume_refuse_other_data(
    trained: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (trained / "results.json").read_bytes()
    monkeypatch.setattr(toy.ToyTask, "fingerprint", lambda _: {"name": "toy", "sha256": "0"})
    said = mistake(capsys, f"--workdir={trained}", "--mode=eval")
    assert "data have changed since the run was started (in sha256)" in said
    assert (trained / "results.json").read_bytes() == before


def test_a_run_is_trained_by_one_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with runs.locked(tmp_path):
        assert "Another process trains" in mistake(capsys, CONFIG, f"--workdir={tmp_path}")
    assert not (tmp_path / "config.json").exists()
    with runs.locked(tmp_path):
        pass


def test_a_checkpoint_of_another_model(
    capsys: pytest.CaptureFixture[str], trained: Path, tmp_path: Path
) -> None:
    config = json.loads((trained / "config.json").read_text())
    config["model"]["hidden"] = 9
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "checkpoints").symlink_to(trained / "checkpoints")
    (tmp_path / "results.json").symlink_to(trained / "results.json")
    said = mistake(capsys, f"--workdir={tmp_path}", "--mode=eval")
    assert "head/kernel is float32[8, 4] in it, float32[9, 4]" in said


def test_help_names_the_flags(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--help") == 0
    said = capsys.readouterr().out
    assert all(name in said for name in ("--config", "--workdir", "--mode", "--input"))


def test_an_error_of_ours_keeps_its_trace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(toy.ToyTask, "prepare", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        call(CONFIG, f"--workdir={tmp_path}")


def test_help_of_a_config_names_its_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--config=umre:paper", "--help") == 0
    assert "--config.train.learning_rate=1e-05" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--version") == 0
    assert capsys.readouterr().out == f"{remote_jax.__version__}\n"


def test_a_sweep_is_a_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    flags = ("--config=umre", f"--workdir={tmp_path}", "--seeds=one", "--variant=all:")
    assert call("sweep", *flags) == 2
    assert "remote-jax sweep: A sweep needs" in capsys.readouterr().err


@pytest.mark.parametrize("command", main.COMMANDS)
@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [(KeyboardInterrupt(), 130, "interrupted"), (UserError("It is so."), 2, "It is so.")],
)
def test_commands_end_as_the_modes_do(
    command: str,
    raised: BaseException,
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(_: list[str]) -> int:
        raise raised

    monkeypatch.setattr(importlib.import_module(main.COMMANDS[command]), "main", stop)
    assert call(command) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("flags", [["--help"], ["--version"], ["doctor", "--help"]])
def test_a_reader_that_has_gone_leaves_no_trace(flags: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "remote_jax.main", *flags]
    try:
        done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (main.UNREAD, "")


def test_another_broken_pipe_keeps_its_trace(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(toy.ToyTask, "prepare", broken)
    with pytest.raises(BrokenPipeError):
        call(CONFIG, f"--workdir={tmp_path}")
