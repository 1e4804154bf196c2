"""Pictures and depth maps that rows name, looked up in the folders of a release."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from remote_jax.data.files import find
from remote_jax.errors import Refused


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

    def _look_up(self, folder: Path, name: str, read: Callable[[Path], Any]) -> str | Refused:
        try:
            path = find(folder, name)
            if path is None:
                return ""
            read(path)
        except Refused as error:
            return error
        return path.relative_to(self._root).as_posix()
