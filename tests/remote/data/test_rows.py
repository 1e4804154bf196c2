"""The checks of a row."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
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
        ({k: v for k, v in GOOD.items() if k != "token"}, "'token' is missing"),
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
        (box(0, 0, 640, 480), "leaves the picture.*divide them by the picture's width and height"),
        (box(0.5, 0.5, 0.2, 0.3), "as x and y of the centre, width and height it would be one"),
        (box(1, 0, 1.0005, 1), "is empty"),
        (changed(img_id=1.5), "must be text"),
        (changed(img_id=True), "must be text"),
        (changed(h=text_end(3, 3, "Bob")), r"the end is exclusive, expected \[3, 4\)"),
        (changed(h=text_end(14, 15, ".")), r"counted from 0, expected \[13, 14\)"),
        (changed(h=text_end(14, 14, ".")), "from 0 and the end is exclusive"),
        (changed(h=text_end(0, 20, "Ann Lee met Bob at O")), "places of characters"),
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


@pytest.mark.parametrize(
    ("id_", "image"), [("a.png", "a.png"), (12, "12"), (-1, "-1"), ("", ""), (None, "")]
)
def test_rows_may_have_no_picture_or_one_with_a_number(id_, image):
    assert check_row(changed(img_id=id_)).image == image
    absent = {key: value for key, value in GOOD.items() if key != "img_id"}
    assert check_row(absent).image == ""


@given(
    st.lists(st.sampled_from(["Ann", "lee", "O", "slo", "ß", "'s"]), min_size=3, max_size=6),
    st.tuples(st.integers(0, 5), st.integers(1, 6)),
    st.tuples(st.integers(0, 5), st.integers(1, 6)),
    st.sampled_from([str, str.upper, str.title, " ".join]),
)
def test_a_name_contradicts_its_span_unless_it_has_its_letters(tokens, span, named, write):
    for start, end in (span, named):
        assume(start < end <= len(tokens))
    name = write(" ".join(tokens[slice(*named)]))
    found = check_row(row({"name": name, "pos": list(span)}, object_end(0), tokens=tokens))
    covered, meant = ("".join(tokens[slice(*one)]).casefold() for one in (span, named))
    assert bool(found.contradiction) == (covered != meant)
    if covered != meant and named == (span[0], span[1] + 1):
        assert f"the end is exclusive, expected [{named[0]}, {named[1]})" in found.contradiction
