"""Posts of one's own: what is read, what is refused, and how answers are written."""

import json
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parse_examples import made
from PIL import Image

from configs import jmere as configs
from remote_jax.data import posts as lines_of
from remote_jax.data.media import PostFileMedia
from remote_jax.eega.data import parses
from remote_jax.eega.data.corpus_statistics import CorpusStatistics
from remote_jax.eega.data.features import Featurize
from remote_jax.eega.data.posts import Posts, read_posts
from remote_jax.eega.data.sentences import Sentence
from remote_jax.eega.graphs.visual_graph import edge_types
from remote_jax.eega.quintuples import Entity, Labels, Quintuple, Vocabulary
from remote_jax.eega.tags import CERTAIN, Priors, encode
from remote_jax.encoders import tokenizer
from remote_jax.errors import Refused, UserError

TEXT = "Ann Lee's cups, in Oslo!!"
TOKENS = ["Ann", "Lee", "met", "Bob"]
PARSE = {"heads": [2, 0, 2, 2], "dependencies": ["nsubj", "flat", "ROOT", "obj"], "pos": ["X"] * 4}
VOCABULARY = Vocabulary(("per", "loc"), ("peer", "residence"))
KNOWN = CorpusStatistics.count(
    VOCABULARY,
    [Sentence(tuple(TOKENS), "")],
    [made([0] * 4, dependencies=("nsubj", "flat", "ROOT", "obj"))],
    ("unknown", "man", "cup"),
    ("holding", "left of"),
)
WORDS = 8


