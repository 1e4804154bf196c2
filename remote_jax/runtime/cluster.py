"""How the processes of a run find each other: three flags, or what the cluster says."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass

from absl import flags

from remote_jax.errors import UserError

CONNECT_TIMEOUT = 300
"""Seconds that a process waits at the start for all others: machines come up one after another."""

HEARTBEAT_TIMEOUT = 40
"""Seconds without a sign of life after which a process counts as dead, and the others end."""


@dataclass(frozen=True)
class Job:
    """One process among others. With no coordinator, jax asks the cluster for all three."""

    coordinator: str | None = None
    """HOST:PORT that process 0 listens at."""
    processes: int | None = None
    process: int | None = None


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags that `read` reads."""
    flags.DEFINE_bool("distributed", False, "One of many processes; the cluster knows.", values)
    flags.DEFINE_string("coordinator", "", "One of many: HOST:PORT of process 0.", values)
    flags.DEFINE_integer("processes", None, "One of many: how many.", 1, flag_values=values)
    flags.DEFINE_integer("process", None, "One of many: which, from 0.", 0, flag_values=values)


def read(values: flags.FlagValues) -> Job | None:
    """The job that the flags ask for; None for a run of one process.

    Nothing but a flag makes a job: a command typed in the shell of an allocation would otherwise
    wait for processes that nobody starts.

    Raises:
        UserError: the flags do not go together.
    """
    coordinator, processes, process = values.coordinator, values.processes, values.process
    given = {"coordinator": coordinator or None, "processes": processes, "process": process}
    missing = [f"--{name}" for name, value in given.items() if value is None]
    if values.distributed:
        if len(missing) < len(given):
            raise UserError(
                "--distributed asks the cluster for the processes: leave out --coordinator, "
                "--processes and --process, or --distributed."
            )
        return Job()
    if len(missing) == len(given):
        return None
    if missing:
        raise UserError(
            "--coordinator=HOST:PORT, --processes=N and --process=I belong together; there is no "
            f"{' and no '.join(missing)}."
        )
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise UserError(f"--coordinator must be HOST:PORT of process 0, found {coordinator!r}.")
    if process >= processes:
        raise UserError(
            f"--process counts from 0 to --processes - 1 = {processes - 1}, found {process}."
        )
    return Job(coordinator, processes, process)


def join(job: Job) -> None:
    """Waits until all processes of the job have come; before any other call of jax.

    Raises:
        UserError: there is no cluster that jax knows, or process 0 cannot listen at its port.
    """
    # These take seconds, which a command that only explains itself should not pay.
    import jax

    from remote_jax.runtime import preemption

    # When jax's own timer ends it aborts, with a stack trace of C++.
    timer = threading.Timer(CONNECT_TIMEOUT, _give_up, [job])
    timer.daemon = True
    timer.start()
    try:
        with preemption.listening():
            jax.distributed.initialize(
                job.coordinator,
                job.processes,
                job.process,
                cluster_detection_method="deactivate" if job.coordinator else None,
                initialization_timeout=2 * CONNECT_TIMEOUT,
                heartbeat_timeout_seconds=HEARTBEAT_TIMEOUT,
            )
    except (ValueError, LookupError, RuntimeError, OSError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        if job.coordinator:
            raise UserError(
                f"Cannot start at --coordinator={job.coordinator}: {reason}."
            ) from error
        if isinstance(error, ValueError):  # what jax lacks, by the names of its arguments
            reason = "this is no part of a job"
        raise UserError(
            f"--distributed found no processes: {reason}. It knows the steps of SLURM (srun), "
            "Open MPI, TPU pods and Kubernetes Jobs; elsewhere give --coordinator=HOST:PORT, "
            "--processes=N and --process=I."
        ) from error
    finally:
        timer.cancel()
    if jax.default_backend() == "cpu":
        # What XLA:CPU reads back from its cache of compiled programs does not keep the order of
        # exchanges, and processes were seen to wait for each other in different ones for ever.
        jax.config.update("jax_enable_compilation_cache", False)


def _give_up(job: Job) -> None:
    """Ends the program, from a thread: jax does not come back from its waiting."""
    wanted = f"all {job.processes} processes" if job.coordinator else "all processes of the job"
    where = f" at {job.coordinator}" if job.coordinator else ""
    print(
        f"remote_jax: {wanted} did not meet{where} within {CONNECT_TIMEOUT} seconds: "
        "start them together, and see that process 0 can be reached from every machine.",
        file=sys.stderr,
        flush=True,
    )
    os._exit(2)
