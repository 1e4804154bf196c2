"""The page: one HTML file that needs nothing else, neither a server nor a network.

What comes from data is escaped by Jinja, or reaches the page as JSON that its script shows as text.
The page's own policy lets no other script run, and nothing be loaded.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined
from plotly.offline import get_plotlyjs

from remote_jax.report.charts import Matrix
from remote_jax.report.page.interactive import specification
from remote_jax.report.view import Browser, Section
from remote_jax.reporting.results import cell


def render(title: str, sections: Sequence[Section], browser: Browser | None) -> str:
    """The whole file.

    Args:
        title: of the page.
        sections: in their order.
        browser: of predictions, which comes last; None for a page without any.
    """
    charts = [chart for section in sections for chart in section.charts]
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.filters["cell"] = cell
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False}
    return environment.from_string(_file("page.html")).render(
        title=title,
        sections=sections,
        data={
            "charts": {chart.name: specification(chart) for chart in charts},
            "links": {
                chart.name: {
                    "filters": chart.filters,
                    "rows": chart.rows,
                    "columns": chart.columns,
                }
                for chart in charts
                if isinstance(chart, Matrix) and chart.filters is not None
            },
            "browser": browser and _as_json(browser),
        },
        style=_file("page.css"),
        scripts=[_file("charts.js"), _file("page.js")] if browser else [_file("charts.js")],
        plotly=get_plotlyjs(),
        nonce=secrets.token_urlsafe(16),
    )


def _file(name: str) -> str:
    return resources.files("remote_jax.report.page").joinpath(name).read_text(encoding="utf-8")


def _as_json(browser: Browser) -> dict[str, Any]:
    found = asdict(browser)
    count = len(browser.right)
    for name in ("marks", "objects"):
        found[name] = found[name] or [[]] * count
    return found
