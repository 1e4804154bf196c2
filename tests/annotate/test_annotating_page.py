"""The page in a browser: two annotators and an adjudicator, mostly by keyboard."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import labelled_folder as folders
import pytest
from labelled_folder import IN_WORDS, MARKUP, POST, extracted
from served import Server

pytest.importorskip("uvicorn", reason="of the extra `annotate`")
pytest.importorskip("krippendorff", reason="of the extra `annotate`")
pytest.importorskip("playwright", reason="of the extra `test`")
pytest.importorskip("sklearn", reason="of the extra `test`")

from playwright.sync_api import expect
from sklearn import metrics

from remote_jax.annotate.agreement.write import measure
from remote_jax.annotate.project import Project
from remote_jax.annotate.store import FILE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

POSTS = 6
PAIRS = 10  # of each, of three entities and two objects
CHOICES = ("partn", "relat", "mber", "alum", "none")


class Person:
    """One of them, at the page."""

    def __init__(self, browser: Browser, address: str):
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page: Page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
        self.page.on("console", lambda m: self.said.append(m.text) if m.type != "log" else None)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address)
        self.ready()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def write(self, text: str) -> None:
        self.page.keyboard.type(text)

    def ready(self) -> None:
        """Waits until a post is shown and everything is saved."""
        self.page.wait_for_selector("#list li.current")
        self.saved()

    def saved(self) -> None:
        expect(self.page.locator("#saved")).to_have_text("Everything is saved")

    def go(self, place: int) -> None:
        self.page.fill("#place", str(place + 1))
        self.page.press("#place", "Enter")
        expect(self.page.locator("#name")).to_have_text(f"post {place}")
        self.ready()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    posts = [{**IN_WORDS, "id": f"post {place}"} for place in range(POSTS)]
    folder = folders.write(tmp_path, posts)
    (folder / "guidelines.md").write_text(f"# Rules\n\nLabel *what is said*. {MARKUP}")
    started = Server(
        folder,
        *("--annotators=ana,ben", "--adjudicator=eva"),
        f"--guidelines={folder / 'guidelines.md'}",
    )
    yield started
    started.kill()


def labels(folder: Path, person: str) -> dict[tuple[str, str], tuple[str, str]]:
    """The relation and the head of each pair, read without the package."""
    with sqlite3.connect(folder / FILE) as connection:
        query = "SELECT post, item, after FROM changes WHERE person = ? ORDER BY number"
        found: dict[tuple[str, str], Any] = {}
        for post, item, after in connection.execute(query, (person,)):
            found[post, item] = after and json.loads(after)
    return {
        key: (value["relation"], value["head"])
        for key, value in found.items()
        if value and " " in key[1]
    }


def label_all(person: Person, seed: int) -> None:
    """Labels every pair of every post by keyboard: type-ahead, digits, 0, turning round."""
    shared, own = random.Random(7), random.Random(seed)
    for place in range(POSTS):
        if place:
            person.press("PageDown")
            expect(person.page.locator("#name")).to_have_text(f"post {place}")
            person.page.wait_for_selector("#list li.current .open")
        for _ in range(PAIRS):
            choice, other = shared.choice(CHOICES), own.choice(CHOICES)
            choice = other if own.random() < 0.4 else choice
            if choice == "none":
                person.press("0")
            else:
                person.write(choice)
                person.press(own.choice(["Enter", "1"]))
            if choice == "mber" and own.random() < 0.5:
                person.press("ArrowUp", " ", "ArrowDown")
    person.saved()


def decide(person: Person, disputed: list[tuple[str, str]]) -> None:
    """Takes the label of one annotator, then of the other, of all that is disputed."""
    for place in range(POSTS):
        count = sum(post == f"post {place}" for post, _ in disputed)
        if count:
            person.go(place)
            person.press(*(str(1 + number % 2) for number in range(count)))
            person.saved()


def test_two_annotators_and_an_adjudicator(
    browser: Browser, server: Server, tmp_path: Path
) -> None:
    people = {name: Person(browser, server.addresses[name]) for name in ("ana", "ben")}
    for seed, person in enumerate(people.values()):
        assert "token" not in person.page.url
        label_all(person, seed)
    folder = tmp_path
    ana, ben = (labels(folder, name) for name in ("ana", "ben"))
    assert len(ana) == len(ben) == POSTS * PAIRS and ana.keys() == ben.keys()

    # Kappa of what SQLite holds, by scikit-learn.
    project = Project(folder)
    symmetric = project.vocabulary.symmetric | {"none"}
    first, second = (
        [
            name if name in symmetric or item.startswith(head) else f"back {name}"
            for (_, item), (name, head) in ((key, one[key]) for key in ana)
        ]
        for one in (ana, ben)
    )
    found = measure(project.loaded(), project.posts)
    assert found.overall["all"].items == POSTS * PAIRS
    assert found.overall["all"].kappa == pytest.approx(metrics.cohen_kappa_score(first, second))

    eva = Person(browser, server.addresses["eva"])
    disputed = [key for key, one, other in zip(ana, first, second, strict=True) if one != other]
    decide(eva, disputed)
    decided = labels(folder, "eva")
    assert decided.keys() == set(disputed) and len(disputed) >= 10
    assert all(value in (ana[key], ben[key]) for key, value in decided.items())
    assert {decided[key] == ana[key] for key in disputed} == {True, False}
    layers = project.loaded()
    final = [len(layers.final(post).relations) for post in project.posts]
    assert final == [PAIRS] * POSTS
    for person in (*people.values(), eva):
        assert person.said == []
        home = f"http://127.0.0.1:{server.port}/"
        assert all(url.startswith(home) for url in person.asked)


def added(folder: Path, letter: str) -> list[dict[str, Any]]:
    """Ends that ana added, which have long identifiers."""
    project = Project(folder)
    ends = project.now.layer("ana", project.posts[0]).ends.items()
    return [end.to_dict() for item, end in ends if item[0] == letter and len(item) > 3]


def drag(person: Person, *points: tuple[float, float]) -> None:
    """Drags from point to point of the picture, which are shares of its sides."""
    area = person.page.locator("#picture img").bounding_box()
    assert area
    for number, (x, y) in enumerate(points):
        place = (area["x"] + x * area["width"], area["y"] + y * area["height"])
        person.page.mouse.move(*place, steps=3)
        if not number:
            person.page.mouse.down()
    person.page.mouse.up()
    person.saved()


def test_boxes_and_entities_by_pointer_and_undo(
    browser: Browser, server: Server, tmp_path: Path
) -> None:
    ana = Person(browser, server.addresses["ana"])
    page = ana.page
    assert "run" not in page.title() and MARKUP in page.inner_text("#guidelines")
    assert page.inner_text("#guidelines h1") == "Rules"
    assert page.inner_text("#guidelines em") == "what is said"
    assert not page.locator("#guidelines img").count()
    page.wait_for_load_state("networkidle")  # the picture has its size

    def box() -> list[float]:
        (one,) = added(tmp_path, "o")
        return one["box"]

    drag(ana, (0.55, 0.85), (0.7, 0.97))
    assert box() == pytest.approx([0.55, 0.85, 0.7, 0.97], abs=0.01)
    drag(ana, (0.6, 0.9), (0.3, 0.95))  # moved, and kept inside
    assert box() == pytest.approx([0.25, 0.88, 0.4, 1.0], abs=0.015)
    drag(ana, (0.25, 0.88), (0.05, 0.93))  # its corner
    assert box() == pytest.approx([0.05, 0.93, 0.4, 1.0], abs=0.015)
    page.keyboard.press("Control+z")
    ana.saved()
    assert box() == pytest.approx([0.25, 0.88, 0.4, 1.0], abs=0.015)
    page.keyboard.press("Delete")
    ana.saved()
    assert added(tmp_path, "o") == []

    page.locator("#sentence .word").nth(8).hover()
    page.mouse.down()
    page.locator("#sentence .word").nth(9).hover()
    page.mouse.up()
    ana.saved()
    page.select_option("#selected select", "org")
    ana.saved()
    assert added(tmp_path, "e") == [{"span": [34, 45], "type": "org"}]
    assert ana.said == []


def test_keys_that_are_pressed_while_the_server_is_gone(
    browser: Browser, server: Server, tmp_path: Path
) -> None:
    ana = Person(browser, server.addresses["ana"])
    page, port = ana.page, server.port
    server.kill()
    ana.press("0")
    page.wait_for_selector("#error:not([hidden])")
    assert page.inner_text("#saved") == "1 not saved yet"
    assert page.locator("#list .label.waiting").count() == 1
    again = Server(tmp_path, port=port)
    try:
        ana.saved()
        assert [name for name, _ in labels(tmp_path, "ana").values()] == ["none"]
        page.reload()
        ana.ready()
        assert page.locator("#list .label:not(.open)").all_inner_texts() == ["none"]
    finally:
        again.kill()
    assert [line for line in ana.said if "ERR_CONNECTION_RE" not in line] == []


def test_text_of_posts_is_text(browser: Browser, tmp_path: Path) -> None:
    text = f"{MARKUP} \u202eAnn\u0007 met Bob"
    caption = "<b onclick=x>cup</b>\u2066"
    post = {
        **POST,
        "id": MARKUP,
        "text": text,
        "entities": [[0, len(MARKUP)], [len(text) - 3, len(text)]],
        "objects": [{"box": [0, 0, 1, 1], "caption": caption}],
    }
    server = Server(folders.write(tmp_path, [post]), "--annotators=ana")
    try:
        ana = Person(browser, server.addresses["ana"])
        body = ana.page.inner_text("body")
        assert body.count(MARKUP) >= 3 and "<b onclick=x>cup</b>⟨U+2066⟩" in body
        assert "⟨U+202E⟩" in body and "␇" in body and "\u202e" not in body
        assert ana.page.title() == "remote_jax: labels" and ana.page.locator("main b").count() == 0
        assert ana.page.locator("img").count() == 1 and ana.said == []
    finally:
        server.kill()


def test_suggestions_and_ends_of_others_are_accepted_with_a_click(
    browser: Browser, tmp_path: Path
) -> None:
    folder = folders.write(tmp_path / "posts", [IN_WORDS])
    mentions = [
        {"name": "Ann Lee", "type": "per", "span": [0, 7]},
        {"name": "a hat", "type": "misc", "box": [0.7, 0.85, 0.9, 0.98]},
    ]
    triplet = {"head": 0, "tail": 1, "relation": "/per/misc/awarded", "probability": 0.8}
    post = {"id": "first", "text": "Ann Lee met Bob at Oslo Town Hall again today"}
    found = extracted(tmp_path / "found", {**post, "mentions": mentions, "triplets": [triplet]})
    flags = ("--annotators=ana,ben", "--adjudicator=eva", f"--suggestions={found}")
    server = Server(folder, *flags)
    try:
        ana = Person(browser, server.addresses["ana"])
        assert ana.page.locator("#list li").count() == PAIRS
        ana.page.locator(".box.offer").click()
        ana.page.get_by_text("Accept what model has: misc").click()
        ana.saved()
        assert ana.page.locator("#list li").count() == 15
        row = ana.page.locator("#list li", has_text="model: /per/misc/awarded")
        row.click()
        assert labels(folder, "ana") == {}
        ana.press("Enter")
        ana.saved()
        assert labels(folder, "ana") == {("first", "e0 os1"): ("/per/misc/awarded", "e0")}
        eva = Person(browser, server.addresses["eva"])
        eva.page.locator(".box.offer").click()
        eva.page.get_by_text("Accept what ana has: misc").click()
        eva.saved()
        disputed = eva.page.locator("#list li", has_text="ana: /per/misc/awarded")
        assert "no label yet" in disputed.inner_text()  # ben has none
        disputed.click()
        eva.press("Enter")
        eva.saved()
        assert labels(folder, "eva") == labels(folder, "ana")
    finally:
        server.kill()
