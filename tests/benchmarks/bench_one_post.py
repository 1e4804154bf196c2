"""One post through a loaded model, beside a batch that is filled up.

    python tests/benchmarks/bench_one_post.py --data=MNRE_FOLDER --encoder=MINILM_FOLDER \
        [--rounds=20]

The model is `configs/mnre.py:minilm` after two steps. Posts are sentences of MNRE's validation
split with the two entities of a row; a batch holds `train.eval_batch_size` of them, all different,
which is what a single post was filled up to once. The two take turns.
"""

from __future__ import annotations

import argparse
import ast
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def trained(options: argparse.Namespace, folder: Path) -> Path:
    """A run that has made two steps."""
    from remote_jax.main import main

    run = folder / "run"
    flags = {
        "data.dir": options.data,
        "text.pretrained": options.encoder,
        "train.epochs": 0.003,
        "data.workers": 0,
    }
    command = ["--config=configs/mnre.py:minilm", f"--workdir={run}"]
    main(["remote_jax", *command, *(f"--config.{key}={value}" for key, value in flags.items())])
    return run


def posts(data: Path) -> list[dict[str, Any]]:
    """Sentences with the two entities of a row, different ones."""
    found = {}
    for line in (data / "mnre_val.txt").read_text(encoding="utf-8").splitlines():
        row = ast.literal_eval(line)
        tokens = row["token"]
        starts = [len(" ".join([*tokens[:n], ""])) for n in range(len(tokens))]
        spans = [
            [starts[first], starts[end - 1] + len(tokens[end - 1])]
            for first, end in (row[side]["pos"] for side in "ht")
        ]
        found.setdefault(text := " ".join(tokens), {"text": text, "entities": spans})
    return list(found.values())


def seconds(model: Any, asked: list[dict[str, Any]]) -> float:
    """Of one call; an answer that is an error ends the benchmark."""
    began = time.perf_counter()
    answers = model.predict(asked)
    spent = time.perf_counter() - began
    assert all(answer.error is None for answer in answers), answers[0]
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[2]))
    import remote_jax

    with tempfile.TemporaryDirectory() as folder:
        model = remote_jax.load(trained(options, Path(folder)))
    size = model.config.train.eval_batch_size
    found = posts(options.data)
    times: dict[str, list[float]] = {"one post": [], "a batch": []}
    for number in range(-2, options.rounds):  # the first two compile
        start = (number + 2) * size
        for name, asked in {
            "one post": found[start : start + 1],
            "a batch": found[start : start + size],
        }.items():
            spent = seconds(model, asked)
            if number >= 0:
                times[name].append(spent)
    for name, spent in times.items():
        low, high = (1000 * x for x in (min(spent), max(spent)))
        print(f"{name:8}: {1000 * statistics.median(spent):.1f} ms ({low:.1f} to {high:.1f})")
    ratio = statistics.median(
        batch / one for one, batch in zip(times["one post"], times["a batch"], strict=True)
    )
    print(f"a batch of {size} takes {ratio:.1f} times as long as one post")


if __name__ == "__main__":
    main()
