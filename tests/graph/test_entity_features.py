"""Features of entities, by encoders with random weights, read back by ROAM."""

import json
from itertools import combinations

import numpy as np
import pytest
from extracted_posts import LEFT, RIGHT, SELF, post, small, write
from flax import nnx
from models import with_noise
from PIL import Image

from remote_jax.encoders import pretrained, save, tokenizer
from remote_jax.encoders.bert import Bert, BertConfig
from remote_jax.encoders.vit import ViT, ViTConfig
from remote_jax.errors import UserError
from remote_jax.graph import build
from remote_jax.graph.linking import similarity
from remote_jax.graph.settings import defaults
from remote_jax.graph.writers import features
from remote_jax.roam.data import text, triples
from remote_jax.roam.data.features import load_matrix

SIZES = {"dim": 8, "layers": 1, "heads": 2, "mlp_dim": 8}
STATISTICS = {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6)}
OTHER = "Divafen Rokel"


@pytest.fixture(scope="module")
def vision(tmp_path_factory):
    config = ViTConfig(image_size=8, patch=4, **SIZES)
    folder = tmp_path_factory.mktemp("vit") / "encoder"
    save.save_vit(with_noise(lambda: ViT(config, rngs=nnx.Rngs(0))), folder, **STATISTICS)
    return folder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bert") / "encoder"
    texts = [f"{mention.name} {one.text}" for one in small() for mention in one.mentions]
    words = tokenizer.train(texts, 200)
    config = BertConfig(vocab_size=len(words), max_positions=32, **SIZES)
    save.save_bert(with_noise(lambda: Bert(config, rngs=nnx.Rngs(0))), folder)
    words.save_pretrained(folder)
    return folder


@pytest.fixture
def pictures(tmp_path):
    (tmp_path / "posts/pictures").mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "posts/pictures/p3.png")
    return tmp_path / "posts"


def posts():
    """The small posts, one with a second object of somebody, and one with a picture that is not."""
    objects = [("a person", LEFT), ("a person", RIGHT)]
    relations = [(0, SELF, 1, 0.9), (0, SELF, 2, 0.9)]
    mentions = [(OTHER, "per"), *objects]
    yield from small()
    yield post("p9", mentions, relations, image="pictures/p3.png")
    yield post("q", mentions[:2], relations[:1], image="pictures/none.png")
    yield post("r", mentions[:2], relations[:1], image="../../secret.png")


def made(tmp_path, folder, **changed):
    config = defaults()
    config.graph.update(changed)
    extracted = write(tmp_path / "extracted", posts(), posts_folder=str(folder))
    return build.build(build.Sources(extracted), tmp_path / "graph", config)


def pixels(folder, box):
    """A crop as the encoder reads it, cut and scaled by Pillow alone."""
    picture = Image.open(folder / "pictures/p3.png")
    left, right = (round(x * picture.width) for x in (box[0], box[2]))
    part = picture.crop((left, 0, right, picture.height)).resize((8, 8), Image.Resampling.BILINEAR)
    return (np.asarray(part) / 255 - STATISTICS["mean"]) / STATISTICS["std"]


def test_image_features_are_means_over_crops(tmp_path, pictures, vision):
    said = made(tmp_path, pictures, vision=str(vision))["roam"]
    graph = triples.read(tmp_path / "graph/roam")
    found = load_matrix(tmp_path / "graph/roam/image.npz", graph.entities, graph.naming)
    vit = pretrained.load_vit(vision)
    crops = np.stack([pixels(pictures, box) for box in (LEFT, RIGHT)]).astype(np.float32)
    wanted = np.asarray(vit.norm(vit(crops)[-1])[:, 0])
    values = dict(zip(graph.entities, found.values, strict=True))
    np.testing.assert_allclose(values["Gatika Bamorel (E2)"], wanted[0], atol=1e-4)
    np.testing.assert_allclose(values[f"{OTHER} (E1)"], wanted.mean(0), atol=1e-4)
    assert found.present.sum() == said["features"]["image"] == 2
    assert any("no picture" in one for one in said["unread_pictures"])
    assert any("goes up a folder" in one for one in said["unread_pictures"])


def test_crops_of_an_entity_are_bounded(tmp_path, pictures, vision, monkeypatch):
    monkeypatch.setattr(features, "MAX_CROPS", 1)
    made(tmp_path, pictures, vision=str(vision))
    graph = triples.read(tmp_path / "graph/roam")
    found = load_matrix(tmp_path / "graph/roam/image.npz", graph.entities, graph.naming)
    assert found.present.sum() == 2


def test_text_features_are_those_of_descriptions(tmp_path, pictures, encoder):
    said = made(tmp_path, pictures, encoder=str(encoder), similarity=1.0)["roam"]
    graph = triples.read(tmp_path / "graph/roam")
    found = load_matrix(tmp_path / "graph/roam/text.npz", graph.entities, graph.naming)
    described = text.read_descriptions(tmp_path / "graph/roam/descriptions.txt")
    wanted = text.encode([described[name] for name in graph.entities], encoder)
    np.testing.assert_allclose(found.values, wanted, atol=1e-5)
    assert said["features"] == {"text": len(graph.entities)}


def test_similar_names_are_linked_by_an_encoder(tmp_path, pictures, encoder, monkeypatch):
    def similar(vectors, types, least):
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        pairs = np.array([*combinations(range(len(types)), 2)]).T
        return *pairs, np.full(len(pairs[0]), least)

    monkeypatch.setattr(similarity, "similar", similar)
    summary = made(tmp_path, pictures, encoder=str(encoder))
    # Of five names, these three pairs are in no post together.
    assert summary["merges"]["similarity"] == 3
    lines = (tmp_path / "graph/merges.jsonl").read_text().splitlines()
    merges = [one for one in map(json.loads, lines) if one["why"] == "similarity"]
    assert {frozenset((one["a"]["name"], one["b"]["name"])) for one in merges} == {
        frozenset(pair)
        for pair in ((OTHER, "Radipo"), ("Sanora United", "Radipo"), ("Kelano", "Radipo"))
    }
    assert {one["score"] for one in merges} == {0.9}


def test_a_missing_encoder_is_told(tmp_path, pictures):
    with pytest.raises(UserError, match="no such folder"):
        made(tmp_path, pictures, vision="./nowhere/at/all")
