"""The generated sample: its files are read as any, and the picture decides what it is said to."""

import json
import re
from collections import Counter, defaultdict

import numpy as np
import pytest
from PIL import Image
from sample_keys import sample_keys

from remote_jax import config as configs
from remote_jax.data.records import build_rows
from remote_jax.eega.data import builders, formats
from remote_jax.eega.sample import folder as kept
from remote_jax.eega.sample.scene import HEIGHT, WIDTH, resized
from remote_jax.eega.sample.write import write
from remote_jax.eega.settings import KEYS
from remote_jax.errors import UserError

POSTS = {"train": 400, "validation": 120, "test": 40}
JOINS = {",", "and", "while", ";"}
SHOWN = {"ball", "badge", "house", "cup", "heart", "fence", "hospital", "stand"}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample") / "data"
    write(folder, **POSTS, seed=3)
    return folder


@pytest.fixture(scope="module")
def splits(sample, tmp_path_factory):
    files = formats.locate(formats.JMERE, sample)
    builder = build_rows(builders.BUILDERS, files, tmp_path_factory.mktemp("c"), 0)
    return {split: builders.read(builder, split) for split in POSTS}


@pytest.fixture(scope="module")
def graphs(sample):
    """By picture: the scene graph that the files give, and its classes."""
    info = json.loads((sample / "custom_data_info.json").read_text())
    found = json.loads((sample / "custom_prediction.json").read_text())
    assert list(found) == [str(place) for place in range(sum(POSTS.values()))]
    return {
        image: {**found[str(place)], "names": info["ind_to_classes"]}
        for place, image in enumerate(info["idx_to_files"])
    }


def clauses(sentence):
    """Each quintuple with the words between and around its ends, names taken out.

    A clause ends where a join leaves no quintuple with one end before and one after it.
    """
    every = sentence.labels.quintuples
    cuts = [
        place
        for place, word in enumerate(sentence.tokens)
        if word in JOINS and all((q.head.start < place) == (q.tail.start < place) for q in every)
    ]
    for one in every:
        words = list(sentence.tokens)
        for mark, end in (("HEAD", one.head), ("TAIL", one.tail)):
            words[end.start : end.end] = [mark, *[""] * (end.end - end.start - 1)]
        first = max((cut + 1 for cut in cuts if cut < one.head.start), default=0)
        last = min((cut for cut in cuts if cut > one.head.start), default=len(words))
        text = " ".join(filter(None, words[first:last]))
        yield re.sub(r" [.!]$| \.\.\.$| #\w+$|^(?:RT|wow ,|today :|news :) ", "", text), one


def shown(graph):
    """The object that settles a question, if the detector was sure of it."""
    sure = [
        graph["names"][label]
        for label, score in zip(graph["bbox_labels"], graph["bbox_scores"], strict=True)
        if score >= 0.5
    ]
    (thing,) = SHOWN.intersection(sure)
    return thing


def answers(sentences, graphs, by_picture):
    """How often each wording, or wording and object, has which types and relation."""
    found = defaultdict(Counter)
    for sentence in sentences:
        for clause, one in clauses(sentence):
            key = (clause, shown(graphs[sentence.image])) if by_picture else clause
            found[key][one.head.type, one.tail.type, one.relation] += 1
    return found


def test_every_row_is_good(splits):
    assert {split: len(found) for split, found in splits.items()} == POSTS
    assert all(sentence.image for found in splits.values() for sentence in found)


def test_sentence_and_picture_leave_nothing_open(splits, graphs):
    every = answers([*splits["train"], *splits["validation"]], graphs, by_picture=True)
    assert len(every) > 60
    assert all(len(found) == 1 for found in every.values())


