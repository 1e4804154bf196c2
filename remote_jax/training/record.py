"""JSON metadata stored with a checkpoint."""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NotRequired, TypedDict

from ml_collections import ConfigDict

from remote_jax.errors import UserError
from remote_jax.task import GAUGE

COUNTS = "counts"
"""Key of a fingerprint: what was counted of the data. It follows from the rest, and versions of
remote_jax may count more or less."""

EXAMPLES = "examples"
"""The scalar that says how many a step had, where that is not the same in all steps."""

NUMBER = re.compile(r"-?\d[\d.,]*(?:e[+-]?\d+)?")


class Best(TypedDict):
    """A step, its scores and gauges on validation, and the calibration chosen there."""

    step: int
    metrics: dict[str, float]
    calibration: NotRequired[dict[str, float]]
    gauges: NotRequired[dict[str, float]]


@dataclass
class Record:
    """JSON metadata stored with a checkpoint."""

    fingerprint: dict[str, Any]
    """The data's fingerprint."""
    step: int = 0
    """Steps done."""
    best: Best | None = None
    """The best step so far on validation."""
    window: dict[str, list[float]] = field(default_factory=dict)
    """Scalars of the steps since the last line of the log."""
    seconds: float = 0.0
    """Training, validation and saving, over all starts of the run."""
    data_wait_seconds: float = 0.0
    """Of these, waiting for data."""
    peak_memory: dict[str, int] = field(default_factory=dict)
    """Largest so far in bytes, of the host process and of a device that tells."""
    skipped: int = 0
    """Steps without an update, their loss or gradient not being finite."""
    data: str = ""
    """What the data are, for a person (`Task.title`)."""
    initial: dict[str, Any] = field(default_factory=dict)
    """What the model started from, where that were parameters of another one (`train.init`)."""
    total: int = 0
    """Steps that the run is to have."""
    made_longer: list[dict[str, int]] = field(default_factory=list)
    """Where it was given more: `after` how many steps, `from` how many `to` how many."""
    validations: int = 0
    """Validations so far."""
    gauges: dict[str, float] = field(default_factory=dict)
    """Means of the gauges that the loss gives, as the last line of the log has them."""
    collapses: list[str] = field(default_factory=list)
    """Sentences on collapsed mechanisms that were said, without their numbers."""

    @classmethod
    def read(cls, saved: dict[str, Any], folder: object) -> Record:
        """The record of the checkpoint in a folder; a UserError if it is of another version."""
        try:
            return cls(**saved)
        except TypeError as error:
            raise UserError(
                f"The checkpoint {folder} is of another version of remote_jax, its record holds "
                f"{', '.join(sorted(saved))}: go on with that version, or train again with another "
                "--workdir."
            ) from error

    def goes_to(self, total: int) -> None:
        """Notes the length of the run, and that it is another one than it was."""
        if self.total and self.total != total:
            self.made_longer.append({"after": self.step, "from": self.total, "to": total})
        self.total = total

    def never_above_zero(self, metric: str) -> bool:
        """Whether two validations and more have all had the score 0."""
        return self.best is not None and self.validations > 1 and self.best["metrics"][metric] == 0

    def nothing_right(self, metric: str, settings: ConfigDict) -> str:
        """A line for a score that has stayed 0; `settings` are the `train` part of a config."""
        return (
            f"validation {metric} has been 0 at all {self.validations} validations: nothing that "
            "was predicted is right, or nothing is predicted yet. Few examples need more steps "
            f"(raise train.epochs, now {settings.epochs:g}, or lower train.batch_size, now "
            f"{settings.batch_size}) or a larger train.learning_rate (now "
            f"{settings.learning_rate:g}); where it stays so, look at the labels of training and "
            "validation"
        )

    def with_best(self, told: str, metric: str) -> str:
        """What a line of progress tells, and the best score on validation so far."""
        if self.best is None:
            return told
        score = f"best {metric} {self.best['metrics'][metric]:.4f} at step {self.best['step']}"
        return f"{told}, {score}" if told else score

    def means(self) -> dict[str, float]:
        """Of the scalars of the steps since the last line of the log; each example weighs alike."""
        weights = self.window.get(EXAMPLES)
        found = {name: math.fsum(values) / len(values) for name, values in self.window.items()}
        if weights is None:
            return found
        return {
            name: math.fsum(map(operator.mul, values, weights)) / math.fsum(weights)
            for name, values in self.window.items()
        } | {EXAMPLES: found[EXAMPLES]}

    def training_gauges(self) -> dict[str, float]:
        """Those that the loss gave: of the last line of the log; before it, of all steps so far."""
        return self.gauges or gauges_of(self.means())

    def unsaid(self, sentences: Sequence[str]) -> list[str]:
        """The sentences on collapsed mechanisms that were not said before; from now on they were.

        Sentences that differ in their numbers alone are of one mechanism.
        """
        found = []
        for sentence in sentences:
            words = NUMBER.sub("#", sentence)
            if words not in self.collapses:
                self.collapses.append(words)
                found.append(sentence)
        return found

    def check_data(self, fingerprint: dict[str, Any]) -> None:
        """Raises a UserError unless these are the data of the run."""
        now, then = json.loads(json.dumps(fingerprint)), self.fingerprint
        keys = {**then, **now}.keys() - {COUNTS}
        differ = [key for key in sorted(keys) if now.get(key) != then.get(key)]
        if differ:
            raise UserError(
                f"The data have changed since the run was started (in {', '.join(differ)}): put "
                "back those it was started with, or choose another --workdir."
            )


def gauges_of(scalars: Mapping[str, float]) -> dict[str, float]:
    """The scalars that are gauges (`GAUGE`), by their names without it."""
    return {
        name.removeprefix(GAUGE): value for name, value in scalars.items() if name.startswith(GAUGE)
    }
