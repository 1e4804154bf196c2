"""Makes a page of a finished run or of a sweep, and figures: `remote-jax report RUN [RUN ...]`.

    remote-jax report runs/umre-seed0

writes `report/report.html` into the folder of each run, which opens in a browser without a server
or a network, and below `report/figures/` every chart as PNG and PDF. The folder of a sweep
(`remote-jax sweep --workdir`) gets curves over the keys that its variants differ in. It needs the
extra `report`: pip install -e '.[report]'.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from remote_jax.commands import libraries
from remote_jax.errors import UserError

NEEDS = ("jinja2", "matplotlib", "pandas", "plotly", "tabulate")


def missing_libraries() -> list[str]:
    """Libraries of the extra `report` that are not installed."""
    return libraries.missing(NEEDS)


def check_libraries() -> None:
    """Raises a UserError where a library of the extra `report` is not installed."""
    libraries.check_libraries("A report", "report", NEEDS)


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
    from remote_jax.report.sweep import plan
    from remote_jax.report.sweep import write as of_sweep

    target = folder or run / "report"
    if (run / plan.FILE).exists():
        if explain:
            raise UserError(f"{run} is a sweep: --explain is for one of its runs.")
        print(of_sweep.write(run, target))
    else:
        print(write.write(run, target, explain=explain))
    return 0


def _whole(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0, found {text!r}")
    return int(text)
