"""Puts finished runs side by side: `remote-jax compare RUN RUN [RUN ...] --output=FOLDER`.

Runs that differ in their seeds alone are one setting; the others are compared with the first. The
folder gets a page, `compare.html`, and tables as CSV, Markdown and LaTeX. It needs the extra
`report`: pip install -e '.[report]'.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from remote_jax.commands.report import check_libraries


def main(argv: Sequence[str]) -> int:
    """Writes the comparison that the command line asks for; returns 0.

    Raises:
        UserError: a library is missing, or the runs cannot be compared.
    """
    parser = argparse.ArgumentParser(
        "remote-jax compare", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("runs", metavar="RUN", nargs="+", type=Path, help="folder of a run")
    parser.add_argument("--output", required=True, type=Path, help="folder for page and tables")
    options = parser.parse_args(list(argv))
    check_libraries()
    from remote_jax.report import compare

    print(compare.write(options.runs, options.output))
    return 0