@pytest.fixture
def folder(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.savez(tmp_path / "a.npz", depth_map=np.arange(64.0).reshape(8, 8))
    return tmp_path


@pytest.fixture(autouse=True)
def pipeline(monkeypatch):
    """In the place of spaCy: every word hangs on the first; five words are too many for it."""
    asked = []

    def parse(name, sentences):
        asked.extend(sentences)
        return [made([0] * len(w)) if len(w) != 5 else Refused("odd") for w in sentences]

    monkeypatch.setattr(parses, "fresh", parse)
    return asked


def settings_of(**changes):
    config = configs.get_config()
    config.data.update({"max_words": WORDS, "max_tokens": 40, "max_objects": 3, "crop": 8})
    config.update_from_flattened_dict(changes)
    return config


PIECES = tokenizer.train([TEXT, " ".join(TOKENS)] * 3, 80)


def read(folder, *lines, **changes):
    path = folder / "posts.jsonl"
    path.write_text("".join(x if isinstance(x, str) else json.dumps(x) + "\n" for x in lines))
    config = settings_of(**changes)
    beside = PostFileMedia(path)
    found = read_posts([value for _, value in lines_of.read(path)], beside, KNOWN, config)
    featurize = Featurize(PIECES, KNOWN, beside, config)
    examples = [post.example for post in found if post.example is not None]
    return Posts(found, [featurize.map(example) for example in examples], VOCABULARY, Priors())


def answer(posts, *labels):
    """Answers where the model is certain of `labels`."""
    tags, words = [], []
    for features, one in zip(posts.dataset, labels, strict=True):
        count = int(features["words"].sum())
        matrix = encode(one, count, VOCABULARY)
        padded = np.pad(matrix, (0, WORDS - count))
        tags.append(-CERTAIN * (padded[..., None] != np.arange(len(VOCABULARY.tags))))
        words.append(count)
    outputs = {"tags": np.array(tags), "words": np.array(words)} if tags else {}
    return [
        {"line": line, **one.to_dict()} for line, one in enumerate(posts.answers(outputs), start=1)
    ]


def error(folder, line, **changes):
    (found,) = answer(read(folder, line, **changes))
    return found["error"]


ANN, OSLO = Entity(0, 2, 0), Entity(6, 7, 1)


def test_answers_have_the_offsets_of_the_text(folder, pipeline):
    posts = read(folder, {"id": 7, "text": TEXT, "image": "a.png"})
    assert pipeline == [("Ann", "Lee", "'s", "cups", ",", "in", "Oslo", "!", "!")]
    (line,) = answer(posts, Labels.from_quintuples([Quintuple(ANN, OSLO, 1)]))
    ann = {"name": "Ann Lee", "start": 0, "end": 7, "type": "per"}
    oslo = {"name": "Oslo", "start": 19, "end": 23, "type": "loc"}
    assert line == {
        "line": 1,
        "id": 7,
        "entities": [{**ann, "probability": 1.0}, {**oslo, "probability": 1.0}],
        "quintuples": [{"head": ann, "tail": oslo, "relation": "residence", "probability": 1.0}],
        "unread": 1,
    }
    assert all(TEXT[one["start"] : one["end"]] == one["name"] for one in line["entities"])


def test_tokens_bring_their_parse(folder, pipeline):
    posts = read(folder, {"tokens": TOKENS, "parse": PARSE})
    (line,) = answer(
        posts, Labels.from_quintuples([Quintuple(Entity(3, 4, 0), Entity(0, 2, 0), 0)])
    )
    assert line["quintuples"][0]["head"] == {"name": "Bob", "start": 3, "end": 4, "type": "per"}
    assert [one["name"] for one in line["entities"]] == ["Ann Lee", "Bob"]
    assert not pipeline and "id" not in line and "unread" not in line
    edges = posts.dataset[0]["edges"][:4, :4]
    names = ["", "self", "", *KNOWN.labels.dependencies]
    assert names[edges[0, 1]] == "flat" and names[edges[0, 2]] == "nsubj"


def test_objects_and_their_relations(folder):
    objects = [[0, 0, 0.5, 1], {"box": [0.6, 0, 1, 1], "class": "cup", "score": 0.5}]
    posts = read(folder, {"tokens": TOKENS, "image": "a.png", "objects": objects})
    features = posts.dataset[0]
    assert features["objects"].tolist() == [True, True, False]
    assert features["classes"].tolist() == [0, 2, 0]  # without a score for each, by size
    assert edge_types(KNOWN.relations)[features["object_edges"][0, 1]] == "left of"
    objects[0] = {"box": objects[0], "class": None, "score": None, "type": None}
    null = read(folder, {"tokens": TOKENS, "image": "a.png", "objects": objects}).dataset[0]
    assert null["classes"].tolist() == [0, 2, 0]  # as if the keys were not there
    objects[0] = {"box": objects[0]["box"], "score": 0.1}
    posts = read(folder, {"tokens": TOKENS, "image": "a.png", "objects": objects, "depth": "a.npz"})
    assert posts.dataset[0]["classes"].tolist() == [2, 0, 0]


def test_pictures_without_objects_and_posts_without_pictures(folder):
    posts = read(folder, {"tokens": TOKENS, "image": "a.png"}, {"tokens": TOKENS, "objects": []})
    assert [one["objects"].sum() for one in posts.dataset] == [1, 0]
    assert not posts.dataset[1]["rgb"].any()


def test_what_the_model_does_not_read_is_not_looked_for(folder, pipeline):
    plain = {"features.picture": False, "model.graph": "none", "model.channels": ""}
    posts = read(
        folder,
        {"text": TEXT, "image": "absent.png"},
        {"text": TEXT, "objects": [[0, 0, 1, 1]]},
        **plain,
    )
    assert len(posts.dataset) == 2
    assert not pipeline and set(posts.dataset[0]) >= {"tokens"} and "rgb" not in posts.dataset[0]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"image": "b.png"}, r"there is no file 'b\.png' beside posts\.jsonl"),
        ({"image": "../a.png"}, "goes up a folder"),
        ({"image": "posts.jsonl"}, "cannot be decoded"),
        ({"image": "a.png", "depth": "a.png"}, "the depth map"),
        ({"image": "a.png", "objects": [[0, 0, 2, 1]]}, "object 0 leaves the picture"),
        ({"objects": [[0, 0, 1, 1]]}, "'objects' needs 'image', the picture that it is of"),
        ({"depth": "a.npz"}, "'depth' needs 'image', the picture that it is of"),
        ({"image": "a.png", "objects": [{"box": [0, 0, 1, 1], "class": "x"}]}, "not seen"),
        ({"image": "a.png", "objects": [{"box": [0, 0, 1, 1], "class": 1}]}, "must be text"),
        ({"image": "a.png", "objects": [{"box": [0, 0, 1, 1], "score": "1"}]}, "the score of"),
        ({"image": "a.png", "objects": {}}, "'objects' must be a list"),
        ({"objects": [[0, 0, 1, 1]]}, "'objects' needs 'image', the picture that it is of"),
        ({"depth": "a.npz"}, "'depth' needs 'image'"),
        ({"parse": {**PARSE, "heads": [1, 0, 2, 2]}}, "heads of word 0 go in a circle"),
        ({"parse": {**PARSE, "heads": [9, 0, 2, 2]}}, "the head of word 0 is 9, expected 0 to 3"),
        ({"parse": {**PARSE, "heads": [2**40, 0, 2, 2]}}, "32 bits"),
        ({"parse": {**PARSE, "heads": [True, 0, 2, 2]}}, "'parse' must have lists heads"),
        ({"parse": {**PARSE, "pos": ["X"] * 3}}, "the parse has 3 and 4 words"),
        ({"parse": {"heads": [0] * 4}}, "'parse' must have lists heads"),
        ({"parse": []}, "'parse' must have lists heads"),
        ({"tokens": []}, "empty list"),
        ({"tokens": ["a"] * 5}, "odd"),
        ({"text": "a"}, "either 'text' or 'tokens'"),
        ({"id": [1]}, "'id' must be text"),
    ],
)
def test_a_bad_post_costs_itself_a_line(folder, changes, reason):
    good, bad = {"tokens": TOKENS}, {"tokens": TOKENS, **changes}
    first, line, last = answer(read(folder, good, bad, good), *[Labels()] * 2)
    assert set(line) <= {"line", "id", "error"} and line["line"] == 2
    assert re.search(reason, line["error"]), line["error"]
    assert first["quintuples"] == last["quintuples"] == [] and last["line"] == 3


