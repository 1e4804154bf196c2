"""Settings of the task: other losses and cores, and what does not go together."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from small_graph import config, write_graph

from remote_jax import main
from remote_jax.commands.arguments import Arguments
from remote_jax.errors import UserError
from remote_jax.main import run
from remote_jax.roam.task import make_task


def test_sampled_negatives_learn_too(tmp_path: Path) -> None:
    write_graph(tmp_path)
    changes = {"model.negatives": 12, "train.epochs": 30.0, "train.learning_rate": 1.5e-2}
    changes |= {"train.sparse_tables": True}
    run(Arguments("train", config(tmp_path, tmp_path / "cache", **changes), tmp_path / "run", None))
    rows = [json.loads(line) for line in (tmp_path / "run/predictions.jsonl").open()]
    tails = [row for row in rows if row["direction"] == "tail" and row["relation"] == "lives_in"]
    assert np.mean([1 / row["rank"] for row in tails]) > 0.9


@pytest.mark.parametrize("penalty", ["cubes", "duality"])
def test_a_complex_core_learns_that_mates_mate_back(tmp_path: Path, penalty: str) -> None:
    write_graph(tmp_path)
    changes = {"model.core": "complex", f"model.penalty.{penalty}": 0.01, "model.answers": 1.0}
    changes |= {"model.dropout.matrix": 0.0, "model.dropout.query": 0.0, "features.image": ""}
    changes |= {"train.optimizer": "adagrad", "train.learning_rate": 0.1}
    changes |= {"train.new_learning_rate": 1e-3, "train.schedule": "constant", "train.epochs": 30.0}
    run(Arguments("train", config(tmp_path, tmp_path / "cache", **changes), tmp_path / "run", None))
    rows = [json.loads(line) for line in (tmp_path / "run/predictions.jsonl").open()]
    known = (tmp_path / "train.txt").read_text().splitlines()
    told = [r for r in rows if f"{r['tail']}\t{r['relation']}\t{r['head']}" in known]
    assert told and np.mean([1 / row["rank"] for row in told]) > 0.9


def test_a_penalty_wants_a_complex_core(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"penalty.duality is 0.1, which is for model.core=complex"):
        make_task(config(tmp_path, tmp_path, **{"model.penalty.duality": 0.1}))


def test_negatives_want_a_softmax(tmp_path: Path) -> None:
    changes = {"model.negatives": 8, "model.loss": "sigmoid"}
    with pytest.raises(UserError, match=r"negatives is 8 with model.loss=sigmoid; .* softmax"):
        make_task(config(tmp_path, tmp_path, **changes))


def test_a_complex_core_wants_pairs_of_numbers(tmp_path: Path) -> None:
    for changes in ({"model.dim": 15, "model.relation_dim": 15}, {"model.relation_dim": 8}):
        with pytest.raises(UserError, match="must be the same even number"):
            make_task(config(tmp_path, tmp_path, **{"model.core": "complex", **changes}))


def test_the_paper_preset_needs_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    flags = ["--config=configs/mkg_y.py:paper", f"--workdir={tmp_path}"]
    assert main.main(["remote_jax", *flags]) == 2
    assert "--config.data.dir=FOLDER" in capsys.readouterr().err


def test_nothing_to_tell_entities_by(tmp_path: Path) -> None:
    write_graph(tmp_path)
    changes = {"features.structure": False, "features.image": ""}
    task = make_task(config(tmp_path, tmp_path / "cache", **changes))
    with pytest.raises(UserError, match="told by nothing"):
        task.prepare(tmp_path / "run", anew=True)
