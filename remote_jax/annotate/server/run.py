"""Starts the server on this machine's own address."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn

from remote_jax.annotate.server.app import Served, application
from remote_jax.errors import UserError

HOST = "127.0.0.1"
MAX_CONNECTIONS = 64
IDLE_SECONDS = 30


def bind(port: int) -> socket.socket:
    """A socket that listens at a port of `HOST`; 0 takes a free one.

    Raises:
        UserError: the port is taken, or may not be used.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen()  # whoever comes before the server is ready waits
    except OSError as error:
        listening.close()
        raise UserError(
            f"Port {port} of {HOST} cannot be used: {error.strerror}; name another by --port."
        ) from error
    return listening


def serve(served: Served, listening: socket.socket, started: Callable[[], None]) -> None:
    """Answers until it is interrupted.

    Args:
        started: called before the first request is answered.
    """
    settings = uvicorn.Config(
        application(served),
        log_level="warning",
        access_log=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=IDLE_SECONDS,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="off",
    )
    started()
    uvicorn.Server(settings).run(sockets=[listening])
