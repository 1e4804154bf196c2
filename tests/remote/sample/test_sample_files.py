"""The written sample, read by an oracle that knows nothing of the generator."""

from __future__ import annotations

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import sample_oracle as oracle
from PIL import Image

from remote_jax.remote.sample import scene, world, write

POSTS = {"train": 1000, "validation": 120, "test": 120}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> oracle.Sample:
    folder = tmp_path_factory.mktemp("sample")
    write.write(folder, seed=0, **POSTS)
    return oracle.Sample(folder)


def _rows(sample: oracle.Sample) -> list[dict]:
    return [row for rows in sample.rows.values() for row in rows]


def test_every_label_follows_from_the_files(sample: oracle.Sample) -> None:
    for row in _rows(sample):
        assert oracle.relate(sample, row)[0] == row["relation"], row


@pytest.mark.parametrize("split", POSTS)
def test_stated_shares_are_those_of_the_files(sample: oracle.Sample, split: str) -> None:
    rows = sample.rows[split]
    deciding = [set(oracle.relate(sample, row)[1].split()) for row in rows]
    related = [e for e, row in zip(deciding, rows, strict=True) if row["relation"] != "none"]
    stated = sample.stated["splits"][split]
    assert stated["posts"] == POSTS[split]
    assert stated["pairs"] == len(rows)
    assert stated["none"] == pytest.approx(1 - len(related) / len(rows), abs=1e-4)
    for name, sets in (("all", deciding), ("related", related)):
        for part in ("rgb", "position", "depth", "caption"):
            share = sum(part in one for one in sets) / len(sets)
            assert stated[name][part] == pytest.approx(share, abs=1e-4)
        words = sum(one != {"sentence"} for one in sets) / len(sets)
        picture = sum("sentence" in one for one in sets) / len(sets)
        assert stated[name]["not_from_the_sentence_alone"] == pytest.approx(words, abs=1e-4)
        assert stated[name]["not_from_the_picture_side_alone"] == pytest.approx(picture, abs=1e-4)


@pytest.mark.parametrize("split", POSTS)
def test_every_modality_decides_its_part(sample: oracle.Sample, split: str) -> None:
    stated = sample.stated["splits"][split]
    assert 0.18 < stated["none"] < 0.25
    assert stated["related"]["not_from_the_sentence_alone"] > 0.5
    assert stated["related"]["not_from_the_picture_side_alone"] > 0.5
    for part, least in (("position", 0.11), ("depth", 0.11), ("caption", 0.14), ("rgb", 0.25)):
        assert stated["related"][part] > least


@pytest.mark.parametrize("split", POSTS)
def test_labels_and_types_are_many_in_each_split(sample: oracle.Sample, split: str) -> None:
    rows = sample.rows[split]
    relations = Counter(row["relation"] for row in rows)
    assert len(relations.keys() - {"none"}) >= 15 and "none" in relations
    types = Counter(oracle.triplet(row) for row in rows)
    assert all(0.28 < types[triplet] / len(rows) < 0.39 for triplet in ("ee", "oo", "eo"))
    posts = Counter(row["img_id"] for row in rows)
    assert len(posts) == POSTS[split] and set(posts.values()) <= {4, 5, 6}


@pytest.mark.parametrize("mark", ["colour", "side", "distance"])
def test_selves_are_as_many_as_others_for_each_mark(sample: oracle.Sample, mark: str) -> None:
    found: Counter[str] = Counter()
    for row in _rows(sample):
        if oracle.triplet(row) == "eo":
            item = sample.seen(row["img_id"])[row["t"]["name"]]
            said = oracle.mark(row["token"], row["h"]["pos"])[0]
            if item.kind == "person" and said == mark:
                found[row["relation"]] += 1
    assert found.total() > 100
    assert 0.4 < found["/per/per/self"] / found.total() < 0.6


