"""Draws the packages: layers from the contracts in pyproject.toml, arrows from imports.

Every package may import `errors`; those arrows are left out.

    python docs/rooms.py > docs/images/rooms.svg

A test fails when the committed picture is not what this draws.
"""

from __future__ import annotations

import ast
import tomllib
from html import escape
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
PACKAGE = "remote_jax"
WIDTH, ROW, BOX, LINE = 1120, 118, 74, 15
MARGIN, GAP = 84, 26

STYLE = """
text { font-family: system-ui, sans-serif; fill: #1f2430; }
.layer { fill: #f3f4f8; } .number { font-size: 12px; fill: #6b7280; }
.package { fill: #ffffff; stroke: #5b6b9a; } .system { stroke: #b4532a; stroke-width: 2; }
.name { font-size: 15px; font-weight: 600; } .what { font-size: 11.5px; fill: #4b5563; }
.arrow { fill: none; stroke: #8a94ad; stroke-opacity: .55; marker-end: url(#head); }
"""


def layers() -> list[list[str]]:
    """The packages of each layer, from the top, as listed in the contract `layers`."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (contract,) = (one for one in contracts if one["id"] == "layers")
    return [layer.replace("|", " ").replace(":", " ").split() for layer in contract["layers"]]


def imports() -> set[tuple[str, str]]:
    """Which package imports from which."""
    graph = grimp.build_graph(PACKAGE, exclude_type_checking_imports=True)
    found: set[tuple[str, str]] = set()
    for module in graph.modules - {PACKAGE}:
        here = module.split(".")[1]
        targets = graph.find_modules_directly_imported_by(module) - {PACKAGE}
        found |= {(here, target.split(".")[1]) for target in targets} - {(here, here)}
    return found


def caption(package: str) -> list[str]:
    """The first line of a package's docstring, and the names of its subpackages."""
    path = ROOT / PACKAGE / package
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    said = (
        (ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or "")
        .split("\n")[0]
        .replace("`", "")
    )
    inner = sorted(one.parent.name for one in path.glob("*/__init__.py"))
    return [said, ", ".join(f"{name}/" for name in inner)] if inner else [said]


def wrapped(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` characters."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def draw() -> str:
    """The picture, as SVG."""
    rows = layers()
    places: dict[str, tuple[float, float, float]] = {}
    for level, packages in enumerate(rows):
        width = (WIDTH - MARGIN - GAP * len(packages)) / len(packages)
        width = min(width, 420)
        count = len(packages)
        start = MARGIN + (WIDTH - MARGIN - width * count - GAP * (count - 1)) / 2
        for number, package in enumerate(packages):
            places[package] = (start + number * (width + GAP), 10 + level * ROW, width)
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" '
        f'viewBox="0 0 {WIDTH + 10} {len(rows) * ROW + 4}">',
        f"<style>{STYLE}</style>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#8a94ad"/></marker></defs>',
    ]
    for level in range(len(rows)):
        y = 2 + level * ROW
        parts.append(f'<rect class="layer" x="4" y="{y}" width="{WIDTH}" height="{BOX + 16}"/>')
        number = len(rows) - level
        parts.append(f'<text class="number" x="14" y="{y + 50}">layer {number}</text>')
    parts += [_arrow(places[a], places[b]) for a, b in sorted(imports()) if b != "errors"]
    parts += [_box(package, place) for package, place in places.items()]
    return "\n".join([*parts, "</svg>\n"])


def _arrow(start: tuple[float, float, float], end: tuple[float, float, float]) -> str:
    x0, y0 = start[0] + start[2] / 2, start[1] + BOX
    x1, y1 = end[0] + end[2] / 2, end[1]
    if y1 < y0:  # in one layer
        x0, y0 = (start[0] + start[2], start[1] + BOX / 2)
        x1, y1 = end[0], end[1] + BOX / 2
        return f'<path class="arrow" d="M{x0:.0f} {y0:.0f}L{x1:.0f} {y1:.0f}"/>'
    bend = (y1 - y0) / 2
    return (
        f'<path class="arrow" d="M{x0:.0f} {y0:.0f}C{x0:.0f} {y0 + bend:.0f} '
        f'{x1:.0f} {y1 - bend:.0f} {x1:.0f} {y1:.0f}"/>'
    )


def _box(package: str, place: tuple[float, float, float]) -> str:
    x, y, width = place
    system = (ROOT / PACKAGE / package / "task.py").is_file()
    name = f"{package}/" if (ROOT / PACKAGE / package).is_dir() else f"{package}.py"
    lines = [line for part in caption(package) for line in wrapped(part, int(width / 6.3))]
    parts = [
        f'<rect class="package{" system" if system else ""}" x="{x:.0f}" y="{y}" rx="6" '
        f'width="{width:.0f}" height="{BOX}"/>',
        f'<text class="name" x="{x + 10:.0f}" y="{y + 20}">{escape(name)}</text>',
    ]
    for number, line in enumerate(lines[:3]):
        height = y + 37 + number * LINE
        parts.append(f'<text class="what" x="{x + 10:.0f}" y="{height}">{escape(line)}</text>')
    return "\n".join(parts)


if __name__ == "__main__":
    print(draw(), end="")
