"""Folders as people have them: who is in which sentence, and which picture goes with it."""

import json
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jmere_files import ANN, BOB, LABELS, WORDS, end, jmere, label, mnre, pair, pictures, row

from remote_jax.data.records import build_rows
from remote_jax.eega.data import builders, formats
from remote_jax.eega.data.reader import SentenceReader
from remote_jax.errors import UserError

IMAGES = {  # what a row says, and the file that is its picture
    "absent": [None],
    "null": [None],
    "": [None],
    "a.png": ["a.png"],
    "a": ["a.png"],
    7: ["7.png"],
    "7": ["7.png"],
    "sub/7.png": ["sub/7.png"],
    "gone.jpg": [None],
    8: [None],
}


def build(folder, cache, layout=formats.JMERE, max_rejected=0.0):
    return build_rows(
        builders.BUILDERS, formats.locate(layout, folder), cache, max_rejected=max_rejected
    )


@st.composite
def sentences(draw, types, relations):
    """Words, quintuples and more entities, as names."""
    words = draw(
        st.lists(st.sampled_from(["Ann", "met", "Böb", "日本", "#x"]), min_size=2, max_size=6)
    )

    def entity():
        start = draw(st.integers(0, len(words) - 1))
        return start, draw(st.integers(start + 1, len(words))), draw(st.sampled_from(types))

    quintuples = {
        (head, tail, draw(st.sampled_from(relations)))
        for head, tail in draw(st.lists(st.builds(lambda: (entity(), entity())), max_size=3))
        if head[:2] != tail[:2]
    }
    return words, quintuples, {entity() for _ in range(draw(st.integers(0, 2)))}


def written(words, quintuples, entities, image, cased):
    """A row of JMERE."""

    def dict_of(one):
        name = one[2].upper() if cased else one[2]
        return {"name": " ".join(words[one[0] : one[1]]), "pos": list(one[:2]), "tags": name}

    labels = [
        [{"beg_ent": dict_of(head), "sec_ent": dict_of(tail), "relation": relation}]
        for head, tail, relation in quintuples
    ]
    found = {"token": words, "label_list": labels, "entities": [dict_of(one) for one in entities]}
    if not labels and entities:
        del found["label_list"]
    if not entities:
        del found["entities"]
    if image != "absent":
        found["img_id"] = None if image == "null" else image
    return found


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_each_sentence_has_its_words_labels_and_picture(tmp_path, data):
    """The oracle is what hypothesis wrote; the layout is any of those that are documented."""
    shutil.rmtree(tmp_path / "x", ignore_errors=True)
    folder = tmp_path / "x" / "data"
    place = data.draw(
        st.sampled_from(["img_org", "img_org/train", "JMERE_IMG", "image_path/train"])
    )
    pictures(folder / place)
    for name in ("7.png", "sub/7.png"):
        (folder / place / "sub").mkdir(exist_ok=True)
        shutil.copy(folder / place / "a.png", folder / place / name)
    own = data.draw(st.booleans())
    types, relations = ["per", "org"], ["peer", "member_of"]
    if own:
        types, relations = ["work of art", "person"], ["made_by", "knows", "peer"]
        (folder / "types.txt").write_text("\n".join(data.draw(st.permutations(types))) + "\n\n")
        (folder / "relations.txt").write_text("\r\n".join(data.draw(st.permutations(relations))))
    images = st.sampled_from(sorted(IMAGES, key=str))
    given_ = data.draw(
        st.lists(
            st.tuples(sentences(types, relations), images, st.booleans()), min_size=1, max_size=5
        )
    )
    texts = [json.dumps(written(*one, image, cased)) for one, image, cased in given_]
    listed = data.draw(st.booleans())
    text = "[" + ", ".join(texts) + "]" if listed else "\n\n".join(texts)
    name = data.draw(st.sampled_from(["train.json", "no_none_unified_tags_txt/jmere_train.json"]))
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(data.draw(st.sampled_from(["", "\ufeff"])) + text, "utf-8")

    files = formats.locate(formats.JMERE, folder)
    reader, vocabulary = SentenceReader(files, "train"), files.vocabulary
    found = list(reader)
    assert [one.place for one in found] == list(range(1, len(given_) + 1))
    for one, ((words, quintuples, entities), image, _) in zip(found, given_, strict=True):
        assert list(one.tokens) == words

        def told(e):
            return e.start, e.end, vocabulary.types[e.type]

        assert {
            (told(q.head), told(q.tail), vocabulary.relations[q.relation])
            for q in one.labels.quintuples
        } == quintuples
        ends = {end for quintuple in quintuples for end in quintuple[:2]}
        assert set(map(told, one.labels.entities)) == ends | entities
        (expected,) = IMAGES[image]
        assert one.image == (f"{place}/{expected}" if expected else "")
    assert reader.missing == sum(image in ("gone.jpg", 8) for _, image, _ in given_)


def test_a_name_that_several_pictures_have_is_refused(tmp_path):
    folder = jmere(tmp_path / "data", [row(image=7), row()])
    for name in ("7.png", "7.jpg"):
        shutil.copy(folder / "img_org" / "a.png", folder / "img_org" / name)
    (first,) = build(folder, tmp_path / "cache", max_rejected=0.5).rejected[:1]
    assert first["reason"] == (
        "img_id '7' is any of img_org/7.jpg, img_org/7.png: add the extension"
    )


@pytest.mark.parametrize("image", [True, 7.0, ["a.png"], {"a": 1}])
def test_what_is_no_name_of_a_picture_is_refused(tmp_path, image):
    folder = jmere(tmp_path / "data", [row(image=image), row()])
    assert (
        "img_id must be text"
        in build(folder, tmp_path / "cache", max_rejected=0.5).rejected[0]["reason"]
    )


