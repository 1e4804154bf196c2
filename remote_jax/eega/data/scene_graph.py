"""Scene graphs that Scene-Graph-Benchmark predicted for a person's own pictures.

    custom_prediction.json   {"0": {"bbox", "bbox_labels", "bbox_scores", "rel_pairs",
                                    "rel_labels", "rel_scores", ...}, "1": ...}
    custom_data_info.json    {"idx_to_files", "ind_to_classes", "ind_to_predicates"}

Boxes are pixels of the picture as the detector saw it: its short side scaled to 600, unless the
long one would pass 1000. Class and predicate 0 are the background.
"""

from __future__ import annotations

import math
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from remote_jax.data.files import read_json
from remote_jax.eega.graphs.visual_graph import VisualGraph, from_relations
from remote_jax.errors import Refused, UserError

MAX_JSON = 2**31
"""Longest file; the probabilities in `rel_all_scores`, which nothing reads, may be left out."""
MAX_OBJECTS, MAX_PAIRS = 1000, 1_000_000
"""Most objects and pairs of a picture."""
SHORT_SIDE, LONG_SIDE = 600, 1000
OUTSIDE = 2.0
"""How far, in pixels, rounding may lead a box out of its picture."""


class SceneGraphs:
    """The predictions of a file, by the names of the pictures.

    Attributes:
        classes, relations: names; number 0 is the background, which `relations` leaves out.
    """

    def __init__(self, predictions: Path, info: Path):
        """Reads both files; a picture's entry is checked when its graph is asked for.

        Raises:
            UserError: a file is missing, too long or not as described above.
        """
        facts = read_json(info, MAX_JSON)
        self._entries = read_json(predictions, MAX_JSON)
        self.classes = _names(facts, "ind_to_classes", info)
        self.relations = _names(facts, "ind_to_predicates", info)[1:]
        self._places: dict[str, int] = {}
        for place, path in enumerate(_names(facts, "idx_to_files", info)):
            name = PurePosixPath(path).name
            if name in self._places:
                raise UserError(f"{info} names the picture {name!r} twice, expected it once.")
            self._places[name] = place

    def graph(
        self, picture: str, size: tuple[int, int], *, objects: int, threshold: float
    ) -> VisualGraph | None:
        """The graph of a picture; None where the file has none.

        Args:
            picture: file name, without folders.
            size: width and height of the picture as it is on disk.
            objects: k; those with the highest scores stay.
            threshold: lowest score of a relation; the file has one for every pair of objects.

        Raises:
            Refused: the entry is malformed; the message names it.
        """
        place = self._places.get(picture)
        if place is None or str(place) not in self._entries:
            return None
        try:
            return self._graph(self._entries[str(place)], size, objects, threshold)
        except Refused as error:
            raise Refused(f"scene graph {place} of {picture}: {error}") from error

    def _graph(
        self, entry: Any, size: tuple[int, int], objects: int, threshold: float
    ) -> VisualGraph:
        if not isinstance(entry, dict):
            raise Refused(f"expected an object, found a {type(entry).__name__}")
        scores = _numbers(entry, "bbox_scores", 0, MAX_OBJECTS)
        count = len(scores)
        boxes = _in_shares(_numbers(entry, "bbox", 4, count, count), size)
        labels = _indices(entry, "bbox_labels", 0, count, len(self.classes))
        strengths = _numbers(entry, "rel_scores", 0, MAX_PAIRS)
        pairs = _indices(entry, "rel_pairs", 2, len(strengths), count)
        predicates = _indices(entry, "rel_labels", 0, len(strengths), len(self.relations) + 1)

        chosen = np.argsort(-scores, kind="stable")[:objects]
        places = np.full(count, -1)
        places[chosen] = np.arange(len(chosen))
        pairs = places[pairs]
        kept = (pairs >= 0).all(1) & (pairs[:, 0] != pairs[:, 1]) & (predicates > 0)
        kept &= strengths >= threshold
        best = np.argsort(-strengths, kind="stable")
        best = best[kept[best]]
        return from_relations(
            boxes[chosen],
            labels[chosen],
            [(*pairs[row], predicates[row] - 1) for row in best],
            count=len(self.relations),
            size=objects,
        )


def _names(facts: dict[str, Any], key: str, path: Path) -> tuple[str, ...]:
    names = facts.get(key)
    if not isinstance(names, list) or not names or not all(type(n) is str for n in names):
        raise UserError(f"{path} has no list of names {key!r}.")
    return tuple(names)


def _numbers(
    entry: dict[str, Any], key: str, width: int, most: int, length: int | None = None
) -> Float[np.ndarray, "..."]:
    """A list of numbers, or of lists of `width` numbers, as float64 [length, *width]."""
    rows = entry.get(key)
    if not isinstance(rows, list) or len(rows) > most or length not in (None, len(rows)):
        found = f"{len(rows)} items" if isinstance(rows, list) else type(rows).__name__
        expected = f"at most {most:,}" if length is None else f"{length}"
        raise Refused(f"expected {key!r} as a list of {expected} items, found {found}")
    for place, row in enumerate(rows):
        items = row if width and isinstance(row, list) else [row]
        if len(items) != (width or 1) or not all(_is_number(item) for item in items):
            what = f"{width} finite numbers" if width else "a finite number"
            raise Refused(f"{key}[{place}] must be {what}, found {repr(row)[:60]}")
    return np.array(rows, np.float64).reshape(len(rows), *([width] if width else []))


def _is_number(value: object) -> bool:
    if type(value) is float:
        return math.isfinite(value)
    return type(value) is int and abs(value) < 2**31


def _indices(
    entry: dict[str, Any], key: str, width: int, length: int, below: int
) -> Int[np.ndarray, "..."]:
    """Whole numbers from 0 to below `below`."""
    values = _numbers(entry, key, width, MAX_PAIRS, length)
    wrong = np.argwhere((values != np.floor(values)) | (values < 0) | (values >= below))
    if len(wrong):
        value = values[tuple(wrong[0])]
        raise Refused(f"{key}[{wrong[0][0]}] is {value:g}, expected a whole number below {below}")
    return values.astype(np.int64)


def _in_shares(
    boxes: Float[np.ndarray, "objects 4"], size: tuple[int, int]
) -> Float[np.ndarray, "objects 4"]:
    """Boxes in pixels of the detector's picture as shares of its sides."""
    scale = SHORT_SIDE / min(size)
    if max(size) * scale > LONG_SIDE:
        scale = round(LONG_SIDE * min(size) / max(size)) / min(size)
    sides = np.array([*size, *size]) * scale
    for place, box in enumerate(boxes):
        left, top, right, bottom = box
        if box.min() < -OUTSIDE or (box > sides + OUTSIDE).any() or left >= right or top >= bottom:
            raise Refused(
                f"bbox[{place}] must be left, top, right, bottom within {sides[0]:.0f} x "
                f"{sides[1]:.0f} pixels, found {box.tolist()}"
            )
    return np.clip(boxes / sides, 0, 1)
