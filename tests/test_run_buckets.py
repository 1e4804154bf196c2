"""The shapes of a run are chosen once, and are those of its folder from then on."""

from __future__ import annotations

import json

import numpy as np
import pytest

from remote_jax.config import run_buckets
from remote_jax.config.run_buckets import RunBuckets
from remote_jax.data.batches.buckets import Extents, Padding
from remote_jax.errors import UserError

PADDING = Padding({"tokens": 16}, {"tokens": 1.0}, {"x": ("tokens",)})


def extents(*lengths: int) -> Extents:
    return Extents(PADDING, np.array(lengths)[:, None])


def never(split: str) -> Extents:
    raise AssertionError(f"{split} is not to be read")


def made(folder, lengths, *, anew=False, most=4) -> RunBuckets:
    found = never if lengths is None else lambda split: extents(*lengths)
    return RunBuckets(folder, anew=anew, padding=PADDING, most=most, extents=found)


SHORT, LONG = (2,) * 9 + (8,), (2,) * 9 + (16,)


def test_they_are_chosen_once_and_the_full_one_is_among_them(tmp_path):
    assert made(tmp_path, SHORT, anew=True).of("train").shapes == ((2,), (8,), (16,))
    assert made(tmp_path, LONG).of("test").shapes == ((2,), (8,), (16,))
    assert made(tmp_path, LONG, anew=True).of("train").shapes == ((2,), (16,))


def test_the_full_one_may_be_all_there_is(tmp_path):
    """Also in a folder that an earlier start left."""
    made(tmp_path, SHORT, anew=True)
    found = made(tmp_path, (16, 16), anew=True)
    assert found.of("train").shapes == ((16,),)
    assert json.loads((tmp_path / run_buckets.FILE).read_text()) == [[16]]


def test_with_one_bucket_nothing_is_cut_or_kept(tmp_path):
    found = made(tmp_path, None, anew=True, most=1)
    found.write(tmp_path)
    assert found.of("train") is None and found.of_posts(9, lambda: never("posts")) is None
    assert not list(tmp_path.iterdir()) and run_buckets.files(1) == ()


def test_posts_have_the_shapes_of_the_run(tmp_path):
    found = made(tmp_path, SHORT, anew=True)
    assert found.of_posts(2, lambda: extents(3, 9)).kinds.tolist() == [1, 2]
    assert len(found.of_posts(0, lambda: Extents(PADDING, np.zeros((0, 1), int))).kinds) == 0


def test_an_export_gets_them(tmp_path):
    made(tmp_path, SHORT, anew=True).write(export := tmp_path / "export")
    assert run_buckets.files(4) == (run_buckets.FILE,)
    assert made(export, LONG).of("test").shapes == ((2,), (8,), (16,))


@pytest.mark.parametrize(
    "found",
    [
        *(
            [],
            [[2]],
            [["a"], [16]],
            3,
            [[2], [17], [16]],
            {"a": 1},
            [[2, 16], [16]],
            [[True], [16]],
        ),
        *([[-1], [16]], [[1.5], [16]], [[float("inf")], [16]], [[16]] * 70, [16], [[10**30], [16]]),
    ],
)
def test_a_file_that_is_not_of_the_run_is_refused(tmp_path, found):
    (tmp_path / run_buckets.FILE).write_text(json.dumps(found))
    with pytest.raises(UserError, match=r"buckets.json must list .* tokens, 16 among them"):
        made(tmp_path, None)


def test_many_posts_are_cut_where_the_run_cuts_nothing(tmp_path, monkeypatch):
    found = made(tmp_path, None, anew=True, most=1)
    monkeypatch.setattr(run_buckets, "WORTH_CUTTING", 3)
    cut = found.of_posts(3, lambda: extents(3, 11, 16))
    assert cut.shapes == ((10,), (12,), (14,), (16,)) and cut.kinds.tolist() == [0, 1, 3]


def test_shapes_of_posts_have_the_room_that_posts_are_given(tmp_path):
    """An axis on which posts have more room than examples of the run is not cut, or as there."""
    axes = {"tokens": 16, "pairs": 4}

    def of(pairs: int, *filled: tuple[int, int]) -> Extents:
        costs = {"tokens": 1.0, "pairs": 1.0}
        return Extents(Padding({**axes, "pairs": pairs}, costs, {}), np.array(filled))

    found = RunBuckets(
        tmp_path,
        anew=True,
        padding=of(4, (1, 1)).padding,
        most=4,
        extents=lambda split: of(4, *[(2, 4)] * 9, (16, 4)),
    )
    cut = found.of_posts(3, lambda: of(12, (2, 3), (2, 12), (9, 9)))
    assert cut.shapes == ((2, 4), (2, 12), (16, 4), (16, 12))
    assert [cut.shapes[kind] for kind in cut.kinds] == [(2, 4), (2, 12), (16, 12)]
