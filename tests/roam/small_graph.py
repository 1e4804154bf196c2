"""A graph whose answers follow from its features and its structure, and a small ROAM for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ml_collections import ConfigDict
from tucker_settings import TUCKER

from configs import mkg_y

CITIES, PEOPLE = 6, 36


def person(i: int) -> str:
    return f"person_{i}"


def write_graph(folder: Path) -> None:
    """People live in the city that their image shows; a mate is the next person, and mates back."""
    rng = np.random.default_rng(0)
    home = rng.integers(0, CITIES, PEOPLE)
    facts = [(person(i), "lives_in", f"city_{home[i]}") for i in range(PEOPLE)]
    for i in range(0, PEOPLE, 2):
        facts += [(person(i), "mate", person(i + 1)), (person(i + 1), "mate", person(i))]
    order = rng.permutation(len(facts))
    parts = {"train": order[:58], "valid": order[58:65], "test": order[65:]}
    for split, rows in parts.items():
        lines = ["\t".join(facts[row]) + "\n" for row in rows]
        (folder / f"{split}.txt").write_text("".join(lines))
    images = np.eye(CITIES)[home] + 0.05 * rng.normal(size=(PEOPLE, CITIES))
    np.savez(folder / "image.npz", features=images, ids=np.array([*map(person, range(PEOPLE))]))


def config(folder: Path, cache: Path, **changes: object) -> ConfigDict:
    found = mkg_y.get_config()
    found.data.update({"dir": str(folder), "cache": str(cache), "name": "tiny"})
    found.model.update({"dim": 16, "relation_dim": 16, "hidden": 16, "groups": 2})
    found.update_from_flattened_dict({**TUCKER, "model.answers": 0.5})
    found.model.dropout.update({"head": 0.0, "matrix": 0.1, "query": 0.1})
    found.model.router.hidden = 16
    found.train.update(
        {"epochs": 60.0, "batch_size": 16, "eval_batch_size": 8, "learning_rate": 1e-2}
    )
    found.train.update({"eval_every": 30.0, "log_every": 50})
    found.train.update({"new_learning_rate": 0.0, "schedule": "linear"})
    found.update_from_flattened_dict(changes)
    return found.lock()
