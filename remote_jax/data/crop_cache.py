"""Crops of pictures that this process used last: a cache bounded by bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from remote_jax.data.images import crop
from remote_jax.data.media import Pictures
from remote_jax.errors import Refused, UserError

CACHE_BYTES = 128 * 2**20
"""Crops that each process keeps."""


class CropCache:
    """The arrays used last, up to a number of bytes; sent to another process, it arrives empty."""

    def __init__(self, limit: int):
        self._limit, self._size = limit, 0
        self._arrays: OrderedDict[tuple[str, bytes], np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[str, bytes]) -> np.ndarray | None:
        """The array put under `key`, if it is still held."""
        with self._lock:
            if key in self._arrays:
                self._arrays.move_to_end(key)
            return self._arrays.get(key)

    def put(self, key: tuple[str, bytes], array: np.ndarray) -> None:
        """Holds an array, and lets go of those used longest ago."""
        with self._lock:
            if key in self._arrays:
                return
            self._arrays[key] = array
            self._size += array.nbytes
            while self._size > self._limit:
                self._size -= self._arrays.popitem(last=False)[1].nbytes

    def __reduce__(self) -> tuple[type[CropCache], tuple[int]]:
        return CropCache, (self._limit,)


class Crops:
    """Crops of pictures and depth maps, those used last held.

    Args:
        pictures: those that are cropped.
        size: pixels of a side of a crop.
    """

    def __init__(self, pictures: Pictures, size: int):
        self._pictures, self._size = pictures, size
        self._cache = CropCache(CACHE_BYTES)

    def emptied(self) -> Crops:
        """The same, with nothing held."""
        return Crops(self._pictures, self._size)

    def read(
        self, name: str, boxes: Float[np.ndarray, "objects 4"], *, colour: bool = True
    ) -> UInt8[np.ndarray, "objects size size *channels"]:
        """The crop of each box, of a picture or, without `colour`, of a depth map.

        Args:
            name: of the picture.
            boxes: left, top, right, bottom in [0, 1].
            colour: of a picture's three channels.

        Raises:
            UserError: the file changed since the records were built.
        """
        key = (name, boxes.tobytes())
        crops = self._cache.get(key)
        if crops is None:
            try:
                if colour:
                    image = self._pictures.picture(name)
                else:
                    image = Image.fromarray(self._pictures.depth(name))
            except Refused as error:
                raise UserError(
                    f"{self._pictures}: {error}; the file changed since the data were read."
                ) from error
            corners = [(x0, y0, x1, y1) for x0, y0, x1, y1 in boxes.tolist()]
            crops = np.stack([crop(image, box, self._size) for box in corners])
            self._cache.put(key, crops)
        return crops
