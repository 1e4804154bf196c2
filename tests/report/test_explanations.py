"""What a page says that a model made of a prediction: as an independent reckoning has it."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from explained_runs import CHANGES, Run, alone, attend, cosine, pairs_of, sinkhorn
from fabricated import MARKUP
from opened import Opened, sync_api, undrawn

import remote_jax
from remote_jax.commands import report
from remote_jax.eega.explanation import explain as explain_sentences
from remote_jax.errors import UserError
from remote_jax.remote.explanation import _explanation
from remote_jax.report import finished, write
from remote_jax.report.charts import Link, Matrix, Network, Node
from remote_jax.report.explanations.chosen import chosen, trained, with_explanations
from remote_jax.report.explanations.remote import explained
from remote_jax.report.page.render import as_json, render
from remote_jax.report.thumbnails import thumbnails
from remote_jax.report.view import Browser, Column, Explained, Overlay, Post
from remote_jax.reporting.results import Table
from remote_jax.roam.explanation import explain as explain_queries


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    return {name: Run(name, tmp_path_factory.mktemp(name)) for name in CHANGES}


@pytest.mark.parametrize("name", ["remote", "shared"])
def test_plans_are_those_of_the_pair_alone(runs: dict[str, Run], name: str) -> None:
    """Of every level, from its features before fusion, by Sinkhorn in float64."""
    run, row = runs[name], 1
    (found,) = pairs_of(run, [row])
    batch = alone(run, row)
    _, _, levels, mask, blocks = run.observe(batch)
    there = mask[0]
    features = [x[0].astype(np.float64)[there] for x in levels]
    for number, block in enumerate(blocks):
        target = block[0].astype(np.float64)[there]
        cost = cosine(target, np.concatenate(features[: number + 1]))
        plan = sinkhorn(cost, run.config.model.epsilon)
        shown = found.plans["vision"][number]
        np.testing.assert_allclose(shown.reshape(len(plan), -1), plan, atol=1e-5)
        assert shown.shape == (there.sum(), number + 1, there.sum())
    assert len(found.patches) == there.sum()
    count = int(batch["token_mask"].sum())
    assert len(found.pieces) == count and found.pieces[0] == "[CLS]"
    for plan in found.plans["text"]:
        assert plan.shape[0] == plan.shape[2] == count
        np.testing.assert_allclose(plan.sum((1, 2)), 1 / count, atol=1e-5)


@pytest.mark.parametrize("name", ["remote", "shared"])
def test_attention_is_that_of_the_pair_alone(runs: dict[str, Run], name: str) -> None:
    run = runs[name]
    task: Any = run.task
    records = task.pairs.records("test")
    row = next(i for i in range(len(records)) if records[i].type == 2)  # an entity and an object
    (found,) = pairs_of(run, [row])
    batch = alone(run, row)
    place = int(np.flatnonzero(np.asarray(batch["row"]).reshape(-1) == row)[0])
    texts, markers, sights, mask, _ = run.observe(batch)
    seen, read = mask[0], batch["token_mask"][0]
    mmoe = run.model.mmoe
    over_text, over_vision = mmoe.text.attention, mmoe.vision.attention
    for end in (0, 1):
        shown = found.attention["text"][end]
        assert shown is not None
        for level, features in enumerate(sights):
            query = markers[0, 2 * place + end][None]
            expected = attend(over_text, query, features[0][seen])
            np.testing.assert_allclose(shown[level], expected[0], atol=1e-5)
    objects = np.asarray(batch["object"]).reshape(-1, 2)[place]
    for number, shown in zip(objects, found.attention["vision"], strict=True):
        assert (shown is None) == (number < 0)
        if shown is not None:
            each = len(seen) // batch["boxes"].shape[1]
            own = slice(int(number) * each, (int(number) + 1) * each)
            tokens = sights[-1][0][own][seen[own]]
            for level, features in enumerate(texts):
                expected = attend(over_vision, tokens, features[0][read])
                np.testing.assert_allclose(shown[level], expected.mean(0), atol=1e-5)


def test_patches_tile_the_boxes_that_the_page_draws(runs: dict[str, Run]) -> None:
    run = runs["remote"]
    view = run.view
    rows = [i for i, number in enumerate(view.browser.explanation) if number >= 0]
    assert len(rows) == 4
    for row, one in zip(rows, pairs_of(run, rows), strict=True):
        boxes = finished.read(run.folder).rows[row]["boxes"]
        for patch in one.patches:
            np.testing.assert_allclose(patch.box, boxes[patch.object], atol=1e-4)


def test_what_a_page_says_of_a_pair_is_its_explanation(runs: dict[str, Run]) -> None:
    run = runs["remote"]
    browser = run.view.browser
    row = browser.explanation.index(0)
    (one,) = pairs_of(run, [row])
    charts = {chart.title: chart for chart in browser.explained[0].charts}
    shown: Any = charts["Transport in the text: to level 2 from level 1"]
    np.testing.assert_array_equal(shown.values, one.plans["text"][1][:, 1])
    assert shown.rows[0] == "0 [CLS]"
    assert "Transport in the vision: to level 1 from level 0" in charts
    together: Any = charts["Transport in the text: to level 2 from all below together"]
    np.testing.assert_allclose(together.values, one.plans["text"][1].sum(1), atol=1e-6)


def test_a_sentence_alone_has_the_tags_attention_and_plans_that_are_shown(
    runs: dict[str, Run],
) -> None:
    run = runs["eega"]
    task: Any = run.task
    (one,) = explain_sentences(task, run.skeleton, run.params, "test", [2])
    batch = {name: np.asarray(x)[None] for name, x in task.dataset("test")[2].items()}

    @jax.jit
    def run_alone(batch: dict[str, np.ndarray]) -> Any:
        model = run.model
        encoded = model.encode(batch)
        return task.predict(model, batch, None), encoded, model.plans(encoded)

    tagged, encoded, plans = jax.device_get(run_alone(batch))
    count, objects = len(one.words), len(one.objects)
    logs = np.asarray(tagged["tags"][0], np.float32)[:count, :count]
    np.testing.assert_array_equal(one.likeliest, logs.argmax(-1))
    np.testing.assert_allclose(one.probability, np.exp(logs.max(-1)), atol=2e-3)  # half precision
    np.testing.assert_allclose(one.nodes, plans.nodes[0, :objects, :count], atol=1e-5)
    np.testing.assert_allclose(one.edges, plans.edges[0, :objects, :count], atol=1e-5)
    cost = cosine(
        *(
            np.asarray(graph.nodes[0], np.float64)[np.asarray(graph.mask[0])]
            for graph in (encoded.image, encoded.text)
        )
    )
    plan = sinkhorn(cost, run.model.alignment.node_epsilon)
    assert one.nodes is not None and np.abs(one.nodes - plan).max() < 1e-2 * plan.max()
    row = finished.read(run.folder).rows[2]
    assert list(one.words) == row["tokens"][:count]
    for entity in row["entities"]:
        assert one.attention is not None
        mean = one.attention[entity["start"] : entity["end"]].mean(0)
        np.testing.assert_allclose(mean, entity["attention"], atol=1e-4)  # rounded there


def test_both_graphs_are_those_of_the_files(runs: dict[str, Run]) -> None:
    run = runs["eega"]
    task: Any = run.task
    example = task.data.examples("test")[1]
    (one,) = explain_sentences(task, run.skeleton, run.params, "test", [1])
    heads = {word: head for word, head, _ in one.parse}
    assert heads == {w: h for w, h in enumerate(example.parse.heads.tolist()) if w != h}
    assert {(a, b) for a, b, _ in one.scene} <= set(map(tuple, np.argwhere(example.graph.adjacent)))
    assert all(name in task.corpus.relations for _, _, name in one.scene) and one.scene
    right = one.right[one.right > 0]
    assert len(right) and set(right.tolist()) <= set(range(len(one.tags)))


def test_answers_to_a_query_are_those_of_predict(runs: dict[str, Run]) -> None:
    run = runs["roam"]
    rows = finished.read(run.folder).rows
    chosen_rows = [0, len(rows) - 1]  # for a tail, and for a head
    task: Any = run.task
    calibration = run.best.get("calibration", {})
    found = explain_queries(task, run.skeleton, run.params, calibration, "test", chosen_rows)
    model = remote_jax.load(run.folder)
    whole = jax.jit(lambda: run.model.candidates(run.model.encode())[1])()
    for number, one in zip(chosen_rows, found, strict=True):
        row = rows[number]
        end = {"tail": "head", "head": "tail"}[row["direction"]]
        asked = {end: row[end], "relation": row["relation"], "top": 10, "routing": True}
        (answer,) = model.predict([asked])
        expected: Any = answer
        assert [a.name for a in one.answers] == [a.name for a in expected.answers]
        assert [a.known for a in one.answers] == [a.known for a in expected.answers]
        np.testing.assert_allclose(
            [a.probability for a in one.answers],
            [a.probability for a in expected.answers],
            atol=1e-5,
        )
        shares = [group.share for group in expected.routing]
        np.testing.assert_allclose(one.routed.shares, shares, atol=1e-5)
        assert one.wanted == row[row["direction"]]
        for shown, entity in zip(one.routing, one.answers, strict=True):
            number = task.graph.entities.index(entity.name)
            np.testing.assert_allclose(shown.shares, whole.group_shares[:, number], atol=1e-5)
            for m, weights in enumerate(shown.modalities.values()):
                np.testing.assert_allclose(weights, whole.weights[m, :, number], atol=1e-5)


def test_levels_are_in_the_order_of_their_numbers() -> None:
    """A jitted function gives its outputs in the order of their names."""
    plans = {f"text/plan/{level}": np.full((2, 2 * level), level) for level in range(1, 13)}
    found = jax.device_get(jax.jit(lambda: {"text/mask": np.ones(2, bool), **plans})())
    one = _explanation(found, pieces="ab", patches=[], objects=np.zeros(2, bool), place=0)
    assert [plan.shape[1] for plan in one.plans["text"]] == list(range(1, 13))
    assert [int(plan.max()) for plan in one.plans["text"]] == list(range(1, 13))
    titles = [chart.title for chart in explained(one).charts]
    assert len(set(titles)) == len(titles) == 24
    assert explained(replace(one, plans={"text": []})).charts == []


def test_a_page_says_for_how_many_explanations_there_was_no_room(
    runs: dict[str, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runs["roam"]
    read = finished.read(run.folder)
    size = max(len(json.dumps(as_json(one))) for one in run.view.browser.explained)
    monkeypatch.setattr("remote_jax.report.explanations.chosen.ROOM", 2 * size)
    view = with_explanations(read, write.view_of, 4)
    assert len(view.browser.explained) == 2 == sum(x >= 0 for x in view.browser.explanation)
    told = {section.title: section.notes for section in view.sections}["Explanations"][0]
    assert told.startswith("2 predictions are explained") and "For 2 more" in told


def test_pictures_of_explained_pairs_come_first(runs: dict[str, Run], tmp_path: Path) -> None:
    read = finished.read(runs["remote"].folder)
    last = read.rows[-1]["image"]
    found, _ = thumbnails(read, [row["image"] for row in read.rows])
    used = (read.folder / "predictions.jsonl").stat().st_size + len(found[last])
    small = replace(read, room=used, first=[last, "elsewhere.jpg"])
    assert list(thumbnails(small, [row["image"] for row in read.rows])[0]) == [last]


def test_wrong_and_right_predictions_take_turns() -> None:
    right = [True] * 6 + [False] * 2
    browser = Browser([], right, None, [], [0, 0, 1, 1, 2, 2, 2, 3])
    assert chosen(browser, 4, per_post=False)[1] == [6, 0, 7, 5]
    assert chosen(browser, 3, per_post=True)[1] == [2, 0, 3]
    assert chosen(browser, 1, per_post=True)[1] == [2]
    assert chosen(browser, 0, per_post=True)[1] == []
    assert chosen(browser, 99, per_post=False)[1] == [6, 0, 7, 1, 2, 3, 4, 5]


def test_figures_of_one_explanation_are_written(runs: dict[str, Run], tmp_path: Path) -> None:
    expected = {
        "remote": {"attention-of-the-head-over-text", "attention-over-levels"},
        "eega": {"tags-of-word-pairs", "graphs-by-attention", "graphs-by-nodes", "graphs-by-edges"},
    }
    for name, names in expected.items():
        write.write_example(runs[name].view.browser, tmp_path)
        written = {path.stem for path in tmp_path.glob("*.png")}
        assert names <= written and written == {path.stem for path in tmp_path.glob("*.pdf")}


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("remote", "Attention of the head (text)"),
        ("eega", "Tags of word pairs"),
        ("roam", "How the query was routed"),
    ],
)
def test_the_page_of_a_run_shows_what_the_model_made_of_it(
    runs: dict[str, Run], browser: sync_api.Browser, name: str, first: str
) -> None:
    run = runs[name]
    with undrawn():
        assert report.main([str(run.folder), "--explain=4"]) == 0
    opened = Opened(browser, run.folder / "report" / "report.html")
    page = opened.page
    before = len(opened.rows())
    page.select_option("#filter-explained", "yes")
    assert 4 <= len(opened.rows()) < before or name == "eega"
    page.locator("#rows tbody tr").first.click()
    page.locator("#post .explained .main-svg").first.wait_for()
    titles = page.locator("#explained option").all_text_contents()
    assert titles[0].startswith(first)
    page.select_option("#explained", str(len(titles) - 1))
    page.select_option("#explained", "0")
    row = int(page.locator("#rows tbody tr").first.get_attribute("data-row") or "")
    shown = page.evaluate("document.querySelector('#post .explained').data[0].z")
    one = run.view.browser
    values = one.explained[one.explanation[row]].charts[0].values  # type: ignore[union-attr]
    decoded = np.frombuffer(base64.b64decode(shown["bdata"]), "<f4") if "bdata" in shown else 0
    np.testing.assert_allclose(decoded, np.asarray(values).reshape(-1), atol=1e-5)
    if name == "remote":
        page.select_option("#overlays", "1")
        assert page.locator("#post .cell").count() > 0
    assert opened.said == []


def test_markup_in_explanations_is_shown_as_text(browser: sync_api.Browser, tmp_path: Path) -> None:
    matrix = Matrix("", MARKUP, MARKUP, MARKUP, [MARKUP], [MARKUP], [[1.0]], texts=[[MARKUP]])
    network = Network(
        "", MARKUP, [Node(MARKUP, 0.0, 0.0, "left")] * 2, [Link(0, 1, MARKUP, 1, "parse")]
    )
    table = Table(MARKUP, (MARKUP,), [(MARKUP,)])
    one = Explained([matrix, network], [table], [Overlay(MARKUP, MARKUP, [((0, 0, 1, 1), 1.0)])])
    column = Column("head", [MARKUP])
    post = Post(["a"], "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=")
    made = Browser([column], [True], None, [post], [0], explained=[one], explanation=[0])
    (tmp_path / "page.html").write_text(render("a title", [], made))
    opened = Opened(browser, tmp_path / "page.html")
    opened.page.locator("#rows tbody tr").first.click()
    for place in ("1", "0"):
        opened.page.select_option("#explained", place)
        opened.page.locator("#post .explained .main-svg").first.wait_for()
    opened.page.select_option("#overlays", "1")
    assert opened.page.evaluate("window.hurt") is None
    assert opened.page.locator("img[src=x]").count() == 0
    assert opened.post().count(MARKUP) >= 3 and opened.said == []


def test_a_checkpoint_of_other_results_is_refused(runs: dict[str, Run]) -> None:
    read = finished.read(runs["roam"].folder)
    other = replace(read, results={**read.results, "best_step": 7})
    with pytest.raises(UserError, match="has results of step 7, and its best checkpoint is of"):
        trained(other)
