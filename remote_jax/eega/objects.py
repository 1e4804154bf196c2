"""The visual graph of a picture, from whatever is known of its objects."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from remote_jax.eega import visual_graph
from remote_jax.eega.formats import DataFiles
from remote_jax.eega.scene_graph import SceneGraphs
from remote_jax.eega.visual_graph import SPATIAL, VisualGraph
from remote_jax.files import Refused, find
from remote_jax.images import WHOLE, picture_size

UNKNOWN = "unknown"
"""Class 0 of objects."""


class Objects:
    """Visual graphs of the pictures of a data set.

    They come from the folder's scene graphs, if it has any. A picture that has none is one object,
    the whole of it.

    Attributes:
        classes: names of object classes; 0 is unknown.
        relations: names of relations between objects.
    """

    def __init__(self, files: DataFiles, *, objects: int, threshold: float):
        """Reads the files of scene graphs.

        Args:
            files: of the data set.
            objects: k.
            threshold: lowest score of a relation that is read from a scene graph.

        Raises:
            UserError: a file of scene graphs is not one.
        """
        self._root, self._objects, self._threshold = files.root, objects, threshold
        self._scenes = SceneGraphs(*files.scenes) if files.scenes else None
        self.classes: tuple[str, ...] = (UNKNOWN,)
        self.relations: tuple[str, ...] = SPATIAL
        if self._scenes is not None:
            self.classes = (UNKNOWN, *self._scenes.classes[1:])
            self.relations = self._scenes.relations

    def graph(self, image: str) -> VisualGraph:
        """The graph of a picture of the data folder; the empty one where `image` is "".

        Raises:
            Refused: the picture or its scene graph is malformed.
        """
        if not image:
            return visual_graph.empty(self._objects)
        found = None
        if self._scenes is not None:
            path = find(self._root, image)
            if path is None:
                raise Refused(f"there is no picture {image}")
            found = self._scenes.graph(
                Path(image).name,
                picture_size(path),
                objects=self._objects,
                threshold=self._threshold,
            )
        return found or whole(self._objects)


def whole(size: int) -> VisualGraph:
    """The graph of a picture of whose objects nothing is known."""
    return visual_graph.build(np.array([WHOLE], np.float32), size=size)
