"""What an example becomes: words, graphs, crops and tags in arrays of fixed shapes."""

import json

import numpy as np
import pytest
from jmere_files import WORDS, jmere, row
from parse_examples import made
from PIL import Image

from configs import jmere as configs
from remote_jax.data.images import crop
from remote_jax.data.media import Folder
from remote_jax.eega.data import parse_files
from remote_jax.eega.data.examples import SentenceDataset
from remote_jax.eega.data.features import Featurize, within
from remote_jax.eega.graphs.shapes import shape_of
from remote_jax.eega.quintuples import Entity, Labels, Quintuple
from remote_jax.eega.tags import decode_tags
from remote_jax.encoders import tokenizer
from remote_jax.errors import UserError

PARSE = made([2, 0, 2, 2, 7, 7, 7, 2], dependencies=tuple("abcdefgh"), pos=tuple("PPVPAPPP"))
LEFT, RIGHT = [0.0, 0.0, 0.4, 1.0], [0.5, 0.0, 1.0, 1.0]


@pytest.fixture(scope="module")
def pieces():
    return tokenizer.train([" ".join(WORDS).lower()] * 3 + ["a b c d"], 80)


def settings(folder, **changes):
    config = configs.get_config()
    config.data.update({"dir": str(folder), "cache": str(folder.parent / "cache")})
    config.data.update({"max_words": 10, "max_tokens": 40, "max_objects": 3, "crop": 8})
    config.update_from_flattened_dict(changes)
    return config


@pytest.fixture
def folder(tmp_path):
    found = jmere(tmp_path / "data", [row(), row(tokens=[*WORDS, "!"], image="none.png")])
    (found / "boxes.json").write_text(json.dumps({"a.png": [LEFT, RIGHT]}))
    for name in ("train", "val", "test"):
        parse_files.write(found / f"{name}.parses.npz", [PARSE, made([0] * 9)])
    return found


def features(folder, pieces, place=0, split="train", **changes):
    config = settings(folder, **changes)
    data = SentenceDataset(config)
    make = Featurize(pieces, data.corpus, Folder(data.root), config)
    return make.map(data.examples(split)[place]), data


def test_words_and_their_pieces(folder, pieces):
    found, _ = features(folder, pieces)
    assert found["words"].tolist() == [True] * 8 + [False] * 2
    tokens, word = found["tokens"], found["word"]
    for place, text in enumerate(WORDS):
        ids = tokens[word == place].tolist()
        assert pieces.convert_ids_to_tokens(ids) == pieces.tokenize(text)
    there = int(found["token_mask"].sum())
    assert tokens[0] == pieces.cls_token_id and tokens[there - 1] == pieces.sep_token_id
    assert (word[[0, there - 1]] == -1).all() and (word[there:] == -1).all()
    assert (tokens[there:] == pieces.pad_token_id).all()


def test_the_textual_graph_is_that_of_the_words(folder, pieces):
    found, data = features(folder, pieces)
    edges = found["edges"]
    assert edges.shape == (10, 10) and not edges[8:].any() and not edges[:, 8:].any()
    joined = {(i, j) for i, j in np.argwhere(edges) if i < j}
    assert joined == {(0, 2), (0, 1), (2, 3), (4, 7), (5, 7), (6, 7), (2, 7)}
    names = data.corpus.labels.dependencies
    assert names[edges[0, 1] - 3] == "b" and (np.diagonal(edges)[:8] == 1).all()
    assert found["distance"][1, 4] == 4 and not found["distance"][8:].any()
    assert found["pos"][:8].all() and not found["pos"][8:].any()


def test_shapes_are_those_of_the_words(folder, pieces):
    found, _ = features(folder, pieces, **{"model.channels": "shape"})
    assert found["shape"].tolist() == [*(shape_of(word) for word in WORDS), 0, 0]
    cut, _ = features(folder, pieces, **{"model.channels": "shape", "data.max_words": 5})
    assert cut["shape"].tolist() == found["shape"][:5].tolist()


def test_tags_give_the_labels_back(folder, pieces):
    found, data = features(folder, pieces)
    labels = decode_tags(found["tags"], data.corpus.vocabulary)
    assert labels == data.labels("train")[0]


def test_objects_are_cut_out_of_the_picture(folder, pieces):
    found, _ = features(folder, pieces)
    picture = Image.open(folder / "img_org" / "a.png").convert("RGB")
    assert found["objects"].tolist() == [True, True, False]
    for place, box in enumerate((RIGHT, LEFT)):  # the larger one first
        np.testing.assert_array_equal(found["rgb"][place], crop(picture, tuple(box), 8))
    assert not found["rgb"][2].any()
    assert np.diagonal(found["object_edges"]).tolist() == [1, 1, 0]
    assert found["object_edges"][0, 1] > 1  # left of, or that reversed
    absent, _ = features(folder, pieces, place=1)
    assert not absent["objects"].any() and not absent["rgb"].any()
    assert not absent["object_edges"].any()


