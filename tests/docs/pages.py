"""The pages of the project and the code blocks in them."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TITLED = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.DOTALL | re.MULTILINE)


def pages() -> list[Path]:
    """README and all pages in Markdown."""
    top = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
    return [*top, ROOT / "launch/README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def titled(page: Path) -> Iterator[tuple[str, str]]:
    """Each code block of a page that has a title: the title and what is in the block."""
    yield from TITLED.findall(page.read_text("utf-8"))


def write_examples(page: Path, folder: Path) -> None:
    """Writes each titled block to the file that its title names; runs those that are scripts."""
    for title, content in titled(page):
        path = folder / title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
        if path.suffix == ".py":
            subprocess.run([sys.executable, path.name], cwd=path.parent, check=True, timeout=60)
            path.unlink()
