"""Checkpoints: the latest ones to go on from, and the one that is best on validation."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import jax
import orbax.checkpoint as ocp
from jax.sharding import Mesh

from remote_jax.errors import UserError
from remote_jax.runtime import processes, sharding
from remote_jax.runtime.signals import Stopped
from remote_jax.training import checksums
from remote_jax.training.average import scored
from remote_jax.training.checksums import CorruptCheckpoint
from remote_jax.training.record import Best, Record
from remote_jax.training.state import Params, TrainState

Tree = TypeVar("Tree")

PARTS = {"arrays": ocp.StandardCheckpointHandler, "record": ocp.JsonCheckpointHandler}
"""Of a checkpoint, and what reads and writes them."""


class Restored(NamedTuple):
    """Where a run goes on."""

    state: TrainState
    record: Record
    lost: dict[int, str]
    """Steps of later checkpoints that are damaged, and how."""


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
        self._root = root = (workdir / "checkpoints").absolute()
        self.workdir = workdir
        self._latest = _manager(root / "latest", keep=2, read_only=read_only)
        self._best = _manager(root / "best", keep=1, read_only=read_only)

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        """Waits for saves under way; not after an error of one of many processes.

        The others may be somewhere else, and a save waits for all of them.
        """
        if error is not None and processes.many() and not issubclass(error, Stopped):
            return
        with checksums.saving(self._root):
            try:
                self._latest.close()
            finally:
                self._best.close()

    def save(self, state: TrainState, record: Record) -> None:
        """Saves all that is needed to go on; the best so far is on disk before this one is.

        Raises:
            UserError: an earlier save failed, and nothing was saved since.
        """
        with checksums.saving(self._root):
            self._best.wait_until_finished()
            _save(self._latest, record.step, state, asdict(record))

    def saved(self) -> int:
        """The step of the last checkpoint, once it is on disk; 0 where there is none.

        Raises:
            UserError: it could not be written.
        """
        with checksums.saving(self._root):
            self._latest.wait_until_finished()
        return self._latest.latest_step() or 0

    def save_best(self, params: Params, best: Best) -> None:
        """Saves the parameters of the best step so far, in place of the one before."""
        # A run that died between the two saves comes here again with the same parameters; Orbax
        # leaves the step alone that is there.
        with checksums.saving(self._root):
            _save(self._best, best["step"], params, dict(best))

    def restore(self, like: TrainState, mesh: Mesh) -> Restored | None:
        """The latest whole checkpoint, or None where there is none yet.

        Corrupt ones are moved to `WORKDIR/checkpoints/damaged`, so that their steps can be saved
        again. The best parameters are whole afterwards, or made again as the steps are.

        Args:
            like: a state of the same model and optimizer; only shapes and types are read.
            mesh: where to put the arrays, as `sharding.place` says; another one than they were
                saved from will do.

        Raises:
            UserError: it is another model's or version's, none is whole, or the best is lost.
        """
        steps = sorted(self._latest.all_steps(), reverse=True)
        if not steps:
            for old in self._best.all_steps():  # of a start that ended before its first checkpoint
                self._best.delete(old)
            return None
        lost: dict[int, str] = {}
        for step in steps:
            try:
                state, record = _restore(self._latest, step, like, mesh)
            except CorruptCheckpoint as error:
                lost[step] = str(error)
                continue
            found = Restored(state, Record.read(record, self._latest.directory / str(step)), lost)
            self._mend_best(found, like, mesh)
            for old in lost:
                self._set_aside(self._latest, old)
            return found
        told = "; ".join(f"step {step}: {reason}" for step, reason in lost.items())
        raise UserError(
            f"No checkpoint in {self._latest.directory} is whole ({told}): put back a copy, or "
            f"move {self.workdir} away to train anew."
        )

    def _mend_best(self, found: Restored, like: TrainState, mesh: Mesh) -> None:
        """Sees that the best parameters are whole, as far as the record knows of any."""
        best, held = found.record.best, self._best.latest_step()
        reason = "gone"
        if held is not None:
            try:
                _restore(self._best, held, like.params, mesh)
                return
            except CorruptCheckpoint as error:
                reason = str(error)
        again = self._of_step(best["step"], found, like, mesh) if best is not None else None
        if again is None and held is not None and held > found.record.step:
            found.record.best = best = None  # of a later step, which comes again and beats this one
        if again is None and best is not None:
            raise UserError(
                f"The parameters that are best on validation, of step {best['step']}, are lost "
                f"({reason}; {self._best.directory}), and with them what training would end in: "
                f"put back a copy, or move {self.workdir} away to train anew."
            )
        if held is not None:
            self._set_aside(self._best, held)
        if again is not None and best is not None:
            self.save_best(again, best)

    def _of_step(self, step: int, found: Restored, like: TrainState, mesh: Mesh) -> Params | None:
        """What was scored at a step, where one of the latest checkpoints is that step's."""
        if step == found.record.step:
            return scored(found.state)
        if step not in self._latest.all_steps():
            return None
        try:
            return scored(_restore(self._latest, step, like, mesh)[0])
        except CorruptCheckpoint:
            return None

    def _set_aside(self, manager: ocp.CheckpointManager, step: int) -> None:
        """Moves a damaged checkpoint out of the way, in place of an earlier one of its kind."""
        folder = Path(manager.directory)
        aside = self._root / "damaged" / f"{folder.name}-{step}"
        with checksums.saving(self._root):
            if processes.first():
                for old in aside.parent.glob(f"{folder.name}-*"):
                    shutil.rmtree(old)
                aside.parent.mkdir(exist_ok=True)
                (folder / str(step)).rename(aside)
        processes.wait(f"{aside.name} is aside")
        manager.reload()

    def record(self) -> Record:
        """The record of the latest checkpoint, without its arrays.

        Raises:
            UserError: there is no checkpoint yet, or it is damaged or of another version.
        """
        step = self._latest.latest_step()
        if step is None:
            raise none_yet(self.workdir)
        folder = self._latest.directory / str(step)
        try:
            with checksums.reading(folder):
                record = checksums.verified(PARTS["record"]().restore(folder / "record"))
        except CorruptCheckpoint as error:
            raise self._damaged(self._latest, step, error) from error
        return Record.read(record, folder)

    def restore_best(self, like: Params, mesh: Mesh) -> tuple[Params, Best]:
        """The parameters that are best on validation; arguments as those of `restore`.

        Raises:
            UserError: there are none, they are another model's, or damaged.
        """
        step = self._best.latest_step()
        if step is None:
            raise none_yet(self.workdir)
        try:
            return _restore(self._best, step, like, mesh)
        except CorruptCheckpoint as error:
            raise self._damaged(self._best, step, error) from error

    def _damaged(
        self, manager: ocp.CheckpointManager, step: int, error: CorruptCheckpoint
    ) -> UserError:
        return UserError(
            f"The checkpoint {manager.directory / str(step)} is damaged ({error}): put back a copy "
            f"of it, or train again with another --workdir than {self.workdir}."
        )


