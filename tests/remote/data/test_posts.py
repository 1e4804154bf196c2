"""Posts in, lines out; a bad post costs its own line and nothing more."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from released import WORDS, config, picture, words_tokenizer

from remote_jax.data import media
from remote_jax.data import posts as posts_of
from remote_jax.errors import UserError
from remote_jax.remote.data.annotations.relation_labels import fit
from remote_jax.remote.data.orders import Orders
from remote_jax.remote.data.posts import Posts

TOKENIZER = words_tokenizer()
RELATIONS = ("none", "/a/b", "/c/d")
BOTH, ONE = [[4, 2, 2]] * 2, [[4, 2, 2], [0, 0, 0]]
ORDERS = Orders(np.array([BOTH, BOTH, ONE]))
"""Both orders of two entities and of two objects; the entity first in a pair of both."""
TEXT = "Ann Lee's cup, in Oslo!"


@pytest.fixture
def folder(tmp_path):
    picture().save(tmp_path / "a.png")
    np.savez(tmp_path / "a.npz", depth_map=np.arange(12.0).reshape(3, 4))
    picture().save(tmp_path.parent / f"{tmp_path.name}.png")  # beside the folder, not in it
    return tmp_path


def read(folder, *posts, **data):
    path = folder / "posts.jsonl"
    written = [post if isinstance(post, str) else json.dumps(post) for post in posts]
    path.write_text("\n".join(written), "utf-8", "surrogateescape")
    found = list(posts_of.read(path))
    values, beside = [value for _, value in found], media.PostFileMedia(path)
    made = config(folder, folder, **data)
    posts = Posts(values, beside, TOKENIZER, RELATIONS, ORDERS, made)
    return [number for number, _ in found], posts


def outputs_of(posts, logits):
    """Outputs as the task gives them."""
    logits = logits[: len(posts.dataset)]
    return {"logits": logits, "temperature": np.array(1.0), "threshold": np.array(0.5)}


def answer(read):
    """Every pair has a relation, the two in turn, each likelier than those after it."""
    numbers, posts = read
    count = len(posts.dataset)
    logits = np.zeros((count, 3))
    logits[np.arange(count), 1 + np.arange(count) % 2] = np.linspace(5, 2, count)
    answers = posts.answers(outputs_of(posts, logits))
    rows = [{"line": n, **one.to_dict()} for n, one in zip(numbers, answers, strict=True)]
    return json.loads(json.dumps(rows))


def text(example):
    return TOKENIZER.decode(example["tokens"][example["token_mask"]])


def test_a_picture_without_boxes_is_one_object_where_it_was_in_training(folder):
    post = {"text": TEXT, "image": "a.png", "entities": [[0, 7], [18, 22]]}
    boxed = {**post, "objects": [[0, 0, 0.5, 1]]}
    for name, objects in (("mnre", 1), ("umre", 0)):
        posts = read(folder, post, boxed, name=name, triplets="ee")
        assert [len(line["relations"]) for line in answer(posts)] == [2, 2]
        alone, beside = posts[1].dataset[0], posts[1].dataset[2]
        assert alone["rgb_mask"].sum() == objects
        assert alone["boxes"][0].tolist() == [0, 0, objects, objects]
        assert beside["rgb_mask"].sum() == 1


def test_a_post_with_everything(folder):
    objects = [[0, 0, 0.5, 1], {"box": [0.5, 0, 1, 1], "caption": "a golden cup"}]
    entities = [[0, 7], {"start": 18, "end": 22, "name": "the city"}]
    post = {"id": 7, "text": TEXT, "image": "a.png", "depth": "a.npz"}
    posts = read(folder, {**post, "entities": entities, "objects": objects})
    (line,) = answer(posts)
    assert line["asked"] == 8 and "unread" not in line
    assert line["line"] == 1 and line["id"] == 7 and "error" not in line
    ann, oslo = (
        {"name": "Ann Lee", "start": 0, "end": 7},
        {"name": "the city", "start": 18, "end": 22},
    )
    left, right = {"object": 0, "box": [0, 0, 0.5, 1]}, {"object": 1, "box": [0.5, 0, 1, 1]}
    ends = [(relation["head"], relation["tail"]) for relation in line["relations"]]
    assert ends == [
        *[(ann, oslo), (oslo, ann), (ann, left), (ann, right), (oslo, left), (oslo, right)],
        *[(left, right), (right, left)],
    ]
    assert [relation["relation"] for relation in line["relations"]] == ["/a/b", "/c/d"] * 4
    powers = np.exp(np.linspace(5, 2, 8))
    np.testing.assert_allclose([r["probability"] for r in line["relations"]], powers / (powers + 2))
    example = posts[1].dataset[3]
    assert text(example) == (
        "[CLS] <s1> ann lee </s1> ' s cup, in oslo! [SEP] <o2> a golden cup </o2> [SEP]"
    )
    assert example["object"].tolist() == [-1, 1]
    assert example["rgb_mask"].tolist() == example["depth_mask"].tolist() == [True, True, False]
    assert [int(posts[1].dataset[i]["row"]) for i in range(8)] == list(range(8))
    assert {int(posts[1].dataset[i]["label"]) for i in range(8)} == {-1}


def test_tokens_and_a_post_without_a_picture(folder):
    posts = read(folder, {"tokens": WORDS, "entities": [[0, 2], [3, 4]]})
    (line,) = answer(posts)
    assert "id" not in line
    assert line["relations"][0]["head"] == {"name": "Ann Lee", "start": 0, "end": 2}
    assert text(posts[1].dataset[1]).startswith("[CLS] <s2> ann lee </s2> met <s1> bob </s1>")
    assert not posts[1].dataset[0]["rgb_mask"].any()


@pytest.mark.parametrize(
    ("span", "marked"),
    [([0, 3], "<s1> ann </s1>"), ([1, 2], "<s1> ann </s1>"), ([2, 5], "<s1> ann lee </s1>")],
)
def test_spans_take_whole_words(folder, span, marked):
    posts = read(folder, {"text": TEXT, "entities": [span, [18, 22]]})
    assert marked in text(posts[1].dataset[0])
    head = answer(posts)[0]["relations"][0]["head"]
    assert head == {"name": TEXT[slice(*span)], "start": span[0], "end": span[1]}


def test_posts_with_fewer_than_two_ends_have_no_relations(folder):
    assert answer(read(folder, {"text": "Oslo"}, {"text": "Oslo", "entities": [[0, 4]]})) == [
        {"line": 1, "relations": [], "asked": 0, "threshold": 0.5},
        {"line": 2, "relations": [], "asked": 0, "threshold": 0.5},
    ]
    assert answer(read(folder)) == []


def test_a_relation_is_answered_in_its_likelier_order_and_above_the_threshold(folder):
    _, posts = read(folder, {"text": TEXT, "entities": [[0, 3], [4, 7], [18, 22]]})
    # Ann-Lee, Lee-Ann, Ann-Oslo, Oslo-Ann, Lee-Oslo, Oslo-Lee
    logits = np.array([[0, 5, 0], [0, 6, 0], [9, 5, 0], [0, 0, 4], [0, 0.2, 0], [0.0, 0.0, 0.2]])
    (found,) = posts.answers(outputs_of(posts, logits))
    said = [(one.head.name, one.tail.name, one.relation) for one in found.relations]
    assert said == [("Lee", "Ann", "/a/b"), ("Oslo", "Ann", "/c/d")]
    warm = {**outputs_of(posts, logits), "temperature": np.array(20.0)}
    assert next(posts.answers(warm)).relations == ()


def test_what_training_never_had_of_such_a_pair_is_not_offered(folder):
    _, posts = read(folder, {"text": TEXT, "entities": [[0, 7], [18, 22]]})
    posts._orders = Orders(np.array([[[4, 2, 0], [4, 2, 2]], BOTH, ONE]))  # no /c/d forward
    (found,) = posts.answers(outputs_of(posts, np.array([[1, 0, 9.0]] * 2)))
    assert [(one.head.name, one.relation) for one in found.relations] == [("Oslo", "/c/d")]


def test_relations_that_contradict_the_types_are_not_offered(folder):
    names = ("none", "/per/loc/live", "/loc/loc/contain")
    assert fit(names, "per", "") == [True, True, False]
    assert fit(names, "", "per") == [True, False, False]
    assert fit(names, "", "") == [True] * 3 and fit(["couple"], "per", "loc") == [True]
    typed = {"start": 0, "end": 7, "type": "C"}
    (line,) = answer(read(folder, {"text": TEXT, "entities": [typed, [18, 22]]}))
    assert "the type 'c' of end 0 is none that relations are named by: none" in line["error"]


def test_what_is_null_is_absent(folder):
    entity, box = {"start": 0, "end": 7}, {"box": [0, 0, 0.5, 1]}
    null = [entity | dict.fromkeys(("type", "name"))], [box | dict.fromkeys(("type", "caption"))]
    rest = {"text": TEXT, "image": "a.png"}
    pairs = (null, ([entity], [box]))
    one, other = answer(read(folder, *(rest | {"entities": a, "objects": b} for a, b in pairs)))
    assert one["relations"] and {**one, "line": 2}.keys() == other.keys()


def test_types_leave_the_other_probabilities_as_they_are(folder, monkeypatch):
    names = ("none", "/per/loc/live", "/per/org/lead")
    monkeypatch.setitem(globals(), "RELATIONS", names)
    entities = [{"start": 0, "end": 7, "type": "PER"}, {"start": 18, "end": 22, "type": "loc"}]
    _, posts = read(folder, {"text": TEXT, "entities": entities})
    logits = np.log(np.array([[0.1, 0.3, 0.6], [0.9, 0.05, 0.05]]))
    certain = {**outputs_of(posts, logits), "threshold": np.array(0.2)}
    (found,) = posts.answers(certain)
    assert [(one.relation, round(one.probability, 6)) for one in found.relations] == [
        ("/per/loc/live", 0.3)
    ]


def test_an_entity_given_twice_is_not_asked_about_itself(folder):
    (line,) = answer(read(folder, {"text": TEXT, "entities": [[0, 7], [0, 7], [18, 22]]}))
    assert line["asked"] == 4


def test_what_is_too_long_to_read_is_said(folder):
    post = {"tokens": WORDS * 4, "entities": [[0, 2], [3, 4]]}
    (line,) = answer(read(folder, post, max_tokens=24))
    assert line["unread"] == sum(len(TOKENIZER.tokenize(word)) for word in WORDS) * 4 - 18
    assert "unread" not in answer(read(folder, {**post, "tokens": WORDS}))[0]


def test_triplet_types_choose_pairs(folder):
    post = {"text": TEXT, "entities": [[0, 7], [18, 22]], "objects": [[0, 0, 1, 1]] * 2}
    post["image"] = "a.png"
    for names, count in (("ee", 2), ("oo", 2), ("eo", 4), ("ee,oo,eo", 8)):
        assert len(read(folder, post, triplets=names)[1].dataset) == count


GOOD = {"text": TEXT, "entities": [[0, 7], [18, 22]]}


@pytest.mark.parametrize(
    ("post", "reason"),
    [
        ("", None),
        ("nonsense", "not plain data"),
        ("[1, 2]", "expected a dict"),
        ("[" * 10**5, "nests more than"),
        ('{"text": __import__("os")}', "not plain data"),
        ('{"text": "\udcff"}', "not UTF-8"),
        ({}, "either 'text' or 'tokens'"),
        ({**GOOD, "tokens": ["a"]}, "either 'text' or 'tokens'"),
        ({"text": 3}, "must be text"),
        ({"text": "  "}, "0 words"),
        ({"tokens": []}, "empty list"),
        ({"tokens": "Ann"}, "list of words"),
        ({**GOOD, "id": [1]}, "'id' must be text"),
        ({**GOOD, "entities": {"start": 0}}, "'entities' must be a list"),
        ({**GOOD, "entities": [[0, 99]]}, "entity 0 is"),
        ({**GOOD, "entities": [[0, 4], [7, 7]]}, "entity 1 is"),
        ({**GOOD, "entities": [[3, 4]]}, "covers no word"),
        (
            {**GOOD, "entities": [{"begin": 0}]},
            "'begin' is none of the keys of entity 0",
        ),
        ({**GOOD, "entities": [3]}, "entity 0 must be"),
        ({**GOOD, "entities": [[0, 3]] * 101}, "at most 100"),
        ({**GOOD, "objects": [[0, 0, 1, 1]]}, "neither the 'image' nor the 'depth'"),
        ({**GOOD, "entities": [{"start": 0, "end": 3, "type": 1}]}, "the type of entity 0"),
        ({**GOOD, "objects": [[0, 0, 640, 480]]}, "leaves the picture"),
        ({**GOOD, "objects": [{"caption": "x"}]}, "the box of object 0"),
        ({**GOOD, "objects": [{"box": [0, 0, 1, 1], "caption": 3}]}, "caption of object 0"),
        ({**GOOD, "objects": [[0, 0, float("nan"), 1]]}, "not finite"),
        ({**GOOD, "image": "none.png"}, "there is no file 'none.png'"),
        ({**GOOD, "image": "../x.png"}, "goes up a folder"),
        ({**GOOD, "image": "/etc/passwd"}, "is absolute"),
        ({**GOOD, "image": "a.npz"}, "cannot be decoded"),
        ({**GOOD, "image": 3}, "'image' must be text"),
        ({"text": TEXT, "entites": []}, "'entites' is none of the keys of a post (did"),
        ({**GOOD, "imge": "a.png"}, "did you mean 'image'?"),
        ({**GOOD, "line": 3}, "'line' is none of the keys of a post: text"),
        ({**GOOD, "entities": [{"start": 0, "end": 7, "nmae": "x"}]}, "did you mean 'name'"),
        ({**GOOD, "objects": [{"box": [0, 0, 1, 1], "captoin": "x"}]}, "did you mean 'caption'"),
        ({**GOOD, "id": True}, "'id' must be text or a whole number, found True"),
        ({**GOOD, "depth": "a.png"}, "cannot be read"),
        ({**GOOD, "image": "a.png", "depth": "a.png"}, "cannot be read"),
        ({**GOOD, "depth": "../a.npz"}, "goes up a folder"),
    ],
)
def test_a_bad_post_costs_one_line(folder, post, reason):
    lines = answer(read(folder, GOOD, post, GOOD))
    assert [line["line"] for line in lines] == ([1, 3] if reason is None else [1, 2, 3])
    if reason:
        assert set(lines[1]) - {"id"} == {"line", "error"}
        assert reason in lines[1]["error"] and lines[1]["error"].endswith(".")
    assert len(lines[0]["relations"]) == len(lines[-1]["relations"]) == 2


def test_a_bad_post_keeps_its_id(folder):
    (line,) = answer(read(folder, {"id": "x", "text": ""}))
    assert line["id"] == "x" and "error" in line


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match=r"none\.jsonl"):
        list(posts_of.read(tmp_path / "none.jsonl"))


def test_a_picture_is_checked_once(folder, monkeypatch):
    calls = []
    original = media.read_picture
    counted = {**media.READ, "image": lambda path: calls.append(path) or original(path)}
    monkeypatch.setattr(media, "READ", counted)
    read(folder, *[{**GOOD, "image": "a.png"}] * 5)
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("name", "first", "second", "reason"),
    [
        ("a.png", "image", "depth", "cannot be read"),
        ("a.npz", "depth", "image", "cannot be decoded"),
    ],
)
def test_what_one_post_read_as_a_picture_is_no_depth_map_of_another(
    folder, name, first, second, reason
):
    lines = answer(read(folder, *[{**GOOD, key: name} for key in (first, second, first)]))
    assert ["error" in line for line in lines] == [False, True, False]
    assert reason in lines[1]["error"]


@settings(max_examples=100, deadline=None)
@given(
    post=st.dictionaries(
        st.sampled_from(["id", "text", "tokens", "entities", "objects", "image", "depth"]),
        st.recursive(
            st.none() | st.integers(-2, 9) | st.floats() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(st.sampled_from(["start", "end", "box", "name"]), inner)
            ),
            max_leaves=8,
        ),
    )
)
def test_any_post_has_a_line(tmp_path_factory, post):
    folder = tmp_path_factory.getbasetemp()
    (line,) = answer(read(folder, json.dumps(post)))
    assert ("error" in line) != ("relations" in line)
