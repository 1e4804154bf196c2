"""Extracts from many posts: `remote-jax extract INPUT [INPUT ...] --run=RUN[,RUN] --output=FOLDER`.

    remote-jax extract posts.jsonl --run=runs/umre-seed0 --output=extracted

reads posts as `--mode=predict` does, from JSON lines or Parquet, files or folders of them, and
writes shards of what was found in them, with a manifest. A run of REMOTE answers posts with
entities, one of EEGA finds entities; with both, EEGA's entities go into posts that have none. The
same command goes on where it was stopped. It exits with 3 where nothing was extracted from some
posts; `failed-*.jsonl` says why. Parquet needs the extra `extract`, and --ray the extra `ray`.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from remote_jax.errors import UserError
from remote_jax.reporting.progress import working
from remote_jax.runtime import signals
from remote_jax.serve.partial_answers import SOME_UNANSWERED

if TYPE_CHECKING:
    from remote_jax.extract.extractor import Extractor
    from remote_jax.extract.run import Work


def main(argv: Sequence[str]) -> int:
    """Writes the folder that the command line asks for; returns 0, or `SOME_UNANSWERED`.

    Raises:
        UserError: posts, runs or the folder cannot be used.
    """
    options = _parser().parse_args(list(argv))
    runs = [Path(run) for run in options.run.split(",") if run]
    if not runs:
        raise UserError("--run names no run, expected the folder of one or two.")
    with working("loading libraries"):
        from remote_jax.extract import run
    with signals.listening():
        work = None if options.ray is None else _on_ray(runs, options.ray, options.workers)
        done = run.extract(options.inputs, runs, options.output, size=options.shard, work=work)
    print(f"{done.posts:,} of {done.posts + done.failed:,} posts are in {options.output}")
    if done.failed:
        print(
            f"nothing was extracted from {done.failed:,}: {options.output}/failed-*.jsonl say why"
        )
    return SOME_UNANSWERED if done.failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "remote-jax extract", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "inputs", metavar="INPUT", nargs="+", type=Path, help="posts: a file, or a folder of them"
    )
    parser.add_argument("--run", required=True, metavar="RUN[,RUN]", help="folders of trained runs")
    parser.add_argument("--output", required=True, type=Path, help="folder for the shards")
    parser.add_argument(
        "--shard", type=_positive, default=256, metavar="N", help="posts of a shard (default 256)"
    )
    parser.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="have workers of Ray do it: on this machine, or of the cluster at the address",
    )
    parser.add_argument(
        "--workers",
        type=_positive,
        default=0,
        metavar="N",
        help="of Ray: how many (default one a GPU, or a CPU)",
    )
    return parser


def _on_ray(runs: Sequence[Path], address: str, workers: int) -> Callable[[Extractor], Work]:
    """Who does the shards with --ray, once the runs are opened here."""
    from remote_jax.extract import on_ray
    from remote_jax.extract.extractor import Extractor
    from remote_jax.serve.runs import folder_of

    make = functools.partial(Extractor, [folder_of(run).resolve() for run in runs])
    return lambda extractor: on_ray.work(make, extractor.origin, address, workers)


def _positive(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text[:9]) < 10**6:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, found {text!r}")
    return int(text)