def exist(workdir: Path) -> bool:
    """Whether the run in `workdir` has a checkpoint to go on from."""
    return _any(workdir / "checkpoints" / "latest")


def check_scored(workdir: Path) -> None:
    """Raises a UserError unless the run in `workdir` has a checkpoint that validation chose."""
    if not _any(workdir / "checkpoints" / "best"):
        raise none_yet(workdir)


def none_yet(workdir: Path) -> UserError:
    """The error of a run that has no checkpoint."""
    return UserError(
        f"{workdir} holds no checkpoint yet: run --mode=train until its first validation."
    )


def _any(checkpoints: Path) -> bool:
    return any(path.name.isdecimal() for path in checkpoints.glob("*"))


def _manager(folder: Path, keep: int, *, read_only: bool) -> ocp.CheckpointManager:
    options = ocp.CheckpointManagerOptions(
        max_to_keep=keep,
        cleanup_tmp_directories=not read_only,
        create=not read_only,
        read_only=read_only,
    )
    handlers = {part: handler() for part, handler in PARTS.items()}
    try:
        return ocp.CheckpointManager(folder, options=options, item_handlers=handlers)
    except OSError as error:
        raise UserError(f"Cannot write checkpoints to {folder}: {error.strerror}.") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"A _CHECKPOINT_METADATA in {folder} is damaged: put back a copy of it ({error})."
        ) from error


def _restore(manager: ocp.CheckpointManager, step: int, like: Tree, mesh: Mesh) -> tuple[Tree, Any]:
    """The tree and its record, which are those that were saved.

    Raises:
        UserError: they are another model's.
        CorruptCheckpoint: they are not what was saved, and so in every process, whichever found it.
    """
    wanted, places = _named(like), _named(sharding.place(mesh, like))
    abstract = {
        name: jax.ShapeDtypeStruct(value.shape, value.dtype, sharding=places[name])
        for name, value in wanted.items()
    }
    folder, reason = manager.directory / str(step), None
    try:
        with checksums.reading(folder):
            _check_shapes(manager.item_metadata(step)["arrays"], wanted, folder)
            # Not by the manager: its restore waits for processes that may have failed before.
            args = ocp.args.StandardRestore(abstract)
            arrays = PARTS["arrays"]().restore(folder / "arrays", args=args)
            stored = PARTS["record"]().restore(folder / "record")
            checksums.verified(stored)
    except CorruptCheckpoint as error:
        reason = str(error)
    # Each reads the part of its own devices; the sums are of all, and no one enters them alone.
    if processes.any_of(reason is not None):
        raise CorruptCheckpoint(reason or "another process cannot read its part")
    record = checksums.verified(stored, arrays)
    return jax.tree.unflatten(jax.tree.structure(like), [arrays[name] for name in wanted]), record


def _save(manager: ocp.CheckpointManager, step: int, tree: Any, record: dict[str, Any]) -> None:
    arrays = _named(tree)
    stored = checksums.with_checksums(record, arrays)
    parts = {"arrays": ocp.args.StandardSave(arrays), "record": ocp.args.JsonSave(stored)}
    manager.save(step, args=ocp.args.Composite(**parts))


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
