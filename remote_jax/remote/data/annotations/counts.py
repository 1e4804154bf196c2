"""What is counted of a split while its rows are read, for the screen and for `results.json`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

MAX_CONTRADICTING = 0.5
"""Largest share of a file's rows with an entity whose names may contradict their spans."""


@dataclass
class Counts:
    """Rows of a split.

    Attributes:
        file: that they are in.
        rows: those that are in the records.
        rejected: those that are not, being malformed; no score counts them.
        related: rows with a relation.
        named: rows with an entity, whose name may be compared with its span.
        contradicting: those of them with a name that is not what its span covers.
        unpictured: rows that name no picture.
        not_found: rows that name a picture which is not in the data folder.
        whole_picture: rows whose picture has no boxes and is taken as one object.
        ends: heads and tails.
        captioned: those of them that have a caption.
        boxes: how boxes are written, `corners` or `centers`.
    """

    file: str
    rows: int = 0
    rejected: int = 0
    related: int = 0
    named: int = 0
    contradicting: int = 0
    unpictured: int = 0
    not_found: int = 0
    whole_picture: int = 0
    ends: int = 0
    captioned: int = 0
    boxes: str = "corners"

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def lines(counts: Mapping[str, Mapping[str, Any]], captions: str) -> Iterable[str]:
    """What a person should know before training, a line a subject.

    Args:
        counts: `Counts.to_dict` by split.
        captions: name of the file of captions; "" if there is none.
    """
    for key, what in (
        ("contradicting", "Names that are not what their spans cover"),
        ("unpictured", "Rows without a picture"),
        ("not_found", "Pictures that are not in the data folder"),
        ("whole_picture", "Pictures without boxes, each one object, the whole of it"),
    ):
        if places := _places(counts, key):
            yield f"{what}: {places}"
    if any(one["boxes"] == "centers" for one in counts.values()):
        yield "Boxes are read as x and y of the centre, width and height"
    if captions:
        found = sum(one["captioned"] for one in counts.values())
        ends = sum(one["ends"] for one in counts.values())
        yield f"Captions of {captions} for {found:,} of {ends:,} heads and tails"
    train = counts.get("train")
    if train and not train["related"]:
        yield f"No row of {train['file']} has a relation: a model will learn that there is none"


def _places(counts: Mapping[str, Mapping[str, Any]], key: str) -> str:
    found = [
        f"{one[key]:,} of {one['rows']:,} rows of {one['file']}"
        for one in counts.values()
        if one[key]
    ]
    return ", ".join(found)
