"""Draws a world: its picture, its depth map, and a tight box around each object."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float16, UInt8
from PIL import Image, ImageDraw

from remote_jax.remote.sample.world import SceneObject, World

WIDTH, HEIGHT = 160, 112
# Things are drawn this many times larger and scaled down, which smooths their edges.
SCALE = 2
# Left edges of the four columns and upper edges of the two rows of cells. A column ends well
# before the middle of the picture, so left and right are never in doubt. Columns are a multiple of
# 16 pixels apart: another phase of JPEG's blocks left and right would show in a crop.
COLUMNS = (1, 33, 97, 129)
ROWS = (4, 57)
CELL = (30, 51)
# Near is the larger value. The bands do not meet the background's, nor each other.
LEVELS = {"near": (0.75, 0.92), "far": (0.08, 0.25)}

RGB = tuple[int, int, int]
PAINT: dict[str, RGB] = {
    "red": (214, 40, 40),
    "blue": (36, 84, 200),
}
SKINS: tuple[RGB, ...] = ((244, 212, 184), (214, 164, 124), (160, 110, 76), (104, 70, 50))
HAIRS: tuple[RGB, ...] = ((40, 32, 30), (92, 62, 40), (150, 130, 110), (60, 60, 66))
TROUSERS: tuple[RGB, ...] = ((44, 48, 58), (86, 78, 72), (28, 28, 32), (112, 112, 116))
STRIPES: tuple[RGB, ...] = (
    (200, 90, 160),
    (150, 80, 190),
    (90, 60, 150),
    (60, 170, 170),
)
WALLS: tuple[RGB, ...] = ((206, 190, 170), (176, 150, 136), (196, 198, 204), (158, 160, 150))
ROOFS: tuple[RGB, ...] = ((120, 72, 60), (84, 88, 98), (98, 84, 74))
GOLD: RGB = (208, 154, 48)
GLINT: RGB = (252, 236, 170)
DARK: RGB = (52, 48, 48)
WHITE: RGB = (246, 246, 244)
SKIES: tuple[RGB, ...] = ((188, 208, 222), (206, 206, 214), (222, 212, 200))
GROUNDS: tuple[RGB, ...] = ((168, 180, 148), (186, 176, 158), (172, 172, 174), (152, 168, 152))
# Prizes are given in the evening: a trophy is seen in the light of the whole picture too.
EVENING_SKIES: tuple[RGB, ...] = ((226, 158, 132), (214, 146, 140), (232, 172, 140))
EVENING_GROUNDS: tuple[RGB, ...] = ((112, 92, 104), (104, 88, 112), (120, 96, 96))


@dataclass(frozen=True)
class Scene:
    """A drawn world.

    `boxes` holds for each object (left, top, right, bottom) in [0, 1]; `depth` is 0 at the far
    end and 1 at the near end of the picture.
    """

    picture: UInt8[np.ndarray, "height width 3"]
    depth: Float16[np.ndarray, "height width"]
    boxes: tuple[tuple[float, float, float, float], ...]


class Brush:
    """Draws shapes, given in fractions of a box, into the picture and into the map of objects."""

    def __init__(self, picture: ImageDraw.ImageDraw, objects: ImageDraw.ImageDraw) -> None:
        self.picture, self.objects = picture, objects
        self.box = (0, 0, 0, 0)
        self.number = 0

    def _at(self, points: tuple[float, ...]) -> list[float]:
        left, top, right, bottom = self.box
        spans = (right - left - 1, bottom - top - 1)
        return [(left, top)[i % 2] + p * spans[i % 2] for i, p in enumerate(points)]

    def ellipse(self, colour: RGB, *corners: float) -> None:
        self.picture.ellipse(self._at(corners), fill=colour)
        self.objects.ellipse(self._at(corners), fill=self.number)

    def rectangle(self, colour: RGB, *corners: float) -> None:
        self.picture.rectangle(self._at(corners), fill=colour)
        self.objects.rectangle(self._at(corners), fill=self.number)

    def polygon(self, colour: RGB, *points: float) -> None:
        self.picture.polygon(self._at(points), fill=colour)
        self.objects.polygon(self._at(points), fill=self.number)


def _person(brush: Brush, rng: random.Random, item: SceneObject) -> None:
    skin, hair, legs = rng.choice(SKINS), rng.choice(HAIRS), rng.choice(TROUSERS)
    shirt = PAINT[item.colour]
    for left in (0.26, 0.54):
        brush.rectangle(legs, left, 0.68, left + 0.20, 0.97)
    for left in (0.20, 0.54):
        brush.rectangle(DARK, left, 0.95, left + 0.26, 1.0)
    for mirrored in (False, True):
        _arm(brush, shirt, skin, mirrored, rng.random() < 0.3)
    brush.rectangle(shirt, 0.22, 0.29, 0.78, 0.72)
    brush.ellipse(shirt, 0.20, 0.26, 0.80, 0.42)
    brush.rectangle(skin, 0.42, 0.20, 0.58, 0.29)
    brush.ellipse(hair, 0.28, 0.0, 0.72, 0.23)
    if rng.random() < 0.4:
        brush.rectangle(hair, 0.28, 0.11, 0.72, 0.26)
    brush.ellipse(skin, 0.33, 0.05, 0.67, 0.25)


def _arm(brush: Brush, shirt: RGB, skin: RGB, mirrored: bool, raised: bool) -> None:
    hand: tuple[float, ...]
    arm: tuple[float, ...]
    if raised:
        hand = (0.0, 0.12, 0.16, 0.19)
        arm = (0.34, 0.30, 0.26, 0.44, 0.0, 0.22, 0.02, 0.14, 0.14, 0.14)
    else:
        hand = (0.0, 0.58, 0.14, 0.66)
        arm = (0.30, 0.28, 0.26, 0.44, 0.14, 0.60, 0.0, 0.60, 0.06, 0.40)
    if mirrored:
        hand = (1 - hand[2], hand[1], 1 - hand[0], hand[3])
        arm = tuple(p if i % 2 else 1 - p for i, p in enumerate(arm))
    brush.polygon(shirt, *arm)
    brush.ellipse(skin, *hand)


def _flag(brush: Brush, rng: random.Random, item: SceneObject) -> None:
    colours = rng.sample(STRIPES, 3)
    upright = rng.random() < 0.5
    for number, colour in enumerate(colours):
        start, end = number / 3, (number + 1) / 3
        if upright:
            brush.rectangle(colour, 0.1 + 0.9 * start, 0.06, 0.1 + 0.9 * end, 0.56)
        else:
            brush.rectangle(colour, 0.1, 0.06 + 0.5 * start, 1.0, 0.06 + 0.5 * end)
    brush.rectangle(DARK, 0.02, 0.0, 0.1, 1.0)
    brush.ellipse(GOLD, 0.0, 0.0, 0.12, 0.06)


def _logo(brush: Brush, rng: random.Random, item: SceneObject) -> None:
    paint = PAINT[item.colour]
    shape = rng.choice(("circle", "diamond", "shield"))
    for colour, inset in ((DARK, 0.0), (paint, 0.08)):
        near, far = inset, 1 - inset
        if shape == "circle":
            brush.ellipse(colour, near, near, far, far)
        elif shape == "diamond":
            brush.polygon(colour, 0.5, near, far, 0.5, 0.5, far, near, 0.5)
        else:
            brush.polygon(colour, near, near, far, near, far, 0.55, 0.5, far, near, 0.55)
    if rng.random() < 0.5:
        brush.ellipse(WHITE, 0.38, 0.32, 0.62, 0.56)
    else:
        brush.polygon(WHITE, 0.5, 0.26, 0.66, 0.58, 0.34, 0.58)


def _building(brush: Brush, rng: random.Random, item: SceneObject) -> None:
    wall, roof = rng.choice(WALLS), rng.choice(ROOFS)
    brush.rectangle(wall, 0.06, 0.28, 0.94, 1.0)
    if rng.random() < 0.5:
        brush.polygon(roof, 0.0, 0.30, 0.5, 0.0, 1.0, 0.30)
    else:
        brush.polygon(roof, 0.0, 0.30, 0.18, 0.0, 0.82, 0.0, 1.0, 0.30)
    floors, columns = rng.choice((2, 3)), rng.choice((2, 3))
    for floor in range(floors):
        for column in range(columns):
            x, y = 0.14 + 0.72 * (column + 0.2) / columns, 0.34 + 0.4 * (floor + 0.1) / floors
            brush.rectangle(WHITE, x, y, x + 0.4 / columns, y + 0.26 / floors)
    brush.rectangle(DARK, 0.42, 0.80, 0.58, 1.0)


def _trophy(brush: Brush, rng: random.Random, item: SceneObject) -> None:
    brush.ellipse(GOLD, 0.0, 0.06, 0.5, 0.44)
    brush.ellipse(GOLD, 0.5, 0.06, 1.0, 0.44)
    brush.polygon(GOLD, 0.12, 0.0, 0.88, 0.0, 0.82, 0.30, 0.60, 0.58, 0.40, 0.58, 0.18, 0.30)
    brush.rectangle(GOLD, 0.44, 0.55, 0.56, 0.80)
    brush.rectangle(GLINT, 0.26, 0.05, 0.36, 0.30)
    brush.rectangle(rng.choice((DARK, (120, 84, 56))), 0.22, 0.78, 0.78, 1.0)


DRAW = {
    "person": _person,
    "flag": _flag,
    "logo": _logo,
    "building": _building,
    "trophy": _trophy,
}
# Width and height in pixels, smallest and largest.
SIZES = {
    "person": ((21, 26), (40, 49)),
    "flag": ((23, 29), (38, 48)),
    "logo": ((22, 28), (22, 28)),
    "building": ((24, 29), (36, 46)),
    "trophy": ((20, 26), (28, 36)),
}


def _place(rng: random.Random, item: SceneObject) -> tuple[int, int, int, int]:
    """A box in pixels somewhere inside the object's cell."""
    width, height = (rng.randint(*span) for span in SIZES[item.kind])
    left = COLUMNS[item.cell % 4] + rng.randint(0, CELL[0] - width)
    top = ROWS[item.cell // 4] + rng.randint(0, CELL[1] - height)
    return left, top, left + width, top + height


def _background(rng: random.Random, evening: bool) -> Image.Image:
    sky = rng.choice(EVENING_SKIES if evening else SKIES)
    ground = rng.choice(EVENING_GROUNDS if evening else GROUNDS)
    picture = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), sky)
    pen = ImageDraw.Draw(picture)
    horizon = rng.randint(HEIGHT // 8, HEIGHT // 3) * SCALE
    pen.rectangle((0, horizon, WIDTH * SCALE, HEIGHT * SCALE), fill=ground)
    for _ in range(rng.randint(2, 5)):
        x, y = rng.randint(0, WIDTH) * SCALE, rng.randint(0, horizon)
        reach = rng.randint(8, 26) * SCALE
        pen.ellipse((x - reach, y - 6, x + reach, y + 6), fill=(232, 234, 236))
    hill = tuple(value - 16 for value in ground)
    for _ in range(rng.randint(1, 4)):
        x, reach = rng.randint(0, WIDTH) * SCALE, rng.randint(15, 50) * SCALE
        rise = rng.randint(3, 8) * SCALE
        box = (x - reach, horizon - rise, x + reach, horizon + rise)
        pen.chord(box, 180, 360, fill=hill)
    return picture


def _depth(
    rng: random.Random, objects: UInt8[np.ndarray, "height width"], world: World
) -> Float16[np.ndarray, "height width"]:
    """Each object at its own level, over waves: a slope would show a crop's place by its height."""
    across, down, phase = rng.uniform(-3, 3), rng.uniform(-3, 3), rng.uniform(0, 1)
    x = np.linspace(0, across, WIDTH, dtype=np.float32)
    y = np.linspace(0, down, HEIGHT, dtype=np.float32)[:, None]
    depth = np.round(0.5 + 0.1 * np.sin(2 * np.pi * (x + y + phase)), 2)
    # The ends of the scale, so that the map keeps its values when a reader rescales it.
    depth[:2], depth[-2:] = 0.0, 1.0
    for number, item in enumerate(world.objects, start=1):
        depth[objects == number] = rng.uniform(*LEVELS[item.distance])
    return depth.astype(np.float16)


def _tight(
    objects: UInt8[np.ndarray, "height width"], number: int
) -> tuple[float, float, float, float]:
    rows, columns = np.nonzero(objects == number)
    return (
        round(int(columns.min()) / WIDTH, 4),
        round(int(rows.min()) / HEIGHT, 4),
        round((int(columns.max()) + 1) / WIDTH, 4),
        round((int(rows.max()) + 1) / HEIGHT, 4),
    )


def draw(rng: random.Random, world: World) -> Scene:
    """Draws the picture and the depth map of a world, with boxes found in what was drawn."""
    picture = _background(rng, world.holds("trophy"))
    numbers = Image.new("L", picture.size, 0)
    pen = ImageDraw.Draw(picture)
    brush = Brush(pen, ImageDraw.Draw(numbers))
    for number, item in enumerate(world.objects, start=1):
        left, top, right, bottom = (SCALE * edge for edge in _place(rng, item))
        pen.ellipse((left - 2, bottom - 6, right + 2, bottom + 4), fill=(138, 140, 132))
        brush.box, brush.number = (left, top, right, bottom), number
        DRAW[item.kind](brush, rng, item)
    objects = np.asarray(numbers)[::SCALE, ::SCALE]
    grain = np.random.default_rng(rng.getrandbits(64)).integers(
        -7, 8, (HEIGHT, WIDTH, 1), dtype=np.int16
    )
    smooth: Float[np.ndarray, "height width 3"] = np.asarray(picture.reduce(SCALE), np.int16)
    pixels = np.clip(smooth + grain, 0, 255).astype(np.uint8)
    boxes = tuple(_tight(objects, number) for number in range(1, len(world.objects) + 1))
    return Scene(pixels, _depth(rng, objects, world), boxes)
