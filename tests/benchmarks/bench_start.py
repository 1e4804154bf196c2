"""Seconds from the start of the process to the end of the first training step, three times.

    python tests/benchmarks/bench_start.py [--config=umre] [--rounds=1]

- first: nothing is kept on this machine: the sample is written, records are built, all is compiled;
- compile: the data are there, but no compiled program;
- second: data and compiled programs are there. Each start has a new workdir.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT = 1800


def start(config: str, home: Path, run: Path) -> float:
    """Starts a training, and ends it once its first step is logged."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("JAX_")
    } | {"XDG_CACHE_HOME": str(home)}
    flags = (f"--config={config}", f"--workdir={run}", "--config.train.log_every=1")
    began = time.monotonic()
    with (run.with_suffix(".log")).open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "remote_jax.main", *flags],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        metrics = run / "metrics.jsonl"
        try:
            while not (metrics.exists() and "\n" in metrics.read_text()):
                if process.poll() is not None or time.monotonic() - began > LIMIT:
                    raise SystemExit(f"no step was made; see {log.name}")
                time.sleep(0.01)
            return time.monotonic() - began
        finally:
            process.kill()
            process.wait()


def main() -> None:
    """Prints the three times, their medians over rounds, and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="umre")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    times: dict[str, list[float]] = {"first": [], "compile": [], "second": []}
    for number in range(options.rounds):
        folder = Path(tempfile.mkdtemp(prefix="bench_start"))
        home = folder / "cache"
        for kind in ("first", "second", "compile"):
            if kind == "compile":
                shutil.rmtree(home / "remote_jax" / "xla")
            times[kind].append(start(options.config, home, folder / kind))
            print(f"round {number}, {kind}: {times[kind][-1]:.1f} s", flush=True)
        shutil.rmtree(folder)
    first, compiled, second = (statistics.median(times[kind]) for kind in times)
    print(f"second {second:.1f} s: 1/{first / second:.1f} of the first start's {first:.1f} s, ")
    print(f"1/{compiled / second:.1f} of a start that only has the data, {compiled:.1f} s")


if __name__ == "__main__":
    main()
