"""The example files on the page of formats, read by the readers that read a person's own."""

import json

import numpy as np
import pytest
import scored
from pages import ROOT, titled, write_examples
from released import config, words_tokenizer

from configs import jmere as jmere_config
from remote_jax.data import media, records, release
from remote_jax.data import posts as lines
from remote_jax.data.extracted import read_extracted
from remote_jax.eega.data import builders as sentence_builders
from remote_jax.eega.data import examples, formats, posts
from remote_jax.eega.data.objects import ObjectGraphs
from remote_jax.remote.data import builders
from remote_jax.remote.data import formats as pair_formats
from remote_jax.remote.data.orders import Orders
from remote_jax.remote.data.posts import Posts
from remote_jax.roam.data import features, text, triples
from remote_jax.roam.data.lookup import Lookup
from remote_jax.roam.data.queries import Questions
from remote_jax.roam.probabilities import with_probabilities

PAGE = ROOT / "docs" / "formats.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("formats")
    write_examples(PAGE, made)
    return made


def pairs(folder, cache, layout, **options):
    files = pair_formats.locate(layout, folder, **options)
    builder = records.build_rows(builders.BUILDERS, files, cache, 0.0)
    source = builder.as_data_source("train")
    label = builder.info.features["label"].int2str
    found = [builders.decode(source[index], index) for index in range(len(source))]
    return found, [label(pair.label) for pair in found]


def test_every_example_is_read_by_a_test_below():
    tops = {title.split("/")[0] for title, _ in titled(PAGE)}
    names = {"umre", "own", "more", "mnre", "jmere", "own_jmere", "graph", "openke", "posts"}
    names |= {"extracted"}
    assert tops == names


def test_umre(folder, tmp_path):
    found, labels = pairs(folder / "umre", tmp_path, pair_formats.UMRE)
    assert labels == ["/per/per/partner", "/per/misc/awarded", "/per/per/self"]
    assert [pair.type for pair in found] == [0, 1, 2]
    assert {(pair.image, pair.depth) for pair in found} == {("UMKE_IMG/a.png", "depth_data/a.npz")}
    np.testing.assert_allclose(found[0].boxes, [[0, 0, 0.5, 1], [0.5, 0.2, 1, 0.9]])
    assert found[0].head.caption == "an actress"
    assert found[1].tail.caption == "a golden cup"


def test_a_vocabulary_of_ones_own(folder, tmp_path):
    _, labels = pairs(folder / "own", tmp_path, pair_formats.UMRE)
    assert labels == ["knows"]


def test_more_with_boxes_by_their_centres(folder, tmp_path):
    (pair,), labels = pairs(folder / "more", tmp_path, pair_formats.MORE, boxes="centers")
    np.testing.assert_allclose(pair.boxes, [[0.3, 0.1, 0.7, 0.9]], atol=1e-6)
    assert labels == ["/per/per/partner"] and pair.tail.object == 0


def test_mnre(folder, tmp_path):
    (pair,), labels = pairs(folder / "mnre", tmp_path, pair_formats.MNRE)
    assert labels == ["/per/org/member_of"] and pair.tail.span == (3, 4)


def sentences(folder, cache, name):
    settings = jmere_config.get_config()
    settings.data.update({"name": name, "dir": str(folder), "cache": str(cache)})
    settings.features.picture = name == "jmere"
    return settings, examples.SentenceDataset(settings)


def test_jmere(folder, tmp_path):
    _, data = sentences(folder / "jmere", tmp_path, "jmere")
    (example,) = data.examples("train")
    assert len(example.sentence.labels.quintuples) == 2
    assert example.parse.heads.tolist() == [2, 0, 2, 2, 2, 4]
    assert example.parse.dependencies[-1] == "pobj" and example.parse.pos[2] == "VERB"
    assert example.sentence.image == "img_org/a.png"
    assert data.corpus.classes[1:] == ("woman", "cup")
    assert data.corpus.relations == ("holding",)
    np.testing.assert_allclose(example.graph.boxes[0], [0, 0, 0.5, 1])
    assert example.graph.adjacent[0, 1]
    found = formats.locate(formats.JMERE, folder / "jmere")
    other = ObjectGraphs(found, objects=5, threshold=0.1).graph("img_org/b.png", "train")
    assert other.mask.sum() == len(json.loads(found.boxes.read_text())["b.png"])


def test_jmere_with_names_of_its_own(folder, tmp_path):
    settings, _ = sentences(folder / "own_jmere", tmp_path, "jmere")
    settings.model.update({"graph": "none", "channels": ""})
    settings.model.alignment.weight = 0.0
    first, second = examples.SentenceDataset(settings).examples("train")
    files = formats.locate(formats.JMERE, folder / "own_jmere")
    assert files.vocabulary.tags == ("none", "person", "company", "works_for")
    assert len(first.sentence.labels.quintuples) == 1 and not first.sentence.image
    assert [(one.start, one.type) for one in second.sentence.labels.entities] == [(0, 0)]
    assert second.sentence.image == "img_org/7.png" and second.graph.adjacent[0, 1]


