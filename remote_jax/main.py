"""The command line: remote-jax --config=umre[:PRESET] [--config.KEY=VALUE], or a config file.

Trains where the run in --workdir stands, reads the test split once with the checkpoint that is
best on validation, and writes results.json and predictions.jsonl. Started again with the same
flags it goes on where it was stopped; a finished run only reports.

    remote-jax --config=umre --help    every key of a config
    remote-jax doctor                  what is installed, and what a run would miss
    remote-jax sweep --help            variants and seeds of a config, and a table of their scores
    remote-jax --version

It exits with 0 when it is done, 2 after a mistake that a sentence tells, 75 after SIGTERM, once the
step under way is finished and saved (start the same command again), and 130 after Ctrl-C.
`python -m remote_jax.main` is the same program.
"""

from __future__ import annotations

import fcntl
import importlib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags
from absl import logging as absl_logging
from ml_collections import ConfigDict

from remote_jax import config as configs
from remote_jax.commands.arguments import Arguments, parse
from remote_jax.errors import UserError, writing
from remote_jax.reporting.results import read_results
from remote_jax.runtime import cluster, signals

if TYPE_CHECKING:
    from remote_jax.task import Task

COMMANDS = {"doctor": "remote_jax.commands.doctor", "sweep": "remote_jax.reporting.sweep"}
"""Modules whose `main(argv)` is a command of its own, with flags of its own."""


def run(arguments: Arguments) -> None:
    """Does what the command line asks for, and prints what came out."""
    from remote_jax.runtime import compilation_cache, processes
    from remote_jax.serve import folder
    from remote_jax.training import checkpoint, evaluation

    compilation_cache.enable()
    config, workdir = arguments.config, arguments.workdir
    configs.check(config, configs.LOOP_KEYS)
    task = make_task(config)
    begun = checkpoint.exist(workdir)
    if begun:
        configs.check_same(config, configs.read(workdir), workdir)
    elif arguments.mode != "train" and not (workdir / "config.json").exists():
        raise UserError(f"{workdir} holds no run; train one first with --mode=train.")
    if arguments.folder is not None:
        folder.check_free(arguments.folder)
    print(f"{arguments.mode} in {workdir}", flush=True)
    results = workdir / "results.json"
    if arguments.mode == "eval" and not results.exists():
        raise UserError(
            f"The run in {workdir} is not finished; test is read once, at its end: go on with "
            "--mode=train."
        )
    if arguments.mode == "train" and results.exists():
        print(f"The run is finished; {results} says:")
        _show(results)
        return
    if arguments.mode == "train":
        _train(task, config, workdir, anew=not begun)
    else:
        with processes.first_ahead("data"):
            task.prepare(workdir, anew=False)
            if arguments.mode == "eval":
                task.splits()
    if arguments.posts is not None:
        count = evaluation.write_answers(task, config, workdir, *arguments.posts)
        print(f"{count} lines in {arguments.posts[1]}")
        return
    if arguments.folder is not None:
        folder.write(task, config, workdir, arguments.folder)
        print(f"The model is in {arguments.folder}; its README.md says what is there.")
        return
    if arguments.mode == "eval":
        evaluation.write_report(task, config, workdir)
    if processes.first():  # the others may be here before it is written
        _show(results)


def _train(task: Task, config: ConfigDict, workdir: Path, *, anew: bool) -> None:
    from remote_jax.runtime import processes
    from remote_jax.training import evaluation
    from remote_jax.training.loop import train

    with writing(workdir):
        workdir.mkdir(parents=True, exist_ok=True)
    with locked(workdir) if processes.first() else nullcontext():
        with processes.first_ahead("data"):
            # Until its first checkpoint nothing of a run is worth keeping: it begins anew, with
            # whatever config and data are now named.
            task.prepare(workdir, anew=anew and processes.first())
            task.splits()  # builds the data also where nothing else asks for them here
        if processes.first():
            configs.write(config, workdir)
        train(task, config, workdir)
        evaluation.write_report(task, config, workdir)


def run_together(arguments: Arguments, job: cluster.Job) -> None:
    """`run`, as one process of many, which all have the same arguments."""
    from remote_jax.runtime import processes

    cluster.join(job)
    with processes.together():
        processes.check_same(
            f"{arguments.mode} {arguments.workdir} {arguments.posts} {arguments.config}"
        )
        run(arguments)


@contextmanager
def locked(workdir: Path) -> Iterator[None]:
    """Keeps a second training out of the folder of a run; the system lets go when this one ends.

    Raises:
        UserError: another process trains there, or nothing can be written there.
    """
    path = workdir / "train.lock"
    with writing(path):
        file = path.open("w")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"Another process trains in {workdir}; wait for it, or choose another --workdir."
            ) from error
        yield


def _show(path: Path) -> None:
    results, tables = read_results(path)
    for table in tables:
        print(f"\n{table}")
    # The final split is written last.
    split, metrics = list(results["metrics"].items())[-1]
    scores = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
    print(f"\n{split}: {scores}\n{path}")


def make_task(config: ConfigDict) -> Task:
    """The task of `config.system`.

    Raises:
        UserError: there is no such system, or its part of the config is wrong.
    """
    name = f"remote_jax.{config.system}.task"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise
        raise UserError(f"Unknown system {config.system!r}; there is no {name}.") from error
    return module.make_task(config)


def quiet() -> None:
    """Keeps the libraries' own logs off the screen; what they raise still shows."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # transformers says at import that PyTorch is missing; only its tokenizers are used.
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    absl_logging.set_verbosity(absl_logging.FATAL)
    logging.getLogger("absl").setLevel(logging.CRITICAL)
    # grain reads absl's flags, which it wants parsed.
    flags.FLAGS([sys.argv[0]])


def main(argv: list[str]) -> int:
    """Runs the program; returns its exit code, as the top of this file lists them."""
    quiet()
    if len(argv) > 1 and argv[1] in COMMANDS:
        return importlib.import_module(COMMANDS[argv[1]]).main(argv[2:])
    try:
        arguments = parse(argv, __doc__)
        if arguments is not None:
            if arguments.job is not None:
                run_together(arguments, arguments.job)
            else:
                with signals.listening():
                    run(arguments)
    except UserError as error:
        print(f"remote_jax: {error}", file=sys.stderr)
        return 2
    except signals.Stopped:
        print("remote_jax: stopped by SIGTERM; start the same command again.", file=sys.stderr)
        return signals.EXIT_CODE
    except KeyboardInterrupt:
        print("remote_jax: interrupted; the same command goes on from here.", file=sys.stderr)
        return 130
    return 0


def start() -> int:
    """`main` with this process's arguments, for the console script."""
    return main(sys.argv)


if __name__ == "__main__":
    sys.exit(start())
