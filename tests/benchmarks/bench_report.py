"""The report of a run with many predictions: seconds, memory, and how soon its page can be used.

    python tests/benchmarks/bench_report.py [--posts=10000]

Posts are fabricated, each with two pairs and without pictures. The page is opened in Chromium; it
can be used once its first rows are shown.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def until_usable(page: Path) -> float:
    """Seconds from the address to the first rows."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        tab = browser.new_page()
        tab.goto("about:blank")
        began = time.monotonic()
        tab.goto(page.as_uri(), wait_until="commit")
        tab.wait_for_selector("#rows tbody tr")
        spent = time.monotonic() - began
        browser.close()
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--posts", type=int, default=10_000)
    options = parser.parse_args()
    sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "report")]
    import fabricated

    from remote_jax.report.write import write

    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        rows = fabricated.remote(run, posts=options.posts, name="friend_of")
        began = time.monotonic()
        page = write(run, run / "report")
        spent = time.monotonic() - began
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
        print(f"{len(rows):,} predictions: {spent:.1f} s, {memory:.2f} GB at most")
        print(f"{page.stat().st_size / 1e6:.1f} MB, used after {until_usable(page):.1f} s")


if __name__ == "__main__":
    main()
