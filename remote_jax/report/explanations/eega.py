"""EEGA: tags of word pairs, and both graphs side by side with what joins them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float

from remote_jax.eega.explanation import Edge, SentenceExplanation
from remote_jax.report.charts import Chart, Link, Matrix, Network, Node
from remote_jax.report.view import Explained

NOTHING, RIGHT, WRONG, MISSED = range(4)
PALETTE = ("#ffffff", "#bbf7d0", "#fecaca", "#fde68a")
OUTCOMES = ("", "right", "wrong", "missed")

LEAST = 0.1
"""Share of the largest weight from which on a word and an object are joined in a picture."""


def explained(one: SentenceExplanation) -> Explained:
    """What a page shows of a sentence."""
    charts: list[Chart] = [_tags(one)]
    for name, title, weights in _joined(one):
        charts.append(_graphs(one, name, title, weights))
    words = [f"{place} {word}" for place, word in enumerate(one.words)]
    objects = [f"{place} {name}" for place, name in enumerate(one.objects)]
    for _, title, weights in _joined(one):
        charts.append(Matrix("", f"{title}, as numbers", "object", "word", words, objects, weights))
    return Explained(charts)


def _joined(one: SentenceExplanation) -> Iterator[tuple[str, str, Float[np.ndarray, "n k"]]]:
    """What joins words with objects."""
    if one.attention is not None:
        yield "attention", "Attention of words to objects", one.attention
    if one.nodes is not None:
        yield "nodes", "Alignment of nodes (Eq. 5)", one.nodes.T
    if one.edges is not None:
        yield "edges", "Alignment of edges (Eq. 6)", one.edges.T


def _tags(one: SentenceExplanation) -> Matrix:
    """The likeliest tag of each pair of words beside what it should be (Figure 3)."""
    words = [f"{place} {word}" for place, word in enumerate(one.words)]
    found, right = one.likeliest, one.right
    outcome = np.where(found == right, RIGHT, np.where(found > 0, WRONG, MISSED))
    outcome[(found == 0) & (right == 0)] = NOTHING
    texts = [
        [_told(one, row, column, OUTCOMES[outcome[row, column]]) for column in range(len(words))]
        for row in range(len(words))
    ]
    title = "Tags of word pairs: green is right, red wrong, yellow missed"
    return Matrix(
        "tags-of-word-pairs",
        title,
        "second word",
        "first word",
        words,
        words,
        outcome,
        texts=texts,
        palette=PALETTE,
    )


def _told(one: SentenceExplanation, row: int, column: int, outcome: str) -> str:
    found, right = (one.tags[int(side[row, column])] for side in (one.likeliest, one.right))
    told = f"{found} {one.probability[row, column]:.2f}"
    return f"{told}, {outcome}" + (f": {right}" if found != right else "") if outcome else told


def _graphs(
    one: SentenceExplanation, name: str, title: str, weights: Float[np.ndarray, "n k"]
) -> Network:
    """The parse on the left, the scene graph on the right, joined by weights (Figure 7)."""
    words, objects = len(one.words), len(one.objects)
    nodes = [Node(word, 0.0, -place, "left") for place, word in enumerate(one.words)]
    step = words / max(objects, 1)
    nodes += [
        Node(name, 1.0, -(place + 0.5) * step + 0.5, "right")
        for place, name in enumerate(one.objects)
    ]
    links = [*_within(one.parse, 0, "parse"), *_within(one.scene, words, "scene")]
    most = float(weights.max()) if weights.size else 0.0
    for word, item in np.argwhere(weights > LEAST * most).tolist():
        weight = float(weights[word, item])
        # Squared, as else weights that differ little look all the same.
        links.append(Link(word, words + item, f"{weight:.3f}", (weight / most) ** 2, "joined"))
    return Network(f"graphs-by-{name}", title, nodes, links)


def _within(edges: Sequence[Edge], first: int, kind: str) -> Iterator[Link]:
    """The edges of a graph; two between the same nodes are one line."""
    names: dict[tuple[int, int], list[str]] = {}
    for start, end, name in edges:
        names.setdefault((min(start, end), max(start, end)), []).append(name)
    for (start, end), told in names.items():
        yield Link(first + start, first + end, ", ".join(dict.fromkeys(told)), 1.0, kind)
