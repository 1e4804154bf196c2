"""Answers over HTTP: `remote-jax serve [--graph=GRAPH] [--run=RUN ...]`.

    remote-jax serve --graph=GRAPH
    remote-jax serve --graph=GRAPH --run=GRAPH/roam-run --run=runs/umre-seed0
    remote-jax serve --graph=GRAPH --host=0.0.0.0 --token-file=token.txt

    POST /ask, /ask/batch     questions about the graph, as `remote-jax ask` answers them
    POST /predict             posts for a run of REMOTE or EEGA, queries for one of ROAM
    GET  /entities?query=     entities by name
    GET  /health              what is served
    GET  /openapi.json        what requests and answers look like

It answers this machine alone. Another --host needs --token-file, a file with a secret that requests
bear. Ends by Ctrl-C or SIGTERM, once the requests under way are answered. Needs the extra `serve`:
pip install -e '.[serve]'.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from remote_jax.commands.libraries import check_libraries
from remote_jax.errors import UserError
from remote_jax.http.limits import Limits

NEEDED = ("fastapi", "uvicorn")
MIB = 2**20


def main(argv: Sequence[str]) -> int:
    """Serves until it is stopped; returns 0.

    Raises:
        UserError: the command line is wrong, or what it names cannot be served.
    """
    options = _options(argv)
    check_libraries("serve", "serve", NEEDED)
    from remote_jax.http import app, run, served

    limits = _limits(options)
    loopback = run.is_loopback(options.host)
    token = None if options.token_file is None else run.read_token(options.token_file)
    if token is None and not loopback:
        raise UserError(
            f"--host={options.host} may be reached by others: name a file with a secret by "
            "--token-file=FILE."
        )
    with run.bind(options.host, options.port) as bound:
        found = served.load(options.graph, options.run)
        application = app.application(found, limits, token=token, loopback=loopback)
        bound.listen()  # whoever comes before the first request is answered waits
        print(f"Serving at {run.url(bound)}; Ctrl-C ends it.", flush=True)
        run.serve(application, limits, bound)
    return 0


def _options(argv: Sequence[str]) -> argparse.Namespace:
    default = Limits()
    parser = argparse.ArgumentParser(
        "remote-jax serve", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--graph", type=Path, help="folder of `remote-jax graph`")
    parser.add_argument("--run", type=Path, action="append", default=[], help="run, or export")
    parser.add_argument("--host", default="127.0.0.1", help="address; 127.0.0.1 if left out")
    parser.add_argument("--port", type=int, default=8000, help="8000 if left out; 0 takes any")
    parser.add_argument("--token-file", type=Path, help="file with the secret of requests")
    parser.add_argument("--timeout", type=float, default=default.seconds, help="seconds, 30")
    parser.add_argument("--requests", type=int, default=default.requests, help="at a time, 32")
    parser.add_argument("--body", type=int, default=default.body // MIB, help="MiB, 16")
    return parser.parse_args(list(argv))


def _limits(options: argparse.Namespace) -> Limits:
    ranges = {
        "timeout": (0.1, 3600),
        "requests": (1, 10_000),
        "body": (1, 1024),
        "port": (0, 65535),
    }
    for name, (low, high) in ranges.items():
        if not low <= (found := getattr(options, name)) <= high:  # NaN is not
            raise UserError(f"--{name} must be from {low} to {high:,}, found {found}.")
    return Limits(options.timeout, options.requests, options.body * MIB)
