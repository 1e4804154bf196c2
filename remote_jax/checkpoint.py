"""Checkpoints: the latest ones to go on from, and the one that is best on validation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import jax
import orbax.checkpoint as ocp
from jax.sharding import Mesh

from remote_jax import parallel, processes
from remote_jax.errors import UserError
from remote_jax.state import Params, TrainState

Tree = TypeVar("Tree")


class Best(TypedDict):
    """A step and its scores on validation."""

    step: int
    metrics: dict[str, float]


@dataclass
class Record:
    """What is kept beside the arrays of a run, as JSON."""

    fingerprint: dict[str, Any]
    """Of the data."""
    step: int = 0
    """Steps done."""
    best: Best | None = None
    """The best step so far on validation."""
    window: dict[str, list[float]] = field(default_factory=dict)
    """Scalars of the steps since the last line of the log."""
    seconds: float = 0.0
    """Training, validation and saving, over all starts of the run."""
    data_wait_seconds: float = 0.0
    """Of these, waiting for data."""
    peak_memory: dict[str, int] = field(default_factory=dict)
    """Largest so far in bytes, of the host process and of a device that tells."""

    def check_data(self, fingerprint: dict[str, Any]) -> None:
        """Raises a UserError unless these are the data of the run."""
        now, then = json.loads(json.dumps(fingerprint)), self.fingerprint
        differ = [key for key in {**then, **now} if now.get(key) != then.get(key)]
        if differ:
            raise UserError(
                f"The data have changed since the run was started (in {', '.join(differ)}): put "
                "back those it was started with, or choose another --workdir."
            )


class Checkpoints:
    """`WORKDIR/checkpoints/latest` and `WORKDIR/checkpoints/best`, written by Orbax.

    A save copies the arrays off the device, then goes on in the background; a checkpoint appears
    under its name in one move when it is whole, so a process may die at any moment.
    """

    def __init__(self, workdir: Path, *, read_only: bool = False) -> None:
        """Opens the checkpoints of a run.

        Args:
            read_only: nothing is written or cleaned up; another process may be writing.
        """
        root = (workdir / "checkpoints").absolute()
        self._workdir = workdir
        self._latest = _manager(root / "latest", keep=2, read_only=read_only)
        self._best = _manager(root / "best", keep=1, read_only=read_only)

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        """Waits for saves under way; not after an error of one of many processes.

        The others may be somewhere else, and a save waits for all of them.
        """
        if error is not None and processes.many():
            return
        self._latest.close()
        self._best.close()

    def save(self, state: TrainState, record: Record) -> None:
        """Saves all that is needed to go on; the best so far is on disk before this one is."""
        self._best.wait_until_finished()
        _save(self._latest, record.step, state, asdict(record))

    def save_best(self, params: Params, best: Best) -> None:
        """Saves the parameters of the best step so far, in place of the one before."""
        # A run that died between the two saves comes here again with the same parameters; Orbax
        # leaves the step alone that is there.
        _save(self._best, best["step"], params, dict(best))

    def restore(self, like: TrainState, mesh: Mesh) -> tuple[TrainState, Record] | None:
        """The latest whole checkpoint, or None where there is none yet.

        Args:
            like: a state of the same model and optimizer; only shapes and types are read.
            mesh: where to put the arrays, as `parallel.place` says; another one than they were
                saved from will do.

        Raises:
            UserError: it is the checkpoint of another model.
        """
        step = self._latest.latest_step()
        if step is None:
            for old in self._best.all_steps():  # of a start that ended before its first checkpoint
                self._best.delete(old)
            return None
        state, record = _restore(self._latest, step, like, mesh)
        return state, Record(**record)

    def record(self) -> Record:
        """The record of the latest checkpoint, without its arrays.

        Raises:
            UserError: there is no checkpoint yet.
        """
        step = self._latest.latest_step()
        if step is None:
            raise self._nothing()
        args = ocp.args.Composite(record=ocp.args.JsonRestore())
        return Record(**self._latest.restore(step, args=args)["record"])

    def restore_best(self, like: Params, mesh: Mesh) -> tuple[Params, Best]:
        """The parameters that are best on validation; arguments as those of `restore`.

        Raises:
            UserError: there are none, or they are another model's.
        """
        step = self._best.latest_step()
        if step is None:
            raise self._nothing()
        return _restore(self._best, step, like, mesh)

    def _nothing(self) -> UserError:
        return UserError(
            f"{self._workdir} holds no checkpoint yet: run --mode=train until its first validation."
        )


def exist(workdir: Path) -> bool:
    """Whether the run in `workdir` has a checkpoint to go on from."""
    return any(path.name.isdecimal() for path in (workdir / "checkpoints" / "latest").glob("*"))


def _manager(folder: Path, keep: int, *, read_only: bool) -> ocp.CheckpointManager:
    options = ocp.CheckpointManagerOptions(
        max_to_keep=keep,
        cleanup_tmp_directories=not read_only,
        create=not read_only,
        read_only=read_only,
    )
    handlers = {
        "arrays": ocp.StandardCheckpointHandler(),
        "record": ocp.JsonCheckpointHandler(),
    }
    try:
        return ocp.CheckpointManager(folder, options=options, item_handlers=handlers)
    except OSError as error:
        raise UserError(f"Cannot write checkpoints to {folder}: {error.strerror}.") from error


def _restore(manager: ocp.CheckpointManager, step: int, like: Tree, mesh: Mesh) -> tuple[Tree, Any]:
    wanted, places = _named(like), _named(parallel.place(mesh, like))
    _check_shapes(manager.item_metadata(step)["arrays"], wanted, manager.directory / str(step))
    abstract = {
        name: jax.ShapeDtypeStruct(value.shape, value.dtype, sharding=places[name])
        for name, value in wanted.items()
    }
    restored = manager.restore(
        step,
        args=ocp.args.Composite(
            arrays=ocp.args.StandardRestore(abstract), record=ocp.args.JsonRestore()
        ),
    )
    leaves = [restored["arrays"][name] for name in wanted]
    return jax.tree.unflatten(jax.tree.structure(like), leaves), restored["record"]


def _save(manager: ocp.CheckpointManager, step: int, tree: Any, record: dict[str, Any]) -> None:
    manager.save(
        step,
        args=ocp.args.Composite(
            arrays=ocp.args.StandardSave(_named(tree)), record=ocp.args.JsonSave(record)
        ),
    )


def _named(tree: Any) -> dict[str, Any]:
    """Leaves by path, in the order of the tree."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}


def _check_shapes(stored: Mapping[str, Any], wanted: Mapping[str, Any], folder: Path) -> None:
    """Compares names, shapes and types of a checkpoint with what is expected."""
    for name in [*wanted, *(name for name in stored if name not in wanted)]:
        was, now = (_shape(arrays.get(name)) for arrays in (stored, wanted))
        if was != now:
            raise UserError(
                f"The checkpoint {folder} is another model's: {name} is {was} in it, "
                f"{now} in this model."
            )


def _shape(array: Any) -> str:
    return "absent" if array is None else f"{array.dtype}{list(array.shape)}"