def test_a_parse_goes_with_tokens(folder):
    assert "goes with 'tokens'" in error(folder, {"text": "Ann", "parse": PARSE})


def test_lines_that_are_no_posts(folder):
    posts = read(folder, "{\n", "[]\n", '{"id": 3}\n', "x" * (2**20 + 1) + "\n")
    lines = answer(posts)
    assert [line["line"] for line in lines] == [1, 2, 3, 4] and lines[2]["id"] == 3
    assert all(line["error"].endswith(".") for line in lines)
    assert answer(read(folder)) == []


def test_no_parser_where_one_is_needed(folder, monkeypatch):
    def missing(*arguments):
        raise UserError("The text graph needs spaCy, which is not installed.")

    monkeypatch.setattr(parses, "fresh", missing)
    lines = answer(
        read(folder, {"tokens": TOKENS, "parse": PARSE}, {"text": TEXT, "id": 4}, "{\n"), Labels()
    )
    assert lines[0]["quintuples"] == []
    assert lines[1] == {
        "line": 2,
        "id": 4,
        "error": "The text graph needs spaCy, which is not installed.",
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"imge": "a.png"},
        {"image": "a.png", "objects": [{"box": [0, 0, 1, 1], "scor": 1.0}]},
        {"parse": {**PARSE, "heds": []}},
    ],
)
def test_a_misspelt_key_is_told(folder, changes):
    assert "did you mean" in error(folder, {"tokens": TOKENS, **changes})


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    post=st.dictionaries(
        st.sampled_from(["id", "text", "tokens", "image", "objects", "parse", "depth"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["a.png"]),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(st.sampled_from(["box", "class", "score", "heads", "pos"]), inner)
            ),
            max_leaves=8,
        ),
    )
)
def test_any_post_has_a_line(folder, post):
    posts = read(folder, json.dumps(post) + "\n")
    (line,) = answer(posts, *[Labels()] * len(posts.dataset))
    assert ("error" in line) != ("entities" in line)