@pytest.mark.parametrize(
    ("changes", "count"),
    [({"data.max_words": 5}, 5), ({"data.max_tokens": 8}, None), ({"data.max_tokens": 3}, 1)],
)
def test_what_does_not_fit_is_left_out_in_words(folder, pieces, changes, count):
    found, data = features(folder, pieces, **changes)
    sizes = [len(pieces.tokenize(word)) for word in WORDS]
    if count is None:
        count = sum(np.cumsum(sizes) <= changes["data.max_tokens"] - 2)
    assert 0 < count < 8 and found["words"].sum() == count
    assert set(found["word"][found["word"] >= 0]) == set(range(count))
    labels = decode_tags(found["tags"], data.corpus.vocabulary)
    assert labels == within(data.labels("train")[0], count)
    full, _ = features(folder, pieces)
    for name in ("edges", "distance", "pmi"):
        np.testing.assert_array_equal(
            found[name][:count, :count], full[name][:count, :count], err_msg=name
        )
        assert not found[name][count:].any()


def test_labels_within_words():
    one, two, long = Entity(0, 1, 0), Entity(2, 4, 1), Entity(3, 6, 0)
    labels = Labels.from_quintuples([Quintuple(one, two, 0), Quintuple(long, one, 1)])
    assert within(labels, 4) == Labels.from_quintuples([Quintuple(one, two, 0)])
    assert within(labels, 6) == labels
    assert within(labels, 1) == Labels.from_quintuples([], [one])


def test_words_are_counted_in_training_alone(folder, pieces):
    train, _ = features(folder, pieces)
    valid, _ = features(folder, pieces, split="validation")
    # The first word is in both sentences: not counted for itself, it is in one; counted, in two.
    assert train["pmi"][0, 1] == 1 and valid["pmi"][0, 1] == 1
    other, _ = features(folder, pieces, place=1)
    assert other["pmi"][8, 0] == 1  # the sentence itself is the only one with its last word
    again, _ = features(folder, pieces, place=1, split="validation")
    assert again["pmi"][8, 0] != 0


def test_only_what_is_switched_on_is_made(folder, pieces):
    text = {"tokens", "token_mask", "word", "words", "tags"}
    off = {"features.picture": False, "model.graph": "none", "model.channels": ""}
    found, data = features(folder, pieces, **off)
    assert set(found) == text
    assert data.examples("train")[0].parse is None
    found, _ = features(folder, pieces, **off | {"model.channels": "pmi"})
    assert set(found) == text | {"pmi"}
    found, data = features(folder, pieces, **off | {"model.channels": "position"})
    assert set(found) == text and data.examples("train")[0].parse is None
    found, data = features(folder, pieces, **off | {"model.channels": "shape"})
    assert set(found) == text | {"shape"} and data.examples("train")[0].parse is None
    found, _ = features(folder, pieces, **off | {"model.channels": "pos"})
    assert set(found) == text | {"pmi", "pos", "edges", "distance"}
    found, _ = features(folder, pieces, **off | {"features.picture": True})
    assert "rgb" in found and "edges" in found  # to align
    found, _ = features(
        folder, pieces, **off | {"features.picture": True, "model.alignment.weight": 0.0}
    )
    assert "rgb" in found and "edges" not in found


def test_no_room_for_a_word(folder, pieces):
    with pytest.raises(UserError, match="max_tokens is 2, expected above 2"):
        features(folder, pieces, **{"data.max_tokens": 2})


def test_a_picture_that_went_away(folder, pieces):
    config = settings(folder)
    data = SentenceDataset(config)
    make = Featurize(pieces, data.corpus, Folder(data.root), config)
    example = data.examples("train")[0]
    (folder / "img_org" / "a.png").unlink()
    with pytest.raises(UserError, match="not there any more; the file changed"):
        make.map(example)


def test_a_word_without_pieces_is_unknown(folder, pieces):
    found, _ = features(folder, pieces)
    config = settings(folder)
    data = SentenceDataset(config)
    make = Featurize(pieces, data.corpus, Folder(data.root), config)
    features_of = make.text(("\u200b", "ann"))
    assert features_of["words"].sum() == 2
    assert features_of["tokens"][1] == pieces.unk_token_id
    assert found["tokens"].shape == features_of["tokens"].shape
