"""What a training step costs: timed and traced after warm-up (`--config.profile=true`)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from remote_jax.errors import writing
from remote_jax.reporting.logs import Clock
from remote_jax.runtime import processes

WARM, TIMED, TRACED = 5, 20, 5
"""Steps left out since things are compiled and filled in them, then timed, then traced."""

PEAKS = (
    # NVIDIA's data sheets of each, tensor cores, dense: half of what is given with sparsity.
    (r".*\bB200\b.*", 2250e12),
    (r".*\bH200\b.*", 989e12),
    (r".*\bH100\b.*PCIe.*", 756e12),
    (r".*\bH100\b.*NVL.*", 835e12),
    (r".*\bH100\b.*", 989e12),
    (r".*\bA100\b.*", 312e12),
    (r".*\bL40S\b.*", 362e12),
    (r".*\bL4\b.*", 121e12),
    (r".*\bA10\b.*", 125e12),
    # https://cloud.google.com/tpu/docs/system-architecture-tpu-vm, a chip; JAX has two devices a
    # chip of v2, v3 and 7x.
    (r"TPU v2", 45e12 / 2),
    (r"TPU v3", 123e12 / 2),
    (r"TPU v4", 275e12),
    (r"TPU v5 lite|TPU v5e", 197e12),
    (r"TPU v5p?", 459e12),
    (r"TPU v6 lite|TPU v6e", 918e12),
    (r"TPU7x", 2307e12 / 2),
)
"""bfloat16 operations a second of a device by its kind, as `jax.Device.device_kind` calls it."""


def peak(kind: str) -> float | None:
    """bfloat16 operations a second of a device at most; None where we do not know."""
    if "MIG" in kind:  # a part of a device
        return None
    return next((value for pattern, value in PEAKS if re.fullmatch(pattern, kind)), None)


def operations(step: Any, *arguments: Any) -> float:
    """Floating-point operations of a jitted function on one device, by XLA's count."""
    shapes = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), arguments
    )
    return step.lower(*shapes).compile().cost_analysis()["flops"]


class Profile:
    """Watches a loop: told of every step, it times `TIMED` of them and traces `TRACED` after."""

    def __init__(
        self,
        workdir: Path,
        clock: Clock,
        batch_size: float,
        parts: int,
        log: Callable[[str], None],
    ) -> None:
        """Begins to watch; a batch is taken in so many `parts`, in a loop that XLA counts once."""
        # The profiler names a trace by second and host, and a host may have several processes.
        own = f"process{jax.process_index()}" if processes.many() else ""
        self._folder, self._clock, self._log = workdir / "profile" / own, clock, log
        self._batch_size, self._parts = batch_size, parts
        self._steps = 0
        self._tracing = False

    def after(self, result: jax.Array, count: Callable[[], float]) -> None:
        """A step was sent.

        Args:
            result: of the step; done when the step is.
            count: counts the operations of a step on one device.

        Raises:
            UserError: the trace cannot be written.
        """
        self._steps += 1
        if self._steps == WARM:
            result.block_until_ready()
            self._began = self._now()
        elif self._steps == WARM + TIMED:
            result.block_until_ready()
            began, ended = self._began, self._now()
            seconds, waited = ((then - now) / TIMED for then, now in zip(ended, began, strict=True))
            self._tell(seconds, waited, self._parts * count())
            with writing(self._folder):
                self._folder.mkdir(parents=True, exist_ok=True)
            jax.profiler.start_trace(str(self._folder))
            self._tracing = True
        elif self._steps == WARM + TIMED + TRACED:
            result.block_until_ready()
            self.close()
            self._log(f"profile: a trace of {TRACED} steps is in {self._folder}")

    def _now(self) -> tuple[float, float]:
        """Seconds of training, and of waiting for data."""
        return time.monotonic() - self._clock.all_paused, self._clock.all_waited

    def _tell(self, seconds: float, waited: float, flops: float) -> None:
        device, devices = jax.devices()[0].device_kind, jax.device_count()
        most = peak(device)
        share = f"{flops / seconds / most:.1%}" if most else "unknown, none is on record"
        self._log(
            f"profile: {seconds * 1e3:.2f} ms a step, {self._batch_size / seconds:.1f} examples/s, "
            f"{waited * 1e3:.2f} ms a step waiting for data (mean of {TIMED} steps)"
        )
        self._log(
            f"profile: {flops * devices / seconds:.3g} FLOP/s, {flops * devices:.3g} a "
            "step by XLA's count of the compiled step, which takes a loop's body once (that of "
            "train.accumulation as often as it runs) and does not see into library calls"
        )
        self._log(f"profile: share of the bfloat16 peak of {devices} x {device}: {share}")

    def close(self) -> None:
        """Ends a trace under way."""
        if self._tracing:
            self._tracing = False
            with writing(self._folder):
                jax.profiler.stop_trace()
        elif self._steps < WARM + TIMED:
            self._log(
                f"profile: nothing is measured; {WARM + TIMED + TRACED} steps are needed, there "
                f"were {self._steps}"
            )
