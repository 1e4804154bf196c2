"""The page in a browser: nothing fails, filters and clicks act, and text of data stays text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fabricated
import numpy as np
import pytest
from opened import Opened, sync_api, undrawn

pytest.importorskip("plotly", reason="of the extra `report`")

from remote_jax.report import compare
from remote_jax.report.sweep import plan
from remote_jax.report.sweep.plan import Run, Sweep
from remote_jax.report.sweep.write import write as write_sweep
from remote_jax.report.write import write


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A report of each system, one of names that are no markup, and one of many queries."""
    folder = tmp_path_factory.mktemp("runs")
    for system, make in fabricated.SYSTEMS.items():
        make(folder / system)
    fabricated.remote(folder / "named", name="friend_of")
    fabricated.roam(folder / "many", queries=120, name="met")
    with undrawn():
        return {run.name: write(run, run / "report") for run in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages of a sweep, and of its settings side by side; names are markup."""
    folder = tmp_path_factory.mktemp("several")
    runs = []
    for groups in (1, 2, 200):
        for seed in (0, 1):
            run = Run(f"{groups} {fabricated.MARKUP}", (), seed, folder / f"{groups}" / f"{seed}")
            fabricated.roam(run.workdir, queries=40, shift=groups + seed)
            path = run.workdir / "results.json"
            results = json.loads(path.read_text())
            results["config"] |= {"seed": seed, "model": {"groups": groups}}
            path.write_text(json.dumps(results))
            runs.append(run)
    plan.write(Sweep("mkg_y", ("mrr", "seconds"), tuple(runs)), folder)
    return {
        "sweep": write_sweep(folder, folder / "report"),
        "compare": compare.write([run.workdir for run in runs], folder / "compare"),
    }


def shown(page: sync_api.Page, name: str) -> dict[str, Any]:
    """The first trace of a chart, and its axis of x, as Plotly has them."""
    chart = page.locator(f"[id='chart-{name}']")
    chart.scroll_into_view_if_needed()
    chart.locator(".main-svg").first.wait_for()
    found: dict[str, Any] = chart.evaluate(
        "one => ({ ...one.data[0], axis: one.layout.xaxis.type })"
    )
    return found


def test_a_sweep_has_a_page_of_curves(browser: sync_api.Browser, several: dict[str, Path]) -> None:
    opened = Opened(browser, several["sweep"])
    results = [several["sweep"].parents[1] / f"{k}" for k in (1, 2, 200)]
    mrr = [
        [100 * json.loads(path.read_text())["metrics"]["test"]["mrr"] for path in one]
        for one in (sorted(folder.glob("*/results.json")) for folder in results)
    ]
    curve = shown(opened.page, "model.groups-mrr")
    assert curve["x"] == [1, 2, 200] and curve["axis"] == "log"
    np.testing.assert_allclose(curve["y"], np.mean(mrr, 1))
    np.testing.assert_allclose(curve["error_y"]["array"], np.std(mrr, 1, ddof=1))
    assert opened.page.locator("[id='chart-model.groups-mrr'] .errorbar").count() == 3
    assert "error_y" not in shown(opened.page, "model.groups-seconds")  # they are all the same
    assert f"200 {fabricated.MARKUP}" in opened.page.inner_text("main")
    assert opened.page.locator("#predictions, nav a[href='#predictions']").count() == 0
    assert opened.said == [] and all(url.startswith(("file:", "data:")) for url in opened.asked)


def test_settings_have_costs_beside_each_other(
    browser: sync_api.Browser, several: dict[str, Path]
) -> None:
    opened = Opened(browser, several["compare"])
    bars = shown(opened.page, "cost-seconds-of-training")
    assert bars["y"] == ["1/0", "2/0", "200/0"] and bars["x"] == [5, 5, 5]
    files = {path.name for path in (several["compare"].parent / "figures").iterdir()}
    costs = ("seconds-of-training", "seconds-per-step", "peak-memory-of-the-host-GB", "parameters")
    named = (f"cost-{name}.{kind}" for name in (*costs, "mrr") for kind in ("png", "pdf"))
    assert files == set(named)
    for title in ("Relations", "Costs", "Predictions"):
        assert opened.page.locator("h2", has_text=title).count() == 1
    assert opened.said == []


@pytest.fixture(params=fabricated.SYSTEMS)
def opened(
    request: pytest.FixtureRequest, browser: sync_api.Browser, pages: dict[str, Path]
) -> Opened:
    return Opened(browser, pages[request.param])


def test_charts_are_drawn_and_nothing_fails(opened: Opened) -> None:
    charts = opened.page.locator(".chart").all()
    assert len(charts) >= 4
    for chart in charts:
        chart.scroll_into_view_if_needed()
        chart.locator(".main-svg").first.wait_for()
    opened.page.locator("#rows tbody tr").first.click()
    assert opened.said == []
    assert [url for url in opened.asked if not url.startswith(("file:", "data:"))] == []


def test_markup_in_data_is_shown_as_text(opened: Opened) -> None:
    for chart in opened.page.locator(".chart").all():
        chart.scroll_into_view_if_needed()
        chart.locator(".main-svg").first.wait_for()
    for row in opened.page.locator("#rows tbody tr").all():
        row.click()
    assert opened.page.evaluate("window.hurt") is None
    assert opened.page.locator("img[src=x]").count() == 0
    assert fabricated.MARKUP in opened.page.inner_text("h1")
    assert fabricated.MARKUP in opened.page.inner_text("main")


def test_names_in_charts_are_shown_as_they_are(
    browser: sync_api.Browser, pages: dict[str, Path]
) -> None:
    """Plotly would read some markup in them."""
    chart = Opened(browser, pages["roam"]).page.locator("#chart-mrr-by-relation")
    chart.scroll_into_view_if_needed()
    chart.locator(".ytick").first.wait_for()
    names = chart.locator(".ytick").all_text_contents()
    assert fabricated.MARKUP in names and "met" in names


def test_a_filter_leaves_the_rows_that_it_names(opened: Opened) -> None:
    before = opened.rows()
    opened.page.select_option("#filter-verdict", "wrong")
    wrong = opened.rows()
    assert 0 < len(wrong) < len(
        before
    ) and f"{len(wrong)} of {len(before)}" in opened.page.inner_text("#count")
    opened.page.select_option("#filter-verdict", "right")
    assert len(opened.rows()) == len(before) - len(wrong)
    opened.page.select_option("#filter-verdict", "")
    opened.page.fill("#filter-words", "no such words")
    assert opened.rows() == []
    opened.page.fill("#filter-words", "")
    assert opened.rows() == before
    opened.page.evaluate(
        "const s = document.getElementById('filter-sure');"
        "if (s) { s.value = 0.6; s.dispatchEvent(new Event('input', { bubbles: true })); }"
    )
    # What was missed has no confidence, and stays; ROAM has no such filter.
    kept = [row for row in before if not row[-1] or float(row[-1]) >= 0.6]
    assert opened.rows() == (kept if opened.page.locator("#filter-sure").count() else before)


def test_a_click_on_a_heading_sorts(browser: sync_api.Browser, pages: dict[str, Path]) -> None:
    for name in ("many", "eega"):
        opened = Opened(browser, pages[name])
        heading = opened.page.locator("#rows th button", has_text="probability")
        heading.click()
        least = [float(row[-1]) for row in opened.rows() if row[-1]]
        assert least == sorted(least) and len(set(least)) > 2
        assert opened.page.locator("#rows th[aria-sort=ascending]").count() == 1
        heading.click()
        rows = opened.rows()
        most = [float(row[-1]) for row in rows if row[-1]]
        assert most == sorted(most, reverse=True)
        assert all(not row[-1] for row in rows[len(most) :])  # without a value: last


def test_a_cell_of_the_confusions_shows_its_pairs(
    browser: sync_api.Browser, pages: dict[str, Path]
) -> None:
    opened = Opened(browser, pages["named"])
    chart = opened.page.locator("#chart-confusions")
    chart.scroll_into_view_if_needed()
    chart.locator(".nsewdrag").wait_for()
    # Rows none, member_of, friend_of from above: what has no relation was taken for member_of.
    opened.page.fill("#filter-words", "no such words")
    for part, count in ((1, 4), (5, 0)):  # of six, from above: the middles of the cells
        opened.page.mouse.move(0, 0)
        chart.scroll_into_view_if_needed()
        box = chart.locator(".nsewdrag").bounding_box()
        assert box is not None
        where = box["x"] + box["width"] / 2, box["y"] + part * box["height"] / 6
        opened.page.mouse.move(*where)
        chart.locator(".hoverlayer .hovertext").wait_for()  # Plotly clicks on what it hovers over
        opened.page.mouse.click(*where)
        sync_api.expect(opened.page.locator("#rows tbody tr")).to_have_count(count)
        expected = {("none", "/per/org/member_of")} if count else set()
        assert {tuple(row[3:5]) for row in opened.rows()} == expected


def test_a_chosen_pair_shows_its_post_and_its_experts(
    browser: sync_api.Browser, pages: dict[str, Path]
) -> None:
    opened = Opened(browser, pages["named"])
    assert opened.page.locator("#post .weights").count() == 0
    opened.page.locator("#rows tbody tr").nth(1).click()
    assert "Ada0 friend_of met Bo" in opened.post() and "No picture is shown" in opened.post()
    assert opened.page.locator("#post mark").all_inner_texts() == ["Ada0"]
    opened.page.locator("#post .weights .main-svg").first.wait_for()
    shown = opened.page.evaluate("document.querySelector('#post .weights').data[0]")
    assert shown["x"] == [0.75, 0.25] and shown["y"] == ["T", "T2V, level 0"]


def test_rows_are_turned_a_page_at_a_time(
    browser: sync_api.Browser, pages: dict[str, Path]
) -> None:
    opened = Opened(browser, pages["many"])
    assert len(opened.rows()) == 50 and opened.page.locator("#previous").is_disabled()
    opened.page.click("#next")
    assert opened.rows()[0][1] == "Ada50"
    opened.page.click("#next")
    assert len(opened.rows()) == 20 and opened.page.locator("#next").is_disabled()
