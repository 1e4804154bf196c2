"""A run: a config, its task and its folder. The command line and the library work on one alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from absl import logging as absl_logging
from ml_collections import ConfigDict

from remote_jax import config as configs
from remote_jax.data import files
from remote_jax.data.cache import cache_folder
from remote_jax.errors import UserError, writing
from remote_jax.reporting import trackers
from remote_jax.reporting.results import final_scores, read_results, set_aside
from remote_jax.runtime import compilation_cache, processes, signals
from remote_jax.serve import export_reader, initial
from remote_jax.task import Task, make_task
from remote_jax.training import checkpoint, evaluation
from remote_jax.training.checkpoint import Checkpoints
from remote_jax.training.loop import train as train_model

IN_THIS_PROCESS = {"data.workers": 0}
"""No worker process, which would run a script that calls this library once more."""


def no_report(run: Path) -> None:
    """What is attached where nobody makes a report."""
    del run


@dataclass(frozen=True)
class Run:
    """A run in a folder."""

    task: Task
    config: ConfigDict
    workdir: Path

    @property
    def results(self) -> Path:
        """The file that says what came out; it is there once the run is finished."""
        return self.workdir / "results.json"

    @property
    def finished(self) -> bool:
        """Whether it is, and not to go on to more epochs."""
        # In this order: another process moves the results before it writes the config.
        ended = not self._goes_on()
        return ended and self.results.exists()

    def _goes_on(self) -> bool:
        """Whether there is a run in the folder that was to have fewer epochs."""
        return checkpoint.exist(self.workdir) and configs.longer(
            self.config, configs.read(self.workdir)
        )

    def train(self, report: Callable[[Path], Path | None] = no_report) -> None:
        """Trains from where the run stands, reads test once, and writes the results.

        Args:
            report: makes a page and figures of the run once it is finished, for the services that
                show it (`trackers`); gives their folder, or None where it cannot.

        Raises:
            UserError: the data are missing or malformed, another process trains there, or nothing
                can be written.
        """
        with writing(self.workdir):
            self.workdir.mkdir(parents=True, exist_ok=True)
        with locked(self.workdir) if processes.first() else nullcontext():
            with processes.first_ahead("data"):
                # A run that has not begun may be given another config and other data. Another
                # process may have begun it before the folder was locked.
                begun = _begun(self.config, self.workdir, trains=True)
                source = None if begun else self._source()
                self.task.prepare(self.workdir, anew=not begun and processes.first())
                self.task.splits()  # builds the data also where nothing else asks for them here
            if processes.first():
                if self._goes_on():
                    self._make_longer()
                configs.write(self.config, self.workdir)
            start = None if source is None else source.onto(self.task, self.config)
            with self._services() as services:
                args = (self.task, self.config, self.workdir)
                train_model(*args, initial=start, trackers=services)
                evaluation.write_report(*args)
                if services:
                    scores, folder = final_scores(self.results), report(self.workdir)
                    for service in services:
                        service.attach(scores, folder)

    def _services(self) -> AbstractContextManager[list[trackers.Remote]]:
        """Those that the config names; of many processes the first one tells them."""
        if not processes.first():
            return nullcontext([])
        settings = configs.flatten(self.config)
        return trackers.opened(self.config.log, self.workdir, settings)

    def _source(self) -> initial.Source | None:
        """What a run that begins is to start from, if anything (`train.init`)."""
        named = self.config.train.init
        return initial.open_source(folder_of(named), self.config) if named else None

    def _make_longer(self) -> None:
        """Tells that the run gets more epochs, and keeps the results of its end so far."""
        before, now = configs.read(self.workdir).train.epochs, self.config.train.epochs
        epochs = "epoch" if before == 1 else "epochs"
        told = f"The run was to have {before:g} {epochs}; it goes on to {now:g}"
        if self.config.train.schedule != "constant":
            told += ", its learning rate as the schedule of that length has it from here on"
        print(f"{told}.", flush=True)
        if self.results.exists():
            kept = set_aside(self.workdir, before)
            print(
                f"Its results so far are kept in {kept}; the test split, where there is one, is "
                "read once more at the new end.",
                flush=True,
            )

    def prepare(self, *, data: bool) -> None:
        """Reads what the run keeps; with `data`, also what it was trained on.

        Raises:
            UserError: something is missing or malformed.
        """
        with processes.first_ahead("data"):
            self.task.prepare(self.workdir, anew=False)
            if data:
                self.task.splits()

    def evaluate(self, split: str) -> dict[str, float]:
        """Scores of a split with the checkpoint that is best on validation.

        Nothing is written into the folder; the cache gets the data where it has them not.

        Raises:
            UserError: there is no such split or no checkpoint, it is another model's, or the data
                have changed.
        """
        self.prepare(data=True)
        if split not in (splits := self.task.splits()):
            raise UserError(f"There is no split {split!r}; the data have {', '.join(splits)}.")
        with Checkpoints(self.workdir, read_only=True) as checkpoints:
            checkpoints.record().check_data(self.task.fingerprint())
        found = evaluation.best_outputs(self.task, self.config, self.workdir, split)
        return self.task.metrics(split, found.outputs)


def open_run(config: ConfigDict, workdir: Path, *, new: bool) -> Run:
    """The run in a folder.

    Args:
        new: whether it may be one that is to begin.

    Raises:
        UserError: the config is wrong, or another one than the run's; there is no run, or it has
            no checkpoint; or the folder is that of an export.
    """
    configs.check_folder(workdir)
    if export_reader.exists(workdir):
        raise UserError(
            f"{workdir} is an export, not a run: answer posts in Python with "
            f"remote_jax.load({str(workdir)!r}).predict(posts); for all else name the folder of "
            "the run that it was made from."
        )
    configs.check(config, configs.LOOP_KEYS)
    if new:
        trackers.check(config.log)
    task = make_task(config)
    begun = _begun(config, workdir, trains=new)
    if not new:
        if not begun and not (workdir / "config.json").exists():
            raise UserError(f"{workdir} holds no run; train one first with --mode=train.")
        checkpoint.check_scored(workdir)
    return Run(task, config, workdir)


def _begun(config: ConfigDict, workdir: Path, *, trains: bool) -> bool:
    """Whether a run has a checkpoint; until then nothing of it is worth keeping.

    Args:
        trains: the run is to go on, which it may do to more epochs.

    Raises:
        UserError: it has one, and another config.
    """
    begun = checkpoint.exist(workdir)
    if begun:
        configs.check_same(config, configs.read(workdir), workdir, trains=trains)
    return begun


def folder_of(path: str | Path) -> Path:
    """The folder that a caller names, `~` being the user's own.

    Raises:
        UserError: there is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UserError(f"{path} names no folder: {error}") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps the libraries' own remarks off the screen of those who import this one."""
    before = absl_logging.get_verbosity()
    absl_logging.set_verbosity(absl_logging.ERROR)
    try:
        yield
    finally:
        absl_logging.set_verbosity(before)


