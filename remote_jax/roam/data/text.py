"""Text of entities, and its features: the mean of a BERT's last level over the tokens.

Mean pooling with a vector of length one is how sentence encoders of BERT's architecture are read
(Reimers and Gurevych 2019, section 3).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, Int
from tokenizers import Tokenizer

from remote_jax.data import arrays
from remote_jax.data.files import read_json, read_lines, sha256
from remote_jax.encoders import configs, pretrained, tokenizer, weights
from remote_jax.encoders import folder as files
from remote_jax.encoders.bert import Bert
from remote_jax.errors import Refused, UserError
from remote_jax.reporting.progress import tracked
from remote_jax.roam.data.layouts.tables import strip_brackets

LENGTHS = (8, 12, 16, 24, 32, 64, 128)
"""Tokens of a sequence, a compiled shape each; longer text is cut."""
BATCH = 64
VERSION = 1
"""Raised when the same texts give other features."""

MAX_BYTES = 2**30
MAX_DESCRIPTION = 2**20
"""Longest line of a file of descriptions, in bytes."""

NO_TEXT = re.compile(r"Q\d+|/?[mg][/.]0[0-9a-z_]+|[\d_.,:+-]+")
"""Ids of Wikidata and of Freebase, and numbers."""


def readable(name: str) -> str:
    """A name as text: a URI's last part, blanks for underscores; "" where it is an id or a number.

    `http://dbpedia.org/resource/Count_Max_(1991_film)` is `Count Max (1991 film)`.
    """
    name = strip_brackets(name)
    if "://" in name:
        name = unquote(re.split(r"[/#]", name.rstrip("/#"))[-1])
    return "" if NO_TEXT.fullmatch(name) else " ".join(name.replace("_", " ").split())


def read_descriptions(path: Path) -> dict[str, str]:
    """Text by the name of an entity: an object in a `.json` file, or else `name TAB text` a line.

    Raises:
        UserError: the file is missing or malformed, or names an entity twice.
    """
    described: dict[str, str] = {}
    if path.suffix == ".json":
        for name, text in read_json(path, MAX_BYTES).items():
            if not isinstance(text, str):
                raise UserError(f"{path}: the description of {name[:80]!r} is no text.")
            described[strip_brackets(name)] = " ".join(text.split())
    else:
        for number, line in read_lines(path, MAX_DESCRIPTION):
            try:
                if isinstance(line, Refused):
                    raise line
                name, tab, text = line.decode().partition("\t")
            except (Refused, UnicodeDecodeError) as error:
                raise UserError(f"{path}, line {number}: {error}.") from error
            name = strip_brackets(name.strip())
            if not tab or name in described:
                reason = f"names {name[:80]!r} again" if tab else "has no tab after a name"
                raise UserError(f"{path}, line {number} {reason}.")
            described[name] = " ".join(text.split())
    if not described:
        raise UserError(f"{path} has no descriptions.")
    return described


def fingerprint(texts: Sequence[str], checkpoint: str | Path) -> str:
    """SHA-256 of all that decides the features: texts, the checkpoint's files, and settings here.

    Raises:
        UserError: there is no such checkpoint.
    """
    folder = pretrained.find_weights(checkpoint)
    files.find(checkpoint, tokenizer.FILES)
    patterns = (*configs.FILES, *weights.SAFETENSORS, weights.PACKED, *tokenizer.FILES)
    found = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    content = {
        "texts": list(texts),
        "checkpoint": {path.name: sha256(path) for path in found},
        "settings": [VERSION, LENGTHS],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def encoded(texts: Sequence[str], checkpoint: str | Path, file: Path) -> Float[np.ndarray, "n dim"]:
    """`encode`, or what it once gave and is kept in `file`.

    Raises:
        UserError: the file cannot be read or written; and as `encode`.
    """
    if file.is_file():
        try:
            with file.open("rb") as kept:
                return arrays.read_npy(kept, arrays.MATRIX, file.stat().st_size)
        except Exception as error:  # whatever a broken file provokes
            raise UserError(f"{file} is damaged ({error}); remove it to make it anew.") from error
    values = encode(texts, checkpoint)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f".{file.name}.{os.getpid()}")
        with partial.open("wb") as new:
            np.save(new, values)
        partial.replace(file)
    except OSError as error:
        raise UserError(f"Cannot keep the text features in {file}: {error.strerror}.") from error
    return values


def encode(texts: Sequence[str], checkpoint: str | Path) -> Float[np.ndarray, "n dim"]:
    """Features of texts, rows of length one; of zeros where a text has no known word piece.

    The row of a text does not depend on the others: each goes at the length that is its own.

    Raises:
        UserError: the checkpoint is missing or malformed.
    """
    words = tokenizer.load(checkpoint)
    bert = pretrained.load_bert(checkpoint, rngs=nnx.Rngs(0))
    lengths = sorted({min(n, bert.config.max_positions) for n in LENGTHS})
    pieces = tokenize(words.backend_tokenizer, texts, lengths[-1])
    if max(max(ids) for ids in pieces) >= bert.config.vocab_size:
        raise UserError(f"{checkpoint}: its tokenizer has more word pieces than its encoder.")
    groups: dict[int, list[int]] = {}
    for index, ids in enumerate(pieces):
        if set(ids[1:-1]) - {words.unk_token_id}:
            groups.setdefault(min(n for n in lengths if n >= len(ids)), []).append(index)
    batches = [
        (length, group[start : start + BATCH])
        for length, group in sorted(groups.items())
        for start in range(0, len(group), BATCH)
    ]
    values = np.zeros((len(texts), bert.config.dim), np.float32)
    graph, state = nnx.split(bert)
    for length, rows in tracked(batches, "encoding texts", "batches"):
        tokens = np.full((BATCH, length), words.pad_token_id, np.int32)
        mask = np.zeros((BATCH, length), bool)
        mask[:, 0] = True  # rows without a text attend to something
        for place, index in enumerate(rows):
            tokens[place, : len(pieces[index])] = pieces[index]
            mask[place, : len(pieces[index])] = True
        values[rows] = _pooled(graph, state, tokens, mask)[: len(rows)]
    return values


def tokenize(words: Tokenizer, texts: Sequence[str], length: int) -> list[list[int]]:
    """Ids of each text between [CLS] and [SEP]; a text cannot write a special token."""
    words.encode_special_tokens = True
    words.enable_truncation(length)
    words.no_padding()
    return [encoding.ids for encoding in words.encode_batch(list(texts))]


@jax.jit(static_argnums=0)
def _pooled(
    graph: nnx.GraphDef[Bert],
    state: nnx.State,
    tokens: Int[Array, "batch n"],
    mask: Bool[Array, "batch n"],
) -> Float[Array, "batch dim"]:
    last = nnx.merge(graph, state)(tokens, mask, jnp.zeros_like(tokens))[-1]
    mean = (last * mask[..., None]).sum(1)  # up to its length
    return mean / jnp.linalg.norm(mean, axis=1, keepdims=True)
