"""Trains a config in several variants and seeds, and prints one table: mean ± std over seeds.

    remote-jax sweep --config=umre --workdir=runs/sweep \
        --variant='full:' --variant='no depth: --config.features.depth=false' \
        --seeds=0,1,2 --metrics=f1,f1_eo

A variant is a name, a colon, and flags of `remote_jax.main`. Every run has a folder of its own
under --workdir and resumes, so an interrupted sweep is started again with the same command.
Scores are those of the split that a run reports last: test, read once with the checkpoint that is
best on validation. A score within [0, 1] in every run is a share and printed in percent, any other
(a mean rank) as it is; the table says which.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import statistics
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from remote_jax import config as configs
from remote_jax.commands.arguments import parse
from remote_jax.errors import UserError


@dataclass(frozen=True)
class Run:
    """One training run: a variant with a seed."""

    variant: str
    flags: tuple[str, ...]
    seed: int
    workdir: Path

    def arguments(self, config: str) -> list[str]:
        """What a person would type for this run alone, after the program's name."""
        return [
            *(f"--config={config}", f"--workdir={self.workdir}"),
            *(f"--config.seed={self.seed}", *self.flags),
        ]

    def check(self, config: str) -> None:
        """Raises a UserError where the run would end at once: no such config, flag or value."""
        try:
            found = parse(["remote-jax", *self.arguments(config)], "")
            if found is None or found.mode != "train":
                raise UserError("its flags ask for something else than training.")
            configs.check(found.config, configs.LOOP_KEYS)
        except UserError as error:
            raise UserError(f"Variant {self.variant!r}: {error}") from error

    def scores(self) -> dict[str, float]:
        """Scores of the split that the finished run reported last."""
        results = json.loads((self.workdir / "results.json").read_text(encoding="utf-8"))
        return list(results["metrics"].values())[-1]


def plan(variants: Sequence[str], seeds: Sequence[str], workdir: Path) -> list[Run]:
    """Every run of a sweep, seed by seed, so that an unfinished sweep has whole rows first.

    Raises:
        UserError: a variant has no name, two have the same one, or a seed is no number.
    """
    named: dict[str, tuple[str, ...]] = {}
    for variant in variants:
        name, colon, rest = variant.partition(":")
        if not colon or not name.strip() or name.strip() in named:
            raise UserError(f"A variant is 'NAME: FLAGS' with a name of its own, not {variant!r}.")
        named[name.strip()] = tuple(shlex.split(rest))
    folders = [_folder(name) for name in named]
    for name in named:
        if folders.count(_folder(name)) > 1:
            raise UserError(
                f"Two variants would share the folder {_folder(name)}: rename {name!r}."
            )
    if not named or not all(seed.isdigit() for seed in seeds):
        raise UserError("A sweep needs at least one --variant, and --seeds like 0,1,2.")
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
    run.workdir.mkdir(parents=True, exist_ok=True)
    if cores:
        os.sched_setaffinity(0, cores)  # of this thread; the process it starts inherits it
    log = run.workdir / "log.txt"
    with log.open("a", encoding="utf-8") as file:
        done = subprocess.run(
            [sys.executable, "-m", "remote_jax.main", *run.arguments(config)],
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    if done.returncode:
        raise UserError(f"{run.variant}, seed {run.seed}, ended with an error; see {log}.")
    print(f"{run.variant}, seed {run.seed}: {run.scores()}", flush=True)


def table(runs: Sequence[Run], metrics: Sequence[str] = ()) -> str:
    """A Markdown table, a variant a row: mean ± standard deviation over seeds.

    Args:
        runs: all finished.
        metrics: scores to print; without them, every score that all runs have.

    Raises:
        UserError: a run has no score of that name.
    """
    scores = {run: run.scores() for run in runs}
    shared = [name for name in scores[runs[0]] if all(name in found for found in scores.values())]
    unknown = [name for name in metrics if name not in shared]
    if unknown:
        raise UserError(f"There is no score {unknown[0]!r}; there are {', '.join(shared)}.")
    metrics = metrics or shared
    shares = {name for name in metrics if all(0 <= found[name] <= 1 for found in scores.values())}
    heads = [f"{name} (%)" if name in shares else name for name in metrics]
    lines = ["| variant | " + " | ".join(heads) + " |", "|---" * (len(metrics) + 1) + "|"]
    for variant in dict.fromkeys(run.variant for run in runs):
        rows = [found for run, found in scores.items() if run.variant == variant]
        cells = [
            mean_and_std([row[name] * (100 if name in shares else 1) for row in rows])
            for name in metrics
        ]
        lines.append(f"| {variant} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def mean_and_std(values: Sequence[float]) -> str:
    """`mean ± std`, the standard deviation of a sample; the mean alone where there is one value."""
    mean = f"{statistics.fmean(values):.2f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.2f}"


def main(argv: Sequence[str]) -> int:
    """Runs the sweep that the command line asks for; returns 0, or 2 for a mistake of the user."""
    parser = argparse.ArgumentParser("remote-jax sweep", description=__doc__.splitlines()[0])
    parser.add_argument("--config", required=True, help="NAME[:PRESET] or a file, as umre:paper")
    parser.add_argument("--workdir", required=True, type=Path, help="folder of the runs")
    parser.add_argument("--seeds", default="0,1,2", help="seeds of every variant")
    parser.add_argument("--variant", action="append", default=[], help="NAME: FLAGS; repeat it")
    parser.add_argument("--metrics", default="", help="scores to print, as f1,accuracy; or all")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, sharing the cores")
    options = parser.parse_args(argv)
    try:
        runs = plan(options.variant, options.seeds.split(","), options.workdir)
        for run in runs:
            run.check(options.config)
        train(runs, options.config, max(options.jobs, 1))
        text = table(runs, [name for name in options.metrics.split(",") if name])
    except UserError as error:
        print(f"remote-jax sweep: {error}", file=sys.stderr)
        return 2
    (options.workdir / "table.md").write_text(text + "\n", encoding="utf-8")
    print(f"\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
