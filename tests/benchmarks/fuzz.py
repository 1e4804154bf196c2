"""Mutated input of every kind that is read: nothing but answers and sentences comes out.

    python tests/benchmarks/fuzz.py --inputs=100000 --seed=0 [--only=posts_of_remote]

Each input is a small valid folder with one file mutated: bytes changed, cut, doubled or put in, or
values of JSON replaced by awkward ones. It is read as users read it. What comes out is counted:

    read      it was taken, or a part of it with the rest refused
    refused   a `UserError`, or an answer that says what is wrong
    failed    any other exception
    slow      more than 10 seconds
    outside   a file was opened that is neither in the folder nor a part of the installation

Each kind runs in a process of its own, whose peak memory is told beside what it was before the
first input. Exits with 1 where anything failed, was slow, opened what it must not, or took more
than 2 GiB.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.extend(
    str(Path(__file__).parents[2] / place)
    for place in ("", "tests", "tests/remote", "tests/eega", "tests/serve")
)

import fuzz_targets

from remote_jax.data.cache import cache_folder
from remote_jax.errors import UserError
from remote_jax.main import quiet

ROOT = Path(__file__).parents[2]
SECONDS = 10
MEMORY = 2 * 2**30
SHOWN = 3
"""Failures that are printed whole."""

AWKWARD: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 2**31, -(2**63), 10**30, 0.5, 1e308, -0.0),
    *(float("nan"), float("inf"), "", " ", "..", "../x", "/etc/hostname", "a\0b", "[OBJ0]"),
    *("x" * 5000, "é", "\ud800", "a\u2028b", [], {}, [[]], [0, 1], [1, 0], [0.0] * 4, {"a": 1}),
)
PIECES = (
    *(b"", b"\0", b"\xff\xfe", b"\n", b"\t", b"{", b"[", b"[" * 50, b'"', b"'", b"nan", b"1e999"),
    *(b"-1", b"99999999999999999999", b"..", b"/", b"\r\n", b" ", b",", b":", b"__import__('os')"),
)


def mutated(content: bytes, rng: random.Random) -> bytes:
    """The content with one to four changes."""
    if rng.random() < 0.5 and (changed := _values(content, rng)) is not None:
        return changed
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(content) + 1)
        length = rng.choice((1, 1, 2, 8, 64))
        kind = rng.randrange(5)
        if kind == 0:
            content = content[:at] + rng.randbytes(length) + content[at + length :]
        elif kind == 1:
            content = content[:at] + content[at + length :]
        elif kind == 2:
            content = content[:at] + rng.choice(PIECES) + content[at:]
        elif kind == 3:
            content = content[:at] + content[at : at + length] * 2 + content[at + length :]
        else:
            content = content[:at] if rng.random() < 0.3 else content[at:] + content[:at]
    return content


def _values(content: bytes, rng: random.Random) -> bytes | None:
    """JSON, or a line of it, with a value replaced, dropped or doubled; None where it is none."""
    lines = content.split(b"\n")
    whole = len(lines) < 3 or rng.random() < 0.3
    place = rng.randrange(len(lines))
    try:
        value = json.loads(content if whole else lines[place])
    except (ValueError, RecursionError):
        return None
    value = _changed(value, rng)
    text = json.dumps(value, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    if whole:
        return text
    return b"\n".join([*lines[:place], text, *lines[place + 1 :]])


def _changed(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        if rng.random() < 0.15:
            return {name: one for name, one in value.items() if name != key}
        if rng.random() < 0.1:
            return {**value, rng.choice(("x", "", f"{key} ")): value[key]}
        return {**value, key: _changed(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.85:
        at = rng.randrange(len(value))
        if rng.random() < 0.15:
            return value[:at] + value[at + 1 :]
        if rng.random() < 0.1:
            return value + value[at : at + 1] * rng.choice((1, 200))
        return [*value[:at], _changed(value[at], rng), *value[at + 1 :]]
    return rng.choice(AWKWARD)


class Watch:
    """Files that are opened while it is on."""

    def __init__(self) -> None:
        self.allowed: list[str] = []
        self.outside: list[str] = []
        self.on = False
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on or event != "open" or not isinstance(arguments[0], str | bytes):
            return
        path = os.path.realpath(os.fsdecode(arguments[0]))
        if not any(path.startswith(one) for one in self.allowed):
            self.outside.append(path)


class TooSlow(BaseException):
    """An input takes too long; no reader may catch it."""


def _alarm(*_: object) -> None:
    raise TooSlow


def attack(kind: str, count: int, seed: int, results: Any) -> None:
    """Runs a kind; puts its outcomes, its peak memory and some failures into `results`."""
    (target,) = (one for one in fuzz_targets.TARGETS if one.name == kind)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve() / "input"
        files, read = target.make(folder)
        watch = Watch()
        quiet()
        read()  # imports, compiles and caches what every input needs
        system = (sys.prefix, sys.base_prefix, str(ROOT), "/proc", "/sys", "/dev", "/usr", "/lib")
        cache = str(cache_folder(""))
        watch.allowed = [os.path.realpath(one) for one in (*system, name, cache)]
        signal.signal(signal.SIGALRM, _alarm)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        outcomes: Counter[str] = Counter()
        failures: list[str] = []
        rng = random.Random(f"{seed} {target.name}")
        originals = {path: path.read_bytes() for path in files}
        for number in range(count):
            path = rng.choice(files)
            changed = mutated(originals[path], rng)
            path.write_bytes(changed)
            outcome, told = _outcome(read, watch)
            path.write_bytes(originals[path])
            outcomes[outcome] += 1
            if told and len(failures) < SHOWN:
                failures.append(f"input {number}, {path.name}, {changed[:300]!r}\n{told}")
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        results.put((target.name, dict(outcomes), before, after, failures))


def _outcome(read: Callable[[], bool], watch: Watch) -> tuple[str, str]:
    """What came of reading: a name of the table, and what is to be told of it."""
    watch.outside.clear()
    watch.on = True
    signal.alarm(SECONDS)
    try:
        found = ("read" if read() else "refused"), ""
    except UserError as error:
        found = ("refused", "") if str(error).strip() else ("failed", "an error without a sentence")
    except TooSlow:
        found = "slow", traceback.format_exc(limit=-6)
    except Exception:
        found = "failed", traceback.format_exc(limit=-6)
    finally:
        signal.alarm(0)
        watch.on = False
    return ("outside", ", ".join(watch.outside[:3])) if watch.outside else found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="")
    settings = parser.parse_args()
    targets = [one for one in fuzz_targets.TARGETS if settings.only in ("", one.name)]
    total = sum(one.share for one in targets)
    context = multiprocessing.get_context("spawn")
    columns = ("read", "refused", "failed", "slow", "outside")
    print(f"| input | inputs | {' | '.join(columns)} | peak memory, of which before |")
    print(f"|{'---|' * (len(columns) + 3)}", flush=True)
    bad, done, told = 0, 0, []
    for target in targets:
        count = max(1, round(settings.inputs * target.share / total))
        results = context.Queue()
        process = context.Process(target=attack, args=(target.name, count, settings.seed, results))
        process.start()
        while process.is_alive() and results.empty():
            process.join(0.2)
        if results.empty():
            bad += 1
            print(f"| {target.name} | {count:,} | the process died ({process.exitcode}) |")
            continue
        name, outcomes, before, after, failures = results.get()
        process.join()
        cells = [f"{outcomes.get(column, 0):,}" for column in columns]
        sizes = f"{after / 2**20:,.0f} MiB, {before / 2**20:,.0f} MiB"
        print(f"| {name} | {count:,} | {' | '.join(cells)} | {sizes} |", flush=True)
        bad += sum(outcomes.get(column, 0) for column in columns[2:]) + (after > MEMORY)
        done += count
        told += [f"{name}: {failure}" for failure in failures]
    print(f"\n{done:,} inputs, seed {settings.seed}")
    for failure in told:
        print(f"\n{failure}")
    return 1 if bad else 0


if __name__ == "__main__":
    code = main()
    shutil.rmtree(fuzz_targets.SHARED, ignore_errors=True)
    sys.exit(code)
