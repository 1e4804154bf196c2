"""Services get the lines of a run once each, in order, and what fails there ends nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from logged_lines import SCORES, logged, write

from remote_jax.commands import attached
from remote_jax.errors import UserError
from remote_jax.reporting import services, trackers
from remote_jax.reporting.logs import MetricsLog
from remote_jax.reporting.trackers import Remote, check


class Fake:
    """A service that keeps what it is told."""

    name, title = "mlflow", "A service"

    def __init__(self, *_: object, fails_at: int = 99) -> None:
        self.told: list[Any] = []
        self.fails_at = fails_at

    def open(self, run: str | None) -> str:
        self.told.append(run)
        return run or f"run{len(self.told)}"

    def write(self, step: int, values: Mapping[str, float]) -> None:
        if step == self.fails_at:
            raise ConnectionError("the network\nis away")
        self.told.append(step)

    def attach(self, scores: Mapping[str, float], report: Path | None) -> None:
        self.told.append((scores, report))

    def close(self, ended: bool) -> None:
        self.told.append(ended)


def remote(service: Any, workdir: Path) -> Remote:
    return Remote(service, "exp", workdir)


def test_a_run_that_begins_anew_is_another_run(tmp_path: Path) -> None:
    for start, given in ((0, None), (0, None), (2, "run1")):
        service = Fake()
        one = remote(service, tmp_path)
        log = MetricsLog(tmp_path, start, [one])
        for step in range(start + 1, 3):
            write(log, step)
        log.close()
        one.close(ended=True)
        assert service.told == [given, *([1, 2, 2, 2] if start == 0 else []), True]


def test_a_failure_is_said_once_and_ends_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Fake(fails_at=2)
    one = remote(service, tmp_path)
    log = MetricsLog(tmp_path, 0, [one])
    for step in range(1, 9):
        write(log, step)
    log.close()
    one.attach(SCORES, None)
    one.close(ended=True)
    assert service.told == [None, 1]
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("A service failed (the network is away); this run goes on without it.")
    assert len(logged(tmp_path)) == 8 * 3 + 4 * 3
    again = Fake()
    one = remote(again, tmp_path)
    MetricsLog(tmp_path, 8, [one]).close()
    one.close(ended=True)
    assert again.told == ["run1", 2, 2, 2, 3, 4, 4, 4, 5, 6, 6, 6, 7, 8, 8, 8, True]


def test_a_service_that_hangs_is_not_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trackers, "STOPPED_SECONDS", 0.1)
    goes_on = threading.Event()

    class Hangs(Fake):
        def open(self, run: str | None) -> str:
            goes_on.wait(60)
            return "run1"

    one = remote(Hangs(), tmp_path)
    log = MetricsLog(tmp_path, 0, [one])
    write(log, 1)
    log.close()
    one.close(ended=False)
    goes_on.set()
    assert "A service did not take all of the run within 0 seconds" in capsys.readouterr().err
    one._thread.join(10)


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{",
        "[" * 100_000,
        '{"place": "exp", "run": "a"}',
        '{"place": "exp", "run": "../../a", "lines": 0}',
        '{"place": "exp", "run": "a", "lines": -1}',
        '{"place": "exp", "run": "a", "lines": 1.5}',
        '{"place": "exp", "run": ["a"], "lines": 1}',
        '{"place": {}, "run": "a", "lines": 1}',
        '{"place": "exp", "run": "a", "lines": 1, "more": "%s"}' % ("x" * 10),
        '{"place": "%s", "run": "a", "lines": 1}' % ("x" * 10_000),
    ],
)
def test_a_file_that_no_run_wrote(tmp_path: Path, content: str) -> None:
    (tmp_path / "mlflow.json").write_text(content)
    with pytest.raises(UserError, match=r"mlflow\.json does not say which run .*: delete it"):
        remote(Fake(), tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mlflow.json")
    with pytest.raises(UserError, match="delete it"):
        remote(Fake(), tmp_path)


def test_lines_that_no_run_wrote_are_a_failure_of_the_service_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "loss": 2}\n')
    one = remote(Fake(), tmp_path)
    MetricsLog(tmp_path, 1, [one]).close()
    one.close(ended=True)
    assert "A service failed" in capsys.readouterr().err


def test_a_library_that_is_not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    check({"wandb": "", "mlflow": "", "own": "x"})
    monkeypatch.setitem(services.SERVICES, "no_such_library", Fake)  # type: ignore[misc]
    with pytest.raises(UserError, match=r"needs no_such_library: pip install -e '\.\[no_such"):
        check({"no_such_library": "x"})


def test_no_report_without_its_libraries(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remote_jax.commands.report.NEEDS", ("no_such_library",))
    assert attached.report(tmp_path) is None
    (said,) = capsys.readouterr().err.splitlines()
    assert said.endswith("needs no_such_library: pip install -e '.[report]'.")
