"""Crops of pictures that this process used last: a cache bounded by bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np

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
