"""Parses of sentences: what is refused, what is kept, and a real pipeline."""

import contextlib

import pytest
from parse_examples import made, same

from remote_jax.eega.data import parses
from remote_jax.errors import Refused, UserError

SENTENCES = [("Curry", "joins", "the", "NBA"), ("Oslo",)]


@pytest.fixture
def pipeline(tmp_path, monkeypatch):
    """A folder in the place of a pipeline, which gives the parses it is told to."""
    folder = tmp_path / "pipeline"
    folder.mkdir()
    (folder / "meta.json").write_text("{}")
    given = [made([1, 1, 3, 1], pos=("PROPN", "VERB", "DET", "PROPN")), made([0])]
    runs = []

    def run(nlp, sentences):
        runs.append(len(sentences))
        return iter(given)

    monkeypatch.setattr(parses, "_load", lambda name: None)
    monkeypatch.setattr(parses, "_run", run)
    return folder, given, runs


def test_parses_are_kept_until_words_or_pipeline_change(tmp_path, pipeline):
    pytest.importorskip("spacy")
    folder, given, runs = pipeline
    for _ in range(2):
        found = parses.parse(str(folder), SENTENCES, tmp_path / "cache")
        assert all(same(*pair) for pair in zip(found, given, strict=True))
    assert runs == [2]
    parses.parse(str(folder), [SENTENCES[0], ("Rome",)], tmp_path / "cache")
    (folder / "meta.json").write_text("{ }")
    parses.parse(str(folder), SENTENCES, tmp_path / "cache")
    assert runs == [2, 2, 2]


def test_a_bad_parse_costs_its_sentence(tmp_path, pipeline):
    pytest.importorskip("spacy")
    folder, given, _ = pipeline
    given[:] = [made([1, 2, 0, 0]), made([0])]
    for _ in range(2):  # and is no better when it is read again
        bad, good = parses.parse(str(folder), SENTENCES, tmp_path / "cache")
        assert isinstance(bad, Refused) and "go in a circle" in str(bad)
        assert same(good, given[1])
    given[:] = [made([0]), made([0])]
    bad, _ = parses.parse(str(folder), SENTENCES[::-1][1:] + SENTENCES[1:], tmp_path / "other")
    assert "has 1 words, but the sentence has 4" in str(bad)


def test_no_such_pipeline(tmp_path):
    pytest.importorskip("spacy")
    with pytest.raises(UserError, match="no spaCy pipeline 'en_none': it is neither"):
        parses.parse("en_none", SENTENCES, tmp_path)
    with pytest.raises(UserError, match="no spaCy pipeline ''"):
        parses.parse("", SENTENCES, tmp_path)


def test_a_folder_that_is_no_pipeline(tmp_path):
    pytest.importorskip("spacy")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty cannot be loaded"):
        parses.parse(str(tmp_path / "empty"), SENTENCES, tmp_path / "cache")


def test_a_pipeline_without_a_parser(tmp_path):
    spacy = pytest.importorskip("spacy")
    spacy.blank("en").to_disk(tmp_path / "blank")
    with pytest.raises(UserError, match="has no dependency parser"):
        parses.parse(str(tmp_path / "blank"), SENTENCES, tmp_path / "cache")


def test_without_spacy(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "spacy", None)
    with pytest.raises(UserError, match=r"pip install spacy"):
        parses.parse("en_core_web_sm", SENTENCES, tmp_path)


def test_a_real_pipeline(shared, tmp_path):
    pytest.importorskip("spacy")
    sentences = [("She", "visited", "Oslo"), ("a\nb", " ", "😀" * 50)]
    first, second = parses.parse(str(shared / "data" / "spacy_en_tweet"), sentences, tmp_path)
    assert first.heads.tolist() == [1, 1, 1]
    assert first.dependencies == ("nsubj", "ROOT", "obj")
    assert first.pos == ("PRON", "VERB", "PROPN")
    assert len(second.heads) == 3


def test_a_plain_name_is_no_folder_of_the_current_one(tmp_path, pipeline, monkeypatch):
    pytest.importorskip("spacy")
    folder, *_ = pipeline
    monkeypatch.chdir(folder.parent)
    for name in ("pipeline", ".", ".."):
        with pytest.raises(UserError, match="There is no spaCy pipeline"):
            parses.parse(name, SENTENCES, tmp_path / "cache")
    assert len(parses.parse("./pipeline", SENTENCES, tmp_path / "cache")) == 2


class Choosy:
    """A pipeline that fails on a block with a word it dislikes."""

    def __init__(self):
        self.blocks = []

    def memory_zone(self):
        return contextlib.nullcontext()

    def pipe(self, docs, batch_size=None):
        self.blocks.append(len(docs))
        if any("bad" in words for words in docs):
            raise ValueError("[E999] dislikes this\nand more")
        return iter(docs)


def test_a_sentence_that_cannot_be_parsed_costs_itself(tmp_path, monkeypatch):
    pytest.importorskip("spacy")
    choosy = Choosy()
    monkeypatch.setattr(parses, "_kept", lambda name: choosy)
    monkeypatch.setattr(parses, "_load", lambda name: choosy)
    monkeypatch.setattr(parses, "_key", lambda name, sentences: "key")
    monkeypatch.setattr(parses, "_doc", lambda nlp, words: words)
    monkeypatch.setattr(parses, "_parse", lambda words: made([0] * len(words)))
    sentences = [("a", "b")] * 64 + [("c",), ("a", "bad"), ("d", "e", "f")]
    for found in (
        parses.fresh("any", sentences),
        parses.parse("any", sentences, tmp_path),
        parses.parse("any", sentences, tmp_path),  # what went wrong is not kept as a parse
    ):
        bad = found.pop(65)
        assert str(bad) == "spaCy cannot parse the sentence: ValueError: [E999] dislikes this"
        assert [len(one.heads) for one in found] == [2] * 64 + [1, 3]
    assert choosy.blocks == [64, 3, 1, 1, 1] * 3
