"""Posts of REMOTE's generated sample, as `predict` takes them, and what their rows list."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from remote_jax.data.files import read_json
from remote_jax.remote.answers import Argument, ObjectArgument
from remote_jax.remote.sample.write import BOXES, CAPTIONS, DEPTHS, FILES, PICTURES

End = tuple[int, int] | str
"""The span of an entity, or the name of an object."""


@dataclass(frozen=True)
class SamplePost:
    """A post of the test split.

    Attributes:
        image: its name.
        values: what `predict` takes.
        listed: the relation of each listed pair, `none` included, by head and tail.
    """

    image: str
    values: dict[str, Any]
    listed: Mapping[tuple[End, End], str]


def read_posts(folder: Path, most: int) -> list[SamplePost]:
    """The first posts of the test split of a sample, with every object and listed entity."""
    boxes, captions = (read_json(folder / name, 2**30) for name in (BOXES, CAPTIONS))
    grouped = defaultdict(list)
    for line in (folder / FILES["test"]).read_text("utf-8").splitlines():
        row = ast.literal_eval(line)
        grouped[row["img_id"]].append(row)
    found = []
    for image, rows in list(grouped.items())[:most]:
        listed = {(end(row["h"]), end(row["t"])): row["relation"] for row in rows}
        spans = sorted({one for pair in listed for one in pair if not isinstance(one, str)})
        values = {
            "tokens": rows[0]["token"],
            "entities": [list(span) for span in spans],
            "objects": [
                {"box": box, "caption": captions[image][name]} for name, box in boxes[image].items()
            ],
            "image": str(folder / PICTURES / image),
            "depth": str(folder / DEPTHS / f"{Path(image).stem}.npz"),
        }
        found.append(SamplePost(image, values, listed))
    return found


def end(value: Mapping[str, Any]) -> End:
    """The end that a row writes down."""
    return value["name"] if len(value["pos"]) == 4 else tuple(value["pos"])


def answered(argument: Argument) -> End:
    """The end that an answer names."""
    if isinstance(argument, ObjectArgument):
        return f"[OBJ{argument.object}]"
    return (argument.start, argument.end)


def kind(head: End, tail: End) -> str:
    """`ee`, `oo` or `eo`."""
    return ("ee", "eo", "oo")[isinstance(head, str) + isinstance(tail, str)]
