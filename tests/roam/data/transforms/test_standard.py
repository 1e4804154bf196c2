"""The scale of features."""

from __future__ import annotations

import numpy as np
import pytest

from remote_jax.roam.data.features import Modality
from remote_jax.roam.data.transforms.standard import standardised


def test_standardised() -> None:
    values = np.random.default_rng(0).normal(7, 30, (400, 5)).astype(np.float32)
    present = np.arange(400) % 4 > 0
    values[~present] = 0
    modality = Modality(values, present, "0")
    clean = standardised(modality, noise=0.0, seed=0, name="image")
    assert not clean[~present].any() and clean.dtype == np.float32
    np.testing.assert_allclose(clean[present].mean(0), 0, atol=1e-5)
    assert (clean[present] ** 2).sum(1).mean() == pytest.approx(1, abs=1e-5)
    noisy = standardised(modality, noise=0.2, seed=0, name="image")
    assert not noisy[~present].any()
    assert (noisy - clean)[present].std() == pytest.approx(0.2 * clean[present].std(), rel=0.1)
    same = standardised(modality, noise=0.2, seed=0, name="image")
    np.testing.assert_array_equal(noisy, same)
    for seed, name in ((1, "image"), (0, "text")):
        other = standardised(modality, noise=0.2, seed=seed, name=name)
        noise, more = ((values - clean)[present].reshape(-1) for values in (noisy, other))
        assert abs(np.corrcoef(noise, more)[0, 1]) < 0.1
