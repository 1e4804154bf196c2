"""Principal components against the covariance's eigenvectors, scikit-learn, and all distances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA

from remote_jax.roam.data.features import Modality
from remote_jax.roam.data.transforms import pca


def rows(count: int, width: int, seed: int = 0) -> np.ndarray:
    """Numbers of different deviations that depend on each other, around a mean that is not 0."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(count, width)) * np.linspace(3, 0.1, width)
    return (mixed @ rng.normal(size=(width, width)) + 5).astype(np.float32)


@pytest.mark.parametrize("count", [300, 25])
def test_components_are_those_of_scikit_learn(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With more rows than numbers and with fewer; rows come in blocks."""
    monkeypatch.setattr(pca, "BLOCK", 64)
    given = rows(count, 40)
    found, share = pca.principal(given, 6)
    expected = PCA(6, svd_solver="full").fit(given.astype(np.float64))
    assert found.dtype == np.float32 and found.shape == (count, 6)
    scores = expected.transform(given)
    np.testing.assert_allclose(np.abs(found), np.abs(scores), rtol=1e-4, atol=1e-4)
    assert share == pytest.approx(expected.explained_variance_ratio_.sum(), rel=1e-6)
    largest = found[np.abs(found).argmax(0), np.arange(6)]
    assert (largest > 0).all()


def test_variances_are_the_eigenvalues_of_the_covariance() -> None:
    given = rows(200, 12)
    found, share = pca.principal(given, 5)
    values = np.linalg.eigh(np.cov(given.T, dtype=np.float64))[0][::-1]
    np.testing.assert_allclose(np.cov(found.T), np.diag(values[:5]), atol=1e-3 * values[0])
    np.testing.assert_allclose(np.cov(found.T).diagonal(), values[:5], rtol=1e-4)
    assert share == pytest.approx(values[:5].sum() / values.sum(), rel=1e-6)


@pytest.mark.parametrize(("count", "width"), [(60, 12), (12, 60)])
def test_distances_stay_where_all_components_do(count: int, width: int) -> None:
    given = rows(count, width)
    found, share = pca.principal(given, min(count, width))
    assert share == pytest.approx(1.0)
    np.testing.assert_allclose(pdist(found), pdist(given), rtol=1e-4)


def test_rows_that_are_all_equal() -> None:
    found, share = pca.principal(np.full((9, 4), 7, np.float32), 2)
    assert share == 1.0 and not found.any()


def test_components_are_of_the_entities_that_have_the_modality() -> None:
    values, present = rows(80, 10), np.arange(80) % 3 > 0
    values[~present] = 0
    modality = Modality(values, present, "sum", {"rows": "by name"})
    found = pca.reduced({"image": modality}, 4)["image"]
    assert not found.values[~present].any() and found.sha256 == "sum"
    np.testing.assert_array_equal(found.values[present], pca.principal(values[present], 4)[0])
    assert found.notes["rows"] == "by name"
    assert found.notes["reduced"].keys() == {"from", "to", "variance"}


def test_what_is_not_wider_stays_as_it_is() -> None:
    modality = Modality(rows(30, 8), np.ones(30, bool), "0")
    assert pca.reduced({"text": modality}, 0) == {"text": modality}
    for dim in (8, 9):
        found = pca.reduced({"text": modality}, dim)["text"]
        assert found.values is modality.values
        assert found.notes["reduced"] == {"from": 8, "to": 8, "variance": 1.0}
