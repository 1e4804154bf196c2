"""What `predict` says of all pairs of the sample's test posts, listed or not.

    python tests/benchmarks/all_pairs.py --workdir=RUN

RUN is a finished run on the generated sample, whose `all_relations.json` says what holds. Asked
about are the entities that rows name and every object. Told are, by triplet type, how many of the
unrelated pairs get a relation, listed or not; and how many of the listed pairs with an asymmetric
relation are also answered the other way round.
"""

from __future__ import annotations

import argparse
from collections import Counter
from itertools import permutations
from pathlib import Path

import sample_posts
from sample_posts import answered, kind

import remote_jax
from remote_jax.data.cache import cache_folder
from remote_jax.data.files import read_json
from remote_jax.remote.data.orders import symmetric
from remote_jax.remote.sample import folder as sample
from remote_jax.remote.sample.write import RELATIONS

POSTS = 600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workdir", type=Path, required=True)
    model = remote_jax.load(parser.parse_args().workdir)
    data = model.config.data
    folder = sample.ensure(cache_folder(data.cache), data.sample)
    holding = read_json(folder / RELATIONS, 2**30)
    posts = sample_posts.read_posts(folder, POSTS)
    counts: Counter[tuple[str, str]] = Counter()
    for post, answer in zip(posts, model.predict([one.values for one in posts]), strict=True):
        assert answer.error is None, answer.error
        found = {(answered(one.head), answered(one.tail)): one.relation for one in answer.relations}
        holds = {
            (as_end(head), as_end(tail)): relation for head, tail, relation in holding[post.image]
        }
        count(counts, post, found, holds)
    for place in ("listed", "unlisted"):
        for name in ("ee", "oo", "eo"):
            wrong, total = (counts[f"{place} {what}", name] for what in ("wrong", "unrelated"))
            print(f"{place} unrelated {name}: {wrong} of {total} ({wrong / total:.1%}) get one")
    for what in ("listed related", "unlisted related"):
        right, total = counts[f"{what}, found", ""], counts[what, ""]
        print(f"{what}: {right} of {total} ({right / total:.1%}) are found as they are")
    print(
        f"asymmetric, listed: {counts['asymmetric', '']}; the same relation is also answered the "
        f"other way round for {counts['turned', '']}"
    )


def as_end(value: list[int] | str) -> sample_posts.End:
    return value if isinstance(value, str) else (value[0], value[1])


def count(
    counts: Counter[tuple[str, str]],
    post: sample_posts.SamplePost,
    found: dict[tuple[sample_posts.End, sample_posts.End], str],
    holds: dict[tuple[sample_posts.End, sample_posts.End], str],
) -> None:
    """Counts each unordered pair of a post once."""
    ends: list[sample_posts.End] = [tuple(span) for span in post.values["entities"]]
    ends += [f"[OBJ{number}]" for number in range(len(post.values["objects"]))]
    for head, tail in permutations(ends, 2):
        back = (tail, head)
        if ends.index(head) > ends.index(tail):
            continue
        place = "listed" if {(head, tail), back} & set(post.listed) else "unlisted"
        true = {pair: holds[pair] for pair in ((head, tail), back) if pair in holds}
        said = {pair: found[pair] for pair in ((head, tail), back) if pair in found}
        name = kind(head, tail)
        if not true:
            counts[f"{place} unrelated", name] += 1
            counts[f"{place} wrong", name] += bool(said)
            continue
        counts[f"{place} related", ""] += 1
        counts[f"{place} related, found", ""] += any(
            true.get(pair) == relation for pair, relation in said.items()
        )
        if place == "listed":
            ((pair, relation),) = list(true.items())[:1]
            if not symmetric([relation], "auto")[0]:
                counts["asymmetric", ""] += 1
                counts["turned", ""] += found.get(pair[::-1]) == relation


if __name__ == "__main__":
    main()
