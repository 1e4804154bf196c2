"""Whose a row is where that is certain, and what is told where it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from remote_jax.errors import UserError
from remote_jax.roam.data.layouts.matching import by_ids, by_place
from remote_jax.roam.data.layouts.names import AS_MET, Naming

FILE = Path("image.npy")
WORDS = ("a", "b", "c")
EXPLICIT = Naming("entity2id.txt", explicit=True)
LISTED = Naming("entities.txt")
LISTED_IDS = Naming("entities.txt", by_id=True)


@pytest.mark.parametrize(
    ("count", "entities", "naming", "owners"),
    [
        (3, WORDS, EXPLICIT, [0, 1, 2]),
        (3, WORDS, LISTED, [0, 1, 2]),
        (3, ("2", "0", "1"), AS_MET, [1, 2, 0]),
        (5, ("3", "0", "1"), AS_MET, [1, 2, -1, 0, -1]),
        (3, ("1", "2", "3"), LISTED, [0, 1, 2]),
        (3, ("70", "50", "60"), EXPLICIT, [0, 1, 2]),
    ],
)
def test_by_place(count: int, entities: tuple, naming: Naming, owners: list[int]) -> None:
    assert by_place(FILE, count, entities, naming).owners.tolist() == owners


@pytest.mark.parametrize(
    ("count", "entities", "naming", "said"),
    [
        (3, WORDS, AS_MET, r"no id file.*; name its rows in image\.ids\.txt, or write entity2id"),
        (3, ("1", "2", "3"), AS_MET, "numbers from 1 to 3, so that it is not certain"),
        (4, ("1", "2", "3"), AS_MET, "numbers from 1 to 3"),
        (3, ("0", "2", "3"), AS_MET, "numbers from 0 to 3"),
        (3, ("00", "01", "02"), AS_MET, "no id file"),
        (4, WORDS, EXPLICIT, "4 rows for 3 entities"),
        (3, ("2", "0", "1"), LISTED, r"to which entities\.txt gives other ids"),
        (3, WORDS, Naming("entity2id.txt", True, rival="entities.txt"), "remove one of them"),
    ],
)
def test_places_that_are_not_certain(
    count: int, entities: tuple, naming: Naming, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        by_place(FILE, count, entities, naming)


@pytest.mark.parametrize(
    ("ids", "entities", "naming", "owners"),
    [
        (["c", "a", "other"], WORDS, AS_MET, [2, 0, -1]),
        ([2, 0], WORDS, EXPLICIT, [2, 0]),
        (["2", "0"], WORDS, LISTED, [2, 0]),
        ([2, 1], WORDS, LISTED_IDS, [2, 1]),
        ([3, 9, 3], ("9", "3", "5"), AS_MET, [1, 0, 1]),
        ([50, 70], ("70", "50", "60"), EXPLICIT, [1, 0]),
        ([0, 2, 1, 3], ("a", "b", "c", "1"), EXPLICIT, [0, 2, 1, 3]),
        (["1917", "a"], ("a", "1917"), EXPLICIT, [1, 0]),
    ],
)
def test_by_ids(ids: list, entities: tuple, naming: Naming, owners: list[int]) -> None:
    assert by_ids(FILE, len(ids), ids, entities, naming).owners.tolist() == owners


@pytest.mark.parametrize(
    ("ids", "entities", "naming", "said"),
    [
        ([0, 1], WORDS, AS_MET, "numbers are ids only where an id file has them"),
        ([1, 2], WORDS, LISTED, "counted from 0 or from 1"),
        ([1, 2], ("2", "0", "1"), EXPLICIT, "may be ids of entity2id.txt, or names in it"),
        ([1, 2], ("2", "0", "1"), LISTED, "may be ids of entities.txt, or names in it"),
        (["1"], ("1", "a"), EXPLICIT, "may be ids"),
        ([7, 8], WORDS, EXPLICIT, "name the entity 7, expected 0 to 2"),
    ],
)
def test_ids_that_are_not_certain(ids: list, entities: tuple, naming: Naming, said: str) -> None:
    with pytest.raises(UserError, match=said):
        by_ids(FILE, len(ids), ids, entities, naming)
