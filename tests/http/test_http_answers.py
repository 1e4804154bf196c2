"""What the server answers: as the commands and the library do."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import systems
from extracted_posts import small, write
from fastapi.testclient import TestClient

from remote_jax.errors import UserError
from remote_jax.graph import build, reading
from remote_jax.graph.answers import Question, ask
from remote_jax.graph.settings import defaults
from remote_jax.http.served import Served, load
from remote_jax.serve.model import Model

BORN = "/per/loc/place_of_birth"


def test_health_says_what_is_served(client: TestClient) -> None:
    found = client.get("/health")
    assert found.status_code == 200
    assert found.json() == {
        "status": "ready",
        "version": "1.2.3",
        "graph": {"folder": "graph", "entities": 5, "facts": 6},
        "runs": [
            {"folder": "roam-run", "system": "roam", "checksum": 7},
            {"folder": "remote-run", "system": "remote", "checksum": 8},
        ],
    }


@pytest.mark.parametrize(
    "question",
    [
        {"entity": "Bamorel", "relation": "member_of"},
        {"entity": "E1", "relation": BORN, "top": 1},
        {"entity": "Sanora United", "relation": "member_of", "tail": True},
        {"entity": "Divafen Rokel", "relation": "place_of_birth", "top": 2},
    ],
)
def test_answers_are_those_of_the_library(
    client: TestClient, served: Served, question: dict[str, object]
) -> None:
    assert served.graph is not None
    wanted = ask(served.graph, Question(**question), served.models["roam"]).to_dict()
    found = client.post("/ask", json={"id": 5, **question})
    assert found.json() == {"id": 5, **wanted}
    batch = client.post("/ask/batch", json={"questions": [question, {**question, "id": "b"}]})
    assert batch.json() == {"answers": [wanted, {"id": "b", **wanted}]}


def test_a_batch_is_one_call_of_the_model(client: TestClient, served: Served) -> None:
    questions = [
        {"entity": "Bamorel", "relation": "member_of"},
        {"entity": "nobody\x00\u202e", "relation": "member_of", "id": 2},
        {"entity": "E2", "relation": "likes"},
        {"entity": "E2", "relation": "siblings", "tail": True},
    ]
    found = client.post("/ask/batch", json={"questions": questions}).json()["answers"]
    assert [len(call) for call in served.models["roam"].calls] == [2]
    assert found[1] == {"id": 2, "error": "the graph has no entity 'nobody'."}
    assert found[2] == {"error": "the graph has no relation 'likes'."}
    assert found[0] == client.post("/ask", json=questions[0]).json()
    assert found[3] == client.post("/ask", json=questions[3]).json()
    alone = client.post("/ask", json=questions[2])
    assert (alone.status_code, alone.json()) == (422, found[2])


def test_posts_of_an_answer_are_bounded(client: TestClient) -> None:
    question = {"entity": "E1", "relation": "member_of", "posts": 1}
    (one, *_) = client.post("/ask", json=question).json()["answers"]
    assert (len(one["posts"]), one["support"]) == (1, 2)


def test_posts_are_given_to_the_model_with_their_pictures(
    client: TestClient, served: Served
) -> None:
    post = {
        "id": "a",
        "text": "Ann sings",
        "entities": [[0, 3], {"start": 4, "end": 9, "type": "per"}],
        "objects": [[0, 0, 0.5, 1], {"box": [0, 0, 1, 1], "class": "dog", "score": 1}],
    }
    picture = base64.b64encode(b"\x89PNG").decode()
    sent = {"posts": [{**post, "image": picture, "depth": None}]}
    found = client.post("/predict", json=sent)
    assert found.json() == {
        "system": "remote",
        "answers": [{"id": "a", "relations": [], "asked": 1, "threshold": 0.0}],
    }
    assert served.models["remote"].posts == [{**post, "image": b"\x89PNG"}]


def test_queries_go_to_roam(client: TestClient, served: Served) -> None:
    query = {"head": "Kelano (E4)", "relation": BORN, "top": 1, "known": False, "id": 3}
    found = client.post("/predict", json={"system": "roam", "queries": [query]}).json()
    assert found["system"] == "roam" and found["answers"][0]["id"] == 3
    assert [one["name"] for one in found["answers"][0]["answers"]] == ["Kelano (E4)"]
    assert served.models["roam"].calls == [[query]]


@pytest.mark.parametrize(
    ("name", "ids", "nearest"),
    [
        ("gatika BAMOREL", ["E1"], "Gatika Bamorel"),
        ("Gatika Bamorl", [], "Gatika Bamorel"),
        ("<script>alert(1)</script>", [], None),
        ("\x00", [], None),
        ("'; DROP TABLE entities; --", [], None),
    ],
)
def test_entities_are_found_by_name(
    client: TestClient, name: str, ids: list[str], nearest: str | None
) -> None:
    found = client.get("/entities", params={"query": name})
    assert found.status_code == 200 and found.headers["content-type"] == "application/json"
    assert [one["id"] for one in found.json()["entities"]] == ids
    assert found.json()["nearest"][:1] == ([nearest] if nearest else [])


def test_what_is_not_served_is_told(start, served: Served) -> None:
    client = start(Served(None, {}, {}, "1"))
    for path, sent, said in (
        ("/ask", {"entity": "a", "relation": "b"}, "start the server with --graph=GRAPH"),
        ("/predict", {"posts": [{"text": "a"}]}, "No run of remote or eega is served"),
        ("/predict", {"queries": [{"head": "a"}]}, "No run of roam is served"),
    ):
        found = client.post(path, json=sent)
        assert found.status_code == 404 and said in found.json()["error"]
    both = Served(None, {"remote": served.models["remote"], "eega": None}, {}, "1")  # type: ignore
    found = start(both).post("/predict", json={"posts": [{"text": "a"}]})
    assert found.status_code == 422 and "Name the 'system'" in found.json()["error"]


def test_nothing_to_serve_and_two_of_a_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: Served
) -> None:
    with pytest.raises(UserError, match="Name what to serve"):
        load(None, [])
    monkeypatch.setattr("remote_jax.serve.model.load", lambda _: served.models["remote"])
    with pytest.raises(UserError, match="a and b are both runs of remote"):
        load(None, [Path("a"), Path("b")])


def split(answer: dict[str, Any]) -> tuple[list[Any], list[float]]:
    """An answer without the probabilities of what it infers, and those."""
    numbers = [one.pop("probability") for one in answer["answers"]]
    return [answer], numbers


def test_a_real_run_of_roam(
    tmp_path: Path, graph_folder: Path, start, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[tuple[list[str], int]] = []
    monkeypatch.setattr(  # tests/serve/test_blank_batches.py compiles a smaller model
        Model, "compile", lambda self, post, count: compiled.append((sorted(post), count))
    )
    config = systems.roam(tmp_path / "cache")
    del config.data.sample
    config.data.update({"dir": str(graph_folder / "roam"), "name": "posts"})
    systems.begin(config, tmp_path / "run")
    served = load(graph_folder, [tmp_path / "run"])
    asked = ["head", "known", "relation", "top"]
    assert compiled == [(asked, 64), (asked, 64), (["head", "tail"], 64)]
    client, model = start(served), served.models["roam"]
    questions = [{"entity": one, "relation": "place_of_birth"} for one in ("E1", "E2")]
    found = client.post("/ask/batch", json={"questions": questions}).json()["answers"]
    for question, answer in zip(questions, found, strict=True):
        alone = ask(served.graph, Question(**question), model).to_dict()
        assert client.post("/ask", json=question).json() == alone
        (said, chances), (wanted, those) = split(answer), split(alone)
        assert said == wanted
        assert chances == pytest.approx(those, rel=1e-5)  # another size of batches rounds otherwise
    query = {"head": "Gatika Bamorel (E1)", "relation": "/per/org/member_of"}
    found = client.post("/predict", json={"queries": [query, {"head": "x", "tail": "y"}]}).json()
    assert found["answers"][0] == model.predict([query])[0].to_dict()
    assert "error" in found["answers"][1]
    other = write(tmp_path / "extracted", small()[:2])
    build.build(build.Sources(other), tmp_path / "other", defaults())
    with pytest.raises(UserError, match="is of another graph: it knows"):
        load(tmp_path / "other", [tmp_path / "run"])


def test_a_graph_too_small_for_roam_is_served(tmp_path: Path, start) -> None:
    """What is in the place of its run is of another graph, and is not looked at."""
    extracted, graph = write(tmp_path / "extracted", small()[:2]), tmp_path / "graph"
    build.build(build.Sources(extracted), graph, defaults())
    (graph / reading.RUN).mkdir()
    (graph / reading.RUN / "config.json").write_text("{}")
    found = start(load(graph, [])).post("/ask", json={"entity": "Bamorel", "relation": "member_of"})
    (answer,) = found.json()["answers"]
    assert answer["name"].title() == "Sanora United" and answer["support"] == 2
    assert "2 entities and 1 facts" in found.json()["note"]
