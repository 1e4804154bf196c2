"""A step that asks a multimodal LLM: what is sent, and the answer as it is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from remote_jax.prepare.mllm.answers import read_answer
from remote_jax.prepare.mllm.boxes import Size, describe
from remote_jax.prepare.mllm.client import Client
from remote_jax.prepare.mllm.examples import Support
from remote_jax.prepare.mllm.picture import data_url, sent_size
from remote_jax.prepare.mllm.prompts import Prompt
from remote_jax.prepare.post import MAX_OBJECTS, PREDICATES, PreparedPost
from remote_jax.prepare.step import Found, digest


@dataclass(frozen=True)
class Settings:
    """What the questions share.

    Attributes:
        types: of entities and objects; an answer with another is refused.
        boxes: their unit, a name of `boxes.UNITS`.
        side: longest side of a picture that is sent, in pixels.
        overlap: of boxes from which on they are of the same object, as `given.OVERLAP`.
    """

    types: tuple[str, ...]
    boxes: str
    side: int
    overlap: float


class Question(Protocol):
    """What is asked, and how an answer is read.

    Attributes:
        name: of the step, of its prompt, and of the schema.
        schema: JSON schema of the answer.
    """

    name: str
    schema: Mapping[str, Any]

    def asks(self, post: PreparedPost) -> bool:
        """Whether there is something to ask about a post."""

    def values(self, post: PreparedPost, size: Size) -> dict[str, Any]:
        """The post as the prompt describes it; values of JSON."""

    def expected(self, post: PreparedPost, size: Size) -> dict[str, Any] | None:
        """The answer for a post whose labels are known; None where they are not."""

    def read(self, post: PreparedPost, answer: Mapping[str, Any], size: Size) -> Found:
        """The post with what an answer has; raises `Unparsed` if it is another answer."""


NO_SIZE: Size = (1, 1)
"""Of no picture."""


def _values(settings: Settings) -> dict[str, str]:
    """What a prompt may ask for; the unit of boxes by its name."""
    return {
        "types": ", ".join(settings.types),
        "boxes": settings.boxes,
        "count": str(MAX_OBJECTS),
        "relations": ", ".join(PREDICATES),
    }


class ChatStep:
    """A `Step` that asks one question of a model for each post."""

    def __init__(
        self,
        question: Question,
        prompt: Prompt,
        client: Client,
        settings: Settings,
        support: Support | None = None,
        name: str = "",
    ):
        """Fills nothing in yet, but checks that the prompt can be.

        Args:
            support: where examples are taken from; None: there are none.
            name: of the step; "": that of the question.

        Raises:
            UserError: the prompt asks for a value that there is none of.
        """
        self._question, self._prompt, self._client = question, prompt, client
        self._settings, self._support = settings, support
        self._values = _values(settings)
        self._system(NO_SIZE)
        self._usable = [
            place
            for place, one in enumerate(support.posts if support else ())
            if question.expected(one, self._size(one)) is not None
        ]
        self.name = name or question.name
        self.version: Mapping[str, Any] = {
            "by": "mllm",
            "model": client.endpoint.model,
            "prompt": prompt.digest,
            "schema": digest(question.schema),
            "settings": {name: self._values[name] for name in sorted(prompt.names)},
            "max_tokens": client.endpoint.max_tokens,
            **({"examples": support.version} if support else {}),
        }

    def reads(self, post: PreparedPost) -> Sequence[Any] | None:
        if not self._question.asks(post):
            return None
        examples = [
            [*self._content(one), self._question.expected(one, self._size(one))]
            for one in self._examples(post)
        ]
        return [*self._content(post), examples]

    def ask(self, post: PreparedPost) -> Mapping[str, Any]:
        messages = [{"role": "system", "content": self._system(self._size(post))}]
        for example in self._examples(post):
            size = self._size(example)
            answer = json.dumps(self._question.expected(example, size), ensure_ascii=False)
            messages += [self._shown(example), {"role": "assistant", "content": answer}]
        return self._client.answer(
            [*messages, self._shown(post)], self._question.name, self._question.schema
        )

    def add(self, post: PreparedPost, answer: Mapping[str, Any]) -> Found:
        return self._question.read(post, read_answer(answer), self._size(post))

    def _examples(self, post: PreparedPost) -> Sequence[PreparedPost]:
        return self._support.nearest(post, self._usable) if self._support else ()

    def _size(self, post: PreparedPost) -> Size:
        if post.picture is None:
            return NO_SIZE
        return sent_size(post.picture.size, self._settings.side)

    def _system(self, size: Size) -> str:
        return self._prompt.filled({**self._values, "boxes": describe(self._settings.boxes, size)})

    def _content(self, post: PreparedPost) -> list[Any]:
        """What is shown of a post: its values, and its picture with the size that it is sent in."""
        size = self._size(post)
        picture = [post.picture.digest, *size] if post.picture else None
        return [self._question.values(post, size), picture]

    def _shown(self, post: PreparedPost) -> dict[str, Any]:
        """A post as a message: its values as JSON, so that no text in it can end them."""
        size = self._size(post)
        text = json.dumps(self._question.values(post, size), ensure_ascii=False)
        content: list[dict[str, Any]] = [{"type": "text", "text": text}]
        if post.picture is not None:
            url = data_url(post.picture.image, size)
            content.append({"type": "image_url", "image_url": {"url": url}})
        return {"role": "user", "content": content}
