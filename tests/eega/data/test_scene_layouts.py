"""Scene graphs as EEGA's authors lay them out, and whose picture each is of."""

import json
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jmere_files import jmere, pictures, row
from parse_examples import made

from configs import jmere as configs
from remote_jax.eega.data import formats, parse_files
from remote_jax.eega.data.examples import SentenceDataset
from remote_jax.eega.data.objects import ObjectGraphs, is_whole_picture
from remote_jax.eega.graphs.visual_graph import edge_types
from remote_jax.errors import Refused, UserError

CLASSES = ["__background__", "man", "cup", "dog_house"]
PREDICATES = ["__background__", "holding", "near"]
SPLITS = {"train": "train", "validation": "val", "test": "test"}
NUMBERS = ("rel_pairs", "rel_scores")


def entry(kinds, relation):
    """Objects of these classes side by side; the first is related to the last."""
    step = 800 / len(kinds)  # the pictures of the tests are 800 x 600 to a detector
    return {
        "bbox": [[step * i, 0, step * (i + 1), 600] for i in range(len(kinds))],
        "bbox_labels": list(kinds),
        "bbox_scores": [0.9 - 0.1 * i for i in range(len(kinds))],
        "rel_pairs": [[0, len(kinds) - 1]],
        "rel_labels": [relation],
        "rel_scores": [0.8],
    }


def as_text(one, drop=()):
    """The same as the authors write it."""
    names = [f"{i}_{CLASSES[kind]}" for i, kind in enumerate(one["bbox_labels"])]
    relations = [
        f"{names[head]} => {PREDICATES[relation]} => {names[tail]}"
        for (head, tail), relation in zip(one["rel_pairs"], one["rel_labels"], strict=True)
    ]
    found = {**one, "rel_labels": relations, "bbox_labels": names}
    return {key: value for key, value in found.items() if key not in drop}


def write(folder, entries, files=None):
    folder.mkdir(parents=True, exist_ok=True)
    info = {"ind_to_classes": CLASSES, "ind_to_predicates": PREDICATES}
    info |= {"idx_to_files": [f"far/{name}" for name in files]} if files else {}
    (folder / "custom_prediction.json").write_text(json.dumps(entries))
    (folder / "custom_data_info.json").write_text(json.dumps(info))


def seen(graph, graphs):
    """Classes, and the relation of the first object to the last."""
    count = int(graph.mask.sum())
    types = edge_types(graphs.relations)
    return [CLASSES[kind] for kind in graph.labels[:count]], types[graph.edges[0, count - 1]]


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_each_picture_has_the_graph_that_was_predicted_of_it(tmp_path, data):
    """Pictures are named by numbers, which places of other pictures could be mistaken for."""
    shutil.rmtree(tmp_path / "data", ignore_errors=True)
    folder = jmere(tmp_path / "data", [row()])
    each = data.draw(st.booleans())
    keyed = data.draw(st.sampled_from(["place", "name", "stem"]))
    text, listed = data.draw(st.booleans()), data.draw(st.booleans())
    drop = data.draw(st.sets(st.sampled_from([*NUMBERS, "bbox_scores"]))) if text else ()
    names = data.draw(st.permutations([f"{i}.png" for i in range(4)]))
    names = names[: data.draw(st.integers(1, 4))]
    for name in names:
        shutil.copy(folder / "img_org" / "a.png", folder / "img_org" / name)
    expected, graphs = {}, {}
    for split in SPLITS if each else ["all"]:
        kinds = st.lists(st.integers(1, 3), min_size=2, max_size=3)
        said = {n: (data.draw(kinds), data.draw(st.integers(1, 2))) for n in names}
        made = {n: as_text(entry(*one), drop) if text else entry(*one) for n, one in said.items()}
        keys = {
            "place": lambda n: str(names.index(n)),
            "name": str,
            "stem": lambda n: n.split(".")[0],
        }
        graphs = {keys[keyed](n): one for n, one in made.items()}
        there = folder / "image_path" / SPLITS[split] if each else folder
        files = names if keyed == "place" or (listed and keyed == "name") else None
        write(there, graphs, files)
        for one in SPLITS if not each else [split]:
            expected |= {
                (one, n): ([CLASSES[k] for k in s[0]], PREDICATES[s[1]]) for n, s in said.items()
            }
    for name in ("train", "val", "test"):
        (folder / f"{name}.json").write_text(json.dumps([row(image=n) for n in names]))
    found = ObjectGraphs(formats.locate(formats.JMERE, folder), objects=4, threshold=0.1)
    for (split, name), one in expected.items():
        assert seen(found.graph(f"img_org/{name}", split), found) == one


