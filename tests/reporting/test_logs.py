"""What a run tells: lines that survive a stop, and where the time goes."""

import json

import pytest

from remote_jax.errors import UserError
from remote_jax.reporting import logs
from remote_jax.reporting.logs import Clock, MetricsLog


@pytest.fixture
def time(monkeypatch):
    """Moves the clock by hand."""

    class Time:
        now = 100.0

        def monotonic(self):
            return self.now

    found = Time()
    monkeypatch.setattr(logs, "time", found)
    return found


def steps(log):
    return [json.loads(line)["step"] for line in log.read_text().splitlines()]


def test_lines_after_the_step_that_a_run_stands_at_are_dropped(tmp_path):
    path = tmp_path / "metrics.jsonl"
    log = MetricsLog(tmp_path, 0)
    for step in (1, 2, 3):
        log.write(step, "train", {"loss": 0.1}, {"seconds": 2.0})
    log.close()
    with path.open("a") as file:
        file.write('{"step": 3, "spl')  # the machine stopped here
    log = MetricsLog(tmp_path, 2)
    assert steps(path) == [1, 2]
    log.write(3, "train", {"loss": 0.2}, {"seconds": 9.0})
    log.close()
    assert steps(path) == [1, 2, 3]
    last = json.loads(path.read_text().splitlines()[-1])
    assert last == {"step": 3, "split": "train", "loss": 0.2, "time": {"seconds": 9.0}}
    assert list((tmp_path / "tensorboard").iterdir())


def test_numbers_that_are_no_json_are_not_written(tmp_path):
    log = MetricsLog(tmp_path, 0)
    with pytest.raises(ValueError, match="not JSON compliant"):
        log.write(1, "train", {"loss": float("nan")}, {})
    log.close()
    assert steps(tmp_path / "metrics.jsonl") == []


def test_a_lap_counts_its_own_steps_and_no_pauses(time):
    clock = Clock()
    for wait in (1.0, 2.0):
        with clock.waiting():
            time.now += wait
        time.now += 1.0
    with clock.paused():
        time.now += 100.0
    assert clock.lap(32) == {"seconds": 5.0, "examples_per_s": 2 * 32 / 5, "data_wait_s": 3.0}
    with clock.waiting():
        time.now += 4.0
    assert clock.lap(32) == {"seconds": 4.0, "examples_per_s": 8.0, "data_wait_s": 4.0}


def test_a_reading_counts_everything_once(time):
    clock = Clock()
    with clock.waiting():
        time.now += 1.0
    assert clock.read() == (1.0, 1.0)
    with clock.waiting():
        time.now += 2.0
    clock.lap(1)
    with clock.paused():
        time.now += 3.0
    assert clock.read() == (5.0, 2.0)


def test_a_line_that_no_run_wrote_is_named(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n\0\0\0\n{"step": 2}\n')
    with pytest.raises(UserError, match=r"metrics\.jsonl:2 is not a line that a run wrote"):
        MetricsLog(tmp_path, 2)


def test_a_full_disk_is_told(tmp_path):
    log = MetricsLog(tmp_path, 0)
    log._file.close()
    log._file = open("/dev/full", "w", buffering=1)  # noqa: SIM115
    with pytest.raises(UserError, match=r"metrics\.jsonl: No space left on device\."):
        log.write(1, "train", {"loss": 0.1}, {})
    with pytest.raises(UserError, match=r"metrics\.jsonl: No space left on device\."):
        log.close()


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "tensorboard").write_text("")
    with pytest.raises(UserError, match=r"Cannot write .*tensorboard"):
        MetricsLog(tmp_path, 0)
