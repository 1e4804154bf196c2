"""Scene graphs that Scene-Graph-Benchmark predicted for a person's own pictures.

    custom_prediction.json   {"0": {"bbox", "bbox_labels", "bbox_scores", "rel_pairs",
                                    "rel_labels", "rel_scores", ...}, "1": ...}
    custom_data_info.json    {"idx_to_files", "ind_to_classes", "ind_to_predicates"}

Boxes are pixels of the picture as the detector saw it: its short side scaled to 600, unless the
long one would pass 1000. Class and predicate 0 are the background.

EEGA's authors name each graph by the `img_id` of its picture, and write relations as text, the best
first: `"rel_labels": ["0_man => holding => 1_cup", ...]`, without pairs. Then scores may be left
out: of relations, so that all of them count, and of objects, so that the first are the best. A
graph without `bbox` shows no pixels of its objects, so its picture is read as a whole.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, TypeGuard

import numpy as np
from jaxtyping import Float, Int

from remote_jax.data.files import read_json
from remote_jax.data.jsonl import show
from remote_jax.eega.graphs.visual_graph import VisualGraph, from_relations
from remote_jax.errors import Refused, UserError

MAX_JSON = 2**31
"""Longest file; the probabilities in `rel_all_scores`, which nothing reads, may be left out."""
MAX_OBJECTS, MAX_PAIRS = 1000, 1_000_000
"""Most objects and pairs of a picture."""
BACKGROUND = "__background__"
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
        self._keys = {key: key for key in self._entries}
        files = _names(facts, "idx_to_files", info) if "idx_to_files" in facts else ()
        if files and self._keys.keys() <= {str(place) for place in range(len(files))}:
            self._keys = _by_picture(files, info)

    def graph(
        self, picture: str, size: tuple[int, int], *, objects: int, threshold: float
    ) -> VisualGraph | None:
        """The graph of a picture; None where the file has none, or one without boxes.

        Args:
            picture: file name, without folders.
            size: width and height of the picture as it is on disk.
            objects: k; those with the highest scores stay.
            threshold: lowest score of a relation; the file has one for every pair of objects.

        Raises:
            Refused: the entry is malformed; the message names it.
        """
        key = self._key(picture)
        if key is None:
            return None
        try:
            entry = self._entries[key]
            if not isinstance(entry, dict):
                raise Refused(f"expected an object, found a {type(entry).__name__}")
            return self._graph(entry, size, objects, threshold) if "bbox" in entry else None
        except Refused as error:
            raise Refused(f"scene graph {key} of {picture}: {error}") from error

    def listed(self, picture: str) -> int:
        """How many boxes the file has of a picture, unchecked."""
        key = self._key(picture)
        entry = None if key is None else self._entries[key]
        boxes = entry.get("bbox") if isinstance(entry, dict) else None
        return len(boxes) if isinstance(boxes, list) else 0

    def _key(self, picture: str) -> str | None:
        key = self._keys.get(picture) or self._keys.get(PurePosixPath(picture).stem)
        return key if key in self._entries else None

    def _graph(
        self, entry: dict[str, Any], size: tuple[int, int], objects: int, threshold: float
    ) -> VisualGraph:
        if "bbox_scores" in entry:
            scores = _numbers(entry, "bbox_scores", 0, MAX_OBJECTS)
        else:
            scores = np.zeros(len(_numbers(entry, "bbox", 4, MAX_OBJECTS)))
        count = len(scores)
        boxes = _in_shares(_numbers(entry, "bbox", 4, count, count), size)
        labels = self._labels(entry, count)
        pairs, predicates, strengths = self._relations(entry, count)

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

    def _labels(self, entry: dict[str, Any], count: int) -> Int[np.ndarray, " objects"]:
        """Classes by number, or by name with or without the place of the object, `0_man`."""
        given = entry.get("bbox_labels")
        if not _has_text(given):
            return _indices(entry, "bbox_labels", 0, count, len(self.classes))
        if len(given) != count:
            raise Refused(f"expected 'bbox_labels' as {count} items, found {len(given):,}")
        names = [str(name).removeprefix(f"{place}_") for place, name in enumerate(given)]
        return _numbered(names, self.classes, "bbox_labels")

    def _relations(self, entry: dict[str, Any], count: int) -> Relations:
        """Of `count` objects."""
        given = entry.get("rel_labels")
        if not _has_text(given):
            scores = _numbers(entry, "rel_scores", 0, MAX_PAIRS)
            pairs = _indices(entry, "rel_pairs", 2, len(scores), count)
            most = len(self.relations) + 1
            return pairs, _indices(entry, "rel_labels", 0, len(scores), most), scores
        numbers, names = _read_texts(given)
        scores = np.ones(len(given))
        if len(_list(entry, "rel_scores")) == len(given):
            scores = _numbers(entry, "rel_scores", 0, MAX_PAIRS)
        pairs = _indices({"rel_labels": numbers}, "rel_labels", 2, len(given), count)
        return pairs, _numbered(names, (BACKGROUND, *self.relations), "rel_labels"), scores


Relations = tuple[
    Int[np.ndarray, "relations 2"], Int[np.ndarray, " relations"], Float[np.ndarray, " relations"]
]
"""Pairs of objects, predicates of `ind_to_predicates`, and scores."""


def _has_text(given: object) -> TypeGuard[list[Any]]:
    return isinstance(given, list) and any(isinstance(one, str) for one in given)


def _list(entry: dict[str, Any], key: str) -> list[Any]:
    """The list under a key; empty where there is none."""
    found = entry.get(key)
    return found if isinstance(found, list) else []


def _read_texts(texts: Sequence[object]) -> tuple[list[list[int]], list[str]]:
    """Pairs of objects and names of relations of `"0_man => holding => 1_cup"`."""
    if len(texts) > MAX_PAIRS:
        raise Refused(f"expected 'rel_labels' as at most {MAX_PAIRS:,} items, found {len(texts):,}")
    pairs, names = [], []
    for place, text in enumerate(texts):
        parts = text.split("=>") if isinstance(text, str) else []
        ends = [part.strip().partition("_")[0] for part in parts[::2]]
        if len(parts) != 3 or not all(re.fullmatch(r"[0-9]{1,4}", end) for end in ends):
            raise Refused(
                f"rel_labels[{place}] must be like '0_man => holding => 1_cup', found {show(text)}"
            )
        pairs.append([int(end) for end in ends])
        names.append(parts[1].strip())
    return pairs, names


def _numbered(names: Sequence[str], known: Sequence[str], key: str) -> Int[np.ndarray, " names"]:
    """The number of each name among those that are known."""
    number = {name: place for place, name in enumerate(known)}
    for place, name in enumerate(names):
        if name not in number:
            raise Refused(f"{key}[{place}] has {show(name)}, which custom_data_info.json lacks")
    return np.array([number[name] for name in names], np.int64)


def _by_picture(files: Sequence[str], info: Path) -> dict[str, str]:
    """The key of each picture, by its file name, where the keys are places in a list of files."""
    found: dict[str, str] = {}
    for place, path in enumerate(files):
        name = PurePosixPath(path).name
        if name in found:
            raise UserError(f"{info} names the picture {name!r} twice, expected it once.")
        found[name] = str(place)
    return found


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


def detector_sides(size: tuple[int, int]) -> Float[np.ndarray, "4"]:
    """Width and height, twice, of a picture as the detector saw it, by those on disk."""
    scale = SHORT_SIDE / min(size)
    if max(size) * scale > LONG_SIDE:
        scale = round(LONG_SIDE * min(size) / max(size)) / min(size)
    return np.array([*size, *size]) * scale


def _in_shares(
    boxes: Float[np.ndarray, "objects 4"], size: tuple[int, int]
) -> Float[np.ndarray, "objects 4"]:
    """Boxes in pixels of the detector's picture as shares of its sides."""
    sides = detector_sides(size)
    for place, box in enumerate(boxes):
        left, top, right, bottom = box
        if box.min() < -OUTSIDE or (box > sides + OUTSIDE).any() or left >= right or top >= bottom:
            raise Refused(
                f"bbox[{place}] must be left, top, right, bottom within {sides[0]:.0f} x "
                f"{sides[1]:.0f} pixels, found {box.tolist()}"
            )
    return np.clip(boxes / sides, 0, 1)
