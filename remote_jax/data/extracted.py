"""What was extracted from posts, a post a line: `extract` writes it, and `graph` reads it.

A folder of extracted posts has shards of JSON lines and `manifest.json`, which names them:

    {"format": 1, "posts_folder": "/data/posts", "runs": ["runs/umre-seed0"],
     "shards": [{"file": "part-00000.jsonl", "posts": 500, "failed": 2, "sha256": "..."}], ...}

`docs/formats.md` shows a line. Lines are untrusted input, as those of any other file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from remote_jax.data.boxes import check_box
from remote_jax.data.files import inside, read_json, read_lines
from remote_jax.data.images import Box
from remote_jax.data.jsonl import MAX_LINE, check_text, parse, show
from remote_jax.data.posts import text_of
from remote_jax.errors import Refused, UserError

MANIFEST = "manifest.json"
FORMAT = 1
MAX_MANIFEST = 2**26
MAX_MENTIONS = 1_000
MAX_TRIPLETS = 100_000


@dataclass(frozen=True)
class Mention:
    """An entity in the sentence or an object in the picture.

    Attributes:
        name: an entity's words, or an object's caption, which may be empty.
        type: such as `per`; empty where it is not known.
        span: of an entity, its [start, end) in characters of `text`.
        box: of an object, left, top, right, bottom as shares of the picture's sides.
    """

    name: str
    type: str = ""
    span: tuple[int, int] | None = None
    box: Box | None = None

    @property
    def is_object(self) -> bool:
        return self.box is not None

    def to_dict(self) -> dict[str, Any]:
        """The values of JSON, those that there are."""
        place = {"box": list(self.box)} if self.box is not None else {"span": list(self.span or ())}
        return {"name": self.name, "type": self.type, **place}


@dataclass(frozen=True)
class Triplet:
    """A relation from one mention to another, by their places among those of the post."""

    head: int
    tail: int
    relation: str
    probability: float


@dataclass(frozen=True)
class ExtractedPost:
    """A post and what was found in it.

    Attributes:
        id: of the post, unique in the folder.
        text: the sentence.
        image: of the picture, its file below the folder of the posts; None without one.
        date: when it was posted, as ISO 8601 writes it (`2026-03-01`, or with a time); None if
            that is not known. Dates are compared as texts.
    """

    id: str
    text: str
    image: str | None = None
    date: str | None = None
    mentions: tuple[Mention, ...] = ()
    triplets: tuple[Triplet, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """A line of a shard."""
        optional = {"image": self.image, "date": self.date}
        return {
            "id": self.id,
            "text": self.text,
            **{key: value for key, value in optional.items() if value is not None},
            "mentions": [one.to_dict() for one in self.mentions],
            "triplets": [
                {
                    "head": one.head,
                    "tail": one.tail,
                    "relation": one.relation,
                    "probability": one.probability,
                }
                for one in self.triplets
            ],
        }

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> ExtractedPost:
        """The post of a line.

        Raises:
            Refused: the line is no such post.
        """
        text = check_text(row.get("text"), "text")
        mentions = tuple(
            _mention(one, f"mention {place}", text)
            for place, one in enumerate(_list(row, "mentions", MAX_MENTIONS))
        )
        triplets = tuple(
            _triplet(one, f"triplet {place}", len(mentions))
            for place, one in enumerate(_list(row, "triplets", MAX_TRIPLETS))
        )
        optional = {key: check_text(row[key], key) for key in ("image", "date") if key in row}
        return cls(
            id=check_text(row.get("id"), "id"),
            text=text,
            mentions=mentions,
            triplets=triplets,
            **optional,
        )


def _list(row: Mapping[str, Any], key: str, most: int) -> list[Mapping[str, Any]]:
    found = row.get(key)
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise Refused(f"{key} must be a list of objects, found {show(found)}")
    if len(found) > most:
        raise Refused(f"{key} are {len(found):,}, expected at most {most:,}")
    return found


def _mention(one: Mapping[str, Any], what: str, text: str) -> Mention:
    kind = text_of(one, "type", what)
    if "box" in one:
        name = text_of(one, "name", what)
        return Mention(name, kind, box=check_box(one["box"], f"the box of {what}"))
    span = one.get("span")
    if not isinstance(span, list) or len(span) != 2 or any(type(end) is not int for end in span):
        raise Refused(f"the span of {what} must be two whole numbers, found {show(span)}")
    if not 0 <= span[0] < span[1] <= len(text):
        raise Refused(f"the span of {what} leaves the text or is empty, found {show(span)}")
    return Mention(check_text(one.get("name"), f"the name of {what}"), kind, (span[0], span[1]))


def _triplet(one: Mapping[str, Any], what: str, mentions: int) -> Triplet:
    ends = [one.get("head"), one.get("tail")]
    for end in ends:
        if type(end) is not int or not 0 <= end < mentions:
            raise Refused(f"{what} must join two of {mentions} mentions, found {show(ends)}")
    probability = one.get("probability")
    if isinstance(probability, bool) or not isinstance(probability, int | float):
        raise Refused(f"the probability of {what} must be a number, found {show(probability)}")
    if not 0 <= probability <= 1:  # as NaN is not
        raise Refused(f"the probability of {what} must be in [0, 1], found {show(probability)}")
    relation = check_text(one.get("relation"), f"the relation of {what}")
    return Triplet(one["head"], one["tail"], relation, float(probability))


def read_manifest(folder: Path) -> dict[str, Any]:
    """`manifest.json` of a folder of extracted posts.

    Raises:
        UserError: it is missing, damaged or of another format.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise UserError(
            f"{folder} has no {MANIFEST}, expected a folder that `remote-jax extract` has finished."
        )
    manifest = read_json(path, MAX_MANIFEST)
    shards = manifest.get("shards")
    whole = isinstance(shards, list) and all(
        isinstance(one, dict) and isinstance(one.get("file"), str) for one in shards
    )
    if manifest.get("format") != FORMAT or not whole:
        raise UserError(f"{path} is not of format {FORMAT}: extract the posts anew.")
    return manifest


def read_extracted(folder: Path) -> Iterator[ExtractedPost]:
    """The posts of all shards, in their order.

    Raises:
        UserError: the manifest or a shard is missing, or a line is none; the file and the line are
            named.
    """
    for shard in read_manifest(folder)["shards"]:
        try:
            path = inside(folder, shard["file"])
        except Refused as error:
            raise UserError(f"{folder / MANIFEST}: {error}.") from error
        for number, line in read_lines(path, MAX_LINE):
            try:
                if isinstance(line, Refused):
                    raise line
                yield ExtractedPost.from_dict(parse(line))
            except Refused as error:
                raise UserError(f"{path}, line {number}: {error}.") from error
