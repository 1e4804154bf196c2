"""What posts share: pictures that look the same, sentences almost the same, pairs of names.

Each function gives links: pairs of places of posts that must be in the same split.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt64

from remote_jax.annotate.ends import Entity, Layer
from remote_jax.annotate.posts import Post
from remote_jax.data.files import find
from remote_jax.data.images import read_picture
from remote_jax.data.words import squash
from remote_jax.errors import Refused, UserError
from remote_jax.reporting.progress import tracked

SIMILAR = 90.0
"""Least similarity of two sentences, in percent of their characters (`rapidfuzz.fuzz.ratio`)."""
BITS = 4
"""Most of the 64 bits in which the perceptual hashes of two pictures differ."""
BLOCK = 256
"""Rows that are compared with all others at once."""

NOISE = re.compile(r"https?://\S+|@\w+|\brt\b|[^\w\s]")
"""What is taken out of a sentence before it is compared: links, names of users, marks."""

Links = Int[np.ndarray, "links 2"]


def same_pictures(folder: Path, posts: Sequence[Post]) -> Links:
    """Posts whose pictures have perceptual hashes (`imagehash.phash`) that hardly differ.

    Raises:
        UserError: a picture cannot be read.
    """
    import imagehash

    known: dict[str, int] = {}
    places, hashes = [], []
    for place, post in enumerate(tracked(posts, "reading pictures", "posts", len(posts))):
        if post.image:
            if post.image not in known:
                try:
                    path = find(folder, post.image)
                    picture = read_picture(path if path else folder / post.image)
                except Refused as error:
                    raise UserError(f"{folder}, post {post.id!r}: {error}.") from error
                bits = imagehash.phash(picture).hash.ravel()
                known[post.image] = int(np.packbits(bits).view(">u8")[0])
            places.append(place)
            hashes.append(known[post.image])
    return _links(places, _near(np.array(hashes, np.uint64)))


def _near(hashes: UInt64[np.ndarray, " pictures"]) -> Links:
    """Places of hashes that differ in at most `BITS` bits."""
    found = [np.zeros((0, 2), np.int64)]
    for start in range(0, len(hashes), BLOCK):
        different = np.bitwise_count(hashes[start : start + BLOCK, None] ^ hashes[None, start:])
        found.append(np.argwhere(different <= BITS) + start)
    return np.concatenate(found)


def same_sentences(texts: Sequence[str]) -> Links:
    """Sentences that are the same up to a tenth of their characters, and what is noise."""
    from rapidfuzz import fuzz, process

    plain = [normalised(text) for text in texts]
    places = sorted(range(len(plain)), key=lambda place: (len(plain[place]), plain[place]))
    ordered = [plain[place] for place in places]
    lengths = np.array([len(text) for text in ordered])
    found = [np.zeros((0, 2), np.int64)]
    starts = range(0, len(ordered), BLOCK)
    for start in tracked(starts, "comparing sentences", "blocks", len(starts)):
        block = ordered[start : start + BLOCK]
        # A longer one shares at most the shorter one's characters.
        longest = len(block[-1]) * (200 / SIMILAR - 1)
        stop = int(np.searchsorted(lengths, longest, "right"))
        scores = process.cdist(
            block,
            ordered[start : max(stop, start + len(block))],
            scorer=fuzz.ratio,
            score_cutoff=SIMILAR,
            dtype=np.float32,
        )
        found.append(np.argwhere(scores > 0) + start)
    return _links(places, np.concatenate(found))


def normalised(text: str) -> str:
    """A sentence as it is compared; one that is nothing but noise stays as it is."""
    plain = " ".join(NOISE.sub(" ", text.casefold()).split())
    return plain or text.casefold()


def same_names(named: Sequence[Iterable[tuple[str, str]]]) -> Links:
    """Posts with the same pair of names, in either order.

    Args:
        named: the pairs of each post.
    """
    first: dict[tuple[str, str], int] = {}
    links = [
        (first.setdefault(tuple(sorted(map(squash, pair))), place), place)  # type: ignore[arg-type]
        for place, pairs in enumerate(named)
        for pair in pairs
    ]
    return np.array(links, np.int64).reshape(-1, 2)


def names(post: Post, layer: Layer) -> list[tuple[str, str]]:
    """The names of the labelled pairs of entities; of all pairs, where none is labelled."""
    entities = {item: end for item, end in layer.ends.items() if isinstance(end, Entity)}
    labelled = [pair for pair in layer.relations if all(item in entities for item in pair)]
    pairs = labelled or Layer(entities).pairs()
    return [(post.name(entities[one]), post.name(entities[other])) for one, other in pairs]


def _links(places: Sequence[int], found: Links) -> Links:
    """Links by places among all posts, from those among some; a link to itself is none."""
    links = np.asarray(places, np.int64)[found] if len(places) else found
    return links[links[:, 0] != links[:, 1]]
