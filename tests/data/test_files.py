"""Nothing outside of the folder is ever reached."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote_jax.data.cache import cache_folder
from remote_jax.data.files import (
    MAX_NAME,
    find,
    inside,
    read_bytes,
    read_json,
    read_lines,
    same_content,
)
from remote_jax.errors import Refused, UserError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "a.txt").write_text("a")
    return root


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "/",
        "/etc/passwd",
        "../secret.txt",
        "sub/../../secret.txt",
        "sub/../sub/a.txt",
        "..\\secret.txt",
        "C:\\secret.txt",
        "\\\\host\\share",
        "a\0b",
        "\ud800",
        "a" * (MAX_NAME + 1),
    ],
)
def test_names_that_are_refused(folder, name):
    with pytest.raises(Refused):
        inside(folder, name)


def test_links_out_of_the_folder_are_refused(folder):
    (folder / "file").symlink_to(folder.parent / "secret.txt")
    (folder / "up").symlink_to(folder.parent)
    (folder / "loop").symlink_to("loop")
    for name in ("file", "up", "up/secret.txt", "loop/x"):
        with pytest.raises(Refused):
            inside(folder, name)


def test_links_within_the_folder_are_followed(folder):
    (folder / "again.txt").symlink_to("sub/a.txt")
    assert find(folder, "again.txt") == (folder / "sub/a.txt").resolve()


def test_find_tells_absent_from_refused(folder):
    assert find(folder, "sub/a.txt").read_text() == "a"
    assert find(folder, "sub/b.txt") is None
    assert find(folder, "sub") is None
    with pytest.raises(Refused, match="cannot be looked up"):
        find(folder, "x" * 300)
    os.mkfifo(folder / "pipe")
    assert find(folder, "pipe") is None


def test_read_bytes_stops_at_its_limit(folder):
    assert read_bytes(folder / "sub/a.txt", 1) == b"a"
    with pytest.raises(Refused, match="longer than 0 bytes"):
        read_bytes(folder / "sub/a.txt", 0)
    with pytest.raises(Refused, match="cannot be read"):
        read_bytes(folder / "none", 1)


def test_long_lines_are_skipped_and_counted(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"\xef\xbb\xbfone\n\n  \r\n" + b"x" * 35 + b"\nfive\r\n" + b"y" * 11)
    got = list(read_lines(path, 10))
    assert [number for number, _ in got] == [1, 4, 5, 6]
    assert [line for _, line in got if isinstance(line, bytes)] == [b"one\n", b"five\r\n"]
    assert isinstance(got[1][1], Refused) and isinstance(got[3][1], Refused)


@given(name=st.text(st.sampled_from("./\\ab~\0\n"), max_size=12))
def test_every_accepted_name_stays_inside(tmp_path_factory, name):
    root = tmp_path_factory.getbasetemp()
    try:
        path = inside(root, name)
    except Refused:
        return
    assert path.is_relative_to(root.resolve()) and path != root.resolve()


@pytest.mark.parametrize("content", ["", "[1]", "{", "[" * 10**5, '{"a":' * 10**5, "\xff"])
def test_json_that_is_none(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(UserError, match=r"a\.json"):
        read_json(path, 2**20)


def test_json_of_a_size(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"a": 1}')
    assert read_json(path, 8) == {"a": 1}
    with pytest.raises(UserError, match="longer than 7 bytes"):
        read_json(path, 7)
    with pytest.raises(UserError, match="cannot be read"):
        read_json(tmp_path / "b.json", 8)


def test_the_cache_folder(tmp_path):
    assert cache_folder(str(tmp_path)) == tmp_path
    assert cache_folder("", {"XDG_CACHE_HOME": "/c"}).as_posix() == "/c/remote_jax"
    assert cache_folder("", {}).parts[-2:] == (".cache", "remote_jax")


def test_a_named_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Refused, match="pipe is not a regular file"):
        read_bytes(tmp_path / "pipe", 10)


def test_files_with_the_same_content(tmp_path):
    for name, content in {"b": "one", "a": "one", "c": "two", "d": "three", "e": "three"}.items():
        (tmp_path / name).write_text(content)
    found = same_content(tmp_path, ["b", "a", "c", "d", "a", "gone", "e"])
    assert found == {"b": "b", "a": "b", "c": "c", "d": "d", "gone": "gone", "e": "d"}
    with pytest.raises(Refused):
        same_content(tmp_path / "..", ["../secret"])