def _sentence_key(sample: oracle.Sample, row: dict) -> tuple:
    """All that the words of a sentence tell of a pair."""
    tokens, head, tail = row["token"], row["h"]["pos"], row["t"]["pos"]
    key: tuple = (oracle.triplet(row), oracle.scene(tokens))
    if key[0] == "ee":
        kinds = tuple(oracle.entity_kind(tokens[slice(*span)]) for span in (head, tail))
        return (*key, *kinds, oracle.saying(tokens, head, tail))
    if key[0] == "eo":
        words = oracle.clause(tokens, head)[1]
        fact = next((oracle.BETWEEN[word] for word in words if word in oracle.BETWEEN), "")
        kind = oracle.entity_kind(tokens[slice(*head)])
        return (*key, kind, fact, oracle.mark(tokens, head))
    return key


def _picture_key(sample: oracle.Sample, row: dict) -> tuple:
    """All that the picture side tells of a pair."""
    seen = sample.seen(row["img_id"])
    ends = [seen[row[end]["name"]] for end in "ht" if oracle.is_object(row[end])]
    kinds = {item.kind for item in seen.values()}
    return (oracle.triplet(row), *ends, "flag" in kinds, "trophy" in kinds)


@pytest.mark.parametrize(
    ("key", "bound"), [(_sentence_key, 0.65), (_picture_key, 0.60)], ids=["sentence", "picture"]
)
def test_one_side_alone_does_not_suffice(
    sample: oracle.Sample, key: Callable[[oracle.Sample, dict], tuple], bound: float
) -> None:
    """The best guess for each reading of one side, even told the answers it is scored on."""
    votes: defaultdict[tuple, Counter[str]] = defaultdict(Counter)
    rows = sample.rows["train"]
    for row in rows:
        votes[key(sample, row)][row["relation"]] += 1
    # Readings seen once or twice would only repeat their answer.
    common = [counter for counter in votes.values() if counter.total() >= 8]
    right = sum(max(counter.values()) for counter in common)
    assert right / sum(counter.total() for counter in common) < bound


def test_names_and_words_across_splits(sample: oracle.Sample) -> None:
    def names(split: str) -> set[str]:
        ends = [row[end] for row in sample.rows[split] for end in "ht"]
        found = {end["name"] for end in ends if not oracle.is_object(end)}
        return {word for name in found for word in name.split()} - suffixes

    def words(split: str) -> set[str]:
        rows = sample.rows[split]
        said = {word for row in rows for word in row["token"] if not word[0].isupper()}
        images = {row["img_id"] for row in rows}
        return said | {
            word for i in images for text in sample.captions[i].values() for word in text.split()
        }

    suffixes = oracle.ORGANISATIONS | oracle.EVENTS
    assert len(names("test")) > 100
    assert not names("train") & names("test")
    assert not names("train") & names("validation")
    assert not names("validation") & names("test")
    assert words("validation") | words("test") <= words("train")


def test_sentences_are_of_the_released_shape(sample: oracle.Sample) -> None:
    for row in _rows(sample):
        assert set(row) == {"token", "h", "t", "img_id", "relation"}
        assert 12 <= len(row["token"]) <= 30
        for end in (row["h"], row["t"]):
            if oracle.is_object(end):
                assert tuple(sample.boxes[row["img_id"]][end["name"]]) == end["pos"]
            else:
                start, stop = end["pos"]
                assert " ".join(row["token"][start:stop]) == end["name"]


def test_captions_tell_no_colour_place_or_distance(sample: oracle.Sample) -> None:
    hidden = {*oracle.COLOURS, "left", "right", "near", "far", "front", "back", "gold"}
    for captions in sample.captions.values():
        for caption in captions.values():
            assert not hidden & set(caption.split())


def test_boxes_are_inside_tight_apart_and_off_the_middle(sample: oracle.Sample) -> None:
    for image, boxes in sample.boxes.items():
        assert 3 <= len(boxes) <= 5
        depth = sample.depth(image).astype(float)
        for left, top, right, bottom in boxes.values():
            assert 0 < left < right < 1 and 0 < top < bottom < 1
            assert abs((left + right) / 2 - 0.5) >= 0.12
            crop = oracle.crop(depth, [left, top, right, bottom])
            drawn = abs(crop - 0.5) > 0.23
            for edge in (drawn[0], drawn[-1], drawn[:, 0], drawn[:, -1]):
                assert edge.any()
        for one in boxes.values():
            for two in boxes.values():
                across = min(one[2], two[2]) - max(one[0], two[0])
                down = min(one[3], two[3]) - max(one[1], two[1])
                assert one is two or min(across, down) <= 0


