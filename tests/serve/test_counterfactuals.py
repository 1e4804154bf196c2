"""`--mode=eval --without`: scores of a trained model with mechanisms replaced."""

from __future__ import annotations

import json
from pathlib import Path

import gauged
import numpy as np
import pytest
import toy
from runs import arrays

from remote_jax import main
from remote_jax.errors import UserError
from remote_jax.task import check_mechanisms

CONFIG = f"--config={Path(gauged.__file__)}"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    gauged.install()
    workdir = tmp_path_factory.mktemp("run")
    assert call(CONFIG, f"--workdir={workdir}") == 0
    return workdir


def call(*flags: object) -> int:
    return main.main(["remote_jax", *map(str, flags)])


def mistake(capsys: pytest.CaptureFixture[str], *flags: object) -> str:
    assert call(*flags) == 2
    said = capsys.readouterr().err
    assert said.startswith("remote_jax: ") and said.count("\n") == 1
    return said


def kept(workdir: Path) -> dict:
    return json.loads((workdir / "without.json").read_text())


def accuracy(workdir: Path, taken: str) -> float:
    """Of the test split, from the best parameters alone."""
    config = gauged.get_config()
    task = gauged.make_task(config)
    task.prepare(workdir, anew=False)
    best = {name[:-2]: value for name, value in arrays(workdir, config).items() if "best" in name}
    points = np.stack([example["x"] for example in task.examples["test"]])
    hidden = points @ best["['best']['text/kernel"] + best["['best']['text/bias"]
    hidden = np.maximum(hidden, 0) * ("text" not in taken)
    logits = hidden @ best["['best']['head/kernel"]
    logits = logits + ("bias" not in taken) * best["['best']['head/bias"]
    return float((logits.argmax(-1) == task.labels("test")).mean())


@pytest.mark.parametrize(
    ("asked", "name", "sets"),
    [
        ("text", "text", ["text"]),
        ("bias", "bias", ["bias"]),
        ("bias,text", "text,bias", ["text, bias"]),
        ("each", "each", ["text", "bias"]),
    ],
)
def test_the_table_has_scores_with_and_without(
    asked: str, name: str, sets: list[str], trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (trained / "results.json").read_bytes()
    assert call("--mode=eval", f"--workdir={trained}", f"--without={asked}") == 0
    said = capsys.readouterr().out
    found = kept(trained)[name]
    whole = json.loads(before)["metrics"]["test"]["accuracy"]
    expected = [
        [taken, "accuracy", whole, accuracy(trained, taken), accuracy(trained, taken) - whole]
        for taken in sets
    ]
    assert whole == pytest.approx(accuracy(trained, ""))
    assert [row[:2] for row in found["table"]["rows"]] == [row[:2] for row in expected]
    for row, right in zip(found["table"]["rows"], expected, strict=True):
        assert row[2:] == pytest.approx(right[2:])
        assert f"{right[3]:.4f}" in said
    assert found["best_step"] == json.loads(before)["best_step"] and found["split"] == "test"
    assert "zeros for text" in said or "text" not in asked + name
    assert (trained / "results.json").read_bytes() == before


def test_taking_the_text_away_costs_something(trained: Path) -> None:
    assert accuracy(trained, "text") < accuracy(trained, "") - 0.2


def test_tables_of_a_run_are_kept_together(trained: Path) -> None:
    for name in ("text", "each", "text"):
        assert call("--mode=eval", f"--workdir={trained}", f"--without={name}") == 0
    assert {"text", "each"} <= set(kept(trained))


def test_mistakes(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def says(*flags: object) -> str:
        return mistake(capsys, *flags)

    run = ("--mode=eval", f"--workdir={trained}")
    unknown = says(*run, "--without=txt")
    assert "no mechanism 'txt' (did you mean 'text'?)" in unknown
    assert "text (zeros); bias (none at all)" in unknown
    assert "no mechanism 'each'" in says(*run, "--without=each,text")
    assert "--without needs names" in says(*run, "--without=text,,bias")
    assert "--without needs names" in says(*run, "--without=")
    for flags in (
        [CONFIG],
        ["--mode=export", f"--output={tmp_path / 'x'}"],
        ["--mode=predict", f"--input={tmp_path / 'x'}", f"--output={tmp_path / 'y'}"],
    ):
        said = says(*flags, f"--workdir={trained}", "--without=text")
        assert "--without is for --mode=eval" in said
    (tmp_path / "run").mkdir()
    for name in ("config.json", "checkpoints", "results.json"):
        (tmp_path / "run" / name).symlink_to(trained / name)
    (tmp_path / "run" / "without.json").write_text("[1]")
    said = says("--mode=eval", f"--workdir={tmp_path / 'run'}", "--without=text")
    assert "without.json is not the file of tables" in said
    (tmp_path / "run" / "results.json").unlink()
    said = says("--mode=eval", f"--workdir={tmp_path / 'run'}", "--without=text")
    assert "is not finished" in said


def test_a_system_without_mechanisms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    toy.install()
    flags = (f"--config={Path(toy.__file__)}", f"--workdir={tmp_path}")
    assert call(*flags, "--config.train.epochs=1") == 0
    capsys.readouterr()
    for names in ("each", "text"):
        said = mistake(capsys, "--mode=eval", f"--workdir={tmp_path}", f"--without={names}")
        assert "nothing to take away" in said
    assert not (tmp_path / "without.json").exists()


def test_the_names_of_all_systems() -> None:
    check_mechanisms((), {})
    check_mechanisms(("a",), {"a": "nothing"})
    with pytest.raises(UserError, match="no mechanism 'b'"):
        check_mechanisms(("a", "b"), {"a": "nothing"})
