"""Errors as JSON, `{"error": "sentence"}`, whatever raises them."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteError

from remote_jax.data.jsonl import show
from remote_jax.errors import Refused, UserError

TOLD = 3
"""Mistakes in a request that are told; there may be one in each of many places."""


def refusal(status: int, text: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The response that says why there is no answer."""
    safe = text.encode("utf-8", "backslashreplace").decode()  # names may have half a character
    return JSONResponse({"error": safe}, status, headers)


def later(status: int, text: str) -> HTTPException:
    """An error that goes away: the client may ask again."""
    return HTTPException(status, text, {"Retry-After": "1"})


def explain(app: FastAPI) -> None:
    """Has an application tell errors as JSON."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StarletteError, _http)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(UserError, _refused)
    app.add_exception_handler(Exception, _bug)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    told = "; ".join(map(_sentence, found[:TOLD])) + "; ..." * (len(found) > TOLD)
    return refusal(HTTPStatus.UNPROCESSABLE_ENTITY, f"{told}.")


def _sentence(error: Mapping[str, Any]) -> str:
    """Which field, what was expected, and what was found."""
    if error["type"] == "json_invalid":
        return f"The body is not JSON: {error['ctx']['error']} at character {error['loc'][-1]}"
    where = _place(error["loc"])
    said = error["msg"].removeprefix("Value error, ")
    if error["type"] == "missing":
        return f"{where} is missing"
    if error["type"] == "extra_forbidden":
        return f"{where} is none of the keys that there are"
    return f"{where}: {said[0].lower()}{said[1:]}, found {show(error['input'])}"


def _place(keys: tuple[int | str, ...]) -> str:
    """Keys as they are written, as `posts[0].entities[1]`, of at most 60 characters each."""
    start, *rest = keys
    path = "".join(f"[{key}]" if isinstance(key, int) else f".{key[:60]}" for key in rest)
    return path.removeprefix(".") or f"The {start}"


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StarletteError)
    text, path = str(error.detail), show(request.scope["path"])
    if error.status_code == HTTPStatus.NOT_FOUND and text == HTTPStatus.NOT_FOUND.phrase:
        text = f"There is no {path} here; /openapi.json says what there is."
    if error.status_code == HTTPStatus.BAD_REQUEST:  # FastAPI's, of a body that is no text, or deep
        text = "The body is not JSON in UTF-8, has a number that is too long, or nests too deep."
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        text = f"{path} does not take {request.method}; /openapi.json says what it does."
    return refusal(error.status_code, text, error.headers)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    return refusal(HTTPStatus.UNPROCESSABLE_ENTITY, f"{str(error).removesuffix('.')}.")


async def _bug(_: Request, error: Exception) -> JSONResponse:
    """The trace is logged, and not told."""
    return refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "The server has a bug; its log has the trace.")
