"""A server of the chat protocol whose answers a test writes, and posts to ask it about."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from PIL import Image

Reply = tuple[int, Mapping[str, str], bytes]
"""Status, headers and body."""


@dataclass
class Asked:
    """A request: the schema that it wants, the posts that it shows, its own post last."""

    body: dict[str, Any]
    headers: Mapping[str, str]
    answered: bool = False

    @property
    def schema(self) -> str:
        return self.body["response_format"]["json_schema"]["name"]

    @property
    def system(self) -> str:
        return self.body["messages"][0]["content"]

    @property
    def shown(self) -> list[dict[str, Any]]:
        users = [one["content"] for one in self.body["messages"] if one["role"] == "user"]
        return [json.loads(content[0]["text"]) for content in users]

    @property
    def post(self) -> dict[str, Any]:
        return self.shown[-1]

    @property
    def given(self) -> list[dict[str, Any]]:
        """The answers of the examples."""
        answers = [one for one in self.body["messages"] if one["role"] == "assistant"]
        return [json.loads(one["content"]) for one in answers]

    @property
    def picture(self) -> Image.Image | None:
        content = self.body["messages"][-1]["content"]
        if len(content) == 1:
            return None
        head, _, data = content[1]["image_url"]["url"].partition(",")
        assert head == "data:image/jpeg;base64"
        return Image.open(io.BytesIO(base64.b64decode(data)))


def said(value: object, finish: str = "stop", status: int = 200) -> Reply:
    """An answer of the protocol that says a text, or a value as JSON."""
    text = value if isinstance(value, str) else json.dumps(value)
    choice = {
        "index": 0,
        "finish_reason": finish,
        "message": {"role": "assistant", "content": text},
    }
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    body = {"id": "x", "object": "chat.completion", "created": 0, "model": "scripted"}
    return status, {}, json.dumps({**body, "choices": [choice], "usage": usage}).encode()


@dataclass
class Server:
    """Answers by `script`, and remembers what it was asked."""

    script: Callable[[Asked], Reply]
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                asked = Asked(body, {x.lower(): y for x, y in self.headers.items()})
                server.asked.append(asked)
                status, headers, content = server.script(asked)
                try:
                    self.send_response(status)
                    for name, value in {**headers, "content-type": "application/json"}.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                    asked.answered = True
                except OSError:  # the one who asked is gone
                    pass

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@contextmanager
def serving(script: Callable[[Asked], Reply]) -> Iterator[Server]:
    server = Server(script)
    http = ThreadingHTTPServer(("127.0.0.1", 0), server.handler())
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_port}/v1"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def entities(*found: tuple[str, str, str]) -> dict[str, Any]:
    return {"entities": [dict(zip(("name", "type", "description"), x, strict=True)) for x in found]}


def write_posts(folder: Path, *posts: Mapping[str, Any], pictures: int = 1) -> Path:
    """A file of posts, and pictures 0.png, 1.png and so on beside it, 200 x 100 pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(pictures):
        Image.new("RGB", (200, 100), (40 * number, 90, 160)).save(folder / f"{number}.png")
    path = folder / "posts.jsonl"
    path.write_text("".join(json.dumps(post) + "\n" for post in posts), "utf-8")
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
