"""What data are called: a benchmark only where they are the benchmark."""

from __future__ import annotations

import numpy as np
import pytest
from ml_collections import ConfigDict

from remote_jax.data import release
from remote_jax.data.files import sha256
from remote_jax.roam.data import builders
from remote_jax.roam.data.triples import Graph


def data(**changes):
    return ConfigDict({"dir": "", "name": "umre", **changes})


def test_a_sample_and_a_folder_are_told_from_a_benchmark(tmp_path):
    assert release.title(data(), {}) == "a generated sample (umre's layout)"
    named = data(dir=str(tmp_path / "mine"))
    assert release.title(named, {"files": {}}) == "mine (umre's layout)"
    assert release.title(data(dir=f"{tmp_path}/mine/."), {}) == "mine (umre's layout)"


def test_a_release_is_known_by_all_of_its_rows():
    (rows,) = release.PUBLISHED.values()
    files = {str(place): {"sha256": one} for place, one in enumerate(sorted(rows))}
    named = data(dir="clone", name="mnre")
    assert release.title(named, {"files": files}) == "MNRE-2"
    assert release.title(named, {"files": {**files, "more": {"sha256": "0"}}}) == "MNRE-2"
    files["0"]["sha256"] = "0"
    assert release.title(named, {"files": files}) == "clone (mnre's layout)"


def test_the_release_is_the_one_at_hand(shared):
    folder = shared / "data" / "mnre"
    assert {sha256(path) for path in folder.glob("*.txt")} == release.PUBLISHED["MNRE-2"]


@pytest.mark.parametrize(("more", "same"), [(0, True), (1, False)])
def test_a_graph_is_a_benchmark_by_its_sizes(more, same):
    sizes = builders.MkgY.published
    assert sizes is not None
    splits = {x: np.zeros((getattr(sizes, x), 3), np.int32) for x in ("train", "validation")}
    splits["test"] = np.zeros((sizes.test + more, 3), np.int32)
    names = [tuple(map(str, range(count))) for count in (sizes.entities, sizes.relations)]
    graph = Graph(names[0], names[1], splits, "")
    assert builders.is_published(graph, "mkg_y") == same
    assert not builders.is_published(graph, "mkg_w") and not builders.is_published(graph, "mine")
