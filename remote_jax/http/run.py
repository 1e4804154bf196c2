"""Starts the server at an address, and ends it in order."""

from __future__ import annotations

import ipaddress
import re
import socket
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from remote_jax.data.files import read_bytes
from remote_jax.errors import Refused, UserError
from remote_jax.http.limits import Limits

TOKEN = re.compile(r"[!-~]{16,1024}")
"""Visible ASCII, and long enough not to be guessed."""
MAX_TOKEN_FILE = 4096

IDLE_SECONDS = 30
MORE_CONNECTIONS = 64
"""Connections beyond those whose requests are answered, which are told that there are too many."""


def is_loopback(host: str) -> bool:
    """Whether a host is this machine's own address, which no other machine reaches."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_token(path: Path) -> str:
    """The token in a file.

    Raises:
        UserError: it cannot be read, or holds nothing that may be a token.
    """
    try:
        content = read_bytes(path, MAX_TOKEN_FILE)
    except Refused as error:
        raise UserError(f"--token-file: {error}.") from error
    token = content.decode("ascii", "replace").strip()
    if not TOKEN.fullmatch(token):
        raise UserError(
            f"{path} holds no token, expected one line of 16 to 1,024 visible ASCII characters, as "
            "`openssl rand -hex 32` prints."
        )
    return token


def bind(host: str, port: int) -> socket.socket:
    """A socket at an address; it does not listen yet. Port 0 takes a free one.

    Raises:
        UserError: the address is not this machine's, or the port is taken or may not be used.
    """
    bound = None
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except (OSError, UnicodeError) as error:
        if bound is not None:
            bound.close()
        what = getattr(error, "strerror", None) or "it is no address"
        raise UserError(
            f"--host={host} --port={port} cannot be used: {what}; name others."
        ) from error
    return bound


def url(bound: socket.socket) -> str:
    """The address of a socket, as a browser takes it."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(app: ASGIApp, limits: Limits, bound: socket.socket) -> None:
    """Answers until SIGTERM or SIGINT, which then ends the process as it would have without.

    Requests that are being answered are, for as long as they may take.
    """
    settings = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        limit_concurrency=limits.requests + MORE_CONNECTIONS,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=int(limits.seconds) + 1,
        server_header=False,
        proxy_headers=False,
        ws="none",
    )
    uvicorn.Server(settings).run(sockets=[bound])
