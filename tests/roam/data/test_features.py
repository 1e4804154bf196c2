"""Features from files of every format, right, wrong and hostile."""

import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ml_dtypes import bfloat16
from safetensors.numpy import save_file

from remote_jax.errors import UserError
from remote_jax.roam.data.features import load_matrix
from remote_jax.roam.data.layouts import feature_files
from remote_jax.roam.data.layouts.names import Naming

ENTITIES = ("http://a.org/Ann_Lee", "Ōsaka", "厦门", "1917")
VALUES = np.arange(1, 13, dtype=np.float32).reshape(4, 3)
ORDER = [2, 0, 3, 1]
LISTED = Naming("entity2id.txt", explicit=True)


def npy(folder, values, dtype=np.float32):
    np.save(folder / "image.npy", values.astype(dtype))
    return folder / "image.npy"


def npz(folder, values, dtype=np.float32):
    np.savez_compressed(folder / "image.npz", features=values.astype(dtype), other=np.zeros(3))
    return folder / "image.npz"


def single(folder, values, dtype=np.float32):
    np.savez(folder / "image.npz", np.asfortranarray(values.astype(dtype)))
    return folder / "image.npz"


def safetensors(folder, values, dtype=np.float32):
    save_file({"image": values.astype(dtype)}, folder / "image.safetensors")
    return folder / "image.safetensors"


WRITERS = (npy, npz, single, safetensors)


def names(rows, wrap="{}"):
    return [wrap.format(ENTITIES[row]) for row in rows]


def write_ids(folder, ids, suffix="txt"):
    content = json.dumps(ids) if suffix == "json" else "".join(f"{name}\n" for name in ids)
    (folder / f"image.ids.{suffix}").write_text(content, "utf-8")


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
def test_rows_in_the_order_of_ids(tmp_path, write, dtype):
    found = load_matrix(write(tmp_path, VALUES, dtype), ENTITIES, LISTED)
    np.testing.assert_array_equal(found.values, VALUES)
    assert found.values.dtype == np.float32 and found.present.tolist() == [True] * 4


def test_bfloat16(tmp_path):
    found = load_matrix(safetensors(tmp_path, VALUES, bfloat16), ENTITIES, LISTED)
    np.testing.assert_array_equal(found.values, VALUES)


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    ("ids", "suffix"),
    [
        (names(ORDER), "txt"),
        (names(ORDER, "<{}>"), "txt"),
        (names(ORDER), "json"),
        (ORDER, "txt"),
        (ORDER, "json"),
    ],
)
def test_rows_in_the_order_of_a_list(tmp_path, write, ids, suffix):
    path = write(tmp_path, VALUES[ORDER])
    write_ids(tmp_path, ids, suffix)
    np.testing.assert_array_equal(load_matrix(path, ENTITIES, LISTED).values, VALUES)


@pytest.mark.parametrize(
    "ids", [np.array(names(ORDER)), np.array(ORDER), np.char.encode(names(ORDER), "utf-8")]
)
def test_ids_within_an_archive(tmp_path, ids):
    np.savez(tmp_path / "a.npz", image=VALUES[ORDER], ids=ids)
    np.testing.assert_array_equal(load_matrix(tmp_path / "a.npz", ENTITIES, LISTED).values, VALUES)


def test_numbers_are_names_where_all_names_are_numbers(tmp_path):
    path = npy(tmp_path, VALUES[:2])
    write_ids(tmp_path, ["1", "0"])
    found = load_matrix(path, ("7", "1", "5", "0"))
    np.testing.assert_array_equal(found.values[[1, 3]], VALUES[:2])
    assert found.present.tolist() == [False, True, False, True]
    found = load_matrix(path, ENTITIES, LISTED)
    np.testing.assert_array_equal(found.values[[1, 0]], VALUES[:2])


def test_other_entities_are_ignored_and_missing_ones_masked(tmp_path):
    path = npy(tmp_path, VALUES)
    write_ids(tmp_path, ["Tromsø", "厦门", "Lima", "1917"])
    found = load_matrix(path, ENTITIES, LISTED)
    assert found.present.tolist() == [False, False, True, True]
    np.testing.assert_array_equal(found.values, [[0] * 3, [0] * 3, VALUES[1], VALUES[3]])


