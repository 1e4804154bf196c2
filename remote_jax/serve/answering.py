"""`--mode=predict`: a file of posts in, a file of answers out, a block at a time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from remote_jax.data import posts
from remote_jax.data.files import sha256
from remote_jax.data.media import PostFileMedia
from remote_jax.data.posts import Answer, Values
from remote_jax.reporting.progress import Progress, say, working
from remote_jax.reporting.results import code_version
from remote_jax.runtime import processes, sharding, signals
from remote_jax.serve import partial_answers
from remote_jax.serve.partial_answers import Done, PartialAnswers
from remote_jax.task import Task
from remote_jax.training.checksums import sum_of_bits
from remote_jax.training.evaluation import Predictor, best_model, make_predict

BLOCK = 128
"""Least number of posts that are read, answered and written together; more of them cost memory, and
fewer cost time, since each block is synchronised with the disk."""

Block = list[tuple[int, Values]]
"""Posts, each with the number of its line."""


def answer_file(task: Task, config: ConfigDict, workdir: Path, source: Path, target: Path) -> Done:
    """Writes the answers of the best checkpoint to a file of posts.

    Goes on where the same command was stopped. Memory does not grow with the number of posts.

    Args:
        task: prepared.
        source: JSON lines.
        target: of the answers; it appears when they are complete.

    Returns:
        How many answers and errors there are; of several processes, in the first.

    Raises:
        UserError: the posts cannot be read or the answers not written, there is no checkpoint,
            or it is another model's.
    """
    partial_answers.check_paths(source, target)
    total = posts.count(source)
    mesh = sharding.make_mesh(config.mesh)
    skeleton, params, best = best_model(task, workdir, mesh)
    origin = {
        "posts": sha256(source),
        "model": _digest([best, sum_of_bits(params)]),
        "files of the run": _digest(_assets(task, workdir)),
        "config": _digest(config.to_dict()),
        "code": code_version(),
    }
    predict = make_predict(task, skeleton, mesh, gauges=False, around=working)
    predictor = Predictor(predict, params, config)
    size = config.train.eval_batch_size

    def answers(block: Block) -> Iterator[Answer]:
        found = task.posts((values for _, values in block), PostFileMedia(source))
        outputs = task.calibrated(
            predictor(found.dataset, found.buckets), best.get("calibration", {})
        )
        return found.answers(outputs)

    if not processes.first():
        for block in _blocks(source, processes.from_first(0), size):
            answers(block)
        return Done()
    with partial_answers.opened(target, origin) as written:
        after = processes.from_first(written.done.line)
        progress = Progress("answering", "posts", total, start=written.done.answers)
        if written.lost:
            say(f"{written.path} is begun anew ({written.lost}).")
        elif after:
            say(f"goes on after line {after} of {source}")
        _write(written, progress, _blocks(source, after, size), answers)
        return written.done


def _blocks(source: Path, after: int, size: int) -> Iterator[Block]:
    """The posts after a line; in each block as many as fill batches of that size."""
    rest = posts.read(source, after=after)
    while block := list(islice(rest, -(-BLOCK // size) * size)):
        yield block


def _write(
    written: PartialAnswers,
    progress: Progress,
    blocks: Iterator[Block],
    answers: Callable[[Block], Iterator[Answer]],
) -> None:
    """Writes the answers to blocks, and gives them their name."""
    try:
        for block in blocks:
            found = list(zip((line for line, _ in block), answers(block), strict=True))
            rows = [{"line": line, **answer.to_dict()} for line, answer in found]
            wrong = [line for line, answer in found if answer.error is not None]
            with signals.held():
                written.append(rows, wrong)
            progress.update(written.done.answers, f"{written.done.errors:,} with an error")
        with signals.held():
            written.finish()
    except (signals.Stopped, KeyboardInterrupt):
        say(f"{written.done.answers:,} answers are in {written.path}")
        raise
    finally:
        progress.close()


def _assets(task: Task, workdir: Path) -> list[str]:
    """Digests of what the run keeps beside its checkpoints, such as names of relations."""
    tops = sorted({workdir / Path(name).parts[0] for name in task.assets})
    files = [path for top in tops for path in ([top] if top.is_file() else sorted(top.rglob("*")))]
    return [f"{path.relative_to(workdir)} {sha256(path)}" for path in files if path.is_file()]


def _digest(value: Any) -> str:
    """A digest of JSON values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
