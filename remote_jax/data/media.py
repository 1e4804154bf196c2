"""Pictures and depth maps that rows and posts name, looked up where they may be, and read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from remote_jax.data.files import find
from remote_jax.data.images import Source, read_depth, read_picture
from remote_jax.data.jsonl import check_text
from remote_jax.errors import Refused

READ: Mapping[str, Callable[[Source], Any]] = {"image": read_picture, "depth": read_depth}
"""How to read what a post has under a key."""

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp")
"""Of the formats of pictures that are read (`images.FORMATS`), the usual first."""


class Pictures(Protocol):
    """Pictures and depth maps by name."""

    def picture(self, name: str) -> Image.Image:
        """As `images.read_picture`."""

    def depth(self, name: str) -> UInt8[np.ndarray, "height width"]:
        """As `images.read_depth`."""


class PostMedia(Pictures, Protocol):
    """Those of posts."""

    def find(self, post: Mapping[str, Any], key: str) -> str:
        """The name, for `picture` or `depth`, of what a post has under a key; "" if nothing.

        Raises:
            Refused: it is not there, or cannot be read.
        """


@dataclass(frozen=True)
class Folder:
    """Pictures and depth maps by their paths in a folder; nothing outside of it is read.

    Attributes:
        root: the folder.
        distances: folders in it whose depth maps are larger the farther away.
    """

    root: Path
    distances: tuple[str, ...] = ()

    def picture(self, name: str) -> Image.Image:
        return read_picture(self._path(name))

    def depth(self, name: str) -> UInt8[np.ndarray, "height width"]:
        distance = name.startswith(tuple(f"{folder}/" for folder in self.distances))
        return read_depth(self._path(name), distance=distance)

    def _path(self, name: str) -> Path:
        path = find(self.root, name)
        if path is None:
            raise Refused(f"{name} is not there any more")
        return path

    def __str__(self) -> str:
        return str(self.root)


class PostFileMedia(Folder):
    """Files beside a file of posts, each read once to see that it can be."""

    def __init__(self, posts: Path):
        super().__init__(posts.parent)
        self._posts = posts
        self._found: dict[tuple[str, str], str] = {}

    def find(self, post: Mapping[str, Any], key: str) -> str:
        """The path in the folder of the file that a post names under a key; "" if it names none.

        Raises:
            Refused: there is no such file in the folder, or it cannot be read.
        """
        if post.get(key) is None:
            return ""
        name = check_text(post[key], repr(key))
        if (key, name) not in self._found:
            path = find(self.root, name)
            if path is None:
                raise Refused(f"there is no file {name!r} beside {self._posts.name}")
            READ[key](path)
            self._found[key, name] = path.relative_to(self.root.resolve()).as_posix()
        return self._found[key, name]


class InMemoryMedia:
    """What a caller gives with posts: paths of any file, contents of files, images and arrays."""

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}

    def find(self, post: Mapping[str, Any], key: str) -> str:
        """A name for what a post has under a key; "" if nothing.

        Raises:
            Refused: there is no such file, it cannot be read, or it is nothing of these.
        """
        if post.get(key) is None:
            return ""
        source = _source(post[key], key)
        READ[key](source)
        name = f"{key} {len(self._sources)}"
        self._sources[name] = source
        return name

    def picture(self, name: str) -> Image.Image:
        return read_picture(self._sources[name])

    def depth(self, name: str) -> UInt8[np.ndarray, "height width"]:
        return read_depth(self._sources[name])

    def __str__(self) -> str:
        return "The posts"


def _source(given: object, key: str) -> Source:
    if isinstance(given, bytes | Image.Image | np.ndarray):
        return given
    if not isinstance(given, str | Path):
        raise Refused(
            f"{key!r} must be a path, bytes, a PIL image or a NumPy array, found "
            f"{type(given).__name__}"
        )
    path = Path(check_text(str(given), repr(key))).expanduser()
    try:
        there = path.is_file()
    except OSError as error:
        raise Refused(f"the file {str(given)!r} cannot be looked up: {error.strerror}") from error
    if not there:
        raise Refused(f"there is no file {str(given)!r}")
    return path


def picture_names(name: str) -> tuple[str, ...]:
    """Names of files that may be the picture `name`: itself, or with an extension if it has none.

    So a picture may be called by a number.
    """
    if name.lower().endswith(EXTENSIONS):
        return (name,)
    return (name, *(name + extension for extension in EXTENSIONS))


def by_picture(values: Mapping[str, Any], name: str) -> Any:
    """What a file says of a picture, by its name with or without the extension; {} if nothing."""
    stem = name.rpartition(".")[0] if name.lower().endswith(EXTENSIONS) else ""
    for key in (*picture_names(name), stem):
        if key and key in values:
            return values[key]
    return {}


class Media:
    """Finds files below `root`, each read once to see that it can be."""

    def __init__(self, root: Path):
        self._root = root
        self._found: dict[tuple[str, str], str | Refused] = {}

    def find(self, folders: Iterable[Path], name: str, read: Callable[[Path], Any]) -> str:
        """The file in the first folder that has it, relative to the root; "" if none has.

        Raises:
            Refused: the name leads out of the folder, or `read` refuses the file.
        """
        for folder in folders:
            key = (str(folder), name)
            if key not in self._found:
                self._found[key] = self._look_up(folder, name, read)
            found = self._found[key]
            if isinstance(found, Refused):
                raise Refused(str(found))
            if found:
                return found
        return ""

    def find_picture(self, folders: Iterable[Path], name: str) -> str:
        """The picture `name`, whose extension may be left out; as `find`."""
        folders = tuple(folders)
        for one in picture_names(name):
            if found := self.find(folders, one, read_picture):
                return found
        return ""

    def _look_up(self, folder: Path, name: str, read: Callable[[Path], Any]) -> str | Refused:
        try:
            path = find(folder, name)
            if path is None:
                return ""
            read(path)
        except Refused as error:
            return error
        return path.relative_to(self._root).as_posix()
