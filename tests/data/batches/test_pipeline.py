"""Batches depend on seed and step alone."""

import itertools
import multiprocessing
import os
import signal

import grain
import numpy as np
import pytest

from remote_jax.data.batches.order import TrainOrder
from remote_jax.data.batches.pipeline import eval_batches, train_batches
from remote_jax.errors import UserError

N, BATCH = 10, 4


class Square(grain.transforms.Map):
    def map(self, index):
        return {"x": np.full((2, 3), index, np.float32), "y": np.array(index * index, np.int32)}


class Fails(grain.transforms.Map):
    def map(self, index):
        raise UserError("the picture a.png changed.")


DATASET = grain.MapDataset.range(N).map(Square())


def rows(batches):
    return [batch["y"].tolist() for batch in batches]


def train(start_step=0, steps=12, workers=0, seed=3, rows=None):
    return list(
        train_batches(
            DATASET,
            batch_size=BATCH,
            seed=seed,
            steps=steps,
            start_step=start_step,
            workers=workers,
            rows=rows and {BATCH: rows},
        )
    )


def test_each_epoch_has_every_example_once_in_another_order():
    order = [value for batch in rows(train(steps=10)) for value in batch]
    epochs = [order[i : i + N] for i in range(0, 40, N)]
    assert all(sorted(epoch) == [i * i for i in range(N)] for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4
    assert rows(train(seed=4)) != rows(train(seed=3)) == rows(train(seed=3))


@pytest.mark.parametrize(("size", "batch"), [(50, 8), (5, 8), (17, 4)])
def test_rows_of_steps_are_those_of_the_batches(size, batch):
    marked = grain.MapDataset.source([{"row": np.array(i)} for i in range(size)])
    order = TrainOrder(size, batch, 3)
    for step, found in enumerate(train_batches(marked, steps=20, batch_size=batch, seed=3)):
        np.testing.assert_array_equal(order.rows(step), found["row"])


@pytest.mark.parametrize("start", [0, 1, 5, 11, 12])
def test_a_restart_goes_on_with_the_same_batches(start):
    assert rows(train(start)) == rows(train())[start:]


def test_a_longer_run_starts_like_a_shorter_one():
    assert rows(train(steps=30))[:12] == rows(train())


@pytest.mark.parametrize(("workers", "share"), [(1, None), (2, (1, 3))])
def test_workers_give_the_same_batches(workers, share):
    for got, expected in zip(
        train(2, 9, workers, rows=share), train(2, 9, rows=share), strict=True
    ):
        assert got.keys() == expected.keys()
        for name in got:
            np.testing.assert_array_equal(got[name], expected[name])
            assert got[name].dtype == expected[name].dtype
    assert rows(eval_batches(DATASET, batch_size=BATCH, workers=workers)) == rows(
        eval_batches(DATASET, batch_size=BATCH)
    )


@pytest.mark.parametrize("shares", [[(0, 1), (2, 3)], [(0, 3), (2,), (1,)], [(0, 1, 2, 3)]])
def test_processes_make_the_rows_of_the_same_batches(shares):
    for share in map(list, shares):
        for got, expected in zip(train(2, 9, rows=share), train(2, 9), strict=True):
            np.testing.assert_array_equal(got["y"], expected["y"][share])
            np.testing.assert_array_equal(got["x"], expected["x"][share])
        parts = rows(eval_batches(DATASET, batch_size=BATCH, rows=share))
        whole = rows(eval_batches(DATASET, batch_size=BATCH))
        assert parts == [[batch[row] for row in share] for batch in whole]


def test_a_process_makes_no_rows_of_others():
    made = []
    dataset = DATASET.map(lambda example: made.append(1) or example)
    batches = train_batches(dataset, batch_size=BATCH, seed=3, steps=5, rows={BATCH: [2]})
    assert len(list(batches)) == len(made) == 5


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_of_the_data_reaches_the_loop_as_it_was(workers):
    dataset = grain.MapDataset.range(N).map(Fails())
    with pytest.raises(UserError, match=r"a\.png changed"):
        list(train_batches(dataset, batch_size=2, seed=0, steps=2, workers=workers))


def test_leaving_the_loop_early_ends_the_workers_and_signals_do_not(capfd):
    batches = train_batches(DATASET, batch_size=2, seed=0, steps=10**6, workers=2)
    next(batches)
    workers = multiprocessing.active_children()
    assert len(workers) == 2
    for worker, number in itertools.product(workers, (signal.SIGINT, signal.SIGTERM)):
        os.kill(worker.pid, number)
    assert len(list(itertools.islice(batches, 20))) == 20
    batches.close()
    assert not multiprocessing.active_children()
    assert capfd.readouterr().err == ""
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.parametrize("batch_size", [1, 4, 5, 10, 16])
def test_eval_is_in_order_and_filled_up_with_the_last(batch_size):
    batches = list(eval_batches(DATASET, batch_size=batch_size))
    got = np.concatenate([batch["y"] for batch in batches])
    assert all(len(batch["y"]) == batch_size for batch in batches)
    np.testing.assert_array_equal(got[:N], np.arange(N) ** 2)
    assert (got[N:] == 81).all() and len(got) - N < batch_size


def test_nothing_to_read():
    empty = grain.MapDataset.source([])
    assert list(eval_batches(empty, batch_size=2)) == []
    with pytest.raises(ValueError, match="no examples"):
        next(train_batches(empty, batch_size=2, seed=0, steps=1))


def test_a_data_set_smaller_than_a_batch():
    assert sorted(rows(train_batches(DATASET[:3], batch_size=6, seed=0, steps=1))[0]) == [
        *(0, 0, 1, 1, 4, 4)
    ]
