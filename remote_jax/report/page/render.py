"""The page: one HTML file that needs nothing else, neither a server nor a network.

What comes from data is escaped by Jinja, or reaches the page as JSON that its script shows as text.
The page's own policy lets no other script run, and nothing be loaded.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined
from plotly.offline import get_plotlyjs

from remote_jax.report.charts import Matrix
from remote_jax.report.page.interactive import specification, template
from remote_jax.report.view import Browser, Explained, Section
from remote_jax.reporting.results import cell

SCRIPTS = ("charts.js", "explained.js", "page.js")
"""The first is that of every page, the others are of predictions."""


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
            "browser": browser and _browser(browser),
            "template": template(),
        },
        style=_file("page.css"),
        scripts=[_file(name) for name in (SCRIPTS if browser else SCRIPTS[:1])],
        plotly=get_plotlyjs(),
        nonce=secrets.token_urlsafe(16),
    )


def _file(name: str) -> str:
    return resources.files("remote_jax.report.page").joinpath(name).read_text(encoding="utf-8")


def _browser(browser: Browser) -> dict[str, Any]:
    found = asdict(replace(browser, explained=()))
    count = len(browser.right)
    for name in ("marks", "objects"):
        found[name] = found[name] or [[]] * count
    return found | {
        "explained": [as_json(one) for one in browser.explained],
        "explanation": list(browser.explanation) or [-1] * count,
    }


def as_json(one: Explained) -> dict[str, Any]:
    """What the script of the page reads of an explanation."""
    return {
        "charts": [{"name": chart.title, **specification(chart)} for chart in one.charts],
        "tables": [
            {
                "title": table.title,
                "columns": table.columns,
                "rows": [[*map(cell, row)] for row in table.rows],
            }
            for table in one.tables
        ],
        "overlays": [asdict(overlay) for overlay in one.overlays],
    }
