"""The server of the page: who is asked for by the path, and proves it by a cookie.

    GET  /?token=...                   sets the cookie and goes on to /PERSON/
    GET  /PERSON/                      the page; /PERSON/static/FILE its parts
    GET  /PERSON/api/task              the vocabulary, the guidelines, and progress
    GET  /PERSON/api/posts/PLACE       a post as this person labels it; /picture its picture
    POST /PERSON/api/posts/PLACE       {"batch", "values"} or {"batch", "undoes"}: changes it

Each person has a path, and a cookie for it, so that one browser can be several people at once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException as StarletteError

from remote_jax.annotate.project import Project
from remote_jax.annotate.server import view
from remote_jax.annotate.server.guard import Guard, check_token, cookie_name, read_body
from remote_jax.annotate.server.guidelines import markup
from remote_jax.annotate.suggestions import Suggested
from remote_jax.data.jsonl import check_text, parse, show
from remote_jax.errors import Refused

KINDS = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}
PARTS = ("icon.svg", "page.css", "page.js", "labels.js", "picture.js", "sentence.js", "pairs.js")


@dataclass(frozen=True)
class Served:
    """What the server is started with.

    Attributes:
        tokens: of each person.
        suggestions: by the id of the post.
        guidelines: Markdown that is shown beside posts.
    """

    project: Project
    tokens: Mapping[str, str]
    port: int
    suggestions: Mapping[str, Suggested] = field(default_factory=dict)
    guidelines: str = ""


def application(served: Served) -> FastAPI:
    """The server's application."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.middleware("http")(Guard(served.port))
    for kind in (StarletteError, RequestValidationError, Refused):
        app.add_exception_handler(kind, _explained)
    _add_pages(app, served)
    _add_api(app, served)
    return app


async def _explained(_: Request, error: Exception) -> Response:
    """An error as the sentence that the page shows."""
    if isinstance(error, StarletteError):
        return JSONResponse({"error": str(error.detail)}, error.status_code)
    if isinstance(error, Refused):
        return JSONResponse({"error": f"{error}."}, 422)
    return JSONResponse({"error": "The address is malformed."}, 422)


def _known(served: Served) -> Callable[[Request, str], str]:
    def known(request: Request, person: str) -> str:
        """The person whose cookie the request has."""
        given = request.cookies.get(cookie_name(served.port))
        check_token(given, person, served.tokens)
        return person

    return known


def _placed(served: Served) -> Callable[[int], int]:
    def placed(place: int) -> int:
        """The place of a post that there is."""
        count = len(served.project.posts)
        if not 0 <= place < count:
            raise HTTPException(404, f"There are {count:,} posts, from 0.")
        return place

    return placed


def _add_pages(app: FastAPI, served: Served) -> None:
    known = _known(served)

    @app.get("/")
    def enter(token: str = "") -> Response:
        for person in served.tokens:
            try:
                check_token(token, person, served.tokens)
            except HTTPException:
                continue
            answer = RedirectResponse(f"/{person}/", 303)
            answer.set_cookie(
                cookie_name(served.port),
                token,
                path=f"/{person}/",
                httponly=True,
                samesite="strict",
            )
            return answer
        raise HTTPException(401, "Open the address that `remote-jax annotate` printed.")

    @app.get("/{person}/")
    def page(_: Annotated[str, Depends(known)]) -> Response:
        return _part("page.html")

    @app.get("/{person}/static/{name}")
    def part(_: Annotated[str, Depends(known)], name: str) -> Response:
        if name not in PARTS:
            raise HTTPException(404, "There is no such part of the page.")
        return _part(name)


def _part(name: str) -> Response:
    content = resources.files("remote_jax.annotate.server.page").joinpath(name).read_bytes()
    return Response(content, media_type=KINDS[name.rpartition(".")[2]])


def _add_api(app: FastAPI, served: Served) -> None:
    known, placed, project = _known(served), _placed(served), served.project
    guidelines = markup(served.guidelines)

    def labelled(person: str, place: int) -> dict[str, Any]:
        suggested = served.suggestions.get(project.posts[place].id, Suggested())
        return view.of_post(project, person, place, suggested)

    @app.get("/{person}/api/task")
    def task(person: Annotated[str, Depends(known)]) -> JSONResponse:
        return JSONResponse(view.of_task(project, person, guidelines))

    @app.get("/{person}/api/posts/{place}")
    def post(
        person: Annotated[str, Depends(known)], place: Annotated[int, Depends(placed)]
    ) -> JSONResponse:
        return JSONResponse(labelled(person, place))

    @app.get("/{person}/api/posts/{place}/picture")
    def picture(
        _: Annotated[str, Depends(known)], place: Annotated[int, Depends(placed)]
    ) -> Response:
        return Response(view.picture(project, place), media_type="image/jpeg")

    @app.post("/{person}/api/posts/{place}")
    async def change(
        request: Request,
        person: Annotated[str, Depends(known)],
        place: Annotated[int, Depends(placed)],
    ) -> JSONResponse:
        asked = parse(await read_body(request))

        def changed() -> dict[str, Any]:
            _change(project, person, place, asked)
            return labelled(person, place)

        return JSONResponse(await run_in_threadpool(changed))


def _change(project: Project, person: str, place: int, asked: Mapping[str, Any]) -> None:
    """Does what a request asks for.

    Raises:
        Refused: it asks for something that is wrong.
    """
    post, batch = project.posts[place], check_text(asked.get("batch"), "'batch'")
    if "undoes" in asked:
        project.undo(person, post, batch, check_text(asked["undoes"], "'undoes'"))
        return
    values = asked.get("values")
    if not isinstance(values, list) or not all(isinstance(one, dict) for one in values):
        raise Refused(f"'values' must be a list of objects, found {show(values)}")
    project.change(person, post, batch, values)
