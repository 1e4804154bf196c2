"""One post: the second call of a loaded model against a whole process of `--mode=predict`.

    python tests/benchmarks/bench_load.py --workdir=runs/umre-seed0 [--repeats=5]

Both answer the same post of the same run, on the same machine, one after the other; compiled
programs are kept between processes, so that the command is timed as it is after its first start.
Exits with 1 where the call takes more than a tenth of the command.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import remote_jax

BAR = 0.1
POSTS = {
    "remote": {"text": "Gatika Bamorel plays for Divafen Rovers", "entities": [[0, 14], [25, 39]]},
    "eega": {
        "tokens": ["Gatika", "plays", "for", "Rovers"],
        "parse": {"heads": [1, 1, 3, 1], "dependencies": ["dep"] * 4, "pos": ["X"] * 4},
    },
}


def post_of(model: remote_jax.Model, workdir: Path) -> dict[str, object]:
    """A post; for a graph a query with its own first names."""
    if model.system != "roam":
        return POSTS[model.system]
    head, relation = (
        (workdir / "graph" / f"{kind}.txt").read_text(encoding="utf-8").partition("\n")[0]
        for kind in ("entities", "relations")
    )
    return {"head": head, "relation": relation}


def command(workdir: Path, post: dict[str, object]) -> tuple[float, dict[str, object]]:
    """Seconds of the process, and its answer."""
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "posts.jsonl", Path(name) / "answers.jsonl"
        source.write_text(json.dumps(post) + "\n", encoding="utf-8")
        call = [sys.executable, "-m", "remote_jax.main", "--mode=predict", f"--workdir={workdir}"]
        start = time.perf_counter()
        subprocess.run(
            [*call, f"--input={source}", f"--output={target}"],
            check=True,
            cwd=Path(__file__).parents[2],
            stdout=subprocess.DEVNULL,
        )
        return time.perf_counter() - start, json.loads(target.read_text(encoding="utf-8"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workdir", type=lambda name: Path(name).resolve(), required=True)
    parser.add_argument("--repeats", type=int, default=5)
    flags = parser.parse_args()
    start = time.perf_counter()
    model = remote_jax.load(flags.workdir)
    loaded = time.perf_counter()
    post = post_of(model, flags.workdir)
    (answer,) = model.predict([post])
    first = time.perf_counter()
    calls = []
    for _ in range(flags.repeats):
        begun = time.perf_counter()
        model.predict([post])
        calls.append(time.perf_counter() - begun)
    command(flags.workdir, post)  # compiles, where nothing of it is kept yet
    seconds, line = min((command(flags.workdir, post) for _ in range(2)), key=lambda one: one[0])
    assert line.keys() == {"line", *answer.to_dict()}, (line, answer)
    second = statistics.median(calls)
    print(f"load {loaded - start:.2f} s, first call {first - loaded:.2f} s")
    print(f"second call {second * 1e3:.1f} ms, --mode=predict {seconds:.2f} s")
    print(f"ratio {second / seconds:.5f}, bar {BAR}")
    return int(second / seconds > BAR)


if __name__ == "__main__":
    sys.exit(main())
