"""The command line: remote-jax --config=umre[:PRESET] [--config.KEY=VALUE], or a config file.

Trains where the run in --workdir stands, reads the test split once with the checkpoint that is
best on validation, and writes results.json and predictions.jsonl. Started again with the same
flags it resumes; a finished run only reports.

    remote-jax --config=umre --help    every key of a config
    remote-jax doctor                  what is installed, and what a run would miss
    remote-jax data umre               statistics of the data of a config
    remote-jax sweep --help            variants and seeds of a config, and a table of their scores
    remote-jax report RUN              a page to look at a finished run, and its figures
    remote-jax compare RUN RUN ...     runs side by side, with tests of significance

From posts to a graph:

    remote-jax prepare POSTS --help    entities, objects, captions and depth of your own posts
    remote-jax extract POSTS --run=RUN what models find in many posts
    remote-jax annotate FOLDER         a local page to label posts, for several people
    remote-jax agreement FOLDER        how far they agree
    remote-jax labels --help           labels from and to the layouts of published data sets
    remote-jax split FOLDER            train, validation and test that share nothing
    remote-jax graph EXTRACTED         a knowledge graph of extracted posts
    remote-jax ask GRAPH NAME RELATION what a graph says, and which posts say so
    remote-jax serve --graph=GRAPH     the same over HTTP, and what models predict
    remote-jax pipeline sample         from posts to a completed graph, station by station
    remote-jax --version

It exits with 0 when it is done, 2 after a mistake that a sentence tells, 3 when predict or ask is
done but some posts or questions could not be answered, 75 after SIGTERM, once the step under way is
finished and saved (start the same command again), 130 after Ctrl-C, and 141 where nobody reads its
output any more, as after `| head`.
`python -m remote_jax.main` is the same program.
"""

from __future__ import annotations

import importlib
import logging
import os
import select
import sys
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags
from absl import logging as absl_logging

from remote_jax.commands import report
from remote_jax.commands.arguments import Arguments, parse
from remote_jax.errors import UserError
from remote_jax.reporting import progress
from remote_jax.reporting.results import read_results
from remote_jax.runtime import allocator, cluster, signals
from remote_jax.serve.partial_answers import SOME_UNANSWERED, tell

if TYPE_CHECKING:
    from remote_jax.serve.runs import Run

COMMANDS = {
    name: f"remote_jax.commands.{folder}{name}"
    for folder, names in {
        "": ("compare", "data", "doctor", "extract", "pipeline", "prepare", "report", "sweep"),
        "graphs.": ("ask", "graph", "serve"),
        "labelling.": ("agreement", "annotate", "labels", "split"),
    }.items()
    for name in names
}
"""Modules whose `main(argv)` is a command of its own, with flags of its own."""

UNREAD = 141
"""Exit code of a program whose output nobody reads: what a shell says of SIGPIPE."""


def run(arguments: Arguments) -> int:
    """Does what the command line asks for, and prints what came out; returns the exit code."""
    with progress.working("loading libraries"):
        from remote_jax.commands import attached
        from remote_jax.data.cache import cache_folder
        from remote_jax.runtime import compilation_cache, sharding
        from remote_jax.serve import counterfactuals, export_writer, runs

    compilation_cache.enable(cache_folder(""))
    config, workdir = arguments.config, arguments.workdir
    asked = runs.open_run(config, workdir, new=arguments.mode == "train")
    if arguments.folder is not None:
        export_writer.check_free(arguments.folder)
    if arguments.without:
        counterfactuals.chosen(asked.task, arguments.without)
    if arguments.mode == "eval" and not asked.results.exists():
        raise UserError(
            f"The run in {workdir} is not finished; test is read once, at its end: go on with "
            "--mode=train."
        )
    if arguments.mode == "train" and asked.finished:
        print(f"The run is finished; {asked.results} says:")
        _show(asked.results)
        return 0
    sharding.devices()  # told before anything is made that would need them
    if arguments.mode == "train":
        asked.train(attached.report)
    else:
        asked.prepare(data=arguments.mode == "eval")
    return _after_preparation(arguments, asked)


