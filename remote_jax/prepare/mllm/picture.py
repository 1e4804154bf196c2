"""A picture as it is sent: encoded anew and bounded, so that nothing else of its file travels."""

from __future__ import annotations

import base64
import io

from PIL import Image

from remote_jax.prepare.mllm.boxes import Size

SIDE = 1024
"""Longest side, in pixels, unless something else is asked for."""

MULTIPLE = 28
"""Sides are multiples of it: Qwen2-VL and Qwen2.5-VL scale others to such, and then count their
boxes in pixels of a picture that nobody here has seen."""

LEAST = 2 * MULTIPLE
QUALITY = 90


def sent_size(size: Size, side: int) -> Size:
    """Width and height that a picture is sent with, in pixels.

    Args:
        side: bounds the longest.
    """
    scale = min(1.0, side / max(size))
    width, height = (
        min(max(round(length * scale / MULTIPLE) * MULTIPLE, LEAST), max(side, LEAST))
        for length in size
    )
    return width, height


def data_url(image: Image.Image, size: Size) -> str:
    """A picture as JPEG in a data URL, scaled to a size."""
    buffer = io.BytesIO()
    image.resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
