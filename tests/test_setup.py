"""What an installation takes along, and that it needs no checkout beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from setuptools import find_packages

from remote_jax import config as configs

ROOT = Path(__file__).parents[1]
SOURCES = ("remote_jax", "configs", "third_party")
FILES = ("setup.py", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built from a copy so that nothing is left behind."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in SOURCES:
        skip = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=skip)
    for name in FILES:
        shutil.copy(ROOT / name, source)
    pip("wheel", "--no-deps", "--no-build-isolation", f"--wheel-dir={folder}", source)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """A folder that the wheel is installed in; what it needs is taken from this environment."""
    pip("install", "--no-deps", "--no-index", f"--target={wheel.parent / 'installed'}", wheel)
    return wheel.parent / "installed"


def pip(*arguments: object) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    done = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def call(installed: Path, cwd: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """`remote-jax` of the installation."""
    return subprocess.run(
        [sys.executable, str(installed / "bin" / "remote-jax"), *flags],
        env=os.environ | {"PYTHONPATH": str(installed)},
        cwd=cwd,
        capture_output=True,
        text=True,
    )


def test_every_module_is_installed() -> None:
    packages = find_packages(str(ROOT), include=["remote_jax", "remote_jax.*"])
    modules = (ROOT / "remote_jax").rglob("*.py")
    folders = {".".join(path.parent.relative_to(ROOT).parts) for path in modules}
    assert folders == set(packages)


def test_the_wheel_has_what_the_repository_has(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, place in (("configs", "remote_jax/configs"), ("remote_jax", "remote_jax")):
        wanted = {
            f"{place}/{path.relative_to(ROOT / folder)}" for path in (ROOT / folder).rglob("*.py")
        }
        assert wanted and wanted <= names
    assert "remote_jax/third_party/relations/umre.txt" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"remote_jax"}


@pytest.mark.parametrize("spec", ["jmere", "mkg_w:structure", "mnre:minilm"])
def test_help_from_an_empty_folder(installed: Path, tmp_path: Path, spec: str) -> None:
    said = call(installed, tmp_path, f"--config={spec}", "--help")
    assert said.returncode == 0, said.stderr
    for name in configs.flatten(configs.load(spec)):
        assert f"--config.{name}=" in said.stdout
    assert not list(tmp_path.iterdir())


def test_a_file_of_ones_own_builds_on_a_shipped_one(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from remote_jax.configs import jmere\n"
        "def get_config():\n"
        "    print('from', jmere.__file__)\n"
        "    return jmere.get_config()\n"
    )
    said = call(installed, tmp_path, "--config=mine.py", "--help")
    assert said.returncode == 0, said.stderr
    assert f"from {installed / 'remote_jax' / 'configs' / 'jmere.py'}" in said.stdout


def test_mistakes_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    said = call(installed, tmp_path, "--config=configs/jmree.py")
    assert said.returncode == 2 and "Traceback" not in said.stderr
    assert "no config file configs/jmree.py (did you mean 'jmere'?)" in said.stderr
    said = call(installed, tmp_path, "--config=umer:paper")
    assert "no config umer (did you mean 'umre'?); those known by name: db15k," in said.stderr
    said = call(installed, tmp_path, "--config=umre:papre")
    assert "Unknown preset 'papre'; known: sample, shared, paper, released." in said.stderr


def test_version(installed: Path, tmp_path: Path) -> None:
    said = call(installed, tmp_path, "--version")
    (metadata,) = installed.glob("remote_jax-*.dist-info")
    assert metadata.name == f"remote_jax-{said.stdout.strip()}.dist-info"
