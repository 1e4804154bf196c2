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
from collections import defaultdict
from pathlib import Path

import remote_jax
from remote_jax import config as configs
from remote_jax.data.files import read_json
from remote_jax.remote.sample.write import BOXES, CAPTIONS, FILES, PICTURES, RELATIONS, write

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


def posts_of(folder: Path) -> tuple[list[dict], list[dict]]:
    """Test posts, and the relations of their mixed pairs by entity and object."""
    boxes, captions = (read_json(folder / name, 2**30) for name in (BOXES, CAPTIONS))
    grouped = defaultdict(list)
    for line in (folder / FILES["test"]).read_text("utf-8").splitlines():
        row = ast.literal_eval(line)
        grouped[row["img_id"]].append(row)
    posts, wanted = [], []
    for image, rows in list(grouped.items())[:POSTS]:
        names = list(boxes[image])
        ends = [row[key] for row in rows for key in ("h", "t")]
        spans = sorted({tuple(end["pos"]) for end in ends if len(end["pos"]) == 2})
        posts.append(
            {
                "tokens": rows[0]["token"],
                "entities": [list(span) for span in spans],
                "objects": [
                    {"box": boxes[image][name], "caption": captions[image][name]} for name in names
                ],
                "image": str(folder / PICTURES / image),
                "depth": str(folder / "depth_data_umke" / f"{Path(image).stem}.npz"),
            }
        )
        related = {}
        for row in rows:
            kinds = {len(row[key]["pos"]): row[key] for key in ("h", "t")}
            if set(kinds) == {2, 4} and row["relation"] != "none":
                key = (tuple(kinds[2]["pos"]), names.index(kinds[4]["name"]))
                related[key] = row["relation"]
        wanted.append(related)
    return posts, wanted


def right(workdir: Path, folder: Path) -> tuple[int, int]:
    """Related mixed pairs that a run finds, and how many there are."""
    posts, wanted = posts_of(folder)
    found = 0
    for answer, related in zip(remote_jax.load(workdir).predict(posts), wanted, strict=True):
        assert answer.error is None, answer.error
        for one in answer.relations:
            ends = {hasattr(end, "object"): end for end in (one.head, one.tail)}
            if len(ends) == 2:
                key = ((ends[False].start, ends[False].end), ends[True].object)
                found += related.get(key) == one.relation
    return found, sum(map(len, wanted))


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
