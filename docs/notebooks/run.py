"""Runs the notebooks and writes their outputs: python docs/notebooks/run.py [NAME.ipynb ...]

Each runs in a folder of its own, which is removed. What a kernel says on stderr is left out, and so
is whatever tells one run from another: times, counts of executions, paths.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode

HERE = Path(__file__).resolve().parent
TIMEOUT = 600
"""Seconds that a cell may take."""


@contextmanager
def kernel() -> Iterator[KernelManager]:
    """A kernel for notebooks of this checkout, which ends with the context."""
    root = str(HERE.parents[1])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    started = KernelManager(kernel_name="python3")
    started.start_kernel(env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)})
    try:
        yield started
    finally:
        started.shutdown_kernel(now=True)


def execute(path: Path, folder: Path, kernel: KernelManager) -> NotebookNode:
    """The notebook as it is after all its cells have run in `folder`.

    Nothing that another notebook has defined in the kernel is there.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell has failed.
    """
    notebook = nbformat.read(path, as_version=4)
    first = nbformat.v4.new_code_cell(f"%reset -f\nimport os\nos.chdir({str(folder)!r})\ndel os")
    notebook.cells.insert(0, first)
    NotebookClient(notebook, km=kernel, timeout=TIMEOUT).execute()
    del notebook.cells[0]
    return notebook


def clean(notebook: NotebookNode) -> NotebookNode:
    """The notebook without what differs from run to run."""
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = joined(one for one in cell.outputs if one.get("name") != "stderr")
            for output in cell.outputs:
                if "execution_count" in output:
                    output["execution_count"] = None
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return notebook


def joined(outputs: Iterable[NotebookNode]) -> list[NotebookNode]:
    """Outputs with what was printed in one piece: a kernel sends it in as many as time makes."""
    found: list[NotebookNode] = []
    for output in outputs:
        if found and output.output_type == found[-1].output_type == "stream":
            found[-1].text += output.text
        else:
            found.append(output)
    return found


def main(names: list[str]) -> None:
    """Runs the notebooks named, or all of them."""
    for path in [HERE / name for name in names] or sorted(HERE.glob("*.ipynb")):
        with tempfile.TemporaryDirectory() as folder, kernel() as started:
            nbformat.write(clean(execute(path, Path(folder), started)), path)
        print(path.name)


if __name__ == "__main__":
    main(sys.argv[1:])
