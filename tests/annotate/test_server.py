"""What the server answers, and to whom; who may not see what."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import labelled_folder as folders
import pytest
from labelled_folder import MARKUP, POST, TOKENS, relation

pytest.importorskip("fastapi", reason="of the extra `annotate`")
pytest.importorskip("httpx", reason="of the extra `test`")

from fastapi.testclient import TestClient

from remote_jax.annotate.ends import Entity
from remote_jax.annotate.server.app import Served, application
from remote_jax.annotate.server.guard import MAX_BODY
from remote_jax.annotate.server.tokens import FILE, read_or_make
from remote_jax.annotate.suggestions import Suggested

PORT = 8520
ORIGIN = f"http://127.0.0.1:{PORT}"
SECRETS = {"ana": "a" * 32, "ben": "b" * 32, "eva": "e" * 32}


@pytest.fixture
def served(tmp_path: Path) -> Served:
    project = folders.project(folders.write(tmp_path))
    suggested = {
        "first": Suggested(
            {"es7": Entity((36, 41), "per")},
            {"e0 e1": {**relation("e0", "e1", "/per/per/self")["value"], "probability": 0.9}},
        )
    }
    return Served(project, SECRETS, PORT, suggested, "Mind the gap.")


def client(served: Served, person: str | None = "ana") -> TestClient:
    """A browser in which a person opened the address."""
    found = TestClient(application(served), base_url=ORIGIN)
    if person:
        assert found.get("/", params={"token": SECRETS[person]}).status_code == 200
    return found


def send(to: TestClient, person: str, body: Any, **headers: str) -> Any:
    """A change of the first post, as the page sends it."""
    content = body if isinstance(body, bytes | str) else json.dumps(body)
    known = {"content-type": "application/json", "origin": ORIGIN, **headers}
    headers = {name: value for name, value in known.items() if value}
    return to.post(f"/{person}/api/posts/0", content=content, headers=headers)


def batch(*values: dict[str, Any], name: str = "batch00001") -> dict[str, Any]:
    return {"batch": name, "values": list(values)}


def test_the_token_becomes_a_cookie_and_leaves_the_address(served: Served) -> None:
    answer = client(served, None).get("/", params={"token": SECRETS["ana"]}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/ana/")
    cookie = answer.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/ana/"))


@pytest.mark.parametrize("path", ["/ana/", "/ana/static/page.js", "/ana/api/task"])
@pytest.mark.parametrize("token", ["", "x" * 32, SECRETS["ben"], "ä"])
def test_without_the_token_nothing_is_shown(served: Served, path: str, token: str) -> None:
    without = client(served, None)
    if token:
        raw = f"remote_jax_annotate_{PORT}={token}".encode()
        assert without.get(path, headers={b"cookie": raw}).status_code == 401  # type: ignore[dict-item]
    assert without.get(path).status_code == 401
    assert without.get("/", params={"token": token}).status_code == (401, 200)[token == "b" * 32]
    assert client(served).get(path).status_code == 200


def test_the_token_of_one_is_not_that_of_another(served: Served) -> None:
    ana = client(served)
    assert ana.get("/ben/api/task").status_code == 401
    assert ana.get("/eva/api/posts/0").status_code == 401
    cookie = {"cookie": f"remote_jax_annotate_{PORT}={SECRETS['ana']}"}
    assert ana.get("/ben/api/task", headers=cookie).status_code == 401
    assert ana.get("/nobody/api/task", headers=cookie).status_code == 401


@pytest.mark.parametrize("host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1:1", ""])
def test_another_name_of_this_host_is_refused(served: Served, host: str) -> None:
    answer = client(served).get("/ana/api/task", headers={"host": host})
    assert answer.status_code == 421 and "posts" not in answer.text


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", ""])
def test_a_page_of_another_origin_is_refused(served: Served, origin: str) -> None:
    ana = client(served)
    body = batch(relation("e0", "e1", "none"))
    assert send(ana, "ana", body, origin=origin).status_code == 403
    if origin:
        assert ana.get("/ana/api/task", headers={"origin": origin}).status_code == 403
    assert served.project.store.batches("ana", "first") == []
    assert send(ana, "ana", body).status_code == 200


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_a_form_of_another_page_is_refused(served: Served, kind: str) -> None:
    answer = send(client(served), "ana", batch(), **{"content-type": kind})
    assert answer.status_code == 415


def test_nothing_else_is_loaded_or_framed(served: Served) -> None:
    for path in ("/ana/", "/ana/api/task", "/ana/api/posts/0/picture", "/nowhere"):
        headers = client(served).get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (batch({"item": "onew", "value": {"box": [0, 0, float("nan"), 1]}}), 422, "not finite"),
        (batch({"item": "onew", "value": {"box": [0, 0, float("inf"), 1]}}), 422, "not finite"),
        (batch(relation("e0", "e1", "/per/per/enemy")), 422, "not one of the 28"),
        (batch(), 422, "expected 1 to"),
        (batch(relation("e0", "e1", "none"), name="../../etc"), 422, "letters and digits"),
        ({"batch": 7, "values": [relation("e0", "e1", "none")]}, 422, "must be text"),
        ({"batch": "batch00001", "values": "all"}, 422, "list of objects"),
        ({"batch": "batch00001", "undoes": "batch00000"}, 422, "not the last"),
        ("[" * 100_000, 422, "brackets"),
        ("__import__('os').system('true')", 422, "not plain data"),
        (b"\xff\xfe", 422, "not UTF-8"),
        (" " * (MAX_BODY + 1), 413, "longer than"),
    ],
)
def test_what_is_wrong_is_refused_in_a_sentence(
    served: Served, body: Any, status: int, why: str
) -> None:
    answer = send(client(served), "ana", body)
    assert answer.status_code == status and why in answer.json()["error"]
    assert served.project.store.batches("ana", "first") == []


def test_a_long_body_without_a_length_is_not_held(served: Served) -> None:
    headers = {"content-type": "application/json", "origin": ORIGIN}
    parts = (b" " * 2**16 for _ in range(MAX_BODY // 2**16 + 1))
    answer = client(served).post("/ana/api/posts/0", content=parts, headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["7", "-1", "x", "0/../../etc/passwd", "1e3"])
def test_other_posts_are_not_there(served: Served, path: str) -> None:
    assert client(served).get(f"/ana/api/posts/{path}").status_code in (404, 422)
    assert client(served).get("/ana/static/..%2f..%2fproject.py").status_code == 404
    assert client(served).get("/ana/static/__init__.py").status_code == 404


def test_annotators_do_not_see_each_other_and_the_adjudicator_sees_both(served: Served) -> None:
    ana, ben, eva = (client(served, name) for name in SECRETS)
    secret = {"item": "osecret", "value": {"box": [0, 0, 0.3, 0.3], "caption": "Ana's own"}}
    send(ana, "ana", batch(relation("e0", "e1", "/per/per/alumni"), secret))
    send(ben, "ben", batch(relation("e0", "e1", "/per/per/opponent")))
    seen = [
        ben.get(path).text
        for path in ("/ben/api/task", "/ben/api/posts/0", "/ben/api/posts/1", "/ben/")
    ]
    answered = send(ben, "ben", batch(relation("e0", "e2", "none"), name="batch00002")).text
    for text in (*seen, answered):
        text = text.replace("/per/per/alumni", "", 1) if '"types"' in text else text  # vocabulary
        assert not any(word in text for word in ("ana", "alumni", "secret", "Ana's own", "eva"))
    found = eva.get("/eva/api/posts/0").json()
    assert {who: one["relation"] for who, one in found["opinions"]["e0 e1"].items()} == {
        "ana": "/per/per/alumni",
        "ben": "/per/per/opponent",
    }
    assert ("osecret", "ana") in {(one["item"], one["by"]) for one in found["offers"]}
    assert found["relations"] == {} and found["suggestions"] == {}


def test_suggestions_are_no_labels_until_they_are_accepted(served: Served) -> None:
    ana = client(served)
    found = ana.get("/ana/api/posts/0").json()
    assert found["suggestions"]["e0 e1"]["relation"] == "/per/per/self"
    assert [one["item"] for one in found["offers"]] == ["es7"]
    assert found["relations"] == {} and "es7" not in found["ends"]
    assert ana.get("/ana/api/task").json()["posts"] == [[0, 10], [0, 1]]
    offer = found["offers"][0]
    found = send(ana, "ana", batch({"item": offer["item"], "value": offer["value"]})).json()
    assert found["ends"]["es7"] == {"span": [36, 41], "type": "per"}


def bomb(width: int, height: int) -> bytes:
    """A small PNG file that says it has so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", zlib.compress(bytes(2**20))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "why"), [(bomb(60_000, 60_000), "at most"), (b"<svg onload=alert(1)>", "decoded")]
)
def test_pictures_that_are_none_are_refused(served: Served, content: bytes, why: str) -> None:
    (served.project.folder / "a.png").write_bytes(content)
    answer = client(served).get("/ana/api/posts/0/picture")
    assert answer.status_code == 422 and why in answer.json()["error"]
    (served.project.folder / "a.png").unlink()
    assert "not there" in client(served).get("/ana/api/posts/0/picture").json()["error"]


def test_the_page_has_no_text_of_posts_in_its_markup(tmp_path: Path) -> None:
    posts = [{**POST, "text": f"{MARKUP} Ann", "entities": []}, TOKENS]
    project = folders.project(folders.write(tmp_path, posts))
    served = Served(project, SECRETS, PORT, guidelines=MARKUP)
    assert "onerror" not in client(served).get("/ana/").text
    for path in ("task", "posts/0"):
        answer = client(served).get(f"/ana/api/{path}")
        assert "onerror" in answer.text and answer.headers["content-type"] == "application/json"


def test_tokens_stay_and_are_for_their_owner_alone(tmp_path: Path) -> None:
    first = read_or_make(tmp_path, ["ana"])
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    second = read_or_make(tmp_path, ["ana", "ben"])
    assert second["ana"] == first["ana"] != second["ben"] and len(second["ben"]) >= 32
    assert read_or_make(tmp_path, ["ben"]) == {"ben": second["ben"]}
