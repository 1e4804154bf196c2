"""What a request must be to be answered: to this host, from this page, and of a known person."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping

from fastapi import HTTPException, Request, Response
from fastapi.responses import JSONResponse

MAX_BODY = 2**20
"""Longest body of a request, in bytes."""

HEADERS = {
    # Nothing but what this server sends is loaded or run, and no other page shows this one.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

Next = Callable[[Request], Awaitable[Response]]


class Guard:
    """Refuses requests to other names of this host, and those that pages of others send.

    A page of another origin whose name its owner lets point to 127.0.0.1 (DNS rebinding) sends that
    name as `Host`. One that sends a request here has another `Origin`.
    """

    def __init__(self, port: int):
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self.origins = {f"http://{host}" for host in self.hosts}

    async def __call__(self, request: Request, call_next: Next) -> Response:
        """The answer to a request, with `HEADERS`."""
        response = self._refusal(request) or await call_next(request)
        response.headers.update(HEADERS)
        return response

    def _refusal(self, request: Request) -> Response | None:
        if request.headers.getlist("host") not in [[host] for host in self.hosts]:
            return _error(421, "This server has another name.")
        origins = request.headers.getlist("origin")
        if request.method not in ("GET", "HEAD") and not origins:
            return _error(403, "A request that changes something names its origin.")
        if not self.origins.issuperset(origins):
            return _error(403, "Pages of other origins are not answered.")
        return None


def _error(status: int, text: str) -> JSONResponse:
    return JSONResponse({"error": text}, status)


def cookie_name(port: int) -> str:
    """The name of the cookie; browsers send cookies to every port."""
    return f"remote_jax_annotate_{port}"


def check_token(given: str | None, person: str, tokens: Mapping[str, str]) -> None:
    """Raises an HTTPException, 401, unless this is the person's token."""
    expected = tokens.get(person, "")
    if not expected or not secrets.compare_digest((given or "").encode(), expected.encode()):
        raise HTTPException(401, "Open the address that `remote-jax annotate` printed.")


async def read_body(request: Request) -> bytes:
    """The body of a request of JSON.

    Raises:
        HTTPException: 415, it is of another kind; 413, it is longer than `MAX_BODY`.
    """
    if request.headers.get("content-type") != "application/json":
        raise HTTPException(415, "The body must be application/json.")
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > MAX_BODY:
            raise HTTPException(413, f"The body is longer than {MAX_BODY:,} bytes.")
    return bytes(content)
