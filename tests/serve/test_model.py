"""A trained model in Python: from a run and from its export, the answers of the command line."""

from __future__ import annotations

import io
import json
import threading

import numpy as np
import pytest
import systems
import toy
from PIL import Image

import remote_jax
from remote_jax.commands.arguments import Arguments
from remote_jax.data.batches.pipeline import batch_sizes
from remote_jax.main import run

PARSE = {"heads": [0, 2, 0], "dependencies": ["ROOT", "cc", "conj"], "pos": ["PROPN"] * 3}
SIGHT = {"image": "a.png", "objects": [[0.1, 0.1, 0.6, 0.9], [0.3, 0.2, 0.9, 0.8]]}
POSTS = {
    "remote": [
        {"id": 7, "text": "Gatika plays for Rovers", "entities": [[0, 6], [17, 23]], **SIGHT},
        {"tokens": ["Ann", "met", "Bob"], "entities": [[0, 1], [2, 3]], "depth": "a.npz", **SIGHT},
        {"text": "", "id": "bad"},
        {"text": "alone"},
    ],
    "eega": [
        {"tokens": ["Ann", "and", "Bob"], "parse": PARSE, "depth": "a.npz", "id": 1, **SIGHT},
        {"tokens": ["Ann", "and", "Bob"], "parse": PARSE},
        {"tokens": ["Ann"] * 40, "parse": {k: [v[0]] * 40 for k, v in PARSE.items()}},
        {"tokens": []},
    ],
}


@pytest.fixture(scope="session")
def posts(exported, tmp_path_factory):
    """Posts of the system; the folder of their pictures; the lines that the command answers."""
    system, task, workdir, _ = exported
    folder = tmp_path_factory.mktemp("posts")
    pixels = np.random.default_rng(0).integers(0, 256, (12, 10, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "a.png")
    np.savez(folder / "a.npz", depth_map=np.arange(120.0).reshape(12, 10))
    if system == "roam":
        head, relation = task.graph.entities[3], task.graph.relations[1]
        asked = [
            {"head": head, "relation": relation, "top": 3, "id": "x"},
            {"tail": head, "relation": relation, "known": False, "routing": True},
            {"head": head, "tail": task.graph.entities[4], "top": 2},
            {"head": head, "relation": relation, "tail": task.graph.entities[4]},
            {"head": "nobody", "relation": relation},
        ]
    else:
        asked = POSTS[system]
    source, target = folder / "posts.jsonl", folder / "answers.jsonl"
    source.write_text("".join(json.dumps(post) + "\n" for post in asked))
    run(Arguments("predict", task.config, workdir, (source, target)))
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    return asked, folder, lines


@pytest.fixture(scope="session")
def models(exported):
    """The run's and the export's, the latter on a machine of its own."""
    *_, workdir, out = exported
    return remote_jax.load(workdir), remote_jax.load(str(out))


def assert_close(found, expected):
    """The same values of JSON, numbers to 1e-5."""
    assert type(found) is type(expected) or {type(found), type(expected)} == {int, float}
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
    if isinstance(expected, dict | list):
        assert len(found) == len(expected)
        for key in expected if isinstance(expected, dict) else range(len(expected)):
            assert_close(found[key], expected[key])
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, abs=1e-5, rel=1e-5)
    else:
        assert found == expected


def test_answers_are_those_of_the_command_line(posts, models, monkeypatch):
    asked, folder, lines = posts
    assert [line.pop("line") for line in lines] == list(range(1, len(asked) + 1))
    assert {"error" in line for line in lines} == {True, False}
    monkeypatch.chdir(folder)
    for model in models:
        found = model.predict(asked)
        for answer, line in zip(found, lines, strict=True):
            assert_close(json.loads(json.dumps(answer.to_dict())), line)
            assert (answer.error is None) == ("error" not in line) and answer.id == line.get("id")
            # One by itself, in a batch of another size, and as a dataclass.
        kind = remote_jax.Query if model.system == "roam" else remote_jax.Post
        for post, line in zip(asked, lines, strict=True):
            (alone,) = model.predict((kind(**post),))
            assert_close(json.loads(json.dumps(alone.to_dict())), line)


