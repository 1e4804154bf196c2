"""Every key of the configs, for a person: `--help` of one config, and a page of them all.

    python -m remote_jax.commands.reference > docs/configuration.md

Defaults are read from the configs, rules and meanings from the keys that the systems name.
"""

from __future__ import annotations

import html
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from remote_jax import config as configs
from remote_jax.config import SWITCH, Key, Keys, OneOf
from remote_jax.eega.settings import KEYS as EEGA_KEYS
from remote_jax.errors import UserError
from remote_jax.remote.settings import KEYS as REMOTE_KEYS
from remote_jax.roam.settings import KEYS as ROAM_KEYS

SYSTEMS: Mapping[str, Keys] = {"remote": REMOTE_KEYS, "eega": EEGA_KEYS, "roam": ROAM_KEYS}
WIDTH, INDENT = 100, " " * 6
INTRODUCTION = """\
# Configuration

Written by `python -m remote_jax.commands.reference`; change the configs and the settings of the
systems, not this page. `remote-jax --config=NAME[:PRESET] --help` prints the same for one config.

A config is named as `umre`, with a preset as `umre:paper`, or by a file, as `configs/umre.py`.
Each key is a flag, as `--config.train.epochs=2`. The first preset of a config is its default.
Keys marked with ↻ may be changed when a run goes on, and `train.epochs` may be raised; all others
must stay as they were.
A dash stands where a preset has no such key.
"""


def keys_of(system: str) -> Keys:
    """All keys of a system's configs.

    Raises:
        UserError: there is no such system.
    """
    if system not in SYSTEMS:
        raise UserError(f"Unknown system {system!r}; there are {', '.join(SYSTEMS)}.")
    return {**configs.LOOP_KEYS, **SYSTEMS[system]}


def help_text(spec: str) -> str:
    """What `--config=SPEC --help` prints: each key with its default, its values and its meaning."""
    config = configs.load(spec)
    keys = keys_of(config.system)
    lines = [f"Keys of --config={spec}. Change one with --config.KEY=VALUE."]
    for section, values in _sections(configs.flatten(config), keys).items():
        lines += ["", f"{section}:"]
        for name, value in values.items():
            lines.append(f"  --config.{name}={written(value)}")
            if key := keys.get(name):  # a person's own config may have more
                about = f"{key.meaning} [{allowed(key)}]"
                lines += textwrap.wrap(
                    about, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT
                )
    return "\n".join(lines)


def markdown() -> str:
    """The page `docs/configuration.md`."""
    systems = [_SystemReference(system) for system in SYSTEMS]
    return "\n".join([INTRODUCTION, *(line for system in systems for line in system.lines())])


def written(value: object) -> str:
    """A value as a flag takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def allowed(key: Key) -> str:
    """The values that a key may have."""
    if key.rule == SWITCH:
        return "true or false"
    if isinstance(key.rule, OneOf):
        return " or ".join(map(written, key.rule.values))
    return str(key.rule)


def _sections(values: Mapping[str, Any], keys: Keys) -> dict[str, dict[str, Any]]:
    """Values by the first part of their keys, in the order of `keys`."""
    found: dict[str, dict[str, Any]] = {}
    for name in [*(name for name in keys if name in values), *(n for n in values if n not in keys)]:
        section, dot, _ = name.partition(".")
        found.setdefault(section if dot else "general", {})[name] = values[name]
    return found


@dataclass(frozen=True)
class _SystemReference:
    """The chapter of a system."""

    system: str

    @cached_property
    def presets(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Values by config, preset and key; the config that has a sample is the first."""
        found = {name: _presets(name) for name in configs.names()}
        mine = {
            name: presets
            for name, presets in found.items()
            if _first(presets)["system"] == self.system
        }
        with_sample = [name for name in mine if "data.sample.seed" in _first(mine[name])]
        return {name: mine[name] for name in dict.fromkeys([*with_sample, *mine])}

    def lines(self) -> Iterator[str]:
        """A table a section, and what other configs have otherwise."""
        title, keys = self.system.upper(), keys_of(self.system)
        main, *others = self.presets
        columns = self.presets[main]
        union = {name: value for values in columns.values() for name, value in values.items()}
        yield from ("", f"## {title}")
        for section, found in _sections(union, keys).items():
            yield from ("", f"### {title}: {section}", "")
            yield from _head(
                "key", *(f"`{main}:{preset}`" for preset in columns), "values", "meaning"
            )
            for name in found:
                yield _row(
                    f"`{name}`" + (" ↻" if keys[name].free else ""),
                    *(_cell(values.get(name)) for values in columns.values()),
                    html.escape(allowed(keys[name]), quote=False),
                    html.escape(keys[name].meaning, quote=False),
                )
        if others:
            yield from ("", f"### {title}: other configs", "")
            yield from _head("config", "otherwise like", "key", "value")
            for name in others:
                yield from self._differences(name, main)

    def _differences(self, name: str, main: str) -> Iterator[str]:
        """A row a key that a preset has otherwise than that of `main`, or than its own first."""
        for preset, values in self.presets[name].items():
            like = (
                (main, preset) if preset in self.presets[main] else (name, configs.presets(name)[0])
            )
            other = self.presets[like[0]][like[1]]
            for key in dict.fromkeys([*values, *other]):
                if values.get(key) != other.get(key):
                    spec, of = f"`{name}:{preset}`", f"`{':'.join(like)}`"
                    yield _row(spec, of, f"`{key}`", _cell(values.get(key)))


def _presets(name: str) -> dict[str, dict[str, Any]]:
    return {
        preset: configs.flatten(configs.load(f"{name}:{preset}"))
        for preset in configs.presets(name)
    }


def _first(presets: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    return next(iter(presets.values()))


def _head(*names: str) -> tuple[str, str]:
    return _row(*names), "|---" * len(names) + "|"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return f"`{written(value)}`" if value != "" else "empty"


def main(argv: Sequence[str]) -> int:
    """Prints the page."""
    del argv
    print(markdown())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
