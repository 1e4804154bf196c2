"""Makes a page of a finished run or of a sweep, and figures: `remote-jax report RUN [RUN ...]`.

    remote-jax report runs/umre-seed0

writes `report/report.html` into the folder of each run, which opens in a browser without a server
or a network, and below `report/figures/` every chart as PNG and PDF. The folder of a sweep
(`remote-jax sweep --workdir`) gets curves over the keys that its variants differ in. It needs the
extra `report`: pip install -e '.[report]'.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Sequence
from pathlib import Path

from remote_jax.errors import UserError

NEEDS = ("jinja2", "matplotlib", "pandas", "plotly", "tabulate")


def check_libraries() -> None:
    """Raises a UserError where a library of the extra `report` is not installed."""
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f"A report needs {' and '.join(missing)}: pip install -e '.[report]'.")


def main(argv: Sequence[str]) -> int:
    """Writes the report of each run that the command line names; returns 0.

    Raises:
        UserError: a library is missing, or a folder holds neither a finished run nor a sweep.
    """
    parser = argparse.ArgumentParser(
        "remote-jax report", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "runs", metavar="RUN", nargs="+", type=Path, help="folder of a run or of a sweep"
    )
    parser.add_argument(
        "--output", type=Path, help="folder for the report; RUN/report if not given"
    )
    options = parser.parse_args(list(argv))
    check_libraries()
    if options.output is not None and len(options.runs) > 1:
        raise UserError("--output is for one run; without it each has its report in its folder.")
    from remote_jax.report import write
    from remote_jax.report.sweep import plan
    from remote_jax.report.sweep import write as of_sweep

    for run in options.runs:
        written = of_sweep.write if (run / plan.FILE).exists() else write.write
        print(written(run, options.output or run / "report"))
    return 0
