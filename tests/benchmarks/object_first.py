"""Mixed pairs that training has object first are asked object first.

    python tests/benchmarks/object_first.py [--posts=1500] [--epochs=3]

Trains twice on the generated sample: as it is, and with every pair of an entity and an object
written the other way round. Both models then answer 400 test posts, which name no order. A bar of
this project: the second finds at least 95 % of the related mixed pairs that the first one finds.
"""

from __future__ import annotations

import argparse
import ast
import shutil
import tempfile
from pathlib import Path

import sample_posts
from sample_posts import answered

import remote_jax
from remote_jax import config as configs
from remote_jax.remote.sample.write import FILES, RELATIONS, write

POSTS = 400


def turn_round(folder: Path) -> None:
    """Writes mixed rows with the object first."""
    for file in FILES.values():
        lines = (folder / file).read_text("utf-8").splitlines()
        rows = [ast.literal_eval(line) for line in lines]
        for row in rows:
            if len(row["h"]["pos"]) == 2 and len(row["t"]["pos"]) == 4:
                row["h"], row["t"] = row["t"], row["h"]
        (folder / file).write_text("".join(f"{row!r}\n" for row in rows), "utf-8")


def right(workdir: Path, folder: Path) -> tuple[int, int]:
    """Related mixed pairs that a run finds, and how many there are."""
    posts = sample_posts.read_posts(folder, POSTS)
    answers = remote_jax.load(workdir).predict([post.values for post in posts])
    found = wanted = 0
    for answer, post in zip(answers, posts, strict=True):
        assert answer.error is None, answer.error
        related = {
            frozenset(pair): relation
            for pair, relation in post.listed.items()
            if relation != "none" and sample_posts.kind(*pair) == "eo"
        }
        wanted += len(related)
        for one in answer.relations:
            pair = frozenset((answered(one.head), answered(one.tail)))
            found += related.get(pair) == one.relation
    return found, wanted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=1500)
    parser.add_argument("--epochs", type=float, default=3.0)
    settings = parser.parse_args()
    place = Path(tempfile.mkdtemp())
    folder, shares = place / "data", {}
    write(folder, train=settings.posts, validation=150, test=POSTS, seed=0)
    (folder / RELATIONS).unlink()  # neither has it, since it is of one order
    for name in ("entity first", "object first"):
        if name == "object first":
            turn_round(folder)
        config = configs.load("umre")
        config.data.update({"dir": str(folder), "cache": str(place / "cache"), "workers": 0})
        config.train.epochs = settings.epochs
        scores = remote_jax.train(config, place / name)
        shares[name], total = right(place / name, folder)
        print(f"{name}: {shares[name]} of {total} found; {scores['test']}", flush=True)
    print(f"{shares['object first'] / max(shares['entity first'], 1):.1%} of the control's")
    shutil.rmtree(place)


if __name__ == "__main__":
    main()
