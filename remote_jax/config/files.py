"""Finds and runs the Python file that makes a config, by its path or by the name it ships under."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import extract_tb
from types import ModuleType

from ml_collections import ConfigDict

import remote_jax
from remote_jax.errors import UserError, nearest, reason

PACKAGE = "remote_jax.configs"
"""The shipped configs as a package; in a checkout its folder is the top-level `configs/`."""

PIPELINES = "pipelines"
"""The folder in it of configs of pipelines, which are no runs."""


def load(spec: str) -> ConfigDict:
    """Runs the config that `NAME[:PRESET]` or `FILE[:PRESET]` names, as `umre:paper`.

    A config file defines `get_config(preset)`, or `get_config()` where it has no presets, and
    raises `unknown_preset` for a preset that it does not have.

    Raises:
        UserError: there is no such config, file, function or preset.
    """
    path, preset = _find(spec)
    get_config = getattr(_run(path), "get_config", None)
    if get_config is None:
        raise UserError(f"{path} defines no get_config(preset).")
    takes_preset = bool(inspect.signature(get_config).parameters)
    if preset and not takes_preset:
        raise UserError(f"{path} has no presets, found {preset!r}.")
    with _located(path):
        config = get_config(preset) if preset else get_config()
    if not isinstance(config, ConfigDict):
        kind = type(config).__name__
        raise UserError(f"{path}: get_config returned {kind}, expected a ConfigDict.")
    return config.lock()


def names() -> list[str]:
    """Names of the shipped configs."""
    return sorted(path.stem for path in _shipped().glob("[!_]*.py"))


def load_pipeline(spec: str) -> ConfigDict:
    """Runs the config of a pipeline that `NAME` or `FILE` names.

    Raises:
        UserError: as `load`; or there is no such pipeline.
    """
    if spec in pipelines():
        return load(str(_shipped() / PIPELINES / f"{spec}.py"))
    if not Path(spec).is_file():
        known = pipelines()
        raise UserError(
            f"There is no pipeline {spec}{nearest(spec, known)}; those known by name: "
            f"{', '.join(known)}."
        )
    return load(spec)


def pipelines() -> list[str]:
    """Names of the shipped configs of pipelines."""
    return sorted(path.stem for path in (_shipped() / PIPELINES).glob("[!_]*.py"))


def presets(name: str) -> tuple[str, ...]:
    """Names of the presets of a shipped config, its default first."""
    return tuple(_run(_find(name)[0]).PRESETS)


def run_name(spec: str, seed: int) -> str:
    """Folder name of a run: config file, preset and seed."""
    path, preset = _split(spec)
    return "-".join([path.stem, *filter(None, [re.sub(r"\W+", "_", preset)]), f"seed{seed}"])


def unknown_preset(preset: str, known: Iterable[str]) -> UserError:
    """The error of a config file that is asked for a preset it does not have."""
    names = [name for name in known if name]
    return UserError(f"Unknown preset {preset!r}; known: {', '.join(names) or 'none'}.")


def _split(spec: str) -> tuple[Path, str]:
    """`configs/umre.py:paper` is the file and the preset; the preset may be missing."""
    path, _, preset = spec.partition(":")
    return Path(path), preset


def _find(spec: str) -> tuple[Path, str]:
    """The file and the preset. A word alone is the name of a shipped config."""
    path, preset = _split(spec)
    named = path.name == str(path) and not path.suffix
    if named and path.name in names():
        return _shipped() / f"{path}.py", preset
    if path.is_file():
        return path, preset
    what = f"There is no config {path}" if named else f"There is no config file {path}"
    known = names()
    raise UserError(f"{what}{nearest(path.stem, known)}; those known by name: {', '.join(known)}.")


def _shipped() -> Path:
    """The folder of the shipped configs: inside an installed package, beside that of a checkout."""
    package = Path(remote_jax.__file__).parent
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def _run(path: Path) -> ModuleType:
    """The module of a config file.

    It may import its neighbours by the name of their folder, and shipped ones from PACKAGE.
    """
    spec = importlib.util.spec_from_file_location("remote_jax_config", path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path} is not a Python file; a config is a .py file with get_config.")
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    sys.modules[spec.name] = module  # where dataclasses look for the module that they are in
    if path.parent != _shipped():
        sys.path.insert(0, str(path.resolve().parents[1]))
    try:
        with _located(path):
            spec.loader.exec_module(module)
    finally:
        sys.path[:] = before
        del sys.modules[spec.name]
    return module


@contextmanager
def _located(path: Path) -> Iterator[None]:
    """Around what runs a config file.

    Raises:
        UserError: what the file itself raises, with the line.
    """
    try:
        yield
    except UserError:
        raise
    except SyntaxError as error:
        raise UserError(
            f"{error.filename or path}{_line(error.lineno)}: {reason(error)}."
        ) from error
    except ImportError as error:
        raise UserError(f"{path} imports what is not there: {error}.") from error
    except Exception as error:  # the file is a program
        file = str(path.absolute())
        lines = [one.lineno for one in extract_tb(error.__traceback__) if one.filename == file]
        where = _line(lines[-1] if lines else None)
        raise UserError(f"{path}{where}: {type(error).__name__}: {reason(error)}.") from error


def _line(number: int | None) -> str:
    return f":{number}" if number else ""


def _import_shipped() -> None:
    """Makes PACKAGE the configs of this very checkout, whatever else is installed."""
    folder = _shipped()
    spec = importlib.util.spec_from_file_location(
        PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = module
    spec.loader.exec_module(module)


if PACKAGE not in sys.modules:
    _import_shipped()  # when this is imported: configs import it, and then each other
