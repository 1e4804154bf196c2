"""ROAM on a generated graph of two million entities, on eight simulated devices.

    python tests/benchmarks/bench_roam_large.py [--entities=2000000]

Trains twenty steps with sampled negatives and ranks 1,000 queries against every entity, through
`remote_jax.main` with `--config.mesh.fsdp=8`, and prints the largest memory of the whole process.
Before that, the same on a hundredth of the graph, beside one device. After so few steps scores are
all but ties, which rounding decides, so ranks may differ by a few places.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from tucker_settings import TUCKER  # noqa: E402

RELATIONS, QUERIES, STEPS, BATCH = 20, 500, 20, 256
FLAGS = {
    "data.name": "generated",
    **TUCKER,
    "model.negatives": 1024,
    "model.groups": 2,
    "train.batch_size": BATCH,
    "train.eval_batch_size": 16,
    "train.log_every": 5,
}


def write(folder: Path, entities: int) -> int:
    """A graph in which each relation leads from an entity to one of fifty; its training triples."""
    rng = np.random.default_rng(0)
    head = rng.integers(entities, size=3 * entities // 2)
    relation = rng.integers(RELATIONS, size=len(head))
    tail = (head * 31 + relation * 7919 + rng.integers(50, size=len(head))) % entities
    triples = np.unique(np.stack([head, relation, tail], 1), axis=0)
    rng.shuffle(triples)
    parts = np.split(triples, [QUERIES, 2 * QUERIES])
    for name, part in zip(("valid", "test", "train"), parts, strict=True):
        with (folder / f"{name}.txt").open("w") as file:
            file.writelines(f"e{h}\tr{r}\te{t}\n" for h, r, t in part.tolist())
    for name, letter, count in (("entity", "e", entities), ("relation", "r", RELATIONS)):
        with (folder / f"{name}2id.txt").open("w") as file:
            file.writelines(f"{letter}{i}\t{i}\n" for i in range(count))
    return len(parts[2])


def run(folder: Path, workdir: Path, triples: int, devices: int, show: bool) -> None:
    """Trains and ranks in a process with so many devices."""
    epochs = STEPS * BATCH / (2 * triples)  # a triple is asked for both of its ends
    flags = FLAGS | {"data.dir": folder, "data.cache": folder / "cache", "mesh.fsdp": devices}
    flags["train.epochs"] = epochs
    subprocess.run(
        [
            *(sys.executable, "-m", "remote_jax.main", "--config=configs/mkg_y.py"),
            *(f"--config.{key}={value}" for key, value in flags.items()),
            f"--workdir={workdir}",
        ],
        cwd=ROOT,
        env=os.environ
        | {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}
        | {"JAX_PLATFORMS": "cpu"},
        stdout=None if show else subprocess.DEVNULL,
        check=True,
    )


def ranks(workdir: Path) -> list[float]:
    """Of the test split."""
    lines = (workdir / "predictions.jsonl").read_text().splitlines()
    return [json.loads(line)["rank"] for line in lines]


def main() -> None:
    """Both graphs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entities", type=int, default=2_000_000)
    entities = parser.parse_args().entities
    with tempfile.TemporaryDirectory() as name:
        small, large = Path(name) / "small", Path(name) / "large"
        small.mkdir()
        large.mkdir()
        triples = write(small, entities // 100)
        for devices in (1, 8):
            run(small, Path(name) / f"small{devices}", triples, devices, show=False)
        one, eight = (np.array(ranks(Path(name) / f"small{n}")) for n in (1, 8))
        moved = abs(one - eight).max()
        print(f"{entities // 100} entities: {len(one)} ranks, the largest difference {moved}")
        run(large, Path(name) / "run", write(large, entities), 8, show=True)
        results = json.loads((Path(name) / "run" / "results.json").read_text())
        print(f"{entities} entities: {results['peak_memory_bytes']['host'] / 2**30:.1f} GiB")


if __name__ == "__main__":
    main()
