"""Folders as releases, clones and public code lay them out: whose words and pictures a row has."""

import json
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from released import object_end, picture, row, text_end, umre

from remote_jax.data.arrays import read_torch
from remote_jax.data.media import Folder
from remote_jax.errors import UserError
from remote_jax.remote.data.formats import MNRE, MORE, UMRE, locate
from remote_jax.remote.data.pairs import Pair
from remote_jax.remote.data.reader import PairReader

SPLITS = {"train": ["train"], "validation": ["val", "valid", "validation"], "test": ["test"]}
NONES = ["none", "None", "NA"]

layouts = st.fixed_dictionaries(
    {
        "place": st.sampled_from(["", "txt", "mnre_txt"]),
        "rows": st.sampled_from(["mnre_{}.txt", "mnre_{} .txt", "ours_{}.txt", "mnre_org_{}.txt"]),
        "pictures": st.sampled_from(
            ["img_org/{}", "img_org", "MNRE_IMG", "mnre_image", "mnre_image/{}", "mnre_img/{}"]
        ),
        "vocabulary": st.sampled_from([None, "rel2id.json", "txt/ours_rel2id.json"]),
        "splits": st.sets(st.sampled_from(list(SPLITS)), min_size=1),
        "write": st.sampled_from([json.dumps, repr]),
        "number": st.randoms(use_true_random=False),
    }
)
kinds = st.lists(
    st.sampled_from(["absent", None, "", "number", "full", "stem", "lost"]), min_size=1, max_size=6
)


def name_and_file(kind, number):
    """`img_id` of a row, and the file that is its picture."""
    if kind in ("absent", None, ""):
        return kind, ""
    if kind == "lost":
        return f"lost{number}.jpg", ""
    ids = {"number": number, "full": f"p{number}.png", "stem": f"p{number}"}
    return ids[kind], f"{number}.jpg" if kind == "number" else f"p{number}.png"


@given(layouts, kinds)
@settings(max_examples=40, deadline=None)
def test_each_row_of_mnre_has_its_words_and_its_picture(layout, kinds):
    with tempfile.TemporaryDirectory() as place:
        root, expected, number = Path(place), {}, 0
        for split in layout["splits"]:
            name = layout["number"].choice(SPLITS[split])
            pictures = root / layout["pictures"].format(name)
            pictures.mkdir(parents=True, exist_ok=True)
            lines = []
            for kind in kinds:
                number += 1
                id_, file = name_and_file(kind, number)
                words = [f"w{number}", "met", f"v{number}"]
                ends = ({"name": words[i].upper(), "pos": [i, i + 1]} for i in (0, 2))
                label = layout["number"].choice([*NONES, "/per/per/peer"])
                line = row(*ends, label, id_, words)
                if kind == "absent":
                    del line["img_id"]
                lines.append(layout["write"](line))
                if file:
                    picture(2, 2).save(pictures / file)
                image = (pictures / file).relative_to(root).as_posix() if file else ""
                expected.setdefault(split, []).append((tuple(words), image, label not in NONES))
            path = root / layout["place"] / layout["rows"].format(name)
            path.parent.mkdir(exist_ok=True)
            path.write_text("\n".join(lines))
        if layout["vocabulary"]:
            (root / "txt").mkdir(exist_ok=True)
            (root / layout["vocabulary"]).write_text('{"/per/per/peer": 0, "none": 1}')
        files = locate(MNRE, root)
        assert set(files.rows) == layout["splits"]
        for split, rows in expected.items():
            found = list(PairReader(files, split))
            assert [(one.tokens, one.image, one.label > 0) for one in found] == rows


