"""JSON metadata stored with a checkpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, NotRequired, TypedDict

from remote_jax.errors import UserError

COUNTS = "counts"
"""Key of a fingerprint: what was counted of the data. It follows from the rest, and versions of
remote_jax may count more or less."""


class Best(TypedDict):
    """A step, its scores on validation, and the calibration chosen there (`Task.calibrate`)."""

    step: int
    metrics: dict[str, float]
    calibration: NotRequired[dict[str, float]]


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
