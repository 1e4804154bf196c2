"""Pictures and depth maps from files that nobody vouches for."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Float, Shaped, UInt8
from PIL import Image

from remote_jax.data import arrays
from remote_jax.data.files import read_bytes
from remote_jax.errors import Refused

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
"""Picture formats that are read, told by content whatever the file is called."""

MAX_BYTES = 64 * 2**20
"""Longest file of a picture or a depth map."""

MAX_PIXELS = 50_000_000
"""Largest picture; a larger one is refused by its header, before any pixel is decoded."""

MAX_DEPTH_BYTES = 256 * 2**20
"""Largest depth map, decompressed."""

DEPTH_KEY = "depth_map"

Box = tuple[float, float, float, float]
"""Left, top, right, bottom as shares of width and height."""

WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
"""The box of a whole picture."""


def read_picture(path: Path) -> Image.Image:
    """The picture in RGB, the first frame where there are several; transparency is dropped.

    Raises:
        Refused: not a picture of `FORMATS`, too large, or truncated.
    """
    with _opened(path) as image:
        return _rgb(image)


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height of the picture; its pixels are not decoded.

    Raises:
        Refused: not a picture of `FORMATS`, or too large.
    """
    with _opened(path) as image:
        return image.size


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    content = read_bytes(path, MAX_BYTES)
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise Refused(
                    f"the picture {path.name} is {width} x {height}, "
                    f"expected at most {MAX_PIXELS:,} pixels"
                )
            yield image
    except Refused:
        raise
    except Image.DecompressionBombError as error:
        raise Refused(
            f"the picture {path.name} is too large, expected at most {MAX_PIXELS:,} pixels"
        ) from error
    except Exception as error:  # decoders raise whatever a broken file provokes
        raise Refused(f"the picture {path.name} cannot be decoded: {error}") from error


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        image.load()
        return image
    if image.mode.startswith("I") or image.mode == "F":  # 16 bits and more a pixel
        wide = np.asarray(image, np.float64)
        scale = 255 / 65535 if wide.max(initial=0) > 255 else 1
        image = Image.fromarray(np.clip(wide * scale, 0, 255).astype(np.uint8))
    if "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGB")


def read_depth(path: Path) -> UInt8[np.ndarray, "height width"]:
    """The map `depth_map` of an `.npz` file, scaled as `scale_depth` does.

    The array's size is read from the archive's directory and its own header, and nothing is
    unpickled.

    Raises:
        Refused: no such array, or it is too large, truncated, not two-dimensional or not finite.
    """
    content = read_bytes(path, MAX_BYTES)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            values = arrays.read_member(archive, DEPTH_KEY, arrays.MATRIX, MAX_DEPTH_BYTES)
    except Refused as error:
        raise Refused(f"the depth map {path.name}: {error}") from error
    except Exception as error:  # zip and npy readers raise whatever a broken file provokes
        raise Refused(f"the depth map {path.name} cannot be read: {error}") from error
    if not np.isfinite(values).all():
        raise Refused(f"the depth map {path.name} has a value that is not finite")
    return scale_depth(values)


def scale_depth(values: Shaped[np.ndarray, "height width"]) -> UInt8[np.ndarray, "height width"]:
    """Depth in any unit, from its least to its greatest value, as 0 to 255; a flat map is 0."""
    low, high = float(values.min()), float(values.max())
    if not high / 2 - low / 2 > 0:
        return np.zeros(values.shape, np.uint8)
    half: Float[np.ndarray, "height width"] = values / 2 - low / 2  # halves cannot overflow
    return np.rint(half / (high / 2 - low / 2) * 255).astype(np.uint8)


def crop(image: Image.Image, box: Box, size: int) -> UInt8[np.ndarray, "size size *channels"]:
    """What the box shows, resized bilinearly to `size` x `size`; at least one pixel is shown."""
    left, right = _pixels(box[0], box[2], image.width)
    top, bottom = _pixels(box[1], box[3], image.height)
    part = image.crop((left, top, right, bottom))
    return np.asarray(part.resize((size, size), Image.Resampling.BILINEAR))


def _pixels(start: float, end: float, length: int) -> tuple[int, int]:
    """The pixels that [start, end), in shares of the length, touches."""
    first = min(math.floor(start * length), length - 1)
    return first, min(max(math.ceil(end * length), first + 1), length)
