"""Files of features that other packages read, or that are never opened."""

from __future__ import annotations

import importlib.util
import os
import pickle
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from remote_jax.errors import Refused, UserError
from remote_jax.roam.data.features import Modality, load_matrix
from remote_jax.roam.data.layouts import feature_files
from remote_jax.roam.data.layouts.names import Naming

ENTITIES = ("a", "b", "c")
VALUES = np.arange(1, 10, dtype=np.float32).reshape(3, 3)
LISTED = Naming("entity2id.txt", explicit=True)


def load(path: Path) -> Modality:
    return load_matrix(path, ENTITIES, LISTED)


@pytest.mark.parametrize(
    ("name", "package", "said"),
    [
        ("image.pth", "torch", r"image\.pth: reading it needs torch; .*weights_only=True"),
        ("image.pt", "torch", r"numpy\.save\('image\.npy', torch\.load\('image\.pt'"),
        ("text.h5", "h5py", r"text\.h5: reading it needs h5py; .*h5py\.File\('text\.h5'\)"),
        ("image.pkl", "", r"image\.pkl: it would run code when opened; .*pickle\.load"),
    ],
)
def test_what_cannot_be_read_here_is_told_how_to_convert(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, package: str, said: str
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda wanted: None if wanted == package else find(wanted)
    )
    (tmp_path / name).write_bytes(b"anything")
    with pytest.raises(UserError, match=said):
        load(tmp_path / name)


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return os.mkdir, (str(tmp_path / "ran"),)

    (tmp_path / "image.pkl").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(UserError, match="run code"):
        load(tmp_path / "image.pkl")
    assert not (tmp_path / "ran").exists()


class Tensor:
    """As much of PyTorch's as is asked of it."""

    def __init__(self, values: np.ndarray, claimed: int = 0):
        self.values, self.shape, self.claimed = values, values.shape, claimed

    def is_complex(self) -> bool:
        return False

    def numel(self) -> int:
        return self.claimed or self.values.size

    def detach(self) -> Tensor:
        return self

    def to(self, dtype: type) -> Tensor:
        return Tensor(self.values.astype(dtype))

    def numpy(self) -> np.ndarray:
        return self.values


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """A stand-in, whose `load` gives what `holds` is, to a caller that asks for safety."""
    made = ModuleType("torch")
    made.__spec__ = importlib.machinery.ModuleSpec("torch", None)
    made.Tensor, made.float32, made.holds = Tensor, np.float32, None

    def load_file(path: Path, *, map_location: str, weights_only: bool) -> object:
        assert weights_only and map_location == "cpu"
        if isinstance(made.holds, Exception):
            raise made.holds
        return made.holds

    made.load = load_file
    monkeypatch.setitem(sys.modules, "torch", made)
    (tmp_path / "image.pth").write_bytes(b"stands for a file")
    return made


@pytest.mark.parametrize(
    "holds",
    [
        Tensor(VALUES),
        {"weight": Tensor(VALUES)},
        {"features": Tensor(VALUES[::-1]), "ids": ["c", "b", "a"]},
        {name: Tensor(row) for name, row in zip(ENTITIES, VALUES, strict=True)},
        {
            name: Tensor(np.stack([row - 1, row + 1]))
            for name, row in zip("abc", VALUES, strict=True)
        },
    ],
)
def test_tensors(torch: ModuleType, tmp_path: Path, holds: object) -> None:
    torch.holds = holds
    np.testing.assert_array_equal(load(tmp_path / "image.pth").values, VALUES)


@pytest.mark.parametrize(
    ("holds", "said"),
    [
        (pickle.UnpicklingError("set weights_only=False"), "without running code .* as .npy.$"),
        (RuntimeError("broken"), r"no whole PyTorch file \(broken\)"),
        ([1, 2], "found list"),
        ({"a": 1, "b": 2}, "expected tensors, found a int"),
        (Tensor(VALUES, claimed=2**40), "is longer than"),
        ({"features": Tensor(VALUES), "ids": [{}]}, "list of names, or one of numbers"),
        ({"features": Tensor(VALUES[0])}, r"found float32 of \(3,\)"),
        ({}, "found none"),
    ],
)
def test_what_is_no_tensor(torch: ModuleType, tmp_path: Path, holds: object, said: str) -> None:
    torch.holds = holds
    with pytest.raises(UserError, match=said):
        load(tmp_path / "image.pth")


def test_hdf5(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")

    def write(**sets: object) -> Path:
        with h5py.File(tmp_path / "image.h5", "w") as file:
            for name, values in sets.items():
                file[name] = values
        return tmp_path / "image.h5"

    for sets in (
        {"features": VALUES},
        {"anything": VALUES},
        {"features": VALUES[::-1], "ids": np.array(["c", "b", "a"], object)},
        dict(zip("abc", VALUES, strict=True)),
    ):
        np.testing.assert_array_equal(load(write(**sets)).values, VALUES)
    outside = tmp_path / "outside.h5"
    write(features=VALUES).rename(outside)
    for sets, said in (
        ({"features": h5py.ExternalLink("outside.h5", "features")}, "is a link"),
        ({"x": VALUES, "features": h5py.SoftLink("/x")}, "is a link"),
        ({"a/b": VALUES}, "no data set of the file itself"),
        ({"a": VALUES[0], "b": VALUES[0, :2]}, "rows of one length by name"),
        ({"features": np.array(["a"], object)}, "expected a matrix of numbers"),
    ):
        with pytest.raises(UserError, match=said):
            load(write(**sets))
    with h5py.File(tmp_path / "image.h5", "w") as file:
        file.create_dataset("features", (3, 3), "f4", external=[(str(outside), 0, 36)])
    with pytest.raises(UserError, match="no data set of the file itself"):
        load(tmp_path / "image.h5")
    (tmp_path / "image.h5").write_bytes(b"\x89HDF stands for one")
    with pytest.raises(UserError, match="no whole HDF5 file"):
        load(tmp_path / "image.h5")


def test_a_file_that_grows_is_refused_before_pytorch_has_it(
    torch: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_files, "MAX_BYTES", 1000)
    np.savez_compressed(tmp_path / "grown.npz", np.zeros((100, 100)))
    (tmp_path / "grown.npz").rename(tmp_path / "image.pth")
    with pytest.raises(Refused, match="longer than 1,000"):
        feature_files.read(tmp_path / "image.pth")
