"""Files of posts, cut into shards: nothing is lost, read twice, or read in another order."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from remote_jax.data import posts
from remote_jax.errors import Refused, UserError
from remote_jax.extract import inputs

LINES = st.sampled_from(
    ['{"id": 1, "text": "ä"}', '{"id": "1"}', '{"text": "b"}', "", "  ", "[]", "{", "x" * 50, "7"]
)


@given(
    st.lists(LINES, max_size=12).filter(lambda lines: any(map(str.strip, lines))),
    st.integers(1, 5),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_shards_have_the_posts_of_a_file(tmp_path, lines, size, end, marked):
    path = tmp_path / "posts.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" * marked + end.join(["{}", *lines]).encode())
    plan = inputs.plan([path], size)
    assert all(shard.posts == size for shard in plan.shards[:-1])
    found = [row for shard in reversed(plan.shards) for row in reversed(inputs.read(plan, shard))]
    seen, expected = set(), []
    for line, value in posts.read(path):
        id_ = inputs.id_of(None if isinstance(value, Refused) else value.get("id"), path.name, line)
        expected.append((id_, line, "again" if id_ in seen else str(value)))
        seen.add(id_)
    got = [(row.id, row.line, str(row.values)) for row in reversed(found)]
    again = [(*row[:2], "again" if "an earlier post has" in row[2] else row[2]) for row in got]
    assert again == expected


def test_a_line_too_long_is_one_post(tmp_path, monkeypatch):
    monkeypatch.setattr(inputs, "MAX_LINE", 40)
    path = tmp_path / "posts.jsonl"
    path.write_text('{"id": 1}\n{"text": "' + "x" * 200 + '"}\n{"id": 3}\n')
    plan = inputs.plan([path], 1)
    rows = [inputs.read(plan, shard)[0] for shard in plan.shards]
    assert [row.line for row in rows] == [1, 2, 3]
    assert "longer than 40 bytes" in str(rows[1].values) and rows[2].values == {"id": 3}


def test_parquet_has_the_posts_of_json_lines(tmp_path):
    rows = [
        {"id": "a", "text": "x", "entities": [{"start": 0, "end": 1}], "image": None},
        {"id": "b", "text": "y", "entities": [], "image": b"content"},
        {"id": "a", "text": "z", "entities": None, "image": None},
    ]
    path = tmp_path / "posts.parquet"
    parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=2)
    for size in (1, 2, 9):
        plan = inputs.plan([path], size)
        found = [row for shard in plan.shards for row in inputs.read(plan, shard)]
        plain = [{k: v for k, v in row.items() if v is not None} for row in rows]
        assert [row.values for row in found[:2]] == plain[:2]
        assert [row.line for row in found] == [1, 2, 3]
        assert "an earlier post has the id 'a'" in str(found[2].values)


def test_files_of_a_folder(tmp_path):
    for name in ("b/two.jsonl", "one.jsonl", ".hidden/x.jsonl", "out/part-00000.jsonl", "c.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"text": name}) + "\n")
    found = inputs.find_files([tmp_path, tmp_path / "one.jsonl"], tmp_path / "out")
    assert [path.relative_to(tmp_path.resolve()).as_posix() for path in found] == [
        "b/two.jsonl",
        "one.jsonl",
    ]
    plan = inputs.plan(found, 8)
    assert plan.folder == tmp_path.resolve()
    assert [source.name for source in plan.sources] == ["b/two.jsonl", "one.jsonl"]
    assert [inputs.read(plan, shard)[0].id for shard in plan.shards] == [
        "b/two.jsonl:1",
        "one.jsonl:1",
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("posts.csv", b"a", "none of .jsonl, .parquet"),
        ("posts.jsonl", b"\n \n", "has no posts"),
        ("posts.jsonl", b'[{"text": "a"}]', "is a JSON array"),
        ("posts.parquet", b"PAR1 no more", "cannot be read as Parquet"),
        ("none.jsonl", None, "There is no file or folder"),
    ],
)
def test_what_is_no_input_is_told(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=said):
        inputs.plan(inputs.find_files([path], tmp_path / "out"), 8)


def test_a_file_that_becomes_shorter_is_told(tmp_path):
    path = tmp_path / "posts.jsonl"
    path.write_text('{"id": 1}\n{"id": 2}\n')
    plan = inputs.plan([path], 8)
    path.write_text('{"id": 1}\n')
    with pytest.raises(UserError, match="has become shorter"):
        inputs.read(plan, plan.shards[0])
