"""The cache of compiled programs: where it is, that it changes no number, and what damage does.

Each run is a process of its own, as jax asks for the folder once.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import toy
from forked import Forked

from remote_jax.runtime import compilation_cache

FLAGS = ("--config.train.epochs=1", "--config.train.log_every=1")


SMALL = """
import jax
from remote_jax.data.cache import cache_folder
from remote_jax.runtime import compilation_cache
print(compilation_cache.enable(cache_folder("")))
jax.jit(lambda x: 3 * x)(1.0)
"""


def start(home: Path, *arguments: object, **environment: str) -> str:
    """Runs Python where a person's cache folder is `home`; returns what it said."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    path = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=inherited | {"XDG_CACHE_HOME": str(home), "PYTHONPATH": path} | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + "".join(line for line in done.stderr.splitlines(True) if "kept" in line)


DEFAULTS = {
    "jax_compilation_cache_dir": None,
    "jax_persistent_cache_min_compile_time_secs": 1.0,
    "jax_disable_most_optimizations": False,
}
"""Of jax, where tests have other ones."""


def train(home: Path, workdir: Path) -> None:
    """Trains the toy."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    flags = (f"--config={toy.__file__}", f"--workdir={workdir}", *FLAGS)
    environment = inherited | {"XDG_CACHE_HOME": str(home)}
    done = Forked(workdir.with_suffix(".log"), environment, *flags, **DEFAULTS)
    assert done.wait(timeout=120) == 0, done.log.read_text()


def metrics(workdir: Path) -> list[dict[str, Any]]:
    """All that is no time."""
    timed = ("seconds", "examples_per_s", "time", "data_wait_seconds")
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if not any(t in k for t in timed)} for line in lines]


def programs(home: Path) -> dict[str, bytes]:
    """Compiled programs by name."""
    return {path.name: path.read_bytes() for path in home.glob("remote_jax/xla/*/*-cache")}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `home`, and with the run `one`."""
    folder = tmp_path_factory.mktemp("first")
    train(folder / "home", folder / "one")
    return folder


def test_what_is_kept(first: Path) -> None:
    found = programs(first / "home")
    assert any(name.startswith("jit_step") or "step" in name for name in found)
    (place,) = (first / "home" / "remote_jax" / "xla").iterdir()
    assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_a_second_run_compiles_nothing_and_is_the_same(first: Path) -> None:
    before = programs(first / "home")
    train(first / "home", first / "two")
    assert programs(first / "home") == before
    assert len(metrics(first / "one")) > 5 and metrics(first / "two") == metrics(first / "one")
    assert (first / "two" / "predictions.jsonl").read_bytes() == (
        first / "one" / "predictions.jsonl"
    ).read_bytes()


def test_damage_costs_time_alone(first: Path, tmp_path: Path) -> None:
    """Every other program is cut short: as by a kill, or as by a disk that is at fault."""
    home = first / "home"  # in its place, since jax finds no program of a folder that was moved
    before = programs(home)
    (place,) = home.glob("remote_jax/xla/*")
    saved = shutil.copytree(place, tmp_path / "saved")
    cut = sorted(place.glob("*-cache"))[::2]
    for number, path in enumerate(cut):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        if number % 2 == 0:
            path.with_name(path.name.replace("-cache", "-atime")).unlink()
    try:
        train(home, tmp_path / "run")
        after = programs(home)
    finally:
        shutil.rmtree(place)
        shutil.copytree(saved, place)
    assert metrics(tmp_path / "run") == metrics(first / "one")
    assert after.keys() == before.keys() and len(cut) > 5
    for path in cut[::2]:
        # Written anew; its first bytes say how long it took to compile.
        assert len(after[path.name]) > 0.9 * len(before[path.name])


def test_switches(tmp_path: Path) -> None:
    home, own = tmp_path / "home", tmp_path / "own"
    assert start(home, "-c", SMALL, JAX_ENABLE_COMPILATION_CACHE="false") == "None\n"
    assert start(home, "-c", SMALL, JAX_COMPILATION_CACHE_DIR=str(own)) == f"{own}\n"
    assert not programs(home) and list(own.glob("*-cache"))


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = start(tmp_path / "file" / "home", "-c", SMALL)
    assert "Compiled programs are not kept: cannot write" in said and "Not a directory" in said


def test_the_folder_is_that_of_the_cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = compilation_cache.folder(tmp_path)
    assert here.parent == tmp_path / "xla" and here == compilation_cache.folder(tmp_path)
    monkeypatch.setattr(compilation_cache.platform, "machine", lambda: "another")
    assert compilation_cache.folder(tmp_path) != here


SETTINGS = """
import json
import os
import sys
from pathlib import Path
import jax
from remote_jax.runtime import compilation_cache
for changes in json.loads(sys.argv[2]):
    if os.fork():  # each begins with what was imported alone
        os.wait()
        continue
    for name, value in changes.items():
        jax.config.update(name, value)
    compilation_cache.enable(Path(sys.argv[1]))
    names = [*compilation_cache.THRESHOLD, *compilation_cache.SIZE, "jax_compilation_cache_dir"]
    print(*[jax.config.values[name] for name in names])
    break
"""


def test_what_the_caller_has_set_stays(tmp_path: Path) -> None:
    cases: list[tuple[dict[str, object], str]] = [
        ({}, "0.0 4294967296 HOME"),
        ({"jax_persistent_cache_min_compile_time_secs": 5.0}, "5.0 4294967296 HOME"),
        ({"jax_compilation_cache_max_size": 7}, "0.0 7 HOME"),
        ({"jax_compilation_cache_dir": "/own"}, "0.0 -1 /own"),
    ]
    changes = json.dumps([changes for changes, _ in cases])
    said = start(tmp_path, "-c", SETTINGS, tmp_path, changes).splitlines()
    home = str(compilation_cache.folder(tmp_path))
    assert said == [found.replace("HOME", home) for _, found in cases]


def test_a_folder_of_others_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = compilation_cache.folder(tmp_path)
    place.mkdir(parents=True)
    place.chmod(0o770)
    said = start(tmp_path, "-c", SETTINGS, tmp_path, "[{}]")
    assert "0.0 -1 None" in said
    assert f"{place} must belong to this user and be closed to others (chmod 700)" in said
    place.chmod(0o700)
    assert compilation_cache._own(place)
    monkeypatch.setattr(os, "getuid", lambda: -1)
    assert not compilation_cache._own(place)
