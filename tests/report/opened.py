"""Pages of reports in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="of the extra `test`")


class Opened:
    """A report in the browser.

    Attributes:
        said: errors and warnings of the console.
        asked: what the page wanted to load.
    """

    def __init__(self, browser: sync_api.Browser, path: Path):
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page = browser.new_page()
        self.page.on("console", lambda m: self.said.append(m.text) if m.type != "log" else None)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("#rows tbody tr, .chart .main-svg")

    def rows(self) -> list[list[str]]:
        """The cells of the rows that are shown, without the first, which says what is right."""
        rows = self.page.locator("#rows tbody tr").all()
        return [row.locator("td").all_inner_texts()[1:] for row in rows]

    def post(self) -> str:
        return self.page.inner_text("#post")


@contextmanager
def undrawn() -> Iterator[None]:
    """Writes no figures: most tests look at the page alone, which takes a tenth of the time."""
    from remote_jax.report import drawings

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawings, "write", lambda chart, folder: [])
        patch.setattr(drawings, "write_overlays", lambda picture, overlays, folder: None)
        yield
