"""Tokenizers: markers, training that repeats itself, files that come back."""

import json
import os
import random
import shutil
import subprocess
import sys

import pytest
from tokenizers.normalizers import BertNormalizer

from remote_jax.encoders import tokenizer
from remote_jax.encoders.tokenizer import MARKERS, SPECIAL
from remote_jax.errors import UserError

TEXTS = ["The Élan flag waves over Tromsø.", "A trophy for the old flag!", "Who waves? ☂☂"] * 3
TRAIN = """
import json, sys
from remote_jax.encoders import tokenizer
print(json.dumps(tokenizer.train(json.load(sys.stdin), 400).get_vocab()))
"""


def test_markers_are_single_tokens_after_the_pretrained_ones(minilm):
    made = tokenizer.load(minilm)
    before = json.loads((minilm / "config.json").read_text())["vocab_size"]
    assert made.convert_tokens_to_ids(list(MARKERS)) == [before + i for i in range(8)]
    assert len(made) == before + 8
    assert made.tokenize("<s1> Bob</s1>s") == ["<s1>", "bob", "</s1>", "s"]


def test_markers_are_added_once(minilm, tmp_path):
    tokenizer.load(minilm).save_pretrained(tmp_path)
    again = tokenizer.load(tmp_path)
    assert again.get_vocab() == tokenizer.load(minilm).get_vocab()


def test_plain_vocabulary_file_is_enough(minilm, tmp_path):
    shutil.copy(minilm / "vocab.txt", tmp_path)
    text = "Tokenizers cut words, <o1>unaffably</o1>."
    assert tokenizer.load(tmp_path)(text)["input_ids"] == tokenizer.load(minilm)(text)["input_ids"]


def test_trained_tokenizer_lowers_and_marks():
    made = tokenizer.train(TEXTS, 120)
    assert made.convert_tokens_to_ids([*SPECIAL, *MARKERS]) == list(range(13))
    assert made.pad_token_id == 0
    assert made.tokenize("<s1> FLAG </s1> waves") == ["<s1>", "flag", "</s1>", "waves"]
    tokens = made.convert_ids_to_tokens(made("flag", "waves")["input_ids"])
    assert tokens == ["[CLS]", "flag", "[SEP]", "waves", "[SEP]"]
    assert made("flag", "waves")["token_type_ids"] == [0, 0, 0, 1, 1]


def test_new_words_of_known_letters_have_pieces():
    made = tokenizer.train(TEXTS, 120)
    assert "[UNK]" not in made.tokenize("phyrelwo ylerg flagwaves")
    assert made.tokenize("zzz") == ["[UNK]"]


@pytest.mark.parametrize("size", [17, 40, 60, 10_000])
def test_vocabulary_stays_within_its_size(size):
    assert len(tokenizer.train(TEXTS, size)) <= size
    assert len(tokenizer.train(TEXTS, 10_000)) < 300


def test_training_repeats_itself_in_any_process_and_order():
    letters = random.Random(0)
    texts = ["".join(letters.choice("abcdefghij ") for _ in range(60)) for _ in range(300)]
    vocabulary = tokenizer.train(texts, 400).get_vocab()
    assert len(vocabulary) == 400
    assert tokenizer.train(reversed(texts), 400).get_vocab() == vocabulary
    elsewhere = subprocess.run(
        [sys.executable, "-c", TRAIN],
        env=os.environ | {"RAYON_NUM_THREADS": "2"},
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(elsewhere.stdout) == vocabulary


def test_trained_tokenizer_comes_back_from_files(tmp_path):
    made = tokenizer.train(TEXTS, 120)
    made.save_pretrained(tmp_path)
    again = tokenizer.load(tmp_path)
    assert again.get_vocab() == made.get_vocab()
    text = "<s1>Élan</s1> over [SEP] Tromsø <o2> ☂ flags </o2>"
    assert again(text, "who?").data == made(text, "who?").data


def test_too_small_a_vocabulary_is_refused():
    with pytest.raises(UserError, match="vocabulary of 16 tokens is too small: 13 are special"):
        tokenizer.train(TEXTS, 16)


@pytest.mark.parametrize("content", ["", "[1]", '{"version": "1.0"', "[" * 100_000])
def test_malformed_files_are_refused(tmp_path, content):
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(UserError, match=r"tokenizer\.json (is not JSON|holds a JSON list)"):
        tokenizer.load(tmp_path)


def test_a_folder_without_tokenizer_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"neither tokenizer\.json nor vocab\.txt"):
        tokenizer.load(tmp_path)


@pytest.mark.parametrize("lower", [True, False])
def test_a_kept_tokenizer_is_the_one_that_was_saved(tmp_path, lower):
    made = tokenizer.train(["Ann met Bob in Oslo, twice"] * 3, 90)
    if not lower:
        made.backend_tokenizer.normalizer = BertNormalizer(lowercase=False)
    made.save_pretrained(tmp_path)
    kept = tokenizer.read(tmp_path)
    texts = ["Ann met <s1> Bob </s1> [SEP] Åse", "oslo TWICE"]
    assert [kept(text)["input_ids"] for text in texts] == [made(x)["input_ids"] for x in texts]
    assert len(kept) == len(made)
    for role in tokenizer.ROLES:
        assert getattr(kept, role) == getattr(made, role)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tokenizer.json", b"{}"),
        ("tokenizer.json", b"\xff"),
        ("tokenizer_config.json", b"[]"),
        ("tokenizer_config.json", b'{"cls_token": 3}'),
    ],
)
def test_a_kept_tokenizer_of_a_stranger(tmp_path, name, content):
    tokenizer.train(["Ann met Bob in Oslo, twice"] * 3, 90).save_pretrained(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=name):
        tokenizer.read(tmp_path)


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ("normalizer", "Lowercase"),
        ("normalizer", "Sequence"),
        ("pre_tokenizer", "Whitespace"),
        ("model", "WordLevel"),
        ("post_processor", "ByteLevel"),
        ("decoder", "Fuse"),
        ("decoder", ["WordPiece"]),
    ],
)
def test_parts_of_other_tokenizers_are_refused(tmp_path, part, kind):
    tokenizer.train(["some words"], 60).save_pretrained(tmp_path)
    path = tmp_path / "tokenizer.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, part: {**content[part], "type": kind}}))
    for read in (tokenizer.read, tokenizer.load):
        with pytest.raises(UserError, match=rf"tokenizer\.json: the {part} is .*, expected "):
            read(tmp_path)


def test_a_model_without_a_type_is_of_word_pieces(tmp_path):
    trained = tokenizer.train(["some words"], 60)
    trained.save_pretrained(tmp_path)
    path = tmp_path / "tokenizer.json"
    content = json.loads(path.read_text())
    del content["model"]["type"]
    path.write_text(json.dumps(content))
    found = tokenizer.read(tmp_path)
    assert found("some words").input_ids == trained("some words").input_ids
