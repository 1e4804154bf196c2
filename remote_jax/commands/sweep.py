"""Trains a config in several variants and seeds, and prints one table: mean ± std over seeds.

    remote-jax sweep --config=umre --workdir=runs/sweep \\
        --variant='full:' --variant='no depth: --config.features.depth=false' \\
        --seeds=0,1,2 --metrics=f1,f1_eo
    remote-jax sweep --config=mkg_y --workdir=runs/groups --config.train.epochs=6 \\
        --vary=model.groups=2,3,4,5 --metrics=mrr,router/entropy,seconds

A variant is a name, a colon, and flags of `remote_jax.main`; --vary makes one for each value of a
key, and --config.KEY=VALUE is for all of them. Every run has a folder of its own under --workdir
and resumes, so an interrupted sweep is started again with the same command; what is finished is not
run again. `remote-jax report WORKDIR` draws curves over the keys that differ.

--metrics takes names of numbers in `results.json`: a score or a gauge of the split that a run
reports last (test, read once with the checkpoint that is best on validation), as f1 or
router/entropy, or any other by its keys, as metrics.validation.f1, seconds or
peak_memory_bytes.host. A score within [0, 1] in every run is a share and printed in percent, any
other number as it is; the table says which. A cell is empty where no run has the number.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from remote_jax import config as configs
from remote_jax.commands.arguments import OVERRIDE, parse
from remote_jax.errors import UserError, writing
from remote_jax.report.sweep import plan as plans
from remote_jax.report.sweep import scores
from remote_jax.report.sweep.plan import Run, Sweep
from remote_jax.reporting.numbers import scores as scores_of


def arguments(run: Run, config: str) -> list[str]:
    """What a person would type for a run alone, after the program's name."""
    return [
        *(f"--config={config}", f"--workdir={run.workdir}"),
        *(f"--config.seed={run.seed}", *run.flags),
    ]


def is_done(run: Run, config: str) -> bool:
    """Whether a run is finished, and not to go on to more epochs.

    Raises:
        UserError: the run would end at once: no such config, flag or value, or its folder holds one
            that was started with others.
    """
    try:
        found = parse(["remote-jax", *arguments(run, config)], "")
        if found is None or found.mode != "train":
            raise UserError("its flags ask for something else than training.")
        configs.check(found.config, configs.LOOP_KEYS)
        if not run.workdir.exists():
            return False
        from remote_jax.serve.runs import open_run  # imports JAX

        return open_run(found.config, run.workdir, new=True).finished
    except UserError as error:
        raise UserError(f"Variant {run.variant!r}: {error}") from error


def varied(key: str) -> list[str]:
    """The variants of `KEY=VALUE,VALUE`, one a value.

    Raises:
        UserError: it is no such text.
    """
    name, equals, values = key.partition("=")
    if not equals or not name or not all(values.split(",")):
        raise UserError(f"--vary is KEY=VALUE,VALUE, as model.groups=2,4, not {key!r}.")
    return [
        f"{name}={value}: {shlex.quote(f'--config.{name}={value}')}" for value in values.split(",")
    ]


def plan(
    variants: Sequence[str], seeds: Sequence[str], workdir: Path, common: Sequence[str] = ()
) -> list[Run]:
    """Every run of a sweep, seed by seed, so that an unfinished sweep has whole rows first.

    Args:
        common: flags of all variants; those of a variant come after them.

    Raises:
        UserError: a variant has no name, two have the same one, or a seed is no number.
    """
    named: dict[str, tuple[str, ...]] = {}
    for variant in variants:
        name, colon, rest = variant.partition(":")
        if not colon or not name.strip() or name.strip() in named:
            raise UserError(f"A variant is 'NAME: FLAGS' with a name of its own, not {variant!r}.")
        named[name.strip()] = (*common, *shlex.split(rest))
    for flag in (flag for some in named.values() for flag in some):
        if (found := OVERRIDE.match(flag)) and found[1] == "seed":
            raise UserError("The seeds of a sweep are those of --seeds; leave out --config.seed.")
    folders = [_folder(name) for name in named]
    for name in named:
        if folders.count(_folder(name)) > 1:
            raise UserError(
                f"Two variants would share the folder {_folder(name)}: rename {name!r}."
            )
    if not named or not all(seed.isdigit() for seed in seeds):
        raise UserError("A sweep needs at least one --variant or --vary, and --seeds like 0,1,2.")
    return [
        Run(name, rest, int(seed), workdir / _folder(name) / f"seed{seed}")
        for seed in seeds
        for name, rest in named.items()
    ]


