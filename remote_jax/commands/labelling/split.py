"""Train, validation and test of a folder of posts: `remote-jax split FOLDER`.

    remote-jax split posts --shares=0.8,0.1,0.1 --seed=0

No two splits share a picture (perceptual hashes that differ in at most 4 of 64 bits), a sentence
(90 % of the characters, without links, names of users and marks) or a pair of names (labelled pairs
of entities; of a post without labels, all of them). Posts that share one are a group, and groups
are dealt out, the largest first. Writes FOLDER/splits.json, by which `remote-jax labels export`
writes the files of each split; where there is one, posts stay where they are as far as shares
allow. It needs the extra `annotate`: pip install -e '.[annotate]'.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from remote_jax.commands.libraries import check_libraries
from remote_jax.data.release import SPLITS
from remote_jax.errors import UserError


def main(argv: Sequence[str]) -> int:
    """Splits the folder that the command line names; returns 0.

    Raises:
        UserError: the folder is missing or malformed, or the shares are none.
    """
    parser = argparse.ArgumentParser(
        "remote-jax split",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="with posts.jsonl")
    parser.add_argument("--shares", default="0.8,0.1,0.1", help="of train, validation and test")
    parser.add_argument("--seed", type=int, default=0, help="any whole number")
    options = parser.parse_args(list(argv))
    shares = read_shares(options.shares)
    check_libraries("Splitting", "annotate", ("imagehash", "rapidfuzz"))
    from remote_jax.annotate.ends import Layer
    from remote_jax.annotate.posts import read_posts
    from remote_jax.annotate.project import Project
    from remote_jax.annotate.splitting import write
    from remote_jax.annotate.store import FILE

    folder: Path = options.folder
    if (folder / FILE).exists():
        project = Project(folder)
        layers = project.loaded()
        posts, labelled = project.posts, [layers.final(post) for post in project.posts]
    else:
        posts = read_posts(folder)
        labelled = [Layer(post.base.ends) for post in posts]
    print(write.split(folder, posts, labelled, shares, options.seed))
    return 0


def read_shares(text: str) -> dict[str, Fraction]:
    """The share of each split.

    Raises:
        UserError: they are not three numbers from 0 that sum to 1.
    """
    try:
        found = [Fraction(one) for one in text.split(",")]
    except (ValueError, ZeroDivisionError):
        found = []
    if len(found) != len(SPLITS) or min(found) < 0 or sum(found) != 1:
        raise UserError(f"--shares are three numbers that sum to 1, as 0.8,0.1,0.1, not {text!r}.")
    return dict(zip(SPLITS, found, strict=True))
