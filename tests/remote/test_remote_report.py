"""The report of a run of REMOTE, whose checkpoint is noise: its pictures, the experts of a pair."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import numpy as np
import pytest
import systems
from tiny_remote import tiny

pytest.importorskip("plotly", reason="of the extra `report`")

from remote_jax.remote.task import make_task
from remote_jax.report import finished
from remote_jax.report.intervals import of_scores
from remote_jax.report.systems import remote
from remote_jax.report.view import View
from remote_jax.runtime import sharding
from remote_jax.training.evaluation import best_model, write_report


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("remote")
    config = tiny(folder / "cache", **{"train.eval_batch_size": 16})
    systems.begin(config, folder / "run")
    task = make_task(config)
    task.prepare(folder / "run", anew=False)
    write_report(task, config, folder / "run")
    (folder / "run" / "metrics.jsonl").touch()
    return folder / "run"


@pytest.fixture(scope="module")
def view(trained: Path) -> View:
    return remote.view(finished.read(trained))


def test_scores_have_intervals_around_them(trained: Path, view: View) -> None:
    scores = finished.read(trained).scores
    intervals = of_scores(scores, view.measured)
    for name, (low, high) in intervals.items():
        assert low - 1e-9 <= scores[name] <= high + 1e-9, name
    assert intervals.keys() == {"f1", "precision", "recall", "accuracy"}


def test_posts_have_their_pictures_and_the_boxes_of_pairs(trained: Path, view: View) -> None:
    browser = view.browser
    assert len(browser.posts) == 8 == len({one.picture for one in browser.posts})
    for post, objects in zip(browser.post, browser.objects, strict=True):
        shown = browser.posts[post]
        assert shown.picture.startswith("data:image/jpeg;base64,")
        assert all(number < len(shown.boxes) for number in objects)
    for post, marks, row in zip(
        browser.post, browser.marks, finished.read(trained).rows, strict=True
    ):
        for start, end, end_of in marks:
            assert " ".join(browser.posts[post].words[start:end]) == row[end_of]


def test_experts_of_a_pair_are_what_the_model_gives_that_pair_alone(
    trained: Path, view: View
) -> None:
    config = finished.read(trained).results["config"]
    task = make_task(tiny(Path(config["data"]["cache"])))
    task.prepare(trained, anew=False)
    skeleton, params, _ = best_model(task, trained, sharding.first_device())
    model, data = skeleton.model(params), task.dataset("test")
    alone = jax.jit(lambda batch: model.observed(batch)[1])
    shown = {one.title.rpartition(" ")[2]: one.values for one in view.browser.weights}
    assert shown.keys() == {"text", "vision"}
    for row in (0, 3, 7):
        gauges = alone({name: np.asarray(x)[None] for name, x in data[row].items()})
        for modality, values in shown.items():
            if values[row]:
                found = np.asarray(gauges[f"{modality}/router"][0])
                np.testing.assert_allclose(values[row], found, atol=1e-5)
    assert any(shown["vision"][row] for row in (0, 3, 7))


def test_a_run_whose_data_are_gone_is_shown_without_pictures(trained: Path, tmp_path: Path) -> None:
    for name in ("metrics.jsonl", "predictions.jsonl", "relations.json"):
        (tmp_path / name).write_bytes((trained / name).read_bytes())
    results = json.loads((trained / "results.json").read_text())
    results["config"]["data"]["cache"] = str(tmp_path / "none")
    (tmp_path / "results.json").write_text(json.dumps(results))
    for post in remote.view(finished.read(tmp_path)).browser.posts:
        assert not post.picture and post.lines[-1].startswith("No picture is shown: ")