def test_rows_of_mnre_need_no_picture_either(tmp_path):
    rows = [pair(ANN, BOB, "/per/per/peer"), pair(BOB, ANN, "/per/per/peer", image=None)]
    rows[0].pop("img_id")
    rows.append(pair(ANN, BOB, "/per/per/peer"))
    other = ["Elsewhere", *WORDS[1:]]
    rows += [pair(ANN, BOB, "/per/per/peer", other, image) for image in ("b.png", None, "c.png")]
    reader = SentenceReader(formats.locate(formats.MNRE, mnre(tmp_path / "data", rows)), "train")
    sentence, unseen = reader
    assert sentence.image == "img_org/a.png" and len(sentence.labels.quintuples) == 2
    assert not unseen.image and reader.missing == 1


PERSON, CITY = end(0, 2, "Person"), end(5, 6, "city")
OWN = [row([label(PERSON, CITY, "lives_in")]), row([label(ANN, CITY, "works_in")])]


def test_own_names_are_told_to_be_written_and_are_read_once_they_are(tmp_path):
    folder = jmere(tmp_path / "data", OWN)
    with pytest.raises(UserError) as error:
        build(folder, tmp_path / "cache", max_rejected=0.1)
    said = str(error.value)
    assert "the first is row 1: the type of 'beg_ent' of label 0 is 'Person'" in said
    for name, names in (
        ("types.txt", "person, city, per"),
        ("relations.txt", "lives_in, works_in"),
    ):
        assert f"write {folder / name} with one a line, here: {names}." in said
        (folder / name).write_text(names.replace(", ", "\n"), "utf-8")
    builder = build(folder, tmp_path / "cache")
    assert builder.files.vocabulary.tags == (
        "none",
        "person",
        "city",
        "per",
        "lives_in",
        "works_in",
    )
    (first, _) = builders.read(builder, "train")
    assert [(e.start, e.type) for e in sorted(first.labels.entities)] == [(0, 0), (5, 1)]
    one_file = folder / "relations.txt"
    one_file.write_text("lives_in")
    with pytest.raises(
        UserError, match=r"relations\.txt with one a line, here: lives_in, works_in\."
    ):
        build(folder, tmp_path / "cache", max_rejected=0.1)
    one_file.unlink()
    with pytest.raises(UserError, match="'lives_in', expected one of the 21 known"):
        build(folder, tmp_path / "cache", max_rejected=0.1)


def test_other_names_are_other_data(tmp_path):
    """The tags are the same, but `a` and `b` are types once and once not."""
    folder = jmere(tmp_path / "data", [row()])
    prints = set()
    for types, relations in (("per", "loc\npeer"), ("per\nloc", "peer")):
        (folder / "types.txt").write_text(types)
        (folder / "relations.txt").write_text(relations)
        prints.add(formats.locate(formats.JMERE, folder).fingerprint["sha256"])
    assert len(prints) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty, expected a name a line"),
        ("per\nPer\n", r"line 2: the name is 'per', as on line 1; take it out"),
        ("none\n", "line 1: the name is 'none', which is no name of its own"),
        ("\n".join(map(str, range(1001))), "line 1001: there are more than 1,000 names"),
        (b"\xff", "line 1: .*utf-8"),
        ("x" * 2**20 + "x\n", "line 1: the line is longer"),
    ],
)
def test_a_file_of_names_that_is_none(tmp_path, text, said):
    folder = jmere(tmp_path / "data", [row()])
    (folder / "types.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=rf"types\.txt.*{said}"):
        build(folder, tmp_path / "cache")


def test_a_training_split_without_labels_is_an_error(tmp_path):
    folder = jmere(tmp_path / "data", [row([]), row([])])
    with pytest.raises(UserError, match=r"train\.json: none of its 2 sentences has an entity"):
        build(folder, tmp_path / "cache")
    lone = {"token": WORDS, "entities": [ANN]}
    (folder / "train.json").write_text(json.dumps([lone]))
    assert len(builders.read(build(folder, tmp_path / "cache"), "train")) == 1


@pytest.mark.parametrize(
    ("entities", "said"),
    [
        ({}, "entities must be a list of at most 1,000, found {}"),
        ([ANN] * 1001, "at most 1,000"),
        ([[ANN]], "entity 0 must be a dict"),
        ([ANN, {"pos": [0, 1]}], "the key 'tags' of entity 1 is missing"),
        ([{**ANN, "pos": [3, 9]}], "the span of entity 0 is [3, 9)"),
        ([{**ANN, "tags": "dog"}], "the type of entity 0 is 'dog'"),
    ],
)
def test_hostile_entities_are_refused(tmp_path, entities, said):
    folder = jmere(tmp_path / "data", [row(), {**row(LABELS), "entities": entities}])
    reason = build(folder, tmp_path / "cache", max_rejected=0.5).rejected[0]["reason"]
    assert said in reason and len(reason) < 300


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("own_types", r"types\.txt with one a line, here: person, company, city\."),
        ("no_relations", r"train\.json: none of its 120 sentences has an entity or a relation"),
        ("no_img_id", ""),
        ("half_without", ""),
    ],
)
def test_folders_that_people_have(shared, tmp_path, case, said):
    folder = shared / "cases" / "eega_rows" / case
    if said:
        with pytest.raises(UserError, match=said):
            build(folder, tmp_path)
        return
    builder = build(folder, tmp_path)
    found = builders.read(builder, "train")
    assert len(found) == 120 and not builder.rejected
    assert sum(bool(one.labels.quintuples) for one in found) in (60, 120)
