"""Links the mentions of all posts: groups of one name, what joins them, and the components.

Cross-document coreference, by names: see Bagga and Baldwin (1998), "Entity-Based Cross-Document
Coreferencing Using the Vector Space Model", ACL.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int
from ml_collections import ConfigDict

from remote_jax.graph.extraction import Extraction
from remote_jax.graph.linking import abbreviations, apart, objects, similarity
from remote_jax.graph.linking.abbreviations import Resolution
from remote_jax.graph.linking.aliases import Aliases
from remote_jax.graph.linking.apart import Edges, Side
from remote_jax.graph.linking.groups import Groups, Nodes, group, nodes

REASONS = ("same name", "normalised name", "alias", "abbreviation", "self", "similarity")
"""Why two nodes are joined, the strongest first. `same name` joins types of one name."""

Pairs = Sequence[tuple[Side, Side]]


@dataclass(frozen=True)
class Linking:
    """Which mentions are of one entity, and why.

    Attributes:
        component: of each mention.
        nodes, edges: what was joined; only edges that hold.
        groups, resolution: what the nodes were made of.
        unmatched: pairs to keep apart with a side that is in no post.
    """

    component: Int[np.ndarray, " mentions"]
    nodes: Nodes
    edges: Edges
    groups: Groups
    resolution: Resolution
    unmatched: int


def link(
    extraction: Extraction,
    settings: ConfigDict,
    aliases: Aliases | None = None,
    keep_apart: Pairs = (),
) -> Linking:
    """Links all mentions.

    Args:
        settings: the section `graph` of `settings.defaults`.
        keep_apart: pairs that must not be of one entity.

    Raises:
        UserError: the encoder is missing or malformed.
    """
    groups = group(extraction, settings.type_share)
    barred = _barred_groups(extraction, groups, keep_apart)
    resolution = abbreviations.resolve(
        extraction,
        groups,
        aliases or Aliases(),
        abbreviated=settings.abbreviations,
        apart=barred,
    )
    found = nodes(extraction, groups, resolution.resolved)
    edges = [
        _of_names(found, resolution),
        _of_objects(extraction, found, settings.self_probability),
    ]
    if settings.encoder:
        edges.append(_of_similarity(extraction, groups, found, resolution, settings))
    joined = Edges.joined(edges)
    pairs, unmatched = _barred_nodes(extraction, found, keep_apart)
    labels, holds = apart.components(len(found), joined, pairs)
    return Linking(labels[found.of], found, joined.chosen(holds), groups, resolution, unmatched)


def hubs(found: Nodes) -> dict[tuple[int, int], int]:
    """The most frequent node of each group and of what its mentions stand for."""
    order = np.lexsort((found.type, found.name, -found.count))
    hub: dict[tuple[int, int], int] = {}
    for node in order.tolist():
        hub.setdefault((int(found.group[node]), int(found.resolved[node])), node)
    return hub


def _main(found: Nodes, hub: dict[tuple[int, int], int]) -> dict[int, int]:
    """The node of each group that others are joined to: one that is no abbreviation, if any is."""
    order = sorted(hub, key=lambda part: (part[1] >= 0, -found.count[hub[part]], part))
    main: dict[int, int] = {}
    for part in order:
        main.setdefault(part[0], hub[part])
    return main


def _of_names(found: Nodes, resolution: Resolution) -> Edges:
    """Edges between spellings of a name, and from abbreviations to full names."""
    hub = hubs(found)
    main = _main(found, hub)
    rows: list[tuple[int, int, int, float]] = []
    for node, part in enumerate(zip(found.group.tolist(), found.resolved.tolist(), strict=True)):
        centre = hub[part]
        if node != centre:
            same = found.name[node] == found.name[centre]
            rows.append((node, centre, REASONS.index("same name" if same else REASONS[1]), 1.0))
    for (one, two), node in hub.items():
        if two >= 0:
            rows.append((node, main[two], REASONS.index(resolution.why[one]), 1.0))
    return _edges(rows)


def _of_objects(extraction: Extraction, found: Nodes, least: float) -> Edges:
    links, probability = objects.of_objects(extraction, least)
    ends = found.of[links].tolist()
    why = REASONS.index(objects.SELF)
    return _edges(
        [(one, two, why, score) for (one, two), score in zip(ends, probability, strict=True)]
    )


def _of_similarity(
    extraction: Extraction,
    groups: Groups,
    found: Nodes,
    resolution: Resolution,
    settings: ConfigDict,
) -> Edges:
    """Edges between names that are abbreviations of none."""
    main = _main(found, hubs(found))
    chosen = [one for one in range(len(groups.keys)) if one not in resolution.candidates]
    options = settings.encoder, settings.similarity
    pairs = similarity.by_encoder(extraction, groups, resolution.resolved, chosen, *options)
    why = REASONS.index("similarity")
    return _edges(
        [(main[one], main[two], why, score) for one, two, score in zip(*pairs, strict=True)]
    )


def _edges(rows: Sequence[tuple[int, int, int, float]]) -> Edges:
    columns = np.array(rows, np.float64).reshape(-1, 4)
    one, two, why = columns[:, :3].astype(np.int64).T
    return Edges(one, two, why, columns[:, 3])


def _barred_nodes(
    extraction: Extraction, found: Nodes, pairs: Pairs
) -> tuple[Int[np.ndarray, "pairs 2"], int]:
    """Pairs of nodes that must not be joined, and how many pairs have a side that is none."""
    wanted = {side for pair in pairs for side in pair}
    places: dict[Side, list[int]] = {}
    for node, side in _sides(extraction, found):
        if side in wanted:
            places.setdefault(side, []).append(node)
    rows = [
        (one, two)
        for first, second in pairs
        for one in places.get(first, ())
        for two in places.get(second, ())
        if one != two
    ]
    unmatched = sum(one not in places or two not in places for one, two in pairs)
    return np.array(rows, np.int64).reshape(-1, 2), unmatched


def _sides(extraction: Extraction, found: Nodes) -> Iterator[tuple[int, Side]]:
    """Each node as a row of `merges.jsonl` names it."""
    for node, (name, kind) in enumerate(zip(found.name, found.type, strict=True)):
        yield node, (extraction.names[name], extraction.types[kind])
    for node, row in enumerate(found.objects.tolist(), start=len(found.name)):
        yield node, _object(extraction, row)


def _object(extraction: Extraction, row: int) -> tuple[str, int]:
    mentions = extraction.mentions
    return extraction.posts.ids[mentions.post[row]], int(mentions.place[row])


def _barred_groups(extraction: Extraction, groups: Groups, pairs: Pairs) -> list[tuple[int, int]]:
    """Pairs of groups with names that are kept apart."""
    place = {name: number for number, name in enumerate(extraction.types)}
    found = []
    for first, second in pairs:
        if isinstance(first[1], str) and isinstance(second[1], str):
            ones, twos = (
                groups.find(name, place.get(str(kind), -1)) for name, kind in (first, second)
            )
            found += [(one, two) for one in ones for two in twos if one != two]
    return found


def described(extraction: Extraction, found: Nodes, node: int) -> dict[str, Any]:
    """A node as a row of `merges.jsonl` shows it."""
    if node < len(found.name):
        name, kind = extraction.names[found.name[node]], extraction.types[found.type[node]]
        return {"name": name, "type": kind}
    row = int(found.objects[node - len(found.name)])
    post, place = _object(extraction, row)
    return {"post": post, "mention": place, "box": extraction.mentions.box[row].tolist()}
