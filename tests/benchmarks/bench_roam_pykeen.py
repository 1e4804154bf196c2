"""ROAM beside PyKEEN's TuckER with LCWA: an epoch, and ranking the test set, on one machine.

    python3 -m venv PYKEEN && PYKEEN/bin/pip install 'pykeen==1.11.1'
    python tests/benchmarks/bench_roam_pykeen.py --data=MKG_Y_FOLDER \
        --python-pykeen=PYKEEN/bin/python [--batches=1024,512,256,128] [--memory-gb=16]

Both train the same graph, all entities as candidates (1-N), both directions, at dimension 256, and
rank both directions of every test triple, filtered. Batches are tried in the order given until
both hold one, each side in a process of its own that may allocate --memory-gb. An epoch is a pass
over the distinct (entity, relation) queries of training; its seconds are those of the steps that
fit into --limit seconds, data loading included, the first one left out, times the steps of an
epoch. Ranking is timed whole where it takes less than --limit, else over a part.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

DIM = 256
SIDES = ("pykeen", "roam")
RANKED = 256
"""Test triples of the part that shows how long ranking takes."""

OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "RESOURCE_EXHAUSTED", "MemoryError")


class Stopwatch:
    """Seconds of steps until the limit."""

    def __init__(self, limit: float):
        self.limit, self.laps = limit, [time.monotonic()]

    def lap(self) -> bool:
        """Ends a step; whether that is enough of them."""
        self.laps.append(time.monotonic())
        return len(self.laps) > 3 and self.laps[-1] - self.laps[0] > self.limit

    def epoch(self, steps: int) -> dict[str, float]:
        """Seconds of an epoch of `steps`, by the steps that were timed after the first."""
        seconds = np.diff(self.laps)[1:]
        return {
            "epoch_s": float(seconds.mean()) * steps,
            "steps": steps,
            "timed_steps": len(seconds),
        }


def ranking(rank: Callable[[int], object], total: int, limit: float) -> dict[str, float]:
    """Seconds of ranking `total` triples, where `rank(n)` ranks n of them.

    What does not grow with n, as building the filter, is told apart by two parts of two sizes.
    """

    def seconds(count: int) -> float:
        began = time.monotonic()
        rank(count)
        return time.monotonic() - began

    part = min(RANKED, total // 2)
    seconds(part)
    one, two = seconds(part), seconds(2 * part)
    whole = one + (two - one) / part * (total - part)
    if whole <= limit:
        return {"ranking_s": seconds(total), "ranked": total}
    return {"ranking_s": whole, "ranked": 2 * part}


def measure_pykeen(graph: Path, batch: int, limit: float) -> dict[str, float | str]:
    """TuckER as PyKEEN has it, with inverse triples; runs in PyKEEN's own environment."""
    import torch
    from pykeen.evaluation import RankBasedEvaluator
    from pykeen.models import TuckER
    from pykeen.training import LCWATrainingLoop
    from pykeen.training.callbacks import TrainingCallback
    from pykeen.triples import CoreTriplesFactory
    from pykeen.triples.instances import LCWAInstances
    from pykeen.utils import resolve_device

    class Enough(Exception):
        """Ends training within an epoch."""

    class Timer(TrainingCallback):
        def post_batch(self, **_):
            if watch.lap():
                raise Enough

    with np.load(graph, allow_pickle=False) as file:
        splits = {name: torch.as_tensor(file[name], dtype=torch.long) for name in file.files}
    entities, relations = splits.pop("sizes").tolist()
    factory = CoreTriplesFactory(splits["train"], entities, relations, create_inverse_triples=True)
    device = resolve_device()
    model = TuckER(triples_factory=factory, embedding_dim=DIM, random_seed=0).to(device)
    loop = LCWATrainingLoop(
        model=model, triples_factory=factory, optimizer=torch.optim.Adam(model.parameters())
    )
    steps = math.ceil(len(LCWAInstances.from_triples_factory(factory, target=2)) / batch)
    watch = Stopwatch(limit)
    with contextlib.suppress(Enough):
        loop.train(factory, num_epochs=2, batch_size=batch, use_tqdm=False, callbacks=Timer())
    evaluator = RankBasedEvaluator(filtered=True, clear_on_finalize=True)

    def rank(count: int) -> object:
        return evaluator.evaluate(
            model,
            splits["test"][:count],
            batch_size=batch,
            use_tqdm=False,
            additional_filter_triples=[splits["train"], splits["validation"], splits["test"]],
        )

    return {
        **watch.epoch(steps),
        **ranking(rank, len(splits["test"]), limit),
        "peak_gb": torch.cuda.max_memory_allocated() / 1e9 if device.type == "cuda" else resident(),
        "device": device.type,
    }


