"""Draws the picture of a post, and its scene graph as a detector would give it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

WIDTH, HEIGHT = 160, 120
COLUMNS, ROWS = 4, 2
SCALE = 2
"""Pictures are drawn so many times larger and scaled down, which smooths their edges."""

RGB = tuple[int, int, int]
SHIRT, GOLD, DARK, WHITE = (70, 110, 170), (214, 160, 40), (54, 48, 48), (246, 246, 244)
RED, PINK, GREEN, BROWN = (206, 40, 44), (236, 90, 150), (58, 132, 70), (132, 92, 58)
SKIN, GREY, VIOLET, WALL = (226, 182, 150), (120, 122, 128), (120, 70, 170), (222, 198, 150)

Shape = tuple[str, RGB, tuple[float, ...]]
SHAPES: dict[str, tuple[Shape, ...]] = {
    "person": (
        ("rectangle", DARK, (0.28, 0.66, 0.72, 1.0)),
        ("rectangle", SHIRT, (0.1, 0.3, 0.9, 0.68)),
        ("ellipse", SKIN, (0.28, 0.0, 0.72, 0.3)),
    ),
    "ball": (
        ("ellipse", DARK, (0.0, 0.0, 1.0, 1.0)),
        ("ellipse", WHITE, (0.06, 0.06, 0.94, 0.94)),
        ("polygon", DARK, (0.5, 0.3, 0.7, 0.46, 0.62, 0.7, 0.38, 0.7, 0.3, 0.46)),
    ),
    "badge": (
        ("polygon", VIOLET, (0.0, 0.0, 1.0, 0.0, 1.0, 0.55, 0.5, 1.0, 0.0, 0.55)),
        ("polygon", WHITE, (0.5, 0.15, 0.75, 0.6, 0.25, 0.6)),
    ),
    "house": (
        ("rectangle", WALL, (0.08, 0.4, 0.92, 1.0)),
        ("polygon", BROWN, (0.0, 0.42, 0.5, 0.0, 1.0, 0.42)),
        ("rectangle", DARK, (0.4, 0.66, 0.6, 1.0)),
    ),
    "cup": (
        ("ellipse", GOLD, (0.0, 0.06, 0.46, 0.46)),
        ("ellipse", GOLD, (0.54, 0.06, 1.0, 0.46)),
        ("polygon", GOLD, (0.14, 0.0, 0.86, 0.0, 0.62, 0.6, 0.38, 0.6)),
        ("rectangle", GOLD, (0.44, 0.55, 0.56, 0.85)),
        ("rectangle", DARK, (0.22, 0.82, 0.78, 1.0)),
    ),
    "heart": (
        ("ellipse", PINK, (0.0, 0.0, 0.54, 0.54)),
        ("ellipse", PINK, (0.46, 0.0, 1.0, 0.54)),
        ("polygon", PINK, (0.03, 0.36, 0.97, 0.36, 0.5, 1.0)),
    ),
    "fence": (
        ("rectangle", BROWN, (0.0, 0.3, 1.0, 0.42)),
        ("rectangle", BROWN, (0.0, 0.64, 1.0, 0.76)),
        ("rectangle", BROWN, (0.04, 0.0, 0.2, 1.0)),
        ("rectangle", BROWN, (0.42, 0.0, 0.58, 1.0)),
        ("rectangle", BROWN, (0.8, 0.0, 0.96, 1.0)),
    ),
    "hospital": (
        ("rectangle", WHITE, (0.04, 0.0, 0.96, 1.0)),
        ("rectangle", RED, (0.42, 0.1, 0.58, 0.6)),
        ("rectangle", RED, (0.25, 0.27, 0.75, 0.43)),
        ("rectangle", DARK, (0.4, 0.72, 0.6, 1.0)),
    ),
    "stand": (
        ("polygon", GREY, (0.0, 1.0, 0.0, 0.7, 1.0, 0.0, 1.0, 1.0)),
        ("rectangle", RED, (0.3, 0.66, 0.44, 0.8)),
        ("rectangle", RED, (0.55, 0.48, 0.69, 0.62)),
        ("rectangle", RED, (0.8, 0.3, 0.94, 0.44)),
    ),
    "tree": (
        ("rectangle", BROWN, (0.42, 0.5, 0.58, 1.0)),
        ("ellipse", GREEN, (0.05, 0.0, 0.95, 0.65)),
    ),
    "car": (
        ("rectangle", GREY, (0.0, 0.4, 1.0, 0.8)),
        ("rectangle", GREY, (0.22, 0.15, 0.78, 0.45)),
        ("ellipse", DARK, (0.1, 0.65, 0.35, 1.0)),
        ("ellipse", DARK, (0.65, 0.65, 0.9, 1.0)),
    ),
    "lamp": (
        ("rectangle", DARK, (0.44, 0.2, 0.56, 1.0)),
        ("ellipse", GOLD, (0.25, 0.0, 0.75, 0.3)),
    ),
}
CLASSES = ("__background__", *SHAPES)
PREDICATES = ("__background__", "near", "left of", "right of", "above", "under")
SIZES = {"person": ((22, 28), (44, 52)), "car": ((34, 38), (24, 30)), "lamp": ((12, 16), (40, 52))}
SIZE = ((28, 36), (30, 40))
"""Least and greatest width and height in pixels, of what `SIZES` does not name."""

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Drawn:
    """A picture; for each thing in it a name, a box in pixels and a score, the surest first."""

    picture: Image.Image
    names: tuple[str, ...]
    boxes: tuple[Box, ...]
    scores: tuple[float, ...]


def draw(rng: random.Random, objects: Sequence[str]) -> Drawn:
    """Draws objects in cells of a grid, and lets a detector find them and more."""
    wide = (WIDTH * SCALE, HEIGHT * SCALE)
    sky = rng.choice(((188, 208, 222), (206, 206, 214), (222, 212, 200)))
    picture = Image.new("RGB", wide, sky)
    pen = ImageDraw.Draw(picture)
    ground = rng.choice(((168, 180, 148), (186, 176, 158), (172, 172, 174)))
    pen.rectangle((0, rng.randint(20, 50) * SCALE, *wide), fill=ground)
    cells = rng.sample(range(COLUMNS * ROWS), len(objects))
    found = [
        (_place(rng, name, cell), name, rng.uniform(0.5, 0.99))
        for name, cell in zip(objects, cells, strict=True)
    ]
    for box, name, _ in found:
        _paint(pen, name, box)
    for _ in range(rng.choice((0, 1, 2, 3))):  # what is not there
        name = rng.choice(CLASSES[1:])
        found.append(
            (_place(rng, name, rng.randrange(COLUMNS * ROWS)), name, rng.uniform(0.02, 0.3))
        )
    found.sort(key=lambda one: -one[2])
    boxes, names, scores = zip(*found, strict=True)
    return Drawn(picture.reduce(SCALE), names, boxes, scores)


def _place(rng: random.Random, name: str, cell: int) -> Box:
    width, height = (rng.randint(*span) for span in SIZES.get(name, SIZE))
    across, down = WIDTH // COLUMNS, HEIGHT // ROWS
    left = cell % COLUMNS * across + rng.randint(0, across - width)
    top = cell // COLUMNS * down + rng.randint(0, down - height)
    return left, top, left + width, top + height


def _paint(pen: ImageDraw.ImageDraw, name: str, box: Box) -> None:
    left, top, right, bottom = (SCALE * edge for edge in box)
    spans = (right - left - 1, bottom - top - 1)
    for shape, colour, points in SHAPES[name]:
        at = [(left, top)[i % 2] + point * spans[i % 2] for i, point in enumerate(points)]
        getattr(pen, shape)(at, fill=colour)


def prediction(drawn: Drawn) -> dict[str, list]:
    """A picture's entry in `custom_prediction.json` of Scene-Graph-Benchmark.

    Boxes are left, top, right, bottom in pixels of the picture as that program resizes it. Every
    two things are related, by their places; the surest come first.
    """
    factor = resized(WIDTH, HEIGHT)[0] / WIDTH
    related = sorted(
        (
            (drawn.scores[i] * drawn.scores[j], i, j)
            for i in range(len(drawn.boxes))
            for j in range(len(drawn.boxes))
            if i != j
        ),
        reverse=True,
    )
    return {
        "bbox": [[round(edge * factor, 2) for edge in box] for box in drawn.boxes],
        "bbox_labels": [CLASSES.index(name) for name in drawn.names],
        "bbox_scores": [round(score, 4) for score in drawn.scores],
        "rel_pairs": [[i, j] for _, i, j in related],
        "rel_labels": [
            PREDICATES.index(_predicate(drawn.boxes[i], drawn.boxes[j])) for _, i, j in related
        ],
        "rel_scores": [round(score, 4) for score, _, _ in related],
    }


def resized(width: int, height: int) -> tuple[int, int]:
    """Width and height with a short side of 600, or a long one of 1000 where that is less."""
    short, long = sorted((width, height))
    factor = min(600 / short, 1000 / long)
    return round(width * factor), round(height * factor)


def _predicate(one: Box, other: Box) -> str:
    across = (one[0] + one[2] - other[0] - other[2]) / 2
    down = (one[1] + one[3] - other[1] - other[3]) / 2
    if abs(across) < WIDTH / COLUMNS * 1.2 and abs(down) < HEIGHT / ROWS / 2:
        return "near"
    if abs(across) >= abs(down):
        return "left of" if across < 0 else "right of"
    return "above" if down < 0 else "under"
