"""Makes a page of a finished run, and its figures as files: `remote-jax report RUN [RUN ...]`.

    remote-jax report runs/umre-seed0

writes `report/report.html` into the folder of each run, which opens in a browser without a server
or a network, and below `report/figures/` every chart as PNG and PDF. It needs the extra `report`:
pip install -e '.[report]'.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Sequence
from pathlib import Path

from remote_jax.errors import UserError

NEEDS = ("jinja2", "matplotlib", "pandas", "plotly", "tabulate")


def missing_libraries() -> list[str]:
    """Libraries of the extra `report` that are not installed."""
    return [name for name in NEEDS if importlib.util.find_spec(name) is None]


def check_libraries() -> None:
    """Raises a UserError where a library of the extra `report` is not installed."""
    if missing := missing_libraries():
        raise UserError(f"A report needs {' and '.join(missing)}: pip install -e '.[report]'.")


def main(argv: Sequence[str]) -> int:
    """Writes the report of each run that the command line names; returns 0.

    Raises:
        UserError: a library is missing, or a folder holds no finished run.
    """
    parser = argparse.ArgumentParser(
        "remote-jax report", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("runs", metavar="RUN", nargs="+", type=Path, help="folder of a run")
    parser.add_argument(
        "--output", type=Path, help="folder for the report; RUN/report if not given"
    )
    parser.add_argument(
        "--explain",
        type=_whole,
        default=0,
        metavar="N",
        help="show what the model made of N predictions: opens the checkpoint and the data",
    )
    options = parser.parse_args(list(argv))
    check_libraries()
    if options.output is not None and len(options.runs) > 1:
        raise UserError("--output is for one run; without it each has its report in its folder.")
    for run in options.runs:
        of_run(run, options.output, explain=options.explain)
    return 0


def of_run(run: Path, folder: Path | None = None, *, explain: int = 0) -> int:
    """Writes the report of a run, says where it is, and returns 0.

    Args:
        folder: for the report; RUN/report if None.
        explain: predictions of which is shown what the model made of them, at most.

    Raises:
        UserError: as `main`.
    """
    check_libraries()
    from remote_jax.report import write

    print(write.write(run, folder or run / "report", explain=explain))
    return 0


def _whole(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError(text)
    return value
