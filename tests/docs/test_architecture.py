"""The contracts between rooms: kept, able to fail, and drawn as they are."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("importlinter", reason="of the extra `test`")

ROOT = Path(__file__).parents[2]
LIMIT_FILES, LIMIT_LINES, LIMIT_TOP = 14, 320, 6


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Checks the contracts of the package that lies in `folder`."""
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the package and its contracts."""
    shutil.copytree(
        ROOT / "remote_jax", tmp_path / "remote_jax", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_are_kept(house: Path) -> None:
    found = lint(house)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("training/loop.py", "remote_jax.roam.task"),  # upwards
        ("eega/task.py", "remote_jax.remote.task"),  # from one system to another
        ("data/files.py", "remote_jax.reporting.results"),  # from one room to its neighbour
        ("remote/model/mot.py", "remote_jax.data.images"),  # from equations to files
        ("roam/model/moseg.py", "transformers"),  # from equations to tokenizers
    ],
)
def test_a_planted_import_is_found(house: Path, importer: str, imported: str) -> None:
    path = house / "remote_jax" / importer
    path.write_text(path.read_text() + f"\nimport {imported}\n")
    found = lint(house)
    named = "remote_jax." + importer.removesuffix(".py").replace("/", ".")
    assert found.returncode == 1 and f"{named} ->" in found.stdout, found.stdout + found.stderr


def test_a_room_that_no_contract_knows_is_found(house: Path) -> None:
    (house / "remote_jax" / "attic.py").write_text('"""Not on any floor."""\n')
    assert lint(house).returncode == 1


def test_the_picture_is_of_these_rooms() -> None:
    drawn = subprocess.run(
        [sys.executable, ROOT / "docs" / "rooms.py"], cwd=ROOT, capture_output=True, text=True
    )
    assert drawn.returncode == 0, drawn.stderr
    picture = (ROOT / "docs" / "images" / "rooms.svg").read_text()
    assert drawn.stdout == picture, "python docs/rooms.py > docs/images/rooms.svg"


def test_rooms_and_files_stay_small() -> None:
    package = ROOT / "remote_jax"
    assert len(list(package.glob("*.py"))) <= LIMIT_TOP
    for folder in {path.parent for path in package.rglob("*.py")}:
        assert len(list(folder.glob("*.py"))) <= LIMIT_FILES, folder
    for path in [*package.rglob("*.py"), *(ROOT / "tests").rglob("*.py")]:
        lines = path.read_text(encoding="utf-8").count("\n")
        assert lines <= LIMIT_LINES, f"{path} has {lines} lines"