def test_rows_of_zeros_or_nan_are_missing(tmp_path):
    values = VALUES.copy()
    values[0], values[2] = np.nan, 0
    found = load_matrix(npy(tmp_path, values), ENTITIES, LISTED)
    assert found.present.tolist() == [False, True, False, True]
    np.testing.assert_array_equal(found.values[[0, 2]], np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("row", "dtype"),
    [
        ([0, 0, np.nan], np.float32),
        ([1, np.inf, 2], np.float32),
        ([np.inf] * 3, np.float32),
        ([1, 2, 1e300], np.float64),
    ],
)
def test_a_row_that_is_partly_not_finite_is_named(tmp_path, row, dtype):
    values = VALUES.astype(dtype)
    values[3] = row
    path = npy(tmp_path, values, dtype)
    write_ids(tmp_path, names(ORDER))
    with pytest.raises(UserError, match="row 3: a feature of 'Ōsaka' is not finite"):
        load_matrix(path, ENTITIES, LISTED)
    write_ids(tmp_path, [*names(ORDER[:3]), "Lima"])
    assert load_matrix(path, ENTITIES, LISTED).present.sum() == 3


def test_the_fingerprint_is_of_the_content(tmp_path):
    first = load_matrix(npy(tmp_path, VALUES), ENTITIES, LISTED).sha256
    assert load_matrix(npz(tmp_path, VALUES), ENTITIES, LISTED).sha256 == first
    assert load_matrix(npy(tmp_path, VALUES[ORDER]), ENTITIES, LISTED).sha256 != first
    assert load_matrix(npy(tmp_path, VALUES.reshape(6, 2)), "abcdef", LISTED).sha256 != first


@pytest.mark.parametrize(
    ("ids", "suffix", "message"),
    [
        (None, "", r"image\.npy has 3 rows for 4 entities; name its rows in image\.ids\.txt"),
        (names([0, 1]), "txt", "has 3 rows, and its ids are 2"),
        ([0, 1, 4], "json", "name the entity 4, expected 0 to 3"),
        ([0, 1, -1], "json", "name the entity -1"),
        (["Ann_Lee", "Lima", "x"], "txt", "such as 'Ann_Lee', those of the graph such as 'http"),
        ([], "txt", "its ids are 0"),
        ([], "json", "must be a list of names, or one of numbers"),
        ([0, "Ōsaka", 1], "json", "must be a list of names, or one of numbers"),
        ([True, False, True], "json", "must be a list of names, or one of numbers"),
        ({"Ōsaka": 0}, "json", "must be a list of names, or one of numbers"),
        (["x" * 20_000, "b", "c"], "txt", r"image\.ids\.txt, line 1: the line is longer"),
    ],
)
def test_ids_that_do_not_fit(tmp_path, ids, suffix, message):
    path = npy(tmp_path, VALUES[:3])
    if ids is not None:
        write_ids(tmp_path, ids, suffix)
    with pytest.raises(UserError, match=message):
        load_matrix(path, ENTITIES, LISTED)


def test_ids_in_several_places_and_in_no_text(tmp_path):
    path = npy(tmp_path, VALUES)
    write_ids(tmp_path, ORDER, "json")
    write_ids(tmp_path, ORDER, "txt")
    with pytest.raises(UserError, match=r"in image\.ids\.txt and image\.ids\.json; leave one"):
        load_matrix(path, ENTITIES, LISTED)
    (tmp_path / "image.ids.json").write_text("[" * 10**5)
    (tmp_path / "image.ids.txt").unlink()
    with pytest.raises(UserError, match="is not JSON"):
        load_matrix(path, ENTITIES, LISTED)
    (tmp_path / "image.ids.json").unlink()
    (tmp_path / "image.ids.txt").write_bytes(b"a\n\xff\n")
    with pytest.raises(UserError, match=r"image\.ids\.txt, line 2: .*utf-8"):
        load_matrix(path, ENTITIES, LISTED)


def header(shape, descr="<f4"):
    """The start of an .npy file that claims a shape."""
    file = io.BytesIO()
    content = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, content)
    return file.getvalue()


def zipped(content):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("features.npy", content)
    return file.getvalue()


