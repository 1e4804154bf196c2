"""What is not read is counted and said."""

import pytest
from released import ROWS, config, row, text_end, umre, words_tokenizer

from remote_jax.data.media import Folder
from remote_jax.remote import notices
from remote_jax.remote.data.dataset import PairDataset
from remote_jax.remote.data.together.form import Form

TOKENIZER = words_tokenizer()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Five pairs of two posts; in the one with a picture, Oslo has a caption."""
    rows = [*ROWS, row(text_end(5, 6), text_end(0, 2))]
    return umre(tmp_path_factory.mktemp("notices") / "data", rows)


@pytest.mark.parametrize(
    ("form", "tokens", "expected"),
    [
        ("each", 80, {"pairs": 0, "looked_at": 5}),
        ("each", 16, {"pairs": 5, "looked_at": 5}),
        ("shared", 80, {"pairs": 0, "looked_at": 2, "captions": 1}),
        ("shared", 20, {"pairs": 1, "looked_at": 2, "captions": 1}),
    ],
)
def test_texts_that_are_cut_and_captions_of_entities(folder, tmp_path, form, tokens, expected):
    settings = config(folder, tmp_path, max_tokens=tokens, max_pairs=8)
    settings.model.pairs = form
    data, examples = PairDataset(settings), Form(settings)
    found = notices.unread(data, examples, examples.featurize(TOKENIZER, Folder(data.root)))
    assert found == expected
    said = list(notices.lines(found))
    assert len(said) == bool(expected["pairs"]) + ("captions" in expected)
    assert all(f" {expected['looked_at']} training examples" in line for line in said)
