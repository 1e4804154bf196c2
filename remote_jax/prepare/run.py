"""Takes posts through the steps: in their order, several at a time, each answer kept at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from remote_jax.data import posts as post_files
from remote_jax.errors import Refused, UserError
from remote_jax.prepare.post import PreparedPost, read_post
from remote_jax.prepare.step import Failed, Step, Unparsed, key
from remote_jax.prepare.store import Store

AHEAD = 4
"""Posts that are begun for each one that is worked on, so that a slow one holds up few."""

MAX_FAILED = 10
"""Posts in a row for which a step fails before all is stopped: then nothing answers any more."""


@dataclass(frozen=True)
class Part:
    """What came of one step for one post.

    Attributes:
        asked: whether a model was asked now; else the answer was kept from before.
        found: how many entities, objects, captions or depth maps.
        refused: why parts of the answer are left out.
        failed: why there is no answer; it is asked for again with the next start.
        unparsed: why the whole answer cannot be used.
        answer: of the model, as it is kept.
    """

    step: str
    asked: bool = False
    found: int = 0
    refused: tuple[str, ...] = ()
    failed: str = ""
    unparsed: str = ""
    answer: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Outcome:
    """A post after all steps.

    Attributes:
        post: why it is left out, a sentence, where it is.
    """

    line: int
    post: PreparedPost | str
    parts: tuple[Part, ...] = ()


def run(
    posts: Path,
    steps: Sequence[Step],
    store: Store,
    finish: Callable[[PreparedPost], object],
    *,
    workers: int,
    again: bool = False,
) -> Iterator[Outcome]:
    """The outcome of each post of a file, in their order.

    Args:
        steps: in this order, each sees what the former ones found.
        finish: called for a post after all steps; may raise `Refused`.
        workers: posts that are worked on at a time.
        again: whether a model is asked again where its answer could not be used.

    Raises:
        UserError: `MAX_FAILED` posts in a row failed; or as a step or the store does. What was
            answered by then is kept.
    """

    def work(line: int, values: post_files.Values) -> Outcome:
        try:
            if isinstance(values, Refused):
                raise values
            post = read_post(line, values, posts.parent)
            if post.picture is not None:
                _ = post.picture.size  # a bomb is refused here, before anything is decoded
            post, parts = _through(post, steps, store, again)
            finish(post)
            return Outcome(line, post, parts)
        except Refused as error:
            return Outcome(line, f"{error}.")

    failed = 0
    waiting: deque[Future[Outcome]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for line, values in post_files.read(posts):
            waiting.append(pool.submit(work, line, values))
            if len(waiting) >= AHEAD * workers:
                failed = _count_failed(failed, outcome := waiting.popleft().result())
                yield outcome
        while waiting:
            failed = _count_failed(failed, outcome := waiting.popleft().result())
            yield outcome
    finally:
        pool.shutdown(cancel_futures=True)  # answers that are under way are waited for, and kept


def _count_failed(before: int, outcome: Outcome) -> int:
    """How many posts in a row failed; those that nobody was asked about do not count."""
    reasons = [part.failed for part in outcome.parts if part.failed]
    if not reasons:
        return 0 if any(part.asked for part in outcome.parts) else before
    if before + 1 >= MAX_FAILED:
        last = reasons[-1].rstrip(".")
        raise UserError(
            f"{MAX_FAILED} posts failed one after another, the last because {last}. "
            "What was answered is kept: start the same command again."
        )
    return before + 1


def _through(
    post: PreparedPost, steps: Sequence[Step], store: Store, again: bool
) -> tuple[PreparedPost, tuple[Part, ...]]:
    parts = []
    for step in steps:
        reads = step.reads(post)
        if reads is None:
            continue
        kept = key(step, reads)
        post, part = _apply(step, post, store, kept)
        if again and part.unparsed and not part.asked:
            store.forget(kept)
            post, part = _apply(step, post, store, kept)
        parts.append(part)
    return post, tuple(parts)


def _apply(step: Step, post: PreparedPost, store: Store, kept: str) -> tuple[PreparedPost, Part]:
    asked = False
    answer: Mapping[str, Any] = {}
    try:
        answer, asked = store.once(kept, lambda: step.ask(post))
        found = step.add(post, answer)
    except Failed as error:
        return post, Part(step.name, failed=str(error))
    except Unparsed as error:
        return post, Part(step.name, asked, unparsed=str(error), answer=answer)
    return found.post, Part(step.name, asked, found.count, found.refused, answer=answer)
