"""Says what is installed here, and what a run would miss: `remote-jax doctor`."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import platform
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from remote_jax import config as configs
from remote_jax.data.cache import cache_folder
from remote_jax.errors import UserError
from remote_jax.reporting.results import code_version
from remote_jax.runtime import compilation_cache

USAGE = """\
remote-jax doctor takes no arguments. It prints what is here, and exits with 2 if what a run of a
default preset needs is not."""


@dataclass(frozen=True)
class Finding:
    """A line of the report.

    Attributes:
        state: "ok"; "note" where only some presets miss it; "error" where the default ones do.
    """

    state: str
    what: str

    def __str__(self) -> str:
        return f"{self.state:5}  {self.what}"


def findings() -> Iterator[Finding]:
    """All that is looked at. Nothing is downloaded."""
    yield Finding("ok", f"Python {platform.python_version()} in {sys.prefix}")
    yield Finding("ok", f"remote_jax {code_version()} in {Path(__file__).parents[1]}")
    yield from _libraries()
    yield _devices()
    yield _cache("records and samples", cache_folder(""))
    yield _compiled()
    for checkpoint, specs in _named("pretrained").items():
        yield _checkpoint(checkpoint, specs)
    for pipeline, specs in _named("pipeline").items():
        yield _pipeline(pipeline, specs)


def _libraries() -> Iterator[Finding]:
    """What the package asks for, without its extras; each in the versions that it asks for."""
    try:
        wanted = importlib.metadata.requires("remote_jax") or []
    except importlib.metadata.PackageNotFoundError:
        yield Finding("error", "remote_jax is not installed: pip install -e . in its folder")
        return
    for requirement in sorted(map(Requirement, wanted), key=lambda one: one.name.lower()):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        name = requirement.name
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding("error", f"{name} is not installed: pip install '{requirement}'")
            continue
        if requirement.specifier.contains(found, prereleases=True):
            yield Finding("ok", f"{name} {found}")
        else:
            yield Finding("error", f"{name} {found} is here: pip install '{requirement}'")


def _devices() -> Finding:
    import jax

    from remote_jax.runtime import sharding

    try:
        found = [str(device) for device in sharding.devices()]
    except UserError as error:
        return Finding("error", str(error))
    return Finding("ok", f"devices: {', '.join(found)} ({jax.default_backend()})")


def _cache(what: str, folder: Path) -> Finding:
    there = folder
    while not there.exists():
        there = there.parent
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        return Finding("error", f"{what}: {folder} cannot be written")
    return Finding("ok", f"{what}: {folder}, {_size(folder)}")


def _compiled() -> Finding:
    place = compilation_cache.enable(cache_folder(""))
    if place is None:
        return Finding("note", "compiled programs are not kept: each start compiles anew")
    return _cache("compiled programs", place)


def _size(folder: Path) -> str:
    sizes = []
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # another program may delete it meanwhile
            if stat.S_ISREG((found := path.stat()).st_mode):
                sizes.append(found.st_size)
    return f"{sum(sizes) / 1e6:,.1f} MB in {len(sizes)} files"


def _named(last: str) -> dict[str, list[str]]:
    """What presets name in keys whose last part is `last`, and which presets do."""
    found: dict[str, list[str]] = {}
    for name in configs.names():
        for preset in configs.presets(name):
            spec = f"{name}:{preset}"
            for key, value in configs.flatten(configs.load(spec)).items():
                if key.rpartition(".")[2] == last and value and spec not in found.get(value, []):
                    found.setdefault(value, []).append(spec)
    return found


def _checkpoint(name: str, specs: Sequence[str]) -> Finding:
    from huggingface_hub import try_to_load_from_cache

    needed = f"encoder {name} of {', '.join(specs)}"
    if isinstance(try_to_load_from_cache(name, "config.json"), str):
        return Finding("ok", f"{needed}: in the cache of the hub")
    return Finding("note", f"{needed}: not here; it is downloaded at the first start")


def _pipeline(name: str, specs: Sequence[str]) -> Finding:
    needed = f"spaCy pipeline {name} of {', '.join(specs)}"
    if importlib.util.find_spec("spacy") is None:
        return Finding("note", f"{needed}: no spaCy here: pip install spacy")
    if importlib.util.find_spec(name) is None:
        return Finding("note", f"{needed}: not here: python -m spacy download {name}")
    return Finding("ok", f"{needed}: installed")


def main(argv: Sequence[str]) -> int:
    """Prints the report; returns 0, or 2 where a run of a default preset would miss something."""
    if argv:
        print(USAGE, file=sys.stderr if argv[0] not in ("-h", "--help") else sys.stdout)
        return 0 if argv[0] in ("-h", "--help") else 2
    states = []
    for finding in findings():
        print(finding, flush=True)
        states.append(finding.state)
    errors = states.count("error")
    print(f"\n{f'{errors} to mend' if errors else 'A default run misses nothing'}.")
    return 2 if errors else 0