def test_a_clone_of_the_repository_of_mnre(tmp_path):
    """Version 2 in the clone's own folder, version 1 where its archive was unpacked."""
    second = row({"name": "Ann", "pos": [0, 1]}, {"name": "Bo", "pos": [1, 2]}, "None", 1)
    second["token"] = ["Ann", "Bo"]
    first = [{**second, "relation": label} for label in ("none", "/per/misc/creat")]
    clone = tmp_path / "MNRE"
    for path, rows in (
        ("mnre_txt/mnre_train.txt", [second, {**second, "relation": "/per/per/alumi"}]),
        ("mnre_txt/mnre_val .txt", [second]),
        ("mnre_image/README.md", []),
        ("Version-1/txt/ours_train.txt", first),
        ("Version-1/txt/ours_val.txt", first[:1]),
    ):
        (clone / path).parent.mkdir(parents=True, exist_ok=True)
        (clone / path).write_text("".join(f"{one}\n" for one in rows))
    for folder, count, label in ((clone, 23, "/per/per/alumi"), (clone / "Version-1", 31, "creat")):
        files = locate(MNRE, folder)
        assert list(files.rows) == ["train", "validation"]
        assert len(files.relations) == count
        found = list(PairReader(files, "train"))
        assert [one.label > 0 for one in found] == [False, True]
        assert files.relations[found[1].label].endswith(label)


def more(root: Path, boxes) -> Path:
    """MORE as its authors' code reads it, but for the files of boxes."""
    rows = {"train": "a.jpg", "valid": "b.jpg", "test": "c.jpg"}
    (root / "txt").mkdir(parents=True)
    (root / "img_dep").mkdir()
    for split, image in rows.items():
        (root / "img_org" / split).mkdir(parents=True)
        picture(8, 8).save(root / "img_org" / split / image)
        far = np.linspace(0, 2.5, 64, dtype=np.float32).reshape(8, 8)
        np.savez(root / "img_dep" / f"{image[0]}.npz", depth_map=far)
        line = row({"name": "Ann", "pos": [0, 1]}, {"name": "[OBJ0]", "pos": boxes[image]})
        (root / "txt" / f"{split}.txt").write_text(repr({**line, "img_id": image}) + "\n")
    (root / "caption_dict.json").write_text(
        json.dumps({image: {"[OBJ0]": f"a cup in {image}"} for image in rows.values()})
    )
    return root


BOXES = {
    "a.jpg": (0.75, 0.5, 0.5, 1.0),
    "b.jpg": (0.5, 0.5, 0.2, 0.2),
    "c.jpg": (0.1, 0.8, 0.2, 0.4),
}


def pth(root: Path, monkeypatch) -> list[bool]:
    """Files of boxes that a stand-in for PyTorch reads; and what it was told of weights."""
    told: list[bool] = []

    def load(path, map_location, weights_only):
        told.append(weights_only)
        (image,) = [image for image in BOXES if image[0] == path.read_text()]
        box = BOXES[image] if image == "a.jpg" else np.array(BOXES[image])  # as a tensor
        return {image: {"[OBJ0]": box}}

    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(load=load))
    for split, image in (("train", "a"), ("valid", "b"), ("test", "c")):
        (root / f"ent_{split}_dict.pth").write_text(image)
    return told


def test_more_as_its_authors_code_reads_it(tmp_path, monkeypatch):
    root = more(tmp_path / "MORE", BOXES)
    told = pth(root, monkeypatch)
    files = locate(MORE, root, boxes="auto")
    assert files.boxes == "centers" and files.distances == ("img_dep",)
    (pair,) = PairReader(files, "train")
    np.testing.assert_allclose(pair.boxes, [[0.5, 0.0, 1.0, 1.0]])
    assert (pair.image, pair.depth) == ("img_org/train/a.jpg", "img_dep/a.npz")
    assert pair.tail.caption == "a cup in a.jpg" and told and all(told)
    near = Folder(root, files.distances).depth("img_dep/a.npz")
    assert near[0, 0] == 255 and near[-1, -1] == 0  # the authors' code: 255 - 100 * depth_map
    assert Folder(root).depth("img_dep/a.npz")[0, 0] == 0


