"""No picture, no sentence and no pair of names is in two splits, and shares are kept otherwise."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import combinations, product
from pathlib import Path
from typing import Any

import labelled_folder as folders
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labelled_folder import relation
from PIL import Image

pytest.importorskip("imagehash", reason="of the extra `annotate`")
pytest.importorskip("rapidfuzz", reason="of the extra `annotate`")

from remote_jax import main
from remote_jax.annotate.splitting import links
from remote_jax.annotate.splitting.assign import assign, group
from remote_jax.annotate.splitting.files import FILE
from remote_jax.annotate.splitting.write import KINDS
from remote_jax.data.release import SPLITS

NAMES = ("Ann", "Bob", "Cid", "Dan", "Eve", "Fay")
SENTENCES = (
    "{} and {} were seen at the harbour of the old town this morning",
    "{} says that nobody has ever won against {} before, not even once",
    "{} {}",
)


def picture(seed: int, quality: int = 0) -> Image.Image:
    """A picture of coarse noise; of another quality it looks the same."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    image = Image.fromarray(coarse).resize((64, 64), Image.Resampling.NEAREST)
    return image.resize((48, 50)) if quality else image


def write(folder: Path, posts: list[tuple[int, int, int, str, str]]) -> Path:
    """A folder of posts: number of picture (-1: none), its quality, number of sentence, names."""
    lines = []
    for seed, quality, sentence, one, other in posts:
        text = SENTENCES[sentence].format(one, other)
        spans = [
            [text.index(one), text.index(one) + 3],
            [text.rindex(other), text.rindex(other) + 3],
        ]
        post: dict[str, Any] = {"id": str(len(lines) + 1), "text": text, "entities": spans}
        if seed >= 0:
            post["image"] = f"{seed}-{quality}.png"
        lines.append(post)
    folders.write(folder, lines)
    for seed, quality, *_ in posts:
        if seed >= 0:
            picture(seed, quality).save(folder / f"{seed}-{quality}.png")
    return folder


def similarity(one: str, other: str) -> float:
    """Twice the longest common subsequence of both, of the characters of both, in percent."""
    row = [0] * (len(other) + 1)
    for letter in one:
        before, row = row, [0]
        for place, same in enumerate(other):
            row.append(before[place] + 1 if letter == same else max(before[place + 1], row[place]))
    return 200 * row[-1] / (len(one) + len(other))


POSTS = st.lists(
    st.tuples(
        *(st.integers(-1, 5), st.integers(0, 1), st.integers(0, 2)),
        *(st.sampled_from(NAMES), st.sampled_from(NAMES)),
    ).filter(lambda post: post[3] != post[4]),
    min_size=1,
    max_size=14,
)


def test_nothing_is_shared(tmp_path_factory: pytest.TempPathFactory) -> None:
    @settings(max_examples=12, derandomize=True)
    @given(POSTS, st.integers(0, 3))
    def nothing(posts: list[tuple[int, int, int, str, str]], seed: int) -> None:
        folder = write(tmp_path_factory.mktemp("split"), posts)
        assert main.main(["remote-jax", "split", str(folder), f"--seed={seed}"]) == 0
        splits = json.loads((folder / FILE).read_text())
        places = [[int(id_) - 1 for id_ in splits[name]] for name in SPLITS]
        assert sorted(place for some in places for place in some) == list(range(len(posts)))
        texts = [SENTENCES[s].format(one, other).lower() for _, _, s, one, other in posts]
        for some, others in combinations(places, 2):
            for one, other in product(some, others):
                first, second = posts[one], posts[other]
                assert first[0] != second[0] or first[0] < 0
                assert set(first[3:]) != set(second[3:])
                assert similarity(texts[one], texts[other]) < 90

    nothing()


def test_sentences_are_compared_as_by_brute_force() -> None:
    draw = np.random.default_rng(0)
    words = ["sun", "moon", "stars", "and", "more", "rain", "over", "Oslo", "today", "again"]
    texts = [" ".join(draw.choice(words, draw.integers(1, 12))) for _ in range(60)]
    texts += [f"RT @ann: {text}!! https://t.co/{number}" for number, text in enumerate(texts[:20])]
    found = {tuple(sorted(map(int, link))) for link in links.same_sentences(texts)}
    plain = [text.removeprefix("RT @ann: ").partition("!!")[0].lower() for text in texts]
    expected = {
        (one, other)
        for one, other in combinations(range(len(texts)), 2)
        if abs(len(plain[one]) - len(plain[other])) < 20
        and similarity(plain[one], plain[other]) >= 90
    }
    assert found == expected and len(expected) >= 20


