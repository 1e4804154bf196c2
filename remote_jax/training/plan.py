"""Schedule of logging, validation, saving and the end; and what the order of batches follows."""

from __future__ import annotations

from dataclasses import dataclass

from jax.sharding import Mesh
from ml_collections import ConfigDict

from remote_jax.data.batches.order import Order, OrderSettings, train_order
from remote_jax.runtime import sharding
from remote_jax.task import Task
from remote_jax.training.record import Best


@dataclass(frozen=True)
class Plan:
    """Intervals and length of a run, in steps; patience in validations, 0 for no early end."""

    total: int
    epoch: float
    log_every: int
    eval_every: int
    save_every: int
    patience: int

    @classmethod
    def from_config(cls, config: ConfigDict, epoch: float) -> Plan:
        """Turns the epochs of the `train` part of a config into steps, `epoch` of them each."""
        return cls(
            total=max(1, round(config.epochs * epoch)),
            epoch=epoch,
            log_every=config.log_every,
            eval_every=max(1, round(config.eval_every * epoch)),
            save_every=config.save_every,
            patience=config.patience,
        )

    def logs(self, step: int) -> bool:
        return step % self.log_every == 0 or step == self.total

    def validates(self, step: int) -> bool:
        return step % self.eval_every == 0 or step == self.total

    def saves(self, step: int) -> bool:
        return step % self.save_every == 0 or self.validates(step)

    def stops(self, done: int, best: Best | None) -> bool:
        """Whether the last `patience` validations up to step `done` brought nothing better."""
        if best is None or not self.patience:
            return False
        return done - best["step"] >= self.patience * self.eval_every


def order_settings(task: Task, config: ConfigDict) -> OrderSettings:
    """What the order of training follows from."""
    return {
        "batch_size": config.train.batch_size,
        "seed": config.seed,
        "buckets": task.buckets("train"),
        "groups": task.groups("train"),
        "tokens": config.train.batch_tokens,
        "parts": config.train.accumulation,
    }


def order_of(task: Task, config: ConfigDict) -> Order:
    """The order of training.

    Raises:
        UserError: as `train_order`.
    """
    return train_order(len(task.dataset("train")), **order_settings(task, config))


def check_sizes(order: Order, config: ConfigDict, mesh: Mesh) -> None:
    """Sees that batches of all sizes can be split; `config` is the `train` part of one.

    Raises:
        UserError: one cannot, over the devices or into the parts of `accumulation`.
    """
    key = "train.batch_tokens: each size of its batches" if config.batch_tokens else ""
    for size in order.sizes:
        sharding.check_batch(mesh, key or "train.batch_size", size, config.accumulation)
