"""Names of annotators can be mended; what was labelled stays on record, and is one person's."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import labelled_folder as folders
import pytest
from labelled_folder import relation

from remote_jax import main
from remote_jax.annotate import store
from remote_jax.annotate.project import Project
from remote_jax.annotate.renaming import rename
from remote_jax.errors import Refused, UserError

PARTNER, NONE = relation("e0", "e1", "/per/per/partner"), relation("e0", "e1", "none")
OSLO = {"item": "e9", "value": {"span": [19, 23], "type": "loc"}}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return folders.project(folders.write(tmp_path), "ana,ben,an")


def change(project: Project, person: str, place: int, *values: dict[str, Any]) -> str:
    change.count += 1  # type: ignore[attr-defined]
    name = f"batch{change.count:07d}"  # type: ignore[attr-defined]
    project.change(person, project.posts[place], name, values)
    return name


change.count = 0  # type: ignore[attr-defined]


def query(folder: Path, text: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / store.FILE) as connection:
        return connection.execute(text).fetchall()


def test_a_new_name_has_all_labels_and_the_list_of_changes_is_as_it_was(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    first = change(project, "an", 0, PARTNER)
    before = query(project.folder, "SELECT * FROM changes")
    arguments = ["labels", "rename", str(project.folder), "an", "anna", "--by=eva"]
    assert main.main(["remote-jax", *arguments]) == 0
    assert "an is called anna" in capsys.readouterr().out
    assert query(project.folder, "SELECT * FROM changes") == before
    ((by, old, new),) = query(project.folder, "SELECT by, before, after FROM renames")
    assert (by, old, new) == ("eva", "an", "anna")
    again = Project(project.folder)
    assert list(again.store.people()) == ["ana", "anna", "ben", "eva"]
    post = again.posts[0]
    assert again.now.layer("anna", post).relations["e0", "e1"].relation == "/per/per/partner"
    again.undo("anna", post, "undone0001", first)
    assert not again.loaded().layer("anna", post).relations


def test_two_names_of_one_person_become_one(project: Project) -> None:
    change(project, "an", 0, PARTNER)
    change(project, "ana", 0, PARTNER, relation("e0", "e2", "none"))
    change(project, "ana", 1, relation("e0", "e1", "none"))
    assert rename(project, "an", "ana", "eva") == 1
    assert project.loaded().annotators == ("ana", "ben")
    found = project.loaded().layer("ana", project.posts[0])
    assert found.relations.keys() == {("e0", "e1"), ("e0", "e2")}
    values = query(project.folder, "SELECT value FROM labels WHERE person = 'ana'")
    assert sorted(json.loads(one)["relation"] for (one,) in values) == [
        *("/per/per/partner", "none", "none")
    ]


@pytest.fixture
def decided(tmp_path: Path) -> Project:
    """Both annotators add two ends, under identifiers of their own; eva joins those of ana."""
    project = folders.project(folders.write(tmp_path))
    for name, one, other in (("ana", "e11", "e12"), ("ben", "e13", "e14")):
        change(project, name, 0, *({**OSLO, "item": one}, {**TODAY, "item": other}))
    change(project, "eva", 0, relation("e12", "e11", "/per/per/partner"))
    return project


TODAY = {"item": "e9", "value": {"span": [36, 41], "type": ""}}


def test_what_was_decided_is_kept_whoever_is_first_by_name(decided: Project) -> None:
    post = decided.posts[0]
    before = decided.now.final(post)
    assert before.relations["e11", "e12"].head == "e12"
    rename(decided, "ana", "zoe", "eva")
    for layers in (decided.now, decided.loaded()):
        found = layers.final(post)
        assert list(found.ends.values()) == list(before.ends.values())
        ((pair, one),) = found.relations.items()
        assert pair == ("e13", "e14") and (one.head, one.tail) == ("e14", "e13")
    change(decided, "eva", 0, relation("e13", "e14", "none"))
    change(decided, "eva", 0, {"item": "e2", "value": None})
    rename(decided, "zoe", "ana", "eva")
    found = decided.now.final(post)
    assert found.relations["e11", "e12"].relation == "none" and "e2" not in found.ends


def test_a_decision_is_undone_under_another_identifier(decided: Project) -> None:
    last = change(decided, "eva", 0, relation("e11", "e12", "none"))
    rename(decided, "ana", "zoe", "eva")
    decided.undo("eva", decided.posts[0], "undone0002", last)
    found = decided.now.final(decided.posts[0]).relations
    assert found["e13", "e14"].relation == "/per/per/partner"


@pytest.mark.parametrize(
    ("ours", "theirs", "why"),
    [
        (PARTNER, NONE, "'Ann Lee' and 'Bob' was changed by both"),
        (OSLO, {**OSLO, "item": "e8"}, "both added 'Oslo': take it away under the name an"),
        (
            PARTNER,
            {"item": "e1", "value": None},
            "one labelled 'Ann Lee' and 'Bob', of which the other",
        ),
    ],
)
def test_two_answers_of_one_person_are_refused(
    project: Project, ours: dict[str, Any], theirs: dict[str, Any], why: str
) -> None:
    change(project, "an", 0, ours)
    change(project, "ana", 0, theirs)
    change(project, "ana", 1, relation("e0", "e1", "none"))
    for pair in (("an", "ana"), ("ana", "an")):
        with pytest.raises(UserError, match=f"differ in 1 post, first in 'first': {why}"):
            rename(project, *pair, "eva")
    assert len(project.store.people()) == 4 and not query(project.folder, "SELECT * FROM renames")


def test_an_end_that_both_added_is_taken_away_where_nothing_was_decided(project: Project) -> None:
    post = project.posts[0]
    change(project, "an", 0, OSLO)
    for name, item in (("ana", "e8"), ("ben", "e7")):
        change(project, name, 0, {**OSLO, "item": item})
    change(project, "eva", 0, relation("e0", "e9", "none"))
    for old, new in (("an", "ana"), ("ana", "an")):
        with pytest.raises(UserError, match="take it away under the name ana"):
            rename(project, old, new, "eva")
    change(project, "ana", 0, {"item": "e8", "value": None})
    rename(project, "an", "ana", "eva")
    assert project.now.final(post).relations.keys() == {("e0", "e9")}


def test_who_was_renamed_cannot_label_under_the_former_name(project: Project) -> None:
    """As the page of a server that was started before would."""
    rename(project, "an", "anna", "eva")
    with pytest.raises(Refused, match="an is called anna now"):
        change(project, "an", 0, PARTNER)
    with pytest.raises(UserError, match="an was renamed, and is called anna"):
        project.store.add_people({"an": store.ANNOTATOR})
    with pytest.raises(UserError, match="an was renamed, and is called anna"):
        rename(project, "ben", "an", "eva")
    rename(project, "anna", "an", "eva")
    change(project, "an", 0, PARTNER)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("nina", "ana", "'nina' cannot become 'ana'"),
        ("ana", "ana", "'ana' cannot become 'ana'"),
        ("ana", "eva", "eva is adjudicator, and ana is annotator"),
        ("ana", "../x", "letters, digits"),
    ],
)
def test_mistakes_in_renaming(project: Project, old: str, new: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        rename(project, old, new, "eva")


def test_a_file_of_format_1_is_read(tmp_path: Path) -> None:
    folder = folders.write(tmp_path)
    with sqlite3.connect(folder / store.FILE) as connection:
        connection.executescript(store.SCHEMA + "PRAGMA user_version=1;")
        connection.execute("INSERT INTO people VALUES ('an', 'annotator')")
    project = Project(folder)
    change(project, "an", 0, PARTNER)
    rename(project, "an", "ana", "eva")
    assert project.loaded().layer("ana", project.posts[0]).relations
    assert query(folder, "PRAGMA user_version") == [(2,)]
