"""Requests that are refused, and how: always a sentence in JSON."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from starlette.types import ASGIApp

from remote_jax.errors import UserError
from remote_jax.http import run
from remote_jax.http.app import application
from remote_jax.http.limits import MAX_PICTURE, MAX_QUESTIONS, Limits

QUESTION = {"entity": "E1", "relation": "member_of"}
TOKEN = "0123456789abcdef-secret"
JSON = {"content-type": "application/json"}


def assert_refused(found: httpx.Response, status: int, said: str) -> None:
    assert (found.status_code, list(found.json())) == (status, ["error"])
    assert said in found.json()["error"]
    assert found.headers["content-type"] == "application/json"
    assert found.headers["x-content-type-options"] == "nosniff"


def deep(count: int) -> str:
    return '{"entity": ' + "[" * count + "]" * count + "}"


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ('{"entity": "a"}', 422, "relation is missing."),
        ('{"entity": "a", "relation": 3}', 422, "relation: input should be a valid string, found"),
        ('{"entity": "a", "relation": "b", "tpo": 1}', 422, "tpo is none of the keys"),
        ('{"entity": "a", "relation": "b", "top": "9"}', 422, "top: input should be a valid int"),
        ('{"entity": "a", "relation": "b", "top": 101}', 422, "less than or equal to 100"),
        ('{"entity": "a", "relation": "b", "top": true}', 422, "found True"),
        ('{"entity": "a", "relation": "b", "top": NaN}', 422, "found nan"),
        ('{"entity": "a", "relation": "b", "top": Infinity}', 422, "found inf"),
        ('{"entity": "a", "relation": "b", "tail": 1}', 422, "tail: input should be a valid bool"),
        ('{"entity": "", "relation": "b"}', 422, "at least 1 character"),
        ('{"entity": "' + "a" * 1001 + '", "relation": "b"}', 422, "at most 1000 characters"),
        ('{"entity": "\\ud800", "relation": "b"}', 422, "entity"),
        ('{"entity": "\\ud800", "\\udfff": "b"}', 422, "as a unicode string"),
        ('{"entity": "a"', 422, "The body is not JSON"),
        ("[]", 422, "The body: input should be a valid dictionary"),
        ("", 422, "The body is missing"),
        ('{"entity": ' + "9" * 5000 + "}", 400, "The body is not JSON in UTF-8"),
        ("\xff", 400, "The body is not JSON in UTF-8"),
        (deep(100_000), 400, "The body is not JSON in UTF-8"),
    ],
)
def test_malformed_questions(client: TestClient, body: str, status: int, said: str) -> None:
    assert_refused(client.post("/ask", content=body.encode("latin-1"), headers=JSON), status, said)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"posts": []}, "at least 1 item"),
        ({"posts": [{"text": "a"}] * (MAX_QUESTIONS + 1)}, "at most 64 items"),
        ({}, "either 'posts' or 'queries'"),
        ({"posts": [{}], "queries": [{}]}, "either 'posts' or 'queries'"),
        ({"posts": [{"text": "a"}], "system": "roam"}, "'queries' are for roam"),
        ({"posts": [{"text": "a"}], "system": "x"}, "system: input should be 'remote', 'eega' or"),
        ({"posts": [{"text": "a", "path": "b"}]}, "posts[0].path is none of the keys"),
        ({"posts": [{"entities": [[0]]}]}, "posts[0].entities[0].list: list should have at least"),
        ({"posts": [{"entities": [[0, True]]}]}, "found True"),
        ({"posts": [{"objects": [[0, 0, 1, float("nan")]]}]}, "finite number, found nan"),
        ({"posts": [{"objects": [{"box": [0, 0, 1, float("inf")]}]}]}, "finite number, found inf"),
        ({"posts": [{"entities": [[0, 1]] * 101}]}, "at most 100 items"),
        ({"posts": [{"entities": [[0, 1]] * 99}] * 2}, "have 19,404 pairs of entities and objects"),
        ({"queries": [{"head": "a", "top": 10**6}]}, "queries[0].top: input should be less than"),
    ],
)
def test_malformed_posts(client: TestClient, sent: object, said: str) -> None:
    assert_refused(client.post("/predict", content=json.dumps(sent), headers=JSON), 422, said)


@pytest.mark.parametrize("key", ["image", "depth"])
@pytest.mark.parametrize(
    "given",
    [
        *("/etc/passwd", "picture.png", "../a.jpg", "file:///etc/passwd"),
        *("https://a.example/b.png", "data:image/png;base64,AAAA", "AAA", "AA\nAA", ["a"], 3),
    ],
)
def test_pictures_are_neither_paths_nor_addresses(
    client: TestClient, served, key: str, given: object
) -> None:
    found = client.post("/predict", json={"posts": [{"text": "a", key: given}]})
    assert_refused(found, 422, f"posts[0].{key}: must be the content of a file in base64")
    assert served.models["remote"].posts == []


def test_a_path_that_is_base64_is_content(client: TestClient, served) -> None:
    found = client.post("/predict", json={"posts": [{"text": "a", "image": "etc/pass"}]})
    assert found.status_code == 200
    assert served.models["remote"].posts[0]["image"] == base64.b64decode("etc/pass")


def test_large_pictures_are_refused(client: TestClient) -> None:
    picture = base64.b64encode(bytes(MAX_PICTURE + 3)).decode()
    found = client.post("/predict", json={"posts": [{"text": "a", "image": picture}]})
    assert_refused(found, 422, "posts[0].image: must be of at most 8,388,608 bytes")
    assert len(found.text) < 500


def chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 1000):
        yield b"a" * 1000


@pytest.mark.parametrize("path", ["/ask", "/predict", "/nowhere"])
def test_long_bodies_are_refused_however_they_are_sent(start, path: str) -> None:
    client = start(body=10_000)
    assert_refused(
        client.post(path, content=b"a" * 10_001, headers=JSON), 413, "longer than 10,000"
    )
    assert_refused(
        client.post(path, content=chunks(20_000), headers=JSON), 413, "longer than 10,000"
    )
    lying = {**JSON, "content-length": "9" * 30}
    assert_refused(client.post(path, content=b"{}", headers=lying), 413, "longer than 10,000")


def test_chunks_are_put_together(start) -> None:
    parts = iter([b'{"entity": "E1",', b' "relation": "member_of"}'])
    assert start().post("/ask", content=parts, headers=JSON).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None, "a"])
def test_a_page_of_another_origin_cannot_ask(client: TestClient, kind: str | None) -> None:
    headers = {} if kind is None else {"content-type": kind}
    found = client.post("/ask", content=json.dumps(QUESTION), headers=headers)
    assert_refused(found, 415, "must be application/json")
    other = {"origin": "http://a.example", "access-control-request-method": "POST"}
    assert client.options("/ask", headers=other).status_code == 405
    found = client.post("/ask", json=QUESTION, headers=other)
    assert not [name for name in found.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "host", ["a.example", "a.example:8000", "localhost.a.example", "", "[::2]"]
)
def test_another_host_is_refused(start, host: str) -> None:
    found = start().get("/health", headers={"host": host})
    assert_refused(found, 421, "answers requests to localhost alone")
    assert (
        start(token=TOKEN, loopback=False).get("/health", headers={"host": host}).status_code == 401
    )


@pytest.mark.parametrize("host", ["LOCALHOST", "127.0.0.1:1", "[::1]:8000", "127.0.0.2"])
def test_names_of_this_machine_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/health", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("path", ["/health", "/openapi.json", "/entities?query=a", "/nowhere"])
@pytest.mark.parametrize(
    "given", [None, TOKEN, "Bearer", "Bearer ", "Bearer x", f"Bearer {TOKEN}x", "Bearer \xe9"]
)
def test_a_token_is_needed_for_everything(start, path: str, given: str | None) -> None:
    headers = {} if given is None else {"authorization": given.encode("latin-1")}
    found = start(token=TOKEN).get(path, headers=headers)
    assert_refused(found, 401, "Authorization: Bearer TOKEN")
    assert found.headers["www-authenticate"] == "Bearer" and TOKEN not in found.text


def test_the_token_opens(start) -> None:
    client = start(token=TOKEN, loopback=False)
    found = client.post("/ask", json=QUESTION, headers={"authorization": f"Bearer {TOKEN}"})
    assert found.status_code == 200


def test_who_waits_too_long_is_told_and_the_next_is_answered(start, served) -> None:
    client, remote = start(seconds=0.2), served.models["remote"]
    remote.go.clear()
    first, second = {"posts": [{"text": "first"}]}, {"posts": [{"text": "second"}]}
    with client:  # one loop for all requests, as in a server
        for sent in (first, second):  # the second has not begun
            found = client.post("/predict", json=sent)
            assert_refused(found, 503, "no answer within 0.2 seconds")
            assert found.headers["retry-after"] == "1"
        assert client.get("/health").status_code == 200
        assert client.get("/entities", params={"query": "E1"}).status_code == 200
        remote.go.set()
        assert client.post("/ask", json=QUESTION).status_code == 200
    assert [post["text"] for post in remote.posts] == ["first"]


def connected(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


def test_too_many_requests_are_refused(served) -> None:
    app, remote = application(served, Limits(requests=2), token=None, loopback=True), "remote"
    served.models[remote].go.clear()

    async def many() -> None:
        async with connected(app) as client:
            sent = {"posts": [{"text": "a"}]}
            first = [asyncio.create_task(client.post("/predict", json=sent)) for _ in range(2)]
            await asyncio.sleep(0.05)  # both are begun
            third = await client.get("/entities?query=a")
            assert_refused(third, 429, "2 requests are waiting")
            assert third.headers["retry-after"] == "1"
            assert (await client.get("/health")).status_code == 200
            served.models[remote].go.set()
            assert [found.status_code for found in await asyncio.gather(*first)] == [200, 200]
            assert (await client.post("/ask", json=QUESTION)).status_code == 200

    asyncio.run(many())


def test_a_slow_body_is_not_waited_for(served) -> None:
    app = application(served, Limits(seconds=0.1, requests=1), token=None, loopback=True)

    async def slow() -> None:
        async def body() -> AsyncIterator[bytes]:
            yield b"{"
            await asyncio.sleep(5)

        async with connected(app) as client:
            for _ in range(2):  # the first does not keep its place
                answer = await client.post("/ask", content=body(), headers=JSON)
                assert_refused(answer, 408, "did not come within 0.1 seconds")

    asyncio.run(slow())


def test_bugs_are_not_told(client: TestClient) -> None:
    found = client.post("/predict", json={"posts": [{"text": "fail"}]})
    assert_refused(found, 500, "The server has a bug")
    assert "secret" not in found.text
    assert client.post("/ask", json=QUESTION).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/nowhere%09%00", 404, "There is no '/nowhere\\t\\x00' here"),
        ("GET", "/docs", 404, "There is no '/docs' here"),
        ("GET", "/ask", 405, "'/ask' does not take GET"),
        ("GET", "/ask/", 404, "There is no"),
        ("GET", "/entities", 422, "query is missing"),
        ("GET", "/entities?query=a&limit=3", 422, "limit is none of the keys"),
        ("GET", f"/entities?query={'a' * 1001}", 422, "at most 1000 characters"),
    ],
)
def test_other_addresses(
    client: TestClient, method: str, path: str, status: int, said: str
) -> None:
    assert_refused(client.request(method, path), status, said)


@pytest.mark.parametrize(
    "content", ["", "short", "two words of a token file", "é" * 20, "a" * 5000]
)
def test_tokens_that_are_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content)
    with pytest.raises(UserError, match="token"):
        run.read_token(tmp_path / "token")
    with pytest.raises(UserError, match="cannot be read"):
        run.read_token(tmp_path / "nowhere")


def test_the_end_of_a_line_is_not_of_the_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert run.read_token(tmp_path / "token") == TOKEN


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.3.2.1"])
def test_own_addresses(host: str) -> None:
    assert run.is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "a.example", "", "localhost.a"])
def test_addresses_that_others_reach(host: str) -> None:
    assert not run.is_loopback(host)
