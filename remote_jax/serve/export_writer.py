"""Writes the folder of an export; what is in it, its README.md says (`card`)."""

from __future__ import annotations

import importlib.resources
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax
import numpy as np
from flax.serialization import msgpack_serialize
from flax.traverse_util import unflatten_dict
from ml_collections import ConfigDict
from safetensors.numpy import save

from remote_jax import config as configs
from remote_jax.errors import UserError
from remote_jax.reporting.progress import working
from remote_jax.reporting.results import earlier, read_results, write_json
from remote_jax.runtime import sharding
from remote_jax.serve import card
from remote_jax.serve.export_reader import CALIBRATION, PIPELINE
from remote_jax.serve.programs import lower
from remote_jax.task import Task
from remote_jax.training.checkpoint import Checkpoints
from remote_jax.training.evaluation import best_model

MACHINE_KEYS = ("data.dir", "data.cache", "train.init", "log.wandb", "log.mlflow")
"""Keys of the config that say where things are, and nothing else."""


def write(task: Task, config: ConfigDict, workdir: Path, target: Path) -> None:
    """Exports the best checkpoint of a run.

    Args:
        target: the folder to make; it appears when it is whole.

    Raises:
        UserError: there is no checkpoint, it is another model's, `results.json` is of another
            one, or the folder is not empty or cannot be written.
    """
    check_free(target)
    target = target.resolve()
    skeleton, params, best = best_model(task, workdir, sharding.make_mesh(config.mesh))
    with Checkpoints(workdir, read_only=True) as checkpoints:
        record = checkpoints.record()
    results = None
    if (workdir / "results.json").exists():
        results, _ = read_results(workdir / "results.json")
        if results.get("best_step") != best["step"]:
            raise UserError(
                f"{workdir / 'results.json'} is of step {results.get('best_step')}, but the best "
                f"checkpoint is of step {best['step']}: run --mode=eval first."
            )
    calibration = best.get("calibration", {})
    with working("lowering the programs"):
        programs = lower(task, skeleton, params, calibration)
    with working(f"writing {target}"), _atomic_folder(target) as folder:
        for name, exported in programs.exported.items():
            (folder / f"{name}.stablehlo").write_bytes(exported.mlir_module_serialized)
        write_json(folder / "interface.json", dict(programs.facts))
        write_json(folder / CALIBRATION, dict(calibration))
        arrays = {name: np.asarray(x) for name, x in jax.device_get(params).items()}
        stored = save(arrays, metadata={"format": "flax"})
        (folder / "model.safetensors").write_bytes(stored)
        packed = msgpack_serialize(unflatten_dict(arrays, sep="/"))
        (folder / "flax_model.msgpack").write_bytes(packed)
        said = portable(config)
        configs.write(said, folder)
        task.write_assets(skeleton.model(params), folder)
        loader = importlib.resources.files("remote_jax.serve") / "load.py"
        (folder / "load.py").write_bytes(loader.read_bytes())
        files = sorted(path.name for path in folder.iterdir())
        text = card.write(task.interface(), said, results, best, record, files, earlier(workdir))
        (folder / "README.md").write_text(text, encoding="utf-8")


def portable(config: ConfigDict) -> ConfigDict:
    """The config without what is of this machine: of a path its last name is left, if anything."""
    found = config.copy_and_resolve_references()
    with found.unlocked():
        for key, value in configs.flatten(config).items():
            if key in MACHINE_KEYS:
                found.update_from_flattened_dict({key: ""})
            elif isinstance(value, str) and _is_path(value):
                found.update_from_flattened_dict({key: Path(value).name})
        if "pipeline" in found.data and not PIPELINE.fullmatch(found.data.pipeline):
            found.data.pipeline = ""  # a folder's, which an export may not name
    return found


def _is_path(value: str) -> bool:
    """Whether this names a place on this machine, as names of checkpoints on the hub do not."""
    path = Path(value)
    return len(path.parts) > 1 and (
        path.is_absolute() or value.startswith(("~", ".")) or path.expanduser().exists()
    )


def check_free(target: Path) -> None:
    """Raises a UserError unless `target` is absent or an empty folder."""
    if target.resolve() == Path.cwd():
        raise UserError(f"{target} is the folder you are in; name another one, as exported.")
    if target.is_dir() and not any(target.iterdir()):
        return
    if target.exists() or target.is_symlink():
        raise UserError(f"{target} is not an empty folder; export into a new one.")


@contextmanager
def _atomic_folder(target: Path) -> Iterator[Path]:
    """A folder to fill, beside `target`, that becomes it in one move; where it fails, it goes."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        try:
            # A folder within, since one of mkdtemp is closed to others.
            folder = beside / target.name
            folder.mkdir()
            yield folder
            folder.replace(target)
        finally:
            shutil.rmtree(beside)
    except OSError as error:
        raise UserError(f"Cannot write {target}: {error.strerror}.") from error
