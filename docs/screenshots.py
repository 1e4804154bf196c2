"""Takes the pictures of the annotation page: python docs/screenshots.py FOLDER

FOLDER is new. It gets a small generated sample, labels of two annotators who differ here and there,
and suggestions; the page of the adjudicator, in Chromium, becomes docs/images/annotate.png.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from remote_jax.annotate.ends import item_of
from remote_jax.annotate.layouts.folders import import_
from remote_jax.annotate.layouts.read_pairs import read
from remote_jax.annotate.project import Project
from remote_jax.annotate.store import ADJUDICATOR, ANNOTATOR
from remote_jax.remote.sample.write import write

POSTS = {"train": 24, "validation": 4, "test": 4}
DOUBT = 0.2
"""Share of the labels that an annotator does not give as the sample has them."""
GUIDELINES = """A relation holds if the sentence or the picture shows it.
self: the entity and the object are the same.
none: neither shows a relation."""
SHOWN = "4"
"""Number of the post whose picture is taken: one with disputes."""
SIZE = {"width": 1360, "height": 800}


def label(folder: Path, sample: Path) -> None:
    """Gives the posts of a folder the labels of two people."""
    project = Project(folder, new=True)
    project.store.add_people({"ana": ANNOTATOR, "ben": ANNOTATOR, "eva": ADJUDICATOR})
    for name in ("ana", "ben"):
        draw = random.Random(name)
        for post, told in zip(project.posts, read(sample, "umre").posts, strict=True):
            values = [
                doubted(draw, one.to_dict(), project.vocabulary.relations) for one in told.relations
            ]
            project.change(name, post, f"{name}00000000", values)
    project.store.close()


def doubted(
    draw: random.Random, value: Mapping[str, Any], relations: tuple[str, ...]
) -> Mapping[str, Any]:
    """A label, or now and then another: none, or one between ends of the same types."""
    relation = value["relation"]
    if draw.random() < DOUBT:
        like = [one for one in relations if one.rpartition("/")[0] == relation.rpartition("/")[0]]
        relation = draw.choice([relations[0], *like])
    item = item_of(value["head"], value["tail"])
    return {"item": item, "value": {**value, "relation": relation}}


def photograph(folder: Path, picture: Path) -> None:
    """Starts the server, and takes a picture of the adjudicator's page."""
    command = [sys.executable, "-m", "remote_jax.main", "annotate", str(folder), "--port=0"]
    command.append(f"--guidelines={folder / 'guidelines.md'}")
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        line = next(line for line in server.stdout if line.startswith(ADJUDICATOR))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
            page.goto(line.split()[-1])
            page.wait_for_selector("#list li.current")
            page.fill("#place", SHOWN)
            page.press("#place", "Enter")
            page.wait_for_selector(f"#name:has-text('train-{SHOWN}') ~ #sentence .head")
            page.wait_for_load_state("networkidle")
            page.screenshot(path=picture)
            browser.close()
    finally:
        server.kill()
        server.wait()


def main(folder: Path) -> None:
    """Makes the folder and the picture."""
    sample, posts = folder / "sample", folder / "posts"
    sample.mkdir(parents=True)
    write(sample, **POSTS, seed=0)
    import_(sample, posts, "umre", None)
    (posts / "guidelines.md").write_text(GUIDELINES, encoding="utf-8")
    label(posts, sample)
    photograph(posts, Path(__file__).parent / "images" / "annotate.png")
    print(posts)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