def _folder(variant: str) -> str:
    return re.sub(r"\W+", "_", variant)


def train(runs: Sequence[Run], config: str, jobs: int) -> None:
    """Trains every run, `jobs` at a time; one that is finished only reports.

    Raises:
        UserError: a run failed, or was started with other flags; its log is named.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    shares: SimpleQueue[list[int]] = SimpleQueue()
    for job in range(jobs):
        shares.put(cores[job::jobs])

    def train_on_share(run: Run) -> None:
        share = shares.get()
        try:
            _train_one(run, config, share)
        finally:
            shares.put(share)

    with ThreadPoolExecutor(jobs) as pool:
        started = [pool.submit(train_on_share, run) for run in runs]
        try:
            for done in started:
                done.result()
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)  # no run is started after Ctrl-C
            raise


def _train_one(run: Run, config: str, cores: Sequence[int]) -> None:
    log = run.workdir / "log.txt"
    if not is_done(run, config):
        run.workdir.mkdir(parents=True, exist_ok=True)
        if cores:
            os.sched_setaffinity(0, cores)  # of this thread; the process it starts inherits it
        with log.open("a", encoding="utf-8") as file:
            done = subprocess.run(
                [sys.executable, "-m", "remote_jax.main", *arguments(run, config)],
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        if done.returncode:
            raise UserError(f"{run.variant}, seed {run.seed}, ended with an error; see {log}.")
    print(f"{run.variant}, seed {run.seed}: {scores_of(run.results())}", flush=True)


def main(argv: Sequence[str]) -> int:
    """Runs the sweep that the command line asks for; returns 0, or 2 for a mistake of the user."""
    options, common = _options(argv)
    try:
        variants = [*options.variant, *(name for key in options.vary for name in varied(key))]
        runs = plan(variants, options.seeds.split(","), options.workdir, common)
        for run in runs:
            is_done(run, options.config)
        metrics = tuple(name for name in options.metrics.split(",") if name)
        with writing(options.workdir):
            options.workdir.mkdir(parents=True, exist_ok=True)
        plans.write(Sweep(options.config, metrics, tuple(runs)), options.workdir)
        train(runs, options.config, max(options.jobs, 1))
        text = scores.markdown(scores.read(runs, metrics))
    except UserError as error:
        print(f"remote-jax sweep: {error}", file=sys.stderr)
        return 2
    (options.workdir / "table.md").write_text(text + "\n", encoding="utf-8")
    print(f"\n{text}")
    return 0


def _options(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Options of the sweep, and the flags that all of its runs get."""
    parser = argparse.ArgumentParser(
        "remote-jax sweep",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--config", required=True, help="NAME[:PRESET] or a file, as umre:paper")
    parser.add_argument("--workdir", required=True, type=Path, help="folder of the runs")
    parser.add_argument("--seeds", default="0,1,2", help="seeds of every variant")
    parser.add_argument("--variant", action="append", default=[], help="NAME: FLAGS; repeat it")
    parser.add_argument(
        "--vary", action="append", default=[], help="KEY=VALUE,VALUE: a variant a value; repeat it"
    )
    parser.add_argument("--metrics", default="", help="numbers to print; or every score")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, sharing the cores")
    options, common = parser.parse_known_args(argv)
    for flag in common:
        if flag.startswith("-") and not OVERRIDE.match(flag):
            parser.error(f"unrecognized arguments: {flag}")
    return options, common


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
