"""Pictures and depth maps in the output folder, under names that are made here."""

from __future__ import annotations

import io
import os
import uuid
from pathlib import Path

import numpy as np
from jaxtyping import Float

from remote_jax.data.images import picture_format
from remote_jax.errors import writing
from remote_jax.prepare.post import PreparedPost
from remote_jax.remote.sample.write import DEPTHS, PICTURES


class OutputMedia:
    """Files of posts below an output folder, as UMRE is released: `UMKE_IMG/NAME.jpg` and
    `depth_data_umke/NAME.npz`."""

    def __init__(self, folder: Path):
        """Makes the folders.

        Raises:
            UserError: it cannot.
        """
        self.folder = folder
        for part in (PICTURES, DEPTHS):
            with writing(folder / part):
                (folder / part).mkdir(parents=True, exist_ok=True)

    def picture(self, post: PreparedPost) -> str:
        """The file of a post's picture below the folder; "" if it has none.

        Raises:
            Refused: the picture is none.
        """
        if post.picture is None:
            return ""
        return f"{PICTURES}/{post.name}.{SUFFIXES[picture_format(post.picture.content)]}"

    def depth(self, post: PreparedPost) -> str:
        """The file of a post's depth map below the folder; "" if it has none."""
        has = post.depth or post.given_depth is not None
        return f"{DEPTHS}/{post.name}.npz" if has else ""

    def put(self, post: PreparedPost) -> None:
        """Copies the picture of a post, and the depth map that it came with, unless they are there.

        Raises:
            Refused: the picture cannot be decoded.
            UserError: nothing can be written.
        """
        if post.picture is not None:
            path = self.folder / self.picture(post)
            if not path.exists():
                _ = post.picture.image  # decodes it
                write_bytes(path, post.picture.content)
        if post.given_depth is not None:
            write_bytes(self.folder / self.depth(post), post.given_depth)


SUFFIXES = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp"}
"""Of the formats of pictures that are read."""


def write_depth(path: Path, nearness: Float[np.ndarray, "height width"]) -> None:
    """Writes a depth map as it is released: larger is nearer.

    Raises:
        UserError: it cannot be written.
    """
    buffer = io.BytesIO()
    np.savez_compressed(buffer, depth_map=nearness.astype(np.float32))
    write_bytes(path, buffer.getvalue())


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file so that there is the whole of it or none.

    Raises:
        UserError: it cannot be written.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    with writing(path):
        try:
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
