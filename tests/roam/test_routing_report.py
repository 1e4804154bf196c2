"""The numbers behind Figs. 2, 5 and 6, by hand."""

import numpy as np
import pytest

from remote_jax.roam.routing_report import routing_report


def test_means_by_group_and_relation() -> None:
    shares = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]], np.float32)
    weights = np.array([[[1.0, 0.0], [0.3, 0.7]]] * 2 + [[[0.2, 0.8], [0.6, 0.4]]], np.float32)
    report = routing_report(
        ["likes", "knows", "unused"],
        ["structure", "image"],
        np.array([0, 0, 4]),  # likes, likes, and knows asked for its head
        {"shares": shares, "weights": weights},
    )
    assert [group["share"] for group in report["groups"]] == [0.5, 0.5]
    assert report["groups"][0]["modalities"] == {"structure": 1.0, "image": 0.0}
    second = (0.5 * 0.3 + 1.0 * 0.6) / 1.5
    assert report["groups"][1]["modalities"]["structure"] == pytest.approx(second, abs=1e-6)
    assert report["relations"] == {
        "likes": {"tail": [0.75, 0.25]},
        "knows": {"head": [0.0, 1.0]},
    }
    assert report["entropy"] == pytest.approx(np.log(2) / 3, abs=1e-6)
