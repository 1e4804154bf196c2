"""Steps by real classes of `transformers` in PyTorch, with small weights that the test makes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from PIL import Image
from scripted import entities, lines, said, serving

from remote_jax.commands.prepare import main
from remote_jax.data.images import read_depth
from remote_jax.data.media import Folder
from remote_jax.errors import UserError
from remote_jax.prepare.models.depth import is_distance
from remote_jax.remote.data import formats
from remote_jax.remote.data.reader import PairReader

torch = pytest.importorskip("torch", reason="PyTorch is not here: pip install -e '.[prepare]'")

LABELS = ("person", "logo", "flag")
TEXT = "ann lee of acme met bob"


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    """Two posts; the right half of the first's picture is bright."""
    values = np.full((100, 200, 3), 40, np.uint8)
    values[:, 100:] = 220
    Image.fromarray(values).save(tmp_path / "0.png")
    Image.fromarray(values[:, ::-1]).resize((64, 64)).save(tmp_path / "1.jpg")
    rows = [{"id": i, "text": TEXT, "image": f"{i}.{x}"} for i, x in enumerate(("png", "jpg"))]
    path = tmp_path / "posts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def prepare(posts: Path, *flags: str) -> Path:
    output = posts.parent / "out"
    assert main([str(posts), f"--output={output}", *flags]) == 0
    return output


def labelled(output: Path) -> list[object]:
    """What the product's loader reads in the folder, once an annotator has added pairs to it."""
    rows = []
    for post in lines(output / "posts.jsonl"):
        ends = [{"name": f"[OBJ{k}]", "pos": one["box"]} for k, one in enumerate(post["objects"])]
        head = {"name": "ann lee", "pos": [0, 2]}
        image = post["image"].rpartition("/")[2]
        for tail in ends:
            row = {"token": TEXT.split(), "h": head, "t": tail, "img_id": image}
            rows.append({**row, "relation": "/per/per/self"})
    (output / "train_set.json").write_text("".join(f"{row!r}\n" for row in rows))
    pairs = list(PairReader(formats.locate(formats.UMRE, output), "train"))
    assert len(pairs) == len(rows)
    return pairs


@pytest.mark.parametrize("kind", ["grounding_dino", "owlv2"])
def test_objects_of_a_detector_are_read_by_the_loader(posts: Path, kind: str) -> None:
    folder = getattr(tiny_models, kind)(posts.parent / "model", LABELS)
    (posts.parent / "labels.txt").write_text("\n".join(LABELS))
    labels = f"--labels={posts.parent / 'labels.txt'}"
    flags = ("--steps=objects", f"--objects=transformers:{folder}", "--threshold=0.001", labels)
    output = prepare(posts, *flags)
    found = lines(output / "posts.jsonl")
    objects = [one for post in found for one in post["objects"]]
    assert objects and all(one["caption"] in LABELS and 0 < one["score"] <= 1 for one in objects)
    for post in found:
        scores = [one["score"] for one in post["objects"]]
        assert len(scores) <= 12 and scores == sorted(scores, reverse=True)
    for pair in labelled(output):
        assert pair.image.startswith("UMKE_IMG/") and pair.tail.caption in LABELS
        assert pair.boxes.min() >= 0 and pair.boxes.max() <= 1
    step = lines(output / "provenance.jsonl")[0]["steps"]["objects"]
    assert step["model"] == str(folder) and len(step["sha256"]) == 64
    assert step["labels"] == list(LABELS)


