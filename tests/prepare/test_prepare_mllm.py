"""Entities, objects and captions by a multimodal LLM, from a server whose answers are scripted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scripted import Asked, Reply, Server, entities, lines, said, serving, write_posts

from remote_jax.commands.prepare import main
from remote_jax.data.posts import read
from remote_jax.errors import UserError

TEXT = "Ann Lee of Acme met Bob"


def prepare(posts: Path, output: Path, url: str, *flags: str) -> int:
    server = (f"--endpoint={url}", "--model=scripted", "--retries=2")
    return main([str(posts), f"--output={output}", *server, *flags])


def everything(asked: Asked) -> Reply:
    """An answer to each of the three questions."""
    if asked.schema == "entities":
        found = [("Ann Lee", "per", "a singer"), ("Acme", "org", ""), ("Oslo", "loc", "a city")]
        return said(entities(*found))
    if asked.schema == "objects":
        boxes = [[0, 0, 98, 112], [98, 28, 196, 112]]
        return said({"objects": [{"box": x, "type": "per", "caption": "a woman"} for x in boxes]})
    captions = [{"object": 1, "caption": "a man in red"}]
    return said({"picture": "two people on a stage", "objects": captions})


def test_what_is_found_becomes_posts_boxes_captions_and_provenance(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    post = {"id": 7, "text": TEXT, "image": "0.png", "date": "2026-03-01"}
    posts = write_posts(tmp_path, post, {"text": "no picture by Acme"})
    with serving(everything) as server:
        code = prepare(posts, tmp_path / "out", server.url, "--steps=entities,objects,captions")
    assert code == 0
    first, second = lines(tmp_path / "out" / "posts.jsonl")
    name = first["image"].rpartition("/")[2]
    assert first == {
        "id": 7,
        "text": TEXT,
        "date": "2026-03-01",
        "image": f"UMKE_IMG/{name}",
        "entities": [
            {"start": 0, "end": 7, "name": "Ann Lee", "type": "per"},
            {"start": 11, "end": 15, "name": "Acme", "type": "org"},
        ],
        "objects": [
            {"box": [0.0, 0.0, 0.5, 1.0], "caption": "a woman", "type": "per"},
            {"box": [0.5, 0.25, 1.0, 1.0], "caption": "a man in red", "type": "per"},
        ],
    }
    assert second == {
        "text": "no picture by Acme",
        "entities": [{"start": 14, "end": 18, "name": "Acme", "type": "org"}],
    }
    assert (tmp_path / "out" / first["image"]).read_bytes() == (tmp_path / "0.png").read_bytes()
    boxes = json.loads((tmp_path / "out" / "pos_umke.json").read_text())
    assert boxes == {name: {"[OBJ0]": [0.0, 0.0, 0.5, 1.0], "[OBJ1]": [0.5, 0.25, 1.0, 1.0]}}
    captions = json.loads((tmp_path / "out" / "cap_prepared.json").read_text())
    expected = {"[OBJ0]": "a woman", "[OBJ1]": "a man in red", "Ann Lee": "a singer"}
    assert captions == {name: expected}
    origin = lines(tmp_path / "out" / "provenance.jsonl")[0]
    assert (origin["id"], origin["source"], origin["picture"]) == (7, "0.png", name)
    assert origin["caption"] == "two people on a stage"
    step = origin["steps"]["objects"]
    assert (step["by"], step["model"], step["found"]) == ("mllm", "scripted", 2)
    assert len(step["prompt"]) == 64
    assert "2 posts are prepared" in capsys.readouterr().out


def test_the_model_sees_a_bounded_picture_the_entities_and_the_unit_of_boxes(
    tmp_path: Path,
) -> None:
    posts = write_posts(tmp_path, {"text": TEXT, "image": "0.png"})
    with serving(everything) as server:
        prepare(
            posts, tmp_path / "out", server.url, "--picture-side=100", "--steps=entities,objects"
        )
    asked = next(one for one in server.asked if one.schema == "objects")
    assert asked.picture is not None and asked.picture.size == (100, 56)
    assert asked.picture.format == "JPEG"
    assert "100 wide and 56 high" in asked.system and "per, org, loc, misc" in asked.system
    assert [one["name"] for one in asked.post["entities"]] == ["Ann Lee", "Acme"]
    schema = asked.body["response_format"]["json_schema"]
    assert schema["strict"] is True and schema["schema"]["required"] == ["objects"]


@pytest.mark.parametrize(
    ("unit", "box"),
    [
        ("pixels", [98, 28, 196, 112]),
        ("thousandths", [500, 250, 1000, 1000]),
        ("fractions", [0.5, 0.25, 1, 1]),
    ],
)
def test_each_unit_of_boxes_is_the_same_box(tmp_path: Path, unit: str, box: list[float]) -> None:
    posts = write_posts(tmp_path, {"text": TEXT, "image": "0.png"})
    answer = said({"objects": [{"box": box, "type": "misc", "caption": ""}]})
    with serving(lambda _: answer) as server:
        prepare(posts, tmp_path / "out", server.url, "--steps=objects", f"--boxes={unit}")
    (post,) = lines(tmp_path / "out" / "posts.jsonl")
    assert post["objects"][0]["box"] == [0.5, 0.25, 1.0, 1.0]


def test_a_second_run_asks_nothing_and_another_prompt_asks_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    posts = write_posts(
        tmp_path, {"text": TEXT, "image": "0.png"}, {"text": TEXT, "image": "0.png"}
    )
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    (prompts / "entities.md").write_text("Find $types.")
    flags = ("--steps=entities", "--price=1,2")
    with serving(everything) as server:
        prepare(posts, tmp_path / "out", server.url, *flags)
        first = (tmp_path / "out" / "posts.jsonl").read_text()
        assert len(server.asked) == 1  # the second post is the same
        assert (
            "Asked now: 100 tokens read and 10 written, which is 0.0001" in capsys.readouterr().out
        )
        prepare(posts, tmp_path / "out", server.url, *flags)
        assert len(server.asked) == 1
        assert "Asked now: 0 tokens read" in capsys.readouterr().out
        assert (tmp_path / "out" / "posts.jsonl").read_text() == first
        prepare(posts, tmp_path / "out", server.url, *flags, f"--prompts={prompts}")
        assert len(server.asked) == 2 and server.asked[-1].system == "Find per, org, loc, misc."


def asked_again(server: Server, posts: Path, *flags: str) -> list[str]:
    """The questions that are asked now, by the names of their schemas."""
    before = len(server.asked)
    prepare(posts, posts.parent / "out", server.url, *flags)
    return sorted(one.schema for one in server.asked[before:])


def test_only_what_goes_into_a_question_has_it_asked_anew(tmp_path: Path) -> None:
    """The unit of boxes is in no question that has none; the size only where there is a picture."""
    texts = write_posts(tmp_path / "text", {"text": TEXT})
    posts = write_posts(tmp_path / "picture", {"text": TEXT, "image": "0.png"})
    units = ("pixels", "thousandths", "fractions")
    steps = "--steps=entities,captions"
    with serving(everything) as server:
        found = {unit: asked_again(server, posts, steps, f"--boxes={unit}") for unit in units}
        assert found == {"pixels": ["captions", "entities"], "thousandths": [], "fractions": []}
        assert asked_again(server, posts, steps, "--picture-side=56") == ["captions", "entities"]
        assert asked_again(server, posts, steps, "--overlap=0.5") == []
        types = "--types=per,org,loc"
        assert asked_again(server, posts, steps, types) == ["entities"]
        assert asked_again(server, texts, steps) == ["entities"]
        assert asked_again(server, texts, steps, "--picture-side=56") == []
    assert origins(posts)[0]["steps"]["captions"]["settings"] == {}


def origins(posts: Path) -> list[dict[str, Any]]:
    return lines(posts.parent / "out" / "provenance.jsonl")


def test_boxes_in_a_question_are_in_the_unit_that_is_asked_for(tmp_path: Path) -> None:
    post = {"text": TEXT, "image": "0.png", "objects": [[0.5, 0, 1, 1]]}
    posts = write_posts(tmp_path, post)
    with serving(everything) as server:
        for unit, box in {"pixels": [98, 0, 196, 112], "fractions": [0.5, 0, 1, 1]}.items():
            assert asked_again(server, posts, "--steps=captions", f"--boxes={unit}") == ["captions"]
            asked = server.asked[-1].post
            assert asked["objects"] == [{"object": 0, "box": box}]
            assert ("196 wide" if unit == "pixels" else "from 0 to 1") in asked["boxes"]
    assert origins(posts)[0]["steps"]["captions"]["found"] == 1


def test_busy_servers_are_asked_again_when_they_say_so(tmp_path: Path) -> None:
    posts = write_posts(tmp_path, {"text": TEXT})
    times: list[float] = []

    def script(asked: Asked) -> Reply:
        import time

        times.append(time.monotonic())
        if len(times) == 1:
            return 429, {"retry-after": "0.4"}, b"{}"
        return (503, {"retry-after-ms": "10"}, b"{}") if len(times) == 2 else everything(asked)

    with serving(script) as server:
        assert prepare(posts, tmp_path / "out", server.url, "--steps=entities") == 0
    assert len(times) == 3 and times[1] - times[0] >= 0.4


def test_a_post_that_fails_is_written_without_and_asked_again_by_the_next_start(
    tmp_path: Path,
) -> None:
    posts = write_posts(tmp_path, {"text": TEXT})
    broken = [True]

    def script(asked: Asked) -> Reply:
        return (500, {"retry-after-ms": "1"}, b"{}") if broken[0] else everything(asked)

    with serving(script) as server:
        assert prepare(posts, tmp_path / "out", server.url, "--steps=entities") == 3
        assert len(server.asked) == 3  # two retries
        assert lines(tmp_path / "out" / "posts.jsonl") == [{"text": TEXT}]
        (origin,) = lines(tmp_path / "out" / "provenance.jsonl")
        assert "500" in origin["steps"]["entities"]["failed"]
        broken[0] = False
        assert prepare(posts, tmp_path / "out", server.url, "--steps=entities") == 0
    assert "entities" in lines(tmp_path / "out" / "posts.jsonl")[0]


def test_all_stops_where_nothing_answers(tmp_path: Path) -> None:
    posts = write_posts(tmp_path, *({"text": f"Ann {i}"} for i in range(40)))
    told = r"10 posts failed one after another.*no room"
    refusal = 400, {}, b'{"error": {"message": "no room"}}'
    with serving(lambda _: refusal) as server, pytest.raises(UserError, match=told):
        prepare(posts, tmp_path / "out", server.url, "--steps=entities", "--concurrency=1")
    assert len(server.asked) < 20 and not (tmp_path / "out" / "posts.jsonl").exists()


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'{"choices": []}', b'{"choices": [{}]}'])
def test_what_is_no_answer_of_the_protocol_fails_for_the_post(tmp_path: Path, body: bytes) -> None:
    posts = write_posts(tmp_path, {"text": TEXT})
    with serving(lambda _: (200, {}, body)) as server:
        assert prepare(posts, tmp_path / "out", server.url, "--steps=entities") == 3
    (origin,) = lines(tmp_path / "out" / "provenance.jsonl")
    assert origin["steps"]["entities"]["failed"]


@pytest.mark.parametrize(
    "answer",
    ["", "I see Ann", "[1]", "{", '{"entities": 3}', '{"things": []}', "[" * 50_000, "9" * 5000],
)
def test_an_answer_that_does_not_parse_is_kept_and_counted(tmp_path: Path, answer: str) -> None:
    posts = write_posts(tmp_path, {"id": "a", "text": TEXT})
    replies = [said(answer, "length")]
    with serving(lambda _: replies[0]) as server:
        assert prepare(posts, tmp_path / "out", server.url, "--steps=entities") == 3
        (kept,) = lines(tmp_path / "out" / "unparsed.jsonl")
        assert kept["id"] == "a" and kept["answer"]["text"] == answer and kept["error"]
        prepare(posts, tmp_path / "out", server.url, "--steps=entities")
        assert len(server.asked) == 1
        replies[0] = said(f"```json\n{json.dumps(entities(('Bob', 'per', '')))}\n```")
        flags = ("--steps=entities", "--ask-again")
        assert prepare(posts, tmp_path / "out", server.url, *flags) == 0
        assert len(server.asked) == 2
    assert not (tmp_path / "out" / "unparsed.jsonl").read_text()


def test_the_key_is_sent_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    posts = write_posts(tmp_path, {"text": TEXT})
    monkeypatch.setenv("MY_KEY", "sk-secret-1234")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other-5678")
    flags = ("--steps=entities", "--key=MY_KEY")
    refusal = b'{"error": {"message": "Incorrect API key provided: sk-secret-1234"}}'
    replies: list[Any] = [(401, {}, refusal)]
    with serving(lambda asked: replies[0] or everything(asked)) as server:
        with pytest.raises(UserError) as error:
            prepare(posts, tmp_path / "out", server.url, *flags)
        replies[0] = (400, {}, refusal)
        prepare(posts, tmp_path / "out", server.url, *flags)
        told = (tmp_path / "out" / "provenance.jsonl").read_text()
        assert "Incorrect API key provided: ***" in told and "secret" not in told
        replies[0] = None
        prepare(posts, tmp_path / "out", server.url, *flags)
        assert server.asked[-1].headers["authorization"] == "Bearer sk-secret-1234"
        prepare(posts, tmp_path / "other", server.url, "--steps=entities")
    assert "5678" not in str(server.asked[-1].headers)  # a key is only sent where it is named
    shown = str(error.value) + "".join(capsys.readouterr())
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert "secret" not in shown and b"secret" not in kept


def test_mistakes_are_told_in_a_sentence(tmp_path: Path) -> None:
    posts = write_posts(tmp_path, {"text": TEXT})
    output = f"--output={tmp_path / 'out'}"
    server = ("--endpoint=http://127.0.0.1:9/v1", "--model=x")
    for flags, sentence in {
        ("--steps=entities",): "--endpoint=http://localhost:8000/v1 --model=NAME",
        ("--steps=entitis", *server): "did you mean 'entities'",
        ("--steps=depth",): "--depth=FOLDER",
        (*server, "--boxes=inches", "--steps=objects"): "expected one of pixels",
        (*server, "--steps=entities", f"--prompts={tmp_path}"): "There is no prompt",
        (*server, "--steps=entities", f"--support={posts}"): "--clip",
        (*server, "--steps=entities", "--key=NOT_THERE"): "NOT_THERE",
        (*server, "--steps=entities", "--entities=magic:x"): "spacy:NAME",
        ("--endpoint=http://me:pw@host/v1", "--model=x"): "without a user or password",
    }.items():
        with pytest.raises(UserError) as error:
            main([str(posts), output, *flags])
        assert sentence in str(error.value), flags
    with pytest.raises(UserError, match="would replace"):
        main([str(posts), f"--output={tmp_path}", "--steps=entities", *server])


def test_posts_are_read_by_predict(tmp_path: Path) -> None:
    post = {"tokens": ["Ann", "Lee", "of", "Acme"], "image": "0.png"}
    with serving(everything) as server:
        prepare(write_posts(tmp_path, post), tmp_path / "out", server.url, "--steps=entities")
    ((_, values),) = read(tmp_path / "out" / "posts.jsonl")
    assert isinstance(values, dict)
    assert values["tokens"] == post["tokens"]
    spans = [(one["start"], one["end"]) for one in values["entities"]]
    assert spans == [(0, 2), (3, 4)]
