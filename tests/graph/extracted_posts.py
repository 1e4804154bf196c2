"""Folders of extracted posts, fabricated."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from remote_jax.data.extracted import FORMAT, ExtractedPost, Mention, Triplet
from remote_jax.graph import extraction
from remote_jax.graph.extraction import Extraction

MEMBER, BORN, SELF = "/per/org/member_of", "/per/loc/place_of_birth", "/per/per/self"
SIBLINGS, LOCATED = "/per/per/siblings", "/org/loc/locate_at"
LEFT, RIGHT = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)


def post(
    id_: str,
    mentions: Iterable[str | tuple[str, str] | tuple[str, tuple[float, ...]]],
    triplets: Iterable[tuple[int, str, int, float]] = (),
    **values: Any,
) -> ExtractedPost:
    """A post whose text is its names, one after the other.

    Args:
        mentions: a name, a name and a type, or a caption and a box.
        triplets: head, relation, tail and probability.
    """
    found, text = [], ""
    for one in mentions:
        name, more = (one, "") if isinstance(one, str) else one
        if isinstance(more, str):
            found.append(Mention(name, more, (len(text), len(text) + len(name))))
            text += f"{name} "
        else:
            found.append(Mention(name, box=more))
    triples = tuple(Triplet(head, tail, r, p) for head, r, tail, p in triplets)
    return ExtractedPost(id_, text or "-", mentions=tuple(found), triplets=triples, **values)


def small() -> list[ExtractedPost]:
    """Two people, their clubs, and a picture of one of them."""
    people = ("Gatika Bamorel", "per"), ("Divafen Rokel", "per")
    club, town = ("Sanora United", "org"), ("Kelano", "loc")
    return [
        post("p1", [people[0], club], [(0, MEMBER, 1, 0.9)], date="2026-03-01"),
        post("p2", [("Bamorel", "per"), ("SANORA UNITED", "org")], [(0, MEMBER, 1, 0.8)]),
        post(
            "p3",
            [people[0], people[1], ("a person waving", LEFT), ("a flag", RIGHT)],
            [(0, SELF, 2, 0.95), (1, SELF, 2, 0.6), (2, SIBLINGS, 1, 0.7), (3, MEMBER, 1, 0.9)],
            image="pictures/p3.png",
            date="2026-03-04",
        ),
        post("p4", [people[0], town], [(0, BORN, 1, 0.9)], date="2026-03-02"),
        post("p5", [("G. Bamorel", "per"), ("Radipo", "loc")], [(0, BORN, 1, 0.6)]),
        post("p6", [people[1], club, town], [(0, MEMBER, 1, 0.8), (1, LOCATED, 2, 0.9)]),
        post("p7", [people[1], ("#SanoraUnited", "org")], [(0, MEMBER, 1, 0.5)], date="2026-02-01"),
        post("p8", [people[0], people[1]], [(1, SIBLINGS, 0, 0.7)]),
    ]


def write(folder: Path, posts: Iterable[ExtractedPost], **manifest: Any) -> Path:
    """The folder of some posts, in two shards."""
    lines = [json.dumps(one.to_dict()) for one in posts]
    folder.mkdir(parents=True, exist_ok=True)
    parts: Mapping[str, list[str]] = {"part-0.jsonl": lines[::2], "part-1.jsonl": lines[1::2]}
    for name, some in parts.items():
        (folder / name).write_text("".join(f"{line}\n" for line in some))
    shards = [{"file": name} for name in parts]
    (folder / "manifest.json").write_text(
        json.dumps({"format": FORMAT, "shards": shards, **manifest})
    )
    return folder


def tables(posts: Iterable[ExtractedPost]) -> Extraction:
    """The tables of some posts."""
    return extraction.tables(posts)
