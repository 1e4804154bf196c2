"""Parses: what is refused, and what their files hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from parse_files import made, same

from remote_jax.eega.graphs import trees
from remote_jax.errors import Refused, UserError


def ends_at_a_root(heads, word):
    for _ in heads:
        if heads[word] == word:
            return True
        word = heads[word]
    return False


@given(st.integers(1, 9).flatmap(lambda n: st.lists(st.integers(0, n - 1), min_size=n, max_size=n)))
def test_a_circle_is_refused_and_nothing_else(heads):
    circling = [word for word in range(len(heads)) if not ends_at_a_root(heads, word)]
    if circling:
        with pytest.raises(Refused, match=f"heads of word {circling[0]} go in a circle"):
            trees.check(made(heads), len(heads))
    else:
        parse = made(heads)
        assert trees.check(parse, len(heads)) is parse


@pytest.mark.parametrize(
    ("parse", "reason"),
    [
        (made([0, 0, 0]), "the parse has 3 words, but the sentence has 2"),
        (made([0, 0], pos=("X",)), "the parse has 1 and 2 words, but the sentence has 2"),
        (made([0, 2]), "the head of word 1 is 2, expected 0 to 1"),
        (made([0, -1]), "the head of word 1 is -1"),
    ],
)
def test_a_parse_of_something_else_is_refused(parse, reason):
    with pytest.raises(Refused, match=reason):
        trees.check(parse, 2)


def test_a_file_gives_back_what_was_written(tmp_path):
    written = [made([1, 1, 3, 1], pos=("PROPN", "VERB", "DET", "N\n")), made([0])]
    trees.write(tmp_path / "a.npz", written)
    assert all(map(same, trees.read(tmp_path / "a.npz"), written))
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def names(*labels):
    return np.frombuffer(repr(list(labels)).replace("'", '"').encode(), np.uint8)


@pytest.mark.parametrize(
    ("part", "value", "reason"),
    [
        ("words", [2, 2], "'words' must be above 0 and be 3 in all"),
        ("words", [4, -1], "'words' must be above 0 and be 3 in all"),
        ("words", [[2, 1]], "expected a list of whole numbers"),
        ("words", [2.0, 1.0], "expected a list of whole numbers"),
        ("heads", [0, 0, 2**40], "'heads' has a number of 32 bits"),
        ("dependencies", [0, 0, 2], "'dependencies' must be 3 numbers below 2"),
        ("pos", [0, 0], "'pos' must be 3 numbers below 1"),
        ("pos_names", list(b"[1]"), "'pos_names' is no list of labels"),
        ("pos_names", list(b"[["), "cannot be read as parses"),
        ("pos_names", None, "no array 'pos_names'"),
        ("heads", np.array([{}, {}, {}], object), "heads|expected a list"),
    ],
)
def test_another_file_is_an_error(tmp_path, part, value, reason):
    arrays = {
        "words": np.array([2, 1]),
        "heads": np.array([0, 0, 0]),
        "dependencies": np.array([0, 1, 0]),
        "dependencies_names": names("a", "b"),
        "pos": np.array([0, 0, 0]),
        "pos_names": names("X"),
    }
    arrays[part] = np.asarray(value)
    if value is None:
        del arrays[part]
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UserError, match=f"a.npz.*({reason})"):
        trees.read(tmp_path / "a.npz")


def test_a_file_that_is_no_archive(tmp_path):
    (tmp_path / "a.npz").write_text("heads")
    with pytest.raises(UserError, match=r"a\.npz cannot be read as parses"):
        trees.read(tmp_path / "a.npz")
