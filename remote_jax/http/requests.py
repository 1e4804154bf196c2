"""What clients send. Every value has its type, and a key that is not known is refused."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)

from remote_jax.data.jsonl import MAX_TEXT
from remote_jax.data.posts import MAX_ITEMS
from remote_jax.http.limits import (
    MAX_CANDIDATES,
    MAX_NAME,
    MAX_PAIRS,
    MAX_PICTURE,
    MAX_QUESTIONS,
    MAX_STATEMENTS,
    MAX_TOP,
)

Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
Id = Annotated[str, Field(max_length=MAX_NAME)] | int


class Strict(BaseModel):
    """Values are not converted, numbers are finite, and there are no further keys."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class AskedQuestion(Strict):
    """A question about the graph."""

    entity: Name = Field(description="An id, a name or an alias.")
    relation: Name = Field(description="Its full name, or the last part if one alone has it.")
    tail: bool = Field(False, description="Whether the entity is the tail, and heads are wanted.")
    top: int = Field(10, ge=1, le=MAX_TOP, description="Inferred answers, at most.")
    posts: int = Field(10, ge=0, le=MAX_STATEMENTS, description="Posts of an answer, at most.")
    id: Id | None = Field(None, description="Comes back with the answer.")


class AskedQuestions(Strict):
    """Questions about the graph."""

    questions: list[AskedQuestion] = Field(min_length=1, max_length=MAX_QUESTIONS)


def _decoded(value: object) -> bytes:
    """The content of a file, from base64; nothing else is taken, so no path and no address."""
    if not isinstance(value, str):
        raise ValueError("must be the content of a file in base64")
    if len(value) > 4 * -(-MAX_PICTURE // 3):
        raise ValueError(f"must be of at most {MAX_PICTURE:,} bytes")
    try:
        return base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error) as error:
        raise ValueError(
            "must be the content of a file in base64; paths and addresses are not read"
        ) from error


Content = Annotated[
    bytes,
    BeforeValidator(_decoded),
    WithJsonSchema({"type": "string", "contentEncoding": "base64"}),
]


def _shape(value: object) -> str:
    return "object" if isinstance(value, Mapping | BaseModel) else "list"


class AskedEntity(Strict):
    """An entity with a name or a type."""

    start: int
    end: int
    name: Name | None = None
    type: Name | None = None


Span = Annotated[list[int], Field(min_length=2, max_length=2)]
Box = Annotated[list[float], Field(min_length=4, max_length=4)]


class AskedObject(Strict):
    """An object of the picture with a caption, type, class or score."""

    box: Box
    caption: Annotated[str, Field(max_length=MAX_TEXT)] | None = None
    type: Name | None = None
    class_: Name | None = Field(None, alias="class")
    score: float | None = None


class AskedParse(Strict):
    """The parse of `tokens`."""

    heads: list[int]
    dependencies: list[Name]
    pos: list[Name]


class AskedPost(Strict):
    """A post for REMOTE or EEGA."""

    text: Annotated[str, Field(max_length=MAX_TEXT)] | None = None
    tokens: list[Name] | None = Field(None, description="The words, in place of the text.")
    entities: (
        list[
            Annotated[
                Annotated[Span, Tag("list")] | Annotated[AskedEntity, Tag("object")],
                Discriminator(_shape),
            ]
        ]
        | None
    ) = Field(None, max_length=MAX_ITEMS, description="For REMOTE; spans [start, end).")
    objects: (
        list[
            Annotated[
                Annotated[Box, Tag("list")] | Annotated[AskedObject, Tag("object")],
                Discriminator(_shape),
            ]
        ]
        | None
    ) = Field(None, max_length=MAX_ITEMS, description="Boxes, as shares of width and height.")
    image: Content | None = Field(None, description="Content of the file of a picture.")
    depth: Content | None = Field(None, description="Content of the file of a depth map.")
    parse: AskedParse | None = Field(None, description="For EEGA, of the tokens.")
    date: Annotated[str, Field(max_length=MAX_NAME)] | None = None
    id: Id | None = Field(None, description="Comes back with the answer.")


class AskedQuery(Strict):
    """A query for ROAM: two of head, relation and tail, or all three."""

    head: Name | int | None = None
    relation: Name | int | None = None
    tail: Name | int | None = None
    top: int | None = Field(None, ge=1, le=MAX_CANDIDATES)
    known: bool | None = Field(None, description="False leaves out what the graph has.")
    routing: bool | None = Field(None, description="True tells how the query was routed.")
    id: Id | None = Field(None, description="Comes back with the answer.")


class Prediction(Strict):
    """Posts for a run of REMOTE or EEGA, or queries for one of ROAM."""

    system: Literal["remote", "eega", "roam"] | None = Field(
        None, description="Whose run is asked; not needed where one alone fits."
    )
    posts: list[AskedPost] | None = Field(None, min_length=1, max_length=MAX_QUESTIONS)
    queries: list[AskedQuery] | None = Field(None, min_length=1, max_length=MAX_QUESTIONS)

    @model_validator(mode="after")
    def _checked(self) -> Prediction:
        if (self.posts is None) == (self.queries is None):
            raise ValueError("either 'posts' or 'queries' is needed, and not both")
        if self.system is not None and (self.system == "roam") != (self.posts is None):
            raise ValueError("'queries' are for roam, 'posts' for remote and eega")
        sizes = [len(one.entities or ()) + len(one.objects or ()) for one in self.posts or ()]
        if (pairs := sum(size * (size - 1) for size in sizes)) > MAX_PAIRS:
            raise ValueError(
                f"posts have {pairs:,} pairs of entities and objects, expected at most "
                f"{MAX_PAIRS:,}: send fewer of them at a time"
            )
        return self

    @property
    def values(self) -> list[dict[str, Any]]:
        """What `Model.predict` takes."""
        asked: list[AskedPost] | list[AskedQuery] = self.posts or self.queries or []
        return [one.model_dump(exclude_none=True, by_alias=True) for one in asked]


class EntityQuery(Strict):
    """The name of an entity, or what is like it."""

    query: Name = Field(description="An id, a name or an alias; need not be exact.")
