"""Reads a config, checks it, and keeps a run from changing under its own feet."""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import json
import math
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from remote_jax.errors import UserError
from remote_jax.reporting.results import write_atomically

FREE = (
    "data.cache",
    "data.dir",  # the fingerprint of the data tells whether they are the same
    "data.workers",
    "train.eval_batch_size",
    "train.log_every",
    "train.remat",
    "train.save_every",
    "train.max_skipped",  # a run that stopped at a loss that is no number may go on with it
    "mesh.data",
    "mesh.fsdp",
    "mesh.tensor",
    "profile",
)
"""Keys that may change between a start and a resume: they say where and how, not what."""

LATER = {"train.average": 0.0}
"""Keys that configs did not always have, and the value that means what was done without them: with
it, runs of before go on and are evaluated."""


@dataclass(frozen=True)
class Between:
    """A finite number in [low, high], or in (low, high] where `open` says so."""

    low: float
    high: float = math.inf
    open: bool = False

    def __contains__(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        above = value > self.low if self.open else value >= self.low
        return math.isfinite(value) and above and value <= self.high

    def __str__(self) -> str:
        low = f"above {self.low:g}" if self.open else f"at least {self.low:g}"
        return f"a number {low}" + ("" if math.isinf(self.high) else f" and at most {self.high:g}")


@dataclass(frozen=True)
class OneOf:
    """One of a few values."""

    values: tuple[object, ...]

    def __contains__(self, value: object) -> bool:
        return value in self.values

    def __str__(self) -> str:
        return "one of " + ", ".join(map(repr, self.values))


@dataclass(frozen=True)
class Text:
    """Any text."""

    def __contains__(self, value: object) -> bool:
        return isinstance(value, str)

    def __str__(self) -> str:
        return "a text"


Rules = Mapping[str, Between | OneOf | Text]

LOOP_RULES: Rules = {
    "seed": Between(0, 2**31 - 1),
    "compute_dtype": OneOf(("float32", "bfloat16")),
    "data.workers": Between(0, 1024),
    "train.epochs": Between(0, open=True),
    "train.batch_size": Between(1),
    "train.eval_batch_size": Between(1),
    "train.optimizer": OneOf(("adam", "adagrad")),
    "train.learning_rate": Between(0, open=True),
    "train.new_learning_rate": Between(0),
    "train.warmup": Between(0, 1),
    "train.schedule": OneOf(("linear", "constant")),
    "train.weight_decay": Between(0),
    "train.clip": Between(0, open=True),
    "train.average": Between(0, 0.9999),  # float32 loses smaller shares of a step
    "train.log_every": Between(1),
    "train.eval_every": Between(0, open=True),
    "train.save_every": Between(1),
    "train.accumulation": Between(1),
    "train.remat": OneOf((True, False)),
    "train.frozen": Text(),
    "train.max_skipped": Between(0),
    "mesh.data": Between(-1),
    "mesh.fsdp": Between(1),
    "mesh.tensor": Between(1),
    "profile": OneOf((True, False)),
}
"""Keys that the training loop itself reads; a task checks its own."""


def split_spec(spec: str) -> tuple[Path, str]:
    """`configs/umre.py:paper` is the file and the preset; the preset may be missing."""
    path, _, preset = spec.partition(":")
    return Path(path), preset


def load(spec: str) -> ConfigDict:
    """Runs the config file that `FILE[:PRESET]` names.

    A config file defines `get_config(preset)`, or `get_config()` where it has no presets, and
    raises `unknown_preset` for a preset that it does not have.

    Raises:
        UserError: there is no such file, function or preset.
    """
    path, preset = split_spec(spec)
    if not path.is_file():
        raise UserError(f"There is no config file {path}; the shipped ones are in configs/.")
    module_spec = importlib.util.spec_from_file_location("remote_jax_config", path)
    if module_spec is None or module_spec.loader is None:
        raise UserError(f"{path} is not a Python file; a config is a .py file with get_config.")
    module = importlib.util.module_from_spec(module_spec)
    sys.path.insert(0, str(path.resolve().parents[1]))  # configs build on each other
    try:
        module_spec.loader.exec_module(module)
    except SyntaxError as error:
        raise UserError(f"{path}:{error.lineno}: {error.msg}.") from error
    except ImportError as error:
        raise UserError(f"{path} imports what is not there: {error}.") from error
    finally:
        sys.path.pop(0)
    get_config = getattr(module, "get_config", None)
    if get_config is None:
        raise UserError(f"{path} defines no get_config(preset).")
    if not inspect.signature(get_config).parameters:
        if preset:
            raise UserError(f"{path} has no presets, found {preset!r}.")
        return get_config().lock()
    return (get_config(preset) if preset else get_config()).lock()


def unknown_preset(preset: str, known: Iterable[str]) -> UserError:
    """The error of a config file that is asked for a preset it does not have."""
    names = [name for name in known if name]
    return UserError(f"Unknown preset {preset!r}; known: {', '.join(names) or 'none'}.")


def check_override(config: ConfigDict, key: str) -> None:
    """Raises a UserError that names the nearest key unless `key` is a leaf of the config."""
    known = list(flatten(config))
    if key not in known:
        raise UserError(f"Unknown config key {key!r}{nearest(key, known)}.")


def check(config: ConfigDict, rules: Rules) -> None:
    """Checks values against rules by dotted key.

    Raises:
        UserError: a key is missing, or its value breaks its rule.
    """
    values = flatten(config)
    for key, rule in rules.items():
        if key not in values:
            raise UserError(f"The config has no key {key!r}; it must be {rule}.")
        if values[key] not in rule:
            raise UserError(f"config.{key} must be {rule}, found {values[key]!r}.")


def flatten(config: Mapping[str, Any] | ConfigDict, prefix: str = "") -> dict[str, Any]:
    """Leaves by dotted key, in the order of the config."""
    leaves: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, ConfigDict | dict):
            leaves.update(flatten(value, f"{prefix}{key}."))
        else:
            leaves[f"{prefix}{key}"] = list(value) if isinstance(value, tuple) else value
    return leaves


