"""Posts for small models, and a folder to put them into."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

TOKENS = ["Gatika", "Bamorel", "plays", "for", "Divafen", "United", "!"]
PARSE = {"heads": [2, 0, 2, 2, 5, 3, 2], "dependencies": ["dep"] * 7, "pos": ["X"] * 7}
PARSE["dependencies"][2] = "ROOT"
OBJECTS = [{"box": [0.1, 0.1, 0.5, 0.9], "caption": "a person"}, {"box": [0.5, 0, 1, 1]}]


def posts() -> list[dict[str, Any]]:
    """With and without a picture, entities and a date."""
    text = " ".join(TOKENS)
    entities = [[0, 14], {"start": 25, "end": 39, "name": "the club"}]
    seen = {"image": "pictures/a.png", "depth": "pictures/a.npz", "objects": OBJECTS}
    return [
        {"id": "a", "text": text, "entities": entities, "date": "2026-03-01", **seen},
        {"id": 7, "text": text, "entities": entities},
        {"text": "nobody is here"},
        {"id": "words", "tokens": TOKENS, "entities": [[0, 2], [4, 6]], "date": "2026-03-02"},
        {"id": "e", "text": "Gatika Bamorel <b>&", "entities": [[0, 14]], **seen},
    ]


def write(folder: Path, rows: list[Any], name: str = "posts.jsonl") -> Path:
    """A folder with posts and their pictures; a row may be a line as it is written."""
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "pictures/a.png")
    np.savez(folder / "pictures/a.npz", depth_map=np.arange(64.0).reshape(8, 8))
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / name).write_text("\n".join(lines) + "\n", "utf-8", "surrogateescape")
    return folder / name