def test_boxes_of_a_detector_are_those_of_the_library_s_own_pipeline(posts: Path) -> None:
    from transformers import pipeline

    folder = tiny_models.owlv2(posts.parent / "model", LABELS)
    (posts.parent / "labels.txt").write_text("\n".join(LABELS))
    labels = f"--labels={posts.parent / 'labels.txt'}"
    flags = ("--steps=objects", f"--objects=transformers:{folder}", "--threshold=0.001", labels)
    ours = lines(prepare(posts, *flags) / "posts.jsonl")[0]["objects"]
    detect = pipeline("zero-shot-object-detection", model=str(folder))
    theirs = detect(str(posts.parent / "0.png"), candidate_labels=list(LABELS), threshold=0.001)
    sides = np.array([200, 100, 200, 100])
    boxes = [[one["box"][k] for k in ("xmin", "ymin", "xmax", "ymax")] for one in theirs]
    within = np.clip(np.array(boxes) / sides, 0, 1)
    for one in ours:
        assert np.abs(within - one["box"]).max(1).min() <= 1 / 100  # they give whole pixels


@pytest.mark.parametrize("kind", ["relative", "metric"])
def test_the_nearest_has_the_greatest_depth(posts: Path, kind: str) -> None:
    """A relative model is higher where it is nearer, a metric one where it is farther away."""
    folder = tiny_models.depth_anything(posts.parent / "model", kind)
    output = prepare(posts, "--steps=depth", f"--depth={folder}")
    for post, bright in zip(lines(output / "posts.jsonl"), ("right", "left"), strict=True):
        assert post["depth"].startswith("depth_data_umke/")
        depth = Folder(output).depth(post["depth"]).astype(float)
        assert depth.shape == ((100, 200) if bright == "right" else (64, 64))
        middle = depth.shape[1] // 2
        left, right = depth[:, : middle - 20].mean(), depth[:, middle + 20 :].mean()
        nearer = bright if kind == "relative" else {"right": "left", "left": "right"}[bright]
        assert (right > left + 20) == (nearer == "right") and (left > right + 20) == (
            nearer == "left"
        )
    with np.load(output / post["depth"]) as stored:
        assert stored["depth_map"].dtype == np.float32


def test_depth_of_another_model_and_a_lost_map_are_made_anew(posts: Path) -> None:
    folders = {
        kind: tiny_models.depth_anything(posts.parent / kind, kind)
        for kind in ("relative", "metric")
    }

    def right_is_nearer(kind: str) -> bool:
        output = prepare(posts, "--steps=depth", f"--depth={folders[kind]}")
        depth = read_depth(output / lines(output / "posts.jsonl")[0]["depth"]).astype(float)
        return depth[:, 150:].mean() > depth[:, :50].mean()

    assert [right_is_nearer(x) for x in ("relative", "metric", "relative")] == [True, False, True]
    for path in (posts.parent / "out" / "depth_data_umke").iterdir():
        path.unlink()
    assert right_is_nearer("relative")


def test_a_model_that_does_not_say_what_its_depth_means_is_refused() -> None:
    from transformers import DPTConfig, GLPNConfig, ViTConfig

    assert not is_distance(DPTConfig(), "x") and is_distance(GLPNConfig(), "x")
    with pytest.raises(UserError, match="is of kind 'vit'"):
        is_distance(ViTConfig(), "x")


def test_entities_of_a_token_classifier_that_reads_candidates_behind_the_text(posts: Path) -> None:
    words = [*TEXT.split(), "singer", "a", ":", "(", ")", "per"]
    tags = {"ann": "B-PER", "lee": "I-PER", "acme": "B-ORG", "singer": "B-PER", "met": "B-DATE"}
    folder = tiny_models.token_classifier(posts.parent / "model", words, tags)
    found = [{"start": 0, "end": 7, "name": "ann lee", "type": "per"}]
    found.append({"start": 11, "end": 15, "name": "acme", "type": "org"})
    output = prepare(posts, "--steps=entities", f"--entities=transformers:{folder}")
    assert lines(output / "posts.jsonl")[0]["entities"] == found
    step = lines(output / "provenance.jsonl")[0]["steps"]["entities"]
    assert step["refused"] == ["'met' is 'DATE', none of the types"]

    answer = said(entities(("Ann Lee", "per", "a singer")))
    with serving(lambda _: answer) as server:
        flags = (f"--endpoint={server.url}", "--model=m", "--steps=entities")
        output = prepare(posts, *flags, f"--entities=mllm+transformers:{folder}")
    assert lines(output / "posts.jsonl")[0]["entities"] == found  # none of what stands behind
    steps = lines(output / "provenance.jsonl")[0]["steps"]
    assert list(steps) == ["candidates", "entities"]
    captions = json.loads((output / "cap_prepared.json").read_text())
    assert {"ann lee": "a singer"} in captions.values()


