"""What a step of preparing is: it reads a post with its picture, and adds what it finds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from remote_jax.errors import Refused
from remote_jax.prepare.post import PreparedPost


class Failed(Exception):
    """A step could not be done for a post, and may be with the next start; says why."""


class Unparsed(Refused):
    """The whole answer of a model is not what was asked for; says why."""


@dataclass(frozen=True)
class Found:
    """A post with what a step found.

    Attributes:
        count: of what was found.
        refused: why parts of an answer are left out, a sentence each.
    """

    post: PreparedPost
    count: int
    refused: tuple[str, ...] = ()


class Step(Protocol):
    """A step, say entities by a tagger. Its methods are called from several threads.

    Attributes:
        name: `entities`, `objects`, `captions`, `depth` or `relations`.
        version: what decides an answer besides the post: kind and name of the model, its
            fingerprint, the digest of a prompt. Values of JSON; no secret.
    """

    name: str
    version: Mapping[str, Any]

    def reads(self, post: PreparedPost) -> Sequence[Any] | None:
        """What decides the answer for a post, as values of JSON; None: there is nothing to do."""

    def ask(self, post: PreparedPost) -> Mapping[str, Any]:
        """The answer for a post, as values of JSON: the part that takes long, and is kept.

        Raises:
            Failed: there is none now.
        """

    def add(self, post: PreparedPost, answer: Mapping[str, Any]) -> Found:
        """The post with what an answer has; it is checked here, since nobody vouches for it.

        Raises:
            Unparsed: nothing in it can be used.
        """


def digest(value: object) -> str:
    """SHA-256 of values of JSON, in hexadecimal."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def key(step: Step, reads: Sequence[Any]) -> str:
    """Of an answer: the same for the same model, settings and content, whatever the file."""
    return digest([step.name, dict(step.version), list(reads)])
