"""Draws a test post with a trained model's predictions for its pairs.

    python -m remote_jax.remote.picture --workdir=runs/umre-seed0 --output=example.png

Without --image it takes the first post whose pairs are of all three triplet types.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from remote_jax import config as configs
from remote_jax.data.files import find
from remote_jax.data.images import read_picture
from remote_jax.errors import UserError, reason, writing
from remote_jax.remote.data.pairs import TRIPLET_TYPES, Argument, Pair
from remote_jax.remote.task import RemoteTask
from remote_jax.reporting.results import read_results
from remote_jax.training.record import Record

WIDTH, PICTURE, MARGIN, LINE = 1100, 480, 20, 24
INK, RIGHT, WRONG, PAPER = (30, 30, 30), (20, 120, 50), (190, 40, 30), (255, 255, 255)
BOXES = ((220, 40, 120), (40, 90, 220), (230, 130, 20), (20, 140, 130), (130, 60, 190))

Row = tuple[Pair, str, str, float]
"""A pair, its gold relation, the predicted one, and that one's probability."""


def rows(task: RemoteTask, workdir: Path) -> Iterator[Row]:
    """The pairs of the test split with what `predictions.jsonl` says of them.

    Raises:
        UserError: the file is missing, or not one of this run.
    """
    records, path, index = task.pairs.records("test"), workdir / "predictions.jsonl", 0
    try:
        with path.open(encoding="utf-8") as lines:
            for index, line in enumerate(lines):
                said = json.loads(line)
                yield records[index], said["relation"], said["predicted"], said["probability"]
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise UserError(
            f"{path}:{index + 1} is not what the run wrote ({reason(error)}): run --mode=eval."
        ) from error


def choose(posts: Iterator[Row], image: str) -> list[Row]:
    """The rows of one post.

    Raises:
        UserError: no post has that picture, or none has every triplet type.
    """
    for name, group in groupby(posts, key=lambda row: row[0].image):
        found = list(group)
        types = {row[0].type for row in found}
        if Path(name).name == image or (not image and len(types) == len(TRIPLET_TYPES)):
            return found
    raise UserError(f"The test split has no post {image or 'of all three triplet types'}.")


def draw(root: Path, post: Sequence[Row]) -> Image.Image:
    """The picture with its boxes, the sentence, and a line a pair: green where it is right."""
    pair = post[0][0]
    path = find(root, pair.image)
    if path is None:
        raise UserError(f"There is no picture {pair.image} in {root}.")
    picture = read_picture(path)
    height = round(PICTURE * picture.height / picture.width)
    sentence = textwrap.wrap(" ".join(pair.tokens), width=64)
    tall = max(height, LINE * (len(sentence) + 2 * len(post) + 1)) + 2 * MARGIN
    sheet = Image.new("RGB", (WIDTH, tall), PAPER)
    sheet.paste(picture.resize((PICTURE, height), Image.Resampling.LANCZOS), (MARGIN, MARGIN))
    brush = ImageDraw.Draw(sheet)
    _boxes(brush, pair, (PICTURE, height))
    _text(brush, sentence, post)
    return sheet


def _boxes(brush: ImageDraw.ImageDraw, pair: Pair, size: tuple[int, int]) -> None:
    font = ImageFont.load_default(15)
    for number, box in enumerate(pair.boxes.tolist()):
        left, right = (MARGIN + x * size[0] for x in box[::2])
        top, bottom = (MARGIN + y * size[1] for y in box[1::2])
        colour = BOXES[number % len(BOXES)]
        brush.rectangle((left, top, right, bottom), outline=colour, width=3)
        brush.rectangle((left, top, left + 22, top + 20), fill=colour)
        brush.text((left + 6, top + 1), str(number), fill=PAPER, font=font)


def _text(brush: ImageDraw.ImageDraw, sentence: Sequence[str], post: Sequence[Row]) -> None:
    font, small = ImageFont.load_default(17), ImageFont.load_default(15)
    x, y = PICTURE + 2 * MARGIN, MARGIN
    for line in sentence:
        brush.text((x, y), line, fill=INK, font=font)
        y += LINE
    for pair, gold, predicted, probability in post:
        y += LINE
        colour = RIGHT if gold == predicted else WRONG
        brush.text((x, y), f"{_name(pair.head)}   {_name(pair.tail)}", fill=INK, font=small)
        y += LINE - 6
        note = "" if gold == predicted else f"   (is {gold})"
        brush.text((x + 16, y), f"{predicted}  {probability:.2f}{note}", fill=colour, font=small)


def _name(argument: Argument) -> str:
    return argument.name if argument.object < 0 else f"object {argument.object}"


def main(argv: Sequence[str]) -> int:
    """Draws the post that the command line asks for; returns 0, or 2 for a mistake of the user."""
    parser = argparse.ArgumentParser("remote_jax.remote.picture")
    parser.add_argument("--workdir", required=True, type=Path, help="folder of a finished run")
    parser.add_argument("--output", required=True, type=Path, help="the PNG file to write")
    parser.add_argument("--image", default="", help="file name of the post's picture")
    options = parser.parse_args(argv)
    try:
        path = options.workdir / "results.json"
        if not path.exists():
            raise UserError(f"{options.workdir} holds no finished run.")
        config = configs.read(options.workdir)
        if config.system != "remote":
            raise UserError(
                f"{options.workdir} is a run of {config.system}; only posts of REMOTE are drawn."
            )
        task = RemoteTask(config)
        Record(fingerprint=read_results(path)[0]["dataset"]).check_data(task.pairs.fingerprint)
        post = choose(rows(task, options.workdir), options.image)
        drawn = draw(task.pairs.root, post)
        with writing(options.output):
            drawn.save(options.output, format="PNG")
    except UserError as error:
        print(f"remote_jax.remote.picture: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
