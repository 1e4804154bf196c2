"""Asks a server of the OpenAI-compatible chat protocol: vLLM, SGLang, Ollama, a hosted one."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from remote_jax.errors import UserError, reason
from remote_jax.prepare.step import Failed

NO_KEY = "none"
"""Sent where no key is named: the client insists on one, and servers of one's own take any."""


@dataclass(frozen=True)
class Endpoint:
    """A server and how it is asked.

    Attributes:
        url: as http://localhost:8000/v1.
        model: by the name that the server has for it.
        key: for the server; never shown nor kept.
        timeout: seconds for one answer.
        retries: after 408, 409, 429, 5xx, a lost connection or no answer in time; with growing
            pauses, or those that the server asks for (`Retry-After`), of up to two minutes.
        max_tokens: of an answer.
    """

    url: str
    model: str
    key: str = field(default=NO_KEY, repr=False)
    timeout: float = 120.0
    retries: int = 5
    max_tokens: int = 1024

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise UserError(
                "--endpoint must be the address of a server without a user or password in it, as "
                "http://localhost:8000/v1; a key goes into a variable that --key names."
            )


class Client:
    """Asks an endpoint; may be used by several threads."""

    def __init__(self, endpoint: Endpoint):
        """Opens no connection yet.

        Raises:
            UserError: the library `openai` is not installed.
        """
        if importlib.util.find_spec("openai") is None:
            raise UserError("A multimodal LLM needs openai: pip install -e '.[prepare]'.")
        import openai

        self.endpoint = endpoint
        self._errors = openai
        self._client: Any = openai.OpenAI(
            base_url=endpoint.url,
            api_key=endpoint.key,
            timeout=endpoint.timeout,
            max_retries=endpoint.retries,
        )

    def answer(
        self, messages: Sequence[Mapping[str, Any]], name: str, schema: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The text of an answer, why it ended, and the tokens that were read and written.

        Args:
            messages: of the chat.
            name: of the schema.
            schema: JSON schema that the server is asked to keep to.

        Raises:
            Failed: the server gave no answer, with all retries.
            UserError: it knows neither the key nor the model, or nothing is there.
        """
        errors = self._errors
        try:
            found = self._client.chat.completions.with_raw_response.create(
                model=self.endpoint.model,
                messages=list(messages),
                temperature=0.0,
                max_tokens=self.endpoint.max_tokens,
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": name, "strict": True, "schema": dict(schema)},
                },
            )
            if found.headers.get("content-type", "").startswith("text/event-stream"):
                return _joined(found.text)
            return _plain(found.parse())
        except (errors.AuthenticationError, errors.PermissionDeniedError) as error:
            # What the server says may have a part of the key.
            raise UserError(
                f"{self.endpoint.url} refuses the key ({error.status_code}): name with --key the "
                "environment variable that has yours."
            ) from error
        except errors.NotFoundError as error:
            raise UserError(
                f"{self.endpoint.url} has no model {self.endpoint.model!r}, or no chat there: "
                f"{self._said(error)}."
            ) from error
        except (errors.OpenAIError, ValueError) as error:  # ValueError: it is no JSON
            raise Failed(f"{self.endpoint.url} gave no answer: {self._said(error)}") from error

    def _said(self, error: Exception) -> str:
        """What an error says, without the key or anything that a terminal would act on."""
        text = reason(error)
        if self.endpoint.key != NO_KEY:
            text = text.replace(self.endpoint.key, "***")
        return "".join(letter if letter.isprintable() else "?" for letter in text)


def _plain(found: Any) -> dict[str, Any]:
    """What is kept of an answer of the protocol.

    Raises:
        Failed: it has no choice with a text.
    """
    choices = getattr(found, "choices", None)
    message = getattr(choices[0], "message", None) if choices else None
    if not choices or message is None:
        raise Failed("the server's answer has no message")
    return _kept(message.content, choices[0].finish_reason, getattr(found, "usage", None))


def _joined(events: str) -> dict[str, Any]:
    """The same of an answer in pieces, which some servers always send (`transformers serve`).

    Raises:
        Failed: no piece has a text.
        ValueError: a piece is not JSON.
    """
    from openai.types.chat import ChatCompletionChunk

    text, finish, usage = "", None, None
    for line in events.splitlines():
        data = line.removeprefix("data:").strip()
        if not line.startswith("data:") or data == "[DONE]":
            continue
        chunk = ChatCompletionChunk.model_validate_json(data)
        usage = chunk.usage or usage
        for choice in chunk.choices[:1]:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
    if not text:
        raise Failed("the server's answer has no text")
    return _kept(text, finish, usage)


def _kept(text: str | None, finish: str | None, usage: Any) -> dict[str, Any]:
    return {
        "text": text or "",
        "finish": finish or "",
        "prompt_tokens": _count(getattr(usage, "prompt_tokens", 0)),
        "completion_tokens": _count(getattr(usage, "completion_tokens", 0)),
    }


def _count(value: object) -> int:
    return value if type(value) is int and value >= 0 else 0
