"""Reads the sample's files as a person would, and says which relation holds and by what.

Nothing here comes from the generator: words are looked up, colours are counted in pixels, depth
is read from the maps and sides from the boxes.
"""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

FILES = {"train": "train_set.json", "validation": "val_set.json", "test": "test_set.json"}
JOINS = {",", ";", "and", "while", "as"}
ORGANISATIONS = {"United", "Rovers", "Athletic", "Wanderers"}
EVENTS = {"Cup", "Games", "Open", "Series"}
COLOURS = ("red", "blue")
BETWEEN = {
    "born": "/per/loc/place_of_birth",
    "birthplace": "/per/loc/place_of_birth",
    "native": "/per/loc/place_of_birth",
    "lives": "/per/loc/place_of_residence",
    "home": "/per/loc/place_of_residence",
    "rents": "/per/loc/place_of_residence",
    "mayor": "/per/loc/place_of_governance",
    "elected": "/per/loc/place_of_governance",
    "council": "/per/loc/place_of_governance",
    "against": "/per/org/opposed_to",
    "fears": "/per/org/opposed_to",
    "takes": "/per/org/opposed_to",
    "plays": "/per/org/member_of",
    "fields": "/per/org/member_of",
    "signed": "/per/org/member_of",
    "captains": "/per/org/leader_of",
    "coach": "/per/org/leader_of",
    "trains": "/org/loc/locate_at",
    "base": "/org/loc/locate_at",
    "ground": "/org/loc/locate_at",
    "held": "/misc/loc/held_on",
    "stages": "/misc/loc/held_on",
    "opens": "/misc/loc/held_on",
    "shows": "attends",
    "welcomes": "attends",
    "arrives": "attends",
    "cousin": "/per/per/relatives",
    "brother": "/per/per/relatives",
    "desks": "/per/per/alumni",
}
AFTER = {
    "siblings": "/per/per/relatives",
    "classmates": "/per/per/alumni",
}
LARGER_FIRST = {"includes": "/loc/loc/contain", "owns": "/org/org/subsidiary"}
SMALLER_FIRST = {
    "quarter": "/loc/loc/contain",
    "inside": "/loc/loc/contain",
    "belongs": "/org/org/subsidiary",
    "part": "/org/org/subsidiary",
}
SCENES = {
    "match": "match",
    "kick-off": "match",
    "family": "family",
    "school": "school",
    "over": "won",
    "won": "won",
    "after": "won",
    "tomorrow": "to_come",
    "before": "to_come",
    "waiting": "to_come",
}
CAPTIONS = {
    "/per/misc/nationality": {"country", "kingdom", "embassy", "republic"},
    "/per/misc/party": {"votes", "election", "campaigners", "ballot"},
    "/per/misc/religion": {"prayer", "temple", "pilgrims", "altar"},
    "/per/loc/place_of_governance": {"council", "officials", "rules"},
    "/per/loc/place_of_residence": {"kitchen", "letter", "supper"},
    "/per/loc/place_of_birth": {"midwives", "newborn", "mothers"},
}
FLAGS = ("/per/misc/nationality", "/per/misc/party", "/per/misc/religion")


@dataclass(frozen=True)
class Seen:
    """What one object looks like."""

    kind: str
    colour: str
    side: str
    near: bool
    told: str