def test_sentences_alone_leave_open_what_is_stated(sample, splits, graphs):
    found = answers(splits["train"], graphs, by_picture=False)
    total = sum(count.total() for count in found.values())
    open_ = [count for count in found.values() if len(count) > 1]
    for count in open_:  # about evenly
        assert max(count.values()) < 1.6 * count.total() / len(count)
    asked = sum(count.total() for count in open_)
    guessed = sum(count.total() / len(count) for count in open_)
    typed = sum(count.total() for count in open_ if len({tail for _, tail, _ in count}) > 1)
    stated = json.loads((sample / "world.json").read_text())["splits"]["train"]
    expected = {
        "posts": POSTS["train"],
        "quintuples": total,
        "types_from_the_picture": typed / (2 * total),
        "relations_from_the_picture": asked / total,
        "best_without_pictures": (total - asked + guessed) / total,
    }
    assert stated == pytest.approx(expected, abs=1e-4)
    assert stated["best_without_pictures"] < 0.75


def test_no_two_splits_share_a_name(splits):
    names = {
        split: {
            word
            for sentence in found
            for entity in sentence.labels.entities
            for word in sentence.tokens[entity.start : entity.end]
        }
        for split, found in splits.items()
    }
    assert not names["train"] & names["validation"] and not names["train"] & names["test"]
    assert not names["validation"] & names["test"] and len(names["test"]) > 100


def test_pictures_show_what_decides(sample, splits, graphs):
    """The nearest crop of the training split names the object of a crop of another."""
    crops = {}
    for split in ("train", "validation"):
        crops[split] = []
        for sentence in splits[split]:
            graph = graphs[sentence.image]
            picture = Image.open(sample / sentence.image)
            scale = resized(WIDTH, HEIGHT)[0] / WIDTH
            for box, label, score in zip(
                graph["bbox"], graph["bbox_labels"], graph["bbox_scores"], strict=True
            ):
                if score >= 0.5:
                    crop = picture.crop([round(edge / scale) for edge in box]).resize((12, 12))
                    crops[split].append((label, np.asarray(crop, np.float32).ravel()))
    known = np.stack([pixels for _, pixels in crops["train"]])
    right = [
        crops["train"][int(((known - pixels) ** 2).sum(1).argmin())][0] == label
        for label, pixels in crops["validation"]
    ]
    assert np.mean(right) > 0.98


def test_scene_graphs_are_as_the_detector_writes_them(graphs):
    width, height = resized(WIDTH, HEIGHT)
    assert (width, height) == (800, 600) and resized(300, 100) == (1000, 333)
    for graph in graphs.values():
        boxes = np.array(graph["bbox"])
        assert (boxes[:, :2] < boxes[:, 2:]).all() and boxes.min() >= 0
        assert (boxes[:, 2] <= width).all() and (boxes[:, 3] <= height).all()
        assert 0 not in graph["bbox_labels"] and 0 not in graph["rel_labels"]
        for kind in ("bbox_scores", "rel_scores"):
            assert graph[kind] == sorted(graph[kind], reverse=True)
        pairs = {tuple(pair) for pair in graph["rel_pairs"]}
        things = range(len(boxes))
        assert pairs == {(i, j) for i in things for j in things if i != j}


def test_the_same_numbers_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        write(tmp_path / name, train=3, validation=2, test=1, seed=5)
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.*"))
    assert len(files) == 9 + 6
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    write(tmp_path / "three", train=3, validation=2, test=1, seed=6)
    changed = (tmp_path / "three" / "train.json").read_bytes()
    assert changed != (tmp_path / "one" / "train.json").read_bytes()


def test_it_is_written_once(tmp_path):
    settings = {"train": 2, "validation": 1, "test": 1, "seed": 0}
    folder = kept.ensure(tmp_path, settings)
    stamp = (folder / "train.json").stat().st_mtime_ns
    assert kept.ensure(tmp_path, settings) == folder
    assert (folder / "train.json").stat().st_mtime_ns == stamp
    assert kept.ensure(tmp_path, {**settings, "seed": 1}) != folder


@pytest.mark.parametrize("wrong", [{"train": 0}, {"test": True}, {"seed": -1}, {"validation": 1e9}])
def test_settings_out_of_range(wrong):
    settings = {"train": 2, "validation": 1, "test": 1, "seed": 0, **wrong}
    name = next(iter(wrong))
    with pytest.raises(UserError, match=f"data.sample.{name} must be a whole number from"):
        configs.check(*sample_keys(settings, KEYS))
