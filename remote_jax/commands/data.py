"""Statistics of data: `remote-jax data CONFIG [--config.KEY=VALUE ...] [--output=FOLDER]`.

    remote-jax data mnre --config.data.dir=MNRE_FOLDER
    remote-jax data --workdir=RUN

prints tables of the data that a config trains on: those of the paper, what splits have in common,
duplicates, contradictions, what is missing, lengths against the limits of the config. `--output`
names a folder for them as data.json, and for the charts as PNG and PDF where the extra `report` is
installed. `--workdir` takes the config of a run instead, and writes data.json into its folder,
where `remote-jax report RUN` reads it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import ConfigDict

from remote_jax import config as configs
from remote_jax.commands.arguments import check_known, override, read_flags
from remote_jax.commands.report import missing_libraries
from remote_jax.errors import UserError
from remote_jax.reporting.statistics import Statistics
from remote_jax.task import make_task


def main(argv: Sequence[str]) -> int:
    """Prints the statistics that the command line asks for, and writes them; returns 0.

    Raises:
        UserError: the command line or the config is wrong, the data are missing or malformed, or
            nothing can be written.
    """
    values = flags.FlagValues()
    flags.DEFINE_string("config", "", "The config, which may also be named without a flag.", values)
    flags.DEFINE_string("workdir", "", "Folder of a run, whose config is taken.", values)
    flags.DEFINE_string("output", "", "Folder for data.json and the charts.", values)
    flags.DEFINE_bool("help", False, "Show this.", values, short_name="h")
    program, *rest = read_flags(values, ["remote-jax data", *argv])
    if values.help:
        print(f"{__doc__}\nConfigs: {', '.join(configs.names())}.")
        return 0
    named = rest.pop(0) if rest and not rest[0].startswith("-") else values.config
    check_known([program, *rest], values)
    workdir = Path(values.workdir) if values.workdir else None
    config = _config(named, workdir)
    if workdir and rest:
        raise UserError(
            f"The data of {workdir} are counted as its config says: leave out {rest[0]}."
        )
    override(config, [program, *rest])
    found = statistics(config, workdir)
    print(found)
    for folder in filter(None, (workdir, Path(values.output) if values.output else None)):
        print(f"\n{found.write(folder)}")
    if values.output:
        _draw(found, Path(values.output))
    return 0


def statistics(config: ConfigDict, workdir: Path | None = None) -> Statistics:
    """Statistics of the data of a config.

    Args:
        config: of any system.
        workdir: of the run that it is of, if it is of one.

    Raises:
        UserError: the config is wrong, or the data are missing or malformed.
    """
    configs.check(config, configs.LOOP_KEYS)
    make_task(config)  # checks the rest
    module: Any = importlib.import_module(f"remote_jax.{config.system}.statistics.make")
    make: Callable[[ConfigDict, Path | None], Statistics] = module.statistics
    return make(config, workdir)


def _config(named: str, workdir: Path | None) -> ConfigDict:
    if bool(named) == (workdir is not None):
        raise UserError("Name a config, as in `remote-jax data umre`, or a run by --workdir=RUN.")
    return configs.read(workdir) if workdir is not None else configs.load(named)


def _draw(found: Statistics, folder: Path) -> None:
    """Writes the charts, or says what they need."""
    if missing := missing_libraries():
        print(f"Charts need {' and '.join(missing)}: pip install -e '.[report]'.")
        return
    from remote_jax.report import data, drawings

    for chart in data.charts(found):
        for path in drawings.write(chart, folder):
            print(path)
