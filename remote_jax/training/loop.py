"""The training loop. It knows steps, metrics and checkpoints; what is trained is a Task."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax.sharding import Mesh
from ml_collections import ConfigDict

from remote_jax.config import rates
from remote_jax.data.batches import pipeline
from remote_jax.data.batches.order import train_order
from remote_jax.data.batches.repeats import Repeats
from remote_jax.reporting.logs import Clock, MetricsLog
from remote_jax.reporting.progress import Progress, say, working
from remote_jax.reporting.trackers import Tracker
from remote_jax.runtime import preemption, processes, sharding, signals
from remote_jax.runtime.programs import Programs
from remote_jax.task import Batch, Outputs, Task
from remote_jax.training import finite, remat
from remote_jax.training.average import scored
from remote_jax.training.checkpoint import Checkpoints, Restored
from remote_jax.training.evaluation import evaluate, make_predict, not_empty
from remote_jax.training.gradients import rows
from remote_jax.training.optimizer import Scalars, check_frozen, frozen, make_optimizer, make_step
from remote_jax.training.plan import Plan, check_sizes, order_settings
from remote_jax.training.profile import Profile, operations
from remote_jax.training.record import EXAMPLES, Record, gauges_of
from remote_jax.training.state import Params, TrainState, split

RUN_AHEAD = 2
"""Steps sent to the device before the oldest must be done; bounds the batches held there."""

Initial = Callable[[Params], tuple[Params, Mapping[str, Any]]]
"""What makes of fresh parameters those that training starts from, and says what it did."""


def train(
    task: Task,
    config: ConfigDict,
    workdir: Path,
    *,
    initial: Initial | None = None,
    trackers: Sequence[Tracker] = (),
) -> None:
    """Trains to the end, or until patience is out, from where the run in `workdir` stands.

    Leaves the parameters that are best on validation in `WORKDIR/checkpoints/best`, and
    `metrics.jsonl`, whose lines are the same however often the run was stopped, but for `time`.

    Args:
        initial: asked where the run has no checkpoint yet; without it parameters are fresh.
        trackers: get what `metrics.jsonl` gets.

    Raises:
        UserError: a split is empty, the loss is not finite, or the data or the model are not
            those that the run in `workdir` was started with.
    """
    mesh = sharding.make_mesh(config.mesh)
    sharding.check_batch(mesh, "train.eval_batch_size", config.train.eval_batch_size)
    with Checkpoints(workdir) as checkpoints:
        run = _Run(task, config, mesh, checkpoints, initial)
        step, total = run.record.step, run.plan.total
        log = MetricsLog(workdir, step, trackers, enabled=processes.first())
        with closing(log), closing(Progress("training", "steps", total, start=step)) as progress:
            run.to_end(log, progress)
    preemption.release()


class _Run:
    """A run under way: the state on the device, and what is known about it here."""

    def __init__(
        self,
        task: Task,
        config: ConfigDict,
        mesh: Mesh,
        checkpoints: Checkpoints,
        initial: Initial | None,
    ) -> None:
        self.task, self.config, self.mesh, self.checkpoints = task, config, mesh, checkpoints
        self.data, self.validation = (not_empty(task, name) for name in ("train", "validation"))
        self.settings = order_settings(task, config)
        self.order = train_order(len(self.data), **self.settings)
        self.buckets = self.settings["buckets"]
        check_sizes(self.order, config.train, mesh)
        self.repeats = Repeats.of_training(mesh, self.order)
        self.plan = Plan.from_config(config.train, self.order.epoch)
        skeleton, shapes = split(remat.switch(task.shapes(), config.train.remat))
        check_frozen(config.train, shapes)
        rows.check(task, config.train, shapes)
        self.unused_rates = rates.unused(config.train, shapes)
        optimizer, self.rate = make_optimizer(config.train, self.plan.total)
        step = make_step(
            task,
            skeleton,
            optimizer,
            config.seed,
            mesh,
            parts=config.train.accumulation,
            skips=config.train.max_skipped > 0,
            kept=frozen(config.train),
            usual=self.order.examples if config.train.batch_tokens else 0.0,
            sparse=config.train.sparse_tables,
        )
        most = self.repeats.programs * (len(self.buckets.shapes) if self.buckets else 1)
        self.step = Programs("step", step, shapes=most, around=working)
        self.predict = make_predict(task, skeleton, mesh, around=working)
        with working("making the model"):
            self.state, self.record, self.lost = _start(
                task, config.seed, shapes, optimizer, mesh, checkpoints, initial
            )
        self.data = task.encoded("train", self.state.params) or self.data
        self.validation = task.encoded("validation", self.state.params) or self.validation
        self.record.goes_to(self.plan.total)
        self.done = self.record.step
        self.pending: deque[tuple[int, Scalars]] = deque()
        self.clock, self.told = Clock(), ""

    def to_end(self, log: MetricsLog, progress: Progress) -> None:
        """Runs the steps that are left."""
        start, plan = self.record.step, self.plan
        for lost, reason in self.lost.items():
            say(
                f"the checkpoint of step {lost} is damaged ({reason}): {lost - start} steps are "
                "done again"
            )
        about = (str(self.buckets or ""), str(self.order), str(self.repeats))
        for sentence in (*filter(None, about), *self.unused_rates):
            say(sentence)
        if start:
            say(f"goes on after step {start} of {plan.total}")
        profile = None
        if self.config.profile:
            parts = self.config.train.accumulation
            profile = Profile(self.checkpoints.workdir, self.clock, self.order.examples, parts, say)
        batches = pipeline.train_batches(
            self.data,
            **self.settings,
            steps=plan.total,
            start_step=start,
            workers=self.config.data.workers,
            rows={size: sharding.rows(self.mesh, size) for size in self.order.sizes},
        )
        try:
            for number in range(start + 1, plan.total + 1):
                if plan.stops(number - 1, self.record.best):
                    say(f"stops: {plan.patience} validations brought nothing better")
                    break
                with self.clock.waiting():
                    batch = next(batches)
                with signals.held():
                    sent = sharding.put_batch(self.repeats(batch), self.mesh)
                    if number == start + 1:
                        self.step.compile(self.state, sent)
                        preemption.hold()
                    self._do(number, sent, log, progress)
                    if profile:
                        count = partial(operations, self.step.function, self.state, sent)
                        profile.after(self.state.step, count)
                if preemption.agreed(number):
                    raise signals.Stopped
        except signals.Stopped:
            self._leave()
            raise
        finally:
            if profile:
                profile.close()

    def _do(self, number: int, batch: Batch, log: MetricsLog, progress: Progress) -> None:
        """A step, and what is due after it."""
        self.state, scalars = self.step(self.state, batch)
        self.done = number
        self.pending.append((number, scalars))
        self._fetch(RUN_AHEAD)
        progress.update(number, self.record.with_best(self.told, self.task.metric))
        if self.plan.logs(number):
            self._log(number, log)
        if self.plan.saves(number):
            self._settle()
            with self.clock.paused():
                if self.plan.validates(number):
                    self._validate(number, log)
                self._save(number)

    def _leave(self) -> None:
        """Saves what is done, where that is not saved yet."""
        if self.done > self.record.step:
            self._settle()
            self._save(self.done)
        saved = self.checkpoints.saved()
        say(f"stopped after step {self.done}; the last checkpoint is of step {saved}")

    def _settle(self) -> None:
        """Waits for all steps, and sees that what is to be saved is finite."""
        self._fetch(0)
        if not finite.is_finite(self.state):
            raise finite.state_not_finite(self.config, self.done, self.checkpoints.saved())

    def _fetch(self, leave: int) -> None:
        """Brings the scalars of all but the last few steps here, waiting for those steps."""
        while len(self.pending) > leave:
            step, scalars = self.pending.popleft()
            values = {name: float(array) for name, array in jax.device_get(scalars).items()}
            if not all(map(math.isfinite, values.values())):
                self._skip(step, values)
                continue
            self.told = f"loss {values.get('loss', math.nan):.4f}"
            for name, value in values.items():
                self.record.window.setdefault(name, []).append(value)

    def _skip(self, step: int, values: dict[str, float]) -> None:
        """Counts a step that made no update, unless there have been too many."""
        most = self.config.train.max_skipped
        if self.record.skipped >= most:
            saved, workdir = self.checkpoints.saved(), self.checkpoints.workdir
            raise finite.step_not_finite(self.task, self.config, workdir, step, values, saved)
        self.record.skipped += 1
        told = ", ".join(f"{name} {value}" for name, value in values.items())
        say(f"step {step} is skipped, {self.record.skipped} of {most} at most: {told}")

    def _log(self, step: int, log: MetricsLog) -> None:
        """Writes the means since the last line."""
        self._fetch(0)
        values = self.record.means()
        seconds = self.clock.lap(values.get(EXAMPLES, self.order.examples))
        updates = step - self.record.skipped  # a skipped step does not move the schedule
        values |= {"epoch": step / self.plan.epoch, "learning_rate": float(self.rate(updates - 1))}
        if self.config.train.max_skipped:
            values["skipped"] = self.record.skipped
        self.record.gauges |= gauges_of(values)
        log.write(step, "train", values, seconds)
        self.record.window.clear()

    def _validate(self, step: int, log: MetricsLog) -> None:
        """Scores the validation split, and keeps what was scored if it is the best so far."""
        began, params = time.monotonic(), scored(self.state)
        sizes, doing = self.task.buckets("validation"), "scoring validation"
        outputs = evaluate(self.predict, params, self.validation, self.config, sizes, doing=doing)
        calibration = self.task.calibrate(outputs)
        scores = self.task.metrics("validation", self.task.calibrated(outputs, calibration))
        metrics = {name: float(score) for name, score in scores.items()}
        value, best = metrics[self.task.metric], self.record.best
        log.write(step, "validation", metrics, {"seconds": time.monotonic() - began})
        say(f"step {step}: validation {self.task.metric} {value:.4f}")
        gauges = self._gauges(step, outputs, log)
        if best is None or value > best["metrics"][self.task.metric]:
            self.record.best = {
                "step": step,
                "metrics": metrics,
                "calibration": calibration,
                "gauges": gauges,
            }
            self.checkpoints.save_best(params, self.record.best)
        self.record.validations += 1
        if self.record.never_above_zero(self.task.metric) and (
            self.record.validations == 2 or step == self.plan.total
        ):
            say(self.record.nothing_right(self.task.metric, self.config.train))

    def _gauges(self, step: int, outputs: Outputs, log: MetricsLog) -> dict[str, float]:
        """What each mechanism does; says which do nothing, once there was an epoch to learn in."""
        found = self.task.gauges("validation", outputs)
        gauges = self.record.training_gauges() | {name: float(x) for name, x in found.items()}
        if gauges:
            log.write(step, "gauges", gauges, {})
        if step >= self.plan.epoch:
            for sentence in self.record.unsaid(self.task.collapsed(gauges)):
                say(sentence)
        return gauges

    def _save(self, step: int) -> None:
        self.record.step = step
        seconds, waited = self.clock.read()
        self.record.seconds += seconds
        self.record.data_wait_seconds += waited
        self.record.peak_memory = sharding.peak_memory(self.record.peak_memory)
        self.checkpoints.save(self.state, self.record)


def _start(
    task: Task,
    seed: int,
    shapes: Params,
    optimizer: optax.GradientTransformation,
    mesh: Mesh,
    checkpoints: Checkpoints,
    initial: Initial | None,
) -> Restored:
    """The state to go on from: the latest whole checkpoint, or else a fresh one."""

    def fresh(params: Params) -> TrainState:
        return TrainState(params, optimizer.init(params), jnp.zeros((), jnp.int32))

    fingerprint = task.fingerprint()
    like = jax.eval_shape(fresh, shapes)
    restored = checkpoints.restore(like, mesh)
    if restored is None:
        _, params = split(task.model(nnx.Rngs(seed)))
        params, started = initial(params) if initial else (params, {})
        state = jax.jit(fresh, out_shardings=sharding.place(mesh, like))(params)
        record = Record(fingerprint=fingerprint, data=task.title(), initial=dict(started))
        return Restored(state, record, {})
    restored.record.check_data(fingerprint)
    return restored
