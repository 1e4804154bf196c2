"""How often `predict` finds a relation between two entities that have none.

    python tests/benchmarks/unrelated_pairs.py --workdir=RUN

RUN is a finished run on MNRE, its data folder in place. Every validation pair without a relation is
asked as a post of its own, its two entities given in both orders; beside it stands how often the
same model, asked in the order of the file, finds one. A bar of this project: at most 3 points more.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import remote_jax
from remote_jax import config as configs
from remote_jax.serve.runs import open_run
from remote_jax.training.evaluation import best_outputs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workdir", type=Path, required=True)
    workdir = parser.parse_args().workdir
    run = open_run(configs.read(workdir), workdir, new=False)
    run.prepare(data=True)
    task = run.task
    labels = task.pairs.labels("validation")
    records = task.pairs.records("validation")
    found = best_outputs(task, run.config, workdir, "validation")
    outputs, best = found.outputs, found.best
    listed = (outputs["label"][: len(labels)][labels == 0] > 0).mean()
    unrelated = [records[index] for index in range(len(records)) if labels[index] == 0]
    model = remote_jax.load(workdir)
    shares = {}
    for name, way in (("as listed", 1), ("the other way round", -1)):
        posts = [
            {
                "tokens": list(pair.tokens),
                "entities": [list(pair.head.span), list(pair.tail.span)][::way],
            }
            for pair in unrelated
        ]
        found = model.predict(posts)
        assert all(answer.error is None for answer in found)
        shares[name] = sum(bool(answer.relations) for answer in found) / len(found)
    print(f"{len(unrelated)} unrelated pairs of validation; {best['calibration']}")
    print(f"file's order, likeliest relation: {listed:.1%} get one")
    for name, share in shares.items():
        print(f"predict, entities {name}: {share:.1%} ({100 * (share - listed):+.1f} points)")
    print(json.dumps({"listed": float(listed), **shares}))


if __name__ == "__main__":
    main()
