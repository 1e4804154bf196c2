"""Rows of a list are cut out where a parser of the whole file finds them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote_jax.data.jsonl import MAX_LINE
from remote_jax.eega.data.json_rows import list_items
from remote_jax.errors import Refused

leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
values = st.recursive(
    leaves, lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=4), some)
)


@given(st.lists(values, max_size=5), st.sampled_from([None, 1]), st.booleans())
def test_elements_are_those_of_the_parsed_list(rows, indent, ascii):
    text = json.dumps(rows, indent=indent, ensure_ascii=ascii)
    assert [json.loads(one) for one in list_items(text.encode("utf-8", "surrogatepass"))] == rows


def test_a_bad_element_costs_itself():
    deep, long = b"[" * 10**5 + b"]" * 10**5, b'"' + b"x" * MAX_LINE + b'"'
    found = list(list_items(b"[1, nonsense, " + deep + b", " + long + b", {] , ,2]"))
    assert found[:3] == [b"1", b"nonsense", deep]
    assert isinstance(found[3], Refused) and "longer than" in str(found[3])
    assert found[4:] == [b"{]", b"", b"2"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a JSON list"),
        (b'{"token": []}', "not a JSON list"),
        (b"[1, [2", "cut off or unbalanced in row 2"),
        (b'[1, 2, "x]', "cut off or unbalanced in row 3"),
        (b"[1], 2]", "ends after row 1, but the file goes on"),
    ],
)
def test_what_is_no_list_is_refused(content, reason):
    with pytest.raises(Refused, match=reason):
        list(list_items(content))


def test_no_rows():
    assert list(list_items(b"\xef\xbb\xbf [ ]\n")) == []
