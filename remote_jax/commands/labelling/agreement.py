"""How far the annotators of a folder agree: `remote-jax agreement FOLDER`.

Prints Cohen's kappa, plain and weighted, Fleiss' kappa and Krippendorff's alpha over all pairs that
two annotators or more labelled, by kind of pair and by relation, and what is disputed, the most
disputed first. FOLDER/agreement.json has all of it. It needs the extra `annotate`:
pip install -e '.[annotate]'.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from remote_jax.commands.libraries import check_libraries


def main(argv: Sequence[str]) -> int:
    """Prints and writes the agreement of the folder that the command line names; returns 0.

    Raises:
        UserError: a library or a file is missing, or no two annotators labelled the same pair.
    """
    parser = argparse.ArgumentParser(
        "remote-jax agreement",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="that `annotate` was given")
    folder: Path = parser.parse_args(list(argv)).folder
    check_libraries("Agreement", "annotate", ("krippendorff", "statsmodels"))
    from remote_jax.annotate.agreement import write
    from remote_jax.annotate.agreement.items import WEIGHTS
    from remote_jax.annotate.project import Project

    project = Project(folder)
    found = write.measure(project.loaded(), project.posts)
    for table in found.tables():
        print(f"{table}\n")
    print(WEIGHTS)
    print(f"{found.single:,} pairs have the label of one annotator alone, and count nowhere.")
    print(found.write(folder))
    return 0