def test_near_pictures_are_found_as_by_brute_force() -> None:
    draw = np.random.default_rng(0)
    hashes = draw.integers(0, 2**63, 600, np.uint64)
    for place in range(300, 600):  # copies with some bits turned round
        turned = draw.choice(64, draw.integers(1, 8), replace=False)
        hashes[place] = hashes[place - 300] ^ np.uint64(sum(1 << int(bit) for bit in turned))
    found = {tuple(sorted(map(int, link))) for link in links._near(hashes) if link[0] != link[1]}
    expected = {
        (one, other)
        for one, other in combinations(range(600), 2)
        if bin(int(hashes[one]) ^ int(hashes[other])).count("1") <= links.BITS
    }
    assert found == expected and len(expected) > 50


def test_names_are_compared_in_either_order_and_case() -> None:
    named = [[("Ann Lee", "Bob")], [("bob", "annlee"), ("Eve", "Bob")], [("Eve", "Dan")], []]
    found = {tuple(sorted(map(int, link))) for link in links.same_names(named)}
    assert {link for link in found if link[0] != link[1]} == {(0, 1)}


@settings(max_examples=50)
@given(st.lists(st.integers(1, 6), min_size=40, max_size=80), st.integers(0, 5))
def test_small_groups_keep_the_shares(sizes: list[int], seed: int) -> None:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    shares = dict(zip(SPLITS, map(Fraction, ("0.8", "0.1", "0.1")), strict=True))
    made = assign(groups, shares, seed)
    for place, name in enumerate(SPLITS):
        inside = int((made.splits == place).sum())
        assert abs(inside - float(shares[name]) * len(groups)) <= max(sizes)
    for one in range(len(sizes)):
        assert len(set(made.splits[made.groups == one])) == 1
    again = assign(groups, shares, seed)
    np.testing.assert_array_equal(made.splits, again.splits)


def test_groups_are_what_links_reach() -> None:
    found = group(6, [np.array([[0, 3], [3, 5]]), np.array([[1, 2]])])
    assert len({found[0], found[3], found[5]}) == 1 and found[1] == found[2] != found[4]
    assert len(set(found)) == 3


def test_what_is_joined_and_moved_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    posts = [(0, 0, 0, "Ann", "Bob"), (0, 1, 1, "Cid", "Dan"), (-1, 0, 2, "Dan", "Cid")]
    posts += [(seed, 0, 2, NAMES[seed], NAMES[seed + 1]) for seed in (1, 3, 4)]
    folder = write(tmp_path, posts)
    before = {"train": ["1"], "validation": ["2"], "test": ["3", "4", "5", "6"]}
    (folder / FILE).write_text(json.dumps(before))
    command = ["remote-jax", "split", str(folder), "--shares=0.5,1/4,0.25"]
    assert main.main(command) == 0
    printed = capsys.readouterr().out
    assert "1 groups of more than one post, the largest of 3" in printed
    assert all(kind in printed for kind in KINDS) and "1 and 2" in printed and "2 and 3" in printed
    after = json.loads((folder / FILE).read_text())
    assert after["train"] == ["1", "2", "3"]
    assert "2 (validation to train), 3 (test to train)" in printed
    assert main.main(command) == 0
    assert "No post is moved." in capsys.readouterr().out
    main.main([*command[:3], "--shares=0.2,0.4,0.4"])
    printed = capsys.readouterr().out
    assert "has a group of 3 posts, more than its share wants" in printed


def test_names_are_those_of_labelled_pairs_where_there_are_labels(tmp_path: Path) -> None:
    project = folders.project(folders.write(tmp_path), "ana", "")
    post = project.posts[0]
    assert len(links.names(post, project.now.final(post))) == 3
    project.change(
        "ana", post, "abcdefgh", [relation("e0", "e1", "none"), relation("e0", "o0", "none")]
    )
    assert links.names(post, project.now.final(post)) == [("Ann Lee", "Bob")]


@pytest.mark.parametrize("shares", ["1", "0.5,0.5,0.5", "a,b,c", "1.5,-0.25,-0.25", "1/0,0,0"])
def test_shares_that_are_none_are_refused(
    shares: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["remote-jax", "split", str(tmp_path), f"--shares={shares}"]) == 2
    assert "sum to 1" in capsys.readouterr().err
