"""The one door: python -m remote_jax.main --config=configs/umre.py[:preset] [--config.KEY=VALUE]

Trains where the run in --workdir stands, reads the test split once with the checkpoint that is
best on validation, and writes results.json and predictions.jsonl. Started again with the same
flags it goes on where it was stopped; a finished run only reports.

It exits with 0 when it is done, 2 after a mistake that a sentence tells, 75 after SIGTERM, once the
step under way is finished and saved (start the same command again), and 130 after Ctrl-C.
"""

from __future__ import annotations

import fcntl
import importlib
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags
from absl import logging as absl_logging
from ml_collections import ConfigDict, config_flags

from remote_jax import config as configs
from remote_jax.errors import UserError, writing
from remote_jax.reporting.results import read_results
from remote_jax.runtime import cluster, signals

if TYPE_CHECKING:
    from remote_jax.task import Task

MODES = ("train", "eval", "predict", "export")


@dataclass(frozen=True)
class Order:
    """What the command line asks for."""

    mode: str
    config: ConfigDict
    workdir: Path
    posts: tuple[Path, Path] | None
    """predict: where the posts are, and where the answers go."""
    folder: Path | None = None
    """export: the folder to make."""
    job: cluster.Job | None = None
    """Where this is one process of several."""


def parse(argv: list[str]) -> Order | None:
    """Reads the command line, the program's name first; None where it asks for help only.

    `eval`, `predict` and `export` take the config of the run in --workdir where none is named.

    Raises:
        UserError: an unknown flag, mode, config file, preset or key, or a value of a wrong type.
    """
    values = flags.FlagValues()
    flags.DEFINE_string("config", "", "FILE[:PRESET], as configs/umre.py:paper.", values)
    flags.DEFINE_string("workdir", "", "Folder of the run; default runs/NAME-seedN.", values)
    flags.DEFINE_enum("mode", "train", MODES, "What to do.", values)
    flags.DEFINE_string("input", "", "predict: JSON lines of posts.", values)
    flags.DEFINE_string(
        "output", "", "predict, export: where the answers, or the folder, go.", values
    )
    cluster.define_flags(values)
    flags.DEFINE_bool("help", False, "Show this.", values, short_name="h")
    values.set_gnu_getopt()
    try:
        rest = values(argv, known_only=True)
    except flags.Error as error:
        raise UserError(_sentence(error)) from error
    if values.help:
        print(__doc__)
        print(values.get_help(include_special_flags=False))
        return None
    workdir = Path(values.workdir) if values.workdir else None
    if values.config:
        config = configs.load(values.config)
    elif workdir and values.mode != "train":
        config = configs.read(workdir)
    else:
        missing = "--config=FILE" if values.mode == "train" else "--workdir or --config=FILE"
        raise UserError(f"--mode={values.mode} needs {missing}, as --config=configs/umre.py.")
    _override(config, rest, values)
    _check_mode(values)
    return Order(
        mode=values.mode,
        config=config,
        workdir=workdir or Path("runs") / configs.run_name(values.config, config.seed),
        posts=(Path(values.input), Path(values.output)) if values.mode == "predict" else None,
        folder=Path(values.output) if values.mode == "export" else None,
        job=cluster.read(values),
    )


def _check_mode(values: flags.FlagValues) -> None:
    """Raises a UserError unless the flags are those of the mode."""
    if values.mode == "predict" and not (values.input and values.output):
        raise UserError("--mode=predict needs --input=POSTS.jsonl and --output=ANSWERS.jsonl.")
    if values.mode == "export" and not values.output:
        raise UserError("--mode=export needs --output=FOLDER.")
    if values.input and values.mode != "predict":
        raise UserError(f"--input is for --mode=predict, found --mode={values.mode}.")
    if values.output and values.mode not in ("predict", "export"):
        raise UserError(
            f"--output is for --mode=predict and --mode=export, found --mode={values.mode}."
        )
    if values.mode == "export" and cluster.read(values) is not None:
        raise UserError("--mode=export is for one process: leave out the flags of a job.")


def _override(config: ConfigDict, argv: list[str], known: flags.FlagValues) -> None:
    """Applies `--config.KEY=VALUE` flags to the config."""
    for flag in argv[1:]:
        if found := re.match(r"--?(?:no)?config\.([^=]*)", flag):
            configs.check_override(config, found[1])
    values = flags.FlagValues()
    config_flags.DEFINE_config_dict("config", config, flag_values=values, sys_argv=argv)
    values.set_gnu_getopt()
    try:
        rest = values(argv)
    except flags.UnrecognizedFlagError as error:
        hint = configs.nearest(error.flagname, known)
        raise UserError(f"Unknown flag --{error.flagname}{hint}.") from error
    except (flags.Error, TypeError, ValueError) as error:
        raise UserError(_sentence(error)) from error
    if len(rest) > 1:
        raise UserError(f"Unexpected argument {rest[1]!r}; flags look like --name=value.")


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") + "."


def run(order: Order) -> None:
    """Does what the command line asks for, and prints what came out."""
    from remote_jax.runtime import processes
    from remote_jax.serve import folder
    from remote_jax.training import checkpoint, evaluation

    config, workdir = order.config, order.workdir
    configs.check(config, configs.LOOP_RULES)
    task = make_task(config)
    begun = checkpoint.exist(workdir)
    if begun:
        configs.check_same(config, configs.read(workdir), workdir)
    elif order.mode != "train" and not (workdir / "config.json").exists():
        raise UserError(f"{workdir} holds no run; train one first with --mode=train.")
    if order.folder is not None:
        folder.check_free(order.folder)
    print(f"{order.mode} in {workdir}", flush=True)
    results = workdir / "results.json"
    if order.mode == "eval" and not results.exists():
        raise UserError(
            f"The run in {workdir} is not finished; test is read once, at its end: go on with "
            "--mode=train."
        )
    if order.mode == "train" and results.exists():
        print(f"The run is finished; {results} says:")
        _show(results)
        return
    if order.mode == "train":
        _train(task, config, workdir, anew=not begun)
    else:
        with processes.first_ahead("data"):
            task.prepare(workdir, anew=False)
            if order.mode == "eval":
                task.splits()
    if order.posts is not None:
        count = evaluation.write_answers(task, config, workdir, *order.posts)
        print(f"{count} lines in {order.posts[1]}")
        return
    if order.folder is not None:
        folder.write(task, config, workdir, order.folder)
        print(f"The model is in {order.folder}; its README.md says what is there.")
        return
    if order.mode == "eval":
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


def run_together(order: Order, job: cluster.Job) -> None:
    """`run`, as one process of many, which all have the same order."""
    from remote_jax.runtime import processes

    cluster.join(job)
    with processes.together():
        processes.check_same(f"{order.mode} {order.workdir} {order.posts} {order.config}")
        run(order)


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
    try:
        order = parse(argv)
        if order is not None:
            if order.job is not None:
                run_together(order, order.job)
            else:
                with signals.listening():
                    run(order)
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


if __name__ == "__main__":
    sys.exit(main(sys.argv))
