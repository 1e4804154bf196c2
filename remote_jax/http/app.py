"""The endpoints of `remote-jax serve`; /openapi.json describes them."""

from collections.abc import Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Body, Depends, FastAPI, HTTPException, Query
from fastapi.security import HTTPBearer
from starlette.types import ASGIApp

import remote_jax
from remote_jax.errors import Refused
from remote_jax.graph.answers import Answers, Question, ask_many
from remote_jax.graph.entities import Entity
from remote_jax.graph.reading import KnowledgeGraph
from remote_jax.http import examples
from remote_jax.http.errors import explain
from remote_jax.http.guard import Guard
from remote_jax.http.limits import MAX_ALIASES, Limits
from remote_jax.http.requests import AskedQuestion, AskedQuestions, EntityQuery, Prediction
from remote_jax.http.responses import (
    Batch,
    Failure,
    FoundEntities,
    GraphAnswers,
    Health,
    Predicted,
)
from remote_jax.http.served import Model, Served
from remote_jax.http.worker import Worker

FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": Failure, "description": what}
    for status, what in {
        401: "The token is missing or wrong.",
        404: "What is asked is not served.",
        408: "The body came too slowly.",
        413: "The body is too long.",
        415: "The body is not JSON.",
        421: "The request is to another host.",
        422: "The request is wrong; the sentence says where.",
        429: "Too many requests are waiting.",
        503: "The answer takes too long.",
    }.items()
}


def application(served: Served, limits: Limits, *, token: str | None, loopback: bool) -> ASGIApp:
    """The server's application.

    Args:
        token, loopback: as those of `Guard`.
    """
    models, lookups = Worker("models", limits.seconds), Worker("lookups", limits.seconds)

    @asynccontextmanager
    async def lifespan(_: FastAPI):
        yield
        models.close()
        lookups.close()

    app = FastAPI(
        title="remote_jax",
        version=remote_jax.__version__,
        description="Questions about a knowledge graph, and predictions of REMOTE, EEGA and ROAM.",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        responses=FAILURES,
        dependencies=[Depends(HTTPBearer(auto_error=False))] if token else [],
    )
    explain(app)
    _add_health(app, served)
    _add_questions(app, served, models)
    _add_predictions(app, served, models)
    _add_entities(app, served, lookups)
    return Guard(app, limits, token, loopback)


def _graph(served: Served) -> KnowledgeGraph:
    if served.graph is None:
        raise HTTPException(404, "No graph is served: start the server with --graph=GRAPH.")
    return served.graph


def _add_health(app: FastAPI, served: Served) -> None:
    @app.get("/health", summary="Whether everything is loaded, and what is served")
    async def health() -> Health:
        graph = served.graph
        found = None
        if graph is not None:
            folder = "" if graph.folder is None else graph.folder.resolve().name
            counts = {"entities": len(graph.entities), "facts": len(graph.facts)}
            found = {"folder": folder, **counts}
        runs = [
            {"folder": served.folders[system], "system": system, "checksum": model.checksum}
            for system, model in served.models.items()
        ]
        told = {"status": "ready", "version": served.version, "graph": found, "runs": runs}
        return Health.model_validate(told)


def _add_questions(app: FastAPI, served: Served, models: Worker) -> None:
    def answers(asked: Sequence[AskedQuestion]) -> list[dict[str, Any]]:
        questions = [Question(one.entity, one.relation, one.tail, one.top) for one in asked]
        found = ask_many(_graph(served), questions, served.models.get("roam"))
        return [_answer(*pair) for pair in zip(asked, found, strict=True)]

    @app.post(
        "/ask",
        summary="Answers a question about the graph",
        response_model=GraphAnswers,
        response_model_exclude_unset=True,
    )
    async def ask(question: Annotated[AskedQuestion, Body(examples=[examples.QUESTION])]) -> Any:
        (answer,) = await models.do(lambda: answers([question]))
        if "error" in answer:
            raise HTTPException(422, answer["error"])
        return answer

    @app.post(
        "/ask/batch",
        summary="Answers many questions about the graph, each as by itself",
        response_model=Batch,
        response_model_exclude_unset=True,
    )
    async def ask_batch(batch: Annotated[AskedQuestions, Body(examples=[examples.BATCH])]) -> Any:
        return {"answers": await models.do(lambda: answers(batch.questions))}


def _answer(asked: AskedQuestion, found: Answers | Refused) -> dict[str, Any]:
    start = {} if asked.id is None else {"id": asked.id}
    if isinstance(found, Refused):
        return start | {"error": f"{found}."}
    told = found.to_dict()
    for one in told["answers"]:
        if one["stated"]:
            one["posts"] = one["posts"][: asked.posts]
    return start | told


def _add_predictions(app: FastAPI, served: Served, models: Worker) -> None:
    def model_for(asked: Prediction) -> Model:
        fitting = ("roam",) if asked.posts is None else ("remote", "eega")
        wanted = fitting if asked.system is None else (asked.system,)
        found = [served.models[system] for system in wanted if system in served.models]
        if not found:
            kinds = " or ".join(wanted)
            raise HTTPException(404, f"No run of {kinds} is served: start with --run=RUN.")
        if len(found) > 1:
            raise HTTPException(422, "Name the 'system': runs of remote and of eega are served.")
        return found[0]

    @app.post("/predict", summary="Answers posts with REMOTE or EEGA, or queries with ROAM")
    async def predict(
        asked: Annotated[Prediction, Body(examples=[examples.POSTS, examples.QUERIES])],
    ) -> Predicted:
        model, values = model_for(asked), asked.values
        found = await models.do(lambda: [one.to_dict() for one in model.predict(values)])
        return Predicted.model_validate({"system": model.system, "answers": found})


def _add_entities(app: FastAPI, served: Served, lookups: Worker) -> None:
    def look_up(name: str) -> dict[str, Any]:
        graph = _graph(served)
        return {"entities": [*map(_plain, graph.find(name))], "nearest": [*graph.near(name)]}

    @app.get("/entities", summary="Finds entities by name, and names that are like it")
    async def entities(asked: Annotated[EntityQuery, Query()]) -> FoundEntities:
        return FoundEntities.model_validate(await lookups.do(lambda: look_up(asked.query)))


def _plain(one: Entity) -> dict[str, Any]:
    aliases = list(one.aliases[:MAX_ALIASES])
    return {
        "id": one.id,
        "name": one.name,
        "type": one.type,
        "aliases": aliases,
        "posts": one.posts,
    }
