"""Labels from and to the layouts of published data sets: `remote-jax labels import|export`.

    remote-jax labels import SOURCE FOLDER --format=mnre
    remote-jax labels export FOLDER OUTPUT --format=umre

The first makes a folder for `remote-jax annotate`: posts.jsonl, pictures, the relations, and the
labels as those of an annotator called --person. The second writes what all annotators agree on or
the adjudicator decided, or the labels of --person, as a folder that training reads. Splits are
those of FOLDER/splits.json (`remote-jax split`). What a layout has no place for is counted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str]) -> int:
    """Does what the command line asks for; returns 0.

    Raises:
        UserError: a folder or a name is wrong, or a file malformed.
    """
    from remote_jax.annotate.layouts import folders

    options = _options(argv, list(folders.LAYOUTS))
    if options.action == "import":
        posts, notes = folders.import_(
            options.source, options.folder, options.format, options.person
        )
        done = f"{posts:,} posts to label are in {options.folder}"
    else:
        from remote_jax.annotate.project import Project

        project = Project(options.folder)
        notes = folders.export(project, options.output, options.format, options.person)
        done = f"The labels of {options.folder} are in {options.output}"
    for note in notes:
        print(note, file=sys.stderr)
    print(f"{done}.")
    return 0


def _options(argv: Sequence[str], formats: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "remote-jax labels",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(dest="action", required=True)
    for action, names, whose in (
        ("import", ("source", "folder"), "who is to have the labels; imported if not given"),
        ("export", ("folder", "output"), "whose labels; the final ones if not given"),
    ):
        one = actions.add_parser(action, allow_abbrev=False)
        for name in names:
            one.add_argument(name, metavar=name.upper(), type=Path)
        one.add_argument("--format", required=True, choices=formats)
        default = "imported" if action == "import" else None
        one.add_argument("--person", default=default, help=whose)
    return parser.parse_args(list(argv))
