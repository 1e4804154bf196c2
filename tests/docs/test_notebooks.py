"""The notebooks run as they are, and their committed outputs are those of what they have now."""

import importlib.util
import re

import nbformat
import pytest
from pages import ROOT

FOLDER = ROOT / "docs/notebooks"
NAMES = ["umre.ipynb", "jmere.ipynb", "mkg_y.ipynb"]


@pytest.fixture(scope="module")
def run():
    spec = importlib.util.spec_from_file_location("notebooks_run", FOLDER / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds(cell):
    """What a cell has put out, by its kind, without the times of one run or another."""
    return [(one.output_type, one.get("name")) for one in cell.outputs]


def test_all_notebooks_are_tested():
    assert sorted(path.name for path in FOLDER.glob("*.ipynb")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_and_puts_out_what_is_committed(run, name, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = run.clean(run.execute(FOLDER / name, tmp_path))
    committed = nbformat.read(FOLDER / name, as_version=4)
    assert [kinds(cell) for cell in code_cells(made)] == [kinds(c) for c in code_cells(committed)]
    assert not any(kind == "error" for cell in code_cells(made) for kind, _ in kinds(cell))


@pytest.mark.parametrize("name", NAMES)
def test_committed_outputs_are_small_and_name_no_machine(name):
    text = (FOLDER / name).read_text("utf-8")
    assert len(text) < 200_000
    assert re.findall(r"/(?:tmp|home|root|work|usr|Users)/[\w/]*", text) == []
    shown = [cell for cell in code_cells(nbformat.reads(text, as_version=4)) if cell.outputs]
    assert len(shown) >= 4
