"""`--mode=predict`: a file of posts in, a file of answers out, a block at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ml_collections import ConfigDict

from remote_jax.data import posts
from remote_jax.data.files import sha256
from remote_jax.data.media import PostFileMedia
from remote_jax.data.posts import Answer, Values
from remote_jax.reporting.progress import Progress, say
from remote_jax.reporting.results import code_version
from remote_jax.runtime import processes, sharding, signals
from remote_jax.serve import partial_answers
from remote_jax.serve.answerer import Answerer
from remote_jax.serve.partial_answers import Done, PartialAnswers
from remote_jax.task import Task

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
    answerer = Answerer(task, config, workdir, sharding.make_mesh(config.mesh))
    origin = {"posts": sha256(source), **answerer.origin, "code": code_version()}
    size = config.train.eval_batch_size

    def answers(blocks: Iterator[Block]) -> Iterator[tuple[Block, list[Answer]]]:
        media = PostFileMedia(source)
        return answerer.answers((block, [values for _, values in block], media) for block in blocks)

    if not processes.first():
        for _ in answers(_blocks(source, processes.from_first(0), size)):
            pass
        return Done()
    with partial_answers.opened(target, origin) as written:
        after = processes.from_first(written.done.line)
        progress = Progress("answering", "posts", total, start=written.done.answers)
        if written.lost:
            say(f"{written.path} is begun anew ({written.lost}).")
        elif after:
            say(f"goes on after line {after} of {source}")
        _write(written, progress, answers(_blocks(source, after, size)))
        return written.done


def _blocks(source: Path, after: int, size: int) -> Iterator[Block]:
    """The posts after a line; in each block as many as fill batches of that size."""
    rest = posts.read(source, after=after)
    while block := list(islice(rest, -(-BLOCK // size) * size)):
        yield block


def _write(
    written: PartialAnswers,
    progress: Progress,
    blocks: Iterator[tuple[Block, list[Answer]]],
) -> None:
    """Writes the answers to blocks, and gives them their name."""
    try:
        for block, answers in blocks:
            found = list(zip((line for line, _ in block), answers, strict=True))
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
