"""Labels go out in a layout, training's own loader reads them, and what has no place is said."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import labelled_folder as folders
import numpy as np
import pytest
from labelled_folder import relation
from PIL import Image

from remote_jax import main
from remote_jax.annotate.layouts.folders import LAYOUTS, export, import_
from remote_jax.annotate.project import Project
from remote_jax.eega.data import formats as sentences
from remote_jax.eega.data.reader import SentenceReader
from remote_jax.eega.data.sentences import Sentence
from remote_jax.errors import UserError
from remote_jax.remote.data import formats as pairs
from remote_jax.remote.data.pairs import Pair
from remote_jax.remote.data.reader import PairReader


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = folders.project(folders.write(tmp_path / "own"), "ana", "")
    labels = [
        relation("e0", "e1", "/per/per/partner"),
        relation("e1", "e2", "/per/loc/place_of_residence"),
        relation("e0", "o0", "/per/per/self"),
        relation("o1", "o0", "/per/misc/awarded"),
        relation("o0", "e1", "/per/org/member_of"),
        relation("e0", "e2", "none"),
    ]
    made.change("ana", made.posts[0], "abcdefgh", labels)
    return made


def rows(folder: Path, layout: pairs.Layout, boxes: str = "corners") -> list[Pair]:
    """The pairs that training reads."""
    found = list(PairReader(pairs.locate(layout, folder, boxes=boxes), "train"))
    assert all(isinstance(one, Pair) for one in found), found
    return found  # type: ignore[return-value]


def test_training_reads_umre(project: Project, tmp_path: Path) -> None:
    assert export(project, tmp_path / "out", "umre", None) == [
        "1 posts have no labelled pair, and so no row."
    ]
    found = rows(tmp_path / "out", pairs.UMRE)
    labels = {
        (one.head.name, one.tail.name): pairs.locate(pairs.UMRE, tmp_path / "out").relations[
            one.label
        ]
        for one in found
    }
    assert labels == {
        ("Ann Lee", "Bob"): "/per/per/partner",
        ("Bob", "Oslo Town Hall"): "/per/loc/place_of_residence",
        ("Ann Lee", "[OBJ0]"): "/per/per/self",
        ("[OBJ1]", "[OBJ0]"): "/per/misc/awarded",
        ("[OBJ0]", "Bob"): "/per/org/member_of",
        ("Ann Lee", "Oslo Town Hall"): "none",
    }
    assert (
        found[0].tokens[:4] == ("Ann", "Lee", "met", "Bob") and found[0].image == "UMKE_IMG/a.png"
    )
    by_name = {one.head.name: one.head for one in found}
    assert by_name["[OBJ0]"].caption == "a woman" and by_name["Ann Lee"].span == (0, 2)
    np.testing.assert_allclose(found[0].boxes, [[0.1, 0.2, 0.5, 0.9], [0.5, 0.1, 0.9, 0.8]])


def test_training_reads_more_with_boxes_by_their_centres(project: Project, tmp_path: Path) -> None:
    notes = export(project, tmp_path / "out", "more", None)
    assert "first: an object as head has no place in this layout." in notes
    (pair,) = rows(tmp_path / "out", pairs.MORE, "auto")
    assert (pair.head.name, pair.tail.name) == ("Ann Lee", "[OBJ0]")
    np.testing.assert_allclose(pair.boxes[0], [0.1, 0.2, 0.5, 0.9], atol=1e-6)


def test_training_reads_jmere_and_posts_with_open_pairs_are_left_out(
    project: Project, tmp_path: Path
) -> None:
    notes = export(project, tmp_path / "out", "jmere", None)
    assert notes[0] == "1 posts have pairs without a label; left out."
    files = sentences.locate(sentences.JMERE, tmp_path / "out")
    (found,) = SentenceReader(files, "train")
    assert isinstance(found, Sentence)
    names = files.vocabulary
    assert {
        (one.head.start, names.types[one.head.type], one.tail.start, names.relations[one.relation])
        for one in found.labels.quintuples
    } == {(0, "per", 3, "partner"), (3, "per", 5, "place_of_residence")}
    boxes = json.loads((tmp_path / "out" / "boxes.json").read_text())
    assert boxes == {"a.png": [[0.1, 0.2, 0.5, 0.9], [0.5, 0.1, 0.9, 0.8]]}


def test_label_studio_has_a_configuration_and_its_own_tasks_come_back(
    project: Project, tmp_path: Path
) -> None:
    export(project, tmp_path / "out", "label-studio", None)
    view = ElementTree.parse(tmp_path / "out" / "config.xml").getroot()
    assert {one.get("value") for one in view.iter("Relation")} == set(project.vocabulary.relations)
    tasks = json.loads((tmp_path / "out" / "tasks.json").read_text())
    results = tasks[0]["annotations"][0]["result"]
    region = next(one for one in results if one["id"] == "e2")
    start, end = region["value"]["start"], region["value"]["end"]
    assert tasks[0]["data"]["text"][start:end] == region["value"]["text"] == "Oslo Town Hall"
    # As Label Studio writes them: without the words, and a region that starts inside one.
    del tasks[0]["data"]["tokens"]
    region["value"]["start"] += 2
    (tmp_path / "out" / "tasks.json").write_text(json.dumps(tasks))
    _, notes = import_(tmp_path / "out", tmp_path / "back", "label-studio", "imported")
    back = Project(tmp_path / "back")
    ends = {
        back.posts[0].name(one) for one in back.posts[0].base.ends.values() if hasattr(one, "span")
    }
    assert ends == {"Ann Lee", "Bob", "Oslo Town Hall"} and notes == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"data": {"text": ""}}, "is empty"),
        ({"data": {"text": "a", "image": "../x.png"}}, "goes up a folder"),
        ({"data": {"text": "a", "split": "dev"}}, "one of train"),
        ({"data": {"text": "a", "tokens": ["b"]}}, "not in 'text'"),
        ({"data": 7}, "must be an object"),
        (
            {"annotations": [{"result": [{"type": "labels", "value": {"start": 0, "end": 99}}]}]},
            "within",
        ),
    ],
)
def test_tasks_that_are_none_are_named(
    project: Project, tmp_path: Path, change: dict, why: str
) -> None:
    export(project, tmp_path / "out", "label-studio", None)
    path = tmp_path / "out" / "tasks.json"
    tasks = json.loads(path.read_text())
    tasks[1] |= change
    path.write_text(json.dumps(tasks))
    with pytest.raises(UserError) as error:
        import_(tmp_path / "out", tmp_path / "back", "label-studio", "imported")
    assert "task 2" in str(error.value) and why in str(error.value)


@pytest.mark.parametrize("name", LAYOUTS)
def test_nothing_is_written_where_nothing_is_labelled(tmp_path: Path, name: str) -> None:
    """Also where one of two annotators has labelled, and where labels were taken away again."""
    project = folders.project(folders.write(tmp_path / "own"), "ana,ben", "")
    post, label = project.posts[0], relation("e0", "e1", "none")
    for batch, value in (("abcdefgh", label), ("bcdefghi", {**label, "value": None})):
        project.change("ana", post, batch, [value])
        with pytest.raises(UserError, match="no labels that all annotators agree on"):
            export(project, tmp_path / "out", name, None)
    for person in ("ana", "ben"):
        with pytest.raises(UserError, match=f"has no labels of {person}: there is nothing"):
            export(project, tmp_path / "out", name, person)
    assert [one.name for one in tmp_path.iterdir()] == ["own"]


def test_rows_without_their_picture_and_rows_that_repeat_are_counted(
    project: Project, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    export(project, out, "umre", None)
    (out / "UMKE_IMG" / "a.png").unlink()
    path = out / "train_set.json"
    first = json.loads(path.read_text().splitlines()[0])
    first["relation"] = "/per/per/relatives"
    path.write_text(path.read_text() + json.dumps(first) + "\nbroken\n")
    _, notes = import_(out, tmp_path / "back", "umre", "imported")
    back = Project(tmp_path / "back")
    assert {note.partition(" ")[2]: int(note.partition(" ")[0]) for note in notes} == {
        "rows have an object whose picture is not there; left out.": 3,
        "rows repeat a pair with another label; the first one is kept.": 1,
        "rows are malformed and left out.": 1,
    }
    assert len(back.now.final(back.posts[0]).relations) == 3


def test_two_pictures_of_one_name_stay_two(tmp_path: Path) -> None:
    folder = tmp_path / "mnre"
    for split, colour in (("train", "red"), ("test", "blue")):
        (folder / "img_org" / split).mkdir(parents=True)
        Image.new("RGB", (8, 8), colour).save(folder / "img_org" / split / "a.png")
        row = {"token": ["Ann", "met", "Bob"], "h": {"name": "Ann", "pos": [0, 1]}}
        row |= {"t": {"name": "Bob", "pos": [2, 3]}, "img_id": "a.png", "relation": "None"}
        (folder / f"mnre_{split}.txt").write_text(repr(row))
    import_(folder, tmp_path / "back", "mnre", "imported")
    back = Project(tmp_path / "back")
    assert [post.image for post in back.posts] == ["pictures/a.png", "pictures/test/a.png"]
    colours = [Image.open(back.folder / post.image).getpixel((0, 0)) for post in back.posts]
    assert colours == [(255, 0, 0), (0, 0, 255)]


def test_the_command(project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def command(*words: object) -> int:
        return main.main(["remote-jax", "labels", *map(str, words)])

    assert command("export", project.folder, tmp_path / "out", "--format=umre") == 0
    assert "are in" in capsys.readouterr().out
    assert command("export", project.folder, tmp_path / "out", "--format=umre") == 2
    assert "exists" in capsys.readouterr().err
    assert command("export", project.folder, tmp_path / "x", "--format=umre", "--person=zoe") == 2
    assert "Nobody is called zoe: ana." in capsys.readouterr().err
    assert command("import", tmp_path / "out", tmp_path / "back", "--format=umre") == 0
    assert command("import", tmp_path / "out", tmp_path / "back", "--format=umre") == 2
    assert command("import", tmp_path / "nowhere", tmp_path / "y", "--format=jmere") == 2
