"""What a config makes of the features at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ml_collections import ConfigDict

from remote_jax.errors import UserError
from remote_jax.roam.data import modalities
from remote_jax.roam.data.features import Modality
from remote_jax.roam.data.layouts.names import Naming
from remote_jax.roam.data.triples import Graph

LISTED = Naming("entity2id.txt", explicit=True)
GRAPH = Graph(("a", "b", "c"), ("r",), {"train": np.array([[0, 0, 1]])}, "0", LISTED)


def load(folder: Path, **features: object) -> dict[str, Modality]:
    settings = {"structure": True, "image": "auto", "text": "auto", "encoder": ""}
    config = ConfigDict({"features": settings | {"descriptions": "", "noise": 0.0} | features})
    files = modalities.from_files(config, GRAPH, folder)
    return dict(modalities.load(config, GRAPH, folder, folder / "cache", files))


def test_auto_takes_what_is_there(tmp_path: Path) -> None:
    assert not load(tmp_path)
    np.save(tmp_path / "image.npy", np.arange(6.0).reshape(3, 2))
    assert load(tmp_path).keys() == {"image"} and not load(tmp_path, image="")
    np.save(tmp_path / "other.npy", np.ones((3, 5)))
    assert load(tmp_path, text="other.npy")["text"].values.shape == (3, 5)


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ({"image": "missing.npy"}, "missing.npy"),
        ({"text": "names"}, "features.encoder"),
        ({"structure": False}, "told by nothing"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, features: dict[str, object], expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        load(tmp_path, **features)


def test_two_files_of_one_modality(tmp_path: Path) -> None:
    np.save(tmp_path / "image.npy", np.ones((3, 2)))
    np.savez(tmp_path / "image.npz", np.ones((3, 2)))
    with pytest.raises(UserError, match=r"image\.npz and image\.npy"):
        load(tmp_path)
