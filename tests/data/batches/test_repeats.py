"""Features that examples share: whatever is left out of a batch is found again under its place."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import Mesh

from remote_jax.data.batches.order import TrainOrder
from remote_jax.data.batches.repeats import KEY, LOOKED_AT, PLACE, SHARED, Repeats, key

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


@pytest.mark.parametrize("before", [(), (1, 2), (9, 40)])
def test_in_training_what_is_shared_does_not_depend_on_earlier_batches(before):
    repeats = Repeats(ONE, {64: 9})
    for pictures in before:
        repeats(batch_of(np.arange(64) % pictures))
    rooms = [len(repeats(batch_of(np.arange(64) % n))["rgb"]) for n in (1, 9, 10, 64)]
    assert rooms == [9, 9, 64, 64]
    assert len(repeats(batch_of(np.zeros(16, int)))["rgb"]) == 16  # no room for that size


def test_a_batch_without_any_object_has_nothing_to_share():
    batch = batch_of([0] * 8)
    batch = {name: values[:, :0] if name in SHARED else values for name, values in batch.items()}
    found = Repeats(ONE, {8: 2})(batch)
    assert PLACE not in found and len(found["rgb"]) == 8


@given(st.lists(st.integers(0, 30), min_size=16, max_size=120), st.integers(1, 16))
@settings(max_examples=8, deadline=None)
def test_the_room_of_training_is_the_one_with_which_fewest_pictures_are_read(groups, batch):
    groups = np.array(groups)
    order = TrainOrder(len(groups), batch, 0, groups=groups)
    distinct = [len(set(groups[order.rows(step)].tolist())) for step in range(LOOKED_AT)]
    read = [sum(n if one <= n else batch for one in distinct) for n in range(1, batch + 1)]
    repeats = Repeats.of_training(ONE, order)
    room = len(repeats(batch_of(np.zeros(batch, int)))["rgb"])
    if min(read) <= 0.9 * batch * LOOKED_AT:
        assert read[room - 1] == min(read) and f"at most {room} of {batch}" in str(repeats)
    else:
        assert room == batch and not str(repeats)


def test_in_training_nothing_is_shared_without_groups():
    repeats = Repeats.of_training(ONE, TrainOrder(8, 8, 0))
    found = repeats(batch_of([0] * 8))
    assert PLACE not in found and KEY not in found and repeats.programs == 1 and not str(repeats)
    several = Mesh(np.array([jax.devices()[0]] * 2), ("data",))
    split = Repeats.of_training(several, TrainOrder(8, 8, 0, groups=np.zeros(8, int)))
    assert "split over 2 devices" in str(split) and split.programs == 1
