"""Reports of sweeps: curves against NumPy, files, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("plotly", reason="of the extra `report`")

from remote_jax import main
from remote_jax.report import drawings
from remote_jax.report.charts import Lines
from remote_jax.report.page.interactive import specification
from remote_jax.report.sweep import curves, plan, scores

MARKUP = "<script>window.hurt = 1</script>"
SEEDS = (0, 1, 2)


def swept(folder: Path, settings: Mapping[str, dict[str, Any]], metrics: tuple[str, ...]) -> None:
    """A sweep with `SEEDS`; scores of the file are drawn anew for each run."""
    rng = np.random.default_rng(7)
    runs = []
    for variant, config in settings.items():
        for seed in SEEDS:
            run = plan.Run(variant, (f"--{variant}",), seed, folder / f"v{len(runs)}")
            run.workdir.mkdir(parents=True)
            results = {
                "config": {"seed": seed, "system": "roam", **config},
                "metrics": {"test": {"mrr": rng.random()}},
                "gauges": {"test": {"router/entropy": rng.random()}},
                "seconds": 100 * rng.random(),
            }
            (run.workdir / "results.json").write_text(json.dumps(results))
            runs.append(run)
    plan.write(plan.Sweep("mkg_y", metrics, tuple(runs)), folder)


def drawn(folder: Path) -> dict[str, list[Lines]]:
    sweep = plan.read(folder)
    return curves.charts(scores.read(sweep.runs, sweep.metrics))


def expected(folder: Path, values: Mapping[float, int], metric: str) -> tuple[np.ndarray, ...]:
    """Mean and deviation of a number, read from the files of each variant in the order of values.

    Args:
        values: of each, the number of its variant.
    """
    measured = []
    for variant in values.values():
        files = [folder / f"v{len(SEEDS) * variant + n}" / "results.json" for n in range(3)]
        found = [json.loads(file.read_text()) for file in files]
        measured.append(
            {
                "mrr": [100 * one["metrics"]["test"]["mrr"] for one in found],
                "router/entropy": [one["gauges"]["test"]["router/entropy"] for one in found],
                "seconds": [one["seconds"] for one in found],
            }[metric]
        )
    return np.mean(measured, 1), np.std(measured, 1, ddof=1)


def test_curves_have_means_and_deviations_over_seeds(tmp_path: Path) -> None:
    metrics = ("mrr", "router/entropy", "seconds")
    groups = {f"K={k}": {"model": {"groups": k}} for k in (4, 1, 2)}
    swept(tmp_path, groups, metrics)
    (charts,) = drawn(tmp_path).values()
    assert [chart.y for chart in charts] == ["mrr (%)", "router/entropy", "seconds"]
    for chart, metric in zip(charts, metrics, strict=True):
        (series,) = chart.series
        mean, deviation = expected(tmp_path, {1: 1, 2: 2, 4: 0}, metric)
        assert series.x == (1, 2, 4) and series.name == metric
        assert chart.x == "model.groups" and not chart.logarithmic
        np.testing.assert_allclose(series.y, mean)
        np.testing.assert_allclose(series.deviation, deviation)


def test_keys_that_are_varied_one_by_one_have_a_curve_each(tmp_path: Path) -> None:
    """The second variant is the one that both curves go through, as in Figure 3."""
    pairs = ((0.001, 20), (0.1, 20), (0.1, 5), (0.1, 50))
    settings = {
        f"{rate} {count}": {"train": {"rate": rate}, "model": {"iterations": count}}
        for rate, count in pairs
    }
    swept(tmp_path, settings, ("mrr",))
    found = drawn(tmp_path)
    assert list(found) == ["model.iterations", "train.rate"]
    (rate,), (count,) = found["train.rate"], found["model.iterations"]
    assert rate.logarithmic and not count.logarithmic  # two decades; one
    for chart, values in ((rate, {0.001: 0, 0.1: 1}), (count, {5: 2, 20: 1, 50: 3})):
        (series,) = chart.series
        assert series.x == tuple(values)
        np.testing.assert_allclose(series.y, expected(tmp_path, values, "mrr")[0])


def test_a_grid_has_a_curve_for_each_value_of_the_other_key(tmp_path: Path) -> None:
    settings = {
        f"{a} {b} {c}": {"alpha": a, "weight": b, "data": {"name": c}}
        for a in (0.0, 0.5)
        for b in (1, 2)
        for c in ("x", "y")
    }
    swept(tmp_path, settings, ("mrr",))
    found = drawn(tmp_path)
    assert list(found) == ["alpha", "weight"]  # names are no axis
    (chart,) = found["alpha"]
    assert [one.name for one in chart.series] == [
        f"data.name={c}, weight={b}" for b in (1, 2) for c in ("x", "y")
    ]
    mean, _ = expected(tmp_path, {0.0: 1, 0.5: 5}, "mrr")
    np.testing.assert_allclose(chart.series[1].y, mean)


def test_a_point_without_the_number_is_left_out(tmp_path: Path) -> None:
    swept(tmp_path, {f"{k}": {"groups": k} for k in (1, 2, 3)}, ("router/entropy",))
    for seed in SEEDS:
        path = tmp_path / f"v{seed}" / "results.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"gauges": {"test": {}}}))
    (chart,) = drawn(tmp_path)["groups"]
    assert chart.series[0].x == (2, 3)


def test_deviations_and_a_logarithmic_axis_are_drawn(tmp_path: Path) -> None:
    swept(tmp_path, {f"{r}": {"rate": r} for r in (0.001, 0.01, 0.1)}, ("mrr",))
    (chart,) = drawn(tmp_path)["rate"]
    page = specification(chart)
    (trace,) = page["data"]
    mean, deviation = expected(tmp_path, {0.001: 0, 0.01: 1, 0.1: 2}, "mrr")
    np.testing.assert_allclose(trace["y"], mean)
    np.testing.assert_allclose(trace["error_y"]["array"], deviation)
    assert page["layout"]["xaxis"]["type"] == "log"
    axes = drawings.Figure().subplots()
    drawings._draw(chart, axes)
    assert axes.get_xscale() == "log"
    (bars,) = axes.containers
    np.testing.assert_allclose(bars.lines[0].get_ydata(orig=False), mean)
    ends = [path.vertices[:, 1] for path in bars.lines[2][0].get_paths()]
    np.testing.assert_allclose(ends, np.stack([mean - deviation, mean + deviation], 1))


def test_the_command_writes_a_page_and_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    swept(tmp_path, {f"K={k}": {"groups": k} for k in (1, 2)}, ("mrr", "router/entropy"))
    shutil.rmtree(tmp_path / "v5")
    assert main.main(["x", "report", str(tmp_path)]) == 0
    page = tmp_path / "report" / "report.html"
    assert str(page) in capsys.readouterr().out
    text = page.read_text()
    assert "Not finished: K=2, seed 2." in text and "of which a variant has 2 to 3." in text
    figures = sorted((tmp_path / "report" / "figures").iterdir())
    assert [path.name for path in figures] == [
        f"groups-{name}.{kind}" for name in ("mrr", "router-entropy") for kind in ("pdf", "png")
    ]
    Image.open(figures[1]).verify()


def test_a_sweep_without_a_finished_run_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    swept(tmp_path, {"a": {}}, ("mrr",))
    (tmp_path / "v0" / "results.json").write_text('{"metrics": 3, "config": [], "gauges": []}')
    assert main.main(["x", "report", str(tmp_path)]) == 0
    for path in tmp_path.glob("v*/results.json"):
        path.write_text('{"metrics": 3, "config": [], "gauges": []}')
    assert main.main(["x", "report", str(tmp_path)]) == 2
    assert "There is no number 'mrr'" in capsys.readouterr().err
    for path in tmp_path.glob("v*/results.json"):
        path.unlink()
    assert main.main(["x", "report", str(tmp_path)]) == 2
    assert f"No run of the sweep in {tmp_path} is finished" in capsys.readouterr().err
