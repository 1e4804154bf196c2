"""Relations between objects by a multimodal LLM, as EEGA's own reader of scene graphs has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripted import Asked, Reply, lines, said, serving, write_posts

from remote_jax.commands.prepare import main
from remote_jax.eega.data.formats import SCENES
from remote_jax.eega.data.scene_graph import SceneGraphs
from remote_jax.eega.graphs.visual_graph import edge_types
from remote_jax.errors import UserError
from remote_jax.prepare.write import WRITTEN, _Files

TEXT = "Ann Lee with a cup"
BOXES = [[0.0, 0.0, 0.5, 1.0], [0.4, 0.5, 0.6, 0.8], [0.7, 0.0, 1.0, 1.0]]
OBJECTS = [{"box": BOXES[0], "type": "per"}, {"box": BOXES[1], "caption": "a cup"}, BOXES[2]]


def prepared(folder: Path, relations: object, *posts: dict[str, Any]) -> tuple[Path, list[Asked]]:
    posts_file = write_posts(folder, *posts)
    output = folder / "out"

    def script(asked: Asked) -> Reply:
        return said({"relations": relations})

    with serving(script) as server:
        flags = (f"--endpoint={server.url}", "--model=m", "--steps=relations")
        assert main([str(posts_file), f"--output={output}", *flags]) == 0
    return output, server.asked


def test_eega_reads_the_scene_graphs(tmp_path: Path) -> None:
    told = [
        {"head": 0, "relation": "holding", "tail": 1},
        {"head": 2, "relation": "Behind", "tail": 0},
    ]
    post = {"text": TEXT, "image": "0.png", "objects": OBJECTS}
    output, asked = prepared(tmp_path, told, post)
    (row,) = lines(output / "posts.jsonl")
    name = Path(row["image"]).name
    scenes = SceneGraphs(*(output / one for one in SCENES))
    graph = scenes.graph(name, (200, 100), objects=4, threshold=0.5)
    assert graph is not None and graph.mask.tolist() == [True, True, True, False]
    assert np.abs(graph.boxes[:3] - BOXES).max() < 1e-3
    assert [scenes.classes[label] for label in graph.labels[:2]] == ["per", "__background__"]
    edges = np.array(edge_types(scenes.relations))[graph.edges[:3, :3]].tolist()
    assert edges == [
        ["self", "holding", "behind (reversed)"],
        ["holding (reversed)", "self", "none"],
        ["behind", "none", "self"],
    ]
    (one,) = asked
    assert one.post["objects"][1] == {"object": 1, "box": [78, 56, 118, 90], "caption": "a cup"}
    assert "holding" in one.system and "196 wide" in one.post["boxes"]
    step = lines(output / "provenance.jsonl")[0]["steps"]["relations"]
    assert (step["by"], step["found"]) == ("mllm", 2)


@pytest.mark.parametrize(
    ("relation", "why"),
    [
        ({"head": 0, "relation": "holding", "tail": 3}, "is of object 3, expected one of 3"),
        ({"head": -1, "relation": "holding", "tail": 0}, "is of object -1"),
        ({"head": True, "relation": "holding", "tail": 0}, "is of object True"),
        ({"head": 1, "relation": "holding", "tail": 1}, "is of object 1 with itself"),
        ({"head": 0, "relation": "<b>holding</b>", "tail": 1}, "expected one of above, across"),
        ({"head": 0, "relation": None, "tail": 1}, "expected one of above, across"),
        ("holding", "expected an object"),
    ],
)
def test_what_is_no_relation_is_refused_with_a_reason(
    tmp_path: Path, relation: object, why: str
) -> None:
    good = {"head": 0, "relation": "near", "tail": 1}
    again = {"head": 0, "relation": "holding", "tail": 1}
    post = {"text": TEXT, "image": "0.png", "objects": OBJECTS}
    output, _ = prepared(tmp_path, [relation, good, again], post)
    step = lines(output / "provenance.jsonl")[0]["steps"]["relations"]
    assert step["found"] == 1 and why in step["refused"][0]
    (entry,) = json.loads((output / SCENES[0]).read_text()).values()
    assert entry["rel_pairs"] == [[0, 1]]


def test_a_type_in_another_case_is_the_same_class(tmp_path: Path) -> None:
    kinds = zip(BOXES, ("Per", "LOC", "x"), strict=True)
    objects = [{"box": box, "type": kind} for box, kind in kinds]
    post = {"text": TEXT, "image": "0.png", "objects": objects}
    output, _ = prepared(tmp_path, [{"head": 0, "relation": "near", "tail": 1}], post)
    (entry,) = json.loads((output / SCENES[0]).read_text()).values()
    names = json.loads((output / SCENES[1]).read_text())["ind_to_classes"]
    assert [names[label] for label in entry["bbox_labels"]] == ["per", "loc", "__background__"]


def test_nobody_is_asked_about_fewer_than_two_objects(tmp_path: Path) -> None:
    posts = [{"text": TEXT}, {"text": TEXT, "image": "0.png", "objects": OBJECTS[:1]}]
    output, asked = prepared(tmp_path, [], *posts)
    assert not asked and json.loads((output / SCENES[0]).read_text()) == {}
    assert main([str(tmp_path / "posts.jsonl"), f"--output={output}", "--steps="]) == 0
    assert not (output / SCENES[0]).exists()  # of steps that are not asked for any more


def test_scene_graphs_stay_until_new_files_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = {"text": TEXT, "image": "0.png", "objects": OBJECTS}
    output, _ = prepared(tmp_path, [{"head": 0, "relation": "near", "tail": 1}], post)
    before = [(output / name).read_bytes() for name in SCENES]

    def stopped(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_Files, "finish", stopped)
    for steps in ("", "relations"):
        flags = ("--endpoint=http://localhost:1/v1", "--model=m", f"--steps={steps}")
        with pytest.raises(KeyboardInterrupt):
            main([str(tmp_path / "posts.jsonl"), f"--output={output}", *flags])
        assert [(output / name).read_bytes() for name in SCENES] == before


@pytest.mark.parametrize("name", WRITTEN)
def test_a_folder_with_files_of_somebody_else_is_refused(tmp_path: Path, name: str) -> None:
    posts = write_posts(tmp_path, {"text": TEXT})
    output = tmp_path / "out"
    output.mkdir()
    (output / name).write_text("mine")
    with pytest.raises(UserError, match=f"has a {name} that `prepare` did not write"):
        main([str(posts), f"--output={output}", "--steps="])
    assert (output / name).read_text() == "mine" and len(list(output.iterdir())) == 1
