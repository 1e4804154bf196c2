"""The contracts between packages: kept, able to fail, and drawn and listed as they are."""

from __future__ import annotations

import importlib.util
import re
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
def project(tmp_path: Path) -> Path:
    """A copy of the package and its contracts."""
    shutil.copytree(
        ROOT / "remote_jax", tmp_path / "remote_jax", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_are_kept(project: Path) -> None:
    found = lint(project)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("training/loop.py", "remote_jax.roam.task"),  # upwards
        ("eega/task.py", "remote_jax.remote.task"),  # from one system to another
        ("data/files.py", "remote_jax.reporting.results"),  # within a layer
        ("remote/model/mot.py", "remote_jax.data.images"),  # from equations to files
        ("roam/model/moseg.py", "transformers"),  # from equations to tokenizers
    ],
)
def test_a_planted_import_is_found(project: Path, importer: str, imported: str) -> None:
    path = project / "remote_jax" / importer
    path.write_text(path.read_text() + f"\nimport {imported}\n")
    found = lint(project)
    named = "remote_jax." + importer.removesuffix(".py").replace("/", ".")
    assert found.returncode == 1 and f"{named} ->" in found.stdout, found.stdout + found.stderr


def test_a_package_that_no_contract_lists_is_found(project: Path) -> None:
    (project / "remote_jax" / "unlisted.py").write_text('"""Not in any layer."""\n')
    assert lint(project).returncode == 1


def listed(page: str) -> list[list[str]]:
    """The packages of each layer in the table of the page, from the top; layers count down."""
    table = page.split("## Layers")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (\d*) ?\| `([a-z_]+)(?:/|\.py)` \|", table, re.MULTILINE)
    found: list[list[str]] = []
    for number, package in rows:
        if number:
            found.append([])
        found[-1].append(package)
    numbers = [int(number) for number, _ in rows if number]
    assert numbers == list(range(len(found), 0, -1))
    assert len(rows) == table.count("\n|") - 2  # but for the header
    return found


def contracted() -> list[list[str]]:
    """The packages of each layer in the contract, as `docs/rooms.py` reads them."""
    spec = importlib.util.spec_from_file_location("rooms", ROOT / "docs" / "rooms.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.layers()


def test_the_table_lists_the_layers_of_the_contract() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert [sorted(layer) for layer in listed(page)] == [sorted(layer) for layer in contracted()]
    without = re.sub(r"(?m)^\| 9 \| `commands/`.*\n", "", page).replace("| 10 |", "| 9 |")
    assert without != page and listed(without) != listed(page)


def test_the_picture_is_of_these_packages() -> None:
    drawn = subprocess.run(
        [sys.executable, ROOT / "docs" / "rooms.py"], cwd=ROOT, capture_output=True, text=True
    )
    assert drawn.returncode == 0, drawn.stderr
    picture = (ROOT / "docs" / "images" / "rooms.svg").read_text()
    assert drawn.stdout == picture, "python docs/rooms.py > docs/images/rooms.svg"


def test_packages_and_files_stay_small() -> None:
    package = ROOT / "remote_jax"
    assert len(list(package.glob("*.py"))) <= LIMIT_TOP
    for folder in {path.parent for path in package.rglob("*.py")}:
        assert len(list(folder.glob("*.py"))) <= LIMIT_FILES, folder
    for path in [*package.rglob("*.py"), *(ROOT / "tests").rglob("*.py")]:
        lines = path.read_text(encoding="utf-8").count("\n")
        assert lines <= LIMIT_LINES, f"{path} has {lines} lines"
