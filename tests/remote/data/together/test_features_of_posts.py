"""The features of a post against those of its pairs alone."""

import pickle

import numpy as np
import pytest
from released import BOXES, ROWS, config, object_end, row, text_end, umre, words_tokenizer

from remote_jax.data.media import Folder
from remote_jax.errors import UserError
from remote_jax.remote.data.dataset import PairDataset
from remote_jax.remote.data.features import Featurize, featurized
from remote_jax.remote.data.together.features import FeaturizeTogether
from remote_jax.remote.data.together.form import Form, by_pair

TOKENIZER = words_tokenizer()
EXTRA = [0.5, 0.0, 1.0, 0.25]


def split(folder, cache, **options):
    """Examples of the training split, its pairs, and what makes features of either."""
    settings = config(folder, cache, **options)
    settings.model.pairs = "shared"
    data = PairDataset(settings)
    records, pictures = data.examples("train"), Folder(data.root, data.distances)
    makes = (made(TOKENIZER, pictures, settings) for made in (FeaturizeTogether, Featurize))
    return Form(settings).examples(records, data.training), records, *makes


@pytest.fixture(scope="module")
def post(tmp_path_factory):
    """One sentence and picture, in four rows; a third object is known to one of them alone."""
    folder = tmp_path_factory.mktemp("post")
    third = {"name": "[OBJ9]", "pos": EXTRA}
    rows = [*ROWS[:3], row(third, text_end(5, 6), "/per/loc/place_of_birth")]
    return split(umre(folder / "data", rows), folder / "cache", max_pairs=5, max_tokens=80)


def read(example, ends):
    """What a marker's pair of positions marks."""
    return TOKENIZER.decode(example["tokens"][ends[0] : ends[1] + 1])


def test_markers_have_the_positions_of_what_they_mark(post):
    examples, records, featurize, _ = post
    assert len(examples) == 1 and len(records) == 4
    found = featurize.map(examples[0])
    tokens = [TOKENIZER.convert_ids_to_tokens(row) for row in found["markers"][:4]]
    assert tokens[0] == ["<s1>", "</s1>", "<s2>", "</s2>"]
    assert tokens[1] == ["<o1>", "</o1>", "<o2>", "</o2>"]
    assert tokens[2] == ["<s1>", "</s1>", "<o2>", "</o2>"]
    at = [[read(found, ends) for ends in row.reshape(2, 2)] for row in found["places"][:4]]
    assert at[0] == ["ann lee", "bob"]
    assert at[1] == ["<o1> a woman in a red coat </o1>", "<o1> a golden cup </o1>"]
    assert at[2] == ["ann lee", at[1][0]] and at[3] == ["<o1> </o1>", "oslo"]
    assert found["object"][:4].tolist() == [[-1, -1], [0, 1], [-1, 0], [2, -1]]
    np.testing.assert_allclose(found["boxes"], [*BOXES.values(), EXTRA], rtol=1e-6)


def test_an_object_is_its_name_and_its_box(tmp_path):
    """A row's own box is that of the row alone, as where each pair is read by itself."""
    rows = [row(object_end(0, EXTRA), text_end(0, 2)), row(object_end(0), text_end(0, 2))]
    examples, records, featurize, alone = split(umre(tmp_path / "data", rows), tmp_path / "cache")
    assert len(examples) == 1
    found = featurize.map(examples[0])
    boxes = found["boxes"][found["object"][:2, 0]]
    np.testing.assert_allclose(boxes, [EXTRA, BOXES["[OBJ0]"]], rtol=1e-6)
    for place in range(2):
        one = alone.map(records[place])
        pair = [found["rgb"][found["object"][place, 0]], one["rgb"][one["object"][0]]]
        np.testing.assert_array_equal(*pair)


def test_the_rest_is_that_of_the_pairs(post):
    examples, records, featurize, alone = post
    found, count = featurize.map(examples[0]), len(records)
    assert found["pair_mask"].tolist() == [True] * count + [False]
    assert found["row"].tolist() == [*range(count), -1]
    assert found["label"].tolist() == [*(records[i].label for i in range(count)), -1]
    assert found["weight"].tolist() == [1.0] * count + [0.0]
    one = alone.map(records[3])
    for name in ("rgb", "rgb_mask", "depth", "depth_mask", "boxes"):
        np.testing.assert_array_equal(found[name], one[name], strict=True)


def test_lengths_are_what_masks_count(post):
    examples, _, featurize, _ = post
    found = featurize.map(examples[0])
    filled = featurize.extents(examples).filled[0]
    masks = [found[name].sum() for name in ("token_mask", "rgb_mask", "pair_mask")]
    assert filled.tolist() == masks
    cut = featurize.padding.cut({name: x[None] for name, x in found.items()}, tuple(filled))
    assert cut["markers"].shape == (1, 4, 4) and cut["tokens"].shape == (1, filled[0])


def test_pairs_of_entities_alone_are_told_no_captions(tmp_path):
    folder = umre(tmp_path / "data", ROWS[:1])
    examples, _, featurize, _ = split(folder, tmp_path / "cache", triplets="ee")
    found = featurize.map(examples[0])
    assert "<o1>" not in TOKENIZER.decode(found["tokens"]) and found["rgb_mask"].sum() == 2


def test_objects_of_the_pairs_are_always_seen(tmp_path):
    ends = [object_end(number, [0.0, 0.0, 0.1 * (number + 1), 0.5]) for number in range(6)]
    rows = [row(ends[0], ends[1]), row(ends[2], ends[3]), row(ends[4], text_end(0, 2))]
    folder = umre(tmp_path / "data", rows)
    (folder / "pos_umke.json").write_text("{}")
    examples, _, featurize, _ = split(folder, tmp_path / "cache", max_objects=3)
    assert len(examples) == 2
    for pairs in (examples[0], examples[1]):
        found = featurize.map(pairs)
        for place, pair in enumerate(pairs):
            for side, end in enumerate((pair.head, pair.tail)):
                index = found["object"][place, side]
                assert (index >= 0) == (end.object >= 0)
                if index >= 0:
                    np.testing.assert_allclose(found["boxes"][index], pair.boxes[end.object])


def test_no_room_for_the_markers_is_an_error(tmp_path):
    folder = umre(tmp_path / "data")
    with pytest.raises(UserError, match="max_tokens of at least 20 for so many objects"):
        split(folder, tmp_path / "cache", max_tokens=19)


def test_workers_make_the_same_features(post):
    examples, _, featurize, _ = post
    made = featurized(examples, featurize)
    there = pickle.loads(pickle.dumps(made))
    for name, expected in made[0].items():
        np.testing.assert_array_equal(there[0][name], expected)


def test_outputs_are_brought_to_the_order_of_the_pairs():
    rows = np.array([[3, 0, -1], [1, 4, 2]])
    outputs = {"logits": rows[..., None] * np.array([1.0, 10.0]), "gauge/a": rows}
    places = {"row": np.maximum(rows, 0), "pair_mask": rows >= 0}
    found = by_pair({**outputs, **places})
    np.testing.assert_array_equal(found["logits"], np.arange(5)[:, None] * [1, 10])
    np.testing.assert_array_equal(found["gauge/a"], np.arange(5))
    assert by_pair(found) is found
