"""Runs that are stopped again and again end as ones that never were, bit for bit.

    python tests/benchmarks/kills.py [--kills=20] [--seed=0] [--systems=umre,jmere,mkg_y]

Each system trains on a tiny sample once undisturbed, and once with its share of the kills: SIGKILL
or SIGTERM, at a random moment or aimed at a save under way, spread over the run, which is started
again each time. Then what both leave is compared. SIGTERM has to end in exit code 75 with every
step saved that was done. Exits 1 where anything differs, a run fails, or a kill came too late.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from meshes import ENCODERS  # noqa: E402

SYSTEMS: dict[str, dict[str, object]] = {
    "umre": {
        **ENCODERS,
        **{"data.sample.train": 60, "data.sample.validation": 20, "data.sample.test": 20},
        **{"data.workers": 0, "train.epochs": 3, "train.batch_size": 16, "train.save_every": 5},
    },
    "jmere": {
        **ENCODERS,
        **{"data.sample.train": 60, "data.sample.validation": 20, "data.sample.test": 20},
        **{"model.heads": 2, "model.edge_dim": 8, "model.channel_dim": 8, "model.hidden": 32},
        **{"data.workers": 1, "train.epochs": 30, "train.batch_size": 16, "train.save_every": 5},
        "train.eval_every": 5,
    },
    "mkg_y": {
        **{"data.sample.entities": 200, "model.dim": 32, "model.relation_dim": 32},
        **{"model.hidden": 32, "model.router.hidden": 32, "model.groups": 2},
        **{"train.epochs": 8, "train.batch_size": 64, "train.save_every": 5, "train.eval_every": 1},
    },
}
"""By config: keys that make a run of some tens of seconds."""

TERMINATED = 75
LAG = 0.5
"""Seconds, at most, from the appearance of a checkpoint to the kill: some steps and a save."""
MEASURED = ("seconds", "data_wait_seconds", "peak_memory_bytes")
"""What results.json says of the machine rather than of the run."""

Row = tuple[str, str, bool]
"""What was compared, how much of it there is, and whether both runs have the same."""


def start(workdir: Path, system: str) -> subprocess.Popen[bytes]:
    """Starts, or starts again, the run in `workdir`; what it prints goes to WORKDIR.log."""
    settings = {**SYSTEMS[system], "data.cache": workdir.parent / "cache"}
    command = [sys.executable, "-m", "remote_jax.main", f"--workdir={workdir}"]
    command += [f"--config={ROOT}/configs/{system}.py"]
    command += [f"--config.{key}={value}" for key, value in settings.items()]
    # Compiled anew in every process: a cache that all share would hide a difference.
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JAX_ENABLE_COMPILATION_CACHE": "false"}
    with log_of(workdir).open("ab") as log:
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log)


def finish(workdir: Path, system: str) -> None:
    """Runs to the end; leaves the program where the run fails."""
    with start(workdir, system) as process:
        code = process.wait()
    if code:
        fail(workdir, code)


def fail(workdir: Path, code: int) -> NoReturn:
    sys.exit(f"{workdir} ended with {code}:\n{log_of(workdir).read_text()[-2000:]}")


def log_of(workdir: Path) -> Path:
    return workdir.with_name(f"{workdir.name}.log")


def latest_step(workdir: Path) -> int:
    """The step of the latest whole checkpoint, 0 before the first."""
    names = [path.name for path in (workdir / "checkpoints" / "latest").glob("*")]
    return max((int(name) for name in names if name.isdecimal()), default=0)


def saving(workdir: Path) -> bool:
    """Whether a checkpoint is being written."""
    return any((workdir / "checkpoints").glob("*/*.orbax-checkpoint-tmp"))


@dataclass(frozen=True)
class Kill:
    """One stop of a run.

    Attributes:
        step: a checkpoint of it, or of a later step, is waited for first.
        aimed: at a save under way; else `lag` seconds pass.
    """

    step: int
    signal: signal.Signals
    aimed: bool
    lag: float

    def __str__(self) -> str:
        moment = "in a save" if self.aimed else f"{self.lag:.2f} s on"
        return f"{self.signal.name} {moment}"


def kill(workdir: Path, system: str, plan: Kill) -> bool:
    """Starts the run and stops it as planned; False if it ended first."""
    with start(workdir, system) as process:
        while latest_step(workdir) < plan.step and process.poll() is None:
            time.sleep(0.002)
        while plan.aimed and not saving(workdir) and process.poll() is None:
            time.sleep(0.0005)
        time.sleep(plan.lag if not plan.aimed else plan.lag / 50)
        process.send_signal(plan.signal)
        code = process.wait()
    stopped = {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: TERMINATED}[plan.signal]
    if code not in (0, stopped):
        fail(workdir, code)
    if code == TERMINATED:
        told = log_of(workdir).read_text().rpartition("stopped after step ")[2].split("\n")[0]
        done, _, saved = told.partition("; the last checkpoint is of step ")
        if done and done != saved:
            sys.exit(f"{workdir} lost steps at SIGTERM: {told}")
    return code == stopped


def kill_often(workdir: Path, system: str, steps: int, kills: int, chance: random.Random) -> int:
    """Stops the run in `workdir` once in each of equal parts of its steps; returns the kills."""
    met = 0
    for part in range(kills):
        begin, end = (steps * edge // (kills + 1) for edge in (part, part + 1))
        goal = max(chance.randrange(begin, max(end, begin + 1)), latest_step(workdir) + 1)
        how = chance.choice((signal.SIGKILL, signal.SIGTERM))
        plan = Kill(goal, how, chance.random() < 0.5, chance.uniform(0.0, LAG))
        in_time = kill(workdir, system, plan)
        done = f"goes on after step {latest_step(workdir)} of {steps}"
        print(f"{system} {part + 1}: {plan}, {done if in_time else 'too late'}", flush=True)
        met += in_time
    return met


def arrays(workdir: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arrays by path of the latest state, moments included, and of the best parameters."""
    import jax
    import jax.numpy as jnp

    from remote_jax import config as configs
    from remote_jax.runtime import sharding
    from remote_jax.task import make_task
    from remote_jax.training.checkpoint import Checkpoints
    from remote_jax.training.optimizer import make_optimizer
    from remote_jax.training.state import Params, TrainState, split

    config = configs.read(workdir)
    task = make_task(config)
    task.prepare(workdir, anew=False)
    _, shapes = split(task.shapes())

    def fresh(params: Params) -> TrainState:
        optimizer, _ = make_optimizer(config.train, 1)  # steps change rates, not moments
        return TrainState(params, optimizer.init(params), jnp.zeros((), jnp.int32))

    mesh = sharding.make_mesh(config.mesh)
    with Checkpoints(workdir, read_only=True) as checkpoints:
        restored = checkpoints.restore(jax.eval_shape(fresh, shapes), mesh)
        best, scores = checkpoints.restore_best(shapes, mesh)
    if restored is None:
        sys.exit(f"{workdir} holds no checkpoint.")
    state, record, lost = restored
    if lost:
        sys.exit(f"{workdir} has damaged checkpoints: {lost}")
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


