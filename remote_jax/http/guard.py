"""What a request must be to be read: to this host, with the token, of bounded size, and not one of
too many.

Bodies are read here, and whole, so that one that is too long, or never ends, is known as such
however it is sent. Nothing of a request is read before its headers are found right.
"""

from __future__ import annotations

import asyncio
import re
import secrets

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from remote_jax.http.errors import later, refusal
from remote_jax.http.limits import Limits

LOOPBACK = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?", re.IGNORECASE)
"""`Host` of requests to this machine. Another one is of a page whose owner lets its name point here
(DNS rebinding)."""

HEALTH = "/health"

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Lets requests through to an application.

    Args:
        limits: of the server.
        token: that requests must bear; None: none is needed.
        loopback: whether requests must be to this machine's own address.
    """

    def __init__(self, app: ASGIApp, limits: Limits, token: str | None, loopback: bool):
        self._app, self._limits, self._token, self._loopback = app, limits, token, loopback
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or refuses it; with `HEADERS`."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        try:
            self._check(scope)
            if scope["path"] == HEALTH:  # also where there are too many
                await self._app(scope, _read(b"", receive), sent)
                return
            self._requests += 1
            try:
                await self._app(scope, _read(await self._body(receive), receive), sent)
            finally:
                self._requests -= 1
        except HTTPException as error:  # before the application had the request
            # What was sent of the body is not read, so the connection is of no further use.
            headers = {**(error.headers or {}), "Connection": "close"}
            await refusal(error.status_code, str(error.detail), headers)(scope, receive, sent)
        except ClientGone:
            return

    def _check(self, scope: Scope) -> None:
        """Raises an HTTPException unless the headers are right and there is room."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if self._loopback and not (len(hosts) == 1 and LOOPBACK.fullmatch(hosts[0])):
            raise HTTPException(421, "This server answers requests to localhost alone.")
        if self._token is not None:
            expected = f"Bearer {self._token}".encode()
            given = headers.get("authorization", "").encode()
            if not secrets.compare_digest(given, expected):
                raise HTTPException(
                    401,
                    "The header 'Authorization: Bearer TOKEN' is missing, or has another token.",
                    {"WWW-Authenticate": "Bearer"},
                )
        if scope["path"] == HEALTH:
            return
        if self._requests >= self._limits.requests:
            raise later(429, f"{self._requests:,} requests are waiting; ask again in a while.")
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if scope["method"] == "POST" and kind != "application/json":
            # A page of another origin may send others without asking the server first.
            raise HTTPException(415, "The header 'Content-Type' must be application/json.")
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length[:20]) > self._limits.body:
            raise self._too_long()

    async def _body(self, receive: Receive) -> bytes:
        """The body of a request.

        Raises:
            HTTPException: it is too long, or too slow.
            ClientGone: it does not come any more.
        """
        found = bytearray()
        try:
            async with asyncio.timeout(self._limits.seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGone
                    found += message.get("body", b"")
                    if len(found) > self._limits.body:
                        raise self._too_long()
                    if not message.get("more_body", False):
                        return bytes(found)
        except TimeoutError as error:
            raise HTTPException(
                408, f"The body did not come within {self._limits.seconds:g} seconds."
            ) from error

    def _too_long(self) -> HTTPException:
        return HTTPException(413, f"The body is longer than {self._limits.body:,} bytes.")


class ClientGone(Exception):
    """The other end has closed the connection."""


def _read(body: bytes, receive: Receive) -> Receive:
    """As `receive`, with a body that was read already."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return left.pop() if left else await receive()

    return replay