def _after_preparation(arguments: Arguments, asked: Run) -> int:
    """What a mode does with a run that is trained, or prepared; returns the exit code."""
    from remote_jax.runtime import processes
    from remote_jax.serve import answering, counterfactuals, export_writer
    from remote_jax.training import evaluation

    config, workdir = arguments.config, arguments.workdir
    if arguments.posts is not None:
        done = answering.answer_file(asked.task, config, workdir, *arguments.posts)
        tell(done, *arguments.posts)
        return SOME_UNANSWERED if processes.from_first(done.errors) else 0
    if arguments.folder is not None:
        export_writer.write(asked.task, config, workdir, arguments.folder)
        print(f"The model is in {arguments.folder}; its README.md says what is there.")
        return 0
    if arguments.without:
        print(f"\n{counterfactuals.compare(asked.task, config, workdir, arguments.without)}")
        print(workdir / counterfactuals.FILE)
        return 0
    if arguments.mode == "eval":
        evaluation.write_report(asked.task, config, workdir)
    if processes.first():  # the others may be here before it is written
        _show(asked.results)
    return 0


def run_together(arguments: Arguments, job: cluster.Job) -> int:
    """`run`, as one process of many, which all have the same arguments."""
    if job.process == 0:
        _announce(arguments)
    from remote_jax.runtime import processes

    cluster.join(job)
    hushed = nullcontext() if processes.first() else progress.muted()
    with processes.together(), hushed:
        if job.process is None:  # only now is it known who speaks
            _announce(arguments)
        processes.check_same(
            f"{arguments.mode} {arguments.workdir} {arguments.posts} {arguments.without} "
            f"{arguments.config}"
        )
        return run(arguments)


def _announce(arguments: Arguments) -> None:
    """The first line, before anything that takes seconds: importing jax does."""
    print(f"{arguments.mode} in {arguments.workdir}", flush=True)


def _show(path: Path) -> None:
    results, tables = read_results(path)
    for table in tables:
        print(f"\n{table}")
    # The final split is written last.
    split, metrics = list(results["metrics"].items())[-1]
    scores = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
    print(f"\n{split}: {scores}\n{path}")


def quiet() -> None:
    """Keeps the libraries' own logs off the screen; what they raise still shows."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # transformers says at import that PyTorch is missing; only its tokenizers are used.
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    # Pillow warns of a large picture, which `images` refuses in a sentence.
    warnings.filterwarnings("ignore", message="Image size .* exceeds limit")
    absl_logging.set_verbosity(absl_logging.FATAL)
    logging.getLogger("absl").setLevel(logging.CRITICAL)
    # grain reads absl's flags, which it wants parsed.
    flags.FLAGS([sys.argv[0]])


def main(argv: list[str]) -> int:
    """Runs the program; returns its exit code, as the top of this file lists them."""
    quiet()
    allocator.keep_freed_memory()
    try:
        code = _dispatch(argv)
        sys.stdout.flush()  # here, where a reader that has gone is still told apart
        return code
    except UserError as error:
        print(f"remote_jax: {error}", file=sys.stderr)
        return 2
    except signals.Stopped:
        print("remote_jax: stopped by SIGTERM; start the same command again.", file=sys.stderr)
        return signals.EXIT_CODE
    except KeyboardInterrupt:
        print("remote_jax: interrupted; the same command goes on from here.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        if not _unread():
            raise
        return UNREAD


def _dispatch(argv: list[str]) -> int:
    """Does what the command line asks for; returns the exit code where nothing is raised."""
    if len(argv) > 1 and argv[1] in COMMANDS:
        return importlib.import_module(COMMANDS[argv[1]]).main(argv[2:])
    arguments = parse(argv, __doc__)
    if arguments is not None:
        if arguments.job is not None:
            return run_together(arguments, arguments.job)
        _announce(arguments)
        if arguments.mode == "report":
            return report.of_run(arguments.workdir, arguments.folder)
        with signals.listening():
            return run(arguments)
    return 0


def _unread() -> bool:
    """Whether nobody reads what this prints any more; what is left of it is then dropped."""
    try:
        output = sys.stdout.fileno()
    except OSError:  # it is no file
        return False
    poll = select.poll()
    poll.register(output, 0)
    if not poll.poll(0):
        return False
    # Python flushes once more as it ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), output)
    return True


def start() -> int:
    """`main` with this process's arguments, for the console script."""
    return main(sys.argv)


if __name__ == "__main__":
    sys.exit(start())
