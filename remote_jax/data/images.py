"""Pictures and depth maps, from files or in memory: untrusted input."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import numpy as np
from jaxtyping import Float, Shaped, UInt8
from PIL import Image, UnidentifiedImageError

from remote_jax.data import arrays
from remote_jax.data.files import read_bytes
from remote_jax.errors import Refused, reason

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


Source = Path | bytes | Image.Image | np.ndarray
"""Where a picture or a depth map is: a file, the content of one, or what was read from it."""


def read_picture(source: Source) -> Image.Image:
    """The picture in RGB, the first frame where there are several; transparency is dropped.

    Args:
        source: a file or its content; an image; or uint8 [height, width], or with 3 or 4 channels.

    Raises:
        Refused: not a picture of `FORMATS`, too large, or truncated; an array of another kind.
    """
    with _opened(source) as image:
        return _rgb(image)


def picture_size(source: Source) -> tuple[int, int]:
    """Width and height of the picture; its pixels are not decoded.

    Raises:
        Refused: not a picture of `FORMATS`, or too large.
    """
    with _opened(source) as image:
        return image.size


def picture_format(source: Source) -> str:
    """Which of `FORMATS` the content of a picture is in, whatever its file is called.

    Raises:
        Refused: as `picture_size`; or it is in none, as an array.
    """
    with _opened(source) as image:
        if image.format is None:
            raise Refused("the picture is not in the format of a file")
        return image.format


@contextmanager
def _opened(source: Source) -> Iterator[Image.Image]:
    what = _called("the picture", source)
    try:
        with _image(source) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise Refused(
                    f"{what} is {width} x {height}, expected at most {MAX_PIXELS:,} pixels"
                )
            yield image
    except Refused:
        raise
    except UnidentifiedImageError as error:  # its message has the address of a buffer
        raise Refused(f"{what} cannot be decoded: it is none of {', '.join(FORMATS)}") from error
    except Image.DecompressionBombError as error:
        raise Refused(f"{what} is too large, expected at most {MAX_PIXELS:,} pixels") from error
    except Exception as error:  # decoders raise whatever a broken file provokes
        raise Refused(f"{what} cannot be decoded: {reason(error)}") from error


def _called(what: str, source: Source) -> str:
    return f"{what} {source.name}" if isinstance(source, Path) else what


def _image(source: Source) -> AbstractContextManager[Image.Image]:
    """The image of a source, its pixels not decoded yet; one of the caller's stays open."""
    if isinstance(source, Image.Image):
        return nullcontext(source)
    if isinstance(source, np.ndarray):
        channels = source.shape[2:]
        if (
            source.dtype != np.uint8
            or source.ndim not in (2, 3)
            or channels not in ((), (3,), (4,))
        ):
            raise Refused(
                f"the picture is {source.dtype}{list(source.shape)}, expected uint8[height, width] "
                "or uint8[height, width, 3]"
            )
        if source.size == 0:
            raise Refused(f"the picture is empty: {list(source.shape)}")
        return nullcontext(Image.fromarray(source))
    content = read_bytes(source, MAX_BYTES) if isinstance(source, Path) else source
    if len(content) > MAX_BYTES:
        raise Refused(f"the picture is longer than {MAX_BYTES:,} bytes")
    return Image.open(io.BytesIO(content), formats=FORMATS)


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


def read_depth(source: Source, *, distance: bool = False) -> UInt8[np.ndarray, "height width"]:
    """A depth map, scaled as `scale_depth` does; what is nearest has the greatest value.

    Args:
        source: an `.npz` file with the map `depth_map`, or its content; an image of one channel; or
            a matrix of numbers. Of a file, the array's size is read from the archive's directory
            and its own header, and nothing is unpickled.
        distance: whether its values are larger the farther away.

    Raises:
        Refused: no such array, or it is too large, truncated, not two-dimensional or not finite.
    """
    what = _called("the depth map", source)
    try:
        values = _depths(source)
    except Refused as error:
        raise Refused(f"{what}: {error}") from error
    except Exception as error:  # zip and npy readers raise whatever a broken file provokes
        raise Refused(f"{what} cannot be read: {reason(error)}") from error
    if not np.isfinite(values).all():
        raise Refused(f"{what} has a value that is not finite")
    scaled = scale_depth(values)
    return 255 - scaled if distance and scaled.any() else scaled


def _depths(source: Source) -> Shaped[np.ndarray, "height width"]:
    if isinstance(source, Image.Image | np.ndarray):
        values = np.asarray(source)
        if values.ndim != 2 or values.dtype.kind not in "fiu" or not values.size:
            raise Refused(f"expected a matrix of numbers, found {values.dtype}{list(values.shape)}")
        if values.nbytes > MAX_DEPTH_BYTES:
            raise Refused(f"it is {values.nbytes:,} bytes, expected at most {MAX_DEPTH_BYTES:,}")
        return values
    content = read_bytes(source, MAX_BYTES) if isinstance(source, Path) else source
    if len(content) > MAX_BYTES:
        raise Refused(f"it is longer than {MAX_BYTES:,} bytes")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return arrays.read_member(archive, DEPTH_KEY, arrays.MATRIX, MAX_DEPTH_BYTES)


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
