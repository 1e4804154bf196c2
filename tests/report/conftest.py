"""A browser for the pages of reports."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = [path for name in BROWSERS if (path := shutil.which(name))]
    if not found:
        pytest.skip("there is no Chromium here; Debian's package is `chromium`")
    sync_api = pytest.importorskip("playwright.sync_api", reason="of the extra `test`")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found[0], args=["--no-sandbox"])
        yield launched
        launched.close()
