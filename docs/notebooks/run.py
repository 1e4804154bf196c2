"""Runs the notebooks and writes their outputs: python docs/notebooks/run.py [NAME.ipynb ...]

Each runs in a folder of its own, which is removed. What a kernel says on stderr is left out, and so
is whatever tells one run from another: times, counts of executions, paths.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

HERE = Path(__file__).resolve().parent
TIMEOUT = 600
"""Seconds that a cell may take."""


def execute(path: Path, folder: Path) -> NotebookNode:
    """The notebook as it is after all its cells have run in `folder`.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell has failed.
    """
    notebook = nbformat.read(path, as_version=4)
    root = str(HERE.parents[1])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    client = NotebookClient(notebook, timeout=TIMEOUT, resources={"metadata": {"path": folder}})
    client.execute(env=environment)
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
        with tempfile.TemporaryDirectory() as folder:
            nbformat.write(clean(execute(path, Path(folder))), path)
        print(path.name)


if __name__ == "__main__":
    main(sys.argv[1:])
