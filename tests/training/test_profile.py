"""What a step costs: measured on the loop, counted by XLA, and told without guesses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest
import toy

from remote_jax import main
from remote_jax.reporting import logs
from remote_jax.runtime import processes
from remote_jax.training import profile


def call(workdir: Path, *flags: str) -> int:
    toy.install()
    named = (f"--config={Path(toy.__file__)}", f"--workdir={workdir}", "--config.profile=true")
    return main.main(["remote_jax", *named, "--config.train.save_every=100", *flags])


def test_a_run_is_timed_and_traced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(tmp_path, "--config.train.epochs=5", "--config.data.delay=0.01") == 0
    said = capsys.readouterr().err
    found = re.search(r"profile: (\S+) ms a step, (\S+) examples/s, (\S+) ms a step waiting", said)
    assert found is not None
    step, rate, waiting = map(float, found.groups())
    assert rate == pytest.approx(8e3 / step, rel=0.01)
    # Eight rows of 10 ms in two threads are 40 ms, but for the few batches made ahead.
    assert step > 30 and 0 < waiting < step
    assert "share of the bfloat16 peak of 1 x cpu: unknown, none is on record" in said
    assert "a trace of 5 steps is in" in said
    assert list((tmp_path / "profile").rglob("*.xplane.pb"))


def test_a_run_too_short_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(tmp_path, "--config.train.epochs=1") == 0
    assert "nothing is measured; 30 steps are needed, there were 6" in capsys.readouterr().err
    assert not (tmp_path / "profile").exists()


def test_operations_of_a_product() -> None:
    a, b = jnp.ones((16, 32)), jnp.ones((32, 8))
    assert profile.operations(jax.jit(jnp.matmul), a, b) == 2 * 16 * 32 * 8


def test_the_share_of_a_known_peak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """20 steps of 0.5 s with 1e12 operations are 2e12 a second of a peak of 8e12."""

    class Time:
        now = 0.0

        def monotonic(self) -> float:
            return self.now

    time, said = Time(), []
    monkeypatch.setattr(logs, "time", time)
    monkeypatch.setattr(profile, "time", time)
    monkeypatch.setattr(profile, "peak", lambda kind: 8e12)
    monkeypatch.setattr(jax.profiler, "start_trace", lambda folder: None)
    clock = logs.Clock()
    watch = profile.Profile(tmp_path, clock, 32, 4, said.append)
    for _ in range(profile.WARM + profile.TIMED):
        with clock.waiting():
            time.now += 0.125
        time.now += 0.375
        with clock.paused():
            time.now += 7.0
        watch.after(jnp.zeros(()), lambda: 0.25e12)
    assert "500.00 ms a step, 64.0 examples/s, 125.00 ms a step waiting" in said[0]
    assert "2e+12 FLOP/s, 1e+12 a step by XLA's count" in said[1]
    assert said[2].endswith(": 25.0%")


def test_each_of_many_processes_has_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traced: list[str] = []
    monkeypatch.setattr(processes, "many", lambda: True)
    monkeypatch.setattr(jax.profiler, "start_trace", traced.append)
    for process in range(2):
        monkeypatch.setattr(jax, "process_index", lambda process=process: process)
        watch = profile.Profile(tmp_path, logs.Clock(), 32, 1, lambda said: None)
        for _ in range(profile.WARM + profile.TIMED):
            watch.after(jnp.zeros(()), lambda: 1.0)
    assert traced == [str(tmp_path / "profile" / f"process{process}") for process in range(2)]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA H200", 989e12),
        ("NVIDIA L4", 121e12),
        ("NVIDIA L40S", 362e12),
        ("TPU v4", 275e12),
        ("TPU v5 lite", 197e12),
        ("TPU v5", 459e12),
        ("TPU v5p", 459e12),
        ("TPU v6 lite", 918e12),
        *((kind, None) for kind in ("cpu", "TPU v4 lite", "NVIDIA A10G", "NVIDIA GH200 480GB")),
        ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", None),
    ],
)
def test_peaks(kind: str, expected: Any) -> None:
    assert profile.peak(kind) == expected
