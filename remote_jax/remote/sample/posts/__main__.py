"""Writes posts of one world: `python -m remote_jax.remote.sample.posts --posts=2000 FOLDER`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from remote_jax.errors import UserError, writing
from remote_jax.remote.sample.posts.write import write_posts


def main(argv: Sequence[str]) -> int:
    """Writes the posts that the command line asks for; returns 0, or 2 for the user's mistake."""
    parser = argparse.ArgumentParser("remote_jax.remote.sample.posts", description=__doc__)
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="made if it is not there")
    parser.add_argument("--posts", type=int, default=2000, help="how many (default 2000)")
    parser.add_argument("--seed", type=int, default=0, help="of another world (default 0)")
    options = parser.parse_args(list(argv))
    try:
        with writing(options.folder):
            write_posts(options.folder, posts=options.posts, seed=options.seed)
    except UserError as error:
        print(f"remote_jax.remote.sample.posts: {error}", file=sys.stderr)
        return 2
    print(f"{options.posts:,} posts are in {options.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
