"""Features of a pair, from records."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from released import (
    BOXES,
    CAPTIONS,
    ROWS,
    SENTENCE,
    config,
    picture,
    row,
    text_end,
    umre,
    words_tokenizer,
)

from remote_jax.data import media
from remote_jax.data.batches import pipeline
from remote_jax.data.batches.repeats import KEY, SHARED
from remote_jax.data.images import crop
from remote_jax.data.media import Folder
from remote_jax.errors import UserError
from remote_jax.remote.data.dataset import PairDataset
from remote_jax.remote.data.features import Featurize, choose_objects, featurized, looked_at
from remote_jax.remote.data.pairs import Argument, Pair

TOKENIZER = words_tokenizer()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return umre(tmp_path_factory.mktemp("umre") / "data")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def make(folder, cache):
    """Features of the training split under a config."""

    def features(**options):
        settings = config(folder, cache)
        for key, value in options.items():
            settings["features" if key in settings.features else "data"][key] = value
        pairs = PairDataset(settings)
        return featurized(
            pairs.records("train"), Featurize(TOKENIZER, Folder(pairs.root), settings)
        )

    return features


def test_shapes_and_types_are_those_of_the_contract(make):
    n, o, s = 64, 3, 16
    expected = {
        "tokens": ((n,), np.int32),
        "token_mask": ((n,), np.bool_),
        "token_types": ((n,), np.int32),
        "rgb": ((o, s, s, 3), np.uint8),
        "rgb_mask": ((o,), np.bool_),
        "depth": ((o, s, s), np.uint8),
        "depth_mask": ((o,), np.bool_),
        "boxes": ((o, 4), np.float32),
        "sight": ((8,), np.uint8),
        "marker": ((2,), np.int32),
        "object": ((2,), np.int32),
        "label": ((), np.int32),
        "weight": ((), np.float32),
        "row": ((), np.int32),
    }
    examples = make()
    assert len(examples) == len(ROWS)
    for example in examples:
        assert {k: (v.shape, v.dtype.type) for k, v in example.items()} == expected


def test_an_example(make):
    example = make()[2]  # Ann Lee, [OBJ0]
    image, boxes = picture(), list(BOXES.values())
    for index, box in enumerate(boxes):
        np.testing.assert_array_equal(example["rgb"][index], crop(image, box, 16))
    assert not example["rgb"][2].any() and not example["depth"][2].any()
    depth = Image.fromarray(
        np.rint(np.linspace(0, 255, 96 * 128)).astype(np.uint8).reshape(96, 128)
    )
    assert abs(example["depth"][0].astype(int) - crop(depth, boxes[0], 16)).max() <= 1
    np.testing.assert_allclose(example["boxes"], [*boxes, [0, 0, 0, 0]])
    assert example["rgb_mask"].tolist() == example["depth_mask"].tolist() == [True, True, False]
    assert example["object"].tolist() == [-1, 0]
    assert example["label"] == 4 and example["row"] == 2
    text = TOKENIZER.decode(example["tokens"][example["token_mask"]])
    assert text == (
        "[CLS] <s1> ann lee </s1> met bob at oslo town hall, he won the cup. [SEP] "
        "<o2> a woman in a red coat </o2> [SEP]"
    )


def test_a_missing_picture_has_no_mass(make):
    example = make()[3]
    for name in ("rgb", "rgb_mask", "depth", "depth_mask", "boxes"):
        assert not example[name].any()


@pytest.mark.parametrize(
    ("feature", "gone", "kept"),
    [
        ("picture", ("rgb", "rgb_mask"), ("depth", "depth_mask", "boxes", "tokens")),
        ("depth", ("depth", "depth_mask"), ("rgb", "rgb_mask", "boxes", "tokens")),
        ("position", ("boxes",), ("rgb", "rgb_mask", "depth", "tokens")),
    ],
)
def test_a_withheld_feature_is_zero_and_the_rest_is_as_before(make, feature, gone, kept):
    whole, example = make()[1], make(**{feature: False})[1]
    assert all(whole[name].any() and not example[name].any() for name in gone)
    for name in (*kept, "marker", "object", "label"):
        np.testing.assert_array_equal(example[name], whole[name])


def test_withheld_sentence_and_captions(make):
    def text(example):
        return TOKENIZER.decode(example["tokens"][example["token_mask"]])

    assert text(make(sentence=False)[2]) == (
        "[CLS] <s1> </s1> [SEP] <o2> a woman in a red coat </o2> [SEP]"
    )
    assert text(make(caption=False)[1]).endswith("[SEP] <o1> </o1> <o2> </o2> [SEP]")


def test_triplet_types_choose_pairs(folder, cache):
    for names, labels in (("ee", [13, 0]), ("oo", [22]), ("eo", [4]), ("eo, ee", [13, 4, 0])):
        pairs = PairDataset(config(folder, cache, triplets=names))
        records = pairs.records("train")
        assert [records[i].label for i in range(len(records))] == labels
        assert [records[i].row for i in range(len(records))] == list(range(len(labels)))
        assert pairs.labels("train").tolist() == labels
    assert PairDataset(config(folder, cache)).types("train").tolist() == [0, 1, 2, 0]
    for names in ("", "ee,xx"):
        with pytest.raises(UserError, match=r"config\.data\.triplets"):
            PairDataset(config(folder, cache, triplets=names))


def test_an_absent_split_is_an_error_only_when_asked_for(tmp_path):
    folder = umre(tmp_path / "data", [ROWS[0]], splits=("train", "val"))
    pairs = PairDataset(config(folder, tmp_path / "cache"))
    assert pairs.splits == ("train", "validation")
    with pytest.raises(UserError, match="no test split"):
        pairs.records("test")
    with pytest.raises(UserError, match="no pair of the types oo"):
        PairDataset(config(folder, tmp_path / "cache", triplets="oo")).records("train")


def test_texts_to_train_a_tokenizer_on(folder, cache):
    texts = list(PairDataset(config(folder, cache)).texts("train"))
    assert texts[0] == SENTENCE
    assert sorted(texts[1:]) == sorted(CAPTIONS[k] for k in ("[OBJ0]", "[OBJ1]"))


def test_wrong_settings_are_named(folder, cache):
    with pytest.raises(UserError, match=r"config\.data\.name"):
        PairDataset(config(folder, cache, name="umr"))
    for options in ({"max_tokens": 10}, {"max_objects": 1}):
        with pytest.raises(UserError, match="max_tokens"):
            Featurize(TOKENIZER, Folder(folder), config(folder, cache, **options))


def test_a_picture_that_changed_since_is_an_error(tmp_path):
    folder = umre(tmp_path / "data")
    settings = config(folder, tmp_path / "cache")
    pairs = PairDataset(settings)
    (folder / "UMKE_IMG" / "a.png").write_bytes(b"")
    examples = featurized(
        pairs.records("train"), Featurize(TOKENIZER, Folder(pairs.root), settings)
    )
    with pytest.raises(UserError, match=r"a\.png cannot be decoded"):
        examples[0]
    (folder / "UMKE_IMG" / "a.png").unlink()
    (folder / "UMKE_IMG" / "a.png").symlink_to("/etc/hostname")
    with pytest.raises(UserError, match="outside"):
        examples[0]


def test_workers_make_the_same_features(make):
    examples = make()
    assert pickle.loads(pickle.dumps(examples))[2]["tokens"].tolist() == (
        examples[2]["tokens"].tolist()
    )
    options = {"batch_size": 3, "seed": 1, "steps": 3}
    here = list(pipeline.train_batches(examples, **options))
    there = list(pipeline.train_batches(examples, **options, workers=1))
    for expected, got in zip(here, there, strict=True):
        for name in expected:
            np.testing.assert_array_equal(got[name], expected[name])


def test_real_mnre_rows(shared, tmp_path):
    lines = (shared / "data/mnre/mnre_val.txt").read_text("utf-8").splitlines()[:200]
    (tmp_path / "mnre_val.txt").write_text("\n".join(lines), "utf-8")
    settings = config(tmp_path, tmp_path / "cache", name="mnre")
    pairs = PairDataset(settings)
    featurize = Featurize(TOKENIZER, Folder(pairs.root), settings)
    examples = featurized(pairs.records("validation"), featurize)
    assert len(examples) == 200
    for example in examples:
        assert (
            example["tokens"][example["marker"]]
            == TOKENIZER.convert_tokens_to_ids(["<s1>", "<s2>"])
        ).all()
        assert not example["rgb_mask"].any()


BOX = st.tuples(*[st.integers(0, 9)] * 4).map(
    lambda b: (min(b[0], b[2]) / 10, min(b[1], b[3]) / 10, max(b[0], b[2]) / 10 + 0.1, 1.0)
)


@given(boxes=st.lists(BOX, max_size=9), ends=st.tuples(st.integers(-1, 8), st.integers(-1, 8)))
def test_the_ends_objects_are_always_seen(boxes, ends):
    head, tail = (Argument("e", object=min(end, len(boxes) - 1)) for end in ends)
    pair = Pair(("a",), head, tail, np.array(boxes, np.float32).reshape(-1, 4))
    chosen = choose_objects((head.object, tail.object), pair.boxes, 4)
    assert len(chosen) == len(set(chosen)) == min(len(boxes), 4)
    wanted = {end.object for end in (head, tail) if end.object >= 0}
    assert wanted <= set(chosen)
    if len(boxes) <= 4:
        assert chosen == list(range(len(boxes)))
    else:
        area = (pair.boxes[:, 2] - pair.boxes[:, 0]) * (pair.boxes[:, 3] - pair.boxes[:, 1])
        rest = [index for index in chosen if index not in wanted]
        left = set(range(len(boxes))) - set(chosen)
        assert all(area[a] >= area[b] - 1e-6 for a in rest for b in left)


def test_more_objects_than_the_model_sees(tmp_path):
    boxes = {f"[OBJ{i}]": [0.0, 0.0, 0.1 * (i + 1), 0.5] for i in range(6)}
    folder = umre(
        tmp_path / "data", [row(text_end(0, 2), {"name": "[OBJ0]", "pos": boxes["[OBJ0]"]})]
    )
    (folder / "pos_umke.json").write_text(str({"a.png": boxes}).replace("'", '"'))
    settings = config(folder, tmp_path / "cache")
    pairs = PairDataset(settings)
    example = featurized(
        pairs.records("train"), Featurize(TOKENIZER, Folder(pairs.root), settings)
    )[0]
    assert example["object"].tolist() == [-1, 0]
    np.testing.assert_allclose(example["boxes"][:, 2], [0.1, 0.6, 0.5], rtol=1e-6)


@pytest.mark.parametrize(
    "options", [{}, {"depth": False}, {"position": False}, {"picture": False}, {"max_objects": 2}]
)
def test_equal_digests_are_of_equal_features(make, options):
    """And pairs of one post that see the same have the same."""
    shown: dict[bytes, list[np.ndarray]] = {}
    examples = list(make(**options))
    for example in examples:
        features = [example[name] for name in SHARED]
        for one, other in zip(
            features, shown.setdefault(example[KEY].tobytes(), features), strict=True
        ):
            np.testing.assert_array_equal(one, other)
    assert 1 < len(shown) < len(examples)


def test_crops_are_read_once(make, monkeypatch):
    calls = []
    original = media.read_picture
    monkeypatch.setattr(media, "read_picture", lambda path: calls.append(path) or original(path))
    examples = make()
    first = [examples[index] for index in range(3)]
    again = [examples[index] for index in range(3)]
    assert len(calls) == 1
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one["rgb"], other["rgb"])


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 2500])
def test_of_many_examples_a_sample_is_looked_at(size):
    rows = looked_at(size)
    assert min(size, 1000) / 2 <= len(rows) <= 1000 and all(row < size for row in rows)
