"""Features that examples share: whatever is left out of a batch is found again under its place."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.sharding import Mesh

from remote_jax.data.batches.repeats import KEY, PLACE, SHARED, Repeats, key

ONE = Mesh(np.array(jax.devices()[:1]).reshape(1), ("data",))


def batch_of(pictures):
    """Examples with a picture each, by its number."""
    pictures = np.asarray(pictures)
    found = {name: np.stack([np.full((2, 3), x) for x in pictures]) for name in SHARED}
    digests = np.stack([key([str(x)], np.zeros((0, 4), np.float32)) for x in pictures])
    return {**found, KEY: digests, "row": np.arange(len(pictures))}


@given(st.lists(st.integers(0, 40), min_size=1, max_size=64))
def test_every_example_finds_its_own(pictures):
    batch = batch_of(pictures)
    found = Repeats(ONE)(batch)
    assert KEY not in found
    np.testing.assert_array_equal(found["row"], batch["row"])
    place = found.get(PLACE, np.arange(len(pictures)))
    for name in SHARED:
        np.testing.assert_array_equal(found[name][place], batch[name])
    assert len(found["rgb"]) >= len(set(pictures))


@pytest.mark.parametrize(
    ("size", "pictures", "room"),
    [(64, 1, 1), (64, 2, 4), (64, 17, 64), (64, 16, 16), (6, 1, 6), (12, 1, 3), (1, 1, 1)],
)
def test_room_is_a_power_of_four_less_than_the_batch(size, pictures, room):
    found = Repeats(ONE)(batch_of(np.arange(size) % pictures))
    assert len(found["rgb"]) == room
    assert (PLACE in found) == (room < size)


def test_there_are_two_rooms_for_each_size_beside_the_full_one():
    repeats = Repeats(ONE)
    counts = (4, 64, 4, 9, 1, 2, 12, 17, 3)
    rooms = [len(repeats(batch_of(np.arange(64) % n))["rgb"]) for n in counts]
    assert rooms == [4, 64, 4, 16, 4, 4, 16, 64, 4]
    assert len(repeats(batch_of(np.zeros(16, int)))["rgb"]) == 1


def test_a_digest_tells_pictures_and_boxes_apart():
    boxes = np.array([[0.0, 0.1, 0.5, 0.6]], np.float32)
    keys = [
        key(["a.jpg", "a.npz"], boxes),
        key(["a.jpg", ""], boxes),
        key(["", "a.jpg"], boxes),
        key(["a.jpga.npz", ""], boxes),
        key(["a.jpg", "a.npz"], boxes * 2),
        key(["a.jpg", "a.npz"], np.zeros((0, 4), np.float32)),
    ]
    assert len({one.tobytes() for one in keys}) == len(keys)
    assert keys[0].tobytes() == key(["a.jpg", "a.npz"], boxes.copy()).tobytes()


@pytest.mark.parametrize("missing", [KEY, "a device"])
def test_batches_go_whole_without_digests_and_to_several_devices(missing):
    batch, mesh = batch_of([0] * 16), ONE
    if missing == KEY:
        batch.pop(KEY)
    else:
        mesh = Mesh(np.array([jax.devices()[0]] * 2), ("data",))
    found = Repeats(mesh)(batch)
    assert PLACE not in found and KEY not in found and len(found["rgb"]) == 16
