"""Parsing that evaluates nothing."""

import ast
import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote_jax.data.jsonl import parse
from remote_jax.errors import Refused

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(value=st.dictionaries(st.text(), VALUES, max_size=5))
def test_every_dict_comes_back_from_both_notations(value):
    assert parse(json.dumps(value).encode()) == value
    assert parse(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")) is not None
    literal = repr(value)
    if "inf" not in literal and literal.isascii():
        assert parse(literal.encode()) == ast.literal_eval(literal)


@given(
    line=st.binary(max_size=80)
    | st.text("{}[](),:'\"\\+-.eE019 aNul\n", max_size=60).map(str.encode)
)
def test_any_line_is_a_dict_or_refused(line):
    with contextlib.suppress(Refused):
        assert isinstance(parse(line), dict)


@pytest.mark.parametrize(
    "line",
    [
        "{'token': __import__('os').system('touch canary')}",
        "{'a': [x for x in ()]}",
        "{'a': 9**9**9}",
        "{'a': 'x' * 10**9}",
        "{'a': f'{1}'}",
        "{'a': lambda: 0}",
        "{'a': 1 + 2j}",
        "{'a': b'bytes'}",
        "{'a': open('/etc/passwd')}",
        "{'a': 1 if True else 2}",
        "{'a': ...}",
        "{'a': {1, 2}.pop()}",
        "{'a': nan}",
        "{'a': 'open}",
        "{'a': 'x' 'y'}",
        "{'a': 1 - 1}",
        "{[]: 1}",
        "{'a': 1}; {'b': 2}",
        "{'a': 1}\0",
        "[1]",
        "'text'",
        "{1, 2}",
        "{'a' 1}",
    ],
)
def test_what_is_no_plain_dict_is_refused(line):
    with pytest.raises(Refused):
        parse(line.encode())


@pytest.mark.parametrize(
    "line",
    [
        "[" * 10**5,
        "[" * 10**5 + "]" * 10**5,
        "{'a':" * 10**5,
        '{"a":' * 10**5 + "1" + "}" * 10**5,
        "(" * 10**5 + ")" * 10**5,
        "-" * 10**5 + "1",
        "- " * 10**5 + "1",
        "~" * 10**5 + "1",
        "not " * 10**5 + "1",
        "1" * 10**5,
        "1+" * 10**5 + "1",
        "1 -1 " * 10**5,
        "{'a': " + "'x' " * 10**5 + "}",
        "'" * 10**6,
        "\\'" * (5 * 10**5),
        "'\\" * (5 * 10**5),
        "\"'" * (5 * 10**5),
        "{'a': '" + "\\" * 10**6,
        "a." * 10**5,
        "1e" * 10**5,
        "0x" + "f" * 10**5,
        "lambda:" * 10**5,
    ],
    ids=range(22),
)
def test_lines_that_would_exhaust_a_parser_are_refused_at_once(line):
    start = time.process_time()
    with pytest.raises(Refused):
        parse(line.encode())
    assert time.process_time() - start < 2
