"""Predicted scene graphs, and what a person is told about a wrong file."""

import copy
import json

import numpy as np
import pytest

from remote_jax.eega.data.scene_graph import SceneGraphs
from remote_jax.eega.graphs.visual_graph import edge_types
from remote_jax.errors import Refused, UserError

INFO = {
    "idx_to_files": ["/far/away/a.jpg", "b.jpg"],
    "ind_to_classes": ["__background__", "man", "trophy", "cup"],
    "ind_to_predicates": ["__background__", "holding", "near"],
}
ENTRY = {
    "bbox": [[0.0, 0.0, 300.0, 600.0], [150.0, 300.0, 450, 600.0], [800.0, 0.0, 900.0, 300.0]],
    "bbox_labels": [1, 2, 3],
    "bbox_scores": [0.5, 0.9, 0.7],
    "rel_pairs": [[0, 1], [0, 1], [1, 2], [2, 0], [0, 2]],
    "rel_labels": [2, 1, 2, 1, 0],
    "rel_scores": [0.6, 0.8, 0.05, 0.4, 0.9],
    "rel_all_scores": [[0.1]],
}


def read(folder, entry=ENTRY, info=INFO):
    (folder / "custom_prediction.json").write_text(json.dumps({"0": entry}))
    (folder / "custom_data_info.json").write_text(json.dumps(info))
    return SceneGraphs(folder / "custom_prediction.json", folder / "custom_data_info.json")


def test_a_graph_has_the_best_objects_and_relations_between_them(tmp_path):
    scenes = read(tmp_path)
    types = edge_types(scenes.relations)
    graph = scenes.graph("a.jpg", (1800, 1200), objects=4, threshold=0.1)
    assert graph.mask.tolist() == [True, True, True, False]
    assert [scenes.classes[label] for label in graph.labels[:3]] == ["trophy", "cup", "man"]
    # 1800 x 1200 was shown to the detector as 900 x 600.
    np.testing.assert_allclose(graph.boxes[0], [1 / 6, 0.5, 0.5, 1])
    edges = {
        (int(i), int(j)): types[graph.edges[i, j]]
        for i, j in zip(*np.nonzero(graph.adjacent), strict=True)
        if i != j
    }
    assert edges == {
        (2, 0): "holding",
        (0, 2): "holding (reversed)",
        (1, 2): "holding",
        (2, 1): "holding (reversed)",
    }
    fewer = scenes.graph("a.jpg", (1800, 1200), objects=2, threshold=0.1)
    assert fewer.labels.tolist() == [2, 3] and not fewer.adjacent[0, 1]


def test_a_long_picture_is_scaled_by_its_long_side(tmp_path):
    entry = {**ENTRY, "bbox": [[0.0, 0.0, 500.0, 250.0]] * 3}
    graph = read(tmp_path, entry).graph("a.jpg", (2000, 1000), objects=1, threshold=0.1)
    np.testing.assert_allclose(graph.boxes[0], [0, 0, 0.5, 0.5])


def test_a_picture_that_the_file_does_not_have_has_no_graph(tmp_path):
    scenes = read(tmp_path)
    assert scenes.graph("b.jpg", (10, 10), objects=2, threshold=0.1) is None
    assert scenes.graph("c.jpg", (10, 10), objects=2, threshold=0.1) is None


def test_a_picture_without_objects_has_an_empty_graph(tmp_path):
    graph = read(tmp_path, {key: [] for key in ENTRY}).graph(
        "a.jpg", (10, 10), objects=2, threshold=0.1
    )
    assert not graph.mask.any() and not graph.adjacent.any()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("bbox", None, "'bbox' as a list of 3 items, found NoneType"),
        ("bbox", ENTRY["bbox"][:2], "'bbox' as a list of 3 items, found 2 items"),
        ("bbox", [[0, 0, 1]] * 3, r"bbox\[0\] must be 4 finite numbers"),
        ("bbox", [[0, 0, 1, "1"]] * 3, r"bbox\[0\] must be 4 finite numbers"),
        ("bbox", [[0, 0, 2000, 10]] * 3, "within 900 x 600 pixels"),
        ("bbox", [[10, 0, 10, 10]] * 3, "left, top, right, bottom"),
        ("bbox_labels", [1, 2, 4], r"bbox_labels\[2\] is 4, expected a whole number below 4"),
        ("bbox_labels", [1, 2, -1], r"bbox_labels\[2\] is -1"),
        ("bbox_labels", [1, 2, True], "must be a finite number, found True"),
        ("bbox_scores", [0.1] * 2000, "at most 1,000 items, found 2000 items"),
        ("bbox_scores", [0.1, 0.2, float("nan")], "must be a finite number, found nan"),
        ("bbox_scores", [0.1, 0.2, 10**400], "must be a finite number"),
        ("bbox_scores", [], "'bbox' as a list of 0 items, found 3 items"),
        ("rel_pairs", [[0, 3]] * 5, r"rel_pairs\[0\] is 3, expected a whole number below 3"),
        ("rel_pairs", [[0, 0.5]] * 5, r"rel_pairs\[0\] is 0.5"),
        ("rel_labels", [3] * 5, r"rel_labels\[0\] is 3, expected a whole number below 3"),
        ("rel_labels", [[1]] * 5, "must be a finite number"),
    ],
)
def test_a_malformed_entry_is_refused_with_a_sentence(tmp_path, key, value, message):
    entry = {**copy.deepcopy(ENTRY), key: value}
    with pytest.raises(Refused, match=f"^scene graph 0 of a.jpg: .*{message}"):
        read(tmp_path, entry).graph("a.jpg", (1800, 1200), objects=4, threshold=0.1)


def test_an_entry_that_is_no_object_is_refused(tmp_path):
    with pytest.raises(Refused, match="expected an object, found a list"):
        read(tmp_path, []).graph("a.jpg", (10, 10), objects=4, threshold=0.1)


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ({**INFO, "ind_to_classes": "man"}, "no list of names 'ind_to_classes'"),
        ({**INFO, "ind_to_predicates": []}, "no list of names 'ind_to_predicates'"),
        ({**INFO, "idx_to_files": ["x/a.jpg", "y/a.jpg"]}, "the picture 'a.jpg' twice"),
    ],
)
def test_a_malformed_info_file_is_an_error(tmp_path, info, message):
    with pytest.raises(UserError, match=message):
        read(tmp_path, info=info)
