"""Losses, gradients and parameters that are no numbers: noticed, and traced to their examples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Shaped
from ml_collections import ConfigDict

from remote_jax.errors import UserError
from remote_jax.reporting.results import write_json
from remote_jax.runtime import processes
from remote_jax.task import Task
from remote_jax.training.plan import order_of

SHOWN = 4
"""Examples of a batch that the sentence names; the file has all."""


def all_finite(scalars: Mapping[str, Array]) -> Bool[Array, ""]:
    """Whether none is NaN or infinite; for inside a step."""
    return jnp.stack([jnp.isfinite(scalar) for scalar in scalars.values()]).all()


def is_finite(arrays: Any) -> bool:
    """Whether no number of a tree is NaN or infinite; waits for them."""
    # An array at a time, each waited for, as in `damage.sum_of_bits`.
    return all(bool(_finite(array)) for array in jax.tree.leaves(arrays))


@jax.jit
def _finite(array: Shaped[Array, "..."]) -> Bool[Array, ""]:
    return jnp.isfinite(array).all()


def step_not_finite(
    task: Task,
    config: ConfigDict,
    workdir: Path,
    step: int,
    scalars: Mapping[str, float],
    saved: int,
) -> UserError:
    """The error that ends a run; writes `WORKDIR/not_finite.json`, which has the whole batch.

    Args:
        step: counted from 1.
        scalars: of the step, one of which is not finite.
        saved: the step of the last checkpoint, 0 where there is none.
    """
    rows = order_of(task, config).rows(step - 1).tolist()
    places = task.places("train", rows)
    path = workdir / "not_finite.json"
    batch = [{"row": row, "place": place} for row, place in zip(rows, places, strict=True)]
    told = {name: str(value) for name, value in scalars.items()}  # JSON has no NaN
    if processes.first():
        write_json(path, {"step": step, "scalars": told, "batch": batch})
    bad = [name for name in scalars if not math.isfinite(scalars[name])]
    name = "loss" if "loss" in bad else bad[0]
    first = ", ".join(f"{row} ({place})" for row, place in zip(rows[:SHOWN], places, strict=False))
    return UserError(
        f"{name} is {scalars[name]} at step {step}, whose batch is the rows {first} and so on of "
        f"train, all in {path}; {_standing(saved)}. Mend those rows if they are at fault, else "
        f"lower train.learning_rate or {_clip(config)}{_wider(config)}; train.max_skipped, "
        f"{config.train.max_skipped} now, lets so many such steps pass without an update."
    )


def state_not_finite(config: ConfigDict, step: int, saved: int) -> UserError:
    """The error for a finite loss whose update made parameters that are not."""
    return UserError(
        f"Parameters or moments are not finite after step {step}, though the loss was; "
        f"{_standing(saved)}. Lower train.learning_rate or {_clip(config)}{_wider(config)}."
    )


def _clip(config: ConfigDict) -> str:
    return "train.clip" if config.train.clip else "set train.clip=1.0, which is off"


def _wider(config: ConfigDict) -> str:
    return "" if config.compute_dtype == "float32" else ", or use compute_dtype=float32"


def _standing(saved: int) -> str:
    return f"the last checkpoint is that of step {saved}" if saved else "there is no checkpoint yet"
