"""Questions in, answers out; a bad line costs itself."""

import json
import re

import numpy as np
import pytest
import scored
from hypothesis import given, settings
from hypothesis import strategies as st

from remote_jax.data import posts
from remote_jax.data.batches import pipeline
from remote_jax.data.posts import QUERY_KEYS
from remote_jax.errors import UserError
from remote_jax.roam.data import queries
from remote_jax.roam.data.lookup import Lookup
from remote_jax.roam.data.queries import Questions
from remote_jax.roam.data.triples import Graph
from remote_jax.roam.probabilities import with_probabilities

ENTITIES = ("Oslo", "Norway", "Bergen", "http://x.org/Q1")
RELATIONS = ("isLocatedIn", "hasCapital")
TRIPLES = np.array([[0, 0, 1], [2, 0, 1], [1, 1, 0]], np.int32)
GRAPH = Graph(ENTITIES, RELATIONS, {"train": TRIPLES}, "")


@pytest.fixture
def read(tmp_path):
    def read(*lines):
        path = tmp_path / "questions.jsonl"
        text = "".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines)
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        return ask(path)

    return read


def ask(path):
    return Questions.read([value for _, value in posts.read(path)], Lookup(GRAPH))


def rows(questions):
    """All rows of the data set, by key."""
    found = [questions.dataset[row] for row in range(len(questions.dataset))]
    return {key: np.stack([one[key] for one in found]) for key in (found or [{}])[0]}


def answer(questions):
    """Of a model whose scores fall with the ids of entities, whatever the query."""
    falling = -np.arange(len(ENTITIES), dtype=np.float32)
    found = scored.outputs(questions, lambda queries: np.tile(falling, (len(queries), 1)))
    outputs = with_probabilities("softmax", found, 1.0)
    return [one.to_dict() for one in questions.answers(outputs)]


def test_questions_for_tails_and_heads(read):
    questions = read(
        {"id": "a", "head": "Oslo", "relation": "isLocatedIn", "top": 2},
        {"relation": "isLocatedIn", "tail": "Norway"},
        {"head": "<http://x.org/Q1>", "relation": "hasCapital", "top": 1},
    )
    assert rows(questions)["query"].tolist() == [[0, 0], [1, 2], [3, 1]]
    first, second, third = answer(questions)
    assert first == {
        "id": "a",
        "head": "Oslo",
        "relation": "isLocatedIn",
        "answers": [
            {"name": "Oslo", "score": 0.0, "probability": first["answers"][0]["probability"]}
            | {"known": False},
            {"name": "Norway", "score": -1.0, "probability": first["answers"][1]["probability"]}
            | {"known": True},
        ],
    }
    assert [a["known"] for a in second["answers"]] == [True, False, True, False]
    assert second["tail"] == "Norway" and "head" not in second and "id" not in second
    assert third["head"] == "http://x.org/Q1"
    (only,) = third["answers"]
    assert (only["name"], only["score"], only["known"]) == ("Oslo", 0.0, False)


def test_the_data_set_is_what_the_loop_batches(read):
    questions = read(*[{"head": "Oslo", "relation": "isLocatedIn"}] * 3)
    (batch,) = pipeline.eval_batches(questions.dataset, batch_size=4, workers=0)
    assert batch["query"].dtype == np.int32 and batch["query"].shape == (4, 2)
    assert batch["query"][:3].tolist() == rows(questions)["query"].tolist()
    assert batch["known"].tolist() == [[1 << 1]] * 4


def test_ordinary_questions_ask_for_nothing_else(read):
    """Their program has neither ranks nor a whole sort, which others in a file bring in."""
    ordinary = {"head": "Oslo", "relation": "isLocatedIn", "top": 4}
    assert rows(read(ordinary, {**ordinary, "known": False})).keys() == {"query", "known", "new"}
    triple = {**ordinary, "tail": "Norway"}
    del triple["top"]
    assert rows(read(triple)).keys() == {"query", "known", "target"}
    assert rows(read(triple, ordinary)).keys() == {"query", "known", "target", "new"}


def test_no_questions(read):
    for lines in ((), ("nonsense",)):
        questions = read(*lines)
        assert len(questions.dataset) == 0
        assert [one.error is None for one in questions.answers({})] == [False] * len(lines)


def test_fewer_entities_than_asked_for(read):
    (row,) = answer(read({"head": "Oslo", "relation": "isLocatedIn", "top": 100}))
    assert len(row["answers"]) == len(ENTITIES)


