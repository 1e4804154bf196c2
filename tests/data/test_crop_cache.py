"""Crops that are held: which, and that another process starts without any."""

import pickle

import numpy as np

from remote_jax.data.crop_cache import CropCache


def test_crops_are_kept_up_to_a_limit():
    crops = CropCache(100)
    for index in range(5):
        crops.put((str(index), b""), np.full(30, index, np.uint8))
        crops.get(("0", b""))
    kept = [index for index in range(5) if crops.get((str(index), b"")) is not None]
    assert kept == [0, 3, 4]
    assert pickle.loads(pickle.dumps(crops)).get(("0", b"")) is None
