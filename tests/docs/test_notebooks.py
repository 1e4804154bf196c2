"""The notebooks run, and their committed outputs are of what they have now."""

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


@pytest.fixture(scope="module")
def kernel(run, tmp_path_factory):
    """One for all: what takes longest is to import what they stand on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        with run.kernel() as started:
            yield started


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds(cell):
    """What a cell has put out, by its kind, without the times of one run or another."""
    return [(one.output_type, one.get("name")) for one in cell.outputs]


def test_all_notebooks_are_tested():
    assert sorted(path.name for path in FOLDER.glob("*.ipynb")) == sorted(NAMES)


def shortened(notebook):
    """The notebook with few data and steps: what it puts out is of the same kinds."""
    settings = code_cells(notebook)[0]
    settings.source, epochs = re.subn(
        r'(epochs|eval_every)": [0-9.]+', r'\1": 0.2', settings.source
    )
    settings.source, sizes = re.subn(
        r'((?:train|validation|test)": )\d+', r"\g<1>24", settings.source
    )
    settings.source, graphs = re.subn(r"entities = \d+", "entities = 200", settings.source)
    assert epochs == 2 and sizes + 3 * graphs == 3
    return notebook


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_and_puts_out_what_is_committed(run, kernel, name, tmp_path):
    committed = nbformat.read(FOLDER / name, as_version=4)
    short = tmp_path / name
    nbformat.write(shortened(nbformat.read(FOLDER / name, as_version=4)), short)
    made = run.clean(run.execute(short, tmp_path, kernel))
    assert [kinds(cell) for cell in code_cells(made)] == [kinds(c) for c in code_cells(committed)]
    assert not any(kind == "error" for cell in code_cells(made) for kind, _ in kinds(cell))


@pytest.mark.parametrize("name", NAMES)
def test_committed_outputs_are_small_and_name_no_machine(name):
    text = (FOLDER / name).read_text("utf-8")
    assert len(text) < 200_000
    assert re.findall(r"/(?:tmp|home|root|work|usr|Users)/[\w/]*", text) == []
    shown = [cell for cell in code_cells(nbformat.reads(text, as_version=4)) if cell.outputs]
    assert len(shown) >= 4