def write(config: ConfigDict, workdir: Path) -> None:
    """Writes `WORKDIR/config.json`."""
    text = json.dumps(config.to_dict(), indent=2, ensure_ascii=False)
    write_atomically(workdir / "config.json", [text + "\n"])


def read(workdir: Path) -> ConfigDict:
    """Reads `WORKDIR/config.json`, with what is in `LATER` where it is absent.

    Raises:
        UserError: there is none, or it is not JSON.
    """
    path = workdir / "config.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{workdir} holds no run: there is no {path}.") from error
    except ValueError as error:
        raise UserError(f"{path} is not the config of a run: {error}.") from error
    if not isinstance(stored, dict):
        raise UserError(f"{path} is not the config of a run: it holds no JSON object.")
    for key, value in LATER.items():
        part, _, name = key.partition(".")
        if isinstance(stored.get(part), dict):
            stored[part].setdefault(name, value)
    return ConfigDict(stored).lock()


def check_same(config: ConfigDict, stored: ConfigDict, workdir: Path) -> None:
    """Raises a UserError for the first key, outside FREE, that differs from the stored run's."""
    new, old = flatten(config), flatten(stored)
    for key in [*new, *(key for key in old if key not in new)]:
        if key in FREE or (key in new and key in old and new[key] == old[key]):
            continue
        was, now = (repr(c[key]) if key in c else "absent" for c in (old, new))
        raise UserError(
            f"The run in {workdir} was started with {key} = {was}, now it is {now}: "
            "set it back, or choose another --workdir."
        )


def run_name(spec: str, seed: int) -> str:
    """Folder name of a run: config file, preset and seed."""
    path, preset = split_spec(spec)
    return "-".join([path.stem, *filter(None, [re.sub(r"\W+", "_", preset)]), f"seed{seed}"])


def nearest(name: str, known: Iterable[str]) -> str:
    """` (did you mean ...?)` with the likeliest known name; one with the same last part first."""
    names = list(known)
    last = name.rpartition(".")[2]
    same_last = [key for key in names if key.rpartition(".")[2] == last]
    close = difflib.get_close_matches(name, same_last or names, n=1, cutoff=0.0)
    return f" (did you mean {close[0]!r}?)" if close else ""