def test_examples_are_the_most_similar_by_text_and_picture(posts: Path) -> None:
    folder = tiny_models.clip(posts.parent / "clip", [TEXT, "bob sleeps in oslo"])
    support = posts.parent / "support.jsonl"
    known = {"entities": [{"start": 0, "end": 3, "type": "per"}]}
    rows = [
        {"text": "bob sleeps in oslo", "image": "1.jpg", **known},
        {"text": "bob met ann lee", "image": "0.png", **known},
        {"text": "bob met ann lee of", "image": "1.jpg", **known},
    ]
    support.write_text("".join(json.dumps(row) + "\n" for row in rows))
    answer = said(entities())
    with serving(lambda _: answer) as server:
        flags = (f"--endpoint={server.url}", "--model=m", "--steps=entities", "--concurrency=1")
        prepare(posts, *flags, f"--support={support}", f"--clip={folder}", "--examples=2")
    from transformers import CLIPModel, CLIPProcessor

    model, processor = CLIPModel.from_pretrained(folder), CLIPProcessor.from_pretrained(folder)
    pictures = [Image.open(posts.parent / x) for x in ("0.png", "1.jpg", "1.jpg", "0.png", "1.jpg")]
    texts = [TEXT, TEXT, *(row["text"] for row in rows)]
    inputs = processor(text=texts, images=pictures, return_tensors="pt", padding=True)
    with torch.no_grad():
        outputs = model(**inputs)
    text, image = outputs.text_embeds.numpy(), outputs.image_embeds.numpy()
    scores = text[:2] @ text[2:].T + image[:2] @ image[2:].T
    for asked, score in zip(server.asked, scores, strict=True):
        nearest = [rows[i]["text"] for i in np.argsort(-score)[:2][::-1]]
        assert [one["text"] for one in asked.shown] == [*nearest, TEXT]
        expected = [{"name": "bob", "type": "per", "description": ""}]
        assert asked.given[0]["entities"] == expected


@contextmanager
def transformers_serve(folder: Path) -> Iterator[str]:
    """The server of `transformers`, in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = "from transformers.commands.transformers_cli import main; main()"
    command = [sys.executable, "-c", program, "serve", f"--port={port}", "--host=127.0.0.1"]
    log = (folder.parent / "serve.log").open("w")
    server = subprocess.Popen(
        [*command, f"--force-model={folder}", "--device=cpu"],
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    try:
        for _ in range(300):
            assert server.poll() is None, Path(log.name).read_text()
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait()
        log.close()


def test_a_real_server_of_the_protocol_with_a_vision_language_model(posts: Path) -> None:
    for name in ("accelerate", "uvicorn", "fastapi"):
        pytest.importorskip(name, reason="`transformers serve` needs it")
    found = entities(("ann lee", "per", "a singer"), ("Oslo", "loc", "a city"))
    answer = json.dumps(found, separators=(",", ":"))
    folder = tiny_models.llava(posts.parent / "vlm", answer)
    with transformers_serve(folder) as url:
        flags = (f"--endpoint={url}", "--model=tiny", "--steps=entities", "--concurrency=1")
        output = prepare(posts, *flags, "--timeout=30", "--retries=1")
    (post, _) = lines(output / "posts.jsonl")
    assert post["entities"] == [{"start": 0, "end": 7, "name": "ann lee", "type": "per"}]
