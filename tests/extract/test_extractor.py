"""What is extracted is what the models answer, gathered; hostile posts fail by themselves."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet
from small_posts import OBJECTS, PARSE, TOKENS, posts, write

import remote_jax
from remote_jax.data.extracted import ExtractedPost, read_extracted, read_manifest
from remote_jax.eega import answers as eega_answers
from remote_jax.eega.quintuples import Entity, Quintuple
from remote_jax.eega.tags import Decoded
from remote_jax.errors import UserError
from remote_jax.extract.extractor import Extractor
from remote_jax.extract.run import extract


@pytest.fixture(scope="module")
def remote(runs: dict[str, Path]) -> remote_jax.Model:
    return remote_jax.load(runs["remote"])


def failures(folder: Path) -> dict[str, str]:
    rows = [
        json.loads(line)
        for path in sorted(folder.glob("failed-*.jsonl"))
        for line in path.read_text().splitlines()
    ]
    return {row["id"]: row["error"] for row in rows}


def named(post: ExtractedPost, spans: dict[Any, Any]) -> dict[tuple, float]:
    """Triplets by what their ends are in the post's own units."""
    keys = [spans.get(one.span, one.span) or one.box for one in post.mentions]
    return {
        (keys[one.head], keys[one.tail], one.relation): pytest.approx(one.probability, abs=2e-5)
        for one in post.triplets
    }


def answered(relations: Any) -> dict[tuple, float]:
    def end(one: Any) -> Any:
        return one.box if hasattr(one, "box") else (one.start, one.end)

    return {(end(one.head), end(one.tail), one.relation): one.probability for one in relations}


def test_posts_have_what_the_model_answers(
    runs: dict[str, Path], remote: remote_jax.Model, tmp_path: Path
) -> None:
    given = posts()
    path = write(tmp_path / "in" / "deep", given)
    write(tmp_path / "in", [{"id": "other", "text": "x", "image": "deep/pictures/a.png"}])
    done = extract([tmp_path / "in"], [runs["remote"]], tmp_path / "out", size=3)
    assert (done.posts, done.failed) == (6, 0)
    found = list(read_extracted(tmp_path / "out"))
    assert [one.id for one in found] == ["a", "7", "deep/posts.jsonl:3", "words", "e", "other"]
    assert [one.date for one in found] == ["2026-03-01", None, None, "2026-03-02", None, None]
    picture = "deep/pictures/a.png"
    assert [one.image for one in found] == [picture, None, None, None, picture, picture]
    folder = Path(read_manifest(tmp_path / "out")["posts_folder"])
    assert folder == (tmp_path / "in").resolve() and (folder / picture).is_file()
    assert found[3].text == " ".join(TOKENS)
    seen = {key: str(path.parent / f"pictures/a.{key[1:]}") for key in (".png", ".npz")}
    own = [
        {key: value for key, value in one.items() if key not in ("image", "depth")}
        | ({"image": seen[".png"], "depth": seen[".npz"]} if "image" in one else {})
        for one in given
    ]
    words = {(0, 14): (0, 2), (25, 39): (4, 6)}
    total = 0
    for one, answer in zip(found, remote.predict(own), strict=False):
        expected = answered(answer.relations)
        assert named(one, words if one.id == "words" else {}) == expected
        total += len(expected)
    assert total > 10
    assert [one.name for one in found[0].mentions] == [
        "Gatika Bamorel",
        "Divafen United",
        "a person",
        "",
    ]
    assert found[0].mentions[2].box == tuple(OBJECTS[0]["box"])


def planted(outputs: Any, vocabulary: Any, priors: Any) -> list[Decoded]:
    """In the place of what a model of noise finds in a sentence, which is nothing."""
    ends = Entity(0, 2, 0), Entity(4, 6, len(vocabulary.types) - 1)
    both = {Quintuple(*ends, 0): 0.9, Quintuple(*reversed(ends), 1): 0.2}
    return [Decoded(dict.fromkeys(ends, 0.8), both) for _ in outputs["words"]]


def test_both_runs_in_one_pass(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eega_answers, "decode_outputs", planted)
    rows = [
        {"id": "none", "tokens": TOKENS, "parse": PARSE},
        {"id": "own", "tokens": TOKENS, "parse": PARSE, "entities": [[0, 2], [4, 6]]},
    ]
    folders = {}
    for name in ("eega", "remote", "eega,remote"):
        path = write(tmp_path / name, rows)
        chosen = [runs[one] for one in reversed(name.split(","))]
        assert extract([path], chosen, tmp_path / name / "out").failed == 0
        folders[name] = list(read_extracted(tmp_path / name / "out"))
    (eega, own), both = folders["eega"], folders["eega,remote"]
    assert eega.mentions == own.mentions and eega.mentions and eega.triplets
    assert all(one.type for one in eega.mentions)
    spans = [one.span for one in both[0].mentions]
    assert spans == [one.span for one in eega.mentions]
    remote = remote_jax.load(runs["remote"])
    places = _places()
    known = {one.split("/")[1] for one in remote._task.relations if one.startswith("/")}
    entities = [
        {"start": places[one.span][0], "end": places[one.span][1]}
        | ({"type": one.type} if one.type in known else {})
        for one in eega.mentions
    ]
    (alone,) = remote.predict([{"tokens": TOKENS, "entities": entities}])
    expected = answered(alone.relations)
    for key, probability in named(eega, places).items():
        expected[key] = max(probability.expected, expected.get(key, 0.0))
    assert named(both[0], places) == expected
    (given,) = remote.predict([{"tokens": TOKENS, "entities": [[0, 2], [4, 6]]}])
    assert answered(given.relations).items() <= named(both[1], places).items()
    assert {one.span for one in own.mentions} <= {one.span for one in both[1].mentions}


