"""The committed figures are what the script draws."""

import importlib.util
import sys
from xml.etree import ElementTree

import pytest
from pages import ROOT

SCRIPT = ROOT / "docs/figures.py"


@pytest.fixture(scope="module")
def figures():
    spec = importlib.util.spec_from_file_location("figures", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["pipeline.svg", "remote.svg", "eega.svg", "roam.svg"])
def test_a_committed_figure_is_what_the_script_draws(figures, name):
    assert set(figures.FIGURES) == {"pipeline.svg", "remote.svg", "eega.svg", "roam.svg"}
    drawn = figures.FIGURES[name]().svg()
    assert (ROOT / "docs/images" / name).read_text("utf-8") == drawn


def test_boxes_stay_inside_and_apart(figures):
    for draw in figures.FIGURES.values():
        figure = draw()
        _, _, width, height = map(
            float, ElementTree.fromstring(figure.svg()).get("viewBox").split()
        )
        places = [(box.left, box.top) for box in figure.boxes]
        for number, (left, top) in enumerate(places):
            assert 0 < left < width - figures.WIDTH and 0 < top < height - figures.HEIGHT
            for x, y in places[:number]:
                assert abs(x - left) >= figures.WIDTH or abs(y - top) >= figures.HEIGHT
