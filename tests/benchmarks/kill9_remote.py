"""A run that is killed again and again ends as one that never stopped, bit for bit.

    python tests/benchmarks/kill9_remote.py [--kills=5] [--seed=0] [--workdir=FOLDER]

Trains once undisturbed, and once with SIGKILL at random moments spread over the run, started again
each time; then compares what both leave. `--config` and `--flags` are of `remote_jax.main` and take
another system than REMOTE on a tiny sample; the run must be long enough to save between two kills.
Exits 1 where anything differs, a run fails, or a kill came too late to meet one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "umre.py"
FLAGS = (
    "--config.data.sample.train=60 --config.data.sample.validation=20 --config.data.sample.test=20 "
    "--config.data.workers=0 --config.train.epochs=4 --config.train.save_every=5"
)
LAG = 0.5
"""Seconds, at most, from the appearance of a checkpoint to the kill: some steps and a save."""
MEASURED = ("seconds", "data_wait_seconds", "peak_memory_bytes")
"""What results.json says of the machine rather than of the run."""

Row = tuple[str, str, bool]
"""What was compared, how much of it there is, and whether both runs have the same."""


def start(workdir: Path, options: argparse.Namespace) -> subprocess.Popen[bytes]:
    """Starts, or starts again, the run in `workdir`; what it prints goes to WORKDIR.log."""
    command = [sys.executable, "-m", "remote_jax.main", f"--config={options.config}"]
    command += [f"--workdir={workdir}", *shlex.split(options.flags)]
    # Compiled anew in every process: a cache that all share would hide a difference.
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JAX_ENABLE_COMPILATION_CACHE": "false"}
    with log_of(workdir).open("ab") as log:
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log)


def finish(workdir: Path, options: argparse.Namespace) -> None:
    """Runs to the end; leaves the program where the run fails."""
    with start(workdir, options) as process:
        code = process.wait()
    if code:
        sys.exit(f"{workdir.name} ended with {code}:\n{log_of(workdir).read_text()[-2000:]}")


def log_of(workdir: Path) -> Path:
    return workdir.with_name(f"{workdir.name}.log")


def latest_step(workdir: Path) -> int:
    """The step of the latest whole checkpoint, 0 before the first."""
    names = [path.name for path in (workdir / "checkpoints" / "latest").glob("*")]
    return max((int(name) for name in names if name.isdecimal()), default=0)


def kill_after(workdir: Path, step: int, lag: float, options: argparse.Namespace) -> bool:
    """Kills the run some time after a checkpoint of `step` or later; False if it ended first."""
    with start(workdir, options) as process:
        while latest_step(workdir) < step and process.poll() is None:
            time.sleep(0.002)
        time.sleep(lag)
        process.send_signal(signal.SIGKILL)
        process.wait()
    if process.returncode not in (0, -signal.SIGKILL):
        sys.exit(f"{workdir.name} failed:\n{log_of(workdir).read_text()[-2000:]}")
    return process.returncode == -signal.SIGKILL


def kill_often(workdir: Path, steps: int, options: argparse.Namespace) -> int:
    """Kills the run in `workdir` once in each of equal parts of its steps; returns the kills."""
    chance, kills = random.Random(options.seed), 0
    for part in range(options.kills):
        begin, end = (steps * edge // options.kills for edge in (part, part + 1))
        goal = max(chance.randrange(begin, max(end, begin + 1)), latest_step(workdir) + 1)
        met = kill_after(workdir, goal, chance.uniform(0.0, LAG), options)
        done = f"killed, goes on after step {latest_step(workdir)} of {steps}"
        print(f"kill {part + 1}: {done if met else 'came too late'}", flush=True)
        kills += met
    return kills


def arrays(workdir: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arrays by path of the latest state, moments included, and of the best parameters."""
    import jax
    import jax.numpy as jnp

    from remote_jax import config as configs
    from remote_jax import main, parallel
    from remote_jax.checkpoint import Checkpoints
    from remote_jax.optimizer import make_optimizer
    from remote_jax.state import Params, TrainState, split

    config = configs.read(workdir)
    task = main.make_task(config)
    task.prepare(workdir, anew=False)
    _, shapes = split(task.shapes())

    def fresh(params: Params) -> TrainState:
        optimizer, _ = make_optimizer(config.train, 1)  # steps change rates, not moments
        return TrainState(params, optimizer.init(params), jnp.zeros((), jnp.int32))

    mesh = parallel.make_mesh(config.mesh)
    with Checkpoints(workdir, read_only=True) as checkpoints:
        restored = checkpoints.restore(jax.eval_shape(fresh, shapes), mesh)
        best, scores = checkpoints.restore_best(shapes, mesh)
    if restored is None:
        sys.exit(f"{workdir} holds no checkpoint.")
    state, record = restored
    latest = {jax.tree_util.keystr(path): x for path, x in jax.tree.leaves_with_path(state)}
    latest |= {"step": record.step, "best": record.best, "window": record.window}
    return latest, {**best, "record": scores}


