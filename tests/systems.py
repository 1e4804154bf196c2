"""Small runs of the three systems, whose checkpoint is noise."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from configs import jmere, mkg_y, umre
from remote_jax import config as configs
from remote_jax.task import Task, make_task
from remote_jax.training.checkpoint import Checkpoints
from remote_jax.training.record import Record
from remote_jax.training.state import TrainState, split

SIZES = {"dim": 16, "layers": 1, "heads": 2, "mlp_dim": 16}


def remote(cache: Path) -> ConfigDict:
    config = umre.get_config()
    config.data.sample.update({"train": 8, "validation": 2, "test": 4})
    return _small(config, cache)


def eega(cache: Path) -> ConfigDict:
    config = jmere.get_config()
    config.data.sample.update({"train": 8, "validation": 2, "test": 4})
    config.model.update({"heads": 2, "edge_dim": 8, "channel_dim": 8, "hidden": 16})
    config.model.channels += ",position,shape"  # the first is in no array of a batch
    return _small(config, cache)


def roam(cache: Path) -> ConfigDict:
    config = mkg_y.get_config()
    config.data.sample.update({"entities": 200})
    config.model.update({"dim": 16, "relation_dim": 16, "hidden": 16, "groups": 2})
    config.data.cache = str(cache)
    return config


def _small(config: ConfigDict, cache: Path) -> ConfigDict:
    config.data.update({"cache": str(cache), "workers": 0})
    config.text.update(SIZES)
    config.vision.update(SIZES)
    return config


CALIBRATIONS = {"remote": {"temperature": 1.7, "threshold": 0.05}}

SYSTEMS = {"remote": remote, "eega": eega, "roam": roam}


def begin(config: ConfigDict, workdir: Path) -> None:
    """A run in `workdir` that has just saved its first checkpoint."""
    task = make_task(config)
    workdir.mkdir(exist_ok=True)
    task.prepare(workdir, anew=True)
    configs.write(config, workdir)
    _, shapes = split(task.shapes())
    noise = np.random.default_rng(0)
    params = {
        name: jnp.asarray(name.endswith("scale") + 0.3 * noise.normal(size=x.shape), x.dtype)
        for name, x in shapes.items()
    }
    with Checkpoints(workdir) as checkpoints:
        calibration = CALIBRATIONS.get(config.system, {})
        metrics = {task.metric: 0.25}
        checkpoints.save_best(params, {"step": 1, "metrics": metrics, "calibration": calibration})
        record = Record(fingerprint=task.fingerprint(), step=1)
        checkpoints.save(TrainState(params, (), jnp.int32(1)), record)


def batch(task: Task, size: int) -> dict[str, np.ndarray]:
    """Examples of the test split, again and again, as the model reads them."""
    data = task.dataset("test")
    examples = [data[place % len(data)] for place in range(size)]
    return {name: np.stack([one[name] for one in examples]) for name in task.interface().inputs}