def saved(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


HOSTILE = [
    (header((10**9, 10**3)), "claims 4,000,000,000,000 bytes"),
    (header((10**30, 3)), "claims"),
    (header((4, 3)) + b"\0" * 20, "no whole"),
    (header((4, 0)), "expected a matrix of numbers"),
    (header((-4, 3)), "expected a matrix of numbers"),
    (saved(np.array([[{}], [1]], object)), "expected a matrix of numbers"),
    (saved(np.zeros(4)), r"found float64 of shape \(4,\)"),
    (saved(np.zeros((4, 3, 1, 1))), "expected a matrix"),
    (saved(np.zeros((4, 3), complex)), "expected a matrix"),
    (saved(np.full((4, 3), "a")), "expected a matrix"),
    (b"", "no whole"),
    (b"\x93NUMPY\x09\x00", "no whole"),
    (b"not numpy at all", "no whole"),
]


@pytest.mark.parametrize(("content", "message"), HOSTILE)
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_broken_arrays_are_refused(tmp_path, content, message, suffix):
    path = tmp_path / f"image.{suffix}"
    path.write_bytes(zipped(content) if suffix == "npz" else content)
    with pytest.raises(UserError, match=rf"image\.{suffix}: .*{message}"):
        load_matrix(path, ENTITIES, LISTED)


def test_archives_that_would_grow_are_refused_before_they_do(tmp_path, monkeypatch):
    monkeypatch.setattr(feature_files, "MAX_BYTES", 10_000)
    (tmp_path / "a.npz").write_bytes(zipped(saved(np.zeros((100, 100)))))
    with pytest.raises(UserError, match=r"it is 80,\d+ bytes, expected at most 10,000"):
        load_matrix(tmp_path / "a.npz", ENTITIES, LISTED)
    path = safetensors(tmp_path, np.ones((100, 100)))
    with pytest.raises(UserError, match="longer than 10,000 bytes"):
        load_matrix(path, ENTITIES, LISTED)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": VALUES, "b": VALUES}, "expected an array 'features' or a single one, found a, b"),
        ({"ids": np.arange(4)}, "found none"),
        ({"a": VALUES, "ids": np.array([{}] * 4, object)}, "saved as strings and not as objects"),
        ({"a": VALUES, "ids": np.zeros((4, 1), int)}, "expected a list of names"),
    ],
)
def test_archives_with_other_arrays(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UserError, match=message):
        load_matrix(tmp_path / "a.npz", ENTITIES, LISTED)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.bin", b"", r"read from \.npy, \.npz, \.safetensors, "),
        ("a.npy", None, r"Cannot read .*a\.npy"),
        ("a.npz", None, r"Cannot read .*a\.npz"),
        ("a.safetensors", None, r"Cannot read .*a\.safetensors"),
        ("a.npz", b"PK\x05\x06", r"no whole \.npz file"),
        ("a.safetensors", b"\xff" * 40, "no whole safetensors file"),
    ],
)
def test_files_that_are_none(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        load_matrix(tmp_path / name, ENTITIES, LISTED)


@pytest.mark.parametrize("array", [np.zeros(4, np.float32), np.zeros((4, 3), bool)])
def test_tensors_that_are_no_matrix_of_numbers(tmp_path, array):
    save_file({"a": array}, tmp_path / "a.safetensors")
    with pytest.raises(UserError, match="expected a matrix of numbers"):
        load_matrix(tmp_path / "a.safetensors", ENTITIES, LISTED)


def test_no_feature_at_all_is_an_error(tmp_path):
    with pytest.raises(UserError, match="the rows of all 4 entities are missing or zero"):
        load_matrix(npy(tmp_path, VALUES * 0), ENTITIES, LISTED)


@given(st.permutations(range(6)), st.sets(st.integers(0, 5), min_size=1))
def test_any_order_of_any_part(tmp_path_factory, order, kept):
    folder = tmp_path_factory.mktemp("features")
    entities = [f"e{index}" for index in range(6)]
    rows = [index for index in order if index in kept]
    values = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    path = npy(folder, values[rows])
    write_ids(folder, [entities[row] for row in rows])
    found = load_matrix(path, entities)
    assert set(np.flatnonzero(found.present).tolist()) == kept
    np.testing.assert_array_equal(found.values, values * found.present[:, None])