@quiet()
def train(
    config: ConfigDict | str | Path,
    workdir: str | Path,
    overrides: Mapping[str, Any] | None = None,
) -> dict[str, dict[str, float]]:
    """Trains a model, as the command line does: from where the run in the folder stands.

    Prints how it goes. On SIGTERM the step under way is finished and saved, and `SystemExit` with
    code 75 raised; the same call goes on from there.

    Examples are loaded by threads of this process, whatever `data.workers` the config has: worker
    processes would run the caller's script once more, unless it guards its main part by
    `if __name__ == "__main__"`. With such a guard, `overrides={"data.workers": 2}` starts two; the
    batches are the same.

    Args:
        config: of a system; or the name or file of one with its preset, as `configs/umre.py:paper`.
        workdir: folder of the run, to be made, gone on with, or finished.
        overrides: other values for keys of the config, as `{"train.epochs": 2}`.

    Returns:
        Scores by name, of `validation` and then `test`, of the checkpoint that is best on
        validation; without a test split, of `validation` alone. The folder has the rest.

    Raises:
        TypeError: `config` is none of these.
        UserError: the config is wrong, or another one than the run's; the data are missing or
            malformed; another process trains there.
    """
    compilation_cache.enable(cache_folder(""))
    if isinstance(config, str | Path):
        config = configs.load(str(config))
    elif not isinstance(config, ConfigDict):
        raise TypeError(
            "train takes a ConfigDict, or the name or file of a config, as 'umre:paper'; found "
            f"{type(config).__name__}."
        )
    config = configs.override(config, {**IN_THIS_PROCESS, **(overrides or {})})
    with signals.listening():
        run = open_run(config, folder_of(workdir), new=True)
        if not run.finished:
            run.train()
    return read_results(run.results)[0]["metrics"]


@quiet()
def evaluate(
    run: str | Path, split: str, *, mesh: Mapping[str, int] | None = None
) -> dict[str, float]:
    """Scores a split with the checkpoint that is best on validation.

    Examples are loaded by threads, as in `train`. Nothing is written into the folder of the run;
    where the cache no longer has the sample or the records, they are made there again, which is
    printed. The run's results have the score of the test split, read once, at its end. Reading it
    again, for a choice other than that checkpoint's, is up to the caller.

    Args:
        run: folder of a run, finished or not.
        split: `train`, `validation` or `test`.
        mesh: devices along `data`, `fsdp` and `tensor`, where they are others than those that the
            run was trained on; `{"data": -1, "fsdp": 1, "tensor": 1}` takes all that are there.

    Returns:
        Scores by name.

    Raises:
        UserError: there is no such run, checkpoint or split, the data are gone or changed, or the
            mesh is not that of the devices.
    """
    compilation_cache.enable(cache_folder(""))
    workdir = folder_of(run)
    changes = {f"mesh.{axis}": devices for axis, devices in (mesh or {}).items()}
    config = configs.override(configs.read(workdir), {**IN_THIS_PROCESS, **changes})
    return open_run(config, workdir, new=False).evaluate(split)


@contextmanager
def locked(workdir: Path) -> Iterator[None]:
    """Keeps a second training out of the folder of a run; the system lets go when this one ends.

    Raises:
        UserError: another process trains there, or nothing can be written there.
    """
    taken = f"Another process trains in {workdir}; wait for it, or choose another --workdir."
    with files.locked(workdir / "train.lock", taken):
        yield
