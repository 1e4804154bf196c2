"""Two programs that take turns at the same work: what benchmarks beside public code have in common.

Each side runs in a process of its own, and may have an environment of its own. It is the script of
the benchmark itself, with `--side=NAME`: it calls `serve`, and the first process holds a `Side` of
each and calls `compare`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

Work = Callable[[], int]
"""Does it once, and says of how many items that was."""

PUBLIC, OURS = "public", "ours"


def serve(works: Mapping[str, Work]) -> None:
    """Does each once, so that all is compiled, and then whatever a line of standard input names."""
    for work in works.values():
        work()
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        began = time.monotonic()
        items = works[line.strip()]()
        seconds = time.monotonic() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
        print(json.dumps([1000 * seconds / items, peak]), flush=True)


class Side:
    """A side in its own process.

    Args:
        python: of its environment.
        flags: after the script's name.
        threads: that it may use.
    """

    def __init__(self, python: str, flags: Iterable[str], threads: int = 1):
        wide = "true" if threads > 1 else "false"
        env = os.environ | {"OMP_NUM_THREADS": str(threads), "JAX_PLATFORMS": "cpu"}
        env["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={wide}"
        self.peak_gb = 0.0
        self._process = subprocess.Popen(
            [python, sys.argv[0], *flags],
            **{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": env},
        )
        while json.loads(self._line()) != "ready":
            pass

    def _line(self) -> str:
        for line in self._process.stdout:
            if line.startswith(("[", '"')):  # what a side says itself goes to the same place
                try:
                    json.loads(line)
                except ValueError:
                    continue
                return line
        raise SystemExit("a side ended before it had answered")

    def milliseconds(self, work: str) -> float:
        """Of one item."""
        self._process.stdin.write(work + "\n")
        self._process.stdin.flush()
        each, self.peak_gb = json.loads(self._line())
        return each

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


def compare(sides: Mapping[str, Side], works: Iterable[str], rounds: int, item: str) -> None:
    """Prints milliseconds an item of both sides, medians with least and most, and their ratio."""
    first, second = sides
    for work in works:
        laps: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(rounds):
            for name, side in sides.items():
                laps[name].append(side.milliseconds(work))
        told = ", ".join(f"{name} {spread(values)}" for name, values in laps.items())
        ratio = statistics.median(laps[first]) / statistics.median(laps[second])
        ratios = [one / other for one, other in zip(laps[first], laps[second], strict=True)]
        rounds_told = f"{min(ratios):.2f} to {max(ratios):.2f} in single rounds"
        print(f"{work}, ms {item}: {told}; {second} is {ratio:.2f} times as fast ({rounds_told})")
    peaks = {name: side.peak_gb for name, side in sides.items()}
    told = ", ".join(f"{name} {peak:.2f} GB" for name, peak in peaks.items())
    print(f"peak memory of the process: {told}", flush=True)
    for side in sides.values():
        side.close()


def held_gb(program) -> float:
    """Gigabytes that a compiled step holds at most: what it is given, makes and works with."""
    memory = program.memory_analysis()
    given = memory.argument_size_in_bytes + memory.output_size_in_bytes
    return (given - memory.alias_size_in_bytes + memory.temp_size_in_bytes) / 1e9


def spread(values: list[float]) -> str:
    """Median, least and most."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def add_arguments(parser: argparse.ArgumentParser, works: list[str], rounds: int = 3) -> None:
    """Those that all of these benchmarks have."""
    parser.add_argument("--python-torch", required=True, help="of an environment with PyTorch")
    parser.add_argument("--rounds", type=int, default=rounds, help="that both sides take in turn")
    parser.add_argument("--threads", type=int, default=1, help="that a side may use")
    parser.add_argument("--works", nargs="+", default=works, choices=works, help="of these only")
    parser.add_argument("--side", choices=(PUBLIC, OURS), help=argparse.SUPPRESS)
    parser.add_argument("--shared", type=Path, help=argparse.SUPPRESS)


def add_public(parser: argparse.ArgumentParser, *, batch: int) -> None:
    """Those of benchmarks beside the public code of a paper."""
    parser.add_argument("--public", type=Path, required=True, help="folder of its modules")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data's text files")
    parser.add_argument("--batch", type=int, default=batch, help="size of a batch")
    parser.add_argument("--steps", type=int, default=2, help="of a round")


def run(
    options: argparse.Namespace,
    makers: Mapping[str, Callable[[argparse.Namespace], Mapping[str, Work]]],
    item: str,
    write: Callable[[argparse.Namespace, Path], None] | None = None,
) -> None:
    """Is one side of a benchmark, or compares both.

    Args:
        options: what the command line said, `add_arguments` among it.
        makers: of the works of each side.
        item: what is counted.
        write: writes `options.shared` for both sides, with what our environment has.
    """
    sys.path.insert(0, str(Path(__file__).parents[2]))
    if options.side:
        made = makers[options.side](options)
        serve({name: made[name] for name in options.works})
        return
    pythons = {PUBLIC: options.python_torch, OURS: sys.executable}
    with tempfile.TemporaryDirectory() as folder:
        shared = Path(folder) / "shared.npz"
        if write:
            write(options, shared)
        flags = [*sys.argv[1:], f"--shared={shared}"]
        sides = {
            name: Side(python, [*flags, f"--side={name}"], options.threads)
            for name, python in pythons.items()
        }
        compare(sides, options.works, options.rounds, item)
