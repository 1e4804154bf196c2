"""What files of parses hold."""

import numpy as np
import pytest
from parse_examples import made, same

from remote_jax.eega.data import parse_files
from remote_jax.errors import UserError


def test_a_file_gives_back_what_was_written(tmp_path):
    written = [made([1, 1, 3, 1], pos=("PROPN", "VERB", "DET", "N\n")), made([0])]
    parse_files.write(tmp_path / "a.npz", written)
    assert all(map(same, parse_files.read(tmp_path / "a.npz"), written))
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
        parse_files.read(tmp_path / "a.npz")


def test_a_file_that_is_no_archive(tmp_path):
    (tmp_path / "a.npz").write_text("heads")
    with pytest.raises(UserError, match=r"a\.npz cannot be read as parses"):
        parse_files.read(tmp_path / "a.npz")