def test_the_names_beside_training_are_for_all(tmp_path):
    folder = jmere(tmp_path / "data", [row()])
    for split in SPLITS.values():
        write(folder / "image_path" / split, {"a.png": as_text(entry([1, 2], 1))})
        if split != "train":
            (folder / "image_path" / split / "custom_data_info.json").unlink()
    found = ObjectGraphs(formats.locate(formats.JMERE, folder), objects=2, threshold=0.1)
    assert seen(found.graph("img_org/a.png", "test"), found) == (["man", "cup"], "holding")
    (folder / "image_path" / "train" / "custom_data_info.json").unlink()
    with pytest.raises(UserError, match=r"custom_prediction\.json needs custom_data_info\.json"):
        formats.locate(formats.JMERE, folder)


def test_graphs_without_boxes_show_the_whole_picture(tmp_path):
    folder = jmere(tmp_path / "data", [row()])
    write(folder, {"a.png": as_text(entry([1, 2], 1), drop=("bbox",))})
    found = ObjectGraphs(formats.locate(formats.JMERE, folder), objects=2, threshold=0.1)
    assert is_whole_picture(found.graph("img_org/a.png", "train"))


def test_splits_of_two_detectors_are_an_error(tmp_path):
    folder = jmere(tmp_path / "data", [row()])
    for split in ("train", "test"):
        write(folder / "image_path" / split, {"a.png": entry([1, 2], 1)})
    info = folder / "image_path" / "test" / "custom_data_info.json"
    info.write_text(info.read_text().replace("cup", "mug"))
    with pytest.raises(UserError, match=r"test/custom_data_info\.json has other names .* than"):
        ObjectGraphs(formats.locate(formats.JMERE, folder), objects=2, threshold=0.1)
    write(folder, {"a.png": entry([1, 2], 1)})
    with pytest.raises(UserError, match="scene graphs for all splits and for one"):
        formats.locate(formats.JMERE, folder)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("rel_labels", ["0_man => holding"], r"rel_labels\[0\] must be like '0_man => holding"),
        ("rel_labels", ["man => holding => cup"], "must be like"),
        ("rel_labels", ["0_man => eating => 1_cup"], "'eating', which custom_data_info.json lacks"),
        ("rel_labels", ["0_man => near => 7_cup"], r"rel_labels\[0\] is 7, expected .* below 2"),
        ("rel_labels", ["0_man => near => 1_cup", 3], "must be like .* found 3"),
        ("rel_labels", ["0" * 99 + " => near => 1"], "must be like"),
        ("rel_labels", ["0" + " " * 10**6 + "=> near =>"], "must be like"),
        ("bbox_labels", ["0_man", "1_mug"], r"bbox_labels\[1\] has 'mug', which"),
        ("bbox_labels", ["man"], "'bbox_labels' as 2 items, found 1"),
    ],
)
def test_hostile_texts_are_refused(tmp_path, key, value, said):
    folder = jmere(tmp_path / "data", [row()])
    write(folder, {"a": {**as_text(entry([1, 2], 1)), key: value}})
    found = ObjectGraphs(formats.locate(formats.JMERE, folder), objects=2, threshold=0.1)
    with pytest.raises(Refused, match=f"scene graph a of a.png: .*{said}") as error:
        found.graph("img_org/a.png", "train")
    assert len(str(error.value)) < 250


def test_a_folder_as_the_authors_code_writes_it(tmp_path):
    """It builds with no more than `data.dir`; what is pickled is named, and stays shut."""
    folder, texts = tmp_path / "data", tmp_path / "data" / "no_none_unified_tags_txt"
    texts.mkdir(parents=True)
    config = configs.get_config("paper")
    config.data.update({"dir": str(folder), "cache": str(tmp_path / "cache")})
    for number, split in enumerate(SPLITS.values()):
        pictures(folder / "img_org" / split)
        (texts / f"{split}.json").write_text(json.dumps([row(), row([])]))
        parse_files.write(texts / f"{split}.parses.npz", [made([0] * 8)] * 2)
        there = folder / "image_path" / split
        write(there, {"a.png": as_text(entry([1, 2 + number % 2], 1), drop=NUMBERS)})
        for name in ("output_feature.pickle", "../../no_none_unified_tags_txt/x.pos_sequence"):
            (there / name).write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    data = SentenceDataset(config)
    for number, split in enumerate(SPLITS):
        first, second = data.examples(split)
        assert first.sentence.image == f"img_org/{SPLITS[split]}/a.png"
        assert first.graph.labels[:2].tolist() == [1, 2 + number % 2]
        assert edge_types(data.corpus.relations)[second.graph.edges[0, 1]] == "holding"
    parsed, features = formats.passed_over(data.files)
    assert "image_path/test/output_feature.pickle: features of a detector's regions" in features
    assert "no_none_unified_tags_txt/x.pos_sequence: parses" in parsed
