"""Two processes train each system as one does, also when one of them is killed on the way.

    python tests/benchmarks/processes_as_one.py [--systems=umre,jmere,mkg_y] [--mesh=MESH]

For each system, very small: twenty steps or a few more in one process with four devices; in two
processes of two devices each; and in two of which one is killed with SIGKILL after the first
checkpoint, which ends the other, and both are started again. Prints how far losses and parameters
are apart, and after how many seconds the other process was gone; whether killed and undisturbed
pairs are the same bit for bit. `--mesh` is flags of `remote_jax.main` (`--config.mesh.fsdp=2`).
Exits 1 where losses differ by more than 1e-5 of their size, parameters by more than 1e-4, or the
other process stays a minute.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from meshes import BATCH, SYSTEMS, differences, losses, parameters  # noqa: E402

DEVICES = 4
MINUTE = 60.0


def start(
    workdir: Path, system: str, count: int, flags: list[str]
) -> list[subprocess.Popen[bytes]]:
    """Starts a run in so many processes; what they say goes to WORKDIR.I.log."""
    settings = {**SYSTEMS[system], **BATCH, "train.save_every": 4}
    command = [sys.executable, "-m", "remote_jax.main", f"--config={ROOT}/configs/{system}.py"]
    command += [f"--config.{key}={value}" for key, value in settings.items()]
    command += [f"--workdir={workdir}", f"--config.data.cache={workdir.parent / 'cache'}", *flags]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        job = [f"--coordinator=127.0.0.1:{free.getsockname()[1]}", f"--processes={count}"]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={DEVICES // count}",
    }
    running = []
    for process in range(count):
        mine = [*job, f"--process={process}"] if count > 1 else []
        with log_of(workdir, process).open("ab") as log:
            running.append(
                subprocess.Popen(command + mine, env=environment, stdout=log, stderr=log)
            )
    return running


def log_of(workdir: Path, process: int) -> Path:
    return workdir.with_name(f"{workdir.name}.{process}.log")


def finish(workdir: Path, system: str, count: int, flags: list[str]) -> None:
    """Runs to the end; leaves the program where a process fails."""
    for process, running in enumerate(start(workdir, system, count, flags)):
        if code := running.wait():
            said = log_of(workdir, process).read_text()[-3000:]
            sys.exit(f"process {process} of {workdir} ended with {code}:\n{said}")


def kill_one(workdir: Path, system: str, flags: list[str]) -> float:
    """Kills one of two processes after the first checkpoint; seconds until the other is gone."""
    one, other = start(workdir, system, 2, flags)
    latest = workdir / "checkpoints" / "latest"
    try:
        while not any(path.name.isdecimal() for path in latest.glob("*")):
            if one.poll() is not None or other.poll() is not None:
                said = "\n".join(log_of(workdir, process).read_text() for process in range(2))
                sys.exit(f"{workdir} ended before it was killed:\n{said[-6000:]}")
            time.sleep(0.002)
        other.send_signal(signal.SIGKILL)
        began = time.monotonic()
        one.wait(timeout=2 * MINUTE)
    finally:
        one.kill()
        other.kill()
    return time.monotonic() - began


def show(system: str, root: Path, flags: list[str]) -> bool:
    """Trains a system in the three ways; prints a line, and says whether it is as it should be."""
    one, two, killed = (root / name for name in ("one", "two", "killed"))
    finish(one, system, 1, flags)
    finish(two, system, 2, flags)
    seconds = kill_one(killed, system, flags)
    finish(killed, system, 2, flags)
    loss, by_name = differences(one, two)
    apart = max(by_name.values())
    whole, again = parameters(two), parameters(killed)
    exact = losses(killed) == losses(two)
    exact &= all(value.tobytes() == again[name].tobytes() for name, value in whole.items())
    print(
        f"{system}: {len(losses(two))} steps, losses within {loss:.1e} of their size, parameters "
        f"within {apart:.1e}; a killed process ended the other after {seconds:.1f} s, and the "
        f"restart ended {'bit for bit as' if exact else 'DIFFERENT FROM'} the undisturbed pair",
        flush=True,
    )
    return loss <= 1e-5 and apart <= 1e-4 and seconds < MINUTE and exact


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--mesh", default="", help="flags of remote_jax.main")
    options = parser.parse_args()
    right = True
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", f"{folder}/compiled")
        for system in options.systems.split(","):
            root = Path(folder) / system
            root.mkdir()
            right &= show(system, root, shlex.split(options.mesh))
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