def test_jmere_of_rows_of_mnre(folder, tmp_path):
    found = formats.locate(formats.MNRE, folder / "mnre")
    builder = records.build_rows(sentence_builders.BUILDERS, found, tmp_path, 0.0)
    (sentence,) = sentence_builders.read(builder, "train")
    (quintuple,) = sentence.labels.quintuples
    names = release.bundled("relations", "jmere")[1:]
    assert names[quintuple.relation] == "member_of"


def test_graph(folder):
    graph = triples.read(folder / "graph")
    assert graph.entities == ("Oslo", "Norway", "Bergen")
    assert graph.splits["train"].tolist() == [[0, 0, 1], [2, 0, 1], [1, 1, 0]]
    assert graph.splits["test"].tolist() == [[0, 0, 1]]
    image = features.load_matrix(folder / "graph/image.npz", graph.entities, graph.naming)
    assert image.present.tolist() == [True, False, True]
    written = features.load_matrix(folder / "graph/text.npy", graph.entities, graph.naming)
    assert written.present.all()
    lines, values = (
        text.read_descriptions(folder / "graph" / f"descriptions.{end}") for end in ("txt", "json")
    )
    assert lines == values and set(lines) == {"Oslo", "Bergen"}


def test_graph_of_openke(folder):
    graph = triples.read(folder / "openke")
    assert graph.splits["train"].tolist() == [[0, 0, 1], [2, 0, 1]]
    assert graph.relations == ("isLocatedIn",)


def test_extracted_posts(folder):
    first, second = read_extracted(folder / "extracted")
    assert (first.date, first.image) == ("2026-03-01", "pictures/a.jpg")
    assert [one.name for one in first.mentions] == ["Ann Lee", "Rovers", "a person in red"]
    assert [one.is_object for one in first.mentions] == [False, False, True]
    assert [one.relation for one in first.triplets] == ["/per/org/member_of", "/per/per/self"]
    assert second.mentions == second.triplets == ()


def read(path):
    """The posts of a file, and what finds their pictures."""
    return [value for _, value in lines.read(path)], media.PostFileMedia(path)


def answered(answers, count):
    found = [one.to_dict() for one in answers]
    assert [one for one in found if "error" in one] == [] and len(found) == count
    return found


def test_posts_of_remote(folder, tmp_path):
    settings = config(folder / "posts", tmp_path)
    values, beside = read(folder / "posts/remote.jsonl")
    orders = Orders(np.ones((3, 2, 2), int))
    asked = Posts(values, beside, words_tokenizer(), ("none", "knows"), orders, settings)
    # The first of two orders is likelier.
    logits = np.array([[0, 3 - number % 2] for number in range(len(asked.dataset))])
    outputs = {"logits": logits, "temperature": np.array(1.0), "threshold": np.array(0.5)}
    first, second = answered(asked.answers(outputs), 2)
    names = [first["relations"][0][key]["name"] for key in ("head", "tail")]
    assert names == ["Ann Lee", "Bob"]
    assert second["asked"] == 12 and len(second["relations"]) == 1 + 1 + 4
    assert asked.dataset[0]["rgb_mask"].sum() == 0 and asked.dataset[2]["depth_mask"].sum() == 2


def test_posts_of_eega(folder, tmp_path):
    settings, data = sentences(folder / "jmere", tmp_path, "jmere")
    values, beside = read(folder / "posts/eega.jsonl")
    (post,) = posts.read_posts(values, beside, data.corpus, settings)
    assert not post.error
    assert post.example.parse.heads.tolist() == [1, 1, 1]
    assert post.example.graph.mask.sum() == 2


def test_questions(folder):
    values, _ = read(folder / "posts/roam.jsonl")
    asked = Questions.read(values, Lookup(triples.read(folder / "graph")))
    found = scored.outputs(asked, lambda queries: np.tile([3.0, 2.0, 1.0], (len(queries), 1)))
    names = ("first", "new", "relations", "triple")
    found = with_probabilities("softmax", found, 1.0)
    answers = dict(zip(names, answered(asked.answers(found), len(names)), strict=True))
    assert answers["first"]["id"] == 7
    assert [one["name"] for one in answers["first"]["answers"]] == ["Oslo", "Norway"]
    assert answers["first"]["answers"][1]["known"] is True
    assert [one["name"] for one in answers["new"]["answers"]] == ["Norway"]
    assert {one["name"] for one in answers["relations"]["answers"]} == {"isLocatedIn", "hasCapital"}
    assert answers["triple"]["rank"] == {"tail": 2.0, "head": 1.0}