def test_depth_spans_its_scale_and_near_is_larger(sample: oracle.Sample) -> None:
    for image in sample.boxes:
        depth = sample.depth(image)
        assert depth.shape == sample.picture(image).shape[:2]
        assert depth.min() == 0 and depth.max() == 1


def test_size_and_place_do_not_tell_distance(sample: oracle.Sample) -> None:
    sizes: dict[bool, list[float]] = {True: [], False: []}
    rows: dict[bool, list[float]] = {True: [], False: []}
    for image in sample.boxes:
        for label, item in sample.seen(image).items():
            if item.kind == "person":
                _, top, _, bottom = sample.boxes[image][label]
                sizes[item.near].append(bottom - top)
                rows[item.near].append(bottom)
    assert np.mean(sizes[True]) == pytest.approx(np.mean(sizes[False]), rel=0.02)
    assert np.mean(rows[True]) == pytest.approx(np.mean(rows[False]), rel=0.05)


def _guess(features: np.ndarray, answers: np.ndarray) -> float:
    """How often ridge regression is right about a yes or no, over four folds."""
    inputs = np.concatenate([features, np.ones((len(features), 1))], axis=1)
    fold = np.arange(len(inputs)) % 4
    right = 0
    for held in range(4):
        known, target = inputs[fold != held], 2.0 * answers[fold != held] - 1
        square = known.T @ known + 0.1 * np.eye(known.shape[1])
        guess = inputs[fold == held] @ np.linalg.solve(square, known.T @ target) > 0
        right += int((guess == answers[fold == held]).sum())
    return right / len(inputs)


def test_crops_tell_distance_by_depth_alone_and_side_by_box_alone(sample: oracle.Sample) -> None:
    """Else a model could do without the modality that is meant to decide."""
    colours, depths, boxes, near, left = [], [], [], [], []
    for image, marks in sample.boxes.items():
        picture = Image.fromarray(sample.picture(image).astype(np.uint8))
        relief = Image.fromarray((sample.depth(image) * 255).astype(np.uint8))
        for label, item in sample.seen(image).items():
            if item.kind == "person":
                edges = [
                    e * (picture.width, picture.height)[i % 2] for i, e in enumerate(marks[label])
                ]
                for crops, whole in ((colours, picture), (depths, relief)):
                    crops.append(np.asarray(whole.resize((8, 8), box=edges)).ravel() / 255 - 0.5)
                boxes.append(marks[label])
                near.append(item.near)
                left.append(item.side == "left")
    rgb, depth, box = np.array(colours), np.array(depths), np.array(boxes)
    nearness, side = np.array(near), np.array(left)
    assert _guess(depth, nearness) > 0.99
    assert _guess(np.concatenate([rgb, box], axis=1), nearness) < 0.54
    assert _guess(box, side) > 0.99
    assert _guess(rgb, side) < 0.54
    assert _guess(depth, side) < 0.54


def _digest(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        write.write(tmp_path / name, train=6, validation=2, test=2, seed=seed)
    one, two, other = (_digest(tmp_path / name) for name in ("one", "two", "other"))
    assert one == two
    assert one.keys() == other.keys()
    assert not set(one.values()) & set(other.values())


def test_a_moved_factor_shows_in_what_is_drawn() -> None:
    """The same world drawn with an object nearer: only the depth map changes, there alone."""
    person = world.SceneObject("person", 0, "far", "red")
    others = (world.SceneObject("trophy", 3, "far"), world.SceneObject("logo", 6, "near", "blue"))
    drawn = []
    for distance in ("far", "near"):
        item = world.SceneObject("person", 0, distance, "red")
        drawn.append(scene.draw(random.Random(5), world.World("match", (), (), (item, *others))))
    assert person.side == "left"
    far, near = drawn
    assert far.boxes == near.boxes
    np.testing.assert_array_equal(far.picture, near.picture)
    changed = far.depth != near.depth
    inside = oracle.crop(changed, list(far.boxes[0]))
    assert inside.sum() == changed.sum() > 200
    assert (near.depth - far.depth)[changed].min() > 0.4
