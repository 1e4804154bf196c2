"""Peak memory of `--mode=predict` for few and for many posts, of a small EEGA without training.

    python tests/benchmarks/bench_predict_memory.py [--few=1000] [--many=100000] [--pipeline=FOLDER]

Posts have words of their own, and some have a picture with objects. Without `--pipeline`, which
names a spaCy pipeline, they bring their parses. Exits with 1 where the many take more than 1.2
times the memory of the few.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "serve")]

import systems  # noqa: E402

BAR = 1.2
PICTURES = 50
WARM = 10


def write_posts(path: Path, count: int, *, parsed: bool) -> None:
    """Writes posts of 5 to 30 words, half of them new ones; every third has a picture."""
    source = random.Random(count)
    pixels = np.random.default_rng(0)
    for number in range(PICTURES):
        picture = pixels.integers(0, 256, (48, 64, 3), np.uint8)
        Image.fromarray(picture).save(path.parent / f"{number}.png")
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            words = [
                f"w{source.randrange(500)}" if source.random() < 0.5 else f"n{number}x{place}"
                for place in range(source.randrange(5, 31))
            ]
            post: dict[str, object] = {"id": number, "tokens": words}
            if parsed:
                heads = [max(0, place - 1) for place in range(len(words))]
                post["parse"] = {
                    "heads": heads,
                    "dependencies": ["ROOT"] + ["dep"] * (len(words) - 1),
                    "pos": ["NOUN"] * len(words),
                }
            if number % 3 == 0:
                boxes = [[0.1, 0.1, 0.5, 0.6], [0.4, 0.2, 0.9, 0.9]]
                post |= {"image": f"{source.randrange(PICTURES)}.png", "objects": boxes}
            file.write(json.dumps(post) + "\n")


def peak(run: Path, posts: Path) -> tuple[float, float]:
    """Largest memory of the command in MiB, and its seconds."""
    flags = (f"--workdir={run}", f"--input={posts}", f"--output={posts.with_suffix('.out')}")
    began = time.monotonic()
    command = [sys.executable, "-m", "remote_jax.main", "--mode=predict", *flags]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed: {status}")
    return usage.ru_maxrss / 1024, time.monotonic() - began


def main() -> int:
    """Prints both peaks and their ratio; a first start compiles, which takes memory of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--few", type=int, default=1000)
    parser.add_argument("--many", type=int, default=100_000)
    parser.add_argument("--pipeline", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench_predict") as name:
        folder = Path(name)
        config = systems.eega(folder / "cache")
        if options.pipeline:
            config.data.pipeline = options.pipeline
        systems.begin(config, folder / "run")
        peaks = []
        for count in (WARM, options.few, options.many):
            posts = folder / f"{count}.jsonl"
            write_posts(posts, count, parsed=not options.pipeline)
            memory, seconds = peak(folder / "run", posts)
            peaks.append(memory)
            print(f"{count:,} posts: {memory:,.0f} MiB, {seconds:.0f} s", flush=True)
    ratio = peaks[2] / peaks[1]
    print(f"{ratio:.3f} times the memory for {options.many / options.few:g} times the posts")
    return int(ratio > BAR)


if __name__ == "__main__":
    sys.exit(main())
