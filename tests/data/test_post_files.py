"""Files of posts: JSON lines, or a sentence that says what they are instead."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote_jax.data import posts
from remote_jax.errors import Refused, UserError

POST = '{"text": "a"}'
MANY = json.dumps([{"text": "a"}, {"text": "b"}])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "has no posts: write one a line, as {"),
        (" \n\n\t\n", "has no posts"),
        (MANY, "is a JSON array, expected JSON lines: write each post on a line of its own (jq"),
        (f"\ufeff  \n{MANY}\n\n", "is a JSON array"),
        (json.dumps([{"text": "a" * 50}] * 100, indent=2), "is a JSON array"),
        (json.dumps([{"text": "a"}] * 10**5), "is a JSON array"),
        (json.dumps({"text": "a"}, indent=1), "is JSON over several lines, expected JSON lines"),
        (json.dumps({"text": "a"}, indent=1) * 30, "is JSON over several lines"),
    ],
)
def test_what_is_no_file_of_posts_is_told_so(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "po sts.json"
    path.write_text(content)
    with pytest.raises(UserError) as caught:
        posts.count(path)
    assert str(caught.value).startswith(f"{path} {said}")
    assert ("jq" in str(caught.value)) == (f"'{path}' > posts.jsonl" in str(caught.value))


@pytest.mark.parametrize(
    "content",
    [POST, f"[\n{POST}", f"[1]\n{POST}", f"{POST}\n[1]", f"{{\n{POST}", f"{POST}\n}}", "nothing"],
)
def test_a_damaged_line_does_not_cost_the_file(content: str, tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text(content)
    assert posts.count(path) == len(content.split("\n"))
    good = [line for line, post in posts.read(path) if not isinstance(post, Refused)]
    assert good == [n for n, line in enumerate(content.split("\n"), 1) if line == POST]


def test_an_absent_file(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path, tmp_path / ("x" * 999)):
        with pytest.raises(UserError, match="There is no file of posts"):
            posts.count(path)


LINES = st.lists(
    st.sampled_from([POST, "", "  ", "{", "[]", "7", '{"text": "\u00e9"}']), min_size=1
)


@given(lines=LINES, after=st.integers(0, 12))
def test_reading_begins_after_any_line(
    lines: list[str], after: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_text("\n".join(lines))
    everything = [(line, str(post)) for line, post in posts.read(path)]
    assert [line for line, _ in everything] == [
        number for number, line in enumerate(lines, 1) if line.strip()
    ]
    rest = [(line, str(post)) for line, post in posts.read(path, after=after)]
    assert rest == [one for one in everything if one[0] > after]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("2026-03-01", "2026-03-01"),
        ("20260301", "2026-03-01"),
        ("2026-03-01T12:30+02", "2026-03-01T10:30:00+00:00"),
        ("2026-03-01T12:30:00Z", "2026-03-01T12:30:00+00:00"),
        ("2026-03-01 12:30", "2026-03-01T12:30:00"),
    ],
)
def test_dates_compare_as_texts(written, kept):
    assert posts.check_date(written) == kept
    assert posts.check_date(kept) == kept


@pytest.mark.parametrize(
    "written",
    ["2018-99-99", "yesterday", "Wed Oct 10 20:19:24 +0000 2018", 3, "0001-01-01T00+14"],
)
def test_other_dates_are_refused(written):
    with pytest.raises(Refused, match="'date'"):
        posts.check_date(written)
