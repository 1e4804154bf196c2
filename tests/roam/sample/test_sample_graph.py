"""The generated graph: its files, and that what it states of them is so."""

import hashlib
import json
import os
import subprocess
import sys
from collections import defaultdict

import numpy as np
import pytest
from sample_keys import sample_keys

from remote_jax import config as configs
from remote_jax.data import cache
from remote_jax.errors import UserError
from remote_jax.roam.data import features, triples
from remote_jax.roam.sample import world
from remote_jax.roam.sample.folder import ensure
from remote_jax.roam.sample.write import write
from remote_jax.roam.settings import KEYS

SETTINGS = {"entities": 1500, "seed": 0, "image": 0.25, "text": 0.2, "missing": 0.08}
MODALITY = {"image": "bears", "text": "sworn_to"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return ensure(tmp_path_factory.mktemp("cache"), SETTINGS)


@pytest.fixture(scope="module")
def graph(folder):
    return triples.read(folder)


def named(graph, split):
    return [
        (graph.entities[head], graph.relations[relation], graph.entities[tail])
        for head, relation, tail in graph.splits[split]
    ]


def test_the_files_are_those_of_a_benchmark(folder, graph):
    assert {path.name for path in folder.iterdir()} == {
        *("train.txt", "valid.txt", "test.txt", "entity2id.txt", "relation2id.txt"),
        *("image.npz", "text.npz", "world.json"),
    }
    assert 1400 <= len(graph.entities) <= 1600
    assert graph.relations == tuple(world.RELATIONS)
    counts = graph.facts
    assert counts["entities_not_in_training"] == 0
    for split in graph.splits:
        assert not any(counts[split][key] for key in ("duplicates", "leaked", "unseen"))
    held = counts["test"]["triples"]
    assert held == counts["validation"]["triples"]
    assert 0.099 < held / sum(counts[split]["triples"] for split in graph.splits) < 0.101
    assert not any(set(name) & set(" \t\r\n<>") for name in graph.entities)
    assert json.loads((folder / "world.json").read_text())["note"].startswith("A generated sample")


ENDS = {
    **{"lies_in": ("town", "region"), "based_in": ("guild", "town"), "plies": ("guild", "trade")},
    **{"born_in": ("person", "town"), "sails_on": ("person", "ship")},
    **{"neighbour_of": ("town", "town"), "married_to": ("person", "person")},
    **{"member_of": ("person", "guild"), "has_member": ("guild", "person")},
    **{"native_of": ("person", "region"), "practises": ("person", "trade")},
    **{"bears": ("person guild ship", "emblem"), "sworn_to": ("person", "vow")},
}


def test_relations_keep_to_the_types_of_their_ends(graph):
    entities = world.generate(SETTINGS["seed"], SETTINGS["entities"]).entities
    kind = {name: kind for kind, names in entities.items() for name in names}
    assert set(kind) == set(graph.entities)
    assert set(ENDS) == set(graph.relations)
    for split in graph.splits:
        for head, relation, tail in named(graph, split):
            heads, tails = ENDS[relation]
            assert kind[head] in heads.split() and kind[tail] == tails


@pytest.mark.parametrize("split", ["validation", "test"])
def test_shares_of_what_decides_are_as_asked_and_as_stated(folder, graph, split):
    stated = json.loads((folder / "world.json").read_text())["decided_by"][split]
    rows = named(graph, split)
    for modality, relation in MODALITY.items():
        share = sum(row[1] == relation for row in rows) / len(rows)
        assert abs(share - SETTINGS[modality]) < 0.002 and abs(share - stated[modality]) < 1e-4
    assert stated["given"] == 0
    assert abs(sum(stated.values()) - 1) < 1e-3


@pytest.mark.parametrize("split", ["validation", "test"])
def test_structural_triples_follow_from_training_ones(graph, split):
    train = named(graph, "train")
    known = defaultdict(lambda: defaultdict(set))
    for head, relation, tail in train:
        known[relation][head].add(tail)
    inverse = {"has_member": "member_of", "member_of": "has_member"}
    inverse |= {name: name for name in ("neighbour_of", "married_to")}
    chain = {"native_of": ("born_in", "lies_in"), "practises": ("member_of", "plies")}
    rows = [row for row in named(graph, split) if row[1] not in MODALITY.values()]
    assert {relation for _, relation, _ in rows} == {*inverse, *chain}
    for head, relation, tail in rows:
        if relation in inverse:
            assert head in known[inverse[relation]][tail]
        else:
            first, second = chain[relation]
            (middle,) = known[first][head]
            assert known[second][middle] == {tail}


@pytest.mark.parametrize(("modality", "relation"), MODALITY.items())
def test_a_modality_decides_its_triples_and_the_other_does_not(folder, graph, modality, relation):
    place = graph.relations.index(relation)
    train, test = (
        graph.splits[split][graph.splits[split][:, 1] == place] for split in ("train", "test")
    )
    options = np.unique(train[:, 2])
    hits = {}
    for source in MODALITY:
        found = features.load_matrix(folder / f"{source}.npz", graph.entities)
        seen = train[found.present[train[:, 0]]]
        if source == modality:
            assert found.present[test[:, 0]].all()
        values = found.values.astype(np.float64)
        design = np.c_[values[seen[:, 0]], np.ones(len(seen))]
        target = seen[:, 2, None] == options
        solved = np.linalg.solve(design.T @ design + np.eye(design.shape[1]), design.T @ target)
        guess = options[(np.c_[values[test[:, 0]], np.ones(len(test))] @ solved).argmax(1)]
        hits[source] = (guess == test[:, 2]).mean()
    assert hits.pop(modality) > 0.95
    assert max(hits.values()) < 0.2  # twelve options


def test_the_graph_alone_does_not_tell_emblems_and_vows(graph):
    train = graph.splits["train"]
    for relation in MODALITY.values():
        place = graph.relations.index(relation)
        shown = train[train[:, 1] == place]
        told = dict(zip(shown[:, 0].tolist(), shown[:, 2].tolist(), strict=True))
        votes = defaultdict(list)
        for head, _, tail in train[train[:, 1] != place].tolist():
            votes[head].append(told.get(tail))
            votes[tail].append(told.get(head))
        test = graph.splits["test"][graph.splits["test"][:, 1] == place]
        assert not set(test[:, 0].tolist()) & set(told)
        assert np.bincount(shown[:, 2]).max() / len(shown) < 0.15
        right = [tail in votes[head] for head, _, tail in test.tolist()]
        often = np.mean([len(set(votes[head]) - {None}) / 12 for head, _, _ in test.tolist()])
        assert abs(np.mean(right) - often) < 0.1  # as chance has it


@pytest.mark.parametrize("modality", MODALITY)
def test_some_entities_have_no_feature(folder, graph, modality):
    found = features.load_matrix(folder / f"{modality}.npz", graph.entities)
    assert abs((~found.present).mean() - SETTINGS["missing"]) < 1e-3


CODE = """
import sys
from pathlib import Path
from remote_jax.roam.sample.write import write
Path(sys.argv[1]).mkdir()
write(Path(sys.argv[1]), entities=300, seed=5, image=0.25, text=0.25, missing=0.1)
"""


def digest(folder):
    files = sorted(folder.iterdir())
    return [(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]


def test_the_same_numbers_give_the_same_bytes(tmp_path):
    for name in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": name}
        command = [sys.executable, "-c", CODE, str(tmp_path / name)]
        subprocess.run(command, check=True, env=environment)
    (tmp_path / "3").mkdir()
    write(tmp_path / "3", entities=300, seed=6, image=0.25, text=0.25, missing=0.1)
    assert digest(tmp_path / "1") == digest(tmp_path / "2")
    one, other = dict(digest(tmp_path / "1")), dict(digest(tmp_path / "3"))
    assert {name for name in one if one[name] == other[name]} == {"relation2id.txt"}


def test_it_is_written_once_and_said_to_be_generated(tmp_path, capsys):
    settings = SETTINGS | {"entities": 200}
    first = ensure(tmp_path, settings)
    assert "Writing the sample" in capsys.readouterr().out
    assert ensure(tmp_path, settings) == first
    out = capsys.readouterr().out
    assert "generated sample" in out and "Writing" not in out
    assert ensure(tmp_path, settings | {"seed": 1}) != first
    assert len([path for path in (tmp_path / "roam_sample").iterdir() if path.is_dir()]) == 2


def test_half_a_sample_is_never_found(tmp_path):
    def fail(folder):
        (folder / "train.txt").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match=r"Cannot write the sample .* No space left"):
        cache.ensure_generated(tmp_path, {}, tmp_path, fail)
    folder = cache.ensure_generated(tmp_path, {}, tmp_path, lambda folder: None)
    assert folder.is_dir() and not list(folder.iterdir())


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("entities", 10, "entities must be a whole number from 200 to 100,000, found 10"),
        ("entities", 1e3, "entities must be a whole number"),
        ("seed", -1, "seed must be a whole number"),
        ("image", 0.9, r"image must be a number .* at most 0\.3, found 0\.9"),
        ("missing", float("nan"), "missing must be a number"),
        ("text", "x", "text must be a number"),
    ],
)
def test_settings_out_of_range(name, value, message):
    with pytest.raises(UserError, match=message):
        configs.check(*sample_keys(SETTINGS | {name: value}, KEYS))