def test_boxes_of_more_without_pytorch(tmp_path, monkeypatch):
    """The sentence says how to convert them; the JSON file is then read in place of the pickle."""
    root = more(tmp_path / "MORE", BOXES)
    pth(root, monkeypatch)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UserError, match=r"ent_train_dict\.pth .* pip install torch; or convert"):
        locate(MORE, root, boxes="auto")
    for split, image in (("train", "a.jpg"), ("valid", "b.jpg"), ("test", "c.jpg")):
        text = json.dumps({image: {"[OBJ0]": BOXES[image]}})
        (root / f"ent_{split}_dict.json").write_text(text)
    files = locate(MORE, root, boxes="auto")
    assert [path.name for path in files.positions.values()] == [
        f"ent_{split}_dict.json" for split in ("train", "valid", "test")
    ]
    assert files.boxes == "centers"


def test_a_pickle_that_is_no_data_is_refused(tmp_path, monkeypatch):
    def load(path, map_location, weights_only):
        raise RuntimeError("Weights only load failed. GLOBAL os.system was not allowed.\nmore")

    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(load=load))
    path = tmp_path / "x.pth"
    path.write_bytes(b"x")
    with pytest.raises(UserError, match=r"refuses .* \(RuntimeError\).*weights_only=False"):
        read_torch(path)


@given(st.lists(st.tuples(*[st.floats(0.05, 0.95)] * 4), min_size=12, max_size=30))
@settings(max_examples=40, deadline=None)
def test_the_kind_of_boxes_is_found_out(corners):
    """Random boxes, written either way."""
    boxes = [(min(a, c), min(b, d), max(a, c) + 0.01, max(b, d) + 0.01) for a, b, c, d in corners]
    centers = [((a + c) / 2, (b + d) / 2, c - a, d - b) for a, b, c, d in boxes]
    for kind, written in (("corners", boxes), ("centers", centers)):
        with tempfile.TemporaryDirectory() as place:
            pictures = {f"{i}.jpg": {"[OBJ0]": box} for i, box in enumerate(written)}
            (Path(place) / "pos_more.json").write_text(json.dumps(pictures))
            (Path(place) / "more_train.txt").touch()
            both = [_both(box) for box in written]
            found = locate(MORE, place, boxes="auto").boxes
            assert found == (kind if not all(both) else "centers")


def _both(box):
    """Whether four numbers may be corners as well as a centre with sides."""
    a, b, c, d = box
    inside = a - c / 2 >= -1e-3 and b - d / 2 >= -1e-3 and a + c / 2 <= 1.001 and b + d / 2 <= 1.001
    return a < c and b < d and inside


NAMES = ["", "a.png", "a", "[OBJ0]", "Ann", "../x", "\ud800", "None", "/", "x" * 2000]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**20) | st.floats() | st.sampled_from(NAMES),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*NAMES[:4], "name", "pos"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = umre(tmp_path_factory.mktemp("fuzzed") / "data", [], splits=("train",))
    picture(2, 2).save(root / "UMKE_IMG" / "a.png")
    np.savez(root / "depth_data_umke" / "a.npz", depth_map=np.eye(2))
    return root


@given(
    st.sampled_from(["token", "h", "t", "img_id", "relation"]),
    VALUES,
    VALUES,
    VALUES,
    st.sampled_from(["corners", "auto"]),
)
@settings(max_examples=100, deadline=None)
def test_whatever_files_hold_rows_are_read_or_refused(folder, key, value, boxes, captions, kind):
    good = row(text_end(0, 2), object_end(0), image="a")
    lines = [good, {**good, key: value}, {k: v for k, v in good.items() if k != key}]
    (folder / "train_set.json").write_text("\n".join(map(json.dumps, lines)))
    (folder / "pos_umke.json").write_text(json.dumps({"a.png": boxes}))
    (folder / "cap_test.json").write_text(json.dumps({"a": captions}))
    for one in PairReader(locate(UMRE, folder, boxes=kind), "train"):
        assert isinstance(one, Pair) or one["line"] in (1, 2, 3)
