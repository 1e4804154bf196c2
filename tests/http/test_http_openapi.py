"""The description of the endpoints is valid, and true of the requests and answers themselves."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.openapi.models import OpenAPI
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator

from remote_jax.http import examples

TOKEN = "0123456789abcdef-secret"
ASKED: list[tuple[str, dict[str, Any]]] = [
    ("/ask", {"entity": "E1", "relation": "place_of_birth", "id": "a"}),
    ("/ask", {"entity": "E2", "relation": "place_of_birth"}),
    (
        "/ask/batch",
        {
            "questions": [
                {"entity": "E2", "relation": "member_of", "tail": True},
                {"id": 1, "entity": "nobody", "relation": "member_of"},
            ]
        },
    ),
    ("/predict", {"posts": [{"text": "a", "id": 1}]}),
    ("/predict", {"queries": [{"head": "Kelano (E4)", "relation": "x"}]}),
]


@pytest.fixture
def described(client: TestClient) -> dict[str, Any]:
    return client.get("/openapi.json").json()


def validator(described: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": described["components"]})


def schema_of(part: dict[str, Any]) -> dict[str, Any]:
    return part["content"]["application/json"]["schema"]


def test_the_description_is_valid(described: dict[str, Any]) -> None:
    OpenAPI.model_validate(described)
    assert set(described["paths"]) == {"/health", "/ask", "/ask/batch", "/predict", "/entities"}
    for schema in described["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for path in described["paths"].values():
        for operation in path.values():
            assert schema_of(operation["responses"]["422"])["$ref"].endswith("/Failure")
    assert "securitySchemes" not in described["components"]


def test_a_token_is_described(start) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}
    described = start(token=TOKEN).get("/openapi.json", headers=headers).json()
    OpenAPI.model_validate(described)
    assert described["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"


@pytest.mark.parametrize(("path", "sent"), ASKED)
def test_requests_and_answers_are_as_described(
    client: TestClient, described: dict[str, Any], path: str, sent: dict[str, Any]
) -> None:
    operation = described["paths"][path]["post"]
    validator(described, schema_of(operation["requestBody"])).validate(sent)
    found = client.post(path, json=sent)
    assert found.status_code == 200
    validator(described, schema_of(operation["responses"]["200"])).validate(found.json())
    wrong = client.post(path, json={**sent, "more": 1})
    assert wrong.status_code == 422
    assert not validator(described, schema_of(operation["requestBody"])).is_valid(
        {**sent, "more": 1}
    )
    validator(described, schema_of(operation["responses"]["422"])).validate(wrong.json())


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/ask/batch", examples.BATCH),
        ("/predict", examples.POSTS),
        ("/predict", examples.QUERIES),
    ],
)
def test_examples_are_answered(client: TestClient, path: str, sent: dict[str, Any]) -> None:
    assert client.post(path, json=sent).status_code == 200


def test_what_is_read_is_as_described(client: TestClient, described: dict[str, Any]) -> None:
    for path, parameters in (("/health", {}), ("/entities", {"query": "Bamorel"})):
        schema = schema_of(described["paths"][path]["get"]["responses"]["200"])
        found = client.get(path, params=parameters)
        assert found.status_code == 200
        validator(described, schema).validate(found.json())
