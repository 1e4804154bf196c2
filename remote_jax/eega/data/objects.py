"""The visual graph of a picture, from whatever is known of its objects."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path, PurePosixPath

import numpy as np

from remote_jax.data.boxes import check_box
from remote_jax.data.files import find, read_json
from remote_jax.data.images import WHOLE, picture_size, read_depth
from remote_jax.data.release import MAX_JSON
from remote_jax.eega.data import formats
from remote_jax.eega.data.formats import DataFiles
from remote_jax.eega.data.scene_graph import MAX_OBJECTS, SceneGraphs
from remote_jax.eega.graphs import visual_graph
from remote_jax.eega.graphs.visual_graph import SPATIAL_RELATIONS, VisualGraph
from remote_jax.errors import Refused, UserError

UNKNOWN = "unknown"
"""Class 0 of objects."""


class ObjectGraphs:
    """Visual graphs of the pictures of a data set.

    They come from the folder's scene graphs, or are built from its boxes and depth maps, if it has
    any. A picture that has neither is one object, the whole of it.

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
            UserError: a file of scene graphs or boxes is not one.
        """
        self._root, self._objects, self._threshold = files.root, objects, threshold
        self._scenes = _scene_graphs(files)
        self._boxes = read_json(files.boxes, MAX_JSON) if files.boxes else {}
        self._depths = files.depths
        self.classes: tuple[str, ...] = (UNKNOWN,)
        self.relations: tuple[str, ...] = SPATIAL_RELATIONS
        for scenes in self._scenes.values():
            self.classes = (UNKNOWN, *scenes.classes[1:])
            self.relations = scenes.relations

    def graph(self, image: str, split: str) -> VisualGraph:
        """The graph of a picture of the data folder; the empty one where `image` is "".

        Args:
            image: its file, relative to the data folder.
            split: that it is of; each may have scene graphs of its own.

        Raises:
            Refused: the picture or its scene graph is malformed.
        """
        if not image:
            return visual_graph.empty(self._objects)
        name, path = Path(image).name, find(self._root, image)
        if path is None:
            raise Refused(f"there is no picture {image}")
        if split in self._scenes:
            found = self._scenes[split].graph(
                name, picture_size(path), objects=self._objects, threshold=self._threshold
            )
            if found is not None:
                return found
        for key in (name, PurePosixPath(name).stem):
            if key in self._boxes:
                return self._built(name, self._boxes[key])
        return whole_picture(self._objects)

    def listed(self, image: str, split: str) -> int:
        """How many objects the files list of a picture, unchecked; arguments as `graph`."""
        name = Path(image).name
        found = self._scenes[split].listed(name) if split in self._scenes else 0
        boxes = (self._boxes[key] for key in (name, PurePosixPath(name).stem) if key in self._boxes)
        given = next(boxes, None)
        return found or (len(given) if isinstance(given, list) else 0)

    def _built(self, name: str, listed: object) -> VisualGraph:
        if not isinstance(listed, list) or not 0 < len(listed) <= MAX_OBJECTS:
            raise Refused(f"{formats.BOXES} must give {name} 1 to {MAX_OBJECTS} boxes")
        boxes = [
            check_box(box, f"box {place} of {name} in {formats.BOXES}")
            for place, box in enumerate(listed)
        ]
        stem = name.rpartition(".")[0] or name
        depths = (find(folder, f"{stem}.npz") for folder in self._depths)
        depth = next(filter(None, depths), None)
        return visual_graph.build(
            np.array(boxes, np.float32),
            depth=None if depth is None else read_depth(depth),
            relations=self.relations,
            size=self._objects,
        )


def _scene_graphs(files: DataFiles) -> dict[str, SceneGraphs]:
    """Those of each split; one file that is of several is read once.

    Raises:
        UserError: two splits have other names of classes or relations, or a file is malformed.
    """
    read = {pair: SceneGraphs(*pair) for pair in files.scenes.values()}
    for one, other in pairwise(read):
        names = [(read[pair].classes, read[pair].relations) for pair in (one, other)]
        if names[0] != names[1]:
            raise UserError(
                f"{other[1]} has other names of classes or relations than {one[1]}: all splits "
                "must have those of one detector."
            )
    return {split: read[pair] for split, pair in files.scenes.items()}


def is_whole_picture(graph: VisualGraph) -> bool:
    """Whether a graph is that of `whole_picture`, or of one box that is as large."""
    return int(graph.mask.sum()) == 1 and tuple(graph.boxes[0].tolist()) == WHOLE


def whole_picture(size: int) -> VisualGraph:
    """The graph of a picture of whose objects nothing is known."""
    return visual_graph.build(np.array([WHOLE], np.float32), size=size)
