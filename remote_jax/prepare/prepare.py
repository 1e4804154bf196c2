"""Prepares the posts of a file: the steps of a plan, and the files that come of them."""

from __future__ import annotations

from contextlib import closing

from remote_jax.data import posts as post_files
from remote_jax.data.files import locked
from remote_jax.errors import UserError
from remote_jax.prepare.media import OutputMedia
from remote_jax.prepare.plan import WORK, Plan, make_steps
from remote_jax.prepare.run import run
from remote_jax.prepare.store import Store
from remote_jax.prepare.summary import Summary
from remote_jax.prepare.write import POSTS, WRITTEN, write
from remote_jax.reporting.progress import tracked

ANSWERS = "answers.sqlite"


def prepare(plan: Plan) -> Summary:
    """Does what a plan says; what it did before with the same settings is not done again.

    Raises:
        UserError: a file or model is missing, another process works in the folder, nothing answers,
            or nothing can be written.
    """
    total = post_files.count(plan.posts)
    if (plan.output / POSTS).resolve() == plan.posts.resolve():
        raise UserError(f"--output would replace {plan.posts}: name another folder.")
    foreign = [name for name in WRITTEN if (plan.output / name).exists()]
    if foreign and not (plan.output / WORK).is_dir():
        raise UserError(
            f"{plan.output} has a {foreign[0]} that `prepare` did not write: name another folder."
        )
    taken = f"Another process prepares posts in {plan.output}; wait for it."
    lock = locked(plan.output / WORK / "lock", taken)
    with lock, closing(Store(plan.output / WORK / ANSWERS)) as store:
        media = OutputMedia(plan.output)
        steps = make_steps(plan, store, media)
        names = [step.name for step in steps]
        summary = Summary(names, plan.price)
        outcomes = run(plan.posts, steps, store, media.put, workers=plan.workers, again=plan.again)
        written = write(plan.output, outcomes, steps, media, plan.types)
        for outcome in tracked(written, "preparing posts", "posts", total):
            summary.add(outcome)
        return summary
