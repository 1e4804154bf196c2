"""Pictures and depth maps of posts: files beside the posts, or contents in the posts themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from remote_jax.data.media import InMemoryMedia, PostFileMedia

CONTENT = "\0"
"""How the name of what a post has in itself begins; no file's name does."""


class ShardMedia(PostFileMedia):
    """Those of the posts of one shard, each read once to see that it can be.

    Args:
        posts: the file of the posts.
    """

    def __init__(self, posts: Path):
        super().__init__(posts)
        self._contents = InMemoryMedia()
        self._named: dict[tuple[str, int], str] = {}

    def find(self, post: Mapping[str, Any], key: str) -> str:
        """A name for what a post has under a key: of a file, its path beside the posts.

        Raises:
            Refused: as `PostFileMedia.find`, or the content cannot be read.
        """
        given = post.get(key)
        if not isinstance(given, bytes):
            return super().find(post, key)
        place = key, id(given)  # it lives as long as its post, and so as this
        if place not in self._named:
            self._named[place] = CONTENT + self._contents.find(post, key)
        return self._named[place]

    def picture(self, name: str) -> Image.Image:
        if name.startswith(CONTENT):
            return self._contents.picture(name.removeprefix(CONTENT))
        return super().picture(name)

    def depth(self, name: str) -> UInt8[np.ndarray, "height width"]:
        if name.startswith(CONTENT):
            return self._contents.depth(name.removeprefix(CONTENT))
        return super().depth(name)
