"""Records of the released formats: what is kept, what is refused and why, and killed builds."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from released import BOXES, ROWS, WORDS, object_end, picture, row, text_end, umre

from remote_jax.data import records
from remote_jax.data.release import SPLITS
from remote_jax.errors import UserError
from remote_jax.remote.data import builders, formats
from remote_jax.remote.data.reader import PairReader

opened: list[str] | None = None


def _watch(event, arguments):
    if opened is not None and event == "open" and isinstance(arguments[0], str | bytes):
        opened.append(os.fsdecode(arguments[0]))


sys.addaudithook(_watch)


@pytest.fixture
def watched():
    """Paths of the files that are opened while the test runs."""
    global opened
    opened = []
    yield opened
    opened = None


def build(folder, cache, max_rejected=0.0, layout=formats.UMRE, **options):
    files = formats.locate(layout, folder, **options)
    return records.build_rows(builders.BUILDERS, files, cache, max_rejected)


def pairs(builder, split="train"):
    source = builder.as_data_source(split)
    return [builders.decode(source[index], index) for index in range(len(source))]


@pytest.mark.parametrize("dump", [repr, json.dumps], ids=["literal", "json"])
def test_records_hold_what_the_files_say(tmp_path, dump):
    builder = build(umre(tmp_path / "data", dump=dump), tmp_path / "cache")
    first, second, third, fourth = pairs(builder)
    assert first.tokens == tuple(WORDS)
    assert first.head == builders.Argument("Ann Lee", (0, 2), -1, "")
    assert builder.info.features["label"].int2str(first.label) == "/per/per/partner"
    np.testing.assert_allclose(first.boxes, list(BOXES.values()))
    assert (first.image, first.depth) == ("UMKE_IMG/a.png", "depth_data_umke/a.npz")
    assert (first.file, first.line, first.row) == ("train_set.json", 1, 0)
    assert second.head == builders.Argument("[OBJ0]", None, 0, "a woman in a red coat")
    assert second.tail == builders.Argument("[OBJ1]", None, 1, "a golden cup")
    assert (third.head.object, third.tail.object) == (-1, 0)
    assert (fourth.image, fourth.depth, fourth.boxes.shape) == ("", "", (0, 4))
    assert [pair.type for pair in (first, second, third, fourth)] == [0, 1, 2, 0]


def test_captions_of_entities_are_found_by_name(tmp_path):
    """Also where its words are a list, or joined otherwise."""
    names = ("Oslo", ["Oslo"], "os lo", "Bob")
    rows = [row({"name": name, "pos": [5, 6]}, object_end(0)) for name in names]
    found = pairs(build(umre(tmp_path / "data", rows), tmp_path / "cache"))
    assert [pair.head.caption for pair in found] == ["a city"] * 3 + [""]


def test_the_box_of_the_row_wins_and_joins_the_listed_ones(tmp_path):
    rows = [
        row(text_end(0, 2), object_end(1, (0.5, 0.5, 0.75, 1.0))),
        row(text_end(0, 2), object_end(7, (0.1, 0.1, 0.2, 0.2))),
        row(object_end(7, (0.1, 0.1, 0.2, 0.2)), text_end(0, 2), image="missing.png"),
    ]
    first, second, third = pairs(build(umre(tmp_path / "data", rows), tmp_path / "cache"))
    np.testing.assert_allclose(first.boxes, [BOXES["[OBJ0]"], (0.5, 0.5, 0.75, 1.0)])
    assert first.tail.object == 1
    assert len(second.boxes) == 3 and second.tail.object == 2
    assert len(third.boxes) == 1 and third.head.object == 0


def test_boxes_by_centre_are_corners_in_the_records(tmp_path):
    rows = [row(text_end(0, 2), object_end(0, (0.25, 0.25, 0.5, 0.5)))]
    folder = umre(tmp_path / "data", rows)
    (folder / "pos_umke.json").write_text("{}")
    (pair,) = pairs(build(folder, tmp_path / "cache", boxes="centers"))
    np.testing.assert_allclose(pair.boxes, [[0.0, 0.0, 0.5, 0.5]])


def nested_literal(depth):
    return "{'token': " + "[" * depth + "]" * depth + "}"


def hostile(folder):
    """Lines that must be refused, and what the reason must say."""
    canary = folder.parent / "canary"
    outside = folder.parent / "outside.png"
    picture().save(outside)
    pictures = folder / "UMKE_IMG"
    (pictures / "link.png").symlink_to(outside)
    (pictures / "cut.png").write_bytes(outside.read_bytes()[:5000])
    picture(9000, 9000).save(pictures / "large.bmp")
    (pictures / "text.png").write_text("not a picture")
    picture().save(pictures / "depthless.png")
    np.savez(folder / "depth_data_umke" / "depthless.npz", depth_map=np.array([[np.nan]]))
    head, tail = text_end(0, 2), text_end(3, 4)
    code = f"__import__('pathlib').Path({str(canary)!r}).touch()"
    large = (pictures / "large.bmp").read_bytes()
    header = large[:18] + (30_000).to_bytes(4, "little") * 2 + large[26:1000]
    (pictures / "huge.bmp").write_bytes(header)
    (pictures / "large.bmp").unlink()
    return [
        ("{'token': " + code + "}", "not plain data"),
        (repr(row(head, tail)).replace("'none'", code), "not plain data"),
        (row(head, tail, image="../outside.png"), "goes up a folder"),
        (row(head, tail, image=str(outside)), "is absolute"),
        (row(head, tail, image="link.png"), "leads outside"),
        (row(head, tail, image="a\0.png"), "not the name of a file"),
        (row(head, tail, image="cut.png"), "cannot be decoded"),
        (row(head, tail, image="huge.bmp"), "expected at most 50,000,000 pixels"),
        (row(head, tail, image="text.png"), "cannot be decoded"),
        (row(head, tail, image="depthless.png"), "not finite"),
        (json.dumps(row(head, object_end(0, (float("nan"), 0, 1, 1)))), "not finite"),
        (row(head, tail, tokens=[]), "empty list"),
        (row(head, tail, relation="/no/such/relation"), "not one of the 28"),
        (nested_literal(10**5), "nests more than"),
        (nested_literal(10**5).replace("'", '"'), "nests more than"),
        (nested_literal(6 * 10**5), "longer than"),
        ("{'token': " + "-" * 10**5 + "1}", "not plain data"),
        (repr(row(head, tail)).replace("[0, 2]", f"[0, {'9' * 10**5}]"), "64 digits"),
        ("not a row at all", "not plain data"),
        (row(object_end(0), object_end(0, (0, 0, 1, 1))), "their boxes differ"),
    ]


def test_hostile_rows_are_refused_with_file_line_and_reason(tmp_path, watched):
    folder = umre(tmp_path / "data")
    bad = hostile(folder)
    lines = []
    for line, _ in bad:  # each between two good rows
        lines += [repr(ROWS[0]), line if isinstance(line, str) else repr(line)]
    (folder / "train_set.json").write_text("\n".join([*lines, repr(ROWS[1])]) + "\n")
    files = formats.locate(formats.UMRE, folder)
    watched.clear()
    results = list(PairReader(files, "train"))
    seen = list(watched)
    refused = [result for result in results if isinstance(result, dict)]
    assert [entry["line"] for entry in refused] == [2 * i + 2 for i in range(len(bad))]
    assert {entry["file"] for entry in refused} == {"train_set.json"}
    for entry, (_, reason) in zip(refused, bad, strict=True):
        assert reason in entry["reason"]
    assert len(results) - len(refused) == len(bad) + 1
    assert not (tmp_path / "canary").exists()
    ours = [Path(path) for path in seen if str(tmp_path) in path]
    assert folder / "UMKE_IMG/cut.png" in ours
    assert all(path.is_relative_to(folder) for path in ours)
    assert not [path for path in seen if "passwd" in path or "outside" in path]


def test_the_build_goes_on_and_writes_the_refused_rows(tmp_path, capsys):
    folder = umre(tmp_path / "data", [*ROWS * 5, "no row", *ROWS])
    builder = build(folder, tmp_path / "cache", max_rejected=0.1)
    assert len(pairs(builder)) == 24
    assert [pair.line for pair in pairs(builder)][19:22] == [20, 22, 23]
    path = builder.rejected_path
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(entry["file"], entry["line"]) for entry in entries] == [
        (f"{split}_set.json", 21) for split in ("train", "val", "test")
    ]
    assert "1 of train_set.json" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"1 of 25 rows .* line 21: .*plain data") as error:
        build(folder, tmp_path / "cache", max_rejected=0.01)
    assert "train_set.json" in str(error.value)


def test_too_many_refused_rows_stop_the_build(tmp_path):
    folder = umre(tmp_path / "data", [*ROWS, "no row"])
    with pytest.raises(UserError, match="1 of 5 rows are malformed") as error:
        build(folder, tmp_path / "cache", max_rejected=0.1)
    assert "line 5: the line is not plain data" in str(error.value)
    (path,) = (tmp_path / "cache").glob("umre/*/rejected.jsonl")
    assert json.loads(path.read_text())["line"] == 5
    assert not list((tmp_path / "cache").glob("umre/*/umre/1.0.0"))


@pytest.mark.parametrize("rows", [[], ["no row"]])
def test_a_split_without_a_good_row_is_an_error(tmp_path, rows):
    folder = umre(tmp_path / "data", rows)
    with pytest.raises(UserError, match=r"train_set\.json"):
        build(folder, tmp_path / "cache", max_rejected=1.0)


def test_a_second_build_reads_the_first(tmp_path):
    folder = umre(tmp_path / "data")
    first = build(folder, tmp_path / "cache")
    stamp = os.stat(first.data_dir).st_mtime_ns
    second = build(folder, tmp_path / "cache")
    assert os.stat(second.data_dir).st_mtime_ns == stamp
    assert [p.line for p in pairs(second)] == [p.line for p in pairs(first)]


def test_more_needs_an_entity_and_an_object(tmp_path):
    folder = umre(tmp_path / "data", [*ROWS[2:3] * 3, ROWS[0], ROWS[1]])
    (folder / "UMKE_IMG").rename(folder / "MORE_IMG")
    (folder / "pos_umke.json").rename(folder / "pos_more.json")
    for path in folder.glob("*_set.json"):
        path.write_text(path.read_text().replace("/per/per/self", "/per/misc/party"))
        path.write_text(path.read_text().replace("/per/per/partner", "none"))
    builder = build(folder, tmp_path / "cache", 0.5, formats.MORE)
    assert [pair.type for pair in pairs(builder)] == [2, 2, 2]
    reasons = [entry["reason"] for entry in builder.rejected[:2]]
    assert "of 't' must be a box" in reasons[0] and "of 'h' must be a span" in reasons[1]


def test_mnre_takes_its_picture_as_one_object(tmp_path):
    (tmp_path / "data" / "img_org" / "train").mkdir(parents=True)
    picture().save(tmp_path / "data" / "img_org" / "train" / "a.png")
    rows = [{**ROWS[0], "relation": "None"}, {**ROWS[3], "relation": "/per/per/peer"}]
    text = "\n".join(map(repr, rows))
    (tmp_path / "data" / "mnre_train.txt").write_text(text)
    with_picture, without = pairs(build(tmp_path / "data", tmp_path / "cache", 0, formats.MNRE))
    assert with_picture.image == "img_org/train/a.png" and without.image == ""
    np.testing.assert_array_equal(with_picture.boxes, [[0, 0, 1, 1]])
    assert without.boxes.shape == (0, 4)


def test_real_mnre(shared, tmp_path):
    builder = build(shared / "data" / "mnre", tmp_path, 0.0, formats.MNRE)
    assert builder.info.splits["train"].num_examples == 12_247
    assert builder.info.splits["validation"].num_examples == 1_624
    summary = np.load(Path(builder.data_dir) / "validation.npy")
    assert (summary[:, 0] == 0).sum() == 1000 and not summary[:, 1].any()
    overlapping = [
        pair
        for pair in pairs(builder, "validation")
        if pair.head.span[0] < pair.tail.span[1] and pair.tail.span[0] < pair.head.span[1]
    ]
    assert len(overlapping) == 3


KILLED = """
import sys, time
from pathlib import Path
from remote_jax.data import records
from remote_jax.remote.data import builders, formats, reader
slow = reader.check_row
def wait(*args):
    print("row", file=sys.stderr, flush=True)
    time.sleep(0.01)
    return slow(*args)
reader.check_row = wait
files = formats.locate(formats.UMRE, sys.argv[1])
records.build_rows(builders.BUILDERS, files, Path(sys.argv[2]), 0)
"""


def test_a_killed_build_leaves_nothing_that_counts(tmp_path):
    folder, cache = umre(tmp_path / "data", ROWS * 50), tmp_path / "cache"
    command = [sys.executable, "-c", KILLED, str(folder), str(cache)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        for _ in range(250):  # rows: into the second split
            process.stderr.readline()
        process.send_signal(signal.SIGKILL)
    assert list(cache.glob("umre/*/umre/*incomplete*")), "nothing was under way"
    time.sleep(0.1)
    builder = build(folder, cache)
    assert [len(pairs(builder, split)) for split in SPLITS] == [200, 200, 200]
    assert not list(cache.glob("umre/*/umre/*incomplete*"))