def trial(root: Path, system: str, kills: int, chance: random.Random) -> bool:
    """One system, undisturbed and killed; whether both are the same and every kill was in time."""
    whole, parts = root / f"{system}-undisturbed", root / f"{system}-killed"
    finish(whole, system)
    steps = results(whole)["steps"]
    print(f"{system}: undisturbed, {steps} steps", flush=True)
    met = kill_often(parts, system, steps, kills, chance)
    finish(parts, system)
    rows = compare(whole, parts)
    for name, words, same in rows:
        print(f"{system}: {name:18} {'same' if same else 'DIFFERENT':10} {words}", flush=True)
    if met < kills:
        print(f"{system}: {kills - met} kills came too late")
    return met == kills and all(same for *_, same in rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20, help="of all systems together")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="default %(default)s")
    parser.add_argument("--workdir", type=Path, help="an empty folder to keep all runs in")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from remote_jax.main import quiet

    quiet()
    names, chance = options.systems.split(","), random.Random(options.seed)
    shares = [
        options.kills * (i + 1) // len(names) - options.kills * i // len(names)
        for i in range(len(names))
    ]
    with tempfile.TemporaryDirectory() as temporary:
        root = (options.workdir or Path(temporary)).absolute()
        root.mkdir(parents=True, exist_ok=True)
        if any(root.iterdir()):
            sys.exit(f"{root} is not empty; name a new folder with --workdir.")
        fine = [trial(root, name, share, chance) for name, share in zip(names, shares, strict=True)]
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
