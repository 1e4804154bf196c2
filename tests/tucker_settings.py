"""ROAM with the core and the optimizer of the paper, where a preset has other ones."""

from __future__ import annotations

TUCKER: dict[str, object] = {
    "model.core": "learnt",
    "model.fusion": "embedding",
    "model.penalty.cubes": 0.0,
    "model.penalty.features": 0.0,
    "train.optimizer": "adam",
    "train.learning_rate": 4e-3,
}
