"""A run on a graph whose splits overlap: what is chosen by, what is said, what results have."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ml_collections import ConfigDict
from small_graph import config, write_graph

from remote_jax.commands.arguments import Arguments
from remote_jax.config import runs
from remote_jax.errors import UserError
from remote_jax.main import run
from remote_jax.roam.data import triples
from remote_jax.roam.task import make_task


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def overlapping(folder: Path) -> dict[str, list[str]]:
    """A small graph with training rows and repetitions in validation, and training rows in test."""
    folder.mkdir()
    write_graph(folder)
    found = {split: lines(folder / f"{split}.txt") for split in ("train", "valid", "test")}
    found["valid"] += found["train"][:2] + found["valid"][:1] + found["test"][:1]
    found["test"] += found["train"][3:5]
    for split, rows in found.items():
        (folder / f"{split}.txt").write_text("\n".join(rows) + "\n")
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    overlapping(tmp_path / "data")
    return tmp_path / "data"


def settings(folder: Path, **changes: object) -> ConfigDict:
    short = {"train.epochs": 2.0, "train.eval_every": 1.0}
    return config(folder, folder.parent / "cache", **short, **changes)


def test_a_run_says_and_keeps_what_was_cleaned(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(Arguments("train", settings(folder), tmp_path / "run", None))
    said = capsys.readouterr().out
    cleaned = "of 11 rows 2 stand in training, 1 stand in test, 1 are duplicates; 7 are left"
    assert said.index(cleaned) < said.index("test: by direction")
    assert "2 of 9 test rows stand in training" in said
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["dataset"]["validation"]["triples"] == 11
    assert results["dataset"]["cleaned"]["left"] == 7
    rows = [json.loads(line) for line in lines(tmp_path / "run" / "predictions.jsonl")]
    learnt = {tuple(line.split("\t")) for line in lines(folder / "train.txt")}
    rest = [r["rank"] for r in rows if (r["head"], r["relation"], r["tail"]) not in learnt]
    metrics = results["metrics"]
    assert list(metrics) == ["validation", "test without leaked rows", "test"]
    assert len(rows) == 18 and len(rest) == 14
    assert metrics["test"]["mrr"] == pytest.approx(np.mean([1 / row["rank"] for row in rows]))
    assert metrics["test without leaked rows"]["mrr"] == pytest.approx(np.mean(1 / np.array(rest)))
    (table,) = [t for t in results["tables"] if t["title"] == "test: 2 of 9 rows stand in training"]
    assert table["rows"][0][-1] == 18 and table["rows"][1][-1] == 14
    assert table["rows"][1][1] == pytest.approx(metrics["test without leaked rows"]["mrr"])


def test_without_cleaning_splits_are_those_of_the_files(folder: Path, tmp_path: Path) -> None:
    published = triples.read(folder)
    tasks = {}
    for clean in (True, False):
        tasks[clean] = make_task(settings(folder, **{"data.clean": clean}))
        (tmp_path / str(clean)).mkdir()
        tasks[clean].prepare(tmp_path / str(clean), anew=True)
    for split, rows in published.splits.items():
        np.testing.assert_array_equal(tasks[False].graph.splits[split], rows)
    assert len(tasks[False].dataset("validation")) == 22
    assert len(tasks[True].dataset("validation")) == 14
    kept, bare = (tasks[clean].fingerprint() for clean in (True, False))
    assert kept.pop("cleaned") and kept == bare
    assert tasks[True].title() == tasks[False].title()


def test_a_run_from_before_there_was_cleaning_is_not_cleaned(folder: Path, tmp_path: Path) -> None:
    stored = settings(folder).to_dict()
    del stored["data"]["clean"]
    (tmp_path / "config.json").write_text(json.dumps(stored))
    assert runs.read(tmp_path).data.clean is False


def test_validation_that_would_be_empty(folder: Path, tmp_path: Path) -> None:
    (folder / "valid.txt").write_text("\n".join(lines(folder / "train.txt")[:2]) + "\n")
    (folder / "train.txt").write_text("\n".join(lines(folder / "train.txt")[:19]) + "\n")
    task = make_task(settings(folder))
    with pytest.raises(UserError, match="Every one of 2 validation triples stands in training"):
        task.prepare(tmp_path, anew=True)


@pytest.mark.parametrize(("key", "value"), [("features.noise", 0.1), ("model.features_dim", 8)])
def test_what_needs_features(folder: Path, tmp_path: Path, key: str, value: float) -> None:
    task = make_task(settings(folder, **{key: value, "features.image": ""}))
    with pytest.raises(UserError, match=rf"{key} is {value}, and there are no features"):
        task.prepare(tmp_path, anew=True)


@pytest.mark.parametrize(
    ("dim", "said", "width"),
    [
        (2, "reduced by PCA from 6 to 2 numbers, which hold ", 2),
        (6, "not reduced, as model.features_dim is not below their 6 numbers", 6),
    ],
)
def test_features_are_reduced_once(
    dim: int, said: str, width: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_graph(tmp_path)
    task = make_task(config(tmp_path, tmp_path / "cache", **{"model.features_dim": dim}))
    (tmp_path / "run").mkdir()
    task.prepare(tmp_path / "run", anew=True)
    told = capsys.readouterr().out
    assert said in told and f"image ({width} numbers of 36 of 42)" in told
    assert task.fingerprint()["reading"]["features"]["image"]["reduced"]["to"] == width
    for file in ("image.npz", "train.txt"):  # a run needs neither
        (tmp_path / file).unlink()
    again = make_task(config(tmp_path, tmp_path / "cache", **{"model.features_dim": dim}))
    again.prepare(tmp_path / "run", anew=False)
    assert again.shapes().features["image"].values.shape == (64, width)


def test_features_of_a_run_from_before_are_as_they_were(tmp_path: Path) -> None:
    stored = config(tmp_path, tmp_path).to_dict()
    del stored["model"]["features_dim"]
    (tmp_path / "config.json").write_text(json.dumps(stored))
    assert runs.read(tmp_path).model.features_dim == 0