def _places() -> dict[tuple[int, int], tuple[int, int]]:
    """Spans in characters of the text of `TOKENS`, and the same in words."""
    starts = [len(" ".join(TOKENS[:n])) + bool(n) for n in range(len(TOKENS))]
    return {
        (starts[first], starts[last] + len(TOKENS[last])): (first, last + 1)
        for first in range(len(TOKENS))
        for last in range(first, len(TOKENS))
    }


def _bomb() -> bytes:
    """A PNG of a few bytes that says it has 10^10 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", 10**5, 10**5, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


HOSTILE = {
    "control": ({"text": "a\u0000b"}, "control character U\\+0000"),
    "name": ({"text": "ab", "entities": [{"start": 0, "end": 1, "name": "\u001b[2J"}]}, "U\\+001B"),
    "box": ('"text": "ab", "image": "pictures/a.png", "objects": [[NaN, 0, 1, 1]]', "not finite"),
    "outside": ({"text": "ab", "image": "../secret.png"}, "goes up a folder"),
    "absent": ({"text": "ab", "image": "no.png"}, "there is no file"),
    "bomb": ({"text": "ab", "image": "pictures/bomb.png"}, "expected at most 50,000,000 pixels"),
    "date": ({"text": "ab", "date": "yesterday"}, "'date' must be as 2026"),
    "list": ({"text": "ab", "entities": {"start": 0}}, "'entities' must be a list"),
    "key": ({"text": "ab", "entites": []}, "did you mean 'entities'"),
    "deep": ('"text": ' + "[" * 40 + "]" * 40, "nests more than"),
    "code": ('"text": __import__("os").getcwd()', "not plain data"),
}


def test_hostile_posts_fail_each_with_a_reason(runs: dict[str, Path], tmp_path: Path) -> None:
    rows = [
        json.dumps({"id": name, **post})
        if isinstance(post, dict)
        else f'{{"id": "{name}", {post}}}'
        for name, (post, _) in HOSTILE.items()
    ]
    shown = {"id": "shown", "text": "<script>alert(1)</script>", "entities": [[0, 8], [17, 25]]}
    path = write(tmp_path / "in", [*rows, shown, {"id": "shown", "text": "again"}])
    (path.parent / "pictures/bomb.png").write_bytes(_bomb())
    (tmp_path / "secret.png").write_bytes((path.parent / "pictures/a.png").read_bytes())
    done = extract([path], [runs["remote"]], tmp_path / "out")
    (post,) = read_extracted(tmp_path / "out")
    assert (done.posts, done.failed) == (1, len(HOSTILE) + 1)
    assert post.text == shown["text"] and post.mentions[0].name == "<script>"
    found = failures(tmp_path / "out")
    unread = {"deep": "posts.jsonl:10", "code": "posts.jsonl:11"}  # no id can be read of these
    for name, (_, said) in HOSTILE.items():
        with pytest.raises(AssertionError, match=said):
            raise AssertionError(found[unread.get(name, name)])
    assert "an earlier post has the id 'shown'" in found["shown"]


def test_parquet_with_contents_of_pictures(runs: dict[str, Path], tmp_path: Path) -> None:
    path = write(tmp_path / "in", posts())
    picture = (path.parent / "pictures/a.png").read_bytes()
    depth = (path.parent / "pictures/a.npz").read_bytes()
    seen = [post for post in posts() if "image" in post]
    boxes = [{"box": one["box"], "caption": one.get("caption")} for one in OBJECTS]
    rows = [
        {
            "id": post["id"],
            "text": post["text"],
            "entities": [{"start": 0, "end": 14}],
            "image": picture,
            "depth": depth,
            "objects": boxes,
        }
        for post in seen
    ]
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "TIFF")
    rows.append({**rows[0], "id": "tiff", "image": buffer.getvalue()})
    table = pyarrow.Table.from_pylist(rows)
    parquet.write_table(table, tmp_path / "posts.parquet")
    done = extract([tmp_path / "posts.parquet"], [runs["remote"]], tmp_path / "out")
    assert (done.posts, done.failed) == (2, 1)
    assert "none of JPEG" in failures(tmp_path / "out")["tiff"]
    same = [{**post, "entities": [[0, 14]]} for post in seen]
    extract([write(tmp_path / "in", same)], [runs["remote"]], tmp_path / "lines")
    bytes_, lines = (list(read_extracted(tmp_path / name)) for name in ("out", "lines"))
    assert [one.image for one in bytes_] == [None, None]
    for one, other in zip(bytes_, lines, strict=True):
        assert named(one, {}) == {key: value.expected for key, value in named(other, {}).items()}
    assert any(one.triplets for one in lines)


@pytest.mark.parametrize(
    ("names", "said"),
    [(["remote", "remote"], "Two runs are of remote"), (["roam"], "reads no posts")],
)
def test_other_runs_are_told(
    runs: dict[str, Path], tmp_path: Path, names: list[str], said: str
) -> None:
    config = json.loads((runs["remote"] / "config.json").read_text())
    (tmp_path / "roam").mkdir()
    (tmp_path / "roam/config.json").write_text(json.dumps({**config, "system": "roam"}))
    with pytest.raises(UserError, match=said):
        Extractor([runs.get(name, tmp_path / "roam") for name in names])
