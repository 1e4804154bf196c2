"""Extracts from all posts that are named, from where the folder of what was extracted stands."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from remote_jax.data.extracted import MANIFEST, read_manifest
from remote_jax.data.media import PostMedia
from remote_jax.extract import inputs, shards
from remote_jax.extract.extractor import Extractor
from remote_jax.extract.inputs import Plan, Row, Shard
from remote_jax.extract.media import ShardMedia
from remote_jax.reporting.progress import Progress, say
from remote_jax.reporting.results import code_version
from remote_jax.runtime import signals

SHARD = 256
"""Posts of a shard: enough to fill batches, few enough that little is done again after a stop."""

Work = Callable[[Plan, Sequence[Shard], Path], Iterator[Shard]]
"""Does shards in any order, and gives each once it is written."""


@dataclass(frozen=True)
class Totals:
    """How many posts there are, and of how many of them nothing was extracted."""

    posts: int
    failed: int


def extract(
    files: Sequence[Path],
    runs: Sequence[Path],
    output: Path,
    *,
    size: int = SHARD,
    work: Callable[[Extractor], Work] | None = None,
) -> Totals:
    """Writes a folder of extracted posts (`data.extracted`).

    Args:
        files: of posts, or folders of them.
        runs: one of REMOTE, one of EEGA, or both.
        output: the folder; where it is begun, only what is missing is done.
        size: posts of a shard.
        work: who does the shards; this process if None.

    Raises:
        UserError: posts, runs or the folder cannot be used.
    """
    plan = inputs.plan(inputs.find_files(files, output), size)
    extractor = Extractor(runs)
    about = {
        "posts_folder": str(plan.folder),
        "runs": [str(run.expanduser().resolve()) for run in runs],
        "inputs": inputs.described(plan),
    }
    origin = {
        "posts": hashlib.sha256(json.dumps(about["inputs"]).encode()).hexdigest(),
        "folder of the posts": str(plan.folder),
        **extractor.origin,
        "posts of a shard": str(size),
        "code": code_version(),
    }
    with shards.opened(output, origin) as lost:
        if lost:
            say(f"{output} is begun anew ({lost}).")
        if not (output / MANIFEST).exists():
            do = _here(extractor) if work is None else work(extractor)
            _do(plan, output, do)
            with signals.held():
                shards.finish(output, len(plan.shards), about | {"origin": origin})
    described = read_manifest(output)["shards"]
    return Totals(*(sum(one[key] for one in described) for key in ("posts", "failed")))


def _do(plan: Plan, output: Path, work: Work) -> None:
    """Has the shards done that are missing."""
    missing = [one for one in plan.shards if not shards.part(output, one.number).exists()]
    done = plan.posts - sum(shard.posts for shard in missing)
    if done:
        say(f"goes on after {done:,} of {plan.posts:,} posts")
    progress = Progress("extracting", "posts", plan.posts, start=done)
    try:
        for shard in work(plan, missing, output):
            done += shard.posts
            progress.update(done)
    finally:
        progress.close()


def _here(extractor: Extractor) -> Work:
    """Shards are done one after another by this process."""

    def work(plan: Plan, missing: Sequence[Shard], output: Path) -> Iterator[Shard]:
        for shard, found in zip(missing, extractor.extract(opened(plan, missing)), strict=True):
            with signals.held():
                shards.write(output, shard.number, plan.sources[shard.source].name, found)
            yield shard

    return work


def opened(plan: Plan, some: Iterable[Shard]) -> Iterator[tuple[list[Row], PostMedia, str]]:
    """The posts of shards, as `Extractor.extract` takes them."""
    for shard in some:
        source = plan.sources[shard.source]
        folder = PurePosixPath(source.name).parent
        below = "" if folder == PurePosixPath(".") else f"{folder}/"
        yield inputs.read(plan, shard), ShardMedia(source.path), below
