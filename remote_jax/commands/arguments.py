"""Reads the command line of a run: a mode, a config with overrides, and where things are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict, config_flags

import remote_jax
from remote_jax import config as configs
from remote_jax.commands import reference
from remote_jax.errors import UserError, nearest
from remote_jax.runtime import cluster
from remote_jax.serve.partial_answers import check_paths

MODES = ("train", "eval", "predict", "export", "report")

FOLDERS = ("export", "report")
"""Modes whose `--output` is a folder."""

OVERRIDE = re.compile(r"--?(?:no)?config\.([^=]*)")
"""A flag that sets a key of the config."""

REFUSED = re.compile(r"flag --config\.([^=]+)=(.*?): ", re.DOTALL)
"""How absl begins to say that such a flag has a value of another type."""


@dataclass(frozen=True)
class Arguments:
    """What the command line asks for."""

    mode: str
    config: ConfigDict
    workdir: Path
    posts: tuple[Path, Path] | None
    """predict: where the posts are, and where the answers go."""
    folder: Path | None = None
    """export: the folder to make; report: the folder for it, where one is named."""
    without: tuple[str, ...] = ()
    """eval: mechanisms to take away."""
    job: cluster.Job | None = None
    """Where this is one process of several."""


def parse(argv: list[str], about: str) -> Arguments | None:
    """Reads the command line; None where it only asks what there is, which is printed.

    Args:
        argv: the program's name first.
        about: what `--help` says before it lists the flags.

    `eval`, `predict` and `export` take the config of the run in --workdir where none is named.

    Raises:
        UserError: an unknown flag, mode, config file, preset or key, or a value of a wrong type.
    """
    values = flags.FlagValues()
    flags.DEFINE_string("config", "", "NAME[:PRESET] or FILE[:PRESET], as umre:paper.", values)
    flags.DEFINE_string("workdir", "", "Folder of the run; default runs/NAME-seedN.", values)
    flags.DEFINE_enum("mode", "train", MODES, "What to do.", values)
    flags.DEFINE_string("input", "", "predict: JSON lines of posts.", values)
    flags.DEFINE_string(
        "output", "", "predict, export, report: where the answers, or the folder, go.", values
    )
    flags.DEFINE_list(
        "without", [], "eval: mechanisms to replace by neutral elements, or each.", values
    )
    cluster.define_flags(values)
    flags.DEFINE_bool("help", False, "Show this, or the keys of --config.", values, short_name="h")
    flags.DEFINE_bool("version", False, "Show the version.", values)
    rest = read_flags(values, argv)
    if values.help:
        _help(values, about)
        return None
    if values.version:
        print(remote_jax.__version__)
        return None
    check_known(rest, values)
    _check_mode(values)
    workdir = Path(values.workdir) if values.workdir else None
    if values.config:
        config = configs.load(values.config)
    elif workdir and values.mode != "train":
        config = configs.read(workdir)
    else:
        missing = "--config=NAME" if values.mode == "train" else "--workdir or --config=NAME"
        raise UserError(f"--mode={values.mode} needs {missing}, as --config=umre.")
    override(config, rest)
    return Arguments(
        mode=values.mode,
        config=config,
        workdir=workdir or Path("runs") / configs.run_name(values.config, config.seed),
        posts=(Path(values.input), Path(values.output)) if values.mode == "predict" else None,
        folder=Path(values.output) if values.output and values.mode in FOLDERS else None,
        without=tuple(values.without),
        job=cluster.read(values),
    )


def _help(values: flags.FlagValues, about: str) -> None:
    if values.config:
        print(reference.help_text(values.config))
        return
    print(about)
    print(f"Configs: {', '.join(configs.names())}.")
    print(values.get_help(include_special_flags=False))


def _check_mode(values: flags.FlagValues) -> None:
    """Raises a UserError unless the flags are those of the mode."""
    if values.mode == "predict" and not (values.input and values.output):
        raise UserError("--mode=predict needs --input=POSTS.jsonl and --output=ANSWERS.jsonl.")
    if values.mode == "predict":
        check_paths(Path(values.input), Path(values.output))
    if values.mode == "export" and not values.output:
        raise UserError("--mode=export needs --output=FOLDER.")
    if values.input and values.mode != "predict":
        raise UserError(f"--input is for --mode=predict, found --mode={values.mode}.")
    if values.output and values.mode not in ("predict", *FOLDERS):
        raise UserError(
            f"--output is for --mode=predict, export and report, found --mode={values.mode}."
        )
    if values["without"].present and values.mode != "eval":
        raise UserError(f"--without is for --mode=eval, found --mode={values.mode}.")
    if values["without"].present and not all(values.without or [""]):
        raise UserError("--without needs names of mechanisms, as --without=router, or each.")
    if values.mode in FOLDERS and cluster.read(values) is not None:
        raise UserError(f"--mode={values.mode} is for one process: leave out the flags of a job.")


def read_flags(values: flags.FlagValues, argv: list[str]) -> list[str]:
    """Sets flags from the command line; gives what is none of them, the program's name first.

    Raises:
        UserError: a flag has a wrong value, or none.
    """
    values.set_gnu_getopt()
    try:
        return values(argv, known_only=True)
    except flags.Error as error:
        raise UserError(_sentence(error)) from error


def check_known(argv: list[str], known: flags.FlagValues) -> None:
    """Raises a UserError for what is no flag of the program and overrides no key either.

    Args:
        argv: what the program's own flags left, its name first.
    """
    takes_value = False
    for argument in argv[1:]:
        if OVERRIDE.match(argument):
            takes_value = "=" not in argument
        elif argument.startswith("--") or (argument.startswith("-") and not takes_value):
            name = argument.lstrip("-").partition("=")[0]
            raise UserError(f"Unknown flag --{name}{nearest(name, known)}.")
        elif takes_value:
            takes_value = False
        else:
            raise _unexpected(argument)


def _unexpected(argument: str) -> UserError:
    example = f"--mode={argument}" if argument in MODES else "--name=value"
    return UserError(f"Unexpected argument {argument!r}; flags look like {example}.")


def override(config: ConfigDict, argv: list[str]) -> None:
    """Applies `--config.KEY=VALUE` flags to the config.

    Raises:
        UserError: there is no such key, or its value has another type.
    """
    for flag in argv[1:]:
        if found := OVERRIDE.match(flag):
            configs.check_override(config, found[1])
    values = flags.FlagValues()
    config_flags.DEFINE_config_dict("config", config, flag_values=values, sys_argv=argv)
    values.set_gnu_getopt()
    try:
        rest = values(argv)
    except (flags.Error, TypeError, ValueError) as error:
        if found := REFUSED.match(str(error)):
            raise configs.wrong_type(config, found[1], found[2]) from error
        raise UserError(_sentence(error)) from error
    if len(rest) > 1:
        raise _unexpected(rest[1])


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") + "."