def test_an_export_says_nothing_of_the_machine(exported):
    _, task, workdir, out = exported
    paths = [path for path in out.rglob("*") if path.is_file()]
    assert len(paths) > 5
    for path in paths:
        content = path.read_bytes()
        for place in (workdir.parent, task.config.data.cache):
            assert str(place).encode() not in content, path


@pytest.fixture(scope="module")
def toy_model(tmp_path_factory):
    toy.install()
    workdir = tmp_path_factory.mktemp("toy") / "run"
    systems.begin(toy.get_config(), workdir)
    return remote_jax.load(workdir)


def points(count):
    random = np.random.default_rng(count)
    return [{"x": random.normal(size=toy.FEATURES).tolist(), "id": i} for i in range(count)]


def test_wrong_calls(toy_model):
    for wrong in ("post", b"post", {"x": []}, iter([]), None):
        with pytest.raises(TypeError, match="a list of posts"):
            toy_model.predict(wrong)
    for wrong in ("post", None, ["text"], 3):
        with pytest.raises(TypeError, match="A post is a dict"):
            toy_model.predict([wrong])
    assert toy_model.predict([]) == []
    assert toy_model.system == "toy" and toy_model.config.model.hidden == 8


def test_an_answer_does_not_depend_on_its_neighbours(toy_model):
    asked = points(21)
    found = toy_model.predict(asked)
    assert [one.id for one in found] == list(range(21)) and len({one.found for one in found}) > 1
    assert [toy_model.predict([post])[0] for post in asked] == found


def test_several_threads_get_their_own_answers(toy_model):
    asked = points(6)
    expected, found = toy_model.predict(asked), {}

    def ask(place):
        found[place] = [toy_model.predict([asked[place]])[0] for _ in range(20)]

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(asked))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {place: [one] * 20 for place, one in enumerate(expected)}


def test_programs_are_compiled_once_a_size(tmp_path):
    toy.install()
    systems.begin(toy.get_config(), tmp_path)
    model = remote_jax.load(tmp_path)
    sizes = [(1, 1), (2, 2), (1, 2), (4, 3), (3, 3), (8, 4), (5, 4), (9, 4), (16, 4)]
    for count, compiled in sizes:
        model.predict(points(count))
        assert len(model._compiled.batch) == compiled, count


@pytest.mark.parametrize(
    ("count", "most", "sizes"),
    [
        (0, 64, []),
        (1, 64, [1]),
        (3, 64, [4]),
        (64, 64, [64]),
        (65, 64, [64, 1]),
        (200, 64, [64, 64, 64, 8]),
        (33, 48, [48]),
        (1, 1, [1]),
        (5, 1, [1] * 5),
    ],
)
def test_batches_are_little_larger_than_what_is_asked(count, most, sizes):
    assert list(batch_sizes(count, most)) == sizes
    assert sum(sizes) >= count and all(size <= most for size in sizes)


def picture_of(folder, kind):
    path = folder / "a.png"
    image = Image.open(path)
    return {
        "path": path,
        "text": str(path),
        "bytes": path.read_bytes(),
        "image": image,
        "array": np.asarray(image),
    }[kind]


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "image", "array"])
def test_pictures_come_in_any_form(exported, posts, models, kind, monkeypatch):
    system, *_ = exported
    if system == "roam":
        return
    asked, folder, _ = posts
    post = next(post for post in asked if "depth" in post)
    monkeypatch.chdir(folder)
    expected = models[0].predict([post])
    monkeypatch.chdir("/")
    map_ = np.arange(120.0).reshape(12, 10)
    packed = io.BytesIO()
    np.savez(packed, depth_map=map_)
    depth = {"bytes": packed.getvalue(), "array": map_, "image": Image.fromarray(map_)}
    given = {"image": picture_of(folder, kind), "depth": depth.get(kind, folder / "a.npz")}
    assert models[0].predict([{**post, **given}]) == expected
    without = models[0].predict([{**post, "image": None, "depth": None}])
    assert system == "eega" or without != expected
