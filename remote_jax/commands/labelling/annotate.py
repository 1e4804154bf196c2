"""A local page to label posts: `remote-jax annotate FOLDER`.

    remote-jax annotate posts --annotators=ana,ben --adjudicator=eva --guidelines=guidelines.md

FOLDER has posts.jsonl, a post a line as `--mode=predict` reads them, and pictures beside it. The
command prints an address for each person, with a secret in it, and answers at this machine's own
address alone until Ctrl-C. Labels are in FOLDER/labels.sqlite, every change of them with who made
it and when. Started again without --annotators, the people are those of the first time.

Relations are those of FOLDER's rel2id.json or relations.txt; where there is neither, those of
--relations are written to rel2id.json. It needs the extra `annotate`:
pip install -e '.[annotate]'.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from remote_jax.annotate import vocabulary as vocabularies
from remote_jax.annotate.vocabulary import Vocabulary
from remote_jax.commands.libraries import check_libraries
from remote_jax.data.files import read_bytes
from remote_jax.errors import Refused, UserError

if TYPE_CHECKING:
    from remote_jax.annotate.project import Project
    from remote_jax.annotate.server.app import Served

DEFAULT = vocabularies.PUBLISHED[0]
"""The data set whose relations a folder without any is given."""

NOBODY = "Name who labels, as --annotators=ana,ben --adjudicator=eva."

DEFAULT_PORT = 8520
MAX_GUIDELINES = 2**20


def main(argv: Sequence[str]) -> int:
    """Serves the page until it is interrupted; returns 0.

    Everything is read and checked before anything is written into the folder.

    Raises:
        UserError: a library is missing, the folder is malformed, or the port cannot be used.
    """
    options = _options(argv)
    check_libraries("Annotating", "annotate", ("fastapi", "markdown_it", "uvicorn"))
    from remote_jax.annotate.posts import read_posts
    from remote_jax.annotate.project import Project
    from remote_jax.annotate.server import run, tokens
    from remote_jax.annotate.server.app import Served
    from remote_jax.annotate.suggestions import Suggested, read_suggestions

    folder: Path = options.folder
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}.")
    own, vocabulary = _vocabulary(folder, options.relations)
    guidelines = _guidelines(options.guidelines) if options.guidelines else ""
    roles = _roles(folder, options.annotators, options.adjudicator)
    posts = read_posts(folder)
    suggestions: dict[str, Suggested] = {}
    if options.suggestions:
        by_id = {post.id: post for post in posts}
        suggestions, passed = read_suggestions(options.suggestions, by_id, vocabulary)
        for sentence in (f"{len(suggestions):,} posts have suggestions", *passed):
            print(f"{sentence}.")
    listening = run.bind(options.port)
    project = Project(folder, new=True, vocabulary=vocabulary, posts=posts)
    _add_people(project, roles)
    if not own:
        vocabularies.write(folder, vocabulary)
        chosen = options.relations or DEFAULT
        print(f"Relations of {chosen.upper()} are written to {folder}.")
    secrets = tokens.read_or_make(folder, project.store.people())
    served = Served(project, secrets, listening.getsockname()[1], suggestions, guidelines)
    run.serve(served, listening, lambda: _announce(served))
    return 0


def _announce(served: Served) -> None:
    """Says who opens which address."""
    people = served.project.store.people()
    print(f"{len(served.project.posts):,} posts of {served.project.folder}", flush=True)
    for name, role in people.items():
        print(f"{role} {name}: http://127.0.0.1:{served.port}/?token={served.tokens[name]}")
    print("Each address is the secret of one person. Ctrl-C ends the server.", flush=True)


def _vocabulary(folder: Path, name: str | None) -> tuple[bool, Vocabulary]:
    """Whether a folder has relations of its own, and these or those of a published data set."""
    own = vocabularies.read(folder)
    if own is None:
        return False, vocabularies.published(name or DEFAULT)
    if name:
        raise UserError(f"{folder} has relations of its own: leave out --relations.")
    return True, own


def _guidelines(path: Path) -> str:
    try:
        return read_bytes(path, MAX_GUIDELINES).decode()
    except (Refused, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be shown: {error}.") from error


def _roles(folder: Path, annotators: str, adjudicator: str) -> dict[str, str]:
    """The roles of the people that are named.

    Raises:
        UserError: a name is malformed or has two roles, or nobody is named and nobody known.
    """
    from remote_jax.annotate.project import check_name
    from remote_jax.annotate.store import ADJUDICATOR, ANNOTATOR
    from remote_jax.annotate.store import FILE as LABELS

    roles = {name: ANNOTATOR for name in annotators.split(",") if name}
    if adjudicator in roles:
        raise UserError(f"{adjudicator} is named as annotator, and cannot be adjudicator.")
    roles |= {adjudicator: ADJUDICATOR} if adjudicator else {}
    for name in roles:
        check_name(name)
    if not roles and not (folder / LABELS).exists():
        raise UserError(NOBODY)
    return roles


def _add_people(project: Project, roles: Mapping[str, str]) -> None:
    """Adds people; raises a UserError if one has another role, or there is nobody then."""
    project.store.add_people(roles)
    if not project.store.people():
        raise UserError(NOBODY)


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "remote-jax annotate",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="with posts.jsonl and pictures")
    parser.add_argument("--annotators", default="", help="names, separated by commas")
    parser.add_argument("--adjudicator", default="", help="name of who decides")
    parser.add_argument("--relations", choices=vocabularies.PUBLISHED, help="umre if not given")
    parser.add_argument(
        "--guidelines", type=Path, metavar="FILE", help="Markdown shown beside posts"
    )
    parser.add_argument(
        "--suggestions", type=Path, metavar="EXTRACTED", help="folder that `extract` wrote"
    )
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help="0 takes a free one")
    return parser.parse_args(list(argv))


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**16:
        raise argparse.ArgumentTypeError(f"expected a number below 65536, found {text!r}")
    return int(text)
