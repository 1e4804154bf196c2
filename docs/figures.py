"""Draws the figures of the pages: python docs/figures.py

Each is a few boxes in columns and rows, with arrows between them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from pathlib import Path

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN, LINE = 150, 76, 40, 28, 20, 17
COLOURS = {  # of a box: inside and edge
    "data": ("#f1f4f8", "#64748b"),
    "model": ("#e3f0ff", "#2b6cb0"),
    "transport": ("#fff3dc", "#b7791f"),
    "answer": ("#e6f6ea", "#2f855a"),
}
HEAD = (
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
    'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#475569"/></marker></defs>'
)


@dataclass(frozen=True)
class Box:
    """A box in a column and a row, which may be between two."""

    column: float
    row: float
    kind: str
    lines: tuple[str, ...]

    @property
    def left(self) -> float:
        return MARGIN + self.column * (WIDTH + GAP_X)

    @property
    def top(self) -> float:
        return MARGIN + self.row * (HEIGHT + GAP_Y)

    @property
    def middle(self) -> tuple[float, float]:
        return self.left + WIDTH / 2, self.top + HEIGHT / 2

    def svg(self) -> str:
        """The box and its lines; the first is in bold."""
        inside, edge = COLOURS[self.kind]
        x, y = self.middle
        parts = [
            f'<rect x="{self.left:g}" y="{self.top:g}" width="{WIDTH}" height="{HEIGHT}" rx="8" '
            f'fill="{inside}" stroke="{edge}" stroke-width="1.5"/>'
        ]
        start = y - (len(self.lines) - 1) * LINE / 2 + 4.5
        for number, line in enumerate(self.lines):
            weight = ' font-weight="bold"' if number == 0 else ""
            place = f'x="{x:g}" y="{start + number * LINE:g}"'
            parts.append(f"<text {place}{weight}>{escape(line)}</text>")
        return "".join(parts)


@dataclass
class Figure:
    """A figure: its boxes and the arrows between them, in the order in which they are drawn."""

    title: str
    boxes: list[Box] = field(default_factory=list)
    arrows: list[str] = field(default_factory=list)

    def box(self, column: float, row: float, kind: str, *lines: str) -> Box:
        """Adds a box."""
        self.boxes.append(Box(column, row, kind, lines))
        return self.boxes[-1]

    def chain(self, *boxes: Box) -> None:
        """Adds an arrow from the right side of each box to the left side of the next one."""
        for one, other in pairwise(boxes):
            start = (one.left + WIDTH, one.middle[1])
            self._arrow([start, (other.left, other.middle[1])])

    def down(self, one: Box, other: Box) -> None:
        """Adds an arrow from a box to one below or above it."""
        below = other.top > one.top
        start, end = (one.top + HEIGHT, other.top) if below else (one.top, other.top + HEIGHT)
        self._arrow([(one.middle[0], start), (other.middle[0], end)])

    def back(self, one: Box, other: Box, *, above: bool) -> None:
        """Adds an arrow back to an earlier box, around the two."""
        edge = one.top - 12 if above else one.top + HEIGHT + 12
        side = one.top if above else one.top + HEIGHT
        (x, _), (goal, _) = one.middle, other.middle
        self._arrow([(x, side), (x, edge), (goal, edge), (goal, side)])

    def _arrow(self, points: Iterable[tuple[float, float]]) -> None:
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self.arrows.append(f'<polyline points="{path}" marker-end="url(#head)"/>')

    def svg(self) -> str:
        """The whole figure as a file."""
        width = max(box.left + WIDTH for box in self.boxes) + MARGIN
        height = max(box.top + HEIGHT for box in self.boxes) + MARGIN
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
                'font-family="sans-serif" font-size="13" text-anchor="middle" fill="#1e293b">',
                f"<title>{escape(self.title)}</title>",
                HEAD,
                f'<rect width="{width:g}" height="{height:g}" rx="10" fill="#ffffff"/>',
                '<g fill="none" stroke="#475569" stroke-width="1.5">',
                *self.arrows,
                "</g>",
                *(box.svg() for box in self.boxes),
                "</svg>",
                "",
            ]
        )


def pipeline() -> Figure:
    """What the three systems are to each other."""
    figure = Figure("From posts to a completed graph")
    post = figure.box(0, 0.5, "data", "Posts", "a sentence and", "its picture each")
    remote = figure.box(1, 0, "model", "REMOTE", "relates the entities", "and objects given")
    eega = figure.box(1, 1, "model", "EEGA", "finds entities and", "their relations")
    triples = figure.box(2, 0.5, "data", "Triples", "head, relation, tail")
    roam = figure.box(3, 0.5, "model", "ROAM", "ranks the entities", "that may be missing")
    graph = figure.box(4, 0.5, "answer", "Knowledge graph", "completed")
    for system in (remote, eega):
        figure.chain(post, system, triples)
    figure.chain(triples, roam, graph)
    return figure


def remote() -> Figure:
    """REMOTE."""
    figure = Figure("REMOTE")
    streams = []
    for row, source, encoder, equation, stream, other in (
        (0, ("Sentence", "head, tail marked,", "and captions"), "BERT", "Eq. 3", "Text", "vision"),
        (1, ("Objects", "crops, depth,", "boxes"), "ViT", "Eq. 4", "Visual", "text"),
    ):
        start = figure.box(0, row, "data", *source)
        blocks = figure.box(1, row, "model", encoder, "block by block", equation)
        moved = figure.box(2, row, "transport", "Optimal transport", "of the levels", "Eqs. 5-8")
        mixed = figure.box(
            3, row, "model", f"{stream} stream", f"experts read {other}", "Eqs. 9-12"
        )
        figure.chain(start, blocks, moved)
        figure.back(moved, blocks, above=row == 0)
        streams.append((moved, mixed))
    classifier = figure.box(4, 0.5, "model", "Classifier", "head and tail", "Eq. 13")
    relation = figure.box(5, 0.5, "answer", "Relation", "of the pair")
    for moved, _ in streams:
        for _, mixed in streams:
            figure.chain(moved, mixed)
    for _, mixed in streams:
        figure.chain(mixed, classifier)
    figure.chain(classifier, relation)
    return figure


def eega() -> Figure:
    """EEGA."""
    figure = Figure("EEGA")
    words = figure.box(0, 0, "data", "Words", "and their parse")
    objects = figure.box(0, 1, "data", "Objects", "and their", "relations")
    text = figure.box(1, 0, "model", "BERT", "attribute transformer", "Eqs. 1, 3, 4")
    image = figure.box(1, 1, "model", "ViT", "attribute transformer", "Eqs. 2-4")
    aligned = figure.box(2, 1, "transport", "Graph alignment", "of nodes and edges", "Eqs. 5-7")
    read = figure.box(2, 0, "model", "Image to text", "words read objects", "Eq. 8")
    channels = figure.box(3, 0, "model", "Channels", "words read words", "Eqs. 9, 10")
    tags = figure.box(4, 0, "model", "Tags", "of pairs of words", "Eqs. 11, 12")
    loss = figure.box(4, 1, "data", "Loss", "in training", "Eq. 13")
    found = figure.box(5, 0, "answer", "Quintuples", "entities, types,", "relation")
    figure.chain(words, text, read, channels, tags, found)
    figure.chain(objects, image, aligned, loss)
    figure.chain(image, read)
    figure.chain(text, aligned)
    figure.down(tags, loss)
    return figure


def roam() -> Figure:
    """ROAM."""
    figure = Figure("ROAM")
    modalities = [
        figure.box(0, row, "data", name, told)
        for row, (name, told) in enumerate(
            [("Structure", "learnt embeddings"), ("Image", "features"), ("Text", "features")]
        )
    ]
    experts = figure.box(1, 1, "model", "K groups", "expert per modality", "Eq. 2")
    fused = figure.box(2, 0.5, "model", "Attention", "given the relation", "Eqs. 3, 4")
    cost = figure.box(2, 1.5, "model", "Cost", "entity, relation, group", "Eqs. 6-8")
    shares = figure.box(3, 1.5, "transport", "Optimal transport", "weights of groups", "Eq. 11")
    head = figure.box(4, 0.5, "model", "Head", "mixed over groups")
    scores = figure.box(5, 0.5, "model", "Tucker scores", "of every candidate", "Eq. 10")
    ranked = figure.box(6, 0.5, "answer", "Ranked entities")
    for modality in modalities:
        figure.chain(modality, experts)
    figure.chain(experts, fused, head, scores, ranked)
    figure.chain(experts, cost, shares, head)
    figure.down(fused, cost)
    return figure


FIGURES = {"pipeline.svg": pipeline, "remote.svg": remote, "eega.svg": eega, "roam.svg": roam}

if __name__ == "__main__":
    for name, draw in FIGURES.items():
        (Path(__file__).parent / "images" / name).write_text(draw().svg(), encoding="utf-8")