class Sample:
    """The files of a sample."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.boxes = json.loads((folder / "pos_umke.json").read_text())
        self.captions = json.loads((folder / "cap_sample.json").read_text())
        self.stated = json.loads((folder / "world.json").read_text())
        self.rows = {
            split: [ast.literal_eval(line) for line in (folder / file).read_text().splitlines()]
            for split, file in FILES.items()
        }
        self._seen: dict[str, dict[str, Seen]] = {}

    def picture(self, image: str) -> np.ndarray:
        return np.asarray(Image.open(self.folder / "UMKE_IMG" / image).convert("RGB"), int)

    def depth(self, image: str) -> np.ndarray:
        with np.load(self.folder / "depth_data_umke" / f"{Path(image).stem}.npz") as file:
            return file["depth_map"]

    def seen(self, image: str) -> dict[str, Seen]:
        if image not in self._seen:
            self._seen[image] = self._look(image)
        return self._seen[image]

    def _look(self, image: str) -> dict[str, Seen]:
        pixels, depth = self.picture(image), self.depth(image)
        return {
            label: _object(crop(pixels, box), crop(depth, box), box, self.captions[image][label])
            for label, box in self.boxes[image].items()
        }


def crop(array: np.ndarray, box: list[float]) -> np.ndarray:
    height, width = array.shape[:2]
    left, top, right, bottom = box
    return array[
        round(top * height) : round(bottom * height), round(left * width) : round(right * width)
    ]


def paint(pixels: np.ndarray) -> dict[str, int]:
    """How many pixels of each strong colour there are."""
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    found = {
        "red": (red > 170) & (green < 90) & (blue < 90),
        "green": (green > 110) & (red < 90) & (blue < 110),
        "blue": (blue > 150) & (red < 90) & (green < 130),
        "yellow": (red > 210) & (green > 185) & (blue < 90),
        "gold": (abs(red - 208) < 25) & (abs(green - 154) < 20) & (abs(blue - 48) < 30),
    }
    return {name: int(mask.sum()) for name, mask in found.items()}


def _object(pixels: np.ndarray, depth: np.ndarray, box: list[float], caption: str) -> Seen:
    words = set(caption.split())
    counts = paint(pixels)
    gold = counts.pop("gold")
    colour = max(counts, key=lambda name: counts[name])
    told = next((name for name, keys in CAPTIONS.items() if words & keys), "")
    if told:
        kind = "flag" if told in FLAGS else "building"
    elif words & {"someone", "person", "figure", "somebody"}:
        kind = "person"
    else:
        kind = "trophy" if gold > counts[colour] else "logo"
    height, width = depth.shape
    middle = depth[height // 3 : -(height // 3), width // 3 : -(width // 3)]
    side = "left" if box[0] + box[2] < 1 else "right"
    return Seen(kind, colour, side, float(np.median(middle.astype(float))) > 0.5, told)


def entity_kind(tokens: list[str]) -> str:
    if tokens[-1] in ORGANISATIONS:
        return "organisation"
    if tokens[-1] in EVENTS:
        return "event"
    return "person" if len(tokens) == 2 else "place"


def scene(tokens: list[str]) -> str:
    return next(SCENES[token] for token in tokens if token in SCENES)


def saying(tokens: list[str], head: list[int], tail: list[int]) -> str:
    """What the sentence says of two entities: a relation, attends, or apart."""
    first, last = sorted((head, tail))
    between = tokens[first[1] : last[0]]
    if between == ["and"]:
        end = next((token for token in tokens[last[1] : last[1] + 2] if token in AFTER), "")
        return AFTER.get(end, "apart")
    if any(token in JOINS or token[0].isupper() for token in between):
        return "apart"
    for words, forward in ((LARGER_FIRST, first == head), (SMALLER_FIRST, first == tail)):
        for token in between:
            if token in words:
                return words[token] if forward else "backwards"
    return next(said for token, said in BETWEEN.items() if token in between)


def clause(tokens: list[str], span: list[int]) -> tuple[list[str], list[str]]:
    """The words of the clause around a name, and the small ones among them."""
    start, end = span
    while start > 0 and tokens[start - 1] not in JOINS:
        start -= 1
    while end < len(tokens) and tokens[end] not in JOINS:
        end += 1
    words = tokens[start:end]
    return words, [word for word in words if not word[0].isupper()]


def mark(tokens: list[str], span: list[int]) -> tuple[str, str]:
    """How a sentence marks a person or an organisation: (mark, value), or two empty words."""
    _, words = clause(tokens, span)
    for word in words:
        if word in COLOURS:
            return "colour", word
        if word.endswith("s") and word[:-1] in COLOURS:
            return "colour", word[:-1]
        if word in ("left", "right"):
            return "side", word
        if word in ("front", "close", "foreground"):
            return "distance", "near"
        if word in ("back", "far", "distance"):
            return "distance", "far"
    return "", ""


def fits(said: tuple[str, str], item: Seen) -> bool:
    name, value = said
    if name == "colour":
        return item.colour == value
    return (item.side == value) if name == "side" else (item.near == (value == "near"))


def is_object(end: dict) -> bool:
    return end["name"].startswith("[OBJ")


def triplet(row: dict) -> str:
    return "".join(sorted("o" if is_object(row[end]) else "e" for end in "ht"))


def relate(sample: Sample, row: dict) -> tuple[str, str]:
    """The relation of a row, and the evidence that decides it, in words."""
    tokens, head, tail = row["token"], row["h"], row["t"]
    seen = sample.seen(row["img_id"])
    if triplet(row) == "oo":
        return _objects(scene(tokens), seen[head["name"]], seen[tail["name"]])
    if triplet(row) == "eo":
        kind = entity_kind(tokens[slice(*head["pos"])])
        return _entity_object(tokens, head["pos"], kind, seen[tail["name"]])
    said = saying(tokens, head["pos"], tail["pos"])
    if said in ("apart", "backwards"):
        return "none", "sentence"
    kinds = {item.kind for item in seen.values()}
    if said == "attends":
        found = "/per/misc/awarded" if "trophy" in kinds else "/per/misc/present_in"
        return found, "sentence rgb"
    return said, "sentence"


def _objects(place: str, one: Seen, two: Seen) -> tuple[str, str]:
    if two.kind == "person" and place == "match":
        found = "/per/per/partner" if one.side == two.side else "/per/per/opponent"
        return found, "sentence position"
    if two.kind == "person":
        found = {"family": "/per/per/relatives", "school": "/per/per/alumni"}[place]
        return found, "sentence"
    if two.kind == "logo" and one.colour == two.colour:
        return "/per/org/leader_of" if one.near else "/per/org/member_of", "rgb depth"
    if two.kind == "logo":
        return "/per/org/opposed_to", "rgb"
    if two.kind == "trophy":
        return {"won": "/per/misc/awarded", "to_come": "none"}[place], "sentence"
    return two.told, "caption"


def _entity_object(tokens: list[str], span: list[int], kind: str, item: Seen) -> tuple[str, str]:
    said = mark(tokens, span)
    if kind == "event":
        return "/misc/misc/part_of" if item.kind == "trophy" else "none", "rgb"
    if kind == "organisation":
        return "/org/org/self" if fits(said, item) else "none", "sentence rgb"
    if item.kind == "person":
        part = {"colour": "rgb", "side": "position", "distance": "depth"}[said[0]]
        return "/per/per/self" if fits(said, item) else "none", f"sentence {part}"
    if item.kind == "logo":
        _, words = clause(tokens, span)
        return next(said for token, said in BETWEEN.items() if token in words), "sentence"
    if item.kind == "trophy":
        found = {"won": "/per/misc/awarded", "to_come": "none"}[scene(tokens)]
        return found, "sentence"
    return item.told, "caption"
