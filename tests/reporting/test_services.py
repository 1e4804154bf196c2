"""W&B and MLflow, the real libraries, get what `metrics.jsonl` has; they speak to nobody here."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from logged_lines import SCORES, logged, write
from PIL import Image

from remote_jax.errors import UserError
from remote_jax.reporting.logs import MetricsLog
from remote_jax.reporting.trackers import State, check, opened

PLACES = {"wandb": "proj", "mlflow": "exp"}
SETTINGS = {"train.epochs": 3.0, "data.dir": "", "mesh.sizes": [1, 2], "profile": False}


class Stopped(Exception):
    """A run is."""


@pytest.fixture(scope="module", autouse=True)
def _nobody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Both libraries keep to this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("WANDB_ERROR_REPORTING", "false")
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # a database takes 10 seconds to make
        patch.setenv("MLFLOW_TRACKING_URI", tmp_path_factory.mktemp("mlflow").as_uri())
        yield


def go(
    workdir: Path,
    start: int,
    last: int,
    places: Mapping[str, str] = PLACES,
    *,
    report: Path | None = None,
    stops: bool = False,
) -> None:
    """Goes on from a step to another one, and ends there or is stopped."""
    with opened(places, workdir, SETTINGS) as found:
        log = MetricsLog(workdir, start, found)
        for step in range(start + 1, last + 1):
            write(log, step)
        log.close()
        if stops:
            raise Stopped
        for one in found:
            one.attach(SCORES, report)


def records(path: Path) -> Iterator[Any]:
    """What W&B wrote: its messages, in records of LevelDB's log format after 7 bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, whole = path.read_bytes(), 7, b""
    while at < len(data):
        room = 32768 - at % 32768
        if room < 7:
            at += room
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # a whole one, or the last part of one
            yield Record.FromString(whole)
            whole = b""


def in_wandb(workdir: Path) -> tuple[dict[tuple[str, int], float], list[str], list[Any]]:
    """Numbers by name and step, ids of runs, and all records; each number is there once."""
    found: dict[tuple[str, int], float] = {}
    every = [
        record
        for path in sorted(workdir.glob("wandb/offline-run-*/*.wandb"), key=os.path.getmtime)
        for record in records(path)
    ]
    for record in every:
        for item in record.history.item:
            key = ((item.key or "/".join(item.nested_key)), record.history.step.num)
            if key[0].partition("/")[0] in ("train", "validation", "gauges"):
                assert key not in found
                found[key] = json.loads(item.value_json)
    return found, [record.run.run_id for record in every if record.run.run_id], every


def in_mlflow(run: str) -> dict[tuple[str, int], float]:
    """Numbers by name and step, each of which is there once."""
    from mlflow import MlflowClient

    client, found = MlflowClient(), {}
    for name in client.get_run(run).data.metrics:
        for one in client.get_metric_history(run, name):
            assert (name, one.step) not in found
            found[name, one.step] = one.value
    return found


