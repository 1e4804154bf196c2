"""Labels are a list of changes: what is valid now, undone, merged and final follows from it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import labelled_folder as folders
import pytest
from labelled_folder import POST, relation
from PIL import Image

from remote_jax.annotate import store
from remote_jax.annotate.project import Project
from remote_jax.annotate.store import FILE, Store
from remote_jax.errors import Refused, UserError


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return folders.project(folders.write(tmp_path))


def change(project: Project, person: str, *values: dict, batch: str = "") -> None:
    change.count += 1  # type: ignore[attr-defined]
    name = batch or f"batch{change.count:07d}"  # type: ignore[attr-defined]
    project.change(person, project.posts[0], name, values)


change.count = 0  # type: ignore[attr-defined]


def rows(folder: Path) -> list[tuple]:
    """Person, item, from and to of every change, read without the package."""
    with sqlite3.connect(folder / FILE) as connection:
        query = "SELECT person, item, before, after FROM changes ORDER BY number"
        return connection.execute(query).fetchall()


def test_every_change_is_kept_with_what_it_was_before(project: Project) -> None:
    change(project, "ana", relation("e0", "e1", "/per/per/partner"))
    change(project, "ana", relation("e1", "e0", "/per/per/relatives"))
    change(project, "ana", {"item": "e0 e1", "value": None})
    first = {"head": "e0", "tail": "e1", "relation": "/per/per/partner"}
    second = {"head": "e1", "tail": "e0", "relation": "/per/per/relatives"}
    found = [
        (who, item, before and json.loads(before), after and json.loads(after))
        for who, item, before, after in rows(project.folder)
    ]
    assert found == [
        ("ana", "e0 e1", None, first),
        ("ana", "e0 e1", first, second),
        ("ana", "e0 e1", second, None),
    ]


@pytest.mark.parametrize("query", [store._VALUES, store._ALL_VALUES, store._BATCHES])
def test_labels_are_read_without_a_scan_of_all_changes(project: Project, query: str) -> None:
    values = ("ana", "first")[: query.count("?")]
    with sqlite3.connect(project.folder / FILE) as connection:
        plan = [one[-1] for one in connection.execute(f"EXPLAIN QUERY PLAN {query}", values)]
    assert any("changes USING INDEX by_post" in step for step in plan)
    assert not any("SCAN changes" in step for step in plan), plan


def test_changes_cannot_be_rewritten(project: Project) -> None:
    change(project, "ana", relation("e0", "e1", "none"))
    with sqlite3.connect(project.folder / FILE) as connection:
        for query in ("UPDATE changes SET person = 'ben'", "DELETE FROM changes"):
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(query)
    assert rows(project.folder)[0][0] == "ana"


def test_a_batch_that_is_sent_twice_counts_once(project: Project) -> None:
    for _ in range(2):
        change(project, "ana", relation("e0", "e1", "none"), batch="samesame1")
    assert len(rows(project.folder)) == 1


def test_undoing_goes_back_step_by_step(project: Project) -> None:
    post = project.posts[0]
    change(project, "ana", relation("e0", "e1", "none"), batch="first0001")
    change(project, "ana", {"item": "e1", "value": None}, batch="second001")
    assert not project.now.layer("ana", post).relations
    with pytest.raises(Refused):
        project.undo("ana", post, "third0001", "first0001")  # not the last
    project.undo("ana", post, "third0001", "second001")
    assert set(project.now.layer("ana", post).relations) == {("e0", "e1")}
    project.undo("ana", post, "fourth001", "first0001")
    project.undo("ana", post, "fourth001", "first0001")  # asked again, as after a lost answer
    assert project.now.layer("ana", post) == post.base
    assert len(rows(project.folder)) == 4


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (relation("e0", "e1", "/per/per/partners"), "did you mean '/per/per/partner'"),
        (relation("e0", "e9", "none"), "the post has no e9"),
        ({"item": "e0 e0", "value": None}, "a pair of ends"),
        ({"item": "e0 e1 o0", "value": None}, "a pair of ends"),
        ({"item": "../e0", "value": None}, "a pair of ends"),
        ({"item": "e0 e1", "value": {"head": "e0", "tail": "o1", "relation": "none"}}, "head and"),
        ({"item": "enew", "value": {"span": [0, 99]}}, "within [0, 41)"),
        ({"item": "enew", "value": {"span": [3, 4]}}, "covers no word"),
        ({"item": "enew", "value": {"span": [0, 3], "type": "dog"}}, "'dog' is none of"),
        ({"item": "onew", "value": {"box": [0, 0, float("nan"), 1]}}, "not finite"),
        ({"item": "onew", "value": {"box": [0, 0, 300, 200]}}, "pixels"),
        ({"item": "onew", "value": {"box": [0.5, 0.5, 0.500001, 0.6]}}, "too small"),
        ({"item": "onew", "value": {"box": [0, 0, 1, 1], "caption": "x" * 30_000}}, "characters"),
        ({"item": "onew", "value": 7}, "must be an object"),
        ({"item": None, "value": None}, "must be text"),
    ],
)
def test_what_is_no_label_is_refused_and_changes_nothing(
    project: Project, value: dict, why: str
) -> None:
    with pytest.raises(Refused) as error:
        change(project, "ana", relation("e0", "e1", "none"), value)
    assert why in str(error.value)
    assert rows(project.folder) == []


def test_a_span_takes_whole_words(project: Project) -> None:
    change(project, "ana", {"item": "enew", "value": {"span": [10, 14], "type": "PER"}})
    entity = project.now.layer("ana", project.posts[0]).ends["enew"]
    assert entity.to_dict() == {"span": [8, 15], "type": "per"}


def test_the_final_layer_is_what_all_say_and_what_is_decided(project: Project) -> None:
    post = project.posts[0]
    for person in ("ana", "ben"):
        change(project, person, relation("e0", "e1", "/per/per/partner"))
        # A box each of the same object, and another that only one has.
        box = [0.0, 0.0, 0.4, 0.3 if person == "ana" else 0.28]
        change(project, person, {"item": f"o{person}", "value": {"box": box}})
    change(project, "ana", relation("e0", "o0", "/per/per/self"), relation("e0", "e2", "none"))
    change(project, "ben", relation("e0", "o0", "none"))
    change(project, "ben", {"item": "obenonly", "value": {"box": [0.6, 0.6, 1, 1]}})
    final = project.now.final(post)
    assert set(final.relations) == {("e0", "e1")}  # ben did not label e0 e2
    assert set(final.ends) == {*post.base.ends, "oana"}
    change(project, "eva", relation("e0", "o0", "/per/per/self"))
    change(project, "eva", {"item": "obenonly", "value": {"box": [0.6, 0.6, 1, 1]}})
    change(project, "eva", relation("e0", "obenonly", "none"))
    final = project.now.final(post)
    assert {pair: one.relation for pair, one in final.relations.items()} == {
        ("e0", "e1"): "/per/per/partner",
        ("e0", "o0"): "/per/per/self",
        ("e0", "obenonly"): "none",
    }
    assert final == project.loaded().final(post)


def test_a_symmetric_relation_has_no_direction_and_others_have(project: Project) -> None:
    for person, ends in (("ana", ("e0", "e1")), ("ben", ("e1", "e0"))):
        change(project, person, relation(*ends, "/per/per/partner"))
        change(project, person, {"item": "e2", "value": {"span": [19, 33], "type": "per"}})
    assert ("e0", "e1") in project.now.final(project.posts[0]).relations
    change(project, "ana", relation("e0", "e2", "/per/org/member_of"))
    change(project, "ben", relation("e2", "e0", "/per/org/member_of"))
    assert ("e0", "e2") not in project.now.final(project.posts[0]).relations


def test_posts_with_labels_may_not_change(project: Project) -> None:
    change(project, "ana", relation("e0", "e1", "none"))
    path = project.folder / "posts.jsonl"
    text = path.read_text()
    path.write_text(text.replace("Bob", "Rob"))
    with pytest.raises(UserError, match="give it a new id"):
        Project(project.folder)
    path.write_text(text.partition("\n")[2])
    with pytest.raises(UserError, match="put them back"):
        Project(project.folder)


@pytest.mark.parametrize(
    ("post", "why"),
    [
        ({**POST, "image": "../a.png"}, "goes up a folder"),
        ({**POST, "image": "/etc/passwd"}, "is absolute"),
        ({**POST, "image": "b.png"}, "no file 'b.png'"),
        ({**POST, "id": "a\x1b[2J"}, "cannot be printed"),
        ({**POST, "objects": [[0, 0, "1", 1]]}, "four numbers"),
        ({**POST, "entities": [[0, 99]]}, "within"),
        ({**POST, "name": 1}, "none of the keys"),
        ({"text": "one", "objects": [[0, 0, 1, 1]]}, "no 'image'"),
        ({**POST, "id": "posts.jsonl:1"}, "that of an earlier post"),
    ],
)
def test_bad_posts_are_named_by_their_lines(tmp_path: Path, post: dict, why: str) -> None:
    folder = folders.write(tmp_path, [{"text": "one"}, post])
    with pytest.raises(UserError) as error:
        folders.project(folder)
    assert "line 2" in str(error.value) and why in str(error.value)


def test_a_link_out_of_the_folder_is_no_picture(tmp_path: Path) -> None:
    outside = tmp_path / "outside.png"
    Image.new("RGB", (4, 4)).save(outside)
    folder = folders.write(tmp_path / "posts", [{**POST, "image": "link.png"}])
    (folder / "link.png").symlink_to(outside)
    with pytest.raises(UserError, match="leads outside"):
        folders.project(folder)


def test_one_adjudicator_and_one_role_each_or_nobody_is_added(
    project: Project, tmp_path: Path
) -> None:
    for name, role in (("ana", "adjudicator"), ("eva", "annotator"), ("mia", "adjudicator")):
        with pytest.raises(UserError):
            project.store.add_people({"bne": "annotator", name: role})
    (tmp_path / "other").mkdir()
    with pytest.raises(UserError, match="max is the adjudicator"):
        Store(tmp_path / "other", new=True).add_people({"max": "adjudicator", "mia": "adjudicator"})
    assert list(project.store.people()) == ["ana", "ben", "eva"]


def test_another_file_in_place_of_the_labels_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database" * 100)
    with pytest.raises(UserError, match="cannot be used"):
        Store(tmp_path)
