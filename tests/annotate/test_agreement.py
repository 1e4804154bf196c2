"""Agreement against scikit-learn and brute force, on labels that are made up."""

from __future__ import annotations

import json
import math
from pathlib import Path

import labelled_folder as folders
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labelled_folder import relation

pytest.importorskip("krippendorff", reason="of the extra `annotate`")
pytest.importorskip("sklearn", reason="of the extra `test`")
pytest.importorskip("statsmodels", reason="of the extra `annotate`")

from sklearn.metrics import cohen_kappa_score

from remote_jax import main
from remote_jax.annotate.agreement.coefficients import coefficients, of_relation
from remote_jax.annotate.agreement.items import Item, disagreements
from remote_jax.annotate.agreement.write import FILE, measure

LABELS = ("none", "/per/per/partner", "/per/per/peer", "← /per/org/member_of", "/per/org/member_of")
DISTANCES = np.array(
    [
        [0, 1, 1, 1, 1],
        [1, 0, 0.5, 1, 1],
        [1, 0.5, 0, 1, 1],
        [1, 1, 1, 0, 0.5],
        [1, 1, 1, 0.5, 0],
    ]
)


def items(*people: list[str | None]) -> list[Item]:
    """Items with the label of each person; None: the person gave none."""
    found = []
    for number, labels in enumerate(zip(*people, strict=True)):
        said = {f"p{place}": label for place, label in enumerate(labels) if label is not None}
        found.append(Item(f"{number}", ("e0", "e1"), "ee", ("a", "b"), said))
    return found


def brute_force(one: list[str], other: list[str], distances: np.ndarray) -> float:
    """Weighted kappa by its definition (Cohen, 1968)."""
    places = [[LABELS.index(label) for label in labels] for labels in (one, other)]
    observed = np.mean([distances[a, b] for a, b in zip(*places, strict=True)])
    expected = np.mean([[distances[a, b] for b in places[1]] for a in places[0]])
    return math.nan if expected == 0 else 1 - observed / expected


def test_the_weights_are_those_that_are_stated() -> None:
    np.testing.assert_array_equal(disagreements(LABELS, "none"), DISTANCES)


PAIRS = st.lists(st.tuples(*[st.sampled_from(LABELS)] * 2), min_size=2, max_size=40)


@settings(max_examples=40)
@given(PAIRS)
def test_kappa_is_that_of_scikit_learn_and_of_its_definition(pairs: list[tuple[str, str]]) -> None:
    one, other = map(list, zip(*pairs, strict=True))
    found = coefficients(items(one, other), ("p0", "p1"), "none")
    expected = brute_force(one, other, DISTANCES)
    if math.isnan(expected):
        assert found.kappa is None and found.weighted is None
        return
    assert found.weighted == pytest.approx(expected)
    assert found.kappa == pytest.approx(cohen_kappa_score(one, other))
    for label in {*one, *other}:
        binary = [[name == label for name in names] for names in (one, other)]
        alone = of_relation(items(one, other), ("p0", "p1"), label).kappa
        if alone is not None:
            assert alone == pytest.approx(cohen_kappa_score(*binary))


def test_fleiss_of_the_example_of_his_paper() -> None:
    # Wikipedia's table of 10 subjects and 14 raters, as in Fleiss (1971): 0.210.
    table = [
        *((0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1)),
        *((7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7)),
    ]
    votes = [[LABELS[place] for place, n in enumerate(row) for _ in range(n)] for row in table]
    people = tuple(f"p{number}" for number in range(14))
    found = coefficients(items(*map(list, zip(*votes, strict=True))), people, "none")
    assert found.fleiss == pytest.approx(0.210, abs=5e-4)


def test_alpha_of_the_example_of_his_paper() -> None:
    # Krippendorff (2011), three coders and missing values: 0.691, nominal.
    coders = (
        "*    *    *    *    *    3    4    1    2    1    1    3    3    *    3",
        "1    *    2    1    3    3    4    3    *    *    *    *    *    *    *",
        "*    *    2    1    3    4    4    *    2    1    1    3    3    *    4",
    )
    people = [[None if one == "*" else LABELS[int(one)] for one in row.split()] for row in coders]
    found = coefficients(items(*people), ("p0", "p1", "p2"), "none")
    assert found.alpha == pytest.approx(0.691, abs=5e-4)


def test_labels_that_are_all_the_same_have_no_kappa() -> None:
    found = coefficients(items(["none"] * 4, ["none"] * 4), ("p0", "p1"), "none")
    assert found.same == 1 and found.items == 4
    assert (found.kappa, found.weighted, found.fleiss, found.alpha) == (None,) * 4


def test_the_most_disputed_comes_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    posts = [{**folders.POST, "id": name} for name in ("calm", "wild")]
    project = folders.project(folders.write(tmp_path, posts))
    for person, names in (("ana", ("partner", "alumni")), ("ben", ("partner", "opponent"))):
        for post, more in zip(project.posts, (1, 3), strict=True):
            labels = [relation("e0", "e1", f"/per/per/{names[0]}"), relation("o0", "o1", "none")]
            others = (("e0", "o0"), ("e0", "o1"), ("e0", "e2"))[:more]
            labels += [relation(*pair, f"/per/per/{names[1]}") for pair in others]
            # What one of them adds or labels alone counts nowhere.
            if person == "ana":
                labels.append(relation("e1", "o1", "none"))
            project.change(person, post, "abcdefgh", labels)
    found = measure(project.loaded(), project.posts)
    assert list(found.disputed) == ["wild", "calm"] and found.single == 2
    assert {kind: one.items for kind, one in found.overall.items()} == {
        **{"all": 8, "ee": 3, "oo": 2, "eo": 3}
    }
    assert set(list(found.relations)[:2]) == {"/per/per/alumni", "/per/per/opponent"}
    assert found.relations["none"].kappa == 1
    assert main.main(["remote-jax", "agreement", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "0.5 two relations between ends of the same types" in printed
    written = json.loads((tmp_path / FILE).read_text())
    assert written["overall"]["all"]["kappa"] == pytest.approx(found.overall["all"].kappa)
    assert [len(one["pairs"]) for one in written["disputed"]] == [3, 1]
    ends = {(one.kind, one.both, one.differing, one.one) for one in found.ends}
    assert ends == {("entities", 6, 0, 0), ("objects", 4, 0, 0)}


def test_nothing_in_common_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = folders.project(folders.write(tmp_path))
    project.change("ana", project.posts[0], "abcdefgh", [relation("e0", "e1", "none")])
    assert main.main(["remote-jax", "agreement", str(tmp_path)]) == 2
    assert "there are 1 labelled pairs of ana, ben" in capsys.readouterr().err
