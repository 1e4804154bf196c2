"""Dependency trees and parts of speech of sentences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from remote_jax.errors import Refused


@dataclass(frozen=True)
class Parse:
    """A dependency tree, or several where the pipeline finds several sentences.

    Attributes:
        heads: the head of each word; a root is its own.
        dependencies: the label of each word's edge to its head.
        pos: part of speech of each word.
    """

    heads: Int[np.ndarray, " words"]
    dependencies: tuple[str, ...]
    pos: tuple[str, ...]


def check(parse: Parse, words: int) -> Parse:
    """`parse` if it is of so many words, and every word's heads end at a root.

    Raises:
        Refused: it is not that.
    """
    lengths = {len(parse.heads), len(parse.dependencies), len(parse.pos)}
    if lengths != {words}:
        found = " and ".join(map(str, sorted(lengths)))
        raise Refused(f"the parse has {found} words, but the sentence has {words}")
    odd = (parse.heads < 0) | (parse.heads >= words)
    if odd.any():
        word = int(odd.argmax())
        raise Refused(f"the head of word {word} is {parse.heads[word]}, expected 0 to {words - 1}")
    above = parse.heads
    for _ in range(words.bit_length()):  # 1, 2, 4, ... steps up
        above = above[above]
    circling = parse.heads[above] != above
    if circling.any():
        raise Refused(f"the heads of word {int(circling.argmax())} go in a circle")
    return parse


def checked(parse: Parse, words: int) -> Parse | Refused:
    """`parse`, or why `check` refuses it."""
    try:
        return check(parse, words)
    except Refused as error:
        return error
