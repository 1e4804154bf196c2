"""Text of entities and what a real BERT makes of it."""

import functools
import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from remote_jax.encoders import pretrained, tokenizer
from remote_jax.errors import UserError
from remote_jax.roam.data import text
from remote_jax.roam.data.features import text_from_names
from remote_jax.roam.data.text import encode, read_descriptions, readable

load_bert = pretrained.load_bert
READ = functools.cache(lambda name: load_bert(name, rngs=nnx.Rngs(0)))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Small batches, and a checkpoint that is read once."""
    monkeypatch.setattr(text, "BATCH", 8)
    monkeypatch.setattr(text.pretrained, "load_bert", lambda name, rngs: READ(name))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Count_Max_(1991_film)", "Count Max (1991 film)"),
        ("http://dbpedia.org/resource/St._John%27s,_Newfoundland", "St. John's, Newfoundland"),
        ("<http://yago-knowledge.org/resource/Ōsaka>", "Ōsaka"),
        ("http://a.org/onto#Person/", "Person"),
        ("AC/DC", "AC/DC"),
        ("厦门大学", "厦门大学"),
        ("__A__b_", "A b"),
        ("L7", "L7"),
        ("1917_(film)", "1917 (film)"),
        ("http://www.wikidata.org/entity/Q370252", ""),
        ("Q42", ""),
        ("/m/027rn", ""),
        ("http://rdf.freebase.com/ns/m.027rn", ""),
        ("1917", ""),
        ("-12.5", ""),
        ("", ""),
    ],
)
def test_readable(name, expected):
    assert readable(name) == expected


def test_descriptions(tmp_path):
    (tmp_path / "a.tsv").write_text("<Q1>\tthe  universe\n\nQ2\ta\tb\n", "utf-8")
    assert read_descriptions(tmp_path / "a.tsv") == {"Q1": "the universe", "Q2": "a b"}
    (tmp_path / "a.json").write_text('{"Q1": "the universe"}', "utf-8")
    assert read_descriptions(tmp_path / "a.json") == {"Q1": "the universe"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.tsv", b"Q1 the universe\n", "line 1 has no tab"),
        ("a.tsv", b"Q1\ta\nQ1\tb\n", "line 2 names 'Q1' again"),
        ("a.tsv", b"Q1\t\xff\n", "line 1: .*utf-8"),
        ("a.tsv", b"Q1\t" + b"x" * 2**20, "line 1: the line is longer"),
        ("a.tsv", b"\n", "has no descriptions"),
        ("a.json", b'{"Q1": 3}', "'Q1' is no text"),
        ("a.json", b"[]", "expected an object"),
    ],
)
def test_descriptions_that_are_malformed(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_descriptions(tmp_path / name)


NAMES = (
    "Real Madrid football club",
    "FC Barcelona",
    "Lionel Messi",
    "Paris",
    "the capital of France on the river Seine",
    "photosynthesis",
    "chlorophyll of green plants",
)


def test_a_text_alone_is_the_mean_of_the_last_level(minilm):
    values = encode(NAMES, minilm)
    np.testing.assert_allclose(np.linalg.norm(values, axis=1), 1, atol=1e-6)
    words = tokenizer.load(minilm)
    bert = READ(minilm)
    tokens = jnp.array([words(NAMES[4])["input_ids"]])
    last = jax.jit(lambda: bert(tokens, None, jnp.zeros_like(tokens))[-1][0])()
    mean = np.asarray(last, np.float64).mean(0)
    np.testing.assert_allclose(values[4], mean / np.linalg.norm(mean), atol=1e-5)


def test_a_text_does_not_depend_on_its_neighbours(minilm, monkeypatch):
    together = encode(NAMES, minilm)
    np.testing.assert_allclose(encode(NAMES[::-1], minilm)[::-1], together, atol=1e-5)
    for index in (0, 4):
        np.testing.assert_allclose(encode([NAMES[index]], minilm)[0], together[index], atol=1e-5)
    monkeypatch.setattr(text, "BATCH", 2)
    np.testing.assert_allclose(encode(NAMES, minilm), together, atol=1e-5)


def test_neighbours_make_sense(minilm):
    values = encode(NAMES, minilm)
    near = values @ values.T - 2 * np.eye(len(NAMES))
    assert near.argmax(1).tolist() == [1, 0, 1, 4, 3, 6, 5]


def test_long_text_is_cut_and_special_tokens_are_plain(minilm):
    long = "green plants and " * 200
    first, second, marked = encode([long, long[:3000], "[SEP] <s1> [PAD]"], minilm)
    np.testing.assert_array_equal(first, second)
    assert np.isfinite(marked).all() and abs(np.linalg.norm(marked) - 1) < 1e-5
    words = tokenizer.load(minilm)
    (ids,) = text.tokenize(words.backend_tokenizer, ["[SEP] <s1> [PAD]"], 64)
    assert not set(ids[1:-1]) & set(words.all_special_ids)
    assert max(ids) < words.vocab_size


ENTITIES = ("FC_Barcelona", "Q42", "1917", "ᓄᓇᕗᑦ", "http://a.org/FC_Barcelona")


def test_entities_without_text_are_missing(minilm, tmp_path):
    found = text_from_names(ENTITIES, minilm, tmp_path)
    assert found.present.tolist() == [True, False, False, False, True]
    assert not found.values[1:4].any()
    np.testing.assert_allclose(found.values[0], found.values[4], atol=1e-6)
    np.testing.assert_allclose(found.values[0], encode(["FC Barcelona"], minilm)[0], atol=1e-6)
    (tmp_path / "a.json").write_text(json.dumps({"Q42": "a writer", "1917": "", "Lima": "a city"}))
    described = text_from_names(ENTITIES, minilm, tmp_path, tmp_path / "a.json")
    assert described.present.tolist() == [True, True, False, False, True]
    np.testing.assert_allclose(described.values[1], encode(["a writer"], minilm)[0], atol=1e-6)
    assert described.sha256 != found.sha256


def test_features_are_encoded_once(minilm, tmp_path, monkeypatch):
    first = text_from_names(ENTITIES, minilm, tmp_path)
    calls = []
    monkeypatch.setattr(text, "encode", lambda *args: calls.append(args) or encode(*args))
    again = text_from_names(ENTITIES, minilm, tmp_path)
    assert not calls and again.sha256 == first.sha256
    np.testing.assert_array_equal(again.values, first.values)
    text_from_names(ENTITIES[:2], minilm, tmp_path)
    assert len(calls) == 1
    assert len(list((tmp_path / "text_features").iterdir())) == 2


def test_another_checkpoint_is_another_fingerprint(minilm, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(minilm, copy, ignore=shutil.ignore_patterns("1_Pooling"))
    same = text.fingerprint(NAMES, copy)
    assert same == text.fingerprint(NAMES, minilm)
    for file in ("model.safetensors", "vocab.txt", "tokenizer.json", "config.json"):
        with (copy / file).open("ab") as opened:
            opened.write(b" ")
        changed = text.fingerprint(NAMES, copy)
        assert changed != same
        same = changed


def test_damaged_features_and_graphs_without_text_are_errors(minilm, tmp_path):
    text_from_names(ENTITIES, minilm, tmp_path)
    (file,) = (tmp_path / "text_features").iterdir()
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(UserError, match="is damaged"):
        text_from_names(ENTITIES, minilm, tmp_path)
    with pytest.raises(UserError, match="2 entities, such as 'Q1', are no text"):
        text_from_names(("Q1", "Q2"), minilm, tmp_path)
    with pytest.raises(UserError, match="knows no word piece of any entity, such as 'ᓄᓇᕗᑦ'"):
        text_from_names(("ᓄᓇᕗᑦ",), minilm, tmp_path)
    (tmp_path / "a.tsv").write_text("Lima\ta city\n")
    with pytest.raises(UserError, match=r"describes no entity of the graph; .* 'Lima', .* 'FC_B"):
        text_from_names(ENTITIES, minilm, tmp_path, tmp_path / "a.tsv")
    with pytest.raises(UserError, match="no such folder"):
        text_from_names(ENTITIES, tmp_path / "absent", tmp_path)