GOOD = {"head": "Oslo", "relation": "isLocatedIn"}
TRIPLE = {**GOOD, "tail": "Norway"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("nonsense", "not plain data"),
        ("[1, 2]", "expected a dict"),
        ("[" * 10**5, "nests more than"),
        ('{"head": ' + "9" * 10**5 + "}", "64 digits"),
        ('{"head": "' + "x" * 2**20 + '"}', "longer than"),
        ('{"head": "\udcff"}', "not UTF-8"),
        ({}, "needs two of 'head', 'relation' and 'tail', .*; found none of them"),
        ({"head": "Oslo"}, "needs two of .*; found only 'head'"),
        ({"relation": "isLocatedIn"}, "needs two of .*; found only 'relation'"),
        ({**GOOD, "tail": None}, "'tail' must be text, found None"),
        ({**TRIPLE, "top": 3}, "'top' is for a question that lacks a part, .*: leave 'top' out"),
        ({**TRIPLE, "known": False}, "'known' is for a question that lacks a part"),
        ({"head": "Oslo", "tail": "Norway", "routing": True}, "'routing' .*: give 'relation'"),
        ({**GOOD, "known": 0}, "'known' must be true or false, found 0"),
        ({**GOOD, "known": "false"}, "'known' must be true or false, found 'false'"),
        ({**GOOD, "routing": None}, "'routing' must be true or false, found None"),
        (
            {**GOOD, "tpo": 3},
            r"'tpo' .* keys of a query \(did you mean 'top'\?\): relation, head",
        ),
        ({**GOOD, "head": 3}, "there is no entity '3'"),
        ({**GOOD, "head": 10**18}, "'head' must be text, found 10"),
        ({**GOOD, "head": 3.0}, "'head' must be text, found 3.0"),
        ({**GOOD, "head": True}, "'head' must be text, found True"),
        ({**GOOD, "head": ""}, "'head' is empty"),
        ({**GOOD, "head": "\ud800"}, "not valid Unicode"),
        ({**GOOD, "relation": ["isLocatedIn"]}, "'relation' must be text"),
        ({**GOOD, "top": 0}, "'top' must be a whole number from 1 to 10,000, found 0"),
        ({**GOOD, "top": 10_001}, "'top' must be"),
        ({**GOOD, "top": 3.0}, "'top' must be"),
        ({**GOOD, "top": True}, "'top' must be"),
        ({**GOOD, "id": [1]}, "'id' must be text"),
        ({**GOOD, "head": "olso"}, "there is no entity 'olso'; the nearest known: 'Oslo'."),
        ({**GOOD, "relation": "located_in"}, "no relation 'located_in'; .*: 'isLocatedIn'."),
        ({**GOOD, "head": "q1"}, "nearest known: 'http://x.org/Q1'"),
        ({**GOOD, "head": "zzz"}, "there is no entity 'zzz'."),
        ({**GOOD, "head": "y" * 10**4}, r"there is no entity 'y+\.\.\.\."),
    ],
)
def test_a_bad_line_costs_itself(line, reason, read):
    questions = read(GOOD, line, GOOD)
    assert rows(questions)["query"].tolist() == [[0, 0], [0, 0]]
    first, bad, last = answer(questions)
    assert list(bad) == ["error"]
    assert bad["error"].endswith(".") and len(bad["error"]) < 400
    assert re.search(reason, bad["error"])
    assert first["answers"] == last["answers"]


def test_whole_numbers_are_names():
    lookup = Lookup(
        Graph(("10", "x", "-2"), ("7",), {"train": np.array([[0, 0, 1]], np.int32)}, "")
    )
    for named in ({"head": 10, "relation": 7}, {"head": "10", "relation": "7"}):
        assert rows(Questions.read([named], lookup))["query"].tolist() == [[0, 0]]
    assert rows(Questions.read([{"tail": -2, "relation": 7}], lookup))["query"].tolist() == [[2, 1]]


def test_a_bad_line_keeps_its_id(read):
    (bad,) = answer(read({"head": "Oslo", "id": 5}))
    assert bad["id"] == 5 and "error" in bad


VALUES = (
    st.none()
    | st.integers()
    | st.booleans()
    | st.sampled_from([*ENTITIES, *RELATIONS, "x"])
    | st.text()
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(QUERY_KEYS), VALUES).map(json.dumps)
        | st.text(st.characters(exclude_characters="\n\r", exclude_categories=("Cs",)))
    )
)
def test_any_line_has_an_answer(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("any") / "questions.jsonl"
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    found = answer(ask(path))
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    numbers = [number for number, _ in posts.read(path)]
    assert numbers == [n for n, x in enumerate(content, 1) if x.strip()]
    assert len(found) == len(numbers)
    assert all(len(row.keys() & {"answers", "rank", "error"}) == 1 for row in found)


def test_searches_are_bounded(read, monkeypatch):
    monkeypatch.setattr(queries, "MAX_SEARCHES", 2)
    unknown = ["olso", "olso", "bregen", "norwya", "olso"]
    found = answer(read(*[{"head": name, "relation": "isLocatedIn"} for name in unknown]))
    assert ["nearest" in row["error"] for row in found] == [True, True, True, False, True]


def test_files_that_cannot_be_read(tmp_path, read, monkeypatch):
    with pytest.raises(UserError, match="no file of posts"):
        ask(tmp_path / "none")
    monkeypatch.setattr(queries, "MAX_ROWS", 4)
    relations = {"head": "Oslo", "tail": "Norway"}  # of two relations, in two directions
    assert len(read(relations).dataset) == len(read(GOOD, "x", TRIPLE).dataset) + 1 == 4
    for lines in ([GOOD] * 5, [relations, "x"], [TRIPLE, GOOD, TRIPLE]):
        with pytest.raises(UserError, match="more than 4 questions"):
            read(*lines)
