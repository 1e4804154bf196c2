"""Where the visual graph of a picture comes from."""

import json

import numpy as np
import pytest
from jmere_files import jmere, row

from remote_jax.eega.data import formats
from remote_jax.eega.data.objects import ObjectGraphs, whole_picture
from remote_jax.eega.graphs.visual_graph import SPATIAL_RELATIONS, edge_types
from remote_jax.errors import Refused, UserError

INFO = {
    "idx_to_files": ["x/a.png"],
    "ind_to_classes": ["__background__", "man", "cup"],
    "ind_to_predicates": ["__background__", "holding", "near"],
}
GRAPH = {
    "bbox": [[0, 0, 400, 300], [400, 300, 800, 600]],  # a.png is 64 x 48, 800 x 600 to a detector
    "bbox_labels": [1, 2],
    "bbox_scores": [0.9, 0.8],
    "rel_pairs": [[0, 1]],
    "rel_labels": [1],
    "rel_scores": [0.7],
}


@pytest.fixture
def folder(tmp_path):
    return jmere(tmp_path / "data", [row()])


def objects(folder, threshold=0.1):
    return ObjectGraphs(formats.locate(formats.JMERE, folder), objects=3, threshold=threshold)


def scenes(folder, graph):
    (folder / "custom_data_info.json").write_text(json.dumps(INFO))
    (folder / "custom_prediction.json").write_text(json.dumps({"0": graph}))


def boxes(folder, value):
    (folder / "boxes.json").write_text(json.dumps(value))


def same(one, other):
    return all(np.array_equal(getattr(one, n), getattr(other, n)) for n in vars(one))


def test_a_scene_graph_comes_first(folder):
    scenes(folder, GRAPH)
    boxes(folder, {"a.png": [[0, 0, 0.5, 1]]})
    found = objects(folder)
    assert found.classes == ("unknown", "man", "cup") and found.relations == ("holding", "near")
    graph = found.graph("img_org/a.png", "train")
    assert graph.mask.tolist() == [True, True, False] and graph.labels.tolist() == [1, 2, 0]
    np.testing.assert_allclose(graph.boxes[1], [0.5, 0.5, 1, 1])
    names = edge_types(found.relations)
    assert names[graph.edges[0, 1]] == "holding"
    assert names[graph.edges[1, 0]] == "holding (reversed)"
    assert not objects(folder, threshold=0.8).graph("img_org/a.png", "train").edges[0, 1]


def test_boxes_come_next_and_depth_with_them(folder):
    boxes(folder, {"a.png": [[0.2, 0.2, 0.7, 0.7], [0.5, 0.5, 1, 1]]})
    found = objects(folder)
    assert found.relations == SPATIAL_RELATIONS and found.classes == ("unknown",)
    names = edge_types(SPATIAL_RELATIONS)
    assert names[found.graph("img_org/a.png", "train").edges[0, 1]] == "overlapping"
    (folder / "img_dep").mkdir()
    depth = np.zeros((48, 64))
    depth[24:] = 1.0
    np.savez(folder / "img_dep" / "a.npz", depth_map=depth)
    assert names[objects(folder).graph("img_org/a.png", "train").edges[1, 0]] == "in front of"


def test_boxes_beside_scene_graphs_use_their_words(folder):
    scenes(folder, GRAPH)
    info = {**INFO, "idx_to_files": ["x/b.png"]}
    (folder / "custom_data_info.json").write_text(json.dumps(info))
    boxes(folder, {"a.png": [[0, 0, 0.4, 1], [0.42, 0, 0.8, 1], [0.1, 0.1, 0.2, 0.2]]})
    found = objects(folder)
    names = edge_types(found.relations)
    graph = found.graph("img_org/a.png", "train")
    assert names[graph.edges[0, 1]] == "near"
    assert names[graph.edges[0, 2]] == "none"  # inside is no word of this detector's


def test_a_picture_alone_is_one_object(folder):
    graph = objects(folder).graph("img_org/a.png", "train")
    assert same(graph, whole_picture(3)) and graph.boxes[0].tolist() == [0, 0, 1, 1]
    assert not objects(folder).graph("", "train").mask.any()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"a.png": []}, "must give a.png 1 to"),
        ({"a.png": {"x": [0, 0, 1, 1]}}, "must give a.png 1 to"),
        ({"a.png": [[0, 0, 1, 1], [0, 0, float("nan"), 1]]}, "box 1 of a.png .* not finite"),
        ({"a.png": [[0, 0, 1, 9]]}, "box 0 of a.png in boxes.json leaves the picture"),
    ],
)
def test_bad_boxes_are_refused(folder, value, reason):
    boxes(folder, value)
    with pytest.raises(Refused, match=reason):
        objects(folder).graph("img_org/a.png", "train")


def test_bad_scene_graphs_are_refused(folder):
    scenes(folder, {**GRAPH, "bbox_scores": [0.9, float("nan")]})
    with pytest.raises(Refused, match=r"scene graph 0 of a\.png: bbox_scores\[1\]"):
        objects(folder).graph("img_org/a.png", "train")


def test_half_of_the_scene_graphs_files(folder):
    (folder / "custom_data_info.json").write_text("{}")
    with pytest.raises(UserError, match=r"has only custom_data_info\.json"):
        formats.locate(formats.JMERE, folder)


def test_the_fingerprint_knows_all_files(folder):
    seen = {formats.locate(formats.JMERE, folder).fingerprint["sha256"]}
    boxes(folder, {})
    seen.add(formats.locate(formats.JMERE, folder).fingerprint["sha256"])
    scenes(folder, GRAPH)
    seen.add(formats.locate(formats.JMERE, folder).fingerprint["sha256"])
    (folder / "train.parses.npz").write_bytes(b"x")
    seen.add(formats.locate(formats.JMERE, folder).fingerprint["sha256"])
    assert len(seen) == 4