def same_arrays(name: str, one: dict[str, Any], other: dict[str, Any]) -> Row:
    """Bit for bit: an array is compared as its bytes, so that -0 is not 0 and NaN is NaN."""
    import jax
    import numpy as np

    def content(value: Any) -> Any:
        if not isinstance(value, jax.Array):
            return value
        array = np.asarray(value)
        return array.shape, str(array.dtype), array.tobytes()

    differ = [
        key
        for key in sorted({*one, *other})
        if key not in one or key not in other or content(one[key]) != content(other[key])
    ]
    count = sum(value.size for value in one.values() if isinstance(value, jax.Array))
    words = f"{count:,} numbers"
    if differ:
        words = f"{len(differ)} of {len(one)} arrays, first {differ[0]}"
    return name, words, not differ


def metrics_lines(workdir: Path) -> list[dict[str, Any]]:
    """metrics.jsonl without what depends on the machine."""
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "time"} for line in lines]


def results(workdir: Path) -> dict[str, Any]:
    """results.json without what depends on the machine."""
    found = json.loads((workdir / "results.json").read_text())
    return {key: value for key, value in found.items() if key not in MEASURED}


def compare(whole: Path, parts: Path) -> list[Row]:
    """Everything that the two runs leave."""
    (latest, best), (latest_too, best_too) = arrays(whole), arrays(parts)
    rows = [
        same_arrays("latest state", latest, latest_too),
        same_arrays("best parameters", best, best_too),
    ]
    one, other = metrics_lines(whole), metrics_lines(parts)
    rows.append(("metrics.jsonl", f"{len(one)} lines, without time", one == other))
    said, said_too = results(whole), results(parts)
    differ = [key for key in {**said, **said_too} if said.get(key) != said_too.get(key)]
    words = f"in {', '.join(differ)}" if differ else f"{len(said)} keys, without measurements"
    rows.append(("results.json", words, not differ))
    for name in ("predictions.jsonl", "config.json"):
        content = (whole / name).read_bytes()
        rows.append((name, f"{len(content):,} bytes", content == (parts / name).read_bytes()))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--config", default=str(CONFIG), help="FILE[:PRESET]")
    parser.add_argument("--flags", default=FLAGS, help="of remote_jax.main; default %(default)s")
    parser.add_argument("--workdir", type=Path, help="an empty folder to keep both runs in")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from remote_jax.main import quiet

    with tempfile.TemporaryDirectory() as temporary:
        root = (options.workdir or Path(temporary)).absolute()
        root.mkdir(parents=True, exist_ok=True)
        if any(root.iterdir()):
            sys.exit(f"{root} is not empty; name a new folder with --workdir.")
        whole, parts = root / "undisturbed", root / "killed"
        finish(whole, options)
        steps = results(whole)["steps"]
        print(f"undisturbed: {steps} steps", flush=True)
        kills = kill_often(parts, steps, options)
        finish(parts, options)
        quiet()
        rows = compare(whole, parts)
    print(f"\nundisturbed and killed {kills} times:")
    for name, words, same in rows:
        print(f"{name:18} {'same' if same else 'DIFFERENT':10} {words}")
    if kills < options.kills:
        print(f"{options.kills - kills} kills came too late: make the run longer with --flags.")
    return 0 if kills == options.kills and all(same for *_, same in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
