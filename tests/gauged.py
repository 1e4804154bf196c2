"""The toy with two mechanisms: their gauges, a collapse to plant, what stands in their place."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import jax
import numpy as np
import toy
from flax import nnx
from ml_collections import ConfigDict

LEAST = 1e-6


def get_config(**changes: Any) -> ConfigDict:
    """The toy's config for this system; `model.spread` near 0 plants a collapse."""
    config = toy.get_config()
    config.system = "gauged"
    config.model.spread = 1.0
    config.update_from_flattened_dict(changes)
    return config


class Model(toy.Model):
    removed: tuple[str, ...] = ()

    def __call__(self, points: jax.Array, rngs: nnx.Rngs | None = None) -> jax.Array:
        hidden = nnx.relu(self.text(points)) * ("text" not in self.removed)
        if rngs is not None:
            hidden = self.dropout(hidden, deterministic=False, rngs=rngs)
        return self.head(hidden) - ("bias" in self.removed) * self.head.bias


class GaugedTask(toy.ToyTask):
    mechanisms: Mapping[str, str] = {"text": "zeros", "bias": "none at all"}

    def model(self, rngs: nnx.Rngs) -> nnx.Module:
        model = Model(self.config.model.hidden, self.config.model.dropout, rngs)
        model.removed = self.taken
        return model

    def loss(self, model: Any, batch: Any, rngs: nnx.Rngs) -> tuple[jax.Array, dict[str, Any]]:
        loss, scalars = super().loss(model, batch, rngs)
        return loss, {**scalars, "gauge/bias/size": abs(model.head.bias).mean()}

    def predict(self, model: Any, batch: Any, shared: jax.Array) -> dict[str, jax.Array]:
        hidden = model.text(batch["x"]) * self.config.model.spread
        return {**super().predict(model, batch, shared), "gauge/hidden": hidden}

    def calibrated(self, outputs: Any, calibration: Any) -> Any:
        found = super().calibrated(outputs, calibration)
        return {name: value for name, value in found.items() if name != "gauge/hidden"}

    def gauges(self, split: str, outputs: Any) -> dict[str, float]:
        return {"text/deviation": np.std(outputs["gauge/hidden"], axis=0).mean()}

    def collapsed(self, gauges: Mapping[str, float]) -> list[str]:
        deviation = gauges.get("text/deviation", 1.0)
        if deviation > LEAST:
            return []
        return [f"The text layer gives every point the same (deviation {deviation:.3e})"]


def make_task(config: ConfigDict) -> GaugedTask:
    return GaugedTask(config)


def install() -> None:
    """Lets `remote_jax.main` find this as the system `gauged`."""
    package, module = ModuleType("remote_jax.gauged"), ModuleType("remote_jax.gauged.task")
    package.__path__ = []
    module.make_task = make_task
    sys.modules |= {"remote_jax.gauged": package, "remote_jax.gauged.task": module}
