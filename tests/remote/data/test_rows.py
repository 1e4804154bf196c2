"""The checks of a row."""

import pytest
from released import ROWS, object_end, row, text_end

from remote_jax.data.jsonl import parse
from remote_jax.errors import Refused
from remote_jax.remote.data.rows import check_box, check_row


def test_brackets_in_words_are_no_nesting():
    tokens = ["(", "[", "{", "'", '"', "\\", "-", "__import__('os')"] * 50
    value = row(text_end(0, 2), text_end(3, 4), tokens=tokens)
    assert parse(repr(value).encode()) == value
    assert check_row(parse(repr(value).encode())).tokens == tuple(tokens)


def test_rows_are_read():
    first, second = check_row(ROWS[0]), check_row(ROWS[1])
    assert first.head.span == (0, 2) and first.head.box is None and first.head.name == "Ann Lee"
    assert second.tail.box == (0.25, 0.5, 1.0, 1.0) and second.tail.span is None
    named = row({"name": ["Ann", "Lee"], "pos": (0, 2)}, text_end(3, 4))
    assert check_row(named).head == first.head


GOOD = row(text_end(0, 2), object_end(0))


def changed(**parts):
    return {**GOOD, **parts}


def box(*values):
    return changed(t=object_end(0, values))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({k: v for k, v in GOOD.items() if k != "img_id"}, "'img_id' is missing"),
        (changed(token=[]), "empty list"),
        (changed(token="Ann Lee"), "must be a list of words"),
        (changed(token=["a", ""]), "word 1 of token is empty"),
        (changed(token=["a", " \u3000"]), "word 1 of token is blank"),
        (changed(token=["a", 3]), "word 1 of token must be text"),
        (changed(token=["\ud800"]), "not valid Unicode"),
        (changed(token=["a"] * 2001), "at most 2,000"),
        (changed(token=["a" * 20_001]), "at most 20,000"),
        (changed(h="Ann"), "must be a dict"),
        (changed(h={"name": "Ann"}), "must be a dict"),
        (changed(h={"name": 3, "pos": [0, 1]}), "must be text"),
        (changed(h={"name": "", "pos": [0, 1]}), "is empty"),
        (changed(h=text_end(2, 2, "x")), r"is \[2, 2\)"),
        (changed(h=text_end(3, 2, "x")), r"is \[3, 2\)"),
        (changed(h=text_end(-1, 2, "x")), r"is \[-1, 2\)"),
        (changed(h=text_end(0, 99)), r"is \[0, 99\)"),
        (changed(h=text_end(0, 10**60, "x")), "expected it within"),
        (changed(h={"name": "x", "pos": [0.0, 1.0]}), "must be"),
        (changed(h={"name": "x", "pos": [False, True]}), "must be"),
        (changed(h={"name": "x", "pos": [0, 1, 2]}), "must be"),
        (changed(h={"name": "x", "pos": None}), "must be"),
        (changed(h={"name": "x", "pos": {0: 0, 1: 1}}), "must be"),
        (box(float("nan"), 0, 1, 1), "not finite"),
        (box(0, 0, float("inf"), 1), "not finite"),
        (box(0, 0, "1", 1), "four numbers"),
        (box(0, 0, True, 1), "four numbers"),
        (box(0.5, 0, 0.5, 1), "is empty"),
        (box(0.6, 0, 0.5, 1), "is empty"),
        (box(0, 0.9, 1, 0.1), "is empty"),
        (box(-0.1, 0, 1, 1), "leaves the picture"),
        (box(0, 0, 1, 1.1), "leaves the picture"),
        (box(0, 0, 640, 480), "leaves the picture"),
        (box(1, 0, 1.0005, 1), "is empty"),
        (changed(img_id=""), "is empty"),
        (changed(img_id=None), "must be text"),
        (changed(relation=["none"]), "must be text"),
    ],
)
def test_rows_that_are_refused(value, reason):
    with pytest.raises(Refused, match=reason):
        check_row(value)


def test_boxes_may_stick_out_by_a_rounding_error():
    assert check_box([-0.0005, 0, 1.0009, 1], "box") == (0, 0, 1, 1)


def test_boxes_by_centre_and_size():
    assert check_box([0.5, 0.5, 0.5, 1.0], "box", "centers") == (0.25, 0.0, 0.75, 1.0)
    with pytest.raises(Refused, match="leaves the picture"):
        check_box([0.1, 0.5, 0.5, 1.0], "box", "centers")
