"""Labels from and to the layouts of published data sets, and names of annotators: `remote-jax
labels import|export|rename`.

    remote-jax labels import SOURCE FOLDER --format=mnre
    remote-jax labels export FOLDER OUTPUT --format=umre
    remote-jax labels rename FOLDER OLD NEW

The first makes a folder for `remote-jax annotate`: posts.jsonl, pictures, the relations, and the
labels as those of an annotator called --person, or none with --unlabelled. The second writes what
all annotators agree on or the adjudicator decided, or the labels of --person, as a folder that
training reads. Splits are those of FOLDER/splits.json (`remote-jax split`). What a layout has no
place for is counted. The third gives an annotator another name, or joins two names of one person,
unless they say different things; it is kept who did that when (--by, your login name if left out).
"""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Sequence
from pathlib import Path

from remote_jax.errors import UserError


def main(argv: Sequence[str]) -> int:
    """Does what the command line asks for; returns 0.

    Raises:
        UserError: a folder or a name is wrong, or a file malformed.
    """
    from remote_jax.annotate.layouts import folders

    options = _options(argv, list(folders.LAYOUTS))
    if options.action == "import":
        person = None if options.unlabelled else options.person
        posts, notes = folders.import_(options.source, options.folder, options.format, person)
        done = f"{posts:,} posts to label are in {options.folder}"
    elif options.action == "rename":
        done, notes = _rename(options), []
    else:
        from remote_jax.annotate.project import Project

        project = Project(options.folder)
        notes = folders.export(project, options.output, options.format, options.person)
        done = f"The labels of {options.folder} are in {options.output}"
    for note in notes:
        print(note, file=sys.stderr)
    print(f"{done}.")
    return 0


def _rename(options: argparse.Namespace) -> str:
    from remote_jax.annotate.project import Project
    from remote_jax.annotate.renaming import rename

    try:
        by = options.by or getpass.getuser()
    except (OSError, KeyError) as error:
        raise UserError("Say who you are by --by=NAME: your login has no name.") from error
    count = rename(Project(options.folder), options.old, options.new, by)
    return f"{options.old} is called {options.new} in {options.folder}: {count:,} changes"


def _options(argv: Sequence[str], formats: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "remote-jax labels",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(dest="action", required=True)
    get, put = (actions.add_parser(name, allow_abbrev=False) for name in ("import", "export"))
    for action, first, second in ((get, "source", "folder"), (put, "folder", "output")):
        action.add_argument(first, metavar=first.upper(), type=Path)
        action.add_argument(second, metavar=second.upper(), type=Path, help="a new folder")
        action.add_argument("--format", required=True, choices=formats)
    name = actions.add_parser("rename", allow_abbrev=False)
    name.add_argument("folder", metavar="FOLDER", type=Path)
    name.add_argument("old", metavar="OLD", help="an annotator, or the adjudicator")
    name.add_argument("new", metavar="NEW", help="a new name, or that of the same person")
    name.add_argument("--by", help="who does it; your login name if left out")
    get.add_argument("--person", default="imported", help="who is to have the labels")
    get.add_argument("--unlabelled", action="store_true", help="posts alone, to be labelled anew")
    put.add_argument("--person", help="whose labels; the final ones if not given")
    return parser.parse_args(list(argv))
