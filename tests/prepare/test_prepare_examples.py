"""Few-shot examples of a support set, by the similarity of texts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scripted import Asked, Reply, entities, lines, said, serving, write_posts

from remote_jax.commands.prepare import main
from remote_jax.errors import UserError
from remote_jax.prepare.mllm import text_similarity

SUPPORT = [
    {"text": "Oslo votes for a new mayor", "entities": [{"start": 0, "end": 4, "type": "loc"}]},
    {
        "text": "Rovers win the cup in Bergen",
        "entities": [{"start": 0, "end": 6, "type": "org", "caption": "a football club"}],
    },
    {
        "text": "Lions lose the cup final",
        "entities": [{"start": 0, "end": 5, "type": "org"}],
        "image": "0.png",
        "objects": [{"box": [0, 0, 0.5, 0.5], "type": "misc", "caption": "a cup"}],
        "caption": "a stadium",
    },
]
POST = {"text": "United win the cup", "image": "0.png"}


def answer(asked: Asked) -> Reply:
    if asked.schema == "captions":
        return said({"picture": "a cup", "objects": []})
    return said(entities() if asked.schema == "entities" else {"objects": []})


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    support = tmp_path / "support.jsonl"
    support.write_text("".join(json.dumps(row) + "\n" for row in [*SUPPORT, POST]))
    return write_posts(tmp_path, POST), support


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bags of words in place of a sentence encoder; counts the texts that it encodes."""
    words = sorted({word for row in [*SUPPORT, POST] for word in str(row["text"]).split()})
    calls: list[int] = []

    def encoded(texts: list[str], _: str, file: Path) -> np.ndarray:
        calls.append(len(texts))
        bags = np.array([[text.split().count(word) for word in words] for text in texts])
        return bags / np.maximum(np.linalg.norm(bags, axis=1, keepdims=True), 1)

    monkeypatch.setattr(text_similarity.text, "encoded", encoded)
    monkeypatch.setattr(text_similarity.text, "fingerprint", lambda texts, _: f"{len(texts)}")
    return calls


def test_the_nearest_posts_of_the_support_set_are_shown_with_their_answers(
    tmp_path: Path, files: tuple[Path, Path], encoder: list[int]
) -> None:
    posts, support = files
    flags = ["--model=m", "--concurrency=1", f"--support={support}", "--encoder=x", "--examples=2"]
    with serving(answer) as server:
        flags.append(f"--endpoint={server.url}")
        steps = "--steps=entities,objects,captions"
        assert main([str(posts), f"--output={tmp_path / 'out'}", steps, *flags]) == 0
        assert main([str(posts), f"--output={tmp_path / 'out'}", steps, *flags]) == 0
    found, seen, told = server.asked  # the second run asks nothing
    nearest = [SUPPORT[2]["text"], SUPPORT[1]["text"], POST["text"]]  # the most similar last
    assert [one["text"] for one in found.shown] == nearest
    given = {asked.schema: asked.given for asked in server.asked}
    assert given["entities"][1] == entities(("Rovers", "org", "a football club"))
    # Without a picture, or without its caption, a post is no example of these.
    box = {"box": [0, 0, 98, 56], "type": "misc", "caption": "a cup"}
    assert len(seen.shown) == 2 and given["objects"] == [{"objects": [box]}]
    captions = {"picture": "a stadium", "objects": [{"object": 0, "caption": "a cup"}]}
    assert len(told.shown) == 2 and given["captions"] == [captions]
    step = lines(tmp_path / "out" / "provenance.jsonl")[0]["steps"]["entities"]
    assert step["examples"]["similarity"]["by"] == "text" and step["examples"]["count"] == 2


def test_a_support_set_with_a_wrong_line_is_refused(
    tmp_path: Path, files: tuple[Path, Path], encoder: list[int]
) -> None:
    posts, support = files
    with support.open("a") as file:
        file.write('{"text": "Ann", "entities": [[0, 9]]}\n')
    flags = ["--endpoint=http://127.0.0.1:9/v1", "--model=m", f"--support={support}", "--encoder=x"]
    with pytest.raises(UserError, match=r"support.jsonl, line 5: entity 0 is \[0, 9\)"):
        main([str(posts), f"--output={tmp_path / 'out'}", "--steps=entities", *flags])


def test_similar_texts_are_near_for_a_real_encoder(tmp_path: Path, minilm: Path) -> None:
    texts = ["a cat sleeps", "the kitten is asleep", "stocks fell on Monday"]
    similarity = text_similarity.TextSimilarity(str(minilm), texts, tmp_path)
    from remote_jax.prepare.post import PreparedPost

    rows = similarity.features([PreparedPost(1, text) for text in texts])
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.2
    assert len(list(tmp_path.glob("texts-*.npy"))) == 1
