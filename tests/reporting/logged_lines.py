"""Lines as a run logs them, without a run."""

from __future__ import annotations

import json
from pathlib import Path

from remote_jax.reporting.logs import MetricsLog

SCORES = {"final/validation/hits@1": 0.5, "final/test/hits@1": 0.25}


def write(log: MetricsLog, step: int) -> None:
    """The lines of a step; those of every second one have three."""
    log.write(step, "train", {"loss": 1 / step, "epoch": step / 4}, {"examples_per_s": 7.5})
    if step % 2 == 0:
        log.write(step, "validation", {"hits@1": step / 10}, {"seconds": 0.5})
        log.write(step, "gauges", {"router/T2V/ee": step / 3}, {})


def logged(workdir: Path) -> dict[tuple[str, int], float]:
    """The numbers of `metrics.jsonl` by name and step."""
    lines = map(json.loads, (workdir / "metrics.jsonl").read_text().splitlines())
    return {
        (f"{line['split']}/{name}", line["step"]): value
        for line in lines
        for name, value in {**line, **line["time"]}.items()
        if name not in ("step", "split", "time")
    }