def as_mlflow(values: Mapping[tuple[str, int], float]) -> dict[tuple[str, int], float]:
    return {(name.replace("@", "_"), step): value for (name, step), value in values.items()}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that was stopped after step 4 and went on from step 3, to its end and a report."""
    from mlflow import MlflowClient

    workdir = tmp_path_factory.mktemp("some") / "runs" / "umre-seed0"
    (workdir / "report" / "figures").mkdir(parents=True)
    (workdir / "report" / "report.html").write_text("<p>A report.</p>")
    Image.new("RGB", (4, 3)).save(workdir / "report" / "figures" / "loss.png")
    with pytest.raises(Stopped):
        go(workdir, 0, 4, stops=True)
    stopped = State.read(workdir / "mlflow.json")
    assert stopped is not None and stopped.lines == 8
    assert MlflowClient().get_run(stopped.run).info.status == "KILLED"
    go(workdir, 3, 6, report=workdir / "report")
    return workdir


def test_a_resumed_run_is_one_run_in_wandb(run: Path) -> None:
    found, runs, every = in_wandb(run)
    assert found == logged(run) and len(found) == 6 * 3 + 3 * 3
    assert len(runs) == 2 and len(set(runs)) == 1
    assert State.read(run / "wandb.json") == State("proj", runs[0], 12)
    first = next(record.run for record in every if record.run.run_id)
    assert (first.project, first.display_name) == ("proj", "runs/umre-seed0")
    config = {
        one.key: json.loads(one.value_json) for record in every for one in record.config.update
    }
    assert {key: config[key] for key in SETTINGS} == SETTINGS
    summary = {
        one.key: json.loads(one.value_json) for record in every for one in record.summary.update
    }
    assert {key: summary[key] for key in SCORES} == SCORES
    assert [record.exit.exit_code for record in every if record.HasField("exit")] == [1, 0]


def test_the_report_and_its_figures_are_in_wandb(run: Path) -> None:
    media = {path.parent.name: path for path in run.glob("wandb/offline-run-*/files/media/*/*")}
    assert media["html"].read_text() == "<p>A report.</p>"
    (figure,) = run.glob("wandb/offline-run-*/files/media/images/figures/*.png")
    assert Image.open(figure).size == (4, 3)
    artifacts = [one.artifact for one in in_wandb(run)[2] if one.HasField("artifact")]
    (manifest,) = [artifact.manifest for artifact in artifacts]
    assert {one.path for one in manifest.contents} == {"report.html", "figures/loss.png"}


def test_a_resumed_run_is_one_run_in_mlflow(run: Path) -> None:
    from mlflow import MlflowClient

    state = State.read(run / "mlflow.json")
    assert state is not None and (state.place, state.lines) == ("exp", 12)
    found = in_mlflow(state.run)
    final = {(name, 6): value for name, value in SCORES.items()}
    assert found == as_mlflow({**logged(run), **final})
    client = MlflowClient()
    kept = client.get_run(state.run)
    assert (kept.info.status, kept.info.run_name) == ("FINISHED", "runs/umre-seed0")
    assert client.get_experiment(kept.info.experiment_id).name == "exp"
    assert kept.data.params == {key: str(value) for key, value in SETTINGS.items()}
    artifacts = {one.path for one in client.list_artifacts(state.run, "report")}
    assert artifacts == {"report/report.html", "report/figures"}


def test_a_service_that_is_named_later_gets_all(tmp_path: Path) -> None:
    go(tmp_path, 0, 2, {})
    go(tmp_path, 2, 4, {"wandb": "", "mlflow": "later"})
    first = State.read(tmp_path / "mlflow.json")
    go(tmp_path, 4, 5, {"mlflow": "another"})
    second = State.read(tmp_path / "mlflow.json")
    assert first is not None and second is not None and first.run != second.run
    found = {key: x for key, x in in_mlflow(second.run).items() if not key[0].startswith("final")}
    assert found == as_mlflow(logged(tmp_path))
    assert ("train/loss", 5) not in in_mlflow(first.run)


def test_names_that_wandb_does_not_take() -> None:
    check({"wandb": "a project"})
    with pytest.raises(UserError, match=r"config\.log\.wandb is 'a/b': Invalid project name"):
        check({"wandb": "a/b"})


def test_wandb_without_an_account(tmp_path: Path) -> None:
    code = (
        "from remote_jax.errors import UserError\n"
        "from remote_jax.reporting.trackers import check\n"
        "try:\n"
        "    check({'wandb': 'p'})\n"
        "except UserError as error:\n"
        "    print(error)\n"
    )
    hidden = ("WANDB_API_KEY", "WANDB_MODE")
    environ = {key: value for key, value in os.environ.items() if key not in hidden}
    environ |= {"HOME": str(tmp_path), "NETRC": str(tmp_path / "none"), "WANDB_MODE": "online"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=120
    )
    assert "no account is known here: run `wandb login`" in done.stdout, done.stderr