def measure_roam(data: Path, batch: int, limit: float, preset: str) -> dict[str, float | str]:
    """The step and the ranking that `remote_jax.main` runs for configs/mkg_y.py."""
    import jax
    import jax.numpy as jnp
    from flax import nnx
    from tucker_settings import TUCKER

    from configs import mkg_y
    from remote_jax.data.batches import pipeline
    from remote_jax.roam.task import make_task
    from remote_jax.runtime import sharding
    from remote_jax.training.evaluation import evaluate, make_predict
    from remote_jax.training.optimizer import make_optimizer, make_step
    from remote_jax.training.state import TrainState, split

    config = mkg_y.get_config(preset)
    config.data.dir, config.model.dim = str(data), DIM
    config.train.batch_size = config.train.eval_batch_size = batch
    config.update_from_flattened_dict(TUCKER)  # as TuckER's
    task = make_task(config)
    with tempfile.TemporaryDirectory() as workdir:
        task.prepare(Path(workdir), anew=True)
        skeleton, params = split(task.model(nnx.Rngs(0)))
    steps = math.ceil(len(task.dataset("train")) / batch)
    optimizer, _ = make_optimizer(config.train, steps)
    mesh = sharding.make_mesh(config.mesh)
    step = make_step(task, skeleton, optimizer, 0, mesh)
    state = TrainState(params, optimizer.init(params), jnp.zeros((), jnp.int32))
    watch = Stopwatch(limit)
    for part in pipeline.train_batches(
        task.dataset("train"), batch_size=batch, seed=0, steps=2 * steps
    ):
        state, _ = jax.block_until_ready(step(state, sharding.put_batch(part, mesh)))
        if watch.lap():
            break
    predict = make_predict(task, skeleton, mesh)
    test = task.dataset("test")

    def rank(triples: int) -> object:
        return evaluate(predict, state.params, test[: 2 * triples], config)

    stats = jax.devices()[0].memory_stats() or {}
    return {
        **watch.epoch(steps),
        **ranking(rank, len(test) // 2, limit),
        "peak_gb": stats["peak_bytes_in_use"] / 1e9 if stats else resident(),
        "device": jax.devices()[0].platform,
    }


def resident() -> float:
    """Most memory that this process had so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def run(side: str, batch: int, graph: Path, options: argparse.Namespace) -> dict | None:
    """A side in its own process; None where it does not fit into memory."""
    python = options.python_pykeen if side == "pykeen" else sys.executable
    command = [python, __file__, f"--side={side}", f"--batches={batch}", f"--data={options.data}"]
    command += [f"--graph={graph}", f"--limit={options.limit}", f"--preset={options.preset}"]
    most = int(options.memory_gb * 1e9)
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (most, most)),
    )
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1])
    if done.returncode < 0 or any(sign in done.stderr for sign in OUT_OF_MEMORY):
        return None
    raise SystemExit(f"{side} failed at batch {batch}:\n{done.stderr[-4000:]}")


def write_graph(data: Path, path: Path) -> None:
    """The ids of both sides' triples, for an environment without this package."""
    from remote_jax.roam.data import triples

    graph = triples.read(data)
    np.savez(path, sizes=[len(graph.entities), len(graph.relations)], **graph.splits)


def compare(sides: list[str], options: argparse.Namespace) -> None:
    """Prints both sides at the first batch that all of them hold."""
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / "graph.npz"
        write_graph(options.data, graph)
        for batch in map(int, options.batches.split(",")):
            results = {}
            for side in sides:
                results[side] = run(side, batch, graph, options)
                print(f"batch {batch}, {side}: {results[side] or 'out of memory'}", flush=True)
                if results[side] is None:
                    break
            else:
                break
        else:
            raise SystemExit(f"No batch of {options.batches} fits into {options.memory_gb} GB.")
    if len(results) == len(SIDES):
        slow, fast = (results[side] for side in SIDES)
        print(f"an epoch: {slow['epoch_s'] / fast['epoch_s']:.1f} times faster than PyKEEN")
        print(f"ranking: {slow['ranking_s'] / fast['ranking_s']:.1f} times faster than PyKEEN")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of MKG-Y's triples")
    parser.add_argument("--python-pykeen", help="of an environment with PyKEEN")
    parser.add_argument("--batches", default="1024,512,256,128", help="to try, in this order")
    parser.add_argument("--memory-gb", type=float, default=16, help="that a side may allocate")
    parser.add_argument("--limit", type=float, default=120, help="seconds of timing an epoch")
    parser.add_argument("--preset", default="paper", help="of configs/mkg_y.py")
    parser.add_argument("--only", choices=SIDES, help="measure this side alone")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--graph", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]
    if options.side == "pykeen":
        result = measure_pykeen(options.graph, int(options.batches), options.limit)
    elif options.side == "roam":
        result = measure_roam(options.data, int(options.batches), options.limit, options.preset)
    else:
        if options.only != "roam" and not options.python_pykeen:
            parser.error("give --python-pykeen, or --only=roam")
        compare([options.only] if options.only else list(SIDES), options)
        return
    print(json.dumps(result))


if __name__ == "__main__":
    main()
