"""The models of one or two runs, and what they make of the posts of a shard.

REMOTE answers posts with entities, EEGA finds entities and relations. Where both are named, EEGA
looks at all posts, its entities go into those that have none, REMOTE answers, and what either has
found is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from remote_jax import config as configs
from remote_jax.data.batches.in_thread import ahead
from remote_jax.data.cache import cache_folder
from remote_jax.data.extracted import ExtractedPost
from remote_jax.data.media import PostMedia
from remote_jax.data.posts import Answer, Values, check_date
from remote_jax.eega.answers import Quintuples
from remote_jax.errors import Refused, UserError
from remote_jax.extract.found import FoundInPost
from remote_jax.extract.inputs import Row
from remote_jax.remote.answers import Relations
from remote_jax.remote.data.annotations.relation_labels import types_of
from remote_jax.runtime import compilation_cache, sharding
from remote_jax.serve.answerer import Answerer
from remote_jax.serve.runs import folder_of, open_run
from remote_jax.task import Posts

SYSTEMS = ("eega", "remote")
"""Those that read posts, in the order in which they do."""

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""Characters that no text of a post needs, and that XML does not have."""


@dataclass(frozen=True)
class Failed:
    """A post from which nothing was extracted, and the sentence that says why."""

    id: str
    line: int
    error: str


@dataclass(frozen=True)
class Extracted:
    """What was made of the posts of a shard, in their order."""

    posts: tuple[ExtractedPost, ...]
    failed: tuple[Failed, ...]


@dataclass(frozen=True)
class _Read:
    """A shard that the first of the models has read.

    Attributes:
        folder: of its file below that of the posts, "" or ending in "/".
        images: what each post calls its picture below the folder of its file; "" if nothing.
    """

    rows: list[Row]
    media: PostMedia
    folder: str
    images: list[str | None]
    values: list[Values]
    first: Posts


class Extractor:
    """Runs whose models extract from posts.

    Attributes:
        origin: what the runs are, as digests by what a person calls it.
    """

    def __init__(self, runs: Sequence[Path]):
        """Opens one run of REMOTE, one of EEGA, or both.

        Raises:
            UserError: there is no such run, it is of another system, or two are of one.
        """
        compilation_cache.enable(cache_folder(""))
        found: dict[str, Answerer] = {}
        self.origin: dict[str, str] = {}
        for run in runs:
            folder = folder_of(run)
            config = configs.read(folder)
            if config.system not in SYSTEMS:
                raise UserError(f"{folder} is a run of {config.system}, which reads no posts.")
            if config.system in found:
                raise UserError(f"Two runs are of {config.system}; name one of each system.")
            opened = open_run(config, folder, new=False)
            opened.prepare(data=False)
            answerer = Answerer(opened.task, config, folder, sharding.make_mesh(config.mesh))
            found[config.system] = answerer
            self.origin |= {f"{config.system}: {k}": v for k, v in answerer.origin.items()}
        self._answerers = {name: found[name] for name in SYSTEMS if name in found}

    def extract(self, shards: Iterable[tuple[list[Row], PostMedia, str]]) -> Iterator[Extracted]:
        """What is in the posts of shards, one being read while the last is answered.

        Args:
            shards: the posts of each, where their pictures are, and the folder of its file below
                that of the posts, "" or ending in "/".
        """
        for read in ahead(self._read, shards):
            yield self._extracted(read)

    def _read(self, shard: tuple[list[Row], PostMedia, str]) -> _Read:
        rows, media, folder = shard
        values, images = list[Values](), list[str | None]()
        for row in rows:
            image = None
            try:
                image = _checked(row, media)
                value = row.values
            except Refused as error:
                value = error
            values.append(value)
            images.append(image)
        first = next(iter(self._answerers.values()))
        return _Read(rows, media, folder, images, values, first.read(values, media))

    def _extracted(self, read: _Read) -> Extracted:
        answers: dict[str, list[Any]] = {}
        values, posts = read.values, read.first
        for name, answerer in self._answerers.items():
            if answers:  # by EEGA, which comes first
                pairs = zip(values, answers["eega"], strict=True)
                values = [self._with_entities(*pair) for pair in pairs]
                posts = answerer.read(values, read.media)
            answers[name] = answerer.answer(posts)
        extracted, failed = [], []
        for place, row in enumerate(read.rows):
            given = [found[place] for found in answers.values()]
            image = read.images[place]
            try:
                extracted.append(_post(row, values[place], given, image and read.folder + image))
            except Refused as error:
                failed.append(Failed(row.id, row.line, f"{error}."))
        return Extracted(tuple(extracted), tuple(failed))

    def _with_entities(self, values: Values, found: Quintuples) -> Values:
        """A post with the entities that EEGA found, where it has none of its own."""
        if isinstance(values, Refused) or found.error is not None or values.get("entities"):
            return values
        known = self._types
        entities = [
            {"start": one.start, "end": one.end} | ({"type": one.type} if one.type in known else {})
            for one in found.entities
        ]
        return {**values, "entities": entities}

    @property
    def _types(self) -> set[str]:
        """Types that the names of REMOTE's relations have."""
        relations: Sequence[str] = getattr(self._answerers["remote"].task, "relations", ())
        return {one for name in relations for one in types_of(name) or ()}


def _checked(row: Row, media: PostMedia) -> str | None:
    """What a post that is fit to be extracted from calls its picture; None if it names none.

    Raises:
        Refused: the post cannot be read, or something in it does not fit a graph.
    """
    if isinstance(row.values, Refused):
        raise row.values
    _check_plain(row.id, "the id")
    for key in ("text", "tokens", "entities", "objects"):
        _check_plain(row.values.get(key), repr(key))
    media.find(row.values, "depth")
    image = media.find(row.values, "image")
    return image if image and isinstance(row.values["image"], str) else None


def _check_plain(value: Any, what: str) -> None:
    """Raises `Refused` for a control character in a text, or in one inside of lists and dicts."""
    if isinstance(value, str) and (found := CONTROL.search(value)):
        raise Refused(f"{what} has the control character U+{ord(found[0]):04X}")
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for one in value:
            _check_plain(one, what)


def _post(row: Row, values: Values, answers: Sequence[Answer], image: str | None) -> ExtractedPost:
    """What the answers to a post amount to.

    Raises:
        Refused: one of them is an error, or what was found is no line of a shard.
    """
    for answer in answers:
        if answer.error is not None:
            raise Refused(answer.error.rstrip("."))
    assert isinstance(values, Mapping)
    found = FoundInPost(values)
    if any(isinstance(answer, Relations) for answer in answers):
        found.add_entities(values.get("entities") or ())
    for answer in answers:
        if isinstance(answer, Quintuples):
            found.add_quintuples(answer)
        elif isinstance(answer, Relations):
            found.add_relations(answer)
    date = None if values.get("date") is None else check_date(values["date"])
    made = found.post(row.id, image, date)
    ExtractedPost.from_dict(made.to_dict())  # what is written can be read
    return made
