"""Which encoders `train.frozen` covers."""

import pytest
from ml_collections import ConfigDict

from remote_jax.config import frozen


def config(text):
    parts = {part: {"dropout": 0.1, "dim": 8} for part in frozen.ENCODERS}
    return ConfigDict({"train": {"frozen": text}, **parts})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", set()),
        ("vision/vit", {"vision"}),
        (" vision/vit/ , text/bert", {"text", "vision"}),
        ("vision", {"vision"}),  # with the graph of objects
        ("t", {"text"}),
        ("text/bert/words", set()),
        ("text/bert/words,text/bert/blocks", set()),
        ("vision/vit/blocks,tagger", set()),
        ("text/bert2", set()),
    ],
)
def test_an_encoder_is_covered_by_one_beginning_of_all_its_names(text, expected):
    given = config(text)
    assert {part for part in frozen.ENCODERS if frozen.covers(given, part)} == expected
    found = frozen.without_dropout(given)
    assert {part for part in frozen.ENCODERS if not found[part].dropout} == expected
    assert all(given[part].dropout == 0.1 for part in frozen.ENCODERS)
